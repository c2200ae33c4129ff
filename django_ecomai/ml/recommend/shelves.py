"""Items in the order of one number, in the shop or in one category: only the heads are kept. Numpy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .neighbours import FloatArray, IntArray, strongest

#: So many items of a shelf are kept; whoever asks for more waits for a new sort.
HEAD = 1024
#: So many heads are kept (8 MB when all are full), then they are dropped and made again when asked for.
MOST_HEADS = 1024


class Shelves:
    """Orders of the active items by a number per item, ties by ``popularity``, then by index.

    Safe in threads without a lock: what two threads make at once is equal, and a dictionary keeps one of them.
    """

    def __init__(
        self, category: NDArray[np.integer], active: NDArray[np.bool_], popularity: NDArray[np.floating]
    ) -> None:
        self._category = category
        self._active = active
        self._popularity = popularity
        self._heads: dict[tuple[str, int | None], tuple[IntArray, FloatArray, bool]] = {}
        self._by_category: tuple[IntArray, NDArray[np.int64]] | None = None

    def head(
        self, name: str, values: NDArray[np.number], code: int | None, n: int, *, at_least: float | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The first ``n`` items by ``values`` [n_items] and their values, of one category when ``code`` is given.

        ``name`` names the values; items below ``at_least`` are left out.
        """
        key = (name, code)
        kept = self._heads.get(key)
        if kept is None or (n > len(kept[0]) and not kept[2]):
            made = self._made(values, code, max(n, HEAD), at_least)
            if n > HEAD:
                return made[0][:n], made[1][:n]
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            kept = self._heads[key] = made
        return kept[0][:n], kept[1][:n]

    def _made(
        self, values: NDArray[np.number], code: int | None, n: int, at_least: float | None
    ) -> tuple[IntArray, FloatArray, bool]:
        """Items, values, and whether these are all."""
        items: NDArray[np.integer]
        if code is None:
            items = np.flatnonzero(self._active).astype(np.int32)
        else:
            items = self._items_of(code)
            items = items[self._active[items]]
        own = values[items]
        if at_least is not None:
            keep = own >= at_least
            items, own = items[keep], own[keep]
        best = strongest(own, n, self._popularity[items])
        return items[best].astype(np.int32), own[best].astype(np.float32), len(best) == len(items)

    def _items_of(self, code: int) -> IntArray:
        """Items of a category, ascending, in time of the category's size: sorted once per model."""
        if self._by_category is None:
            order = np.argsort(self._category, kind="stable").astype(np.int32)
            codes = int(self._category.max(initial=-1)) + 1
            ends = np.searchsorted(self._category, np.arange(codes + 1), sorter=order)
            self._by_category = (order, ends)
        order, ends = self._by_category
        return order[ends[code] : ends[code + 1]] if code + 1 < len(ends) else order[:0]
