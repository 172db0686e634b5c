// Runs the playground's sides at once and shows each answer as it comes. Without this script the form waits for whole answers.
"use strict";
(() => {
  const form = document.querySelector("[data-playground]");
  const run = form && form.querySelector("[data-run]");
  if (!run) return;
  const stop = form.querySelector("[data-stop]");
  let running = null;

  const time = (ms) => ms === null ? "–" : ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`;
  const count = (n) => n === null ? "–" : n.toLocaleString("en");
  const money = (usd) => usd === null ? "–" : `$${usd >= 1 ? usd.toFixed(2) : usd.toFixed(4)}`;

  const ask = async (side, signal) => {
    const part = (name) => side.querySelector(`[data-${name}]`);
    const fact = (name, text) => { side.querySelector(`[data-fact="${name}"]`).textContent = text || "–"; };
    const fail = (text) => { part("error").hidden = false; part("error").lastElementChild.textContent = text; };
    const text = part("text");
    for (const name of ["error", "more", "facts", "links"]) part(name).hidden = true;
    text.hidden = false;
    text.textContent = "";
    let over = false;
    const take = {
      begun() {},
      words(step) { text.append(step.text); },
      ended(step) {
        over = true;
        if (step.error) fail(step.error);
        if (step.more) { part("more").hidden = false; part("more").textContent = step.more; }
        if (step.duration_ms !== null) {
          fact("duration_ms", time(step.duration_ms));
          fact("first_chunk_ms", time(step.first_chunk_ms));
          fact("tokens", `${count(step.input_tokens)} → ${count(step.output_tokens)}`);
          fact("cost", money(step.cost));
          fact("model", step.model);
          fact("finish_reason", step.finish_reason);
          part("facts").hidden = false;
        }
        if (step.call_id) {
          part("call-link").href = `/calls/${encodeURIComponent(step.call_id)}`;
          part("case-link").href = `/calls/${encodeURIComponent(step.call_id)}/add-to-dataset`;
          part("links").hidden = false;
        }
      },
    };
    try {
      const sent = new URLSearchParams(new FormData(form));
      sent.set("side", side.dataset.side);
      const answer = await fetch("/playground/run", {method: "POST", body: sent, signal});
      if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status}`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const {done, value} = await reader.read();
        if (done) break;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const [, kind, data] = event.match(/^event: (\w+)\ndata: ([^]*)$/) || [];
          if (kind in take) take[kind](JSON.parse(data));
        }
      }
      if (!over) throw new Error("the answer broke off");
    } catch (error) {
      if (error.name !== "AbortError") fail(String(error.message || error));
    }
  };

  form.addEventListener("submit", async (event) => {
    if (event.submitter && event.submitter !== run) return;
    event.preventDefault();
    if (running) running.abort();
    const mine = running = new AbortController();
    stop.hidden = false;
    await Promise.all([...form.querySelectorAll("[data-side]")].map((side) => ask(side, mine.signal)));
    if (running === mine) { running = null; stop.hidden = true; }
  });
  stop.addEventListener("click", () => running && running.abort());
})();
