// What pages do beyond their HTML: every one of them is whole without this. No other script, no foreign address, nothing stored
// but the viewer's zone.
"use strict";
(() => {
  const root = document.documentElement;

  // Times in the viewer's zone. The server writes them; it has to be told once, and again after a journey.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const told = root.dataset.zone;
  if (zone && told !== `auto:${zone}` && (told === "" || told.startsWith("auto:"))) {
    const secure = location.protocol === "https:" ? ";secure" : "";
    document.cookie = `slugline_zone=auto:${zone};path=/;max-age=31536000;samesite=lax${secure}`;
    // Only a page that was read, and not one that answers a form, may be asked for again.
    if (zone !== "UTC" && "read" in root.dataset && document.cookie.includes(`slugline_zone=auto:${zone}`)) location.reload();
  }

  const say = (text) => {
    document.querySelector("[data-said]").textContent = text;
  };
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain http there is no clipboard: the selection can still be copied.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    say("Copied");
  };
  // What is typed in an address means the same to whoever opens it.
  const link = () => {
    const url = new URL(location.href);
    const dated = ["since", "until", "time"].some((name) => /[^0-9hdwm]/.test(url.searchParams.get(name) || ""));
    if (dated && !url.searchParams.has("zone")) url.searchParams.set("zone", told.replace("auto:", "") || "UTC");
    return url.href;
  };

  for (const each of document.querySelectorAll(".scripted")) each.hidden = false;
  const dialog = document.querySelector("dialog.keys");
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy-link],[data-copy],[data-keys]");
    if (!button) return;
    if (button.hasAttribute("data-keys")) dialog.showModal();
    else {
      copy(button.hasAttribute("data-copy-link") ? link() : document.querySelector(button.dataset.copy).textContent);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
    }
  });

  // Keys, unless somebody types. Only plain keys: those with Ctrl, Alt or the command key belong to browsers and screen readers.
  if ("quiet" in root.dataset) return;
  let go = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input,textarea,select,dialog,[contenteditable]")) return;
    const { key, timeStamp } = event;
    if (go && timeStamp - go < 1500) {
      go = 0;
      const way = document.querySelector(`[data-go="${CSS.escape(key)}"]`);
      if (way) location.assign(way.href);
      return;
    }
    go = key === "g" ? timeStamp : 0;
    if (key === "?") dialog.showModal();
    if (key === "/") {
      const field = document.querySelector("main input[type=search], main form[method=get] input:not([type=hidden])");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
    if (key === "j" || key === "k") {
      const rows = [...document.querySelectorAll("main table tbody th a[href], main [data-rows] a[href]")];
      const at = rows.indexOf(document.activeElement) + (key === "j" ? 1 : -1);
      if (rows.length) rows[Math.min(rows.length - 1, Math.max(0, at))].focus();
    }
  });
})();
