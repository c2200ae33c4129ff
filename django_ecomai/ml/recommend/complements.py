"""Bought with, rarely instead of: which companions of a product complement it, and which are another choice of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Interactions
from .matrix import blocks, table_from_blocks
from .neighbours import NeighbourTable

#: Meetings (baskets and visits) at which what two products are like counts for half of whether one replaces the other.
PRIOR_MEETINGS = 10.0
#: From this share of meetings in which one was the other's alternative, a pair is no complement.
SUBSTITUTE = 0.5
#: A visit ends after so many seconds without a step.
VISIT_GAP = 1800
#: Visits with more products than this compare nothing.
MAX_VISIT = 50


def substitute_share(
    together: NDArray[np.floating],
    instead: NDArray[np.floating],
    alike: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Share of two products' meetings in which one was the alternative of the other, 0..1.

    ``together``: baskets with both; ``instead``: visits that looked at both and bought at most one of them; ``alike``:
    their likeness 0..1, the prior, worth `PRIOR_MEETINGS` meetings.
    Source: McAuley, Pandey and Leskovec, "Inferring networks of substitutable and complementary products", KDD 2015
    (also viewed: substitutes; also bought: complements), with a beta prior instead of their topic model.
    """
    return np.asarray((instead + PRIOR_MEETINGS * alike) / (together + instead + PRIOR_MEETINGS))


def complements(
    interactions: Interactions,
    together: NeighbourTable,
    support: NDArray[np.integer],
    content: NeighbourTable,
    *,
    popularity: NDArray[np.floating],
) -> NeighbourTable:
    """The companions in ``together`` (scores: root of the log-likelihood ratio, ``support`` baskets each) again, their
    scores times one minus `substitute_share`; pairs with a share of `SUBSTITUTE` or more are left out.

    ``interactions`` hold the visits (rows outside baskets) and the purchases; ``content`` says how alike two are.
    """
    n = together.n_items
    valid = together.indices >= 0
    if not valid.any():
        return NeighbourTable.empty(n)
    rows, places = np.nonzero(valid)
    columns = together.indices[rows, places]
    both = support[rows, places].astype(np.float64)
    seen = cell_counts(visit_matrix(interactions), rows, columns, n)
    share = substitute_share(both, seen, likeness(content, rows, columns))
    score = np.where(share < SUBSTITUTE, together.scores[rows, places] * (1 - share), 0.0)
    scored = sparse.csr_matrix((score, (rows, columns)), shape=(n, n))
    parts = ((part.start, scored[part]) for part in blocks(n, n))
    return table_from_blocks(parts, n, together.indices.shape[1], popularity)


def visit_matrix(interactions: Interactions) -> sparse.csr_matrix:
    """Visits x items, 1 = looked at (or put into the cart) and not bought within that visit's time.

    A visit is what one user did outside baskets without a pause of `VISIT_GAP` seconds.
    """
    looked = interactions.rows(interactions.baskets < 0)
    n = interactions.n_items
    if not len(looked):
        return sparse.csr_matrix((0, n))
    order = np.lexsort((looked.times, looked.users))
    users, times, items = looked.users[order], looked.times[order], looked.items[order]
    first = np.r_[True, (users[1:] != users[:-1]) | (times[1:] - times[:-1] > VISIT_GAP)]
    visit = np.cumsum(first) - 1
    matrix = sparse.csr_matrix((np.ones(len(items)), (visit, items)), shape=(int(visit[-1]) + 1, n))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix[np.diff(matrix.indptr) <= MAX_VISIT]


def cell_counts(
    groups: sparse.csr_matrix, rows: NDArray[np.integer], columns: NDArray[np.integer], n_items: int
) -> NDArray[np.float64]:
    """In how many ``groups`` [g, n] (ones) both items of each pair ``(rows, columns)`` are: float64 [pairs].

    ``rows`` ascending. Computed block by block, so that memory stays bounded.
    """
    result = np.zeros(len(rows))
    if not groups.nnz:
        return result
    by_item = sparse.csr_matrix(groups.T)
    for part in blocks(n_items, n_items):
        first, last = np.searchsorted(rows, [part.start, part.stop])
        if first < last and by_item.indptr[part.start] < by_item.indptr[part.stop]:
            shared = sparse.csr_matrix(by_item[part] @ groups)
            result[first:last] = np.asarray(shared[rows[first:last] - part.start, columns[first:last]]).ravel()
    return result


def likeness(table: NeighbourTable, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> NDArray[np.float64]:
    """The score in ``table`` of each pair, at most 1 and 0 where it holds none: float64 [pairs]."""
    result = np.zeros(len(rows))
    for place in range(table.indices.shape[1]):
        hit = table.indices[rows, place] == columns
        result[hit] = table.scores[rows[hit], place]
    return np.clip(result, 0.0, 1.0)
