"""Popular in a context: what is wanted by people who came from there, on such a device, from that country. Numpy only.

For visitors of whom nothing but the circumstances is known, and for what is trending in a country.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..columns import SECONDS_PER_DAY
from ..contexts import COUNTRY, DIMENSIONS, Contexts
from ..frames import IdMap
from .neighbours import FloatArray, IntArray, strongest

#: Meetings in a cell at which its own numbers count for as much as those of the wider cells around it.
PRIOR = 50.0
#: A cell needs so many (weighted) meetings to be kept, and at most so many cells are.
LEAST, MOST_CELLS = 10.0, 500
#: Products kept per cell, and products among which a cell may choose.
KEPT, POOL = 100, 4000
HALF_LIFE_DAYS = 30.0

Key = tuple[tuple[int, int], ...]
Arrays = dict[str, NDArray[np.generic]]


def cell_name(known: Mapping[str, str]) -> str:
    """The name of a cell: ``country=DE|device=mobile``; dimensions in their order, unknown ones left out."""
    return "|".join(f"{dimension}={known[dimension]}" for dimension in DIMENSIONS if known.get(dimension))


def context_arrays(
    contexts: Contexts, *, n_items: int, now: int, active: NDArray[np.bool_], half_life_days: float = HALF_LIFE_DAYS
) -> Arrays:
    """``context_names`` [G] S sorted, ``context_items`` int32 [G, k] best first (-1 padded), ``context_scores``
    float32 [G, k] (probabilities), ``context_meetings`` float32 [G]; empty when nothing is known.

    Meetings count by weight, halved every ``half_life_days``. ``p(item | cell)`` is the cell's own share, drawn to the
    mean of the cells one dimension wider by `PRIOR` meetings, those to theirs, up to the whole shop: one mobile
    visitor from Malta does not make a taste of Maltese mobiles.
    Source: MacKay and Peto, "A hierarchical Dirichlet language model", 1995 (the smoothing); Cestnik, "Estimating
    probabilities", 1990 (m-estimate).
    """
    past = contexts.times <= now
    items, codes = contexts.items[past], contexts.codes[past]
    ages = (now - contexts.times[past]) / SECONDS_PER_DAY
    weights = contexts.weights[past].astype(np.float64) * 0.5 ** np.minimum(ages / half_life_days, 500.0)
    weights = np.minimum(weights, 1e6)
    shop = np.bincount(items, weights=weights, minlength=n_items) * active
    pool = np.flatnonzero(shop)
    if not len(pool):
        return _laid_out({}, {}, pool, contexts)
    pool = np.sort(pool[strongest(shop[pool], POOL)])
    at = np.full(n_items, -1)
    at[pool] = np.arange(len(pool))
    inside = at[items] >= 0
    items, codes, weights = at[items[inside]], codes[inside], weights[inside]
    cells = _cells(codes, weights)
    shares: dict[Key, NDArray[np.float64]] = {(): shop[pool] / shop[pool].sum()}
    for key in sorted(cells, key=lambda one: (len(one), one)):
        mine = np.all([codes[:, dimension] == value for dimension, value in key], axis=0)
        own = np.bincount(items[mine], weights=weights[mine], minlength=len(pool))
        around = [shares[tuple(x for x in key if x != left)] for left in key]
        shares[key] = (own + PRIOR * np.mean(around, axis=0)) / (own.sum() + PRIOR)
    return _laid_out(cells, shares, pool, contexts)


def _cells(codes: NDArray[np.int32], weights: NDArray[np.float64]) -> dict[Key, float]:
    """The cells with `LEAST` meetings or more, the most met first, each with every wider cell of its own."""
    found: dict[Key, float] = {}
    for size in range(1, len(DIMENSIONS) + 1):
        for dimensions in combinations(range(len(DIMENSIONS)), size):
            part = codes[:, dimensions]
            known = (part >= 0).all(axis=1)
            if not known.any():
                continue
            values, inverse = np.unique(part[known], axis=0, return_inverse=True)
            totals = np.bincount(inverse.ravel(), weights=weights[known])
            for value, total in zip(values.tolist(), totals.tolist(), strict=True):
                if total >= LEAST:
                    found[tuple(zip(dimensions, value, strict=True))] = total
    best = sorted(found, key=lambda key: (len(key), -found[key], key))[:MOST_CELLS]  # wider cells first
    return {key: found[key] for key in best}


def _laid_out(
    cells: Mapping[Key, float], shares: Mapping[Key, NDArray[np.float64]], pool: NDArray[np.int64], contexts: Contexts
) -> Arrays:
    named = {
        cell_name({DIMENSIONS[dimension]: contexts.names[dimension][value] for dimension, value in key}): key
        for key in cells
    }
    ids = IdMap.from_ids(name for name in named if len(name.encode()) <= 256)
    names = [bytes(one).decode() for one in ids.ids]
    width = min(KEPT, len(pool))
    items = np.full((len(names), width), -1, dtype=np.int32)
    scores = np.zeros((len(names), width), dtype=np.float32)
    for row, name in enumerate(names):
        share = shares[named[name]]
        best = strongest(share.astype(np.float32), width)
        items[row], scores[row] = pool[best], share[best]
    meetings = np.array([cells[named[name]] for name in names], dtype=np.float32)
    return {
        "context_names": ids.ids,
        "context_items": items,
        "context_scores": scores,
        "context_meetings": meetings,
    }


class ContextShelf:
    """Reads `context_arrays`."""

    def __init__(self, names: IdMap, items: IntArray, scores: FloatArray, meetings: FloatArray) -> None:
        self.names, self.items, self.scores, self.meetings = names, items, scores, meetings

    def best(self, known: Mapping[str, str]) -> tuple[IntArray, FloatArray]:
        """Items and probabilities of the narrowest kept cell that ``known`` fits; of equally narrow ones the one with
        the most meetings. Empty when none is kept.
        """
        given = [dimension for dimension in DIMENSIONS if known.get(dimension)]
        for size in range(len(given), 0, -1):
            wanted = [cell_name({d: known[d] for d in some}) for some in combinations(given, size)]
            rows = self.names.encode(wanted)
            rows = rows[rows >= 0]
            if len(rows):
                row = int(rows[np.argmax(self.meetings[rows])])
                keep = self.items[row] >= 0
                return np.asarray(self.items[row][keep]), np.asarray(self.scores[row][keep])
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)

    def country(self, country: str) -> tuple[IntArray, FloatArray]:
        """What is wanted in a country; empty when it has no cell of its own."""
        return self.best({COUNTRY: country}) if country else (np.empty(0, np.int32), np.empty(0, np.float32))
