"""Elasticities of a whole catalogue: read a part at a time and put down in files, one for each group of categories, or
part of a large one, that is fitted at once, so that memory is bounded however the shop is divided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q

from django_ecomai.conf import ecomai
from django_ecomai.core.arrays import nullable
from django_ecomai.core.upsert import rows_upsert
from django_ecomai.mirror.columns import of_products
from django_ecomai.mirror.models import Product

from .cross_effects import Effect, effects_of_pairs, effects_of_rivals, rivals_weekly
from .facts import in_parts, on_sale
from .models import ProductElasticity
from .models.elasticities import ElasticitySource
from .reading import Reader, Weeks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.elasticity import Elasticities
    from django_ecomai.ml.pricing.panel import PricePanel

#: Products that are read at once, products that are fitted at once, rows that are written at once.
READ, FIT, WRITE = 2_000, 20_000, 5_000
#: Suggested tests per fit, and how many are held against the limits.
TESTS, CANDIDATES = 50, 500
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
    tests: dict[int, tuple[Decimal, Decimal, int, float]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)  # of other prices, where they were learned too

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
        stored = ProductElasticity.objects.filter(channel=channel).order_by()
        keys = found.products.tolist()
        for start in range(0, len(keys), READ):
            rows = list(of_products(stored, keys[start : start + READ]).values_list(*columns))
            if not rows:
                continue
            pks, reason, source, rho, levels, periods, *numbers = (list(one) for one in zip(*rows, strict=True))
            at = found.rows(pks)
            here = at >= 0  # between the keys lie others
            at = at[here]
            found.reason[at], found.source[at] = np.array(reason)[here], np.array(source)[here]
            found.rho[at], found.levels[at], found.periods[at] = (np.array(one)[here] for one in (rho, levels, periods))
            for name, values in zip(_COLUMNS, numbers, strict=True):
                found.values[name][at] = np.array(values, dtype=np.float64)[here]  # None becomes NaN
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
    rows = on_sale(channel=channel).order_by("pk")
    pks: list[int] = []
    money: list[str] = []
    categories: list[int] = []
    names = {"": 0}
    price: list[float] = []
    orphans: dict[int, list[int]] = {}
    columns = ("pk", "currency", "category_external_ids", "price", "parent_id")
    for pk, currency, keys, amount, parent in rows.values_list(*columns).iterator(chunk_size=5000):
        if not keys and parent is not None:
            orphans.setdefault(parent, []).append(len(pks))
        pks.append(pk)
        money.append(currency or ecomai.CURRENCY)
        categories.append(names.setdefault(str(keys[0]) if keys else "", len(names)))
        price.append(np.nan if amount is None else float(amount))
    for part in in_parts(sorted(orphans)):
        known = Product.objects.filter(pk__in=part).values_list("pk", "category_external_ids")
        for parent, held in known:
            for row in orphans[parent] if held else ():
                categories[row] = names.setdefault(str(held[0]), len(names))
    # in the order of their names, so that the same catalogue is always fitted alike
    used = set(categories)
    place = {code: at for at, code in enumerate(code for _name, code in sorted(names.items()) if code in used)}
    code = np.array([place[one] for one in categories], dtype=np.int64)
    return Catalogue(np.array(pks, dtype=np.int64), money, code, np.array(price), np.array(categories) != 0)


#: A row of the panel: place among the products of its group, week, pieces, price, share promoted and in stock, and the
#: logarithm of the lowest price of competitors.
_ROW = np.dtype(
    [
        ("product", "i4"), ("period", "i4"), ("units", "f4"), ("price", "f8"), ("promotion", "f4"),
        ("in_stock", "f4"), ("rivals", "f4"),
    ]
)  # fmt: skip


def learn(
    *,
    channel: str,
    reader: Reader,
    catalogue: Catalogue,
    tests: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Learned:
    """Elasticities of the catalogue from the last ``PRICING_HISTORY_WEEKS`` weeks; with ``tests`` also those that are
    worth trying."""
    found = Learned.empty(catalogue.products)
    if not len(catalogue):
        return found
    groups = _groups(catalogue.category, catalogue.products)
    group, local = np.empty(len(catalogue), np.int64), np.empty(len(catalogue), np.int64)
    for number, members in enumerate(groups):
        group[members], local[members] = number, np.arange(len(members))
    with ExitStack() as stack:
        files = [stack.enter_context(TemporaryFile()) for _ in groups]
        for start in range(0, len(catalogue), READ):
            place = np.arange(start, min(start + READ, len(catalogue)))
            weeks = _weeks(reader, catalogue, place)
            currencies = [catalogue.currency[row] for row in place.tolist()]
            rivals = rivals_weekly(
                channel=channel, products=weeks.products, currencies=currencies, periods=weeks.periods
            )
            _put_down(found, weeks, rivals, place, group, local, files)
            if progress is not None:
                progress(0.6 * (start + len(place)) / len(catalogue))
        mixed = found.reason == "mixed_currency"
        for number, members in enumerate(groups):
            files[number].seek(0)
            fit = _fit(found, catalogue, np.frombuffer(files[number].read(), dtype=_ROW), members)
            if tests and fit is not None:
                _keep_tests(found, catalogue, fit, members, channel)
            files[number].close()
            if progress is not None:
                progress(0.6 + 0.4 * (number + 1) / len(groups))
    found.reason[mixed] = "mixed_currency"
    return found


def _weeks(reader: Reader, catalogue: Catalogue, place: NDArray[np.int64]) -> Weeks:
    return reader.weeks(
        product_ids=catalogue.products[place].tolist(),
        currencies=[catalogue.currency[row] for row in place.tolist()],
        weeks=ecomai.PRICING_HISTORY_WEEKS,
    )


def _put_down(
    found: Learned,
    weeks: Weeks,
    rivals: NDArray[np.float64] | None,
    place: NDArray[np.int64],
    group: NDArray[np.int64],
    local: NDArray[np.int64],
    files: Sequence[IO[bytes]],
) -> None:
    """Append the rows of some products to the files of their groups."""
    found.reason[place[weeks.mixed]] = "mixed_currency"
    row, week = np.nonzero(weeks.known & np.isfinite(weeks.price) & ~weeks.mixed[:, None])
    rows = np.empty(len(row), dtype=_ROW)
    rows["product"], rows["period"] = local[place[row]], weeks.periods[week]
    for name in ("units", "price", "promotion", "in_stock"):
        rows[name] = getattr(weeks, name)[row, week]
    rows["rivals"] = np.nan if rivals is None else rivals[row, week]
    whose = group[place[row]]
    for number in np.unique(whose).tolist():
        files[number].write(rows[whose == number].tobytes())


def _groups(category: NDArray[np.int64], products: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of the products of whole categories, `FIT` at once; those of a category of more in parts."""
    order = np.argsort(category, kind="stable")
    ends = np.cumsum(np.bincount(category)).tolist()
    found, begin, last = [], 0, 0
    for end in ends:
        if end - begin > FIT and last > begin:
            found.append(np.sort(order[begin:last]))
            begin = last
        last = end
    found.append(np.sort(order[begin:]))
    return [part for members in found for part in _parts(members, products)]


def _parts(members: NDArray[np.int64], products: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """A category of more than `FIT` products in parts of about equal size, by a hash of their keys: each part is a
    sample of the category, and a product stays in its part from week to week."""
    if len(members) <= FIT:
        return [members]
    # a power of two, so that a category that grows divides parts in two and mixes none
    bits = int(np.ceil(np.log2(len(members) / FIT)))
    mixed = products[members].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    part = mixed >> np.uint64(64 - bits)
    return [members[part == at] for at in range(2**bits) if np.any(part == at)]


def _fit(found: Learned, catalogue: Catalogue, rows: NDArray[Any], members: NDArray[np.int64]) -> Elasticities | None:
    from django_ecomai.ml.pricing.elasticity import ElasticityOptions, fit_elasticities
    from django_ecomai.ml.pricing.panel import PricePanel

    if not len(rows):
        return None
    _names, category = np.unique(catalogue.category[members], return_inverse=True)
    panel = PricePanel.build(
        **{name: rows[name] for name in ("product", "period", "units", "price", "promotion", "in_stock")},
        category=category, n_products=len(members),
    )  # fmt: skip
    fit = fit_elasticities(panel, ElasticityOptions())
    _keep(found, fit, members, catalogue.named[members])
    _keep_effects(found, panel, fit, rows, members, catalogue.named[members])
    return fit


def _keep(found: Learned, fit: Elasticities, members: NDArray[np.int64], named: NDArray[np.bool_]) -> None:
    for name in _COLUMNS:
        found.values[name][members] = getattr(fit, name)
    found.reason[members] = fit.reason
    own = fit.weight >= OWN
    source = np.where(own, "own", np.where(named, "category", "shop"))
    found.source[members] = np.where(fit.accepted, source, "none")
    found.rho[members] = fit.rho
    found.levels[members], found.periods[members] = fit.levels, fit.periods


def _keep_effects(
    found: Learned,
    panel: PricePanel,
    fit: Elasticities,
    rows: NDArray[Any],
    members: NDArray[np.int64],
    named: NDArray[np.bool_],
) -> None:
    from django_ecomai.ml.pricing.cross import cross_prices, pair_prices

    products = found.products[members]
    found.effects += effects_of_pairs(pair_prices(panel, fit), products, named)
    if np.isfinite(rows["rivals"]).any():
        # the panel left rows out and sorted the others
        ordered = rows[np.lexsort((rows["period"], rows["product"]))]
        span = int(ordered["period"].max()) + 1
        key = ordered["product"].astype(np.int64) * span + ordered["period"]
        rivals = ordered["rivals"].astype(np.float64)[np.searchsorted(key, panel.product * span + panel.period)]
        seen = np.bincount(panel.product, np.isfinite(rivals), len(members)) > 0
        found.effects += effects_of_rivals(cross_prices(panel, fit, rivals), products, panel.category, seen)


def _keep_tests(
    found: Learned, catalogue: Catalogue, fit: Elasticities, members: NDArray[np.int64], channel: str
) -> None:
    """Suggest the tests that are worth most, at prices that the limits of their products allow."""
    from django_ecomai.ml.pricing.price_test import suggest_tests

    from .services.price_test_limits import rooms_of

    price = np.nan_to_num(catalogue.price[members])
    keys = found.products[members]
    candidates = suggest_tests(fit, price, most=CANDIDATES).product
    rooms = rooms_of(channel=channel, product_ids=keys[candidates].tolist())
    widest = np.zeros(len(members))
    widest[candidates] = [rooms[pk].widest if pk in rooms else 0.0 for pk in keys[candidates].tolist()]
    tests = suggest_tests(fit, price, most=TESTS, widest=widest)
    for at, local in enumerate(tests.product.tolist()):
        pk = int(keys[local])
        pair = rooms[pk].pair(Decimal(str(price[local])), float(tests.step[at]))
        if pair is not None:
            found.tests[pk] = (*pair, int(tests.weeks[at]), float(tests.worth[at]))


def elasticities_store(*, channel: str, learned: Learned, run_number: int | None, now: datetime) -> int:
    """Write them over the old ones, a few thousand at a time."""
    for start in range(0, len(learned.products), WRITE):
        rows_upsert(
            ProductElasticity, _columns(learned, slice(start, start + WRITE), channel, run_number, now), "product"
        )
    return len(learned.products)


def elasticities_forget(*, channel: str) -> None:
    """Forget products that are not on sale any more."""
    # as a join: PostgreSQL answers NOT IN (a million keys) by looking at each of them for each row
    gone = Q(product__is_active=False) | Q(product__is_service=True) | Q(product__removed_at__isnull=False)
    ProductElasticity.objects.filter(gone, channel=channel).delete()


def _columns(
    learned: Learned, part: slice, channel: str, run_number: int | None, now: datetime
) -> dict[str, list[Any]]:
    """Values of all columns of the table, by field name."""
    pks = learned.products[part].tolist()
    n = len(pks)
    named = {"weight": 0.0, "rate": 0.0, "dispersion": 1.0, "alpha": 0.0}
    found: dict[str, list[Any]] = {
        "channel": [channel] * n, "product": pks, "run_number": [run_number] * n, "made_at": [now] * n,
        "reason": [str(one) for one in learned.reason[part].tolist()],
        "source": [one if one in ElasticitySource.values else "none" for one in learned.source[part].tolist()],
        "levels": learned.levels[part].tolist(), "periods": learned.periods[part].tolist(),
        "rho": learned.rho[part].tolist(),
    }  # fmt: skip
    for name in _COLUMNS:
        found[name] = nullable(learned.values[name][part], named.get(name))
    tests = [learned.tests.get(pk, (None, None, None, None)) for pk in pks]
    for at, name in enumerate(("test_low", "test_high", "test_weeks", "test_worth")):
        found[name] = [test[at] for test in tests]
    return found


def learned_at(*, channel: str) -> datetime | None:
    """When elasticities were learned last."""
    rows = ProductElasticity.objects.filter(channel=channel).order_by("-pk")
    return rows.values_list("made_at", flat=True).first()
