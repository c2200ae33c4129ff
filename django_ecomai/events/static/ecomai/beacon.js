/* EcomAI beacon. Reads data-ecomai-{view-item,search,list,token,dismiss,fragment}; see docs/reference. */
(() => {
  "use strict";
  const doc = document, nav = navigator;
  const tag = doc.currentScript || doc.querySelector("script[data-ecomai-beacon]");
  if (!tag || window.ecomai) return;
  const conf = tag.dataset, mode = conf.consent, most = +conf.max;
  let token = conf.token, expires = +conf.expires, answer, queue = [], timer, busy, tries = 0, failed = 0, rest = 0;
  let viewed, since;
  const timers = new WeakMap(), known = new WeakSet();

  const safe = (run) => (...args) => { try { return run(...args); } catch { /* on purpose */ } };
  const on = (target, name, run) => target.addEventListener(name, safe(run), true);
  const visible = () => doc.visibilityState === "visible";

  // UUIDv7: stored once, however often it is sent.
  const uuid = () => {
    const hex = (number, size) => number.toString(16).padStart(size, "0");
    const random = [...crypto.getRandomValues(new Uint16Array(5))];
    const now = hex(Date.now(), 12), [a, b, ...rest] = random;
    return [now.slice(0, 8), now.slice(8), hex((a & 4095) | 28672, 4), hex((b & 16383) | 32768, 4),
      rest.map((part) => hex(part, 4)).join("")].join("-");
  };

  // undefined: ask the server.
  const allowed = () => {
    if (nav.globalPrivacyControl || nav.doNotTrack === "1") return false;
    if (mode === "always") return true;
    if (mode === "ask") return answer;
    const name = mode.slice(7) + "=", found = doc.cookie.split("; ").find((part) => part.startsWith(name));
    return /[=.](analytics|personalization)(\.|$)/.test(found ? decodeURIComponent(found) : "");
  };

  // In trouble: again after 2, 4, ... 256 seconds.
  const renew = () => fetch(conf.renew, { cache: "no-store" }).then((response) => {
    if (!response.ok) throw response.status;
    return response.json();
  }).then((data) => {
    token = data.token;
    expires = Date.now() / 1000 + Math.max(data.expires_in, 60);
    answer = !!data.consent;
    failed = rest = 0;
  }).catch(() => { rest = Date.now() + 1000 * 2 ** Math.min(++failed, 8); })
    .then(() => { busy = false; later(rest && rest - Date.now()); });

  const later = (delay) => { clearTimeout(timer); timer = setTimeout(flush, delay); };

  const flush = safe((leaving) => {
    clearTimeout(timer);
    const may = queue.length ? allowed() : false;
    if (may === false || !nav.onLine || (busy && !leaving)) return;
    const batch = queue.splice(0, most), body = JSON.stringify({ token, events: batch });
    const back = () => { queue = batch.concat(queue).slice(0, 4 * most); };
    if (leaving) {
      // Only a beacon outlives the page.
      return may && nav.sendBeacon(conf.url, body) ? flush(leaving) : back();
    }
    if (may === undefined || Date.now() / 1000 > expires - 30) {
      back();
      const pause = rest - Date.now();
      if (pause > 0) return later(pause);
      busy = true;
      return renew();
    }
    busy = true;
    fetch(conf.url, { method: "POST", body, keepalive: true, headers: { "Content-Type": "text/plain" } })
      .then((response) => {
        const status = response.status;
        if (status === 403) expires = 0;
        if (status === 403 || status === 429 || status > 499) throw status;
        return response.json().then((data) => { tries = 0; answer = data.consent; });
      })
      // Offline it waits; "online" wakes it.
      .catch(() => { if (!nav.onLine || ++tries < 4) back(); })
      .then(() => { busy = false; if (queue.length && nav.onLine) later(tries * 3000); });
  });

  const track = safe((name, fields, soon) => {
    if (queue.length < 4 * most) queue.push({ id: uuid(), name, at: Date.now(), ...fields });
    later(soon ? 0 : 1500);
  });

  const view = () => {
    const words = doc.querySelector("[data-ecomai-search]"), item = doc.querySelector("[data-ecomai-view-item]");
    since = visible() && performance.now();
    if (words) track("search", { query: words.dataset.ecomaiSearch });
    viewed = item && item.dataset.ecomaiViewItem;
    // At once: the next page can react.
    const from = location.search.match(/utm_[sm][^&]*/g) || doc.referrer.split("/")[2] || "";
    if (viewed) track("view_item", { product_id: viewed, referrer: `${from}` }, true);
  };

  const leave = () => {
    const seconds = Math.round((performance.now() - since) / 100) / 10;
    if (viewed && since && seconds >= 1) track("user_engagement", { product_id: viewed, dwell_seconds: seconds });
    since = 0;
    flush(true);
  };

  // An impression: half of the item for one second, once.
  const observer = window.IntersectionObserver && new IntersectionObserver(safe((entries) => entries.forEach((entry) => {
    const item = entry.target;
    clearTimeout(timers.get(item));
    if (entry.intersectionRatio >= 0.5) timers.set(item, setTimeout(() => {
      if (!visible() || !item.isConnected) return;
      observer.unobserve(item);
      track("view_item_list", { token: item.dataset.ecomaiToken });
    }, 1000));
  })), { threshold: [0, 0.5] });

  const fill = (place) => {
    const url = new URL(place.dataset.ecomaiFragment, location.href);
    if (url.origin === location.origin) fetch(url).then((response) => response.ok && response.text()).then((html) => {
      place.removeAttribute("aria-busy");
      if (!html) return;
      place.innerHTML = html;
      scan(place);
      place.dispatchEvent(new Event("ecomai:fragment", { bubbles: true }));
    }).catch(() => {});
  };

  const scan = safe((root = doc) => {
    const each = (selector, run) => root.querySelectorAll(selector).forEach((node) => {
      if (!known.has(node)) { known.add(node); safe(run)(node); }
    });
    if (observer) each("[data-ecomai-list] [data-ecomai-token]", (item) => observer.observe(item));
    each("[data-ecomai-fragment]", fill);
  });

  const click = (event) => {
    const target = event.target, item = target.closest("[data-ecomai-token]");
    if (!item || event.button > 1) return;
    const fields = { token: item.dataset.ecomaiToken };
    if (target.closest("[data-ecomai-dismiss]")) {
      event.preventDefault();
      const next = item.nextElementSibling || item.previousElementSibling;
      item.remove();
      track("dismiss", fields, true);
      // The keyboard's place.
      const link = next && next.querySelector("a, button");
      if (link) link.focus();
    } else if (target.closest("a")) track("select_item", fields, true);
  };

  // Sent by the shop's banner.
  const consent = () => { answer = undefined; later(0); };
  const start = () => { scan(); view(); };
  on(doc, "click", click);
  on(doc, "auxclick", click);
  on(doc, "ecomai:consent", consent);
  on(doc, "visibilitychange", () => { if (visible()) { since = performance.now(); consent(); } else leave(); });
  on(window, "pagehide", leave);
  on(window, "online", () => { tries = 0; later(0); });
  // Back from the back/forward cache.
  on(window, "pageshow", (event) => { if (event.persisted) { busy = false; view(); } });
  window.ecomai = { track, scan, consent, flush };
  if (doc.prerendering) on(doc, "prerenderingchange", start);
  else if (doc.readyState === "loading") on(doc, "DOMContentLoaded", start);
  else safe(start)();
})();
