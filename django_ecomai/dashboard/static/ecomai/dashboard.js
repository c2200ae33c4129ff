// Keeps the progress bars of the start page moving, and shows the results once a job has ended.
(() => {
  "use strict";

  const table = document.querySelector("[data-ecomai-progress]");
  if (!table?.querySelector("[data-ecomai-active]")) {
    return;
  }
  let pause = 1500;

  async function poll() {
    let runs;
    try {
      const response = await fetch(table.dataset.ecomaiProgress, { headers: { Accept: "application/json" } });
      if (!response.ok || response.redirected) {
        return; // Logged out or not allowed any more: a reload would say so, polling would not.
      }
      ({ runs } = await response.json());
    } catch {
      pause = Math.min(pause * 2, 30000);
      setTimeout(poll, pause);
      return;
    }
    let ended = false;
    for (const run of runs) {
      const row = table.querySelector(`[data-ecomai-run="${run.id}"][data-ecomai-active]`);
      if (!row) {
        continue;
      }
      row.querySelector("[data-ecomai-state]").textContent = run.state_label;
      row.querySelector("[data-ecomai-message]").textContent = run.message;
      row.querySelector("progress").value = run.percent;
      ended ||= run.finished;
    }
    if (ended && !document.activeElement?.closest("form")) {
      location.reload();
      return;
    }
    if (!document.hidden || !ended) {
      setTimeout(poll, document.hidden ? 15000 : pause);
    }
  }

  setTimeout(poll, pause);
})();
