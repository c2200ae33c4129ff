// The rule builder: only the fields of the chosen action are shown, and the preview follows what is typed.
// Without JavaScript all fields are there, and the button opens the preview in a window of its own.
(() => {
  "use strict";

  const FIELDS = {
    markup: ["markup"],
    relative: ["reference", "offset"],
    follow: ["follows", "offset"],
    sell_through: ["sell_until"],
  };
  const ALL = [...new Set(Object.values(FIELDS).flat())];

  function start() {
    const panel = document.querySelector("[data-ecomai-rule-preview]");
    const form = panel?.closest("form");
    if (!form) {
      return;
    }
    const action = form.querySelector("[name=action]");

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
    let asked = 0;
    async function preview() {
      const mine = ++asked;
      panel.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(panel.dataset.ecomaiRulePreview, {
          method: "POST",
          body: new FormData(form),
          headers: { "X-Requested-With": "fetch" },
          credentials: "same-origin",
        });
        const html = await answer.text();
        if (answer.ok && mine === asked) {
          panel.querySelector("[data-ecomai-preview-body]").innerHTML = html;
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
    panel.querySelector("button").addEventListener("click", (event) => {
      event.preventDefault();
      preview();
    });
    show();
    preview();
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
