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

from django.db.models import Exists, F, FilteredRelation, OuterRef, Q
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.currencies import smallest_amount
from django_ecomai.core.template_access import TemplateAccess
from django_ecomai.core.upsert import rows_update, rows_upsert
from django_ecomai.mirror.models import Product, Promotion

from .facts import in_parts
from .histories import History, ever_reduced, histories
from .models import LedgerWalk, PriceReduction
from .omnibus import Reduction, is_settled_by, lowest_in, reductions, spans

CHUNK = 1000
# Products of which every reduction there ever was is held at once.
FEW = 50
#: How often products are looked at anew that another worker was writing at the same moment.
ATTEMPTS = 3
#: Products of a page whose reductions are worked out for it, while no job has come to them.
DIRECT = 24
OPEN = Q(ended_at=None)
# Thirty calendar days and the one that has begun, with the hour of a change of clocks.
MONTH = timedelta(days=32)
_NEW = (
    "channel", "product", "began_at", "ended_at", "price", "list_price", "lowest_before", "known_since", "currency",
)  # fmt: skip
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
            far: list[int] = []
            raced: list[int] = []
            written += _record(part, now, None if whole else far, raced)
            for few in range(0, len(far), FEW):
                written += _record(far[few : few + FEW], now, None, raced)
            if not raced:
                break
            part, now = sorted(raced), max(now, timezone.now())
    return written


def _record(keys: list[int], now: datetime, far: list[int] | None, raced: list[int]) -> int:
    """Of those products that the latest promotions are enough for, the others are added to ``far``; ``None``: all are
    read wholly. ``raced`` gets products of which another worker has stored something else at the same moment: nobody
    knows who of the two has seen more, so that they are to be looked at once more."""
    whole, lately = far is None, now - MONTH
    known: dict[int, dict[datetime, PriceReduction]] = {}
    for recent in PriceReduction.objects.filter(OPEN | Q(ended_at__gt=lately), product_id__in=keys):
        known.setdefault(recent.product_id, {})[recent.began_at] = recent
    if not Promotion.objects.filter(kind=Promotion.Kind.DISCOUNT, removed_at=None).exists():
        keys = sorted(ever_reduced(products=keys) | known.keys())
    if not keys:
        return 0
    since = None if whole else {pk: _needed_since(known.get(pk, {}), now) for pk in keys}
    found, left_out = _found(keys, now, since)
    if far is not None:
        far += left_out
    _past_add(known, found, lately)
    new: list[tuple[Any, ...]] = []
    changed: list[PriceReduction] = []
    unplanned: list[int] = []
    for pk, (history, ones) in found.items():
        rows = known[pk]
        for one in ones:
            row = rows.pop(one.began) if one.began in rows else _the_running(rows, one, now)
            if row is not None and history.missed and one.began == now > row.began_at and row.price >= one.price:
                continue  # it is known to run for longer than the history says
            if row is None:
                new.append((history.channel, pk, *_values(one, history.currency).values()))
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
        rows_update(changed, ("began_at", *_WRITTEN, "recorded_at"))
    if new:
        columns: dict[str, Sequence[Any]] = dict(zip(_NEW, zip(*new, strict=True), strict=True))
        rows_upsert(PriceReduction, columns | {"recorded_at": [timezone.now()] * len(new)}, keep=True)
        raced += _stored_otherwise(new)
    return len(new) + len(changed) + len(unplanned)


def _stored_otherwise(new: Sequence[tuple[Any, ...]]) -> list[int]:
    """Products of which a row was there already when ours was to be added, and says something else."""
    rows = [dict(zip(_NEW, one, strict=True)) for one in new]
    ours = {(one["product"], one["began_at"]): [one[name] for name in _WRITTEN] for one in rows}
    found: set[int] = set()
    first = min(began for _pk, began in ours)
    for part in in_parts(sorted({pk for pk, _began in ours})):
        stored = PriceReduction.objects.filter(product__in=part, began_at__gte=first)
        for pk, began, *values in stored.values_list("product_id", "began_at", *_WRITTEN):
            if ours.get((pk, began), values) != values:
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
) -> tuple[dict[int, tuple[History, list[Reduction]]], list[int]]:
    """Histories and the reductions in them, without those near a promotion that was left out; and the products of which
    one of these still runs: their whole past must be read."""
    zone = timezone.get_default_timezone()
    found, again = {}, []
    for pk, history in histories(products=keys, now=now, since=since).items():
        ones = _reductions(history)
        if history.cut is not None:
            near = [one for one in ones if not is_settled_by(one, history.cut, zone=zone)]
            if any(one.ended is None or one.ended > now for one in near):
                again.append(pk)
                continue
            ones = ones[len(near) :]
        found[pk] = (history, ones)
    return found, again


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
            return _told(product.external_id, history, one)
    return None


def _told(product_id: str, history: History, one: Reduction) -> LowestPrice:
    return LowestPrice(
        product_id=product_id,
        lowest=one.lowest,
        currency=history.currency,
        price=one.price,
        list_price=one.list_price,
        began_at=one.began,
        known_since=one.known_since,
    )


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


def reductions_told(*, channel: str, product_ids: Iterable[str]) -> dict[str, LowestPrice]:
    """What pages tell now, by the shop's product id; one query.

    What changed for many products at once, and all of a new shop, reaches the ledger by and by. Until it has, the
    reductions of the first `DIRECT` of such products are worked out here (about ten queries more); of others nothing
    is told, rather than what may be wrong.
    """
    now = timezone.now()
    ids = list(dict.fromkeys(product_ids))
    walks = LedgerWalk.objects.filter(channel=channel, what=LedgerWalk.What.RUNNING)
    # whoever is not on sale has his turn later, and stands on no page
    passed = Q(on_sale=False) | Q(after__gte=OuterRef("pk"))
    reached = walks.filter(Q(filled__gte=F("asked")) | Q(walking__gte=F("asked")) & passed)
    runs = Q(reductions__began_at__lte=now) & (Q(reductions__ended_at=None) | Q(reductions__ended_at__gt=now))
    rows = Product.objects.filter(channel=channel, external_id__in=ids).annotate(
        reached=Exists(reached), running=FilteredRelation("reductions", condition=runs)
    )
    columns = ("lowest_before", "currency", "price", "list_price", "began_at", "known_since")
    named = ("pk", "reached", "external_id", *(f"running__{name}" for name in columns))
    found: dict[str, LowestPrice] = {}
    open_: dict[str, int] = {}
    for pk, is_reached, ident, *values in rows.order_by("running__began_at").values_list(*named):
        if not is_reached:
            open_[ident] = pk
        if values[-1] is not None:
            found[ident] = LowestPrice(ident, *values)
    if not open_:
        return found
    asked = [ident for ident in ids if ident in open_][:DIRECT]
    direct = _direct([open_[ident] for ident in asked], now, {one.product_id: one for one in found.values()})
    return {ident: one for ident, one in found.items() if ident not in open_} | direct


def _direct(keys: list[int], now: datetime, recorded: Mapping[str, LowestPrice]) -> dict[str, LowestPrice]:
    """The reductions of products that run now, worked out; by the shop's product id."""
    found, again = _found(keys, now, dict.fromkeys(keys, now - 2 * MONTH))
    found |= _found(again, now, None)[0] if again else {}
    told: dict[str, LowestPrice] = {}
    names = dict(Product.objects.filter(pk__in=keys).values_list("pk", "external_id"))
    for pk, (history, ones) in found.items():
        ident = names[pk]
        before = recorded.get(ident)
        for one in ones:
            if not (one.began <= now and (one.ended is None or now < one.ended)):
                continue
            if before is not None and history.missed and one.began == now and before.price >= one.price:
                told[ident] = before  # it is known to run for longer than the history says
            else:
                told[ident] = _told(ident, history, one)
    return told
