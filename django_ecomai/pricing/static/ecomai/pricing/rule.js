// The rule builder: only the fields of the chosen action are shown, and the preview follows what is typed.
// Without JavaScript all fields are there, and the button opens the preview in a window of its own.
(() => {
  "use strict";

  const FIELDS = {
    markup: ["markup"],
    relative: ["reference", "offset"],
    follow: ["follows", "offset"],
    // What spoils is sold for profit too: then with an end date, and what is left is worth nothing.
    profit: ["sell_until", "left_worth"],
    revenue: ["sell_until"],
    sell_through: ["sell_until", "sell_share", "left_worth"],
  };
  const ALL = [...new Set(Object.values(FIELDS).flat())];

  function start() {
    const panel = document.querySelector("[data-ecomai-rule-preview]");
    const form = panel?.closest("form");
    if (!form) {
      return;
    }
    const action = form.querySelector("[name=action]");
    if (!action) {
      return;
    }

    function show() {
      const wanted = FIELDS[action.value] || [];
      for (const name of ALL) {
        const row = form.querySelector(`.form-row.field-${name}`) || form.querySelector(`.field-${name}`);
        if (row) {
          row.hidden = !wanted.includes(name);
        }
      }
    }

    let timer;
    let asked = null;
    const said = panel.querySelector("[data-ecomai-preview-said]");
    async function preview() {
      asked?.abort();
      const mine = new AbortController();
      asked = mine;
      panel.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(panel.dataset.ecomaiRulePreview, {
          method: "POST",
          body: new FormData(form),
          headers: { "X-Requested-With": "fetch" },
          credentials: "same-origin",
          signal: mine.signal,
        });
        const html = await answer.text();
        if (answer.ok && mine === asked) {
          const body = panel.querySelector("[data-ecomai-preview-body]");
          body.innerHTML = html;
          // The sentence alone is read out, not the whole table.
          said.textContent = body.querySelector(".errorlist, .ecomai-lead")?.textContent || "";
        }
      } catch {
        // Away from the network the last preview stays.
      } finally {
        if (mine === asked) {
          panel.setAttribute("aria-busy", "false");
        }
      }
    }

    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(preview, 600);
    };
    action.addEventListener("change", show);
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    // The admin's search fields change by jQuery, which sends no event of the browser.
    window.django?.jQuery?.(form).on("change", soon);
    const again = panel.querySelector("[data-ecomai-preview-again]");
    again.hidden = false;
    again.addEventListener("click", preview);
    form.querySelector("[data-ecomai-preview-plain]")?.remove();
    show();
    preview();
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
