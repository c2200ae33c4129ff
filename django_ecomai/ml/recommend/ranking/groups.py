"""Training data of the second stage: the candidates of each customer of a split, and what he bought afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...columns import NEW_ITEMS, SECONDS_PER_DAY
from ...evaluate.split import TimeSplit
from ...frames import Catalogue, Interactions
from ...threads import one_blas_thread
from ..base import distinct_users
from ..content import Content
from ..fold import Fitted, low_rank, some_rows, spread
from ..gfcf import strongest_cells
from ..matrix import blocks, pair_matrix, row_blocks, table_from_blocks
from ..neighbours import NeighbourTable, strongest
from ..popularity import popularity_score, trend_boost
from ..recipe import Recipe, Source
from ..scoring import RecipeScores
from ..sessions import SessionKNN
from .facts import ItemFacts, item_ages
from .features import CANDIDATES, NEIGHBOURS, FeatureMaker, History


@dataclass(frozen=True, eq=False)
class Extra:
    """What the shop knows about the items beyond the catalogue, as of one moment: float32 [n], NaN unknown."""

    ctr: NDArray[np.float32] | None = None
    cvr: NDArray[np.float32] | None = None
    in_stock: NDArray[np.float32] | None = None
    margin: NDArray[np.float32] | None = None


#: ``extra(moment)``: what was known before ``moment`` (epoch seconds).
ExtraAt = Callable[[int], Extra]


def nothing_extra(moment: int) -> Extra:
    """The default: nothing is known."""
    return Extra()


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows of all candidates, customer by customer: ``features`` [N, F], ``labels`` [N] (1 = bought later).

    ``sizes`` [G]: candidates per customer; ``owners`` [G]: positions in the split's ``users``; ``relevant`` [G]: all
    that the customer bought later, also what was no candidate.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.int8]
    sizes: NDArray[np.int64]
    owners: NDArray[np.int64]
    relevant: NDArray[np.int64]

    def head(self, most: int) -> Groups:
        """The first ``most`` candidates of every group: what stands below teaches little about the top."""
        place = np.arange(len(self.labels)) - np.repeat(np.cumsum(self.sizes) - self.sizes, self.sizes)
        keep = place < most
        return replace(
            self,
            features=self.features[keep],
            labels=self.labels[keep],
            sizes=np.minimum(self.sizes, most),
        )

    def some(self, keep: NDArray[np.bool_]) -> Groups:
        """The groups that ``keep`` [G] names."""
        rows = np.repeat(keep, self.sizes)
        parts = (self.sizes[keep], self.owners[keep], self.relevant[keep])
        return Groups(self.features[rows], self.labels[rows], *parts)

    @classmethod
    def joined(cls, parts: list[Groups]) -> Groups:
        """Several sets as one; ``owners`` then mean positions in different splits."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__dataclass_fields__))


def no_groups(width: int) -> Groups:
    """No group at all, with ``width`` features."""
    return Groups(np.empty((0, width)), np.empty(0, np.int8), *(np.empty(0, dtype=np.int64) for _ in range(3)))


def feature_maker(
    recipe: Recipe,
    fitted: Fitted,
    *,
    extra: Extra | None = None,
    keep: int = NEIGHBOURS,
    items: NDArray[np.int64] | None = None,
) -> FeatureMaker:
    """The tables of the recipe's sources (and of content, whatever the recipe), and the facts, all from ``fitted``.

    Nothing later than ``fitted.now`` is in them. Session neighbours have no table: their scores are given
    (`Candidates.others`). ``items`` (ascending): all that the histories hold; dense rows are made for no others.
    """
    sources = [source for source in recipe.sources if source.kind != SessionKNN.kind]
    weights = [source.weight for source in sources]
    has_text = fitted.catalogue is not None and any(fitted.catalogue.title)
    if has_text and all(source.kind != Content.kind for source in sources):
        sources.append(Source(Content.kind))
        weights.append(0.0)
    popularity = distinct_users(fitted.interactions)
    tables = [_table(source, fitted, keep, popularity, items) for source in sources]
    content = next((place for place, source in enumerate(sources) if source.kind == Content.kind), -1)
    facts = item_facts(fitted, recipe, extra)
    return FeatureMaker(_names(sources), tables, weights, facts, content=content, others=_names(visits_of(recipe)))


def visits_of(recipe: Recipe) -> list[Source]:
    """The recipe's session neighbours."""
    return [source for source in recipe.sources if source.kind == SessionKNN.kind]


def _names(sources: list[Source]) -> list[str]:
    names: list[str] = []
    for source in sources:
        same = sum(one.split("-")[0] == source.kind for one in names)
        names.append(f"{source.kind}-{same + 1}" if same else source.kind)
    return names


def item_facts(fitted: Fitted, recipe: Recipe, extra: Extra | None = None) -> ItemFacts:
    """Facts about the items from what happened up to ``fitted.now``."""
    interactions, now = fitted.interactions.before(fitted.now + 1), fitted.now
    n = interactions.n_items
    catalogue = fitted.catalogue or Catalogue.build(n)
    extra = extra or Extra()
    unknown = np.full(n, np.nan, dtype=np.float32)
    first = np.full(n, -1, dtype=np.int64)
    first[interactions.items[::-1]] = interactions.times[::-1]  # the first row of each item is written last
    span = max(now - int(interactions.times[0]), 1) / SECONDS_PER_DAY if len(interactions) else 1.0
    trend = trend_boost(
        popularity_score(interactions, now=now, window_days=recipe.trend_days, weighted=False),
        distinct_users(interactions),
        power=1.0,
        window_share=recipe.trend_days / max(span, recipe.trend_days),
    )
    names = sorted({name for name in catalogue.category if name})
    code = {name: place for place, name in enumerate(names)}
    return ItemFacts(
        popularity=fitted.customers.astype(np.float32),
        trend=trend.astype(np.float32),
        age_days=item_ages(catalogue.created, first, now),
        ctr=unknown if extra.ctr is None else extra.ctr,
        cvr=unknown if extra.cvr is None else extra.cvr,
        in_stock=unknown if extra.in_stock is None else extra.in_stock,
        margin=unknown if extra.margin is None else extra.margin,
        price=catalogue.price.astype(np.float32),
        category=np.array([code.get(name, -1) for name in catalogue.category], dtype=np.int32),
    )


def _table(
    source: Source, fitted: Fitted, keep: int, popularity: NDArray[np.floating], items: NDArray[np.int64] | None
) -> NeighbourTable:
    n = fitted.interactions.n_items
    if not low_rank(source):
        return table_from_blocks(row_blocks(fitted.matrix(source)), n, keep, popularity)
    left, right = fitted.factors(source)
    parts = (
        (part.start, spread(strongest_cells(left[rows] @ right.T, min(keep + 1, n)), rows, part))
        for part, rows in some_rows(n, items)
    )
    with one_blas_thread():
        return table_from_blocks(parts, n, keep, popularity)


class Candidates:
    """The blend's candidates and the histories of a split's customers, as they are served."""

    def __init__(self, split: TimeSplit, scorer: RecipeScores, recipe: Recipe) -> None:
        self.split = split
        self.scorer = scorer
        self.scores = scorer.discovery(recipe)
        self.weights = scorer.history(recipe)
        self.last = _last_met(scorer.own, split)
        self._others = [scorer.part(recipe, source) for source in visits_of(recipe)]
        self._scratch = np.zeros(split.train.n_items)

    def of(self, row: int, scores: sparse.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Items new to the customer and their blend scores, best first, at most `CANDIDATES`."""
        items, values = scores.indices, scores.data
        bought = self.split.bought.indices[self.split.bought.indptr[row] : self.split.bought.indptr[row + 1]]
        keep = (values > 0) & ~np.isin(items, bought)
        items, values = items[keep], values[keep]
        top = strongest(values, CANDIDATES, self.scorer.popularity[items], -items.astype(np.int64))
        return items[top].astype(np.int64), values[top]

    def others(self, row: int, items: NDArray[np.integer]) -> NDArray[np.float64] | None:
        """Scores [sources, len(items)] by session neighbours, 0 = none; None when the recipe has none."""
        if not self._others:
            return None
        found = np.empty((len(self._others), len(items)))
        for place, part in enumerate(self._others):
            cells = slice(part.indptr[row], part.indptr[row + 1])
            self._scratch[part.indices[cells]] = part.data[cells]
            found[place] = self._scratch[items]
            self._scratch[part.indices[cells]] = 0
        return found

    def history(self, row: int) -> History:
        """What the customer did before the cut."""
        own = self.weights[row]
        known = dict(zip(self.last[row].indices.tolist(), self.last[row].data.tolist(), strict=True))
        ages = np.array([self.split.cut / SECONDS_PER_DAY - known[item] for item in own.indices.tolist()])
        return History.of(own.indices, own.data, ages)


def candidate_groups(candidates: Candidates, maker: FeatureMaker) -> Groups:
    """One group per customer who bought something new after the cut; groups without a hit are left out."""
    split = candidates.split
    rows = split.rows(NEW_ITEMS)
    truth = split.truth[NEW_ITEMS]
    found: list[tuple[Any, ...]] = []
    for block in blocks(len(rows), split.train.n_items):
        chunk = candidates.scores(rows[block])
        for offset, row in enumerate(rows[block].tolist()):
            items, values = candidates.of(row, chunk[offset])
            true = truth.indices[truth.indptr[row] : truth.indptr[row + 1]]
            labels = np.isin(items, true)
            if labels.any():
                made = maker.make(items, values, candidates.history(row), others=candidates.others(row, items))
                found.append((made, labels, row, len(true)))
    if not found:
        return no_groups(len(maker.names))
    return Groups(
        features=np.concatenate([one[0] for one in found]),
        labels=np.concatenate([one[1] for one in found]).astype(np.int8),
        sizes=np.array([len(one[1]) for one in found], dtype=np.int64),
        owners=np.array([one[2] for one in found], dtype=np.int64),
        relevant=np.array([one[3] for one in found], dtype=np.int64),
    )


def _last_met(own: Interactions, split: TimeSplit) -> sparse.csr_matrix:
    """Test customers x items: day (since 1970) of the last meeting."""
    days = own.times / SECONDS_PER_DAY
    return pair_matrix(own, np.maximum(days, 1e-9))[split.users]
