// Single keys as shortcuts. Whoever speaks to the computer, or hits keys by chance, switches them off beside their list
// (WCAG 2.1.4); this browser remembers it. Without that switch on the page there are no shortcuts.
(() => {
  "use strict";

  const NAME = "ecomai.keys";
  let on = true;
  try {
    on = window.localStorage.getItem(NAME) !== "off";
  } catch {
    // A browser that remembers nothing: they are on.
  }

  function choose(wanted) {
    on = wanted;
    try {
      window.localStorage.setItem(NAME, on ? "on" : "off");
    } catch {
      // It holds for this page.
    }
  }

  // keys: what each key does, {j: () => …}.
  window.ecomaiKeys = (keys) => {
    const line = document.querySelector("[data-ecomai-keys]");
    const box = line?.querySelector("input");
    if (!box) {
      return;
    }
    box.checked = on;
    box.addEventListener("change", () => choose(box.checked));
    line.hidden = false;
    document.addEventListener("keydown", (event) => {
      const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
      const held = event.ctrlKey || event.metaKey || event.altKey;
      if (on && !typing && !held && Object.hasOwn(keys, event.key)) {
        event.preventDefault();
        keys[event.key]();
      }
    });
  };
})();
