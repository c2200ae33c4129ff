/* Sliders of the admin: the value beside each, and of what the strengths cost only the one nearest to it. */
(function () {
  "use strict";

  function show(input) {
    const box = input.closest(".ecomai-range");
    const output = box && box.querySelector("output");
    if (output) {
      output.hidden = false;
      output.value = Number(input.value).toLocaleString(document.documentElement.lang || undefined);
    }
    const costs = box && box.parentElement.querySelectorAll(".ecomai-costs li");
    const value = Number(input.value);
    let nearest = null;
    (costs || []).forEach(function (cost) {
      const distance = Math.abs(Number(cost.dataset.value) - value);
      // At 0 nothing is lost and nothing gained.
      if (value > 0 && (!nearest || distance < nearest.distance)) { nearest = { cost: cost, distance: distance }; }
    });
    (costs || []).forEach(function (cost) { cost.hidden = !nearest || cost !== nearest.cost; });
  }

  /* A carousel that was just added: Django numbers ids, but not what points to them. */
  function renumber(input) {
    const number = /-(\d+)-/.exec(input.id);
    const described = input.getAttribute("aria-describedby");
    if (number && described) { input.setAttribute("aria-describedby", described.replaceAll("__prefix__", number[1])); }
  }

  function start(root) {
    root.querySelectorAll("input.ecomai-slider").forEach(function (input) { renumber(input); show(input); });
  }

  document.addEventListener("input", function (event) {
    if (event.target.matches("input.ecomai-slider")) { show(event.target); }
  });
  document.addEventListener("formset:added", function (event) { start(event.target); });
  document.addEventListener("reset", function () { window.setTimeout(function () { start(document); }); });
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", function () { start(document); });
  } else {
    start(document);
  }
})();
