"""Counts, scores and records evaluations on one validation split. The order in which recipes are tried is `tune`'s."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from ..columns import METRICS, NEW_ITEMS, REPEAT_ITEMS
from ..evaluate.metrics import all_metrics
from ..evaluate.ranking import rank
from ..evaluate.sample import MOST_EVALUATIONS
from ..evaluate.split import TimeSplit
from ..frames import Catalogue
from .fold import Fitted, Progress, unit_maximum
from .recipe import Recipe, Source
from .scoring import RecipeScores
from .sessions import SessionKNN
from .weights import KEPT, pool, search_weights

T = TypeVar("T")

#: A later recipe must be this much better than the best one so far: the tried order goes from simple to complex.
MARGIN = 1.003
#: One customer in so many judges the first round of a halving.
SAMPLE = 3
#: Fewer customers than this are never divided.
LEAST_SAMPLED = 300


class Search:
    """One search: ``best`` of some recipes, ``halved`` first on a sample, ``weighed`` blends of sources."""

    def __init__(
        self,
        split: TimeSplit,
        catalogue: Catalogue | None,
        default: Recipe,
        budget: int,
        k: int,
        target_weight: float,
        progress: Progress,
        memory_mb: int = 2048,
    ) -> None:
        self.split = split
        self.budget = budget
        self.limit = budget
        self.k = k
        self.progress = progress
        self.catalogue = catalogue
        self.memory_mb = memory_mb
        self.fitted = Fitted(
            split.train, catalogue=catalogue, now=split.cut, neighbours=default.neighbours, language=default.language
        )
        options: dict[str, Any] = {"target_weight": target_weight, "folded": False}
        self.scorer = RecipeScores(split, self.fitted, **options)
        self.sampled = every(split, SAMPLE) if len(split.users) >= LEAST_SAMPLED else split
        self.rough = RecipeScores(self.sampled, self.fitted, **options) if self.sampled is not split else self.scorer
        self.tried: list[dict[str, Any]] = []
        #: moves of the searches for weights, which are much cheaper than evaluations
        self.moves = 0

    def some(self, values: Sequence[T]) -> Sequence[T]:
        """The first of ``values``, as many as the budget's share of a full one: a small budget tries less of each kind
        and still comes to their blend."""
        return values[: max(1, self.share(len(values)))]

    def share(self, number: int) -> int:
        """The part of ``number`` that the budget is of a full one."""
        return number * min(self.budget, MOST_EVALUATIONS) // MOST_EVALUATIONS

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

    def halved(self, view: str, recipes: Sequence[Recipe], incumbent: Recipe | None = None) -> Recipe:
        """As `best`, by successive halving: everything on a sample of the customers, the best third on everybody.

        Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
        """
        if len(recipes) < SAMPLE or self.sampled is self.split:
            return self.best(view, recipes, incumbent)
        values = [self.value(view, recipe, rough=True) for recipe in recipes]
        known = [(value, -at) for at, value in enumerate(values) if value is not None]
        survivors = [recipes[-at] for _, at in sorted(known, reverse=True)[: -(-len(recipes) // SAMPLE)]]
        return self.best(view, survivors or recipes[:1], incumbent)

    def value(self, view: str, recipe: Recipe, *, rough: bool = False) -> float | None:
        """Geometric mean of recall and NDCG; None when the budget is used up or nobody can be judged."""
        known = self.known(view, recipe, rough=rough)
        if known:
            return known
        split, scorer = (self.sampled, self.rough) if rough else (self.split, self.scorer)
        rows = split.rows(view)
        if len(self.tried) >= self.limit or not len(rows):
            return None
        ranked = rank(scorer.scores(recipe, view), split, view, self.k, scorer.popularity)
        metrics = all_metrics(ranked, split.truth[view][rows], ks=(self.k,))
        name = part_name(view, recipe)
        row = {"part": view, "name": name, "recipe": recipe.to_dict(), METRICS: metrics, "chosen": False}
        self.tried.append({**row, "users": len(rows), "rough": rough})
        self.progress(len(self.tried) / self.budget, f"tried {name}")
        return objective(metrics, self.k)

    def known(self, view: str, recipe: Recipe | None, *, rough: bool = False) -> float:
        """The value of a recipe that was tried; 0 otherwise."""
        if recipe is None:
            return 0.0
        rows = [row for row in self._rows(view, recipe) if row["rough"] == rough]
        return objective(rows[-1][METRICS], self.k) if rows else 0.0

    def mark(self, view: str, recipe: Recipe | None) -> None:
        """Exactly this recipe is the chosen one of its part."""
        for row in self.tried:
            if row["part"] == view:
                row["chosen"] = recipe is not None and not row["rough"] and row["recipe"] == recipe.to_dict()

    def better(self, view: str, incumbent: Recipe, challenger: Recipe) -> Recipe:
        """Whichever of two tried recipes is better, by the margin."""
        better = self.known(view, challenger) > self.known(view, incumbent) * MARGIN
        winner = challenger if better else incumbent
        self.mark(view, winner)
        return winner

    def weighed(self, recipe: Recipe, sources: Sequence[Source]) -> Recipe:
        """``recipe`` with the blend of its own ``sources`` and these that ranks best, by `weights.search_weights`.

        Tables and low-rank sources are weighed first, then, on the scale of one visit, their sum beside the session
        neighbours. One evaluation, whatever its moves; without budget ``recipe`` stays.
        """
        if len(self.tried) >= self.limit:
            return recipe
        known = {source.key() for source in recipe.sources}
        sources = [*recipe.sources, *(replace(one, weight=0.0) for one in sources if one.key() not in known)]
        linear = [source for source in sources if source.kind != SessionKNN.kind]
        visits = [source for source in sources if source.kind == SessionKNN.kind]
        columns = sparse.diags(self.fitted.scales(recipe)[1])
        if len(linear) > 1:
            if not any(source.weight for source in linear):
                linear[0] = replace(linear[0], weight=1.0)
            parts = [sparse.csr_matrix(self.scorer.part(recipe, source) @ columns) for source in linear]
            linear = self._weights(linear, parts)
        used = [source for source in linear if source.weight]
        if visits and used:
            total = sum(source.weight for source in used)
            table = Source("linear", {}, min(total, 1.0))
            parts = [unit_maximum(self.scorer.linear(recipe, used))]
            parts += [self.scorer.part(recipe, source) for source in visits]
            table, *visits = self._weights([table, *visits], parts)
            used = [replace(source, weight=source.weight * table.weight / total) for source in used]
        found = sorted((one for one in (*used, *visits) if one.weight), key=lambda one: -one.weight)
        scale = 1.0 if visits else found[0].weight
        rounded = tuple(replace(one, weight=float(f"{one.weight / scale:.3g}")) for one in found)
        return self.best(NEW_ITEMS, [replace(recipe, sources=rounded)], recipe, margin=1.0)

    def _weights(self, sources: list[Source], parts: list[sparse.csr_matrix]) -> list[Source]:
        rows = self.split.rows(NEW_ITEMS)
        bytes_per_row = 4 * len(parts) * KEPT * len(parts)
        most = self.memory_mb * 500_000 // bytes_per_row
        most = max(LEAST_SAMPLED, min(most, self.share(len(rows))))
        rows = rows[:: -(-len(rows) // most)]
        cells = [part[rows] for part in parts]
        table = pool(cells, self.split.bought[rows], self.split.truth[NEW_ITEMS][rows], self.k)
        weights, moves = search_weights(table, np.array([source.weight for source in sources]))
        self.moves += moves
        return [replace(source, weight=float(weight)) for source, weight in zip(sources, weights, strict=True)]

    def tried_sources(self, kind: str) -> list[Source]:
        """The single sources of this kind that were tried, from best to worst."""
        found: dict[tuple[Any, ...], tuple[float, Source]] = {}
        for row in self.tried:
            sources = Recipe.from_dict(row["recipe"]).sources
            if row["part"] == NEW_ITEMS and len(sources) == 1 and sources[0].kind == kind:
                value = objective(row[METRICS], self.k)
                key = sources[0].key()
                found[key] = max(found.get(key, (0.0, sources[0])), (value, sources[0]), key=lambda pair: pair[0])
        return [source for _, source in sorted(found.values(), key=lambda pair: -pair[0])]

    def _rows(self, view: str, recipe: Recipe) -> list[dict[str, Any]]:
        return [row for row in self.tried if row["part"] == view and row["recipe"] == recipe.to_dict()]


def every(split: TimeSplit, step: int) -> TimeSplit:
    """Every so-manieth test customer of a split."""
    some = slice(None, None, step)
    truth = {view: matrix[some] for view, matrix in split.truth.items()}
    return replace(split, users=split.users[some], bought=split.bought[some], truth=truth)


def objective(metrics: dict[str, float], k: int) -> float:
    """Geometric mean of recall and NDCG."""
    return float(np.sqrt(metrics[f"recall@{k}"] * metrics[f"ndcg@{k}"]))


def part_name(view: str, recipe: Recipe) -> str:
    """What a merchant reads for the part of a recipe that this view judges."""
    half_life = recipe.repeat_half_life_days
    decayed = "" if half_life is None else f" (half-life {half_life:g} d)"
    trend = f" x trend^{recipe.repeat_trend_power:g}" if recipe.repeat_trend_power else ""
    due = f" x due^{recipe.repeat_cycle:g}" if recipe.repeat_cycle else ""
    repeat = f"personal frequency{decayed}{trend}{due}"
    if view == NEW_ITEMS:
        return recipe.name
    return repeat if view == REPEAT_ITEMS else f"{recipe.name} + {recipe.repeat_share:g} x {repeat}"
