/* Shows beside a limit of a rule, while it is typed, that the shop's own is stricter. */
document.addEventListener("DOMContentLoaded", () => {
  "use strict";
  document.querySelectorAll("[data-ecomai-shop-limit]").forEach((input) => {
    const note = document.getElementById(`${input.id}_no_effect`);
    if (!note) return;
    const shop = Number(input.dataset.ecomaiShopLimit);
    const look = () => {
      const own = input.value.trim() === "" ? NaN : Number(input.value);
      note.hidden = !(input.dataset.ecomaiStricter === "higher" ? own < shop : own > shop);
    };
    input.addEventListener("input", look);
    look();
  });
});
