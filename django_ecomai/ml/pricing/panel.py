"""What elasticities are learned from: one row per product and period, as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: A period in which a product could be bought for less than this share says little and is left out.
LEAST_IN_STOCK = 0.1
#: Two prices closer than this (in logarithms) are one price level.
SAME_PRICE = 0.005


@dataclass(frozen=True, eq=False)
class PricePanel:
    """m rows sorted by product, then period; n products.

    ``product`` [m] and ``category`` [n] are dense indices, ``period`` [m] whole numbers that count periods; ``units``
    [m] pieces sold, ``price`` [m] what a piece cost the shopper; ``promotion`` [m] how much a period was promoted
    besides the price (0 .. 1); ``in_stock`` [m] the share of the period in which it could be bought, NaN: it sold out
    at an unknown time, so that ``units`` is only the least that was asked for. ``build`` checks and sorts.
    """

    product: NDArray[np.int64]
    period: NDArray[np.int64]
    units: NDArray[np.float64]
    price: NDArray[np.float64]
    promotion: NDArray[np.float64]
    in_stock: NDArray[np.float64]
    category: NDArray[np.int64]

    @classmethod
    def build(
        cls,
        *,
        product: ArrayLike,
        period: ArrayLike,
        units: ArrayLike,
        price: ArrayLike,
        promotion: ArrayLike = 0.0,
        in_stock: ArrayLike = 1.0,
        category: ArrayLike | None = None,
        n_products: int | None = None,
    ) -> PricePanel:
        """From columns; rows without a price above 0, without units or hardly in stock are left out.

        Units below 0 (more came back than was sold) count as 0. Without ``category`` all products are in one. Raises
        ``ValueError`` for lengths that differ, indices that do not fit and two rows of one product and period.
        """
        who, when = np.asarray(product, dtype=np.int64), np.asarray(period, dtype=np.int64)
        m = len(who)
        columns = {}
        given = {"units": units, "price": price, "promotion": promotion, "in_stock": in_stock}
        for name, value in given.items():
            found = np.asarray(value, dtype=np.float64)
            if found.ndim > 1 or (found.ndim and len(found) != m):
                raise ValueError(f"{name} must be one number or [{m}]")
            columns[name] = np.broadcast_to(found, m)
        if when.shape != (m,):
            raise ValueError(f"period must be [{m}]")
        n = int(who.max()) + 1 if n_products is None and m else int(n_products or 0)
        groups = np.zeros(n, dtype=np.int64) if category is None else np.asarray(category, dtype=np.int64)
        n = max(n, len(groups)) if n_products is None else n
        if m and (who.min() < 0 or who.max() >= n):
            raise ValueError(f"product must be between 0 and {n - 1}")
        if len(groups) != n or (n and groups.min() < 0):
            raise ValueError(f"category must be [{n}] and not negative")
        share = columns["in_stock"]
        keep = np.isfinite(columns["units"]) & np.isfinite(columns["price"]) & (columns["price"] > 0)
        keep &= ~(share < LEAST_IN_STOCK)
        rows = np.flatnonzero(keep)
        rows = rows[np.lexsort((when[rows], who[rows]))]
        same = (np.diff(who[rows]) == 0) & (np.diff(when[rows]) == 0)
        if same.any():
            raise ValueError("a product has two rows in one period: add their units up, with the mean price, first")
        return cls(
            product=who[rows],
            period=when[rows],
            units=columns["units"][rows].clip(min=0.0),
            price=columns["price"][rows].copy(),
            promotion=np.nan_to_num(columns["promotion"][rows]).clip(0.0, 1.0),
            in_stock=share[rows].clip(max=1.0),
            category=groups.copy(),
        )

    def __len__(self) -> int:
        return len(self.product)

    @property
    def n_products(self) -> int:
        return len(self.category)

    def rows(self, keep: NDArray[np.bool_]) -> PricePanel:
        """Those rows, for the same products."""
        names = ("product", "period", "units", "price", "promotion", "in_stock")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})

    def total(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum [n] of values [m] over the rows of each product."""
        return np.bincount(self.product, values, self.n_products).astype(np.float64)

    def mean(self, values: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Mean [n] of values [m] of each product, 0 without rows."""
        each = np.ones(len(self)) if weight is None else weight
        size = self.total(each)
        return np.divide(self.total(values * each), size, out=np.zeros(self.n_products), where=size > 0)

    def price_levels(self) -> NDArray[np.int64]:
        """How many prices [n] each product had; prices within half a per cent are one."""
        log = np.log(self.price)
        order = np.lexsort((log, self.product))
        new = (np.diff(self.product[order]) != 0) | (np.diff(log[order]) > SAME_PRICE)
        first = np.r_[True, new] if len(self) else np.zeros(0, dtype=bool)
        return np.bincount(self.product[order][first], minlength=self.n_products)
