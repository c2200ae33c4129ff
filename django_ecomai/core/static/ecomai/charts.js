// Turns <canvas data-ecomai-chart='{"type": "line", "labels": [...], "series": [...]}'> into charts.
// Needs Chart.js on the page. Without it, or without JavaScript, the table below each canvas stays open.
(() => {
  "use strict";

  const drawn = new Map();

  function colour(element, name, fallback) {
    return getComputedStyle(element).getPropertyValue(name).trim() || fallback;
  }

  // Counts have no halves: an axis of whole numbers is marked in whole numbers.
  function areWhole(series) {
    return series.every((one) => one.data.every((value) => value === null || Number.isInteger(value)));
  }

  function options(canvas, several, whole) {
    const ink = colour(canvas, "--body-quiet-color", "#666");
    const grid = colour(canvas, "--hairline-color", "#e8e8e8");
    const axis = { ticks: { color: ink, maxTicksLimit: 8, maxRotation: 0, autoSkipPadding: 14 }, grid: { color: grid } };
    return {
      locale: document.documentElement.lang || undefined,
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: "index", intersect: false },
      plugins: {
        legend: {
          display: several,
          // A band is two lines; its upper one stands for both.
          labels: { color: ink, usePointStyle: true, boxWidth: 8, boxHeight: 8, filter: (item, data) => !data.datasets[item.datasetIndex].lower },
        },
      },
      scales: { x: axis, y: { ...axis, ticks: { ...axis.ticks, ...(whole ? { precision: 0 } : {}) }, beginAtZero: true } },
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
        stepped: config.stepped || false,
      };
    });
    if (config.band) {
      const edge = colour(canvas, colours[1], "#b4541a");
      const bound = { borderColor: edge, borderWidth: 0, pointRadius: 0, pointStyle: "rect", spanGaps: false };
      const shade = edge.length === 7 ? `${edge}33` : "transparent";
      datasets.push({ ...bound, label: config.band[0].label, data: config.band[0].data, backgroundColor: "transparent", lower: true });
      datasets.push({ ...bound, label: config.band[1].label, data: config.band[1].data, backgroundColor: shade, fill: "-1" });
    }
    drawn.get(canvas)?.destroy();
    const figure = canvas.closest(".ecomai-chart");
    canvas.parentElement.hidden = false;
    drawn.set(
      canvas,
      new window.Chart(canvas, { type: config.type, data: { labels: config.labels, datasets }, options: options(canvas, datasets.length > 1, areWhole(config.series)) }),
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
