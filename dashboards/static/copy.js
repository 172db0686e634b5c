// Buttons that copy a text on the page, or the page's address. Without a clipboard they stay hidden.
"use strict";
(() => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const of = button.dataset.copies;
      await navigator.clipboard.writeText(of ? document.getElementById(of).textContent : location.href);
      const label = button.lastElementChild, before = label.textContent;
      label.textContent = "Copied";
      setTimeout(() => { label.textContent = before; }, 1500);
    });
  }
})();
