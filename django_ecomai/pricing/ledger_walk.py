"""Through the whole catalogue in parts, each noted in the database: the ledger's way is longer than one run may take.

Two walks per channel, see ``LedgerWalk``. Whoever is killed in a part does that part again; a reduction is known by its
product and its beginning, so nothing is written twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product, Promotion

from .ledger import CHUNK, FEW, price_record
from .models import LedgerWalk

What = LedgerWalk.What
#: How often a part is done again whose prices or promotions have changed meanwhile.
AGAIN = 2


@dataclass
class Walked:
    """Products that this call went through, rows that it wrote, and how many ``left`` for another."""

    products: int = 0
    written: int = 0
    left: int = 0


def walk_ask(*, channel: str, what: str = What.RUNNING) -> None:
    """Something changed that only a walk through all products works in; where one is under way, another follows it."""
    row, is_new = LedgerWalk.objects.get_or_create(channel=channel, what=what)
    if not is_new:
        LedgerWalk.objects.filter(pk=row.pk).update(asked=F("asked") + 1)


def walks_open(*, channel: str) -> QuerySet[LedgerWalk]:
    """Walks that are under way or asked for."""
    return LedgerWalk.objects.filter(Q(walking__isnull=False) | Q(filled__lt=F("asked")), channel=channel)


def walk_on(
    *,
    channel: str,
    what: str,
    deadline: float,
    afresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Walked:
    """Go on, one part at least and until ``deadline`` (of ``time.monotonic()``), with what is under way or asked for;
    with ``afresh`` begin where nothing is. ``progress`` hears how many of how many products this walk has done."""
    found = Walked()
    total = products_walked(channel).count()
    while (row := _taken_up(channel, what, afresh)) is not None:
        afresh = False
        while row.walking is not None:
            before = row.products, row.written
            if not _step(row):
                return found  # somebody else goes on with it
            found.products += row.products - before[0]
            found.written += row.written - before[1]
            if progress is not None:
                progress(min(row.products, total), total)
            # from one stage to the next, and to the end, costs nothing
            if before[0] < row.products < total and time.monotonic() >= deadline:
                found.left = total - row.products
                return found
        if time.monotonic() >= deadline:
            found.left = total if walks_open(channel=channel).filter(what=what).exists() else 0
            return found
    return found


def _taken_up(channel: str, what: str, afresh: bool) -> LedgerWalk | None:
    """The walk that is under way, else a new one if there is a reason for it."""
    row, _is_new = LedgerWalk.objects.get_or_create(channel=channel, what=what)
    if row.walking is None and (afresh or row.filled < row.asked):
        begun = {"on_sale": True, "after": 0, "products": 0, "written": 0, "began_at": timezone.now()}
        LedgerWalk.objects.filter(pk=row.pk, walking=None).update(walking=F("asked"), **begun)
        row.refresh_from_db()
    return None if row.walking is None else row


def _step(row: LedgerWalk) -> bool:
    """One part, or over to the next stage. ``False`` when another process has taken this step meanwhile."""
    whole = row.what == What.PAST
    rows = products_walked(row.channel, on_sale=row.on_sale).filter(pk__gt=row.after).order_by("pk")
    keys = list(rows.values_list("pk", flat=True)[: FEW if whole else CHUNK])
    if keys:
        written = _recorded(keys, whole=whole, channel=row.channel)
        return _moved(row, after=keys[-1], products=row.products + len(keys), written=row.written + written)
    if row.on_sale:
        return _moved(row, on_sale=False, after=0)
    return _moved(row, walking=None, filled=row.walking, ended_at=timezone.now())


def _moved(row: LedgerWalk, **values: Any) -> bool:
    here = LedgerWalk.objects.filter(pk=row.pk, walking=row.walking, on_sale=row.on_sale, after=row.after)
    if not here.update(**values):
        return False
    for name, value in values.items():
        setattr(row, name, value)
    return True


def products_walked(channel: str, *, on_sale: bool | None = None) -> QuerySet[Product]:
    """What a walk goes through: all, those on sale, or the others."""
    rows = Product.objects.filter(channel=channel, is_service=False)
    shown = Q(is_active=True, removed_at=None)
    return rows if on_sale is None else rows.filter(shown if on_sale else ~shown)


def _recorded(keys: Sequence[int], *, whole: bool, channel: str) -> int:
    """Bring a part up to date. Prices and promotions that change while it is worked out are recorded by whoever hears
    of them, perhaps before this writes what it read earlier: then it is read again."""
    written = 0
    state = _state(keys, channel)
    for _time in range(1 + AGAIN):
        written += price_record(products=keys, whole=whole)
        before, state = state, _state(keys, channel)
        if state == before:
            break
    return written


def _state(keys: Sequence[int], channel: str) -> Any:
    """What is another after the prices of these products, or a promotion, have changed; two queries."""
    newest = PricePoint.objects.filter(product_id__in=keys).aggregate(newest=Max("pk"))["newest"]
    discounts = Promotion.objects.filter(channel=channel, kind=Promotion.Kind.DISCOUNT).order_by("pk")
    columns = ("pk", "starts_at", "ends_at", "percent", "amount", "removed_at", "fingerprint")
    return newest, hash(tuple(discounts.values_list(*columns)))
