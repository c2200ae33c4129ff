"""Every hour: what is due goes into the shop, and what earns too little comes out of it again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.charts import format_value
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, said, why, why_of
from django_ecomai.pricing.journal import log_why
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.order_days import OrderDays, order_days
from django_ecomai.pricing.watching import LOOKS, Seen, families_as_one, look, seen_of, together

from .adopt import prices_adopt, take_back_told
from .apply import changes_apply, families_together
from .decide import HEAVY, PricingError, reason_of
from .foreseeing import UNTOLD, watched_days
from .price_tests import price_tests_advance
from .shop import adapter_applies
from .undo import change_undo

logger = logging.getLogger("django_ecomai")
State, Verdict = PriceProposal.State, PriceChange.Verdict
#: Changes that are looked at together.
PART = 500
#: After so many errors a step of the hour ends: then it is not a single price.
MOST_ERRORS = 20
NO_ORDERS = "no_orders_since"
PRODUCT_HEAVY = ("description", "attributes")


@dataclass
class Watched:
    """What an hour brought; ``messages`` are for the log of the run, ``errors`` is how often one stopped something."""

    applied: int = 0
    stale: int = 0
    failed: int = 0
    stopped: int = 0
    postponed: int = 0
    looked: int = 0
    rolled_back: int = 0
    kept: int = 0
    tests: int = 0
    errors: int = 0
    messages: list[Why] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, int)}


def prices_watch(*, channel: str = "", now: datetime | None = None) -> Watched:
    """Look at what was applied, roll back what earns too little (with ``PRICING_ROLLBACK``), apply what is due, let
    what follows a canary go or stop it, and bring price tests into their next week.

    An error in one of these, or in one price, is told, counted in ``errors`` and does not keep the others back.
    """
    found = Watched()
    writes = adapter_applies(channel)
    for step in (_look, _resume, _apply_due, _tests) if writes else (_adopt, _look, _wait):
        try:
            step(found, channel, now)
        except Exception as error:
            _failed(found, why("step_failed", told=f"{step.__name__.strip('_')}: {_told(error)}"))
    return found


def _failed(found: Watched, reason: Why) -> None:
    """Within an ``except``."""
    logger.exception("EcomAI: a part of the hourly work with prices failed.")
    found.errors += 1
    found.messages.append(reason)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _adopt(found: Watched, channel: str, now: datetime | None) -> None:
    adopted = prices_adopt(channel=channel, now=now)
    found.applied, found.stale, found.rolled_back = adopted.applied, adopted.stale, adopted.taken_back


def _wait(found: Watched, channel: str, now: datetime | None) -> None:
    at = now or timezone.now()
    if PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED, apply_at__lte=at).exists():
        found.messages.append(why("wait_for_csv"))


def _tests(found: Watched, channel: str, now: datetime | None) -> None:
    found.tests = price_tests_advance(channel=channel, now=now, tell=lambda text: found.messages.append(said(text)))


def _resume(found: Watched, channel: str, now: datetime | None) -> None:
    """Family by family: perhaps one of them is why the others were left behind."""
    left = PriceProposal.objects.filter(channel=channel, state=State.WRITING).order_by("pk")
    named = list(left.values_list("pk", "family"))
    families = dict(named)
    for part in families_together(named, size=1):
        _apply(found, [(pk, families[pk]) for pk in part], channel=channel, states=(), now=now)


def _apply_due(found: Watched, channel: str, now: datetime | None) -> None:
    due = _due(found, channel=channel, now=now or timezone.now())
    _apply(found, [(row.pk, row.family) for row in due], channel=channel, states=(State.SCHEDULED,), now=now)


def _apply(
    found: Watched, named: Sequence[tuple[int, str]], *, channel: str, states: Sequence[str], now: datetime | None
) -> None:
    """Put them into the shop; where an error stops many, in smaller parts, so that in the end it stops one family."""
    if not named:
        return
    try:
        done = changes_apply(
            proposals=[PriceProposal(pk=pk) for pk, _family in named], channel=channel, states=states, now=now
        )
    except Exception as error:
        before, families = found.errors, dict(named)
        parts = families_together(named, size=max(len(named) // 2, 1))
        for part in parts if len(parts) > 1 else ():
            _apply(found, [(pk, families[pk]) for pk in part], channel=channel, states=states, now=now)
        if found.errors == before:
            reason = why("error", told=_told(error))
            if len(parts) == 1:
                product = Product.objects.filter(price_proposals=named[0][0]).first()
                reason = why("product_said", product=product, because=reason)
            # else those that it stopped are noted as being written: they are finished one by one in an hour
            _failed(found, reason)
            if found.errors >= MOST_ERRORS:
                raise
        return
    found.applied += len(done.changes)
    found.stale += len(done.stale)
    found.failed += len(done.failed)
    found.messages += [
        why("product_said", product=row.product, because=reason_of(row)) for row in [*done.stale, *done.failed]
    ]


def _look(found: Watched, channel: str, now: datetime | None) -> None:
    at = now or timezone.now()
    until = min(ledger_until(channel=channel), local_date(at))
    oldest = at - timedelta(days=LOOKS[-1] + 14)
    rows = PriceChange.objects.filter(channel=channel, kind=PriceChange.Kind.APPLY, undone_at=None)
    rows.filter(verdict=Verdict.WATCHED, at__lt=oldest).update(verdict=Verdict.UNKNOWN)
    due = _looks_due(rows.filter(at__gte=oldest), local_date(at))
    orders = order_days(channel=channel, until=local_date(at)) if due else None
    if orders is not None and orders.ended is not None:
        until = min(until, orders.ended)
    if until < local_date(at):
        named, due = len(due), _looks_due(rows.filter(at__gte=oldest), until)
        if len(due) < named and orders is not None and orders.ended is not None:
            found.messages.append(why(NO_ORDERS, day=orders.ended))
    for pks in families_together(due, size=PART):
        part = list(
            PriceChange.objects.filter(pk__in=pks)
            .order_by("pk")
            .select_related("product", "proposal")
            .defer(*(f"product__{name}" for name in PRODUCT_HEAVY), *(f"proposal__{name}" for name in HEAVY))
        )
        try:
            _look_at(found, part, channel=channel, until=until, orders=orders, now=now)
        except Exception as error:
            _failed(found, why("product_said", product=part[0].product, because=why("error", told=_told(error))))
            if found.errors >= MOST_ERRORS:
                raise


def _looks_due(rows: QuerySet[PriceChange], until: date) -> list[tuple[int, str]]:
    """Keys, with their families, of changes that are to be looked at by now, and of those whose roll-back did not work;
    reads no sales. A family is looked at when all its products have been there for long enough."""
    again: list[tuple[int, str]] = []
    groups: dict[str, list[int]] = {}
    looks: dict[str, tuple[int, int]] = {}  # that are possible, and that were made
    seen = rows.filter(Q(verdict=Verdict.WATCHED) | Q(verdict=Verdict.BELOW, watch__has_key="refused"))
    names = ("pk", "at", "watch", "verdict", "batch", "proposal__family")
    for pk, at, watch, verdict, batch, family in seen.values_list(*names).iterator(chunk_size=5000):
        key = f"{batch} {family}" if family else f"#{pk}"
        if verdict == Verdict.BELOW:
            again.append((pk, key))
            continue
        here, made = look((until - local_date(at)).days - 1), int(watch.get("looks", 0))
        before = looks.get(key, (here, made))
        looks[key] = (min(here, before[0]), max(made, before[1]))
        groups.setdefault(key, []).append(pk)
    due = [(pk, key) for key, pks in groups.items() if looks[key][0] > looks[key][1] for pk in pks]
    return [*again, *due]


def _look_at(
    found: Watched,
    part: Sequence[PriceChange],
    *,
    channel: str,
    until: date,
    orders: OrderDays | None,
    now: datetime | None,
) -> None:
    """Products of a family, which fall together, are tested as one: each by itself would cry wolf for all of them."""
    standing = [change for change in part if change.product.price == change.new_price]
    watched = [change for change in standing if change.verdict == Verdict.WATCHED]
    # a worker may have been killed after the old price was back in the shop
    fallen = [
        [change]
        for change in part
        if change.verdict == Verdict.BELOW and change.product.price in (change.new_price, change.old_price)
    ]
    seen = seen_of(channel=channel, changes=watched, until=until, orders=orders)
    groups: dict[str, list[PriceChange]] = {}
    for change in watched:
        if change.pk in seen and change.proposal is not None:
            family = change.proposal.family
            groups.setdefault(f"{change.batch} {family}" if family else f"#{change.pk}", []).append(change)
    changed = [change for change in part if change.verdict == Verdict.WATCHED]
    for change in changed:
        change.verdict = Verdict.UNKNOWN  # nothing was expected of it, or the shop has moved on; else see below
    for members in groups.values():
        all_seen = [seen[change.pk] for change in members]
        one, looks = together(all_seen), look(min(each.days for each in all_seen))
        verdict = Verdict.WATCHED
        if one.below:
            verdict = Verdict.BELOW
            fallen.append(members)
            found.messages.append(_sold_too_little(members, one))
        elif looks == len(LOOKS):
            verdict = Verdict.KEPT if one.enough else Verdict.UNKNOWN
        for change in members:
            change.watch = {**seen[change.pk].as_dict(), "looks": looks}
            change.watch |= {"family": len(members)} if len(members) > 1 else {}
            change.verdict = verdict
        if one.below and ecomai.PRICING_ROLLBACK and adapter_applies(channel):
            members[0].watch["refused"] = {}  # whoever is killed before it is taken back: the next hour tries it
        found.looked += len(members)
        found.kept += len(members) if verdict == Verdict.KEPT else 0
    PriceChange.objects.bulk_update(changed, ["watch", "verdict"], batch_size=200)
    for members in fallen:
        _roll_back(found, members[0], now=now)


def _sold_too_little(members: Sequence[PriceChange], seen: Seen) -> Why:
    numbers = {
        "days": seen.days,
        "units": format_value(round(seen.units, 1)),
        "floor": format_value(seen.floor),
    }
    if len(members) == 1:
        return why("sold_too_little", product=members[0].product, **numbers)
    return why("family_too_little", product=members[0].product, number=len(members), **numbers)


def _roll_back(found: Watched, change: PriceChange, *, now: datetime | None) -> None:
    """With its family. What does not work is tried again every hour while the shop has the price, and told once."""
    if not ecomai.PRICING_ROLLBACK or not adapter_applies(change.channel):
        found.messages += [told] if (told := take_back_told(change)) else []
        if change.watch.pop("refused", None) is not None:  # of when prices could be written: it is told once
            change.save(update_fields=["watch"])
        return
    before = why_of(change.watch.get("refused"))
    try:
        change_undo(change=change, kind=PriceChange.Kind.ROLLBACK, now=now)
    except PricingError as error:
        reason = error.why
        if reason != before:
            found.messages.append(reason)
    except Exception as error:
        reason = why("product_said", product=change.product, because=why("error", told=_told(error)))
        _failed(found, reason)
        if found.errors >= MOST_ERRORS:
            raise
    else:
        found.rolled_back += int(change.watch.get("family", 1))
        return
    if reason != before:
        change.watch["refused"] = reason.as_json()
        change.save(update_fields=["watch"])


def _due(found: Watched, *, channel: str, now: datetime) -> list[PriceProposal]:
    """What is to be applied now; followers of canaries only if those did not earn too little."""
    rows = PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED, apply_at__lte=now)
    names = ("state", "family", "batch", "is_canary", "apply_at", "product__title", "product__external_id")
    due = list(rows.order_by("pk").select_related("product").only(*names))
    verdicts = {batch: _canary(channel, batch, now) for batch in {row.batch for row in due if not row.is_canary}}
    going: list[PriceProposal] = []
    stops: dict[str, list[PriceProposal]] = {}
    waits: dict[tuple[datetime, str], list[PriceProposal]] = {}
    for row in due:
        verdict = Canary() if row.is_canary else verdicts[row.batch]
        if verdict.stop:
            stops.setdefault(verdict.stop.code, []).append(row)
        elif verdict.wait is not None:
            waits.setdefault((verdict.wait, row.batch), []).append(row)
        else:
            going.append(row)
    for code, stopped in stops.items():
        for part in in_parts(row.pk for row in stopped):
            PriceProposal.objects.filter(pk__in=part, state=State.SCHEDULED).update(
                state=State.REJECTED, held_code=code, held_named={}, decided_at=now, apply_at=None
            )
        change_log(objects=stopped, user=None, lines=[log_why(why(code))])
        found.messages.append(why(code))
        found.stopped += len(stopped)
    for (until, batch), waiting in waits.items():
        reason = verdicts[batch].because
        told = {"held_code": reason.code, "held_named": dict(reason.named), "held_reason": ""}
        for part in in_parts(row.pk for row in waiting):
            PriceProposal.objects.filter(pk__in=part, state=State.SCHEDULED).update(apply_at=until, **told)
        found.messages += [reason] if reason and reason not in found.messages else []
        found.postponed += len(waiting)
    return going


@dataclass(frozen=True)
class Canary:
    """What those of a batch that went first say about the others: ``stop`` for a reason, ``wait`` until then, perhaps
    ``because`` of something that people should know, or go."""

    stop: Why = NONE
    wait: datetime | None = None
    because: Why = NONE


def _canary(channel: str, batch: str, now: datetime) -> Canary:
    """Stop when they earned too little, or half of them have been taken back, or none is in the shop; wait until the
    youngest has been there for ``PRICING_CANARY_DAYS``, as long as no orders reach us, and where so little is expected
    of them that nothing can be told: then until somebody lets the others go."""
    first = PriceProposal.objects.filter(channel=channel, batch=batch, is_canary=True)
    if not batch or not first.exists():
        return Canary()
    if first.filter(state__in=PriceProposal.UNDER_WAY).exists():
        return Canary(wait=now + timedelta(days=1))
    rows = PriceChange.objects.filter(channel=channel, batch=batch, is_canary=True, kind=PriceChange.Kind.APPLY)
    changes = list(rows.select_related("proposal").defer(*(f"proposal__{name}" for name in HEAVY)))
    until = min(ledger_until(channel=channel), local_date(now))
    standing = [change for change in changes if change.undone_at is None]
    orders = order_days(channel=channel, until=local_date(now))
    last = max((local_date(change.at) for change in standing), default=until) + timedelta(days=watched_days() + 1)
    until = min(until, last, orders.ended or until)
    seen = seen_of(channel=channel, changes=standing, until=until, orders=orders)
    families = {change.pk: change.proposal.family for change in standing if change.proposal is not None}
    everything = families_as_one((families[pk], one) for pk, one in seen.items())
    below = sum(change.verdict == Verdict.BELOW for change in changes)
    if everything.below or 2 * below > len(changes):
        return Canary(stop=why("canary_below"))
    fallen = sum(change.verdict == Verdict.BELOW or change.undone_at is not None for change in changes)
    if not standing or 2 * fallen >= len(changes):
        return Canary(stop=why("canary_few"))
    old_enough = max(change.at for change in standing) + timedelta(days=ecomai.PRICING_CANARY_DAYS)
    if old_enough > now:
        return Canary(wait=old_enough)
    tomorrow = now + timedelta(days=1)
    if orders.ended is not None:
        return Canary(wait=tomorrow, because=why(NO_ORDERS, day=orders.ended))
    if not everything.enough:
        return Canary(wait=tomorrow, because=why(UNTOLD, units=round(everything.expected), days=everything.days))
    return Canary()
