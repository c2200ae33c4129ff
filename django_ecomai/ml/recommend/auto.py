"""The automatic choice: which recipe recommends best in this shop, decided on its own past.

An inner time cut is made inside the given interactions; every recipe is fitted before it and judged after it, by the
geometric mean of recall@k and NDCG@k, for items new to the customer, for repeat purchases and for their mix separately.
The budget counts evaluations, not seconds, so that the same data always give the same choice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..columns import ALL_ITEMS, METRICS, NEW_ITEMS, REPEAT_ITEMS, SECONDS_PER_DAY
from ..evaluate.metrics import all_metrics
from ..evaluate.ranking import rank
from ..evaluate.split import TimeSplit, time_split
from ..frames import Catalogue, IdMap, Interactions
from .build import Built, build
from .ease import memory_needed
from .fold import Fitted, Progress, no_progress, up_to
from .recipe import Recipe, Source
from .scoring import RecipeScores

__all__ = ["Choice", "build", "choose", "choose_and_build"]

#: Fewer validation customers than this decide nothing.
LEAST_USERS = 20
#: A later recipe must be this much better than the best one so far: the tried order goes from simple to complex.
MARGIN = 1.003
#: Most validation customers; more cost time and change no decision.
MOST_USERS = 3000
#: Above this many items one EASE is tried instead of several (it is cubic in the items).
EASE_TUNED_ITEMS = 6000


@dataclass(frozen=True)
class Choice:
    """The chosen ``recipe``, every tried one (``part, name, recipe, metrics, chosen``) and how it was validated."""

    recipe: Recipe
    tried: list[dict[str, Any]]
    validation: dict[str, Any]


def choose(
    interactions: Interactions,
    *,
    catalogue: Catalogue | None = None,
    now: int | None = None,
    budget: int = 60,
    k: int = 20,
    neighbours: int = 200,
    target_weight: float = 0.0,
    memory_mb: int = 2048,
    language: str = "english",
    random_state: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Choose a recipe with at most ``budget`` evaluations, on ``interactions`` alone.

    ``target_weight``: only interactions of at least this weight count as bought. ``memory_mb`` bounds the dense model.
    Rows later than ``now`` are ignored. ``language`` of the product texts (snowball's name) for stemming.
    With too little data for a validation the default recipe is returned and ``validation["reason"]`` says why.
    """
    interactions = up_to(interactions, now)
    default = Recipe(sources=_default_sources(catalogue), neighbours=neighbours, language=language)
    cut, reason = _inner_cut(interactions, target_weight)
    if cut is None:
        return Choice(default, [], {"reason": reason})
    split = time_split(interactions, cut, target_weight=target_weight, max_users=MOST_USERS, random_state=random_state)
    if len(split.users) < LEAST_USERS:
        few = f"only {len(split.users)} customers came back during the validation days; {LEAST_USERS} are needed"
        return Choice(default, [], {"reason": few})
    search = _Search(split, catalogue, default, budget, k, target_weight, progress or no_progress)
    recipe = _choose_discovery(search, default, memory_mb)
    recipe = _choose_repeat(search, recipe)
    recipe = _choose_mix(search, recipe)
    span = (int(interactions.times[-1]) - cut) / SECONDS_PER_DAY
    validation = {"cut": cut, "days": round(span, 2), "users": len(split.users), "evaluations": len(search.tried)}
    return Choice(recipe, search.tried, validation)


def choose_and_build(
    interactions: Interactions,
    *,
    item_ids: IdMap,
    catalogue: Catalogue | None = None,
    now: int | None = None,
    progress: Progress | None = None,
    target_weight: float = 0.0,
    **keywords: Any,
) -> tuple[Choice, Built]:
    """`choose`, then refit the choice on everything (`build`). ``keywords`` go to `choose`."""
    tell = progress or no_progress
    choice = choose(
        interactions,
        catalogue=catalogue,
        now=now,
        target_weight=target_weight,
        progress=lambda fraction, message: tell(0.8 * fraction, message),
        **keywords,
    )
    built = build(
        choice.recipe,
        interactions,
        item_ids=item_ids,
        catalogue=catalogue,
        now=now,
        target_weight=target_weight,
        progress=lambda fraction, message: tell(0.8 + 0.2 * fraction, message),
    )
    return choice, built


class _Search:
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
        self.k = k
        self.progress = progress
        self.catalogue = catalogue
        self.fitted = Fitted(
            split.train, catalogue=catalogue, now=split.cut, neighbours=default.neighbours, language=default.language
        )
        self.scorer = RecipeScores(split, self.fitted, target_weight=target_weight)
        self.tried: list[dict[str, Any]] = []

    def best(self, view: str, recipes: list[Recipe], incumbent: Recipe | None = None) -> Recipe:
        """The best of ``incumbent`` and ``recipes`` (tried in order while the budget lasts)."""
        best, best_value = incumbent, self._known(view, incumbent)
        for recipe in recipes:
            value = self.value(view, recipe)
            if value is None:
                break
            if best is None or value > best_value * MARGIN:
                best, best_value = recipe, value
        self._mark(view, best)
        return recipes[0] if best is None else best

    def value(self, view: str, recipe: Recipe) -> float | None:
        """Geometric mean of recall and NDCG; None when the budget is used up or nobody can be judged."""
        known = self._known(view, recipe)
        if known:
            return known
        if len(self.tried) >= self.budget or not len(self.split.rows(view)):
            return None
        rows = self.split.rows(view)
        ranked = rank(self.scorer.scores(recipe, view), self.split, view, self.k, self.scorer.popularity)
        metrics = all_metrics(ranked, self.split.truth[view][rows], ks=(self.k,))
        name = _part_name(view, recipe)
        row = {"part": view, "name": name, "recipe": recipe.to_dict(), METRICS: metrics, "chosen": False}
        self.tried.append(row)
        self.progress(len(self.tried) / self.budget, f"tried {name}")
        return _objective(metrics, self.k)

    def _known(self, view: str, recipe: Recipe | None) -> float:
        if recipe is None:
            return 0.0
        rows = [row for row in self.tried if row["part"] == view and row["recipe"] == recipe.to_dict()]
        return _objective(rows[-1][METRICS], self.k) if rows else 0.0

    def _mark(self, view: str, recipe: Recipe | None) -> None:
        for row in self.tried:
            if row["part"] == view:
                row["chosen"] = recipe is not None and row["recipe"] == recipe.to_dict()


def _choose_discovery(search: _Search, default: Recipe, memory_mb: int) -> Recipe:
    view = NEW_ITEMS
    bare = replace(default, sources=())
    popular = search.best(view, [replace(bare, trending_days=days) for days in (30.0, 7.0, 90.0, None)])
    bare = replace(bare, trending_days=popular.trending_days)

    def single(kind: str, weight: float = 1.0, **params: Any) -> Recipe:
        return replace(bare, sources=(Source(kind, params, weight),))

    grid = [(half_life, power) for half_life in (180.0, None, 60.0) for power in (0.5, 0.3)]
    cosine = search.best(view, [single("cosine", half_life_days=h, item_power=b) for h, b in grid])
    best, singles = cosine, [cosine]
    half_life = cosine.sources[0].params["half_life_days"] if cosine.sources else 180.0

    items = int((search.scorer.popularity > 0).sum())
    if memory_needed(items) <= memory_mb * 1_000_000:
        strengths = (3.0, 10.0, 1.0) if items <= EASE_TUNED_ITEMS else (3.0,)
        ease = search.best(view, [single("ease", half_life_days=half_life, regularisation=r) for r in strengths])
        if items <= EASE_TUNED_ITEMS and ease.sources:
            rest = [h for h in (None, 180.0, 60.0) if h != half_life]
            r = ease.sources[0].params["regularisation"]
            ease = search.best(view, [single("ease", half_life_days=h, regularisation=r) for h in rest], ease)
        best = _better(search, view, best, ease)
        singles.append(ease)
    if _has_text(search.catalogue):
        content = search.best(view, [single("content")])
        best = _better(search, view, best, content)
        singles.append(content)
    best = search.best(view, _variants(best, history_half_life_days=(None, 60.0, 30.0)), best)
    if best.sources:
        others = [one.sources[0] for one in singles if one.sources and one.sources[0].key() != best.sources[0].key()]
        for other in others:
            blends = [replace(best, sources=(*best.sources, replace(other, weight=w))) for w in (0.1, 0.3, 1.0)]
            best = search.best(view, blends, best)
        best = search.best(view, _variants(best, trend_power=(0.25, 0.5, 1.0)), best)
        best = search.best(view, _variants(best, prior=(0.1, 0.3, 1.0, 3.0)), best)
    return _better(search, view, popular, best)


def _choose_repeat(search: _Search, recipe: Recipe) -> Recipe:
    half_lives, powers = (None, 240.0, 120.0, 60.0), (0.25, 0.5, 1.0)
    best = search.best(REPEAT_ITEMS, _variants(recipe, repeat_half_life_days=half_lives))
    best = search.best(REPEAT_ITEMS, _variants(best, repeat_trend_power=powers), best)
    return search.best(REPEAT_ITEMS, _variants(best, repeat_half_life_days=half_lives), best)


def _choose_mix(search: _Search, recipe: Recipe) -> Recipe:
    return search.best(ALL_ITEMS, _variants(recipe, repeat_share=(1.0, 0.5, 2.0, 4.0, 0.25)))


def _variants(recipe: Recipe, **options: tuple[Any, ...]) -> list[Recipe]:
    """One recipe per value of the one option."""
    ((name, values),) = options.items()
    return [replace(recipe, **{name: value}) for value in values]


def _better(search: _Search, view: str, incumbent: Recipe, challenger: Recipe) -> Recipe:
    better = search._known(view, challenger) > search._known(view, incumbent) * MARGIN
    winner = challenger if better else incumbent
    search._mark(view, winner)
    return winner


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


def _inner_cut(interactions: Interactions, target_weight: float) -> tuple[int | None, str]:
    """The last fifth of the time, at most 60 days; else where four fifths of the rows lie."""
    bought = interactions.at_least(target_weight)
    if len(bought) < 2 or bought.times[0] == bought.times[-1]:
        return None, "all purchases happened at one moment, or there are none: nothing to validate on yet"
    # the first per cent is passed over: one order of 1970 must not make the shop fifty years old
    first, last = int(interactions.times[len(interactions) // 100]), int(interactions.times[-1])
    window = min((last - first) / 5, 60 * SECONDS_PER_DAY)
    cut = last - int(window)
    if len(np.intersect1d(interactions.before(cut).users, bought.after(cut).users)) < LEAST_USERS:
        cut = int(bought.times[len(bought) * 4 // 5])
    return cut, ""


def _has_text(catalogue: Catalogue | None) -> bool:
    return catalogue is not None and any(catalogue.title)


def _default_sources(catalogue: Catalogue | None) -> tuple[Source, ...]:
    sources = (Source("cosine", {"half_life_days": 180.0, "item_power": 0.5}),)
    return (*sources, Source("content", {}, 0.3)) if _has_text(catalogue) else sources
