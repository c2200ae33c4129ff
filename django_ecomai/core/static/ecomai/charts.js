// Turns <canvas data-ecomai-chart='{"type": "line", "labels": [...], "series": [...]}'> into charts.
// Needs Chart.js on the page. Without it, or without JavaScript, the table below each canvas stays open.
(() => {
  "use strict";

  const drawn = new Map();

  function colour(element, name, fallback) {
    return getComputedStyle(element).getPropertyValue(name).trim() || fallback;
  }

  function options(canvas, several) {
    const ink = colour(canvas, "--body-quiet-color", "#666");
    const grid = colour(canvas, "--hairline-color", "#e8e8e8");
    const axis = { ticks: { color: ink, maxTicksLimit: 8, maxRotation: 0 }, grid: { color: grid } };
    return {
      locale: document.documentElement.lang || undefined,
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      plugins: { legend: { display: several, labels: { color: ink, usePointStyle: true } } },
      scales: { x: axis, y: { ...axis, beginAtZero: true } },
    };
  }

  function draw(canvas) {
    let config;
    try {
      config = JSON.parse(canvas.dataset.ecomaiChart);
    } catch {
      return; // The table tells the same.
    }
    const colours = ["--link-fg", "--ecomai-second", "--ecomai-third", "--body-quiet-color"];
    const dashes = [[], [6, 4], [2, 3], [10, 3, 2, 3]]; // Not by colour alone.
    const datasets = config.series.map((series, index) => {
      const line = colour(canvas, colours[index % colours.length], "#417893");
      return {
        label: series.label,
        data: series.data,
        borderColor: line,
        backgroundColor: config.type === "bar" ? line : "transparent",
        borderDash: config.type === "line" ? dashes[index % dashes.length] : [],
        borderWidth: 2,
        pointRadius: series.data.length > 40 ? 0 : 2,
        spanGaps: false,
      };
    });
    drawn.get(canvas)?.destroy();
    const figure = canvas.closest(".ecomai-chart");
    canvas.parentElement.hidden = false;
    drawn.set(
      canvas,
      new window.Chart(canvas, { type: config.type, data: { labels: config.labels, datasets }, options: options(canvas, datasets.length > 1) }),
    );
    figure?.querySelector("[data-ecomai-chart-table]")?.removeAttribute("open");
  }

  function drawAll() {
    if (window.Chart) {
      document.querySelectorAll("canvas[data-ecomai-chart]").forEach(draw);
    }
  }

  function redraw() {
    drawn.forEach((_chart, canvas) => draw(canvas));
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", drawAll);
  } else {
    drawAll();
  }
  // The admin switches its colours by an attribute or with the system.
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
