// Sliders of the what-if page: the number follows the hand, the page is asked when it is let go.
(() => {
  "use strict";

  function start() {
    const form = document.querySelector("[data-ecomai-what-if]");
    if (!form) {
      return;
    }
    form.querySelectorAll("input[type=range]").forEach((slider) => {
      const shown = form.querySelector(`output[for="${slider.id}"]`);
      slider.addEventListener("input", () => {
        const value = Number(slider.value);
        const number = Math.abs(value).toLocaleString(document.documentElement.lang || undefined);
        shown.textContent = value ? `${value > 0 ? "+" : "−"}${number} ${shown.dataset.unit}` : shown.dataset.none;
      });
    });
    let timer;
    form.addEventListener("change", () => {
      // Arrow keys send many changes: wait for the last one.
      clearTimeout(timer);
      timer = setTimeout(() => form.requestSubmit(), 600);
    });
    form.addEventListener("submit", () => {
      sessionStorage.setItem("ecomai-what-if", document.activeElement?.id || "");
      const playing = form.querySelector("[data-ecomai-playing]");
      playing.textContent = playing.dataset.told;
    });
    // A page taken from the browser's memory has played.
    window.addEventListener("pageshow", () => {
      form.querySelector("[data-ecomai-playing]").textContent = "";
    });
    // Back to the slider that was moved, so that the keyboard can go on.
    const id = sessionStorage.getItem("ecomai-what-if");
    sessionStorage.removeItem("ecomai-what-if");
    if (id) {
      document.getElementById(id)?.focus({ preventScroll: true });
    }
  }

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
