// The copy button of a new key. Where the clipboard is closed (no HTTPS) the field is selected instead.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const field = document.querySelector(button.dataset.copy);
  field.focus();
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    document.querySelector("[data-copy-status]").textContent = button.dataset.copied;
  } catch {
    // selected: Ctrl+C does the rest
  }
});
