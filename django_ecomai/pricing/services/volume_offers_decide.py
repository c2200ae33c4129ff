"""What people decide about volume prices, and whether the limits still allow what they approved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.columns import KEYS_CHUNK
from django_ecomai.pricing.held import exact_amount, reason_text
from django_ecomai.pricing.models import VolumeOffer
from django_ecomai.pricing.offering import Priced, sellable
from django_ecomai.pricing.rulebook import RuleBook

from .decide import PricingError

WRITE = 500
#: What the next run may write over.
UNDECIDED = Q(dismissed_at=None, approved_at=None, seconded_by=None)
#: Amounts that differ by less are the same.
_SAME = 5e-5


@dataclass
class Approved:
    """``rows`` count from now on; ``first`` wait for a second person; ``refused`` with the reason of each."""

    rows: list[VolumeOffer] = field(default_factory=list)
    first: list[VolumeOffer] = field(default_factory=list)
    refused: list[tuple[VolumeOffer, str]] = field(default_factory=list)


def is_undecided(row: VolumeOffer) -> bool:
    """As ``UNDECIDED``."""
    return row.dismissed_at is None and row.approved_at is None and row.seconded_by_id is None


def offers_approve(*, offers: Iterable[VolumeOffer], user: Any = None) -> Approved:
    """Approve suggestions: ``volume_prices`` gives them to the shop from now on, at the price that was suggested.

    Refused is what the limits of this moment do not allow, and what rests on prices that have changed since it was
    worked out. With ``PRICING_FOUR_EYES`` the first approval only notes who gave it, the second, of somebody else,
    counts. What is approved or dismissed already is passed over. Raises ``PricingError`` when two people must approve
    and nobody is named.
    """
    found, now = Approved(), timezone.now()
    known = user if getattr(user, "pk", None) is not None else None
    if ecomai.PRICING_FOUR_EYES and known is None:
        raise PricingError(_("Two people must approve a price: log in, so that it is known who does."))
    with transaction.atomic():
        rows = _locked(offers, dismissed_at=None, approved_at=None)
        reasons = offers_forbidden(rows, now=now, unchanged=True)
        for row in rows:
            if reason := reasons.get(row.pk, ""):
                found.refused.append((row, reason))
            elif not ecomai.PRICING_FOUR_EYES or row.seconded_by_id not in (None, getattr(known, "pk", None)):
                row.approved_at, row.approved_by, row.held_reason = now, known, ""
                found.rows.append(row)
            elif row.seconded_by_id is None:
                row.seconded_by = known
                found.first.append(row)
            else:
                text = _("You have approved “%(product)s” already: somebody else must do so too.")
                found.refused.append((row, text % {"product": row}))
        _write([*found.rows, *found.first], "approved_at", "approved_by", "seconded_by", "held_reason")
        change_log(objects=found.rows, user=user, lines=[_("Approved: %s") % row.what for row in found.rows])
        change_log(objects=found.first, user=user, lines=[_("approved by the first of two")])
    return found


def offers_withdraw(*, offers: Iterable[VolumeOffer], user: Any = None) -> list[VolumeOffer]:
    """Take approvals back, first ones of two as well; returns what was approved. The shop shows these prices no more;
    in carts they hold for ``PRICE_HOLD_MINUTES``. The next run renews or deletes the suggestion."""
    with transaction.atomic():
        rows = [row for row in _locked(offers) if row.approved_at is not None or row.seconded_by_id is not None]
        for row in rows:
            row.approved_at, row.approved_by, row.seconded_by, row.held_reason = None, None, None, ""
        _write(rows, "approved_at", "approved_by", "seconded_by", "held_reason")
        change_log(objects=rows, user=user, lines=[_("Approval taken back")])
    return rows


def offers_dismiss(*, offers: Iterable[VolumeOffer], user: Any = None) -> list[VolumeOffer]:
    """Not wanted: they are not suggested again until they are brought back. Returns those that were not yet; approved
    ones are passed over."""
    return _dismiss(offers, dismiss=True, user=user)


def offers_restore(*, offers: Iterable[VolumeOffer], user: Any = None) -> list[VolumeOffer]:
    """Bring dismissed ones back; the next run renews their numbers. Returns those that were dismissed."""
    return _dismiss(offers, dismiss=False, user=user)


def offers_check(*, channel: str = "", now: datetime | None = None) -> list[VolumeOffer]:
    """Hold back what was approved and what the limits of now forbid, let go what they allow again. Returns what was
    changed, with its ``held_reason``. The first approval of two lapses where it could not be seconded: so the next run
    renews the suggestion. A fixed number of queries per 500 rows."""
    at, last, changed = now or timezone.now(), 0, []
    waiting = list(VolumeOffer.objects.filter(channel=channel, approved_at=None, seconded_by__isnull=False))
    lapsed = offers_forbidden(waiting, now=at, unchanged=True)
    VolumeOffer.objects.filter(pk__in=lapsed, approved_at=None).update(seconded_by=None)
    approved = VolumeOffer.objects.filter(channel=channel, approved_at__isnull=False).order_by("pk")
    while rows := list(approved.filter(pk__gt=last).select_related("product", "other")[:WRITE]):
        reasons = offers_forbidden(rows, now=at)
        for row in rows:
            if (reason := reasons.get(row.pk, "")) != row.held_reason:
                # only while it is approved: it may be taken back at this moment
                VolumeOffer.objects.filter(pk=row.pk, approved_at__isnull=False).update(held_reason=reason)
                row.held_reason = reason
                changed.append(row)
        last = rows[-1].pk
    return changed


def offers_forbidden(rows: Sequence[VolumeOffer], *, now: datetime, unchanged: bool = False) -> dict[int, str]:
    """Why offers may not be in the shop, by their key. The limits of a piece hold for each piece of a quantity break,
    and their sum for a bundle. ``unchanged``: prices must be those the offer was worked out for."""
    found = {}
    for channel in sorted({row.channel for row in rows}):
        each = [row for row in rows if row.channel == channel]
        keys = sorted({pk for row in each for pk in (row.product_id, row.other_id) if pk is not None})
        known = sellable(channel=channel, at=now, book=RuleBook(channel=channel, on=local_date(now)), product_ids=keys)
        for row in each:
            parts = [known.get(pk) for pk in (row.product_id, row.other_id) if pk is not None]
            if text := _forbidden(row, parts, unchanged):
                found[row.pk] = text[:255]
    return found


def _forbidden(row: VolumeOffer, parts: Sequence[Priced | tuple[str, dict[str, Any]] | None], unchanged: bool) -> str:
    priced = [one for one in parts if isinstance(one, Priced)]
    if len(priced) < len(parts):
        problem = next(one for one in parts if not isinstance(one, Priced))
        return _("It is not on sale.") if problem is None else reason_text(problem[0], **problem[1])
    if any(one.currency != row.currency for one in priced):
        return _("Its price is in another currency now.")
    today, price = sum(one.price for one in priced), float(row.price)
    if unchanged and abs(today - float(row.old_price)) > _SAME:
        return _("The price has changed since: work the volume prices out again.")
    if price >= today - _SAME:
        return _("A piece alone costs no more than this by now.")
    if len({one.tax for one in priced}) > 1:
        return _("Its products have different tax rates.")
    if price < (lowest := sum(one.lowest for one in priced)) - _SAME:
        return _("Its limits allow no price below %(lowest)s.") % {
            "lowest": exact_amount(lowest, row.currency, named=False)
        }
    step = max(one.step for one in priced)
    if abs(price / step - round(price / step)) > 1e-6:
        return _("It is no multiple of the smallest step, %(step)s.") % {"step": f"{step:g}"}
    return ""


def _dismiss(offers: Iterable[VolumeOffer], *, dismiss: bool, user: Any) -> list[VolumeOffer]:
    with transaction.atomic():
        rows = _locked(offers, dismissed_at__isnull=dismiss, approved_at=None)
        for row in rows:
            row.dismissed_at = timezone.now() if dismiss else None
            row.dismissed_by = user if dismiss and getattr(user, "pk", None) else None
            row.seconded_by = None
        _write(rows, "dismissed_at", "dismissed_by", "seconded_by")
        change_log(objects=rows, user=user, lines=[_("Dismissed") if dismiss else _("Brought back")])
    return rows


def _locked(offers: Iterable[VolumeOffer], **narrowed: Any) -> list[VolumeOffer]:
    """As they stand in the database, in the order of their keys."""
    keys = sorted({row.pk for row in offers})
    found: list[VolumeOffer] = []
    for start in range(0, len(keys), KEYS_CHUNK):
        part = VolumeOffer.objects.filter(pk__in=keys[start : start + KEYS_CHUNK], **narrowed)
        found += locked_rows(part.order_by("pk")).select_related("product", "other")
    return found


def _write(rows: Sequence[VolumeOffer], *names: str) -> None:
    VolumeOffer.objects.bulk_update(rows, names, batch_size=WRITE)
