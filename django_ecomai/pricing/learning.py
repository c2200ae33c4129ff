"""Elasticities of a whole catalogue: read a part at a time, fitted category by category, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.conf import ecomai
from django_ecomai.core.mysql import conflict_target
from django_ecomai.mirror.models import Product

from .facts import in_parts
from .models import ProductElasticity
from .models.elasticities import ElasticitySource
from .reading import Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.elasticity import Elasticities
    from django_ecomai.ml.pricing.price_test import PriceTests

#: Products that are read at once, rows that are fitted at once, rows that are written at once.
READ, FIT_ROWS, WRITE = 2_000, 3_000_000, 1_000
#: Suggested tests per fit.
TESTS = 50
#: From this weight on an elasticity is called a product's own.
OWN = 0.5
_COLUMNS = ("elasticity", "sd", "low", "high", "own", "own_sd", "weight", "fallback", "fallback_sd", "rate",
            "dispersion", "alpha")  # fmt: skip


@dataclass(eq=False)
class Learned:
    """n products, by ascending key: floats [n] of the engine (NaN: not known), ``reason`` and ``source`` [n], the
    suggested test. ``column(name, products)`` looks products up."""

    products: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    reason: NDArray[np.str_]
    source: NDArray[np.str_]
    rho: NDArray[np.float64]
    levels: NDArray[np.int64]
    periods: NDArray[np.int64]
    tests: dict[int, tuple[float, float, int, float]] = field(default_factory=dict)

    @classmethod
    def empty(cls, products: NDArray[np.int64]) -> Learned:
        """Nothing known yet."""
        n = len(products)
        values = {name: np.full(n, np.nan) for name in _COLUMNS}
        values["weight"], values["rate"] = np.zeros(n), np.zeros(n)
        values["dispersion"], values["alpha"] = np.ones(n), np.zeros(n)
        reason, source = np.full(n, "no_rows", dtype="U32"), np.full(n, "none", dtype="U8")
        return cls(products, values, reason, source, np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64))

    @classmethod
    def stored(cls, *, channel: str, product_ids: Sequence[int]) -> Learned:
        """As the last run left it."""
        found = cls.empty(np.unique(np.asarray(product_ids, dtype=np.int64)))
        columns = ("product_id", "reason", "source", "rho", "levels", "periods", *_COLUMNS)
        for part in in_parts(found.products.tolist()):
            rows = ProductElasticity.objects.filter(channel=channel, product__in=part).values_list(*columns)
            for pk, reason, source, rho, levels, periods, *numbers in rows:
                at = int(np.searchsorted(found.products, pk))
                found.reason[at], found.source[at], found.rho[at] = reason, source, rho
                found.levels[at], found.periods[at] = levels, periods
                for name, value in zip(_COLUMNS, numbers, strict=True):
                    found.values[name][at] = np.nan if value is None else value
        return found

    def rows(self, product_ids: Sequence[int]) -> NDArray[np.int64]:
        """Places [k] of products, -1 where one is not among them."""
        asked = np.asarray(product_ids, dtype=np.int64)
        if not len(self.products):
            return np.full(len(asked), -1)
        at = np.minimum(np.searchsorted(self.products, asked), len(self.products) - 1)
        return np.where(self.products[at] == asked, at, -1)

    def column(self, name: str, product_ids: Sequence[int]) -> NDArray[np.float64]:
        """Values [k] of products, NaN where one is not known."""
        at = self.rows(product_ids)
        if not len(self.products):
            return np.full(len(at), np.nan)
        return np.where(at >= 0, self.values[name][at], np.nan)

    def texts(self, name: str, product_ids: Sequence[int], otherwise: str) -> list[str]:
        """``reason`` or ``source`` of products."""
        held = getattr(self, name)
        return [str(held[at]) if at >= 0 else otherwise for at in self.rows(product_ids).tolist()]


@dataclass(eq=False)
class Catalogue:
    """Products on sale, by ascending key: currency, first category as a dense index [n] and price [n]."""

    products: NDArray[np.int64]
    currency: list[str]
    category: NDArray[np.int64]
    price: NDArray[np.float64]
    named: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.products)


def catalogue_read(*, channel: str = "") -> Catalogue:
    """Everything on sale; two streams."""
    rows = Product.objects.filter(channel=channel, is_active=True, is_service=False, removed_at=None).order_by("pk")
    pks: list[int] = []
    money: list[str] = []
    categories: list[str] = []
    price: list[float] = []
    orphans: dict[int, list[int]] = {}
    columns = ("pk", "currency", "category_external_ids", "price", "parent_id")
    for pk, currency, keys, amount, parent in rows.values_list(*columns).iterator(chunk_size=5000):
        if not keys and parent is not None:
            orphans.setdefault(parent, []).append(len(pks))
        pks.append(pk)
        money.append(currency or ecomai.CURRENCY)
        categories.append(str(keys[0]) if keys else "")
        price.append(np.nan if amount is None else float(amount))
    for part in in_parts(sorted(orphans)):
        known = Product.objects.filter(pk__in=part).values_list("pk", "category_external_ids")
        for parent, held in known:
            for row in orphans[parent] if held else ():
                categories[row] = str(held[0])
    names, code = np.unique(np.array(categories, dtype=object).astype(str), return_inverse=True)
    return Catalogue(
        np.array(pks, dtype=np.int64), money, code.astype(np.int64), np.array(price), names[code] != ""
    )  # fmt: skip


@dataclass(eq=False)
class _Rows:
    """Rows of the panel so far, in parts: place in the catalogue, period, units, price, promotion, in stock."""

    parts: list[tuple[NDArray[Any], ...]] = field(default_factory=list)

    def add(self, *columns: NDArray[Any]) -> None:
        kinds = (np.int32, np.int32, np.float32, np.float64, np.float32, np.float32)
        self.parts.append(tuple(one.astype(kind) for one, kind in zip(columns, kinds, strict=True)))

    def whole(self) -> tuple[NDArray[Any], ...]:
        return tuple(np.concatenate([part[at] for part in self.parts]) for at in range(6))


def learn(
    *, channel: str, reader: Reader, catalogue: Catalogue, progress: Callable[[float], None] | None = None
) -> Learned:
    """Elasticities of the catalogue from the last ``PRICING_HISTORY_WEEKS`` weeks."""
    found = Learned.empty(catalogue.products)
    if not len(catalogue):
        return found
    gathered = _Rows()
    mixed = np.zeros(len(catalogue), dtype=bool)
    for start in range(0, len(catalogue), READ):
        place = np.arange(start, min(start + READ, len(catalogue)))
        weeks = reader.weeks(
            product_ids=catalogue.products[place].tolist(),
            currencies=[catalogue.currency[row] for row in place],
            weeks=ecomai.PRICING_HISTORY_WEEKS,
        )
        mixed[place] = weeks.mixed
        row, week = np.nonzero(weeks.known & np.isfinite(weeks.price) & ~weeks.mixed[:, None])
        cells = (weeks.units, weeks.price, weeks.promotion, weeks.in_stock)
        gathered.add(place[row], weeks.periods[week], *(one[row, week] for one in cells))
        if progress is not None:
            progress(0.6 * (start + len(place)) / len(catalogue))
    rows = gathered.whole()
    count = np.bincount(rows[0], minlength=len(catalogue))
    groups = list(_groups(catalogue.category, count))
    for number, members in enumerate(groups, start=1):
        _fit(found, catalogue, rows, members)
        if progress is not None:
            progress(0.6 + 0.4 * number / len(groups))
    found.reason[mixed] = "mixed_currency"
    return found


def _groups(category: NDArray[np.int64], count: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Places of the products of whole categories, so many that their rows fit into memory."""
    order = np.argsort(category, kind="stable")
    sizes = np.bincount(category, count)
    ends = np.cumsum(np.bincount(category))
    begin, rows = 0, 0.0
    for at, size in enumerate(sizes.tolist()):
        first = int(ends[at - 1]) if at else 0
        if rows and rows + size > FIT_ROWS:
            yield np.sort(order[begin:first])
            begin, rows = first, 0.0
        rows += size
    if begin < len(order):
        yield np.sort(order[begin:])


def _fit(found: Learned, catalogue: Catalogue, rows: tuple[NDArray[Any], ...], members: NDArray[np.int64]) -> None:
    from django_ecomai.ml.pricing.elasticity import ElasticityOptions, fit_elasticities
    from django_ecomai.ml.pricing.panel import PricePanel
    from django_ecomai.ml.pricing.price_test import suggest_tests

    local = np.full(len(catalogue), -1)
    local[members] = np.arange(len(members))
    mine = np.flatnonzero(local[rows[0]] >= 0)
    if not len(mine):
        return
    _names, category = np.unique(catalogue.category[members], return_inverse=True)
    product, period, units, price, promotion, in_stock = (one[mine] for one in rows)
    panel = PricePanel.build(
        product=local[product], period=period, units=units, price=price, promotion=promotion, in_stock=in_stock,
        category=category, n_products=len(members),
    )  # fmt: skip
    fit = fit_elasticities(panel, ElasticityOptions())
    _keep(found, fit, members, catalogue.named[members])
    tests = suggest_tests(fit, np.nan_to_num(catalogue.price[members]), most=TESTS)
    _keep_tests(found, tests, members)


def _keep(found: Learned, fit: Elasticities, members: NDArray[np.int64], named: NDArray[np.bool_]) -> None:
    for name in _COLUMNS:
        found.values[name][members] = getattr(fit, name)
    found.reason[members] = fit.reason
    own = fit.weight >= OWN
    source = np.where(own, "own", np.where(named, "category", "shop"))
    found.source[members] = np.where(fit.accepted, source, "none")
    found.rho[members] = fit.rho
    found.levels[members], found.periods[members] = fit.levels, fit.periods


def _keep_tests(found: Learned, tests: PriceTests, members: NDArray[np.int64]) -> None:
    for at, local in enumerate(tests.product.tolist()):
        pk = int(found.products[members[local]])
        found.tests[pk] = (
            float(tests.low[at]), float(tests.high[at]), int(tests.weeks[at]), float(tests.worth[at]),
        )  # fmt: skip


def elasticities_store(*, channel: str, learned: Learned, run_number: int | None, now: datetime) -> int:
    """Write them over the old ones, a few thousand at a time, and forget products that are not on sale any more."""
    names = [one.name for one in ProductElasticity._meta.concrete_fields if one.name not in ("id", "product")]
    for start in range(0, len(learned.products), WRITE):
        ProductElasticity.objects.bulk_create(
            [
                _row(learned, at, channel=channel, run_number=run_number, now=now)
                for at in range(start, min(start + WRITE, len(learned.products)))
            ],
            update_conflicts=True,
            update_fields=names,
            **conflict_target(ProductElasticity, "product"),
        )
    if len(learned.products):
        ProductElasticity.objects.filter(channel=channel).exclude(made_at=now).delete()
    return len(learned.products)


def _row(learned: Learned, at: int, *, channel: str, run_number: int | None, now: datetime) -> ProductElasticity:
    pk = int(learned.products[at])
    values = {name: _number(learned.values[name][at]) for name in _COLUMNS}
    for name, otherwise in (("weight", 0.0), ("rate", 0.0), ("dispersion", 1.0), ("alpha", 0.0)):
        values[name] = otherwise if values[name] is None else values[name]
    source = str(learned.source[at])
    low, high, weeks, worth = learned.tests.get(pk, (None, None, None, None))
    row = ProductElasticity(
        channel=channel,
        product_id=pk,
        run_number=run_number,
        made_at=now,
        reason=str(learned.reason[at]),
        source=source if source in ElasticitySource.values else ElasticitySource.NONE,
        levels=int(learned.levels[at]),
        periods=int(learned.periods[at]),
        rho=float(learned.rho[at]),
        test_weeks=weeks,
        test_worth=worth,
        **values,
    )
    row.test_low = None if low is None else ProductElasticity._meta.get_field("test_low").to_python(round(low, 2))
    row.test_high = None if high is None else ProductElasticity._meta.get_field("test_high").to_python(round(high, 2))
    return row


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
