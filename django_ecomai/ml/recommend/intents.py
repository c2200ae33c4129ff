"""What a `serving.Scorer` answers from the arrays that not every artifact holds: complements, better alternatives,
bundles and contexts. Numpy only.

Without the arrays (an artifact of an older version, or data that do not support them) every answer is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..contexts import COUNTRY, DEVICE, LANDING, REFERRER
from ..frames import IdMap
from .contextual import ContextShelf
from .neighbours import FloatArray, IntArray, NeighbourTable, as_indices, strongest

if TYPE_CHECKING:
    from .serving import Scored

Items = int | Iterable[int] | NDArray[np.integer]


@dataclass(frozen=True)
class Bundle:
    """A set that is bought together: ``items`` with the product asked for in front, ``support`` baskets that hold all,
    ``lift`` over chance, ``score`` (root of a log-likelihood ratio).
    """

    items: tuple[int, ...]
    support: int
    lift: float
    score: float


class Intents:
    """Mixed into `serving.Scorer`, which provides ``n_items``, ``ids``, ``categories`` and ``_vectors``.

    The same promises hold: ``exclude``, inactive and repeated items never come back.
    """

    n_items: int
    _vectors: dict[str, NDArray[Any]]

    def _load_intents(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the optional arrays; raises ValueError when one is misshaped."""
        self._interval: FloatArray | None = None
        if "repeat_interval" in arrays:
            self._interval = np.array(arrays["repeat_interval"])
        self._complement = self._optional_table(arrays, "complement")
        self._better = self._optional_table(arrays, "better")
        self._bundles = tuple(arrays.get(f"bundle_{part}") for part in ("items", "support", "lift", "scores"))
        if self._interval is not None and len(self._interval) != self.n_items:
            raise ValueError(f"intervals of {len(self._interval)} items")
        if self._bundles[0] is not None and len(self._bundles[0]) != self.n_items:
            raise ValueError(f"bundles of {len(self._bundles[0])} items")
        self._contexts: ContextShelf | None = None
        if "context_names" in arrays:
            if np.max(arrays["context_items"], initial=-1) >= self.n_items:
                raise ValueError("context_items names items that there are not")
            self._contexts = ContextShelf(
                IdMap(arrays["context_names"]),
                arrays["context_items"],
                arrays["context_scores"],
                np.array(arrays["context_meetings"]),
            )

    def _optional_table(self, arrays: Mapping[str, NDArray[Any]], name: str) -> NeighbourTable:
        if f"{name}_indices" not in arrays:
            return NeighbourTable.empty(self.n_items)
        table = NeighbourTable(arrays[f"{name}_indices"], arrays[f"{name}_scores"])
        if table.n_items != self.n_items:
            raise ValueError(f"{name} of {table.n_items} items")
        return table

    def cross_sell(self, items: Items, *, n: int = 20, exclude: Items = ()) -> Scored:
        """Complements of these products: bought with them, rarely instead of them; never one of them.

        For a cart, or a product page. An alternative of one of the products (`upsell`) is no complement.
        """
        basket = np.unique(as_indices(items))
        found, scores, because = self._complement.score_history(basket)
        return self._picked(found, scores, because, n, np.concatenate([basket, as_indices(exclude)]))

    def upsell(
        self, item: int, *, n: int = 20, exclude: Items = (), price_band: tuple[float, float] | None = None
    ) -> Scored:
        """The same need, better: alternatives of ``item`` with more margin (or a higher price), never itself.

        ``price_band`` (multiples of the product's price) narrows what training allowed.
        """
        found, scores = self._better.row(int(item))
        if price_band is not None and len(found):
            price = self._vectors["price"]
            with np.errstate(invalid="ignore"):
                inside = (price[found] >= price_band[0] * price[item]) & (price[found] <= price_band[1] * price[item])
            found, scores = found[inside], scores[inside]
        because = np.full(len(found), item, dtype=np.int32)
        return self._picked(found, scores, because, n, np.concatenate([as_indices(item), as_indices(exclude)]))

    def bundles(self, item: int, *, n: int = 3) -> tuple[Bundle, ...]:
        """At most ``n`` sets of two or three products around ``item``, the best first; all of them for sale."""
        items, support, lift, scores = self._bundles
        if items is None or support is None or lift is None or scores is None or not 0 <= item < self.n_items:
            return ()
        found: list[Bundle] = []
        for place, row in enumerate(np.asarray(items[item])):
            others = tuple(int(other) for other in row if other >= 0)
            if (
                others
                and max(others) < self.n_items
                and self._vectors["active"][[int(item), *others]].all()
                and len(found) < n
            ):
                found.append(
                    Bundle(
                        (int(item), *others),
                        int(support[item, place]),
                        float(lift[item, place]),
                        float(scores[item, place]),
                    )
                )
        return tuple(found)

    def for_context(
        self,
        *,
        country: str = "",
        referrer: str = "",
        device: str = "",
        category: str = "",
        n: int = 20,
        exclude: Items = (),
    ) -> Scored:
        """What people wanted who came under the same circumstances; for a visitor of whom nothing else is known.

        ``category`` is that of the page he landed on. Empty when no such circumstances were met often enough.
        """
        if self._contexts is None:
            return self._picked(np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int32), 0, ())
        known = {COUNTRY: country, REFERRER: referrer, DEVICE: device, LANDING: category}
        found, scores = self._contexts.best(known)
        return self._picked(found, scores, np.full(len(found), -1, dtype=np.int32), n, exclude)

    def _in_country(self, country: str) -> tuple[IntArray, FloatArray]:
        if self._contexts is None:
            return np.empty(0, dtype=np.int32), np.empty(0, dtype=np.float32)
        return self._contexts.country(country)

    def _picked(self, found: IntArray, scores: FloatArray, because: IntArray, n: int, exclude: Items) -> Scored:
        """The best ``n`` of scored candidates; candidates with equal scores keep their order."""
        from .serving import Scored

        keep = np.flatnonzero(self._vectors["active"][found] & ~np.isin(found, as_indices(exclude)))
        best = keep[strongest(scores[keep], n, -keep)]
        return Scored(found[best], scores[best], because[best].astype(np.int32))
