"""Approved prices of shops whose adapter cannot write: what the merchant has put into the shop himself is noted.

He downloads the approved prices as CSV, and writes them as he does. The copy of the shop tells what became of them:
the new price is there, or still the old one, or somebody has set another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import PricePoint
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceChange, PriceProposal

from .apply import families_together
from .decide import Rows, decision_log, family_groups, locked, mark_stale, reason_keep, stale_reason
from .following import RELEASED, follows
from .shop import adapter_applies, plain
from .undo_claim import FREE

State, Kind, Verdict = PriceProposal.State, PriceChange.Kind, PriceChange.Verdict
#: Proposals that are looked at in one transaction.
PART = 500


@dataclass
class Adopted:
    """What the copy of the shop says: prices that are there, that were overtaken, and that have their old price again:
    ``taken_back`` those that earned too little, ``undone`` others."""

    applied: int = 0
    stale: int = 0
    taken_back: int = 0
    undone: int = 0


def prices_adopt(*, channel: str = "", now: datetime | None = None) -> Adopted:
    """Note what became of approved and scheduled prices of a shop whose adapter cannot write; elsewhere do nothing.

    The new price in the copy, of all of a family: it is in the shop since the copy's price point, as if it had been
    written then. Neither the new nor the old one: overtaken. The old one: it waits on. A price that is watched, or that
    earned too little, and has its old price again was taken back there. Two queries where nothing has changed.
    """
    found, at = Adopted(), now or timezone.now()
    if adapter_applies(channel):
        return found
    waiting = PriceProposal.objects.filter(channel=channel, state__in=PriceProposal.WAITING)
    moved = list(waiting.filter(_moved()).order_by("pk").values_list("pk", "family"))
    families = sorted({family for _pk, family in moved if family})
    named: dict[int, str] = {pk: family for pk, family in moved if not family}
    for part in in_parts(families):
        named.update((pk, str(family)) for pk, family in waiting.filter(family__in=part).values_list("pk", "family"))
    for keys in families_together(sorted(named.items()), size=PART):
        _adopt(found, keys, now=at)
    _taken_back(found, channel=channel, now=at)
    return found


def prices_overdue(*, channel: str = "", now: datetime | None = None) -> QuerySet[PriceProposal]:
    """Approved prices that should long be in a shop whose adapter cannot write: ``PRICING_LEARN_DAYS`` (at least one
    day) after they came into the CSV file, or after the day they were scheduled for. None where the adapter can."""
    rows = PriceProposal.objects.filter(channel=channel)
    if adapter_applies(channel):
        return rows.none()
    since = (now or timezone.now()) - timedelta(days=max(ecomai.PRICING_LEARN_DAYS, 1))
    late = Q(state=State.APPROVED, decided_at__lt=since) & (Q(apply_at=None) | Q(apply_at__lt=since))
    late |= Q(state=State.SCHEDULED, apply_at__lt=since)
    return rows.filter(late).exclude(follows(channel))


def prices_following(*, channel: str = "") -> tuple[QuerySet[PriceProposal], QuerySet[PriceProposal]]:
    """Where the adapter cannot write: prices that stand in no CSV file before those that go first have proved
    themselves, and those that came into it by that. None where it can."""
    rows = PriceProposal.objects.filter(channel=channel)
    if adapter_applies(channel):
        return rows.none(), rows.none()
    return rows.filter(follows(channel)), rows.filter(RELEASED)


def prices_to_take_back(*, channel: str = "") -> QuerySet[PriceChange]:
    """Changes that earned too little and are still in a shop whose adapter cannot write: the merchant takes them back.
    None where the adapter can, or where nothing is to be taken back."""
    rows = PriceChange.objects.filter(
        channel=channel, kind=Kind.APPLY, verdict=Verdict.BELOW, undone_at=None,
        product__price=F("new_price"), product__removed_at=None,
    )  # fmt: skip
    return rows if ecomai.PRICING_ROLLBACK and not adapter_applies(channel) else rows.none()


def take_back_told(change: PriceChange) -> Why:
    """What the watch says where it cannot take a price back itself; false where it can, or shall not."""
    if not ecomai.PRICING_ROLLBACK or adapter_applies(change.channel):
        return NONE
    return why("take_back_yourself", product=change.product, price=change.old_price)


def _moved() -> Q:
    """Where the copy does not say the price of before any more, or not of a product on sale."""
    same = Q(product__price=F("old_price"), product__is_active=True, product__removed_at=None)
    return ~(same & (Q(product__currency=F("currency")) | Q(product__currency="")))


def _adopt(found: Adopted, keys: Sequence[int], *, now: datetime) -> None:
    with transaction.atomic():
        rows = locked(keys, state__in=PriceProposal.WAITING)
        arrived, stale = [], []
        for members in family_groups(rows).values():
            reasons = {row.pk: _overtaken(row) for row in members}
            if any(reasons.values()):
                for row in members:
                    reason_keep(row, reasons[row.pk] or why("family_changed"))
                stale += members
            elif all(row.product.price == row.new_price for row in members):
                arrived += members
        mark_stale(stale, user=None, now=now)
        _record(arrived, now=now)
    found.applied += len(arrived)
    found.stale += len(stale)


def _overtaken(row: PriceProposal) -> Why:
    price = row.product.price
    return stale_reason(row, row.product, row.old_price if price == row.new_price else price)


def _record(rows: Rows, *, now: datetime) -> None:
    """Note prices as being in the shop, each since the moment of its price point."""
    since = _since(rows, now)
    PriceChange.objects.bulk_create(
        PriceChange(
            channel=row.channel, product=row.product, proposal=row, kind=Kind.APPLY, at=since[row.product_id],
            user_id=row.decided_by_id, old_price=row.old_price or Decimal(0),
            new_price=row.new_price or Decimal(0), currency=row.currency,
            batch=row.batch, is_canary=row.is_canary,
        )
        for row in rows
    )  # fmt: skip
    for row in rows:
        row.state, row.apply_at = State.APPLIED, None
        reason_keep(row, NONE)
    PriceProposal.objects.bulk_update(rows, ["state", "apply_at", "held_code", "held_named", "held_reason"], 200)
    decision_log(rows, [log_line("adopted", old=plain(row.old_price), new=plain(row.new_price)) for row in rows])


def _since(rows: Sequence[PriceProposal | PriceChange], now: datetime) -> dict[int, datetime]:
    """Since when the products have the price of now, by their key: the newest price point, if it has that price."""
    prices = {row.product_id: row.product.price for row in rows}
    found = dict.fromkeys(prices, now)
    for part in in_parts(prices):
        points = PricePoint.objects.filter(product__in=part, valid_from__lte=now).order_by("valid_from", "pk")
        for pk, moment, price in points.values_list("product_id", "valid_from", "price").iterator(chunk_size=5000):
            found[pk] = moment if price == prices[pk] else now
    return found


def _taken_back(found: Adopted, *, channel: str, now: datetime) -> None:
    """Prices that are watched, or earned too little, and have their old price again, which no approved price asks for:
    as if they had been undone, or rolled back, here."""
    wanted = PriceProposal.objects.filter(
        Q(state__in=PriceProposal.UNDER_WAY) | Q(changes__kind=Kind.APPLY, changes__pk__gt=OuterRef("pk")),
        product=OuterRef("product"), new_price=OuterRef("old_price"),
    )  # fmt: skip
    rows = PriceChange.objects.filter(
        ~Exists(wanted), channel=channel, kind=Kind.APPLY, verdict__in=(Verdict.WATCHED, Verdict.BELOW), undone_at=None,
        product__price=F("old_price"),
    ).exclude(new_price=F("old_price"))  # fmt: skip
    with transaction.atomic():
        back = list(locked_rows(rows.order_by("pk")).select_related("product"))
        since = _since(back, now)
        PriceChange.objects.bulk_create(
            PriceChange(
                channel=one.channel, product=one.product, proposal_id=one.proposal_id,
                kind=Kind.ROLLBACK if one.verdict == Verdict.BELOW else Kind.UNDO,
                at=since[one.product_id], old_price=one.new_price, new_price=one.old_price, currency=one.currency,
                batch=one.batch,
            )
            for one in back
        )  # fmt: skip
        for part in in_parts(one.pk for one in back):
            PriceChange.objects.filter(pk__in=part).update(undone_at=now, **FREE)
        for part in in_parts(one.proposal_id for one in back if one.proposal_id):
            PriceProposal.objects.filter(pk__in=part).update(state=State.UNDONE, decided_at=now)
    found.taken_back = sum(one.verdict == Verdict.BELOW for one in back)
    found.undone = len(back) - found.taken_back
