"""Every hour: what is due goes into the shop, and what earns too little comes out of it again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.charts import format_value
from django_ecomai.core.upsert import rows_update
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, why, why_of
from django_ecomai.pricing.journal import log_why
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.order_days import OrderDays, order_days
from django_ecomai.pricing.watching import LOOKS, Seen, families_as_one, look, seen_of, together

from .adopt import prices_adopt, take_back_told
from .allowed import family_candidates
from .apply import families_together, proposals_apply
from .decide import HEAVY, NO_REASON, PricingError, reason_of
from .following import followers_release, follows
from .foreseeing import UNTOLD, watched_days
from .price_tests import price_tests_advance
from .shop import adapter_applies
from .undo import UNDOABLE, change_undo, undo_forbidden, undo_resume
from .undo_claim import undos_left
from .unread import CODE as UNREAD

logger = logging.getLogger("django_ecomai")
State, Verdict = PriceProposal.State, PriceChange.Verdict
#: Changes that are looked at together.
PART = 500
#: After so many errors a step of the hour ends: then it is not a single price.
MOST_ERRORS = 20
#: Messages that an hour keeps.
MOST_TOLD = 1_000
NO_ORDERS = "no_orders_since"
PRODUCT_HEAVY = ("description", "attributes")


@dataclass
class Watched:
    """What an hour brought; ``messages`` are for the log of the run, ``errors`` is how often one stopped something,
    ``released`` counts prices that came into the CSV file since those that went first did well, ``unread`` those that a
    killed worker left and the shop says nothing about."""

    applied: int = 0
    stale: int = 0
    failed: int = 0
    unread: int = 0
    stopped: int = 0
    postponed: int = 0
    released: int = 0
    looked: int = 0
    rolled_back: int = 0
    kept: int = 0
    tests: int = 0
    errors: int = 0
    messages: list[Why] = field(default_factory=list)

    def tell(self, reasons: Iterable[Why]) -> None:
        """More messages; of a hundred thousand the log has no room."""
        self.messages += list(islice(reasons, max(MOST_TOLD - len(self.messages), 0)))

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, int)}


def prices_watch(*, channel: str = "", now: datetime | None = None) -> Watched:
    """Look at what was applied, roll back what earns too little (with ``PRICING_ROLLBACK``), apply what is due, let
    what follows a canary go or stop it, and bring price tests into their next week. Where the adapter cannot write,
    what follows a canary comes into the CSV file instead.

    An error in one of these, or in one price, is told, counted in ``errors`` and does not keep the others back.
    """
    found = Watched()
    writes = adapter_applies(channel)
    for step in (_look, _resume, _apply_due, _tests) if writes else (_adopt, _look, _follow, _wait):
        try:
            step(found, channel, now)
        except Exception as error:
            _failed(found, why("step_failed", told=f"{step.__name__.strip('_')}: {_told(error)}"))
    return found


def _failed(found: Watched, reason: Why) -> None:
    """Within an ``except``."""
    logger.exception("EcomAI: a part of the hourly work with prices failed.")
    found.errors += 1
    found.messages.append(reason)  # whatever else there is to tell


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _adopt(found: Watched, channel: str, now: datetime | None) -> None:
    adopted = prices_adopt(channel=channel, now=now)
    found.applied, found.stale, found.rolled_back = adopted.applied, adopted.stale, adopted.taken_back


def _follow(found: Watched, channel: str, now: datetime | None) -> None:
    at = now or timezone.now()
    rows = PriceProposal.objects.filter(follows(channel), channel=channel)
    going = _due(found, rows, channel=channel, now=at)
    found.released = followers_release([pk for pk, _family in going], now=at)
    if found.released:
        found.tell([why("followers_released", number=found.released)])


def _wait(found: Watched, channel: str, now: datetime | None) -> None:
    at = now or timezone.now()
    due = PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED, apply_at__lte=at)
    if due.exclude(follows(channel)).exists():
        found.tell([why("wait_for_csv")])


def _tests(found: Watched, channel: str, now: datetime | None) -> None:
    found.tests = price_tests_advance(channel=channel, now=now, tell=lambda reason: found.tell([reason]))


def _resume(found: Watched, channel: str, now: datetime | None) -> None:
    """Family by family: perhaps one of them is why the others were left behind."""
    _finish_undos(found, channel, now)
    left = PriceProposal.objects.filter(channel=channel, state=State.WRITING).order_by("pk")
    named = list(left.values_list("pk", "family"))
    families = dict(named)
    siblings = family_candidates(families.values(), channel=channel) if named else {}
    for part in families_together(named, size=1):
        of_part = [(pk, families[pk]) for pk in part]
        _apply(found, of_part, channel=channel, states=(), now=now, siblings=siblings)


def _finish_undos(found: Watched, channel: str, now: datetime | None) -> None:
    """What a killed worker has begun to take back."""
    seen: set[str] = set()
    for change in undos_left(channel=channel, now=now or timezone.now()):
        family = change.proposal.family if change.proposal is not None else ""
        key = f"{change.batch} {family}" if family else f"#{change.pk}"
        if key in seen:
            continue
        seen.add(key)
        try:
            undone = undo_resume(change=change, now=now)
        except PricingError as error:
            found.tell([error.why])
        except Exception as error:
            _failed(found, why("product_said", product=change.product, because=why("error", told=_told(error))))
            if found.errors >= MOST_ERRORS:
                raise
        else:
            found.rolled_back += sum(one.kind == PriceChange.Kind.ROLLBACK for one in undone)


def _apply_due(found: Watched, channel: str, now: datetime | None) -> None:
    rows = PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED)
    due = _due(found, rows, channel=channel, now=now or timezone.now())
    _apply(found, due, channel=channel, states=(State.SCHEDULED,), now=now)


def _apply(
    found: Watched,
    named: Sequence[tuple[int, str]],
    *,
    channel: str,
    states: Sequence[str],
    now: datetime | None,
    siblings: Mapping[str, set[int]] | None = None,
) -> None:
    """Put them into the shop; where an error stops many, in smaller parts, so that in the end it stops one family."""
    if not named:
        return
    try:
        pks = {pk for pk, _family in named}
        done = proposals_apply(pks=pks, channel=channel, states=states, now=now, siblings=siblings)
    except Exception as error:
        before, families = found.errors, dict(named)
        parts = families_together(named, size=max(len(named) // 2, 1))
        for part in parts if len(parts) > 1 else ():
            of_part = [(pk, families[pk]) for pk in part]
            _apply(found, of_part, channel=channel, states=states, now=now, siblings=siblings)
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
    numbers = done.as_dict()
    found.applied += numbers["applied"]
    found.stale += numbers["stale"]
    found.failed += numbers["failed"]
    found.unread += done.counts["unread"]
    found.tell(why("product_said", product=row.product, because=reason_of(row)) for row in done.problems)


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
            found.tell([_sold_too_little(members, one)])
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
    rows_update(changed, ["watch", "verdict"])
    forbidden = _forbidden(channel, fallen, now=now)
    for members in fallen:
        _roll_back(found, members[0], forbidden, now=now)


def _forbidden(channel: str, fallen: Sequence[Sequence[PriceChange]], *, now: datetime | None) -> dict[int, Why]:
    """What limits of now say of all prices before; where an error stops that, each is asked about by itself."""
    if not fallen or not ecomai.PRICING_ROLLBACK or not adapter_applies(channel):
        return {}
    try:
        return undo_forbidden([one for members in fallen for one in members], now=now or timezone.now())
    except Exception:
        logger.exception("EcomAI: the limits of prices that are to be rolled back are looked at one by one.")
        return {}


def _sold_too_little(members: Sequence[PriceChange], seen: Seen) -> Why:
    numbers = {
        "days": seen.days,
        "units": format_value(round(seen.units, 1)),
        "floor": format_value(seen.floor),
    }
    if len(members) == 1:
        return why("sold_too_little", product=members[0].product, **numbers)
    return why("family_too_little", product=members[0].product, number=len(members), **numbers)


def _roll_back(found: Watched, change: PriceChange, forbidden: Mapping[int, Why], *, now: datetime | None) -> None:
    """With its family. What does not work is tried again every hour while the shop has the price, and told once."""
    if not ecomai.PRICING_ROLLBACK or not adapter_applies(change.channel):
        found.tell([told] if (told := take_back_told(change)) else [])
        if change.watch.pop("refused", None) is not None:  # of when prices could be written: it is told once
            change.save(update_fields=["watch"])
        return
    before = why_of(change.watch.get("refused"))
    try:
        change_undo(change=change, kind=PriceChange.Kind.ROLLBACK, now=now, forbidden=forbidden)
    except PricingError as error:
        reason = error.why
        if reason != before:
            found.tell([reason])
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


def _due(found: Watched, rows: QuerySet[PriceProposal], *, channel: str, now: datetime) -> list[tuple[int, str]]:
    """Keys, with their families, of what is to be applied now; followers of canaries only if those did not earn too
    little."""
    due = list(rows.filter(apply_at__lte=now).order_by("pk").values_list("pk", "family", "batch", "is_canary"))
    verdicts = {batch: _canary(channel, batch, now) for batch in {one[2] for one in due if not one[3]}}
    going: list[tuple[int, str]] = []
    stops: dict[str, list[int]] = {}
    waits: dict[tuple[datetime, str], list[int]] = {}
    for pk, family, batch, is_canary in due:
        verdict = Canary() if is_canary else verdicts[batch]
        if verdict.stop:
            stops.setdefault(verdict.stop.code, []).append(pk)
        elif verdict.wait is not None:
            waits.setdefault((verdict.wait, batch), []).append(pk)
        else:
            going.append((pk, family))
    named = ("state", "product__title", "product__external_id")
    for code, stopped in stops.items():
        for part in in_parts(stopped):
            waited = PriceProposal.objects.filter(pk__in=part, state=State.SCHEDULED)
            objects = list(waited.select_related("product").only(*named))
            waited.update(state=State.REJECTED, held_code=code, held_named={}, decided_at=now, apply_at=None)
            change_log(objects=objects, user=None, lines=[log_why(why(code))])
        found.tell([why(code)])
        found.stopped += len(stopped)
    for (until, batch), waiting in waits.items():
        reason = verdicts[batch].because
        told = {"held_code": reason.code, "held_named": dict(reason.named), "held_reason": ""} if reason else {}
        for part in in_parts(waiting):
            rows = PriceProposal.objects.filter(pk__in=part, state=State.SCHEDULED)
            if not reason:  # what was foreseen at the approval stays
                rows.filter(held_code=NO_ORDERS).update(**NO_REASON)
            rows.update(apply_at=until, **told)
        if reason and reason not in found.messages:
            found.tell([reason])
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
    """Stop when they earned too little, or half of them have been taken back or replaced by somebody, or none is in the
    shop; wait until the youngest has been there for ``PRICING_CANARY_DAYS``, as long as no orders reach us, and where
    so little is expected of them that nothing can be told: then until somebody lets the others go."""
    first = PriceProposal.objects.filter(channel=channel, batch=batch, is_canary=True)
    if not batch or not first.exists():
        return Canary()
    if first.filter(state__in=PriceProposal.UNDER_WAY).exists():
        names = ("held_code", "held_named", "held_reason", "product__title", "product__external_id")
        unread = first.filter(state=State.WRITING, held_code=UNREAD).select_related("product").only(*names)
        stuck = unread.order_by("pk").first()
        because = NONE if stuck is None else why("product_said", product=stuck.product, because=reason_of(stuck))
        return Canary(wait=now + timedelta(days=1), because=because)
    rows = PriceChange.objects.filter(channel=channel, batch=batch, is_canary=True, kind=PriceChange.Kind.APPLY)
    heavy = (*(f"proposal__{name}" for name in HEAVY), *(f"product__{name}" for name in PRODUCT_HEAVY))
    changes = list(rows.select_related("proposal", "product").defer(*heavy))
    until = min(ledger_until(channel=channel), local_date(now))
    replaced = _replaced(changes)
    standing = [change for change in changes if change.undone_at is None and change.pk not in replaced]
    orders = order_days(channel=channel, until=local_date(now))
    last = max((local_date(change.at) for change in standing), default=until) + timedelta(days=watched_days() + 1)
    until = min(until, last, orders.ended or until)
    seen = seen_of(channel=channel, changes=standing, until=until, orders=orders)
    families = {change.pk: change.proposal.family for change in standing if change.proposal is not None}
    everything = families_as_one((families[pk], one) for pk, one in seen.items())
    below = sum(change.verdict == Verdict.BELOW for change in changes)
    if everything.below or 2 * below > len(changes):
        return Canary(stop=why("canary_below"))
    well = sum(change.verdict != Verdict.BELOW for change in standing)
    if not standing or 2 * (len(changes) - well) >= len(changes):
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


def _replaced(changes: Sequence[PriceChange]) -> set[int]:
    """Keys of those whose product has another price by now that no younger change of ours has brought."""
    other = [change for change in changes if change.product.price != change.new_price]
    ours: dict[int, int] = {}
    for part in in_parts(change.product_id for change in other):
        rows = PriceChange.objects.filter(product__in=part, kind__in=UNDOABLE, undone_at=None)
        ours |= dict(rows.filter(new_price=F("product__price")).order_by("pk").values_list("product_id", "pk"))
    return {change.pk for change in other if ours.get(change.product_id, 0) < change.pk}
