"""In which order recipes are tried: single sources first, then their blend, then its shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..columns import ALL_ITEMS, NEW_ITEMS, REPEAT_ITEMS
from ..frames import Catalogue
from .ease import memory_needed
from .recipe import Recipe, Source
from .search import Search

#: Above this many items one EASE is tried instead of several (it is cubic in the items).
EASE_TUNED_ITEMS = 6000
#: Above this many items local EASE is left to who asks for it: its fits would take most of the time.
LOCAL_ITEMS = 20_000
#: Above this many items the low-pass filter is left out: to fold it costs ``items ** 2 * rank``. With a part of the
#: budget it is that part of them.
LOW_RANK_ITEMS = 45_000
#: Above so many customers and items together iALS is left to who asks for it, for the same reason.
ALS_ROWS = 20_000
#: Fewer items than this have no low-pass filter worth its name.
LEAST_RANKED = 200
#: Neighbours, sample and power of the rarity that are tried for session neighbours.
SESSION_KNN = ((500, 1000, 1.0), (100, 1000, 1.0), (500, 1000, 0.0), (1500, 2500, 1.0))
#: Window, damping and share of the backward direction that are tried for sequential rules.
RULES = ((10, 0.2, 0.3), (10, 0.4, 0.3), (10, 0.1, 0.1), (3, 0.2, 0.6), (10, 0.0, 0.1))
#: Damping of items that is tried for the cosine; customers are damped by their root, as in GF-CF.
DAMPING = (0.5, 0.4, 0.3)
#: Tables of one kind that may meet in a blend, of a full budget; session neighbours are few and all may.
OF_A_KIND = 2

TIME, SEQUENCE, PAIRS, SESSIONS = "time", "sequence", "pairs", "sessions"

#: Fading of the history per step that is tried first.
STEPS = {TIME: (0.8, 0.65), SEQUENCE: (0.8, 0.65, 0.5), SESSIONS: (0.65, 0.4)}
#: By how much the fading per step is changed first, and what a change must gain.
STEP_CHANGE, STEP_MARGIN = 0.15, 1.0005


def choose_discovery(search: Search, default: Recipe, memory_mb: int, shape: str) -> Recipe:
    """The best discovery for data of this ``shape``: `TIME`, `SEQUENCE` (order only), `PAIRS` or `SESSIONS`."""
    view = NEW_ITEMS
    bare = replace(default, sources=())
    if shape == TIME:
        windows: tuple[float | None, ...] = (30.0, 7.0, 90.0, None)
    else:
        windows, bare = (None,), replace(bare, history_half_life_days=None)
    popular = search.best(view, variants(bare, trending_days=windows))
    bare = replace(bare, trending_days=popular.trending_days)
    if shape in (SEQUENCE, SESSIONS):
        bare = _first_steps(search, bare, shape)
    singles = _singles(search, bare, memory_mb, shape)
    ordered = sorted(singles, key=lambda one: -search.known(view, one))
    if not ordered or not search.known(view, ordered[0]):
        return popular if search.known(view, popular) else replace(bare, sources=default.sources)
    tables = [one for one in ordered if one.sources[0].kind != "session_knn"]
    best = search.best(view, tables[:1], tables[0])
    best = _history(search, best, shape)
    kinds = [one.sources[0].kind for one in ordered]
    sources = [
        source
        for kind in kinds
        for source in search.some(
            search.tried_sources(kind)[: len(SESSION_KNN) if kind == "session_knn" else OF_A_KIND]
        )
    ]
    best = search.weighed(best, sources)
    best = _steps(search, best, shape, STEP_CHANGE)
    best = _shape(search, best, shape)
    best = search.weighed(best, sources)
    best = search.best(view, variants(best, prior=(0.1, 0.3, 1.0, 3.0) if shape == TIME else (0.1, 0.3)), best)
    return search.better(view, popular, best)


def _singles(search: Search, bare: Recipe, memory_mb: int, shape: str) -> list[Recipe]:
    """The best of each kind of source alone."""
    view = NEW_ITEMS
    half_lives: tuple[float | None, ...] = (180.0, None, 60.0) if shape == TIME else (None,)

    def single(kind: str, **params: Any) -> Recipe:
        return replace(bare, sources=(Source(kind, params),))

    if shape == TIME:
        grid = [single("cosine", half_life_days=h, item_power=b) for h in half_lives for b in (0.5, 0.3)]
    else:
        grid = [single("cosine", half_life_days=None, item_power=b) for b in DAMPING]
    cosine = search.halved(view, search.some(grid))
    half_life = cosine.sources[0].params["half_life_days"]
    singles = [cosine]
    items = int((search.scorer.popularity > 0).sum())
    tuned = items <= EASE_TUNED_ITEMS
    if memory_needed(items) <= memory_mb * 1_000_000 and tuned:
        strengths = (3.0, 10.0, 1.0)
        ease = search.best(
            view, [single("ease", half_life_days=half_life, regularisation=r) for r in search.some(strengths)]
        )
        rest = [h for h in search.some(half_lives) if h != half_life]
        r = ease.sources[0].params["regularisation"]
        ease = search.best(view, [single("ease", half_life_days=h, regularisation=r) for h in rest] or [ease], ease)
        singles.append(ease)
    if has_text(search.catalogue):
        singles.append(search.best(view, [single("content")]))
    if shape != PAIRS:
        singles.append(
            search.halved(view, [single("sequential", **rule(half_life, *values)) for values in search.some(RULES)])
        )
    if shape == SESSIONS:
        visits = [single("session_knn", neighbours=n, sample=m, idf=w) for n, m, w in search.some(SESSION_KNN)]
        singles.append(search.halved(view, visits))
    if not tuned and shape != SESSIONS and items <= LOCAL_ITEMS:
        local = [single("local_ease", half_life_days=half_life, regularisation=r) for r in search.some((3.0, 10.0))]
        singles.append(search.best(view, local))
    if LEAST_RANKED <= items <= search.share(LOW_RANK_ITEMS) and shape != SESSIONS:
        rank = min(512, max(64, items // 64))
        # the wider one first: the other is its beginning; alone, the other costs half and is seldom worse
        ranks = sorted(search.some(list(dict.fromkeys((rank // 2, rank)))), reverse=True)
        low_pass = [single("gfcf", half_life_days=half_life, gram=0.0, rank=r) for r in ranks]
        singles.append(search.best(view, low_pass))
        if search.split.train.n_users + items <= ALS_ROWS:
            singles.append(search.best(view, [single("ials", half_life_days=half_life, rank=min(64, items // 4))]))
            singles.append(search.best(view, [single("svd", half_life_days=half_life, rank=min(64, items // 4))]))
    return singles


def rule(half_life: float | None, window: int, damping: float, backward: float) -> dict[str, Any]:
    """Hyper-parameters of sequential rules."""
    return {"half_life_days": half_life, "window": window, "damping": damping, "backward": backward}


def _history(search: Search, best: Recipe, shape: str) -> Recipe:
    """How fast the past fades, by days and by steps."""
    if shape == TIME:
        best = search.best(NEW_ITEMS, search.some(variants(best, history_half_life_days=(None, 60.0, 30.0))), best)
        best = search.best(NEW_ITEMS, search.some(variants(best, history_step_decay=STEPS[shape])), best)
    return best


def _first_steps(search: Search, bare: Recipe, shape: str) -> Recipe:
    """``bare`` with the fading per step that suits sequential rules: which rules are best depends on it, and so does
    what stands beside them."""
    rules = replace(bare, sources=(Source("sequential", rule(None, *RULES[0])),))
    best = search.best(NEW_ITEMS, [rules, *variants(rules, history_step_decay=STEPS[shape])])
    return replace(bare, history_step_decay=best.history_step_decay)


def _shape(search: Search, best: Recipe, shape: str) -> Recipe:
    """Popularity on both sides, the trend, and the history once more."""
    view = NEW_ITEMS
    if shape == TIME:
        best = search.best(view, search.some(variants(best, trend_power=(0.25, 0.5, 1.0))), best)
    if shape != PAIRS:
        best = search.best(view, search.some(variants(best, source_power=(0.1, 0.2, -0.1))), best)
    best = search.best(view, search.some(variants(best, target_power=(0.1, -0.1))), best)
    return _steps(search, best, shape, STEP_CHANGE / 2)


def _steps(search: Search, best: Recipe, shape: str, change: float) -> Recipe:
    """How fast the past fades by steps, in company: less or more by ``change`` for as long as that helps."""
    for direction in (-change, change):
        found = best
        while shape != PAIRS and found.history_step_decay is not None:
            step = round(found.history_step_decay + direction, 3)
            if not 0 < step < 1:
                break
            moved = search.best(NEW_ITEMS, variants(found, history_step_decay=(step,)), found, margin=STEP_MARGIN)
            if moved is found:
                break
            found = moved
        if found is not best:
            return found
    return best


def choose_repeat(search: Search, recipe: Recipe) -> Recipe:
    """How buy-again is ordered."""
    half_lives, powers = (None, 240.0, 120.0, 60.0), (0.25, 0.5, 1.0)
    best = search.best(REPEAT_ITEMS, variants(recipe, repeat_half_life_days=half_lives))
    best = search.best(REPEAT_ITEMS, variants(best, repeat_trend_power=powers), best)
    best = search.best(REPEAT_ITEMS, variants(best, repeat_half_life_days=half_lives), best)
    return search.best(REPEAT_ITEMS, variants(best, repeat_cycle=(1.0,)), best)


def choose_mix(search: Search, recipe: Recipe) -> Recipe:
    """How buy-again and discovery share one list."""
    return search.best(ALL_ITEMS, variants(recipe, repeat_share=(1.0, 0.5, 2.0, 4.0, 0.25)))


def variants(recipe: Recipe, **options: tuple[Any, ...]) -> list[Recipe]:
    """One recipe per value of the one option."""
    ((name, values),) = options.items()
    return [replace(recipe, **{name: value}) for value in values]


def has_text(catalogue: Catalogue | None) -> bool:
    """Whether there is any title to compare."""
    return catalogue is not None and any(catalogue.title)
