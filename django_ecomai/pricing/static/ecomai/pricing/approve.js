// Who types a day or a time wants the prices changed then, not now; who clears both wants it now.
(() => {
  "use strict";

  const when = document.querySelector("#id_when");
  const fields = [...document.querySelectorAll("input[name^=apply_at_]")];
  fields.forEach((field) => {
    field.addEventListener("input", () => {
      // A field of which only a part is typed has no value yet, but says so.
      const given = fields.some((one) => one.value || one.validity.badInput);
      if (when) {
        when.value = given ? "later" : "now";
      }
    });
  });
})();
