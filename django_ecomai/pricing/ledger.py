"""The price ledger: what a reduced price must be told beside (the lowest price of the 30 days before).

Prices are kept by the mirror, which writes a ``PricePoint`` for every change from any source and never rewrites one: a
copy of them would say nothing more. Here stands only what cannot be read off one row: when a reduction began, and what
was the lowest price before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.template_access import TemplateAccess
from django_ecomai.mirror.models import Product, Promotion

from .histories import History, ever_reduced, histories
from .models import PriceReduction
from .omnibus import Reduction, lowest_in, reductions, spans

CHUNK = 1000
_WRITTEN = ("ended_at", "price", "list_price", "lowest_before", "known_since", "currency")


@dataclass(frozen=True, slots=True)
class LowestPrice(TemplateAccess):
    """The running reduction of a product.

    ``lowest`` is the lowest price of the 30 days before it began, ``None`` when no price before it is known;
    ``price`` that of its first step.
    """

    product_id: str
    lowest: Decimal | None
    currency: str
    price: Decimal
    list_price: Decimal | None
    began_at: datetime
    known_since: datetime


def price_record(*, products: Sequence[int], at: datetime | None = None) -> int:
    """Bring the reductions of these products (keys of the mirror) up to date with their prices.

    Returns how many rows were written. Seven queries per thousand products, three where none was ever reduced. What was
    recorded of a past reduction stays, even if the promotion behind it has been deleted since.
    """
    now = at or timezone.now()
    written = 0
    keys = sorted(set(products))
    for begin in range(0, len(keys), CHUNK):
        written += _record(keys[begin : begin + CHUNK], now)
    return written


def _record(keys: list[int], now: datetime) -> int:
    known: dict[int, list[PriceReduction]] = {}
    for row in PriceReduction.objects.filter(product_id__in=keys):
        known.setdefault(row.product_id, []).append(row)
    if not Promotion.objects.filter(kind=Promotion.Kind.DISCOUNT, removed_at=None).exists():
        keys = sorted(ever_reduced(products=keys) | known.keys())
    if not keys:
        return 0
    new: list[PriceReduction] = []
    changed: list[PriceReduction] = []
    unplanned: list[int] = []
    for pk, history in histories(products=keys, now=now).items():
        rows = {row.began_at: row for row in known.get(pk, ())}
        for one in _reductions(history):
            found = rows.pop(one.began) if one.began in rows else _the_running(rows, one, now)
            if found is not None and history.missed and one.began == now > found.began_at and found.price >= one.price:
                continue  # it is known to run for longer than the history says
            if found is None:
                new.append(PriceReduction(channel=history.channel, product_id=pk, **_values(one, history.currency)))
            elif _differs(found, one, history.currency):
                changed.append(found)
        for row in rows.values():
            if row.began_at > now:
                unplanned.append(row.pk)
            elif row.ended_at is None or row.ended_at > now:
                row.ended_at = now
                changed.append(row)
    if unplanned:
        PriceReduction.objects.filter(pk__in=unplanned).delete()
    if changed:
        for row in changed:
            row.recorded_at = timezone.now()
        PriceReduction.objects.bulk_update(changed, ("began_at", *_WRITTEN, "recorded_at"), batch_size=CHUNK)
    PriceReduction.objects.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
    return len(new) + len(changed) + len(unplanned)


def _reductions(history: History) -> list[Reduction]:
    """Of the history as the settings read it."""
    included = ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS
    return reductions(history.steps, history.offers, zone=timezone.get_default_timezone(), included=included)


def _values(one: Reduction, currency: str) -> dict[str, Any]:
    return {
        "began_at": one.began,
        "ended_at": one.ended,
        "price": one.price,
        "list_price": one.list_price,
        "lowest_before": one.lowest,
        "known_since": one.known_since,
        "currency": currency,
    }


def _the_running(rows: dict[datetime, PriceReduction], one: Reduction, now: datetime) -> PriceReduction | None:
    """The row of the same running reduction under another beginning: more of the past has become known since."""
    if not (one.began <= now and (one.ended is None or now < one.ended)):
        return None
    began = next((began for began, row in rows.items() if row.runs_at(now)), None)
    return rows.pop(began) if began is not None else None


def _differs(row: PriceReduction, one: Reduction, currency: str) -> bool:
    """Take over the values; ``True`` when one of them is new."""
    values = _values(one, currency)
    if all(getattr(row, name) == value for name, value in values.items()):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True


def lowest_before(*, product: Product, at: datetime | None = None) -> LowestPrice | None:
    """The reduction that runs at a moment, worked out from the price history; ``None`` when none does."""
    now = timezone.now()
    moment = at or now
    history = histories(products=[product.pk], now=now).get(product.pk)
    if history is None:
        return None
    for one in _reductions(history):
        if one.began <= moment and (one.ended is None or moment < one.ended):
            return LowestPrice(
                product_id=product.external_id,
                lowest=one.lowest,
                currency=history.currency,
                price=one.price,
                list_price=one.list_price,
                began_at=one.began,
                known_since=one.known_since,
            )
    return None


def lowest_if_reduced(*, product: Product, at: datetime | None = None) -> Decimal | None:
    """What would have to be told if a reduction began at a moment: the lowest price of the 30 days before it.

    ``None`` when no price is known. A price that is not below it is no reduction to announce.
    """
    now = timezone.now()
    history = histories(products=[product.pk], now=now).get(product.pk)
    if history is None:
        return None
    line = spans(history.steps, history.offers, included=ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS)
    return lowest_in(line, at or timezone.now(), zone=timezone.get_default_timezone())


def reductions_running(
    *, channel: str, product_ids: Iterable[str], at: datetime | None = None
) -> dict[str, LowestPrice]:
    """The recorded reductions that run at a moment, by the shop's product id; one query."""
    now = at or timezone.now()
    rows = PriceReduction.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=now),
        product__channel=channel,
        product__external_id__in=list(product_ids),
        began_at__lte=now,
    ).order_by("began_at")
    columns = (
        "product__external_id", "lowest_before", "currency", "price", "list_price", "began_at", "known_since",
    )  # fmt: skip
    return {row[0]: LowestPrice(*row) for row in rows.values_list(*columns)}
