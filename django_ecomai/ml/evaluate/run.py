"""Evaluate recipes beside the naive baselines on a split in time. Every model is masked alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ..columns import BASKET_PAGE, METRICS, MODEL, NEW_ITEMS, OURS, PRODUCT_PAGE, REPEAT_ITEMS, SPLIT, SPLITS
from ..frames import Catalogue, Interactions
from ..recommend.auto import Choice, choose
from ..recommend.content import Content
from ..recommend.copurchase import CoPurchase
from ..recommend.fold import Fitted, Progress, no_progress
from ..recommend.ranking.choose import AUTO, ON, Order, SecondChoice, choose_second, refitted, split_candidates
from ..recommend.ranking.features import FeatureMaker
from ..recommend.ranking.groups import Candidates, ExtraAt, Groups, candidate_groups, nothing_extra
from ..recommend.ranking.scores import RankedScores
from ..recommend.ranking.second_stage import SecondStage
from ..recommend.ranking.shown import Shown
from ..recommend.ranking.trees import Trees
from ..recommend.recipe import Recipe, Source
from ..recommend.scoring import RecipeScores
from ..recommend.tune import has_text
from .baskets import basket_split, beside_scores
from .beyond import Shelf, beyond_accuracy
from .calibration import probability_metrics
from .metrics import all_metrics
from .ranking import Scores, rank
from .sample import customers_sample, ordered_rows
from .split import TimeSplit, time_split
from .tradeoff import tradeoffs_of

logger = logging.getLogger("django_ecomai.ml")

POPULAR_30 = "popular (30 days)"
POPULAR_ALL = "popular (all time)"
PERSONAL = "personal frequency"
TOGETHER = "bought together only"
OURS_NAME = "EcomAI (automatic choice)"
COLLABORATIVE = "collaborative only"
CONTENT = "content only"
BLEND = "hybrid: blend"
RANKED = "hybrid: blend and learned order"


@dataclass(frozen=True)
class Evaluation:
    """``rows``: ``{"model", "ours", "split", "users", "metrics"}``; ``choice`` is None when a recipe was given.

    ``tradeoffs``: what the sliders cost (`tradeoff.tradeoffs_of`), where that was asked for.
    ``second`` tells about the learned order of ours. ``orders``: by model, what may serve after it has learned from the
    tested window as well; a model whose blend serves is not in it.
    """

    rows: list[dict[str, Any]]
    recipe: Recipe
    choice: Choice | None
    counts: dict[str, int]
    second: SecondChoice | None = None
    orders: dict[str, Order] = field(default_factory=dict)
    tradeoffs: dict[str, Any] = field(default_factory=dict)

    def row(self, split: str, model: str | None = None) -> dict[str, Any]:
        """The row of ``model`` (default: ours) in ``split``. Raises KeyError when there is none."""
        for row in self.rows:
            if row[SPLIT] == split and (row[OURS] if model is None else row[MODEL] == model):
                return row
        raise KeyError(f"no row of {model or 'ours'} in {split}")


def evaluate_split(
    interactions: Interactions,
    cut: int,
    *,
    end: int | None = None,
    catalogue: Catalogue | None = None,
    recipe: Recipe | None = None,
    extra_recipes: Mapping[str, Recipe] | None = None,
    ranked_recipes: Collection[str] = (),
    ks: Iterable[int] = (10, 20),
    target_weight: float = 0.0,
    budget: int = 60,
    memory_mb: int = 2048,
    language: str = "english",
    ranker: str = AUTO,
    extra: ExtraAt = nothing_extra,
    shown: Shown | None = None,
    whole: int = 0,
    max_users: int | None = None,
    sliders: bool = False,
    random_state: int = 0,
    chosen: Callable[[Recipe], None] | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Train on ``times < cut``, test on ``cut <= times < end``, in the three views of `split.time_split`.

    Without ``recipe`` the automatic choice is made on the training part alone, and whether a learned order helps it
    (``ranker``: `choose.AUTO`; `ON` whatever the amount of data, and for a given ``recipe`` too; or `OFF`).
    ``extra_recipes`` (the live one, for the quality gate, or single models) are fitted before the same cut and reported
    with ``ours`` False; those of ``ranked_recipes`` with an order learned for them. ``extra`` gives what else was known
    of the items at a moment, ``shown`` the lists that visitors saw. ``sliders``: measure what they cost too.
    Discovery is judged as it is stored, with products nobody has met in their places (`discovery.Discovery`); its two
    sides alone are not. ``budget`` and ``memory_mb`` are those of `choose`,
    ``whole`` that of `choose_second`. ``chosen`` hears the automatic choice before it is tested.
    """
    tell = progress or no_progress
    split = time_split(
        interactions, cut, end=end, target_weight=target_weight, max_users=max_users, random_state=random_state
    )
    learn = partial(
        choose_second,
        customers_sample(split.train, ordered_rows(max(len(interactions), whole)), random_state=random_state),
        catalogue=catalogue,
        now=cut,
        target_weight=target_weight,
        extra=extra,
        shown=shown,
        ranker=ranker,
        whole=whole,
        random_state=random_state,
    )
    choice = second = None
    if recipe is None:
        choice = choose(
            split.train,
            catalogue=catalogue,
            now=cut,
            budget=budget,
            memory_mb=memory_mb,
            language=language,
            target_weight=target_weight,
            random_state=random_state,
            progress=lambda fraction, message: tell(0.6 * fraction, message),
        )
        recipe = choice.recipe
        if chosen is not None:
            chosen(recipe)
    if choice is not None or ranker == ON:
        second = learn(recipe, progress=lambda fraction, message: tell(0.6 + 0.2 * fraction, message))
    tell(0.8, "testing the choice beside the baselines")
    fitted = Fitted(split.train, catalogue=catalogue, now=cut, neighbours=recipe.neighbours, language=recipe.language)
    scorer = RecipeScores.as_served(split, fitted, target_weight=target_weight, random_state=random_state)
    # Each side alone, without what the other knows of products that nobody has met.
    alone = scorer if scorer.served is None else RecipeScores(split, fitted, target_weight=target_weight)
    table = _Table(split, scorer, Shelf.of(split.train, catalogue, recipe.language), sorted(set(ks)))
    ours = _Ranked.of(second, split, scorer, recipe, target_weight, extra)
    others = {COLLABORATIVE: _collaborative(recipe, choice), CONTENT: _content(recipe, has_text(catalogue))}
    named = {**others, **(extra_recipes or {})}
    recipes = {name: replace(one, neighbours=recipe.neighbours) for name, one in named.items() if one is not None}
    again = {
        name: _Ranked.of(_as_ours(name, one, recipe, second, learn), split, scorer, one, target_weight, extra)
        for name, one in recipes.items()
        if name in ranked_recipes
    }
    for view in SPLITS:
        blend = scorer.scores(recipe, view)
        for name, scores in _baselines(scorer, view).items():
            table.add(name, view, scores)
        for name, one in recipes.items():
            scores = (alone if name in others else scorer).scores(one, view)
            order = again.get(name)
            table.add(name, view, order.scores(view, scores) if order is not None and order.passed else scores)
        _add_ours(table, view, blend, ours)
    live = {name: one for name, one in recipes.items() if name not in others}
    table.rows += _pages(
        interactions, scorer, end, {OURS_NAME: recipe, **live}, table.shelf, table.ks, target_weight, random_state
    )
    costs = _tradeoffs(scorer, recipe, catalogue, random_state) if sliders and catalogue is not None else {}
    tell(1.0, "evaluated")
    counts = {
        "train_interactions": len(split.train),
        "items": interactions.n_items,
        "test_users": len(split.users),
        **{f"test_users_{view}": len(split.rows(view)) for view in SPLITS},
    }
    learned = {**again, OURS_NAME: ours}
    orders = {name: one.newest(random_state) for name, one in learned.items() if one is not None and one.passed}
    return Evaluation(table.rows, recipe, choice, counts, second, orders, costs)


def _tradeoffs(scorer: RecipeScores, recipe: Recipe, catalogue: Catalogue, random_state: int) -> dict[str, Any]:
    """What the sliders of a carousel cost, to stand beside them; nothing rests on it, so it may fail."""
    try:
        return tradeoffs_of(scorer, recipe, catalogue=catalogue, random_state=random_state)
    except (ArithmeticError, ValueError, MemoryError):
        logger.exception("The cost of the sliders could not be measured; the evaluation goes on.")
        return {}


def _pages(
    interactions: Interactions,
    home: RecipeScores,
    end: int | None,
    recipes: Mapping[str, Recipe],
    shelf: Shelf,
    ks: list[int],
    target_weight: float,
    random_state: int,
) -> list[dict[str, Any]]:
    """Rows of the placements beside a product and beside a cart; none where no basket holds several products."""
    fitted, cut = home.fitted, home.split.cut
    together = CoPurchase().fit(fitted.interactions.at_least(target_weight), now=cut).neighbours_
    rows: list[dict[str, Any]] = []
    for page in (PRODUCT_PAGE, BASKET_PAGE):
        place = basket_split(
            interactions, cut, page=page, end=end, target_weight=target_weight, random_state=random_state
        )
        if not len(place.users):
            continue
        scorer = home.over(place)
        table = _Table(place, scorer, shelf, ks)
        for name, days in ((POPULAR_30, 30.0), (POPULAR_ALL, None)):
            table.add(name, NEW_ITEMS, Scores(None, scorer.order(days)))
        ours = recipes[OURS_NAME]
        table.add(TOGETHER, NEW_ITEMS, beside_scores(scorer, ours, together, alone=True))
        for name, recipe in recipes.items():
            table.add(name, NEW_ITEMS, beside_scores(scorer, recipe, together))
        rows += [{**row, SPLIT: page} for row in table.rows]
    return rows


def _add_ours(table: _Table, view: str, blend: Scores, ours: _Ranked | None) -> None:
    """The automatic choice, and the other one of blend and learned order where an order was learned."""
    if ours is None:
        table.add(OURS_NAME, view, blend)
        return
    ranked = ours.scores(view, blend)
    blended, learned = ours.probabilities() if view == NEW_ITEMS else ({}, {})
    best, second = (ranked, blend) if ours.passed else (blend, ranked)
    table.add(OURS_NAME, view, best, learned if ours.passed else blended)
    if view != REPEAT_ITEMS:
        table.add(BLEND if ours.passed else RANKED, view, second, blended if ours.passed else learned)


def _as_ours(
    name: str, recipe: Recipe, ours: Recipe, second: SecondChoice | None, learn: Callable[..., SecondChoice]
) -> SecondChoice | None:
    """The order learned for another recipe; that of ours when both are the same."""
    return second if recipe == ours and second is not None else learn(recipe)


def _collaborative(recipe: Recipe, choice: Choice | None) -> Recipe | None:
    """The best recipe that was tried without any text, else ours without its texts; None when nothing is left."""
    tried = [row for row in (choice.tried if choice else []) if row["part"] == NEW_ITEMS]
    ranked = sorted(tried, key=lambda row: -row[METRICS]["recall@20"] * row[METRICS]["ndcg@20"])
    for row in ranked:
        one = Recipe.from_dict(row["recipe"])
        if one.sources and all(source.kind != Content.kind for source in one.sources):
            return replace(
                one,
                repeat_half_life_days=recipe.repeat_half_life_days,
                repeat_trend_power=recipe.repeat_trend_power,
                repeat_share=recipe.repeat_share,
            )
    left = tuple(source for source in recipe.sources if source.kind != Content.kind)
    return replace(recipe, sources=left) if left else None


def _content(recipe: Recipe, known: bool) -> Recipe | None:
    """Likeness of the texts alone, with the same history; None for a catalogue without texts."""
    return replace(recipe, sources=(Source(Content.kind),), trend_power=0.0, prior=0.0) if known else None


class _Ranked:
    """A recipe's learned order on the test customers."""

    def __init__(
        self, second: SecondChoice, trees: Trees, candidates: Candidates, maker: FeatureMaker, recipe: Recipe
    ) -> None:
        self.second = second
        self.passed = second.passed
        self.recipe = recipe
        self.candidates = candidates
        self.maker = maker
        self.trees = trees
        self.share = float(second.facts["blend_share"])
        self.ranked = RankedScores(candidates, SecondStage(maker, trees, blend_share=self.share))
        self._groups: Groups | None = None

    @classmethod
    def of(
        cls,
        second: SecondChoice | None,
        split: TimeSplit,
        scorer: RecipeScores,
        recipe: Recipe,
        target_weight: float,
        extra: ExtraAt,
    ) -> _Ranked | None:
        """None when nothing was learned."""
        if second is None or second.trees is None:
            return None
        candidates, maker = split_candidates(
            split, recipe, scorer.fitted.catalogue, target_weight, extra, fitted=scorer.fitted, scorer=scorer
        )
        return cls(second, second.trees, candidates, maker, recipe)

    def scores(self, view: str, blend: Scores) -> Scores:
        return self.ranked.of(self.recipe, view, blend)

    @property
    def groups(self) -> Groups:
        """The test customers' candidates and what they bought: for calibration, and for the trees that will serve."""
        if self._groups is None:
            self._groups = candidate_groups(self.candidates, self.maker)
        return self._groups

    def probabilities(self) -> tuple[dict[str, float], dict[str, float]]:
        """How far the calibrated probabilities of a purchase are off: of the blend, and of the learned order."""
        groups = self.groups
        unit = groups.features[:, self.maker.names.index("blend_score")]
        blend = self.second.calibration["blend"].predict(unit)
        learned = self.second.calibration["ranked"].predict(self.trees.predict(groups.features))
        return probability_metrics(blend, groups.labels), probability_metrics(learned, groups.labels)

    def newest(self, random_state: int) -> Order:
        """The order that has learned from the tested window as well, for the model that serves from now on."""
        trees = refitted(self.second, self.groups, self.maker.names, random_state=random_state)
        return Order(trees, self.share, self.maker.names)


def _baselines(scorer: RecipeScores, view: str) -> dict[str, Scores]:
    """The trivial models. Personal frequency is filled up with 30-day popularity."""
    frequency = scorer.scores(Recipe(), "repeat_items").candidates
    return {
        POPULAR_30: Scores(None, scorer.order(30.0)),
        POPULAR_ALL: Scores(None, scorer.order(None)),
        PERSONAL: Scores(frequency, scorer.order(30.0)),
    }


class _Table:
    """Rows of metrics, one per model and view."""

    def __init__(self, split: TimeSplit, scorer: RecipeScores, shelf: Shelf, ks: list[int]) -> None:
        self.split = split
        self.scorer = scorer
        self.shelf = shelf
        self.ks = ks
        self.rows: list[dict[str, Any]] = []

    def add(self, name: str, view: str, scores: Scores, more: Mapping[str, float] | None = None) -> None:
        """Rank the customers of ``view`` by ``scores``; ``more`` are metrics that no ranking has."""
        rows = self.split.rows(view)
        ranked = rank(scores, self.split, view, self.ks[-1], self.scorer.popularity)
        metrics = all_metrics(ranked, self.split.truth[view][rows], ks=self.ks)
        metrics |= beyond_accuracy(ranked, self.shelf, self.split.bought[rows], self.ks[-1]) | dict(more or {})
        self.rows.append({MODEL: name, OURS: name == OURS_NAME, SPLIT: view, "users": len(rows), METRICS: metrics})
