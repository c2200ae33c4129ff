"""The price ledger: what a reduced price must be told beside (the lowest price of the 30 days before).

Prices are kept by the mirror, which writes a ``PricePoint`` for every change from any source and never rewrites one: a
copy of them would say nothing more. Here stands only what cannot be read off one row: when a reduction began, and what
was the lowest price before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.currencies import smallest_amount
from django_ecomai.core.template_access import TemplateAccess
from django_ecomai.mirror.models import Product, Promotion

from .facts import in_parts
from .histories import History, ever_reduced, histories
from .models import PriceReduction
from .omnibus import Reduction, is_settled_by, lowest_in, reductions, spans

CHUNK = 1000
# Products of which every reduction there ever was is held at once.
FEW = 50
#: How often products are looked at anew that another worker was writing at the same moment.
ATTEMPTS = 3
OPEN = Q(ended_at=None)
# Thirty calendar days and the one that has begun, with the hour of a change of clocks.
MONTH = timedelta(days=32)
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


def price_record(*, products: Sequence[int], at: datetime | None = None, whole: bool = False) -> int:
    """Bring the reductions of these products (keys of the mirror) up to date with their prices.

    Returns how many rows were written. Seven queries per thousand products, one more where reductions are new, three
    where none was ever reduced. What was recorded of a past reduction stays, even if the promotion behind it has been
    deleted since. Promotions that ended more than a month before anything that still runs are looked at with ``whole``
    only, or where a reduction reaches back to them: past reductions of a product that had such promotions stay as they
    are.
    """
    now = at or timezone.now()
    written = 0
    keys = sorted(set(products))
    size = FEW if whole else CHUNK
    for begin in range(0, len(keys), size):
        part = keys[begin : begin + size]
        for _attempt in range(ATTEMPTS):
            again: list[int] = []
            written += _record(part, now, whole, again)
            if not again:
                break
            part, now = again, max(now, timezone.now())
    return written


def _record(keys: list[int], now: datetime, whole: bool, again: list[int]) -> int:
    """``again`` gets products of which another worker has stored something else at the same moment: nobody knows who of
    the two has seen more, so that they are to be looked at once more."""
    lately = now - MONTH
    known: dict[int, dict[datetime, PriceReduction]] = {}
    for recent in PriceReduction.objects.filter(OPEN | Q(ended_at__gt=lately), product_id__in=keys):
        known.setdefault(recent.product_id, {})[recent.began_at] = recent
    if not Promotion.objects.filter(kind=Promotion.Kind.DISCOUNT, removed_at=None).exists():
        keys = sorted(ever_reduced(products=keys) | known.keys())
    if not keys:
        return 0
    found = _found(keys, now, None if whole else {pk: _needed_since(known.get(pk, {}), now) for pk in keys})
    _past_add(known, found, lately)
    new: list[PriceReduction] = []
    changed: list[PriceReduction] = []
    unplanned: list[int] = []
    for pk, (history, ones) in found.items():
        rows = known[pk]
        for one in ones:
            row = rows.pop(one.began) if one.began in rows else _the_running(rows, one, now)
            if row is not None and history.missed and one.began == now > row.began_at and row.price >= one.price:
                continue  # it is known to run for longer than the history says
            if row is None:
                new.append(PriceReduction(channel=history.channel, product_id=pk, **_values(one, history.currency)))
            elif _differs(row, one, history.currency):
                changed.append(row)
        for left in rows.values():
            if left.began_at > now:
                unplanned.append(left.pk)
            elif left.ended_at is None or left.ended_at > now:
                left.ended_at = now
                changed.append(left)
    if unplanned:
        PriceReduction.objects.filter(pk__in=unplanned).delete()
    if changed:
        for each in changed:
            each.recorded_at = timezone.now()
        PriceReduction.objects.bulk_update(changed, ("began_at", *_WRITTEN, "recorded_at"), batch_size=CHUNK)
    PriceReduction.objects.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
    again += _stored_otherwise(new)
    return len(new) + len(changed) + len(unplanned)


def _stored_otherwise(new: Sequence[PriceReduction]) -> list[int]:
    """Products of which a row was there already when ours was to be added, and says something else."""
    ours = {(one.product_id, one.began_at): one for one in new}
    columns = ("product_id", "began_at", *_WRITTEN)
    found: set[int] = set()
    for part in in_parts(sorted({pk for pk, _began in ours})):
        rows = PriceReduction.objects.filter(product__in=part, began_at__in={at for pk, at in ours if pk in set(part)})
        for pk, began, *values in rows.values_list(*columns):
            mine = ours.get((pk, began))
            if mine is not None and values != [getattr(mine, name) for name in _WRITTEN]:
                found.add(pk)
    return sorted(found)


def _past_add(
    known: dict[int, dict[datetime, PriceReduction]],
    found: dict[int, tuple[History, list[Reduction]]],
    lately: datetime,
) -> None:
    """What was recorded as over for long, where the history has something of that time; of products some promotions of
    which were left out, what is over is taken out of ``found`` instead."""
    past = []
    for pk, (history, ones) in found.items():
        rows = known.setdefault(pk, {})
        if history.cut is not None:
            ones = [one for one in ones if one.ended is None or one.ended > lately or one.began in rows]
            found[pk] = (history, ones)
        if any(one.began <= lately and one.began not in rows for one in ones):
            past.append(pk)
    for row in PriceReduction.objects.filter(ended_at__lte=lately, product_id__in=past) if past else ():
        known[row.product_id][row.began_at] = row


def _needed_since(rows: Mapping[datetime, PriceReduction], now: datetime) -> datetime:
    """Promotions that ended before say nothing about what runs or was over within the last month."""
    open_since = [began for began, row in rows.items() if row.ended_at is None or row.ended_at > now]
    return min([*open_since, now - MONTH]) - MONTH


def _found(
    keys: Sequence[int], now: datetime, since: Mapping[int, datetime] | None
) -> dict[int, tuple[History, list[Reduction]]]:
    """Histories and the reductions in them, without those near a promotion that was left out; where one of these still
    runs, the whole past is read."""
    zone = timezone.get_default_timezone()
    found, again = {}, []
    for pk, history in histories(products=keys, now=now, since=since).items():
        ones = _reductions(history)
        if history.cut is not None:
            near = [one for one in ones if not is_settled_by(one, history.cut, zone=zone)]
            if any(one.ended is None or one.ended > now for one in near):
                again.append(pk)
            ones = ones[len(near) :]
        found[pk] = (history, ones)
    return found | (_found(again, now, None) if again else {})


def _reductions(history: History) -> list[Reduction]:
    """Of the history as the settings read it."""
    included = ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS
    zone, cent = timezone.get_default_timezone(), smallest_amount(history.currency)
    return reductions(history.steps, history.offers, zone=zone, included=included, cent=cent)


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
    moment = at or now
    history = histories(products=[product.pk], now=now, since={product.pk: moment - MONTH}).get(product.pk)
    if history is None:
        return None
    included, cent = ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS, smallest_amount(history.currency)
    line = spans(history.steps, history.offers, included=included, cent=cent)
    return lowest_in(line, moment, zone=timezone.get_default_timezone())


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
