"""What the second stage looks at: one row per candidate of one visitor. The same code trains and serves. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..neighbours import NeighbourTable
from .facts import ITEM_COLUMNS, ItemFacts

#: Candidates that are ranked again; those below keep the blend's order.
CANDIDATES = 200
#: Items of a history that are looked at, the strongest first.
HISTORY = 50
#: Neighbours per item that are kept of each source.
NEIGHBOURS = 100

_VISITOR = (
    "blend_score",
    "blend_rank",
    "speakers",
    "because_age_days",
    "because_weight",
    "content_similarity",
    "price",
    "price_to_usual",
    "category_share",
    "history_items",
    "history_age_days",
)
POSITION = "position"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """What a visitor did: different ``items`` int [h], decayed ``weights`` float [h] > 0, ``ages_days`` float [h].

    Ages that are not known are NaN. `History.of` keeps the strongest.
    """

    items: NDArray[np.int64]
    weights: Floats
    ages_days: Floats

    @classmethod
    def of(cls, items: NDArray[np.integer], weights: NDArray[np.floating], ages_days: NDArray[np.floating]) -> History:
        """The `HISTORY` strongest items with a weight above 0; the strongest has 1; of equals the newer come first."""
        item, weight = np.asarray(items, dtype=np.int64), np.nan_to_num(np.asarray(weights, dtype=np.float64))
        age = np.asarray(ages_days, dtype=np.float64)
        order = np.lexsort((item, np.nan_to_num(age), -weight))[:HISTORY]
        order = order[weight[order] > 0]
        top = weight[order].max(initial=0.0) or 1.0
        return cls(item[order], weight[order] / top, age[order])


class FeatureMaker:
    """Features of candidates from per-source neighbour tables and facts about the items.

    ``tables``: one per source of the recipe, with its ``weight`` in the blend; ``content`` is the position of the table
    of similar texts among them, -1 without one.
    """

    def __init__(
        self,
        names: Sequence[str],
        tables: Sequence[NeighbourTable],
        weights: Sequence[float],
        facts: ItemFacts,
        *,
        content: int = -1,
    ) -> None:
        self.source_names = tuple(names)
        self.tables = tuple(tables)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.facts = facts
        self.content = content

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        sources = [f"{name}_{what}" for what in ("score", "rank") for name in self.source_names]
        return (*sources, *_VISITOR, *ITEM_COLUMNS, POSITION)

    def make(
        self,
        candidates: NDArray[np.integer],
        blend: NDArray[np.floating],
        history: History,
        positions: NDArray[np.floating] | None = None,
    ) -> Floats:
        """float64 [m, len(names)] for ``candidates`` [m] with their ``blend`` scores [m]; NaN = unknown.

        ``positions`` [m]: where the candidates were shown, known in training only.
        """
        items = np.asarray(candidates, dtype=np.int64)
        m = len(items)
        parts = self._contributions(items, history)
        scores = np.einsum("shm,h->sm", parts, history.weights)
        total = np.einsum("s,shm->hm", self.weights, parts) * history.weights[:, None]
        columns = np.empty((len(self.names), m))
        n = len(self.tables)
        columns[:n] = np.where(scores > 0, scores, np.nan)
        columns[n : 2 * n] = np.where(scores > 0, _ranks(scores), np.nan)
        columns[2 * n : 2 * n + len(_VISITOR)] = self._visitor(items, np.asarray(blend), history, parts, total)
        columns[2 * n + len(_VISITOR) : -1] = self.facts.columns(items)
        columns[-1] = np.nan if positions is None else positions
        return np.ascontiguousarray(columns.T)

    def _contributions(self, items: NDArray[np.int64], history: History) -> Floats:
        """What each source says about each candidate for each item of the history: [sources, h, m]."""
        h, m = len(history.items), len(items)
        parts = np.zeros((len(self.tables), h, m))
        if not h or not m:
            return parts
        order = np.argsort(items)
        ordered = items[order]
        for source, table in enumerate(self.tables):
            targets = np.asarray(table.indices[history.items])
            at = np.minimum(np.searchsorted(ordered, targets), m - 1)
            row, place = np.nonzero(ordered[at] == targets)
            parts[source, row, order[at[row, place]]] = np.asarray(table.scores[history.items])[row, place]
        return parts

    def _visitor(
        self, items: NDArray[np.int64], blend: NDArray[np.floating], history: History, parts: Floats, total: Floats
    ) -> Floats:
        m = len(items)
        result = np.full((len(_VISITOR), m), np.nan)
        result[0] = blend / max(float(np.max(blend, initial=0.0)), 1e-12)
        result[1] = _ranks(blend[None, :])[0]
        if not len(history.items) or not m:
            return result
        spoken = total > 0
        because = total.argmax(axis=0)
        somebody = spoken.any(axis=0)
        result[2] = spoken.sum(axis=0)
        result[3] = np.where(somebody, history.ages_days[because], np.nan)
        result[4] = np.where(somebody, history.weights[because], np.nan)
        if self.content >= 0:
            result[5] = parts[self.content].max(axis=0)
        price = self.facts.price[items].astype(np.float64)
        result[6] = price
        result[7] = np.log(price / _median(self.facts.price[history.items]))
        category = self.facts.category[items]
        same = category[None, :] == self.facts.category[history.items][:, None]
        share = (same * history.weights[:, None]).sum(axis=0) / history.weights.sum()
        result[8] = np.where(category >= 0, share, np.nan)
        result[9] = len(history.items)
        result[10] = np.nan if np.isnan(history.ages_days).all() else np.nanmin(history.ages_days)
        return result


def _ranks(scores: NDArray[np.floating]) -> Floats:
    """Rank of each score in its row, 1 = the best; of equal ones the earlier is better."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape)
    np.put_along_axis(ranks, order, np.arange(1.0, scores.shape[1] + 1)[None, :], axis=1)
    return ranks


def _median(prices: NDArray[np.floating]) -> float:
    known = prices[prices > 0]
    return float(np.median(known)) if known.size else float("nan")
