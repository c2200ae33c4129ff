"""The search for the discovery part of a recipe: single sources first, then their blend, then its shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ..columns import ALL_ITEMS, METRICS, NEW_ITEMS, REPEAT_ITEMS
from ..evaluate.metrics import all_metrics
from ..evaluate.ranking import rank
from ..evaluate.split import TimeSplit
from ..frames import Catalogue
from .ease import memory_needed
from .fold import Fitted, Progress
from .recipe import Recipe, Source
from .scoring import RecipeScores

#: A later recipe must be this much better than the best one so far: the tried order goes from simple to complex.
MARGIN = 1.003
#: Above this many items one EASE is tried instead of several (it is cubic in the items).
EASE_TUNED_ITEMS = 6000

#: Above this many items local EASE is left to who asks for it: its fits would take most of the time.
LOCAL_ITEMS = 20_000
#: In catalogues of more items the low-pass filter is left out: to fold it costs ``items ** 2 * rank``.
LOW_RANK_ITEMS = 45_000
#: Neighbours, sample and power of the rarity that are tried for session neighbours.
SESSION_KNN = ((500, 1000, 1.0), (100, 1000, 1.0), (500, 1000, 0.0), (1500, 2500, 1.0))

TIME, SEQUENCE, PAIRS, SESSIONS = "time", "sequence", "pairs", "sessions"


class Search:
    """Counts, scores and records evaluations on one validation split."""

    def __init__(
        self,
        split: TimeSplit,
        catalogue: Catalogue | None,
        default: Recipe,
        budget: int,
        k: int,
        target_weight: float,
        progress: Progress,
    ) -> None:
        self.split = split
        self.budget = budget
        self.limit = budget
        self.k = k
        self.progress = progress
        self.catalogue = catalogue
        self.fitted = Fitted(
            split.train, catalogue=catalogue, now=split.cut, neighbours=default.neighbours, language=default.language
        )
        self.scorer = RecipeScores(split, self.fitted, target_weight=target_weight, folded=False)
        self.tried: list[dict[str, Any]] = []

    def best(
        self, view: str, recipes: Iterable[Recipe], incumbent: Recipe | None = None, *, margin: float = MARGIN
    ) -> Recipe:
        """The best of ``incumbent`` and ``recipes`` (tried in order while the budget lasts)."""
        recipes = list(recipes)
        best, best_value = incumbent, self.known(view, incumbent)
        for recipe in recipes:
            value = self.value(view, recipe)
            if value is None:
                break
            if best is None or value > best_value * margin:
                best, best_value = recipe, value
        self.mark(view, best)
        return recipes[0] if best is None else best

    def value(self, view: str, recipe: Recipe) -> float | None:
        """Geometric mean of recall and NDCG; None when the budget is used up or nobody can be judged."""
        known = self.known(view, recipe)
        if known:
            return known
        if len(self.tried) >= self.limit or not len(self.split.rows(view)):
            return None
        rows = self.split.rows(view)
        ranked = rank(self.scorer.scores(recipe, view), self.split, view, self.k, self.scorer.popularity)
        metrics = all_metrics(ranked, self.split.truth[view][rows], ks=(self.k,))
        name = _part_name(view, recipe)
        row = {"part": view, "name": name, "recipe": recipe.to_dict(), METRICS: metrics, "chosen": False}
        self.tried.append(row)
        self.progress(len(self.tried) / self.budget, f"tried {name}")
        return _objective(metrics, self.k)

    def known(self, view: str, recipe: Recipe | None) -> float:
        """The value of a recipe that was tried; 0 otherwise."""
        if recipe is None:
            return 0.0
        rows = [row for row in self.tried if row["part"] == view and row["recipe"] == recipe.to_dict()]
        return _objective(rows[-1][METRICS], self.k) if rows else 0.0

    def mark(self, view: str, recipe: Recipe | None) -> None:
        """Exactly this recipe is the chosen one of its part."""
        for row in self.tried:
            if row["part"] == view:
                row["chosen"] = recipe is not None and row["recipe"] == recipe.to_dict()

    def better(self, view: str, incumbent: Recipe, challenger: Recipe) -> Recipe:
        """Whichever of two tried recipes is better, by the margin."""
        better = self.known(view, challenger) > self.known(view, incumbent) * MARGIN
        winner = challenger if better else incumbent
        self.mark(view, winner)
        return winner


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
    singles = _singles(search, bare, memory_mb, shape)
    if shape == SESSIONS:
        singles = _faded(search, singles)
    ordered = sorted(singles, key=lambda one: -search.known(view, one))
    if not ordered or not search.known(view, ordered[0]):
        return popular if search.known(view, popular) else replace(bare, sources=default.sources)
    best = search.best(view, ordered[:1], ordered[0])
    if shape != SESSIONS:
        best = _history(search, best, shape)
    best = _blend(search, best, [one.sources[0] for one in ordered[1:]])
    best = _sources(search, best)
    best = _shape(search, best, shape)
    return search.better(view, popular, best)


def _singles(search: Search, bare: Recipe, memory_mb: int, shape: str) -> list[Recipe]:
    """The best of each kind of source alone."""
    view = NEW_ITEMS
    half_lives: tuple[float | None, ...] = (180.0, None, 60.0) if shape == TIME else (None,)

    def single(kind: str, **params: Any) -> Recipe:
        return replace(bare, sources=(Source(kind, params),))

    grid = [(half_life, power) for half_life in half_lives for power in (0.5, 0.3)]
    cosine = search.best(view, [single("cosine", half_life_days=h, item_power=b) for h, b in grid])
    half_life = cosine.sources[0].params["half_life_days"]
    singles = [cosine]
    items = int((search.scorer.popularity > 0).sum())
    tuned = items <= EASE_TUNED_ITEMS
    if memory_needed(items) <= memory_mb * 1_000_000 and tuned:
        strengths = (3.0, 10.0, 1.0)
        ease = search.best(view, [single("ease", half_life_days=half_life, regularisation=r) for r in strengths])
        rest = [h for h in half_lives if h != half_life]
        r = ease.sources[0].params["regularisation"]
        ease = search.best(view, [single("ease", half_life_days=h, regularisation=r) for h in rest] or [ease], ease)
        singles.append(ease)
    if has_text(search.catalogue):
        singles.append(search.best(view, [single("content")]))
    if shape != PAIRS:
        rules = [single("sequential", half_life_days=half_life, damping=d, backward=0.3) for d in (0.2, 0.4)]
        singles.append(search.best(view, rules))
    if shape == SESSIONS:
        visits = [single("session_knn", neighbours=n, sample=m, idf=w) for n, m, w in SESSION_KNN]
        singles.append(search.best(view, visits))
    if not tuned and shape != SESSIONS:
        if items <= LOCAL_ITEMS:
            local = [single("local_ease", half_life_days=half_life, regularisation=r) for r in (3.0, 10.0)]
            singles.append(search.best(view, local))
        if len(search.scorer.popularity) <= LOW_RANK_ITEMS:
            singles.append(search.best(view, [single("gfcf", half_life_days=half_life, gram=0.0, rank=512)]))
    return singles


def _faded(search: Search, singles: list[Recipe]) -> list[Recipe]:
    """All singles with the step decay that suits the best item-item source: session neighbours have their own."""
    tables = [one for one in singles if one.sources[0].kind != "session_knn"]
    table = max(tables, key=lambda one: search.known(NEW_ITEMS, one))
    table = search.best(NEW_ITEMS, variants(table, history_step_decay=(0.65, 0.4)), table)
    faded = [replace(one, history_step_decay=table.history_step_decay) for one in singles]
    search.best(NEW_ITEMS, faded)
    return faded


def _history(search: Search, best: Recipe, shape: str) -> Recipe:
    """How fast the past fades, by days and by steps."""
    if shape == TIME:
        best = search.best(NEW_ITEMS, variants(best, history_half_life_days=(None, 60.0, 30.0)), best)
    if shape != PAIRS:
        best = search.best(NEW_ITEMS, variants(best, history_step_decay=(0.8, 0.65)), best)
    return best


def _blend(search: Search, best: Recipe, others: list[Source]) -> Recipe:
    """Sources are added one after the other, then all weights are moved once more."""
    for other in others:
        if other.key() == best.sources[0].key():
            continue
        for weights in ((0.3, 1.0), (0.1,)):
            mixed = [replace(best, sources=(*best.sources, replace(other, weight=w))) for w in weights]
            found = search.best(NEW_ITEMS, mixed, best)
            if found is not best:
                best = found
                break
    if len(best.sources) < 2:
        return best
    for at in range(1, len(best.sources)):
        for factor in (2.0, 0.5):
            moved = _climb(search, best, at, factor)
            if moved is not best:
                best = moved
                break
    return best


def _climb(search: Search, best: Recipe, at: int, factor: float) -> Recipe:
    """The weight of one source times ``factor`` as long as it helps."""
    while True:
        source = best.sources[at]
        sources = (*best.sources[:at], replace(source, weight=source.weight * factor), *best.sources[at + 1 :])
        found = search.best(NEW_ITEMS, [replace(best, sources=sources)], best, margin=1.0005)
        if found is best:
            return best
        best = found


#: Hyper-parameters of a source that are tried once more inside the blend: option -> values, in order.
REFINED: dict[str, tuple[tuple[str, tuple[float, ...]], ...]] = {
    "sequential": (("damping", (0.1,)), ("backward", (0.1, 0.6))),
    "local_ease": (("regularisation", (3.0, 10.0)), ("companions", (200,))),
    "cosine": (("item_power", (0.3, 0.4)),),
}


def _sources(search: Search, best: Recipe) -> Recipe:
    """The strongest hyper-parameters of each source may be others in company than alone."""
    for at in range(len(best.sources)):
        for name, values in REFINED.get(best.sources[at].kind, ()):
            source = best.sources[at]
            changed = [replace(source, params={**source.params, name: value}) for value in values]
            recipes = [replace(best, sources=(*best.sources[:at], one, *best.sources[at + 1 :])) for one in changed]
            best = search.best(NEW_ITEMS, recipes, best)
    return best


def _shape(search: Search, best: Recipe, shape: str) -> Recipe:
    """Popularity on both sides, the trend, the prior, and the history once more."""
    view = NEW_ITEMS
    if shape == TIME:
        best = search.best(view, variants(best, trend_power=(0.25, 0.5, 1.0)), best)
    best = search.best(view, variants(best, prior=(0.1, 0.3, 1.0, 3.0) if shape == TIME else (0.1, 0.3)), best)
    best = search.best(view, variants(best, source_power=(0.1, 0.2, -0.1)), best)
    best = search.best(view, variants(best, target_power=(0.1, -0.1)), best)
    if shape != PAIRS and best.history_step_decay is not None:
        steps = tuple(round(best.history_step_decay + change, 2) for change in (-0.08, 0.08))
        best = search.best(view, variants(best, history_step_decay=steps), best, margin=1.0005)
    return best


def choose_repeat(search: Search, recipe: Recipe) -> Recipe:
    """How buy-again is ordered."""
    half_lives, powers = (None, 240.0, 120.0, 60.0), (0.25, 0.5, 1.0)
    best = search.best(REPEAT_ITEMS, variants(recipe, repeat_half_life_days=half_lives))
    best = search.best(REPEAT_ITEMS, variants(best, repeat_trend_power=powers), best)
    return search.best(REPEAT_ITEMS, variants(best, repeat_half_life_days=half_lives), best)


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


def _objective(metrics: dict[str, float], k: int) -> float:
    return float(np.sqrt(metrics[f"recall@{k}"] * metrics[f"ndcg@{k}"]))


def _part_name(view: str, recipe: Recipe) -> str:
    half_life = recipe.repeat_half_life_days
    decayed = "" if half_life is None else f" (half-life {half_life:g} d)"
    trend = f" x trend^{recipe.repeat_trend_power:g}" if recipe.repeat_trend_power else ""
    repeat = f"personal frequency{decayed}{trend}"
    if view == NEW_ITEMS:
        return recipe.name
    return repeat if view == REPEAT_ITEMS else f"{recipe.name} + {recipe.repeat_share:g} x {repeat}"
