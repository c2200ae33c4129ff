"""What the second stage looks at: one row per candidate of one visitor. The same code trains and serves. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..neighbours import NeighbourTable
from .facts import ITEM_COLUMNS, ItemFacts

#: Candidates that are ranked again; those below keep the blend's order.
CANDIDATES = 100
#: Items of a history that are looked at, the strongest first.
HISTORY = 50
#: Neighbours per item that are kept of each source.
NEIGHBOURS = 100

#: What each source's table says: with the weights of the history, of what was met last, and of all items alike.
_OF_TABLES = ("score", "rank", "newest_score", "plain_score")
#: What a source without a table says.
_OF_OTHERS = ("score", "rank")
_VISITOR = (
    "blend_score",
    "blend_rank",
    "sources",
    "met_weight",
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

    @property
    def newest(self) -> NDArray[np.bool_]:
        """Which items were met last: those of one order together; none where no age is known."""
        return np.asarray(self.ages_days == np.nanmin(self.ages_days, initial=np.inf))


class FeatureMaker:
    """Features of candidates from per-source neighbour tables and facts about the items.

    ``tables``: one per source of the recipe, with its ``weight`` in the blend; ``content`` is the position of the table
    of similar texts among them, -1 without one. ``others`` name sources without a table (session neighbours), whose
    scores are given.
    """

    def __init__(
        self,
        names: Sequence[str],
        tables: Sequence[NeighbourTable],
        weights: Sequence[float],
        facts: ItemFacts,
        *,
        content: int = -1,
        others: Sequence[str] = (),
    ) -> None:
        self.source_names = tuple(names)
        self.others = tuple(others)
        self.tables = tuple(tables)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.facts = facts
        self.content = content

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        sources = [f"{name}_{what}" for what in _OF_TABLES for name in self.source_names]
        others = [f"{name}_{what}" for what in _OF_OTHERS for name in self.others]
        return (*sources, *others, *_VISITOR, *ITEM_COLUMNS, POSITION)

    def make(
        self,
        candidates: NDArray[np.integer],
        blend: NDArray[np.floating],
        history: History,
        positions: NDArray[np.floating] | None = None,
        others: Floats | None = None,
    ) -> Floats:
        """float64 [m, len(names)] for ``candidates`` [m] with their ``blend`` scores [m]; NaN = unknown.

        ``positions`` [m]: where the candidates were shown, known in training only. ``others`` [len(self.others), m]:
        scores by the sources without a table, 0 = none.
        """
        items = np.asarray(candidates, dtype=np.int64)
        m = len(items)
        parts = self._contributions(items, history)
        scores = np.einsum("shm,h->sm", parts, history.weights)
        total = np.einsum("s,shm->hm", self.weights, parts) * history.weights[:, None]
        given = np.zeros((len(self.others), m)) if others is None else np.asarray(others, dtype=np.float64)
        plain = parts.sum(axis=1)
        newest = parts[:, history.newest].sum(axis=1)
        said = (plain > 0).sum(axis=0) + (given > 0).sum(axis=0)
        said_by = [scores, _ranks(scores), newest, plain, given, _ranks(given)]
        meant = [scores, scores, newest, plain, given, given]
        columns = np.concatenate(
            [
                *(np.where(known > 0, values, np.nan) for values, known in zip(said_by, meant, strict=True)),
                self._visitor(items, np.asarray(blend), history, parts, total, said),
                self.facts.columns(items),
                np.full((1, m), np.nan) if positions is None else np.asarray(positions, dtype=np.float64)[None, :],
            ]
        )
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
        self,
        items: NDArray[np.int64],
        blend: NDArray[np.floating],
        history: History,
        parts: Floats,
        total: Floats,
        said: NDArray[np.integer],
    ) -> Floats:
        m = len(items)
        result = np.full((len(_VISITOR), m), np.nan)
        result[0] = blend / max(float(np.max(blend, initial=0.0)), 1e-12)
        result[1] = _ranks(blend[None, :])[0]
        result[2] = said
        if not len(history.items) or not m:
            return result
        result[3] = history.weights @ (history.items[:, None] == items[None, :])
        spoken = total > 0
        because = total.argmax(axis=0)
        somebody = spoken.any(axis=0)
        result[4] = spoken.sum(axis=0)
        result[5] = np.where(somebody, history.ages_days[because], np.nan)
        result[6] = np.where(somebody, history.weights[because], np.nan)
        if self.content >= 0:
            result[7] = parts[self.content].max(axis=0)
        price = self.facts.price[items].astype(np.float64)
        result[8] = price
        result[9] = np.log(price / _median(self.facts.price[history.items]))
        category = self.facts.category[items]
        same = category[None, :] == self.facts.category[history.items][:, None]
        share = (same * history.weights[:, None]).sum(axis=0) / history.weights.sum()
        result[10] = np.where(category >= 0, share, np.nan)
        result[11] = len(history.items)
        result[12] = np.nan if np.isnan(history.ages_days).all() else np.nanmin(history.ages_days)
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
