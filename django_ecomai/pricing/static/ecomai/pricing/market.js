// The review list by keys: a the same, r another product, j and k down and up, u undoes the last decision (see keys.js).
// A decision is posted in the background and its row stays, marked; without JavaScript the buttons load the page anew.
(() => {
  "use strict";

  function start() {
    const list = document.querySelector(".ecomai-review #result_list");
    if (!list) {
      return;
    }
    const rows = [...list.querySelectorAll("tbody tr")];
    const said = document.querySelector("[data-ecomai-said]");
    const left = document.querySelector("[data-ecomai-left]");
    const token = document.querySelector("#changelist-form input[name=csrfmiddlewaretoken]")?.value || "";
    const undo = list.closest("[data-ecomai-undo]")?.dataset.ecomaiUndo || "";
    const decided = [];
    let at = -1;

    function go(to) {
      at = Math.max(0, Math.min(rows.length - 1, to));
      rows.forEach((row, place) => row.classList.toggle("ecomai-current", place === at));
      const row = rows[at];
      (row.querySelector("[data-ecomai-decide]") || row.querySelector("a"))?.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    }

    // How the row calls its pair, for those who hear it.
    function names(row) {
      return row.querySelector("[data-ecomai-pair]")?.dataset || {};
    }

    function address(row, action) {
      const button = row.querySelector("[data-ecomai-decide]");
      return button ? button.formAction.replace(/[a-z]+\/$/, `${action}/`) : "";
    }

    // Who uses a mouse or a finger takes a decision back too: the button is there once there is something to undo.
    function offer(row, possible) {
      const old = row.querySelector('[data-ecomai-decide="undo"]');
      if (!possible) {
        old?.remove();
      } else if (!old && undo) {
        const button = document.createElement("button");
        button.className = "button ecomai-second";
        button.formAction = address(row, "undo");
        button.dataset.ecomaiDecide = "undo";
        button.textContent = undo;
        button.setAttribute("aria-label", `${undo}: ${names(row).ecomaiPair || ""}`);
        row.querySelector(".ecomai-buttons")?.append(" ", button);
      }
    }

    async function decide(row, action) {
      const url = address(row, action);
      if (!url || row.dataset.ecomaiBusy) {
        return;
      }
      row.dataset.ecomaiBusy = "1";
      let answer = null;
      try {
        const reply = await fetch(url, {
          method: "POST",
          headers: { Accept: "application/json", "X-CSRFToken": token },
          credentials: "same-origin",
        });
        answer = reply.ok || reply.status === 409 ? await reply.json() : null;
      } catch {
        answer = null;
      }
      delete row.dataset.ecomaiBusy;
      if (answer === null) {
        window.location.reload(); // signed out, or gone: the page says so
        return;
      }
      const text = answer.error || answer.label;
      row.querySelector("[data-ecomai-state]").textContent = text;
      row.classList.toggle("ecomai-decided", !answer.error && answer.state !== "proposed");
      row.classList.toggle("ecomai-refused", Boolean(answer.error));
      // The focus is on the next row by now: what is said names the offer that it is about.
      said.textContent = `${names(row).ecomaiOffer || ""}: ${text}`;
      if (left) {
        left.textContent = String(answer.left);
      }
      if (!answer.error) {
        const place = decided.lastIndexOf(row);
        if (place >= 0) {
          decided.splice(place, 1);
        }
        if (action !== "undo") {
          decided.push(row);
        }
        offer(row, action !== "undo");
      }
    }

    function choose(action) {
      if (at < 0) {
        go(0);
        return;
      }
      const row = rows[at];
      decide(row, action);
      if (at < rows.length - 1) {
        go(at + 1);
      }
    }

    list.addEventListener("click", (event) => {
      const button = event.target.closest("[data-ecomai-decide]");
      if (!button) {
        return;
      }
      event.preventDefault();
      const row = button.closest("tr");
      at = rows.indexOf(row);
      if (button.dataset.ecomaiDecide === "undo") {
        decide(row, "undo");
      } else {
        choose(button.dataset.ecomaiDecide);
      }
    });

    window.ecomaiKeys({
      j: () => go(at + 1),
      k: () => go(at - 1),
      a: () => choose("same"),
      r: () => choose("other"),
      u: () => {
        const row = decided[decided.length - 1];
        if (row) {
          go(rows.indexOf(row));
          decide(row, "undo");
        }
      },
    });
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
