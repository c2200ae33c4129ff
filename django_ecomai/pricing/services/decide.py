"""What people decide about proposed prices: approve (now, later, a part first) or reject."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from math import ceil
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.charts import format_value
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line, log_why
from django_ecomai.pricing.models import PriceProposal

from .foreseeing import followers_warn

State = PriceProposal.State
#: Columns in which a row keeps why it is held back, was overtaken or failed.
REASON = ("held_code", "held_named", "held_reason")
#: Columns that no decision needs and that make thousands of rows heavy.
HEAVY = ("curve", "history", "trail", "market")
#: How far ahead a price may be scheduled.
FARTHEST = timedelta(days=366)
#: So many are rejected within one request, in which they are locked; their families come on top.
MOST_REJECTED = 5_000
DECIDE = "ecomai_pricing.decide_priceproposal"
APPLY = "ecomai_pricing.apply_priceproposal"
#: Why a price had to wait says nothing any more.
NO_REASON: dict[str, Any] = {"held_code": "", "held_named": {}, "held_reason": ""}


class PricingError(Exception):
    """Something cannot be done with a price; the message says why and what to do.

    Made of a sentence, or of a reason, which is told in the language of who reads it.
    """

    @property
    def why(self) -> Why:
        """The reason, for a column."""
        reason = self.args[0] if self.args else ""
        return reason if isinstance(reason, Why) else why("shop_said", told=str(reason))


def proposals_approve(
    *,
    proposals: Iterable[PriceProposal],
    user: Any = None,
    apply_at: datetime | None = None,
    canary_share: float | None = None,
    seen: Mapping[int, Decimal] | None = None,
) -> list[PriceProposal]:
    """Approve open proposals, and with them the others of their price families; returns the rows as they stand now.

    ``apply_at``: the job "pricing.watch" puts them into the shop then; without, ``changes_apply`` does.
    ``canary_share`` (0..1): that share of products goes first, drawn by chance; the others are scheduled for
    ``PRICING_CANARY_DAYS`` later. A proposal whose price the shop has changed since becomes stale and is not approved.
    With ``PRICING_FOUR_EYES`` the first approval only notes who gave it (``seconded_by``), the second, of somebody
    else, approves: a family counts as seconded only as a whole. ``seen``: the price that was looked at, by the
    proposal's key. A fixed number of queries per 900 rows.

    Raises ``PricingError``, and approves none, when one is not open, when a run has worked out another price than was
    seen, when nobody is named although two must be, when the same person approves twice, for a moment in the past or
    more than a year ahead and for a share that is none; ``PermissionDenied`` when what is scheduled would go into the
    shop by itself and ``user`` may not put prices there.
    """
    if user is not None and (apply_at is not None or canary_share is not None) and not user.has_perm(APPLY):
        raise PermissionDenied(_("You may approve prices, but not say when they go into the shop."))
    now = timezone.now()
    check_when(apply_at, canary_share, now=now)
    if ecomai.PRICING_FOUR_EYES and getattr(user, "pk", None) is None:
        raise PricingError(_("Two people must approve a price: log in, so that it is known who does."))
    with transaction.atomic():
        rows = with_families(proposals)
        _check_open(rows)
        _check_seen(rows, seen or {})
        rows, stale = split_stale(rows)
        mark_stale(stale, user=user, now=now)
        first, second, again = eyes(rows, user)
        for row in again:
            raise PricingError(
                _("You have approved “%(product)s” already: somebody else must do so too.") % {"product": row.product}
            )
        second_first(first, user=user)
        batch = uuid4().hex
        canaries = second if canary_share is None else _canaries(second, canary_share, batch)
        approve_rows(
            second, canaries, user=user, now=now, apply_at=apply_at, batch=batch, parted=canary_share is not None
        )
    return [*second, *first, *stale]


def check_when(apply_at: datetime | None, canary_share: float | None, *, now: datetime) -> None:
    """Raises ``PricingError`` for a moment in the past or more than a year ahead, and for a share that is none."""
    check_moment(apply_at, now=now)
    if canary_share is not None and not 0 < canary_share < 1:
        raise PricingError(_("The share that goes first must be between 0 and 1."))


def proposals_reject(*, proposals: Iterable[PriceProposal], user: Any = None, reason: str) -> list[PriceProposal]:
    """Reject open or approved proposals, and with them the others of their price families, with a reason.

    The same price is not proposed again for four weeks. Raises ``PricingError`` without a reason, for more than
    ``MOST_REJECTED``, and when one is in the shop already or was decided otherwise.
    """
    text = reason.strip()[:255]
    if not text:
        raise PricingError(_("Give a reason, so that others understand it later."))
    chosen = list(islice(proposals, MOST_REJECTED + 1))
    if len(chosen) > MOST_REJECTED:
        told = _("At most %(most)s prices are rejected at once: tick fewer, or narrow the filters.")
        raise PricingError(told % {"most": format_value(MOST_REJECTED)})
    with transaction.atomic():
        rows = with_families(chosen, states=(State.OPEN, *PriceProposal.WAITING))
        for row in rows:
            if row.state not in (State.OPEN, *PriceProposal.WAITING):
                raise PricingError(_not_open(row))
        _update(rows, state=State.REJECTED, reason=text, apply_at=None, **NO_REASON, **_decided(user, timezone.now()))
        change_log(objects=rows, user=user, lines=[log_line("rejected", reason=text)])
    return rows


def check_moment(apply_at: datetime | None, *, now: datetime) -> None:
    """Raises ``PricingError`` for a moment at which no price can be put into the shop: past, without a time zone (only
    code can give such a one), or more than ``FARTHEST`` ahead."""
    if apply_at is None:
        return
    if timezone.is_naive(apply_at):
        raise PricingError(_("Give a moment in the future, with its time zone."))
    if apply_at <= now:
        named = {"now": date_format(timezone.localtime(now), "SHORT_DATETIME_FORMAT")}
        raise PricingError(_("This moment has passed, it is %(now)s by now: give one in the future.") % named)
    if apply_at > now + FARTHEST:
        raise PricingError(_("This is more than a year ahead: nobody will know then why. Give an earlier moment."))


def locked(pks: Sequence[int], **narrowed: Any) -> list[PriceProposal]:
    """The rows as they stand in the database, locked in the order of their keys, without their curves."""
    found: list[PriceProposal] = []
    for part in in_parts(sorted(set(pks))):
        rows = locked_rows(PriceProposal.objects.filter(pk__in=part, **narrowed).order_by("pk"))
        found += rows.select_related("product").defer(*HEAVY, *_heavy_product())
    return found


def _heavy_product() -> list[str]:
    return [f"product__{name}" for name in ("description", "attributes")]


def reason_keep(row: PriceProposal, reason: Why) -> None:
    """Note on the row, unsaved, why it is not as it was wanted; ``REASON`` names the columns."""
    row.held_code, row.held_named, row.held_reason = reason.code, dict(reason.named), ""


def reason_of(row: PriceProposal) -> Why:
    """What ``reason_keep`` noted."""
    if row.held_reason:
        return why("shop_said", told=row.held_reason)
    return Why(row.held_code, row.held_named or {})


def with_families(proposals: Iterable[PriceProposal], *, states: Sequence[str] = (State.OPEN,)) -> list[PriceProposal]:
    """The rows and all others in one of these states that must have one price with them, locked together."""
    pks = {row.pk for row in proposals}
    keys: dict[str, set[str]] = {}
    for part in in_parts(sorted(pks)):
        known = PriceProposal.objects.filter(pk__in=part).exclude(family="")
        for channel, family in known.values_list("channel", "family"):
            keys.setdefault(channel, set()).add(family)
    # All are known before any is locked, so that two people never wait for each other in a circle.
    for channel, families in sorted(keys.items()):
        for part in in_parts(sorted(families)):
            others = PriceProposal.objects.filter(channel=channel, family__in=part, state__in=states)
            pks |= set(others.values_list("pk", flat=True))
    return locked(sorted(pks))


def _check_open(rows: list[PriceProposal]) -> None:
    for row in rows:
        if row.state != State.OPEN:
            raise PricingError(_not_open(row))


def _check_seen(rows: list[PriceProposal], seen: Mapping[int, Decimal]) -> None:
    """A run may have written over the numbers between the page and the click."""
    for row in rows:
        if row.pk in seen and row.new_price != seen[row.pk]:
            named = {"product": row.product, "new": _plain(row.new_price), "seen": _plain(seen[row.pk])}
            raise PricingError(
                _("A later run proposes %(new)s for “%(product)s”, not %(seen)s: look at the new prices.") % named
            )


def _not_open(row: PriceProposal) -> str:
    named = {"product": row.product, "state": row.get_state_display(), "reason": row.held_words}
    if row.state == State.HELD:
        return _("“%(product)s” is held back: %(reason)s") % named
    return _("“%(product)s” is not open any more, but %(state)s: reload the page.") % named


def split_stale(rows: list[PriceProposal]) -> tuple[list[PriceProposal], list[PriceProposal]]:
    """Those whose price is as it was when they were made, and the others; the latter are told what it is now."""
    reasons = {row.pk: stale_reason(row, row.product) for row in rows}
    families = {row.family for row in rows if row.family and reasons[row.pk]}
    fine, stale = [], []
    for row in rows:
        reason = reasons[row.pk] or (why("family_changed") if row.family in families else NONE)
        if reason:
            reason_keep(row, reason)
            stale.append(row)
        else:
            fine.append(row)
    return fine, stale


def stale_reason(row: PriceProposal, product: Product, price: Any = None, currency: str = "") -> Why:
    """Why a proposal stands no longer; false when it does. ``price`` and ``currency``: what the shop says now, else
    those of the copy."""
    here = currency or product.currency or ecomai.CURRENCY
    now = product.price if price is None else price
    if product.removed_at is not None or not product.is_active:
        return why("off_sale")
    if here != row.currency:
        return why("currency_changed", currency=here)
    return why("price_changed", price=now) if now != row.old_price else NONE


def mark_stale(rows: list[PriceProposal], *, user: Any, now: datetime) -> None:
    if not rows:
        return
    for row in rows:
        row.state, row.undecided, row.decided_at = State.STALE, None, now
    PriceProposal.objects.bulk_update(rows, ["state", "undecided", "decided_at", *REASON], batch_size=900)
    change_log(objects=rows, user=user, lines=[log_why(reason_of(row)) for row in rows])


Rows = list[PriceProposal]


def eyes(rows: Rows, user: Any) -> tuple[Rows, Rows, Rows]:
    """Rows that get their first approval, those that get the one that counts, and those that the same person has
    approved before."""
    if not ecomai.PRICING_FOUR_EYES:
        return [], rows, []
    # What is new in a family nobody has seen yet: then the whole family begins anew.
    anew = {row.family for row in rows if row.family and row.seconded_by_id is None}
    first = [row for row in rows if row.seconded_by_id is None or row.family in anew]
    second = [row for row in rows if row.seconded_by_id is not None and row.family not in anew]
    again = [row for row in second if row.seconded_by_id == user.pk]
    return first, [row for row in second if row.seconded_by_id != user.pk], again


def second_first(rows: Rows, *, user: Any) -> None:
    """Note the first of two approvals."""
    if rows:
        _update(rows, seconded_by=user)
        change_log(objects=rows, user=user, lines=[log_line("approved_first")])


def approve_rows(
    rows: Rows, canaries: Rows, *, user: Any, now: datetime, apply_at: datetime | None, batch: str, parted: bool
) -> None:
    """Approve locked rows as one batch. ``parted``: ``canaries`` go first, the others after ``PRICING_CANARY_DAYS``."""
    if not rows:
        return
    decided = {"batch": batch, **_decided(user, now)}
    chosen = {row.pk for row in canaries}
    later = [row for row in rows if row.pk not in chosen]
    state = State.APPROVED if apply_at is None else State.SCHEDULED
    _update(canaries, state=state, apply_at=apply_at, is_canary=parted, **decided)
    if later:
        after = (apply_at or now) + timedelta(days=ecomai.PRICING_CANARY_DAYS)
        _update(later, state=State.SCHEDULED, apply_at=after, is_canary=False, **decided)
        for channel in sorted({row.channel for row in later}) if parted else ():
            here = [row for row in later if row.channel == channel]
            if untold := followers_warn(channel=channel, batch=batch, new=len(here)):
                for row in here:
                    reason_keep(row, untold)
    lines = [log_line("approved", old=_plain(row.old_price), new=_plain(row.new_price)) for row in [*canaries, *later]]
    change_log(objects=[*canaries, *later], user=user, lines=lines)


def _canaries(rows: list[PriceProposal], share: float, batch: str) -> list[PriceProposal]:
    """A share of the products, whole families, by chance. Raises ``PricingError`` where that would be all."""
    groups = family_groups(rows)
    if not groups:
        return []
    number = ceil(share * len(groups))
    if number >= len(groups):
        raise PricingError(_("Too few products are chosen for a part of them to go first."))
    names = random.Random(batch).sample(sorted(groups), number)
    return [row for name in names for row in groups[name]]


def family_groups(rows: Iterable[PriceProposal]) -> dict[str, Rows]:
    """Rows by family; a product without one is alone."""
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row.family or f"#{row.product_id}", []).append(row)
    return groups


def decision_log(rows: Rows, lines: Sequence[str]) -> None:
    """A line per row in the name of whoever decided it: Django's log knows nothing without a person, and what becomes
    of a price by itself is what he has decided."""
    by_person: dict[Any, list[tuple[PriceProposal, str]]] = {}
    for row, line in zip(rows, lines, strict=True):
        by_person.setdefault(row.decided_by_id, []).append((row, line))
    for each in by_person.values():
        objects, told = [row for row, _line in each], [line for _row, line in each]
        change_log(objects=objects, user=objects[0].decided_by, lines=told)


def _decided(user: Any, now: datetime) -> dict[str, Any]:
    known = user if getattr(user, "pk", None) is not None else None
    return {"decided_by": known, "decided_at": now, "undecided": None}


def _update(rows: list[PriceProposal], **values: Any) -> None:
    for part in in_parts(row.pk for row in rows):
        PriceProposal.objects.filter(pk__in=part).update(**values)
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value.normalize():f}"
