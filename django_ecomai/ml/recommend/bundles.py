"""Frequently bought together: for each product the sets of two or three that share baskets beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .copurchase import log_likelihood_ratio
from .neighbours import FloatArray, IntArray, NeighbourTable

#: Bundles kept per product.
KEPT = 3
#: Strongest companions of a product that are tried in threes.
COMPANIONS = 8


@dataclass(frozen=True, eq=False)
class BundleTable:
    """``items`` int32 [n, `KEPT`, 2]: the others of each set, the second -1 in a pair, both -1 = no more; ``support``
    int32 [n, `KEPT`] baskets that hold the whole set; ``lift`` float32 ``P(all) / product of P(each)``; ``scores``
    float32: the root of the log-likelihood ratio of the set's weakest link.
    """

    items: IntArray
    support: IntArray
    lift: FloatArray
    scores: FloatArray


def bundles(
    baskets: sparse.csr_matrix,
    together: NeighbourTable,
    *,
    active: NDArray[np.bool_],
    min_support: int = 3,
    min_llr: float = 10.83,
) -> BundleTable:
    """The best sets around each item, from ``baskets`` [b, n] of ones and the significant pairs in ``together``.

    A triple counts when each of its pairs is significant and its third item joins the pair more often than chance
    explains (``min_llr`` 10.83: p = 0.001), with ``min_support`` baskets. Triples come before pairs: a set of three
    that holds is the better offer; among equals the higher score. Items that are not for sale are in no set.
    Source: Brin, Motwani and Silverstein, "Beyond market baskets: generalizing association rules to correlations",
    SIGMOD 1997 (significance instead of confidence); the test is Dunning's, 1993.
    """
    n, total = together.n_items, baskets.shape[0]
    by_item = sparse.csc_matrix(baskets)
    count = np.diff(by_item.indptr).astype(np.float64)
    found = BundleTable(
        np.full((n, KEPT, 2), -1, dtype=np.int32),
        np.zeros((n, KEPT), dtype=np.int32),
        np.zeros((n, KEPT), dtype=np.float32),
        np.zeros((n, KEPT), dtype=np.float32),
    )
    pairs = _pair_scores(together)
    place = np.full(n, -1)
    for item in np.flatnonzero((together.indices >= 0).any(axis=1) & active) if together.indices.shape[1] else ():
        near, strength = together.row(int(item))
        near, strength = near[active[near]][:COMPANIONS], strength[active[near]][:COMPANIONS]
        if not len(near):
            continue
        place[near] = np.arange(len(near))
        own = _columns(baskets, by_item.indices[by_item.indptr[item] : by_item.indptr[item + 1]], place, len(near))
        place[near] = -1
        both = own.T @ own
        sets = [
            ((int(one), -1), both[i, i], count[one], float(strength[i]))
            for i, one in enumerate(near)
            if both[i, i] >= min_support
        ]
        triples = _triples(int(item), near, strength, both, count, total, pairs, min_support, min_llr)
        best = sorted(triples, key=lambda one: (-one[3], one[0])) + sorted(sets, key=lambda one: (-one[3], one[0]))
        for number, (others, support, expected, score) in enumerate(_different(best)[:KEPT]):
            size = 1 if others[1] < 0 else 2
            found.items[item, number] = others
            found.support[item, number] = support
            found.lift[item, number] = support * float(total) ** size / (count[item] * expected)
            found.scores[item, number] = score
    return found


def _columns(
    baskets: sparse.csr_matrix, rows: NDArray[np.integer], place: NDArray[np.integer], width: int
) -> NDArray[np.float64]:
    """``rows`` of ``baskets`` as a dense [rows, width]: column ``place[item]`` of each item that has a place."""
    starts = baskets.indptr[rows].astype(np.int64)
    lengths = baskets.indptr[rows + 1] - starts
    ends = np.cumsum(lengths)
    cells = np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)
    column = place[baskets.indices[cells]]
    own = np.zeros((len(rows), width))
    own[np.repeat(np.arange(len(rows)), lengths)[column >= 0], column[column >= 0]] = 1
    return own


_Set = tuple[tuple[int, int], float, float, float]


def _triples(
    item: int,
    near: IntArray,
    strength: FloatArray,
    both: NDArray[np.float64],
    count: NDArray[np.float64],
    total: int,
    pairs: dict[tuple[int, int], float],
    min_support: int,
    min_llr: float,
) -> list[_Set]:
    """Sets of ``item`` and two of ``near``; the score is that of the weakest pair or of the third item joining."""
    one, other = np.triu_indices(len(near), 1)
    all_three = both[one, other]
    more = all_three * total > both[one, one] * count[near[other]]
    likely = (all_three >= min_support) & more
    if not likely.any():
        return []
    one, other, all_three = one[likely], other[likely], all_three[likely]
    joins = log_likelihood_ratio(all_three, both[one, one], count[near[other]], total)
    sets: list[_Set] = []
    for at in np.flatnonzero(joins >= min_llr):
        i, j = int(one[at]), int(other[at])
        link = pairs.get((int(near[i]), int(near[j])), pairs.get((int(near[j]), int(near[i])), 0.0))
        if link > 0:
            score = min(float(np.sqrt(joins[at])), float(strength[i]), float(strength[j]), link)
            others = (int(near[i]), int(near[j]))
            sets.append((others, float(all_three[at]), float(count[near[i]] * count[near[j]]), score))
    return sets


def _different(sets: list[_Set]) -> list[_Set]:
    """Sets that bring something new: a pair that is part of a triple already chosen is no further offer."""
    chosen: list[_Set] = []
    for one in sets:
        members = {item for item in one[0] if item >= 0}
        if not any(members <= set(other[0]) for other in chosen):
            chosen.append(one)
    return chosen


def _pair_scores(together: NeighbourTable) -> dict[tuple[int, int], float]:
    rows, places = np.nonzero(together.indices[:, : 4 * COMPANIONS] >= 0)
    columns, scores = together.indices[rows, places], together.scores[rows, places]
    return dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), scores.tolist(), strict=True))
