// Keys of a worklist: j and k move between rows, x ticks, q goes to the quantity; a button with
// data-ecomai-key="a" is pressed by that key (see keys.js). Typing a quantity ticks its row. Without JavaScript everything
// works by mouse and Tab.
(() => {
  "use strict";

  function start() {
    const list = document.querySelector(".ecomai-worklist #result_list");
    if (!list) {
      return;
    }
    const rows = [...list.querySelectorAll("tbody tr")];
    const box = (row) => row.querySelector("input.action-select");
    let at = -1;

    function go(to) {
      at = Math.max(0, Math.min(rows.length - 1, to));
      box(rows[at])?.focus();
      rows[at].scrollIntoView({ block: "nearest" });
    }

    list.addEventListener("focusin", (event) => {
      const row = event.target.closest("tbody tr");
      rows.forEach((one) => one.classList.toggle("ecomai-current", one === row));
      at = row ? rows.indexOf(row) : at;
    });

    list.addEventListener("input", (event) => {
      if (event.target.matches(".ecomai-quantity")) {
        const tick = box(event.target.closest("tr"));
        if (tick && !tick.checked) {
          tick.click();
        }
      }
    });

    // Enter in a quantity must not press the first button of the form: it goes to the next row.
    list.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches(".ecomai-quantity")) {
        event.preventDefault();
        const next = rows[at + 1]?.querySelector(".ecomai-quantity");
        if (next) {
          next.focus();
          next.select();
        }
      }
    });

    const keys = {
      j: () => go(at + 1),
      k: () => go(at - 1),
      x: () => at >= 0 && box(rows[at])?.click(),
      q: () => {
        const field = at >= 0 ? rows[at].querySelector(".ecomai-quantity") : null;
        field?.focus();
        field?.select();
      },
    };
    document.querySelectorAll(".ecomai-decide [data-ecomai-key]").forEach((button) => {
      keys[button.dataset.ecomaiKey] = () => button.click();
    });
    window.ecomaiKeys(keys);
    keepTicks(list);
  }

  // Whoever goes on to the next page and comes back finds ticked what he had ticked, as far as it is still there.
  function keepTicks(list) {
    const bar = document.querySelector("[data-ecomai-keeps-ticks]");
    const name = `ecomai.ticks.${window.location.pathname}`;
    if (!bar) {
      return;
    }
    const boxes = () => [...list.querySelectorAll("input.action-select")];
    bar.closest("form")?.addEventListener("submit", () => {
      const ticked = boxes().filter((one) => one.checked);
      try {
        window.sessionStorage.setItem(name, JSON.stringify(ticked.map((one) => one.value)));
      } catch {
        // A browser that remembers nothing.
      }
    });
    // After the admin's own script, which counts the clicks.
    window.addEventListener("load", () => {
      try {
        const ticked = JSON.parse(window.sessionStorage.getItem(name) || "[]");
        window.sessionStorage.removeItem(name);
        boxes().forEach((one) => !one.checked && ticked.includes(one.value) && one.click());
      } catch {
        // As above.
      }
    });
  }

  // A link to a page that takes seconds to work out says so, until the page is here or this one is back.
  const waiting = new Map();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-ecomai-waits]");
    if (link && !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      waiting.set(link, waiting.get(link) ?? link.textContent);
      link.textContent = link.dataset.ecomaiWaits;
    }
  });
  window.addEventListener("pageshow", () => {
    waiting.forEach((text, link) => {
      link.textContent = text;
    });
    waiting.clear();
  });

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
