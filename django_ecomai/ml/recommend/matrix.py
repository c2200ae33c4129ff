"""Sparse matrices for training: decayed weights, pairs, pruning to the strongest neighbours. Needs scipy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ..columns import SECONDS_PER_DAY
from ..frames import Interactions
from ..threads import ahead
from .neighbours import NeighbourTable, strongest

#: Cells of one dense or nearly dense block; bounds the memory of block-wise products to about 250 MB (index and value).
BLOCK_CELLS = 10_000_000
#: Cells or multiplications of one sparse block, which takes about 60 bytes for each while it is pruned.
SPARSE_CELLS = 3_000_000
#: A customer's items are compared with each other. More comparisons than this for each of all cells, and the busiest
#: customers are cut shorter: products x products then costs no more than in proportion to the interactions.
PAIRS_PER_CELL = 1000
#: How short at most: a thousand products of one household say little more than its 500 strongest.
LEAST_ITEMS_PER_USER = 500
#: Of cells that are equally strong, so many times what is wanted are kept until it is known which are popular.
MOST_EQUAL = 4
#: After so many half-lives the past fades no further: orders that ended years before the first visit was recorded must
#: not be forgotten for a handful of clicks.
MOST_HALF_LIVES = 8.0
#: Weights above this are clipped, so that squares and sums stay finite whatever the caller sends.
MAX_WEIGHT = 1e6


def decay(times: NDArray[np.int64], now: int, half_life_days: float | None) -> NDArray[np.float64]:
    """``0.5 ** (age / half life)`` per time, at least 2^-8; 1 for times after ``now`` and without a half-life."""
    if half_life_days is None:
        return np.ones(len(times))
    if half_life_days <= 0:
        raise ValueError("half_life_days must be positive; use None for no decay")
    ages = np.maximum(now - times, 0) / SECONDS_PER_DAY
    return np.asarray(0.5 ** np.minimum(ages / half_life_days, MOST_HALF_LIVES))


def shop_decay(times: NDArray[np.int64], half_life_days: float | None) -> NDArray[np.float64]:
    """`decay` of ascending ``times`` up to the last of them, on a clock that silence hardly moves.

    While nothing happens in the whole shop, at most one half-life passes. Orders that were imported years after they
    ended so fade among themselves as ever, and count a half (not `MOST_HALF_LIVES`) beside the first new clicks.
    """
    last = int(times[-1]) if len(times) else 0
    if half_life_days is not None and half_life_days > 0 and len(times) > 1:
        most = max(round(half_life_days * SECONDS_PER_DAY), 1)
        gaps = np.diff(times)
        if gaps.max() > most:
            times = last - np.r_[0, np.cumsum(np.minimum(gaps, most)[::-1])][::-1]
    return decay(times, last, half_life_days)


def pair_matrix(interactions: Interactions, values: ArrayLike, *, aggregate: str = "max") -> sparse.csr_matrix:
    """Users x items (float64): ``max`` or ``sum`` of the values of each pair; pairs with 0 are left out."""
    value = np.minimum(np.asarray(values, dtype=np.float64), MAX_WEIGHT)
    if aggregate not in ("max", "sum"):
        raise ValueError(f"aggregate must be 'max' or 'sum', not {aggregate!r}")
    shape = (interactions.n_users, interactions.n_items)
    if not len(value):
        return sparse.csr_matrix(shape, dtype=np.float64)
    key = interactions.users.astype(np.int64) * shape[1] + interactions.items
    order = np.argsort(key, kind="stable")
    key, value = key[order], value[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    merged = (np.maximum if aggregate == "max" else np.add).reduceat(value, starts)
    rows, columns = np.divmod(key[starts], shape[1])
    matrix = sparse.csr_matrix((merged, (rows, columns)), shape=shape)
    matrix.eliminate_zeros()
    return matrix


def decayed_matrix(
    interactions: Interactions, half_life_days: float | None, *, max_items_per_user: int = 3000
) -> sparse.csr_matrix:
    """Users x items with the strongest decayed weight of each pair; the last interaction has age zero (`shop_decay`).

    A user's weakest items beyond ``max_items_per_user`` are dropped: a crawler that viewed the whole catalogue would
    otherwise make every item a neighbour of every other one, at a quadratic price. Where such customers are many, the
    limit falls (see `items_per_user`). An item that everybody bought is one long row, no quadratic price.
    """
    weights = interactions.weights * shop_decay(interactions.times, half_life_days)
    matrix = pair_matrix(interactions, weights)
    max_items_per_user = items_per_user(np.diff(matrix.indptr), max_items_per_user)
    crowded = np.flatnonzero(np.diff(matrix.indptr) > max_items_per_user)
    for user in crowded:
        start, end = matrix.indptr[user], matrix.indptr[user + 1]
        keep = strongest(matrix.data[start:end], max_items_per_user)
        drop = np.ones(end - start, dtype=bool)
        drop[keep] = False
        matrix.data[start:end][drop] = 0
    if len(crowded):
        matrix.eliminate_zeros()
    return matrix


def items_per_user(degrees: NDArray[np.integer], most: int) -> int:
    """``most``, or less when the squares of the customers' ``degrees`` exceed `PAIRS_PER_CELL` times their sum."""
    degree = degrees.astype(np.float64)
    while most > LEAST_ITEMS_PER_USER and (np.minimum(degree, most) ** 2).sum() > PAIRS_PER_CELL * degree.sum():
        most = max(most * 4 // 5, LEAST_ITEMS_PER_USER)
    return most


def blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Row ranges whose dense form stays below `BLOCK_CELLS`."""
    size = max(1, BLOCK_CELLS // max(n_columns, 1))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def table_from_blocks(
    row_blocks: Iterator[tuple[int, sparse.csr_matrix]], n_items: int, k: int, popularity: NDArray[np.floating]
) -> NeighbourTable:
    """Prune ``(first row, rows)`` blocks to the ``k`` strongest positive cells per row, never the item itself.

    Ties go to the more popular item, then to the lower index. No loop over rows that are short already.
    """
    k = min(k, max(n_items - 1, 0))
    indices = np.full((n_items, k), -1, dtype=np.int32)
    scores = np.zeros((n_items, k), dtype=np.float32)
    by_rank = np.lexsort((np.arange(n_items), -np.asarray(popularity)))
    rank = np.empty(n_items, dtype=np.uint64)
    rank[by_rank] = np.arange(n_items, dtype=np.uint64)
    rank_bits = max(n_items - 1, 1).bit_length()
    most_rows = 1 << max(31 - rank_bits, 0)  # what is left of 64 bits beside the score and the rank
    for first, block in ahead(row_blocks):
        for start in range(0, block.shape[0] if k else 0, most_rows):
            rows, columns, bits = _candidates(block[start : start + most_rows], first + start, k)
            key = rows.astype(np.uint64) << np.uint64(32 + rank_bits)
            key |= (np.uint64(0xFFFFFFFF) - bits) << np.uint64(rank_bits)
            key |= rank[columns]
            key.sort()  # row, then score from strong to weak, then rank
            rows = (key >> np.uint64(32 + rank_bits)).astype(np.int64)
            counts = np.bincount(rows, minlength=1)
            place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
            best = place < k
            key, rows, place = key[best], rows[best] + first + start, place[best]
            indices[rows, place] = by_rank[(key & np.uint64((1 << rank_bits) - 1)).astype(np.int64)]
            bits32 = (np.uint64(0xFFFFFFFF) - ((key >> np.uint64(rank_bits)) & np.uint64(0xFFFFFFFF))).astype(np.uint32)
            scores[rows, place] = bits32.view(np.float32)
    used = int((indices >= 0).sum(axis=1).max(initial=0))
    return NeighbourTable(np.ascontiguousarray(indices[:, :used]), np.ascontiguousarray(scores[:, :used]))


def strongest_cells_of_rows(
    row_blocks: Iterator[tuple[int, sparse.csr_matrix]], n_items: int, k: int
) -> sparse.csr_matrix:
    """The cells (float32) that `table_from_blocks` chooses from for up to ``k`` neighbours, whatever the popularity.

    All that equal the last of a row's ``k`` strongest stay, but of a row at most `MOST_EQUAL` times ``k`` cells.
    """
    counts = np.zeros(n_items, dtype=np.int64)
    column_bits = max(n_items - 1, 1).bit_length()
    columns, values = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.float32)]
    for first, block in ahead(row_blocks):
        rows, column, bits = _candidates(block, first, k, crowd=1)
        # row, score and column in one integer: a block of `BLOCK_CELLS` leaves room for all three
        key = rows.astype(np.uint64) << np.uint64(32 + column_bits)
        key |= (np.uint64(0xFFFFFFFF) - bits) << np.uint64(column_bits)
        key |= column.astype(np.uint64)
        key.sort()  # row, then score from strong to weak, then column
        found = np.bincount(rows, minlength=block.shape[0])
        keep = np.arange(len(key)) - np.repeat(np.cumsum(found) - found, found) < MOST_EQUAL * k
        key = key[keep]
        columns.append((key & np.uint64((1 << column_bits) - 1)).astype(np.int32))
        bits = np.uint64(0xFFFFFFFF) - ((key >> np.uint64(column_bits)) & np.uint64(0xFFFFFFFF))
        values.append(bits.astype(np.uint32).view(np.float32))
        counts[first : first + block.shape[0]] = np.minimum(found, MOST_EQUAL * k)
    cells = (np.concatenate(values), np.concatenate(columns), np.r_[0, np.cumsum(counts)])
    return sparse.csr_matrix(cells, shape=(n_items, n_items))


def _candidates(
    block: sparse.csr_matrix, first: int, k: int, crowd: int = 2
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint64]]:
    """Row, column and the score's bits of the cells that may be among a row's ``k`` strongest.

    As float32: what cannot be told apart when served must not be ordered by rounding noise. The bit patterns of
    positive floats are ordered as the floats are.
    """
    with np.errstate(over="ignore"):
        single = block.data.astype(np.float32)
    rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
    keep = (single > 0) & np.isfinite(single)
    keep &= block.indices != rows + first
    rows, columns, single = rows[keep], block.indices[keep], single[keep]
    counts = np.bincount(rows, minlength=block.shape[0])
    ends = np.cumsum(counts)
    crowded = np.flatnonzero(counts > crowd * k)  # sorting twice as much is cheaper than a look at each row
    if len(crowded):
        limit = np.zeros(block.shape[0], dtype=np.float32)
        for row in crowded.tolist():
            values = single[ends[row] - counts[row] : ends[row]]
            limit[row] = np.partition(values, len(values) - k)[len(values) - k]
        keep = single >= limit[rows]
        rows, columns, single = rows[keep], columns[keep], single[keep]
    return rows, columns, single.view(np.uint32).astype(np.uint64)


def table_to_csr(table: NeighbourTable) -> sparse.csr_matrix:
    """The table as a sparse n x n matrix (float64): row = history item, column = candidate."""
    valid = table.indices >= 0
    indptr = np.r_[0, np.cumsum(valid.sum(axis=1))]
    shape = (table.n_items, table.n_items)
    return sparse.csr_matrix((table.scores[valid].astype(np.float64), table.indices[valid], indptr), shape=shape)


def row_blocks(matrix: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """A finished sparse matrix, block by block, for `table_from_blocks`."""
    for rows in even_parts(np.diff(matrix.indptr)):
        yield rows.start, matrix[rows]


def product_blocks(left: sparse.csr_matrix, right: sparse.csr_matrix) -> Iterator[tuple[int, sparse.csr_matrix]]:
    """``left @ right`` in blocks of about `SPARSE_CELLS` multiplications: `blocks` are a few rows in large shops.

    A row is never split: an item that everybody bought makes one long row, not a dense block.
    """
    work = np.bincount(
        np.repeat(np.arange(left.shape[0]), np.diff(left.indptr)),
        weights=np.diff(right.indptr)[left.indices],
        minlength=left.shape[0],
    )
    for rows in even_parts(work):
        yield rows.start, sparse.csr_matrix(left[rows] @ right)


def even_parts(work: NDArray[Any]) -> Iterator[slice]:
    """Ranges of rows whose ``work`` adds up to at most `SPARSE_CELLS`, or one row."""
    total = np.cumsum(work, dtype=np.float64)
    start = 0
    while start < len(total):
        done = total[start - 1] if start else 0.0
        end = max(int(np.searchsorted(total, done + SPARSE_CELLS, side="right")), start + 1)
        yield slice(start, end)
        start = end
