"""The types that cross the border into ``ml``: frozen, validated, numpy only.

Times are whole seconds since 1970 UTC (int64), users and items are dense indices (int32) that an `IdMap` translates to
and from the shop's own ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .columns import ID_BYTES

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

IntArray = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class IdMap:
    """External ids <-> dense indices, as one sorted array of UTF-8 byte strings (memory-mappable, no dictionary)."""

    ids: NDArray[np.bytes_]

    def __post_init__(self) -> None:
        ids = self.ids
        if ids.ndim != 1 or ids.dtype.kind != "S":
            raise ValueError("IdMap needs a one-dimensional array of byte strings; use IdMap.from_ids(list of str)")

    @classmethod
    def from_ids(cls, ids: Iterable[str]) -> IdMap:
        """Build from any iterable of external ids; duplicates collapse. Raises ValueError for empty or too long ids."""
        unique = {_id_bytes(value) for value in ids}
        if not unique:
            return cls(np.empty(0, dtype="S1"))
        return cls(np.array(sorted(unique), dtype=f"S{max(map(len, unique))}"))

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def encode(self, ids: Sequence[str]) -> IntArray:
        """Indices (int32) of ``ids``, -1 where an id is unknown. Never raises for a strange string: it is unknown."""
        found = np.full(len(ids), -1, dtype=np.int32)
        if not len(ids) or not len(self):
            return found
        width = self.ids.dtype.itemsize  # longer ones are unknown; comparing them would copy the whole map
        encoded = enumerate(map(_try_bytes, ids))
        known = [(position, raw) for position, raw in encoded if raw is not None and len(raw) <= width]
        if not known:
            return found
        raws = np.array([raw for _, raw in known], dtype=self.ids.dtype)
        at = np.minimum(np.searchsorted(self.ids, raws), len(self) - 1)
        hit = np.asarray(self.ids[at] == raws)
        positions = np.fromiter((position for position, _ in known), dtype=np.int64, count=len(known))
        found[positions[hit]] = at[hit]
        return found

    def decode(self, indices: ArrayLike) -> list[str]:
        """External ids of ``indices``. Raises IndexError for an index outside the map."""
        index = np.asarray(indices, dtype=np.int64).ravel()
        if index.size and (int(index.min()) < 0 or int(index.max()) >= len(self)):
            raise IndexError(f"indices must lie in 0..{len(self) - 1}: drop -1 (unknown) before decode")
        return [raw.decode("utf-8") for raw in self.ids[index].tolist()]


def _id_bytes(value: str) -> bytes:
    raw = _try_bytes(value)
    if raw is None:
        raise ValueError(f"{value!r} cannot be an id: use a non-empty text of at most {ID_BYTES} bytes without NUL")
    return raw


def _try_bytes(value: str) -> bytes | None:
    try:
        raw = str(value).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return None if not raw or len(raw) > ID_BYTES or b"\0" in raw else raw


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who met what, when, how strongly. Always in time order; build with `Interactions.build`.

    ``users``, ``items`` int32; ``weights`` float32 >= 0; ``times`` int64 epoch seconds; ``baskets`` int64 (rows of one
    basket were bought together, -1 = in no basket). All have the same length.
    """

    users: IntArray
    items: IntArray
    weights: NDArray[np.float32]
    times: NDArray[np.int64]
    baskets: NDArray[np.int64]
    n_users: int
    n_items: int

    @classmethod
    def build(
        cls,
        users: ArrayLike,
        items: ArrayLike,
        times: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        baskets: ArrayLike | None = None,
        n_users: int | None = None,
        n_items: int | None = None,
    ) -> Interactions:
        """Validate and sort by time (stable). Without ``baskets`` a basket is what one user did at one moment.

        Raises ValueError that says what to do for unequal lengths, indices out of range, and NaN, infinite or negative
        weights.
        """
        user = _whole("users", users)
        item = _whole("items", items)
        time = _whole("times", times)
        weight64 = np.ones(len(user)) if weights is None else np.asarray(weights, dtype=np.float64)
        lengths = {"users": len(user), "items": len(item), "times": len(time), "weights": len(weight64)}
        if baskets is not None:
            lengths["baskets"] = len(np.asarray(baskets))
        if len(set(lengths.values())) > 1:
            raise ValueError(f"one value per row is needed in every column, got {lengths}")
        n_users = _size("users", user, n_users)
        n_items = _size("items", item, n_items)
        with np.errstate(over="ignore"):
            weight = weight64.astype(np.float32)
        bad = int(np.count_nonzero(~np.isfinite(weight)))
        if bad:
            raise ValueError(f"{bad} weights are not finite float32 numbers: drop these rows or set a weight of 1")
        if weight.size and float(weight.min()) < 0:
            raise ValueError("negative weights: settle returns and dismissals first (ml.recommend.feedback.settle)")
        order = np.argsort(time, kind="stable")
        basket = _one_basket_per_moment(user, time) if baskets is None else _whole("baskets", baskets)
        return cls(
            users=user[order].astype(np.int32),
            items=item[order].astype(np.int32),
            weights=weight[order],
            times=time[order],
            baskets=basket[order],
            n_users=n_users,
            n_items=n_items,
        )

    @classmethod
    def empty(cls, n_users: int = 0, n_items: int = 0) -> Interactions:
        """No rows, for a shop on its first day."""
        return cls.build([], [], [], n_users=n_users, n_items=n_items)

    def __len__(self) -> int:
        return int(self.times.shape[0])

    def rows(self, index: slice | NDArray[Any]) -> Interactions:
        """The rows at ``index`` (a slice, or a mask or an increasing index array)."""
        return Interactions(
            users=self.users[index],
            items=self.items[index],
            weights=self.weights[index],
            times=self.times[index],
            baskets=self.baskets[index],
            n_users=self.n_users,
            n_items=self.n_items,
        )

    def before(self, time: int) -> Interactions:
        """Rows with ``times < time``."""
        return self.rows(slice(0, int(np.searchsorted(self.times, time, side="left"))))

    def after(self, time: int) -> Interactions:
        """Rows with ``times >= time``."""
        return self.rows(slice(int(np.searchsorted(self.times, time, side="left")), None))

    def between(self, start: int, end: int) -> Interactions:
        """Rows with ``start <= times < end``."""
        return self.after(start).before(end)

    def at_least(self, weight: float) -> Interactions:
        """Rows whose weight is ``weight`` or more (purchases only, when views weigh less)."""
        return self if weight <= 0 else self.rows(self.weights >= weight)

    def csr(self, values: ArrayLike | None = None, *, aggregate: str = "max") -> csr_matrix:
        """Users x items matrix (float64) of ``values`` (default: the weights); needs scipy.

        Several rows of one (user, item) pair give their ``max`` or their ``sum``; zeros are dropped.
        """
        from .recommend.matrix import pair_matrix

        return pair_matrix(self, self.weights if values is None else values, aggregate=aggregate)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is known about the items, aligned with the item index. Unknown: "" , NaN number, created -1.

    ``category`` is the leaf, ``category_path`` its ancestors from the leaf's parent up to the root; ``attributes`` are
    the shop's own fields as JSON values; ``cost`` is in the currency of ``price``; ``stock`` NaN = not counted;
    ``stars`` is what reviews say of an item, on the shop's own scale.
    """

    title: tuple[str, ...]
    description: tuple[str, ...]
    category: tuple[str, ...]
    brand: tuple[str, ...]
    price: NDArray[np.float64]
    active: NDArray[np.bool_]
    created: NDArray[np.int64]
    category_path: tuple[tuple[str, ...], ...] = ()
    attributes: tuple[Mapping[str, Any], ...] = ()
    cost: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    stock: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    stars: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        """Columns that came later may be left out by whoever makes one directly."""
        empty: dict[str, Any] = {
            "category_path": ((),) * len(self.title),
            "attributes": ({},) * len(self.title),
            "cost": np.full(len(self.title), np.nan),
            "stock": np.full(len(self.title), np.nan),
            "stars": np.full(len(self.title), np.nan),
        }
        for name, value in empty.items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, value)

    @classmethod
    def build(
        cls,
        n_items: int,
        *,
        title: Sequence[str | None] | None = None,
        description: Sequence[str | None] | None = None,
        category: Sequence[str | None] | None = None,
        brand: Sequence[str | None] | None = None,
        price: ArrayLike | None = None,
        active: ArrayLike | None = None,
        created: ArrayLike | None = None,
        category_path: Sequence[Sequence[str]] | None = None,
        attributes: Sequence[Mapping[str, Any] | None] | None = None,
        cost: ArrayLike | None = None,
        stock: ArrayLike | None = None,
        stars: ArrayLike | None = None,
    ) -> Catalogue:
        """Fill in what is missing. Raises ValueError when a column's length is not ``n_items``."""
        result = cls(
            title=_texts(title, n_items),
            description=_texts(description, n_items),
            category=_texts(category, n_items),
            brand=_texts(brand, n_items),
            price=_numbers(price, n_items, positive=True),
            active=np.ones(n_items, dtype=bool) if active is None else np.asarray(active, dtype=bool),
            created=np.full(n_items, -1, np.int64) if created is None else np.asarray(created, dtype=np.int64),
            category_path=((),) * n_items if category_path is None else tuple(tuple(path) for path in category_path),
            attributes=({},) * n_items if attributes is None else tuple(dict(one or {}) for one in attributes),
            cost=_numbers(cost, n_items, positive=True),
            stock=_numbers(stock, n_items),
            stars=_numbers(stars, n_items),
        )
        for column in fields(cls):
            length = len(getattr(result, column.name))
            if length != n_items:
                raise ValueError(f"catalogue column {column.name!r} has {length} values for {n_items} items")
        return result

    def __len__(self) -> int:
        return len(self.title)

    @property
    def margin(self) -> NDArray[np.float64]:
        """Profit per piece, price minus cost, NaN where either is unknown. For ranking; never shown to shoppers."""
        return np.asarray(self.price - self.cost)


def encode_interactions(
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    times: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    basket_ids: Sequence[str] | None = None,
    items: IdMap | None = None,
    users: IdMap | None = None,
) -> tuple[Interactions, IdMap, IdMap]:
    """Turn columns of external ids into ``(interactions, users, items)``; rows unknown to a given map are dropped.

    An empty basket id means that the row is in no basket.
    """
    users = IdMap.from_ids(user_ids) if users is None else users
    items = IdMap.from_ids(item_ids) if items is None else items
    user, item = users.encode(user_ids), items.encode(item_ids)
    keep = (user >= 0) & (item >= 0)
    time = _whole("times", times)
    weight = np.ones(len(user)) if weights is None else np.asarray(weights, dtype=np.float64)
    basket = None
    if basket_ids is not None:
        basket = IdMap.from_ids(b for b in basket_ids if b).encode(basket_ids).astype(np.int64)
    if len({len(user), len(item), len(time), len(weight)} | (set() if basket is None else {len(basket)})) > 1:
        raise ValueError("user_ids, item_ids, times, weights and basket_ids need the same length")
    built = Interactions.build(
        user[keep],
        item[keep],
        time[keep],
        weights=weight[keep],
        baskets=None if basket is None else basket[keep],
        n_users=len(users),
        n_items=len(items),
    )
    return built, users, items


def _whole(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be whole numbers (times: epoch seconds), got {array.dtype}")
    return array.astype(np.int64)


def _size(name: str, index: NDArray[np.int64], size: int | None) -> int:
    least = int(index.max()) + 1 if index.size else 0
    if index.size and int(index.min()) < 0:
        raise ValueError(f"{name} contain negative indices: drop the rows of unknown ids (-1) first")
    if size is not None and least > size:
        raise ValueError(f"{name} reach index {least - 1}, but n_{name} is {size}: pass the size of the id map")
    return least if size is None else int(size)


def _one_basket_per_moment(users: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
    if not users.size:
        return np.empty(0, dtype=np.int64)
    order = np.lexsort((times, users))
    new = np.ones(len(order), dtype=np.int64)
    new[1:] = (np.diff(users[order]) != 0) | (np.diff(times[order]) != 0)
    baskets = np.empty(len(order), dtype=np.int64)
    baskets[order] = np.cumsum(new) - 1
    return baskets


def _texts(values: Sequence[str | None] | None, n_items: int) -> tuple[str, ...]:
    return ("",) * n_items if values is None else tuple("" if value is None else str(value) for value in values)


def _numbers(values: ArrayLike | None, n_items: int, *, positive: bool = False) -> NDArray[np.float64]:
    numbers = np.full(n_items, np.nan) if values is None else np.asarray(values, dtype=np.float64).copy()
    with np.errstate(invalid="ignore"):
        numbers[~np.isfinite(numbers) | (positive & (numbers <= 0))] = np.nan
    return numbers
