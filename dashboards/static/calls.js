// Calls as they come in: asks once a second for those that ended since, puts them on top, and waits while paused or out of sight.
// The server says what a row looks like; a row that is there already is left out by its call's id.
"use strict";
(() => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const body = document.querySelector("[data-tail]");
  const button = live.querySelector("[data-pause]");
  const told = live.querySelector("[data-told]");
  const MOST = 300, SLACK = 60000, LATE = 900000;
  const seen = new Map();
  let paused = false, waiting = [], failures = 0, late = 0;
  let newest = Date.parse(live.dataset.now);

  const note = (row) => {
    const ended = Number(row.dataset.ended);
    seen.set(row.dataset.call, ended);
    newest = Math.max(newest, ended);
  };
  const say = () => {
    told.textContent = failures ? "Waiting for the server…"
      : paused ? `Paused${waiting.length ? `, ${waiting.length} new` : ""}` : "Following";
  };
  const show = (rows) => {
    for (const row of rows) {
      row.classList.add("fresh");
      setTimeout(() => row.classList.remove("fresh"), 2000);
      body.prepend(row);
    }
    while (body.rows.length > MOST) body.lastElementChild.remove();
    if (rows.length) document.querySelector("[data-none]")?.remove();
  };
  const look = async () => {
    const since = new Date(newest - (late ? LATE : SLACK)).toISOString();
    const url = live.dataset.live + (live.dataset.live.includes("?") ? "&" : "?") + new URLSearchParams({ended_since: since});
    const answer = await fetch(url, {headers: {accept: "text/html"}});
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = [...page.querySelectorAll("tr[data-call]")].filter((row) => !seen.has(row.dataset.call)).reverse();
    rows.forEach(note);
    for (const [call, ended] of seen) if (ended < newest - 2 * LATE) seen.delete(call);
    late = Math.max(0, late - 1);
    return rows.map((row) => document.adoptNode(row));
  };
  const follow = async () => {
    if (!document.hidden) {
      try {
        waiting.push(...await look());
        failures = 0;
      } catch {
        failures += 1;
        late = 300; // what is recorded meanwhile may be loaded late
      }
      if (!paused) show(waiting.splice(0));
      else waiting = waiting.slice(-MOST);
      say();
    }
    setTimeout(follow, Math.min(1000 * 2 ** Math.min(failures, 4), 15000));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.lastElementChild.textContent = paused ? "Go on" : "Pause";
    if (!paused) show(waiting.splice(0));
    say();
  });
  for (const row of body.rows) note(row);
  say();
  follow();
})();
