/* The page of a run: asks for its state every second and shows it. Without it the page reloads by itself. */
(function () {
  "use strict";
  var box = document.getElementById("ecomai-run");
  if (!box || box.hasAttribute("data-finished")) return;
  var bar = document.getElementById("ecomai-run-progress");
  var percent = document.getElementById("ecomai-run-percent");
  var message = document.getElementById("ecomai-run-message");
  var state = document.getElementById("ecomai-run-state");
  var log = document.getElementById("ecomai-run-log");
  var lost = document.getElementById("ecomai-run-lost");
  var wait = 1000;

  function text(node, value) {
    // Only what changed: a screen reader is not told the same thing every second.
    if (node.textContent !== value) node.textContent = value;
  }

  function show(run) {
    bar.value = run.percent;
    text(percent, run.percent + " %");
    text(message, run.message);
    text(state, run.state_label);
    state.dataset.state = run.state;
    box.dataset.state = run.state;
    var atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
    text(log, run.log);
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function ask() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    fetch(box.dataset.url, { headers: { Accept: "application/json" }, credentials: "same-origin", cache: "no-store" })
      .then(function (response) {
        if (!response.ok) throw new Error(String(response.status));
        return response.json();
      })
      .then(function (run) {
        lost.hidden = true;
        wait = 1000;
        show(run);
        if (run.finished) {
          // The results are tables made by the server; 100 % stays visible for a moment first.
          window.setTimeout(function () { window.location.reload(); }, 800);
        } else {
          window.setTimeout(ask, wait);
        }
      })
      .catch(function () {
        lost.hidden = false;
        wait = Math.min(wait * 2, 15000);
        window.setTimeout(ask, wait);
      });
  }

  log.scrollTop = log.scrollHeight;
  window.setTimeout(ask, wait);
})();
