/* Buttons and arrow keys of carousels. Without it they still scroll and swipe. No dependency. */
(function () {
  "use strict";

  function step(list) {
    return Math.max(list.clientWidth * 0.9, 1);
  }

  function direction(list) {
    return getComputedStyle(list).direction === "rtl" ? -1 : 1;
  }

  function scroll(list, way) {
    list.scrollBy({ left: way * direction(list) * step(list) });
  }

  function refresh(root, list) {
    var buttons = root.querySelector(".ecomai-carousel__buttons");
    if (!buttons) return;
    var room = list.scrollWidth - list.clientWidth;
    // A touch that needs no scrolling needs no buttons; the head keeps its height, so nothing moves.
    buttons.hidden = room <= 4;
    var at = Math.abs(list.scrollLeft);
    mark(buttons.querySelector("[data-ecomai-previous]"), at <= 4);
    mark(buttons.querySelector("[data-ecomai-next]"), at >= room - 4);
  }

  // aria-disabled, not disabled: a button that loses the focus at the end of the list leaves keyboard users nowhere.
  function mark(button, off) {
    if (button) button.setAttribute("aria-disabled", off ? "true" : "false");
  }

  function focusables(list) {
    return Array.prototype.filter.call(list.children, function (item) {
      return !item.hidden && item.querySelector("a[href], button:not([data-ecomai-dismiss])");
    });
  }

  function onKey(list, event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    var forward = direction(list) > 0 ? "ArrowRight" : "ArrowLeft";
    var back = direction(list) > 0 ? "ArrowLeft" : "ArrowRight";
    var items = focusables(list);
    if (!items.length) return;
    var now = items.findIndex(function (item) { return item.contains(document.activeElement); });
    var next;
    if (event.key === forward) next = Math.min(now + 1, items.length - 1);
    else if (event.key === back) next = now < 0 ? -1 : Math.max(now - 1, 0);
    else if (event.key === "Home") next = 0;
    else if (event.key === "End") next = items.length - 1;
    else return;
    event.preventDefault();
    if (next < 0) return;
    items[next].querySelector("a[href], button:not([data-ecomai-dismiss])").focus({ preventScroll: true });
    items[next].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  // The beacon hears the click first: it sends the event, takes the item away and moves the focus to its neighbour.
  function dismissed(root, list, button) {
    var item = button.closest("[data-ecomai-token]");
    if (!item) return;
    item.remove(); // a page without the beacon
    root.ecomaiGone = item;
    offer(root, list, true);
    if (!focusables(list).length) list.hidden = true;
    refresh(root, list);
  }

  // A slip of the finger is taken back as easily as it was made.
  function offer(root, list, on) {
    var line = root.querySelector("[data-ecomai-undo]");
    if (line) line.hidden = !on;
    else if (!focusables(list).length) root.hidden = true; // a template of the shop without the line
  }

  function undo(root, list) {
    var item = root.ecomaiGone;
    if (!item) return;
    var after = Array.prototype.find.call(list.children, function (one) { return one.ecomaiAt > item.ecomaiAt; });
    list.hidden = false;
    list.insertBefore(item, after || null);
    root.ecomaiGone = null;
    offer(root, list, false);
    if (window.ecomai) window.ecomai.track("undismiss", { token: item.dataset.ecomaiToken }, true);
    refresh(root, list);
    var link = item.querySelector("a[href], button:not([data-ecomai-dismiss])");
    if (link) link.focus();
  }

  function start(root) {
    var list = root.querySelector(".ecomai-carousel__list");
    if (!list || root.ecomaiStarted) return;
    root.ecomaiStarted = true;
    Array.prototype.forEach.call(list.children, function (item, at) { item.ecomaiAt = at; });
    root.addEventListener("click", function (event) {
      var button = event.target.closest("button");
      if (!button) return;
      if (button.hasAttribute("data-ecomai-previous")) scroll(list, -1);
      else if (button.hasAttribute("data-ecomai-next")) scroll(list, 1);
      else if (button.hasAttribute("data-ecomai-dismiss")) dismissed(root, list, button);
      else if (button.closest("[data-ecomai-undo]")) undo(root, list);
    });
    list.addEventListener("keydown", function (event) { onKey(list, event); });
    list.addEventListener("scroll", function () { refresh(root, list); }, { passive: true });
    if ("ResizeObserver" in window) new ResizeObserver(function () { refresh(root, list); }).observe(list);
    Array.prototype.forEach.call(root.querySelectorAll("[data-ecomai-dismiss]"), function (button) { button.hidden = false; });
    refresh(root, list);
  }

  function startAll(scope) {
    if (scope.matches && scope.matches(".ecomai-carousel")) start(scope);
    if (scope.querySelectorAll) Array.prototype.forEach.call(scope.querySelectorAll(".ecomai-carousel"), start);
  }

  function begin() {
    startAll(document);
    // Lazy fragments arrive later.
    new MutationObserver(function (changes) {
      changes.forEach(function (change) { Array.prototype.forEach.call(change.addedNodes, startAll); });
    }).observe(document.body, { childList: true, subtree: true });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
