"""Score the test customers of a split with a recipe, as the served artifact would. Needs scipy.

While recipes are being tried, the places of products that nobody has met (`coldmap.with_cold`) are left out; a test of
what is served gives `RecipeScores` the `Discovery` to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..columns import NEW_ITEMS, REPEAT_ITEMS, SECONDS_PER_DAY
from ..evaluate.ranking import Scores, order_by
from ..evaluate.split import TimeSplit
from ..frames import Interactions
from .base import distinct_users
from .discovery import Discovery, known_at
from .fold import Fitted, unit_maximum
from .matrix import decay, pair_matrix, table_to_csr
from .popularity import trending_score
from .prior import popular_head, unit_popularity
from .recipe import Recipe, Source
from .repeat import Repeat, due, usual_intervals
from .sessions import SessionKNN

#: Score matrices that are kept at once while blends are tried; the oldest leaves first.
KEPT_PARTS = 16
#: Items up to which a test judges products that nobody has met as well.
MOST_PLACED = 20_000


class RecipeScores:
    """Scores of one split's customers for any recipe; tables and histories are shared between similar recipes."""

    def __init__(
        self,
        split: TimeSplit,
        fitted: Fitted,
        *,
        target_weight: float = 0.0,
        folded: bool = True,
        served: Discovery | None = None,
        own_rows: bool = False,
    ) -> None:
        """``folded = False`` adds up the sources' scores without making their common table: blends are tried faster,
        and what the table would prune away still counts. ``served`` (over ``fitted``): the table as it is stored, with
        cold products in their places. ``own_rows``: where rows of the table are dear, only those that these customers'
        histories need are made (so it is not for other customers, `over`)."""
        self.is_folded = folded or served is not None
        self.served = served
        self.own_rows = own_rows
        self.split = split
        self.fitted = fitted
        self.target_weight = target_weight
        self.popularity = distinct_users(split.train)
        #: what the test customers did before the cut; nobody else's history is looked at again for every recipe
        own = split.history
        own = split.train if own is None else own
        self.own = own.rows(np.isin(own.users, split.users))
        self._tables: dict[tuple[object, ...], sparse.csr_matrix] = {}
        self._histories: dict[tuple[object, ...], sparse.csr_matrix] = {}
        self._parts: dict[tuple[object, ...], sparse.csr_matrix] = {}
        self._orders: dict[float | None, NDArray[np.int64]] = {}

    @classmethod
    def as_served(
        cls, split: TimeSplit, fitted: Fitted, *, target_weight: float = 0.0, random_state: int = 0
    ) -> RecipeScores:
        """Scores of the table that `build` would have stored at the cut: products nobody has met in their places.

        Above `MOST_PLACED` items they are left out, as placing them costs as much as many trials.
        """
        if split.train.n_items > MOST_PLACED:
            return cls(split, fitted, target_weight=target_weight)
        active = known_at(fitted.catalogue, distinct_users(split.train), split.cut)
        served = Discovery(fitted, active=active, random_state=random_state)
        return cls(split, fitted, target_weight=target_weight, served=served)

    def over(self, split: TimeSplit) -> RecipeScores:
        """The same models over other customers; tables that are made already are shared."""
        other = RecipeScores(
            split, self.fitted, target_weight=self.target_weight, folded=self.is_folded, served=self.served
        )
        other._tables = self._tables
        return other

    def scores(self, recipe: Recipe, view: str) -> Scores:
        """What the recipe recommends in this view, before masking."""
        order = self.order(recipe.trending_days)
        if view == NEW_ITEMS:
            return Scores(self._discovery(recipe), order)
        repeat = self._repeat(recipe)
        if view == REPEAT_ITEMS:
            return Scores(repeat, order)
        discovery = self._discovery(recipe)

        def mixed(rows: NDArray[np.int64]) -> sparse.csr_matrix:
            again = recipe.repeat_share * unit_maximum(repeat[rows])
            return sparse.csr_matrix(unit_maximum(discovery(rows)) + again)

        return Scores(mixed, order)

    def order(self, trending_days: float | None) -> NDArray[np.int64]:
        """The fallback: trending, then all-time popularity."""
        if trending_days not in self._orders:
            self._orders[trending_days] = order_by(self.trending(trending_days), self.popularity)
        return self._orders[trending_days]

    def trending(self, trending_days: float | None) -> NDArray[np.float32]:
        """Recent customers per item (those who only looked count by their weight), -1 for what is not for sale."""
        trending = trending_score(self.split.train, now=self.split.cut, window_days=trending_days)
        if self.fitted.catalogue is not None:
            trending = np.where(self.fitted.catalogue.active, trending, np.float32(-1))
        return trending

    def discovery(self, recipe: Recipe) -> Callable[[NDArray[np.int64]], sparse.csr_matrix]:
        """Discovery's scores of some customers (positions in ``split.users``), before masking."""
        return self._discovery(recipe)

    def history(self, recipe: Recipe) -> sparse.csr_matrix:
        """Test customers x items: what they did before the cut, as the recipe weighs it."""
        return self._history(recipe)

    def repeats(self, recipe: Recipe) -> sparse.csr_matrix:
        """Test customers x items: how much each would want what was bought before."""
        return self._repeat(recipe)

    def _discovery(self, recipe: Recipe) -> Callable[[NDArray[np.int64]], sparse.csr_matrix]:
        scored = self._scored if self.is_folded else self._added
        if not recipe.prior:
            return scored(recipe)
        discovery = scored(recipe)
        popular = recipe.prior * unit_popularity(self.trending(recipe.trending_days))
        head = popular_head(self.order(recipe.trending_days), popular)
        return lambda rows: with_prior(discovery(rows), popular, head)

    def _scored(self, recipe: Recipe) -> Callable[[NDArray[np.int64]], sparse.csr_matrix]:
        """Through the folded table, as it is served."""
        key = (
            tuple((source.key(), source.weight) for source in recipe.sources),
            recipe.trend_power,
            recipe.trend_days,
            recipe.source_power,
            recipe.target_power,
            recipe.neighbours,
        )
        if key not in self._tables:
            self._tables[key] = _ordered(
                table_to_csr(self.served.table(recipe, self.popularity))
                if self.served is not None
                else self.fitted.served(recipe, self.popularity, np.unique(self.own.items) if self.own_rows else None)
            )
        history, table = self._history(recipe), self._tables[key]
        return lambda rows: sparse.csr_matrix(history[rows] @ table)

    def _added(self, recipe: Recipe) -> Callable[[NDArray[np.int64]], sparse.csr_matrix]:
        """The sources' scores of all customers, each computed once per history weighting and then added up."""
        linear = [source for source in recipe.sources if source.kind != SessionKNN.kind]
        visits = [source for source in recipe.sources if source.kind == SessionKNN.kind]
        total = self.linear(recipe, linear)
        if visits and linear:  # both on the scale of one visit: the best score is the weight
            total = unit_maximum(total) * sum(source.weight for source in linear)
        for source in visits:
            total = sparse.csr_matrix(total + source.weight * self.part(recipe, source))
        return lambda rows: total[rows]

    def linear(self, recipe: Recipe, sources: Sequence[Source]) -> sparse.csr_matrix:
        """The weighted sum of ``sources`` (tables and low-rank ones) [m, n] with the scales of ``recipe``."""
        columns = self.fitted.scales(recipe)[1]
        total = sparse.csr_matrix((len(self.split.users), len(columns)))
        for source in sources:
            total = total + source.weight * self.part(recipe, source)
        total = sparse.csr_matrix(total @ sparse.diags(columns))
        total.eliminate_zeros()
        return total

    def part(self, recipe: Recipe, source: Source) -> sparse.csr_matrix:
        """What one source says about all customers [m, n], before weights and the columns' scale.

        Of the recipe only the weighting of the histories counts. Session neighbours: the best of each visit is 1.
        """
        visits = source.kind == SessionKNN.kind
        weighting = (recipe.history_half_life_days, recipe.history_step_decay, recipe.source_power)
        key = (*(() if visits else weighting), source.key())
        if key not in self._parts:
            if visits:
                made = self.fitted.session_candidates(source, self.own)[self.split.users]
            else:
                rows = self.fitted.scales(recipe)[0]
                made = self.fitted.candidates(source, sparse.csr_matrix(self._history(recipe) @ sparse.diags(rows)))
            if len(self._parts) >= KEPT_PARTS:
                self._parts.pop(next(iter(self._parts)))
            self._parts[key] = made
        return self._parts[key]

    def _history(self, recipe: Recipe) -> sparse.csr_matrix:
        key = (recipe.history_half_life_days, recipe.history_step_decay)
        if key not in self._histories:
            self._histories[key] = _ordered(user_history(self.own, *key)[self.split.users])
        return self._histories[key]

    def _repeat(self, recipe: Recipe) -> sparse.csr_matrix:
        own = self.own.at_least(self.target_weight)
        counts = purchase_counts(own, self.split.cut, recipe.repeat_half_life_days)[self.split.users]
        model = Repeat(trend_power=recipe.repeat_trend_power, trend_days=recipe.trend_days)
        train = self.split.train.at_least(self.target_weight)
        boost = model.fit(train, now=self.split.cut).boost_
        if recipe.repeat_cycle:
            counts = sparse.csr_matrix(counts.multiply(due_matrix(own, train, self.split, recipe.repeat_cycle)))
        return sparse.csr_matrix(counts @ sparse.diags(boost.astype(np.float64)))


def _ordered(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Sorted in place: SciPy sorts when an operation needs it, and sums in another order would round otherwise."""
    matrix.sort_indices()
    return matrix


def user_history(
    interactions: Interactions, half_life_days: float | None, step_decay: float | None = None
) -> sparse.csr_matrix:
    """Users x items: the strongest decayed weight of each pair; the last interaction of all has age zero.

    With ``step_decay`` a weight is also multiplied by it once for every different item that the user met after it.
    """
    last = int(interactions.times[-1]) if len(interactions) else 0
    weights = interactions.weights * decay(interactions.times, last, half_life_days)
    if step_decay is not None:
        weights = weights * step_decay ** np.minimum(steps_back(interactions), 500)
    return pair_matrix(interactions, weights)


def steps_back(interactions: Interactions) -> NDArray[np.int64]:
    """How many different items the same user met after his last meeting with this row's item: int64 [rows]."""
    rows = len(interactions)
    newest_first = np.arange(rows)[::-1]
    key = interactions.users[::-1].astype(np.int64) * max(interactions.n_items, 1) + interactions.items[::-1]
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    fresh = np.zeros(rows, dtype=np.int64)
    fresh[first] = 1  # the last meeting with each item
    order = np.lexsort((np.arange(rows), interactions.users[::-1]))
    counted = np.cumsum(fresh[order])
    users = interactions.users[::-1][order]
    starts = np.searchsorted(users, users, side="left")
    before = counted - counted[starts] + 1 if rows else counted  # the first of every user is fresh
    steps = np.empty(rows, dtype=np.int64)
    steps[order] = before - 1
    result = np.empty(rows, dtype=np.int64)
    result[newest_first] = steps[first[inverse]]
    return result


def purchase_counts(interactions: Interactions, now: int, half_life_days: float | None) -> sparse.csr_matrix:
    """Users x items: in how many baskets, each decayed by its age; several lines of one basket count once."""
    once = _first_of_basket(interactions)
    return pair_matrix(once, decay(once.times, now, half_life_days), aggregate="sum")


def due_matrix(own: Interactions, train: Interactions, split: TimeSplit, cycle: float) -> sparse.csr_matrix:
    """Test customers x items: how due each purchased item is at the cut (`repeat.due`), to the power ``cycle``.

    ``own`` holds the customers' purchases, ``train`` everybody's, from which the items' usual intervals come.
    """
    once = _first_of_basket(own)
    ages = np.maximum(split.cut - once.times, 0) / SECONDS_PER_DAY
    key = once.users.astype(np.int64) * max(once.n_items, 1) + once.items
    pairs, at = np.unique(key, return_inverse=True)
    last, first = np.full(len(pairs), np.inf), np.zeros(len(pairs))
    np.minimum.at(last, at, ages)
    np.maximum.at(first, at, ages)
    users, items = np.divmod(pairs, max(once.n_items, 1))
    values = due(last, first, np.bincount(at, minlength=len(pairs)), usual_intervals(train)[items]) ** cycle
    return sparse.csr_matrix((values, (users, items)), shape=(once.n_users, once.n_items))[split.users]


def _first_of_basket(interactions: Interactions) -> Interactions:
    rows = np.lexsort((interactions.baskets, interactions.items, interactions.users))
    columns = (interactions.users[rows], interactions.items[rows], interactions.baskets[rows])
    new = np.zeros(len(rows), dtype=bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    new |= columns[2] < 0  # lines outside baskets stand alone
    keep = np.zeros(len(rows), dtype=bool)
    keep[rows[new]] = True
    return interactions.rows(keep)


def with_prior(scores: sparse.csr_matrix, popular: NDArray[np.floating], head: NDArray[np.int64]) -> sparse.csr_matrix:
    """Rows divided by their largest score, plus ``popular`` [n] on every candidate and on the items in ``head``.

    Rows without any candidate stay empty: nothing is known about these customers.
    """
    result = unit_maximum(scores)
    known = np.diff(result.indptr) > 0
    result.data = result.data + popular[result.indices]
    everywhere = sparse.csr_matrix((np.ones(len(head)), (np.zeros(len(head), dtype=int), head)), (1, len(popular)))
    everybody = sparse.csr_matrix(known.astype(np.float64)[:, None]) @ everywhere
    pattern = sparse.csr_matrix((np.ones(result.nnz), result.indices, result.indptr), shape=result.shape)
    missing = sparse.csr_matrix(everybody - everybody.multiply(pattern))
    missing.eliminate_zeros()
    missing.data = popular[missing.indices].astype(np.float64)
    return sparse.csr_matrix(result + missing)
