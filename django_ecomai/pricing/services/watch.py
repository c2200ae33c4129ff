"""Every hour: what is due goes into the shop, and what earns too little comes out of it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.charts import format_value
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, said, why, why_of
from django_ecomai.pricing.journal import log_why
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.watching import LOOKS, Seen, look, seen_of, together

from .adopt import prices_adopt, take_back_told
from .apply import changes_apply, prices_resume
from .decide import HEAVY, PricingError, reason_of
from .price_tests import price_tests_advance
from .shop import adapter_applies
from .undo import change_undo

State, Verdict = PriceProposal.State, PriceChange.Verdict
#: Changes that are looked at together.
PART = 500


@dataclass
class Watched:
    """What an hour brought; ``messages`` are for the log of the run."""

    applied: int = 0
    stale: int = 0
    failed: int = 0
    stopped: int = 0
    postponed: int = 0
    looked: int = 0
    rolled_back: int = 0
    kept: int = 0
    tests: int = 0
    messages: list[Why] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, int)}


def prices_watch(*, channel: str = "", now: datetime | None = None) -> Watched:
    """Look at what was applied, roll back what earns too little (with ``PRICING_ROLLBACK``), apply what is due, let
    what follows a canary go or stop it, and bring price tests into their next week."""
    found, at = Watched(), now or timezone.now()
    adopted = prices_adopt(channel=channel, now=at)
    found.applied, found.stale, found.rolled_back = adopted.applied, adopted.stale, adopted.taken_back
    _look(found, channel=channel, now=at)
    if not adapter_applies(channel):
        if PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED, apply_at__lte=at).exists():
            found.messages.append(why("wait_for_csv"))
        return found
    applied = [prices_resume(channel=channel, now=at)]
    if due := _due(found, channel=channel, now=at):
        applied.append(changes_apply(proposals=due, channel=channel, states=(State.SCHEDULED,), now=at))
    for one in applied:
        found.applied += len(one.changes)
        found.stale += len(one.stale)
        found.failed += len(one.failed)
        found.messages += [
            why("product_said", product=row.product, because=reason_of(row)) for row in [*one.stale, *one.failed]
        ]
    found.tests = price_tests_advance(channel=channel, now=at, tell=lambda text: found.messages.append(said(text)))
    return found


def _look(found: Watched, *, channel: str, now: datetime) -> None:
    until = min(ledger_until(channel=channel), local_date(now))
    oldest = now - timedelta(days=LOOKS[-1] + 14)
    rows = PriceChange.objects.filter(
        channel=channel, kind=PriceChange.Kind.APPLY, verdict=Verdict.WATCHED, undone_at=None
    )  # fmt: skip
    rows.filter(at__lt=oldest).update(verdict=Verdict.UNKNOWN)
    _refused_again(found, channel=channel, oldest=oldest, now=now)
    pks = list(rows.filter(at__lt=now - timedelta(days=LOOKS[0])).order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), PART):
        part = list(
            PriceChange.objects.filter(pk__in=pks[start : start + PART])
            .select_related("product", "proposal")
            .defer("product__description", "product__attributes", *(f"proposal__{name}" for name in HEAVY))
        )
        _look_at(found, part, seen_of(channel=channel, changes=part, until=until), now=now)


def _look_at(found: Watched, part: Sequence[PriceChange], seen: dict[int, Seen], *, now: datetime) -> None:
    changed: list[PriceChange] = []
    fallen: list[PriceChange] = []
    for change in part:
        here = seen.get(change.pk)
        if here is None or change.product.price != change.new_price:
            # nothing was expected of it, or the shop has moved on
            if here is not None or change.proposal is None or change.proposal.units_new is None:
                change.verdict = Verdict.UNKNOWN
                changed.append(change)
            continue
        looks = look(here.days)
        if looks <= int(change.watch.get("looks", 0)):
            continue
        found.looked += 1
        change.watch = {**here.as_dict(), "looks": looks}
        if here.below:
            change.verdict = Verdict.BELOW
            fallen.append(change)
        elif looks == len(LOOKS):
            change.verdict = Verdict.KEPT if here.enough else Verdict.UNKNOWN
            found.kept += change.verdict == Verdict.KEPT
        changed.append(change)
    PriceChange.objects.bulk_update(changed, ["watch", "verdict"], batch_size=200)
    for change in fallen:
        _roll_back(found, change, now=now)


def _roll_back(found: Watched, change: PriceChange, *, now: datetime) -> None:
    named = {
        "product": change.product,
        "days": change.watch["days"],
        "units": format_value(round(change.watch["units"], 1)),
        "floor": format_value(round(change.watch["floor_units"], 1)),
    }
    found.messages.append(why("sold_too_little", **named))
    _undo(found, change, now=now)


def _undo(found: Watched, change: PriceChange, *, now: datetime) -> None:
    if not ecomai.PRICING_ROLLBACK or not adapter_applies(change.channel):
        found.messages += [told] if (told := take_back_told(change)) else []
        return
    try:
        change_undo(change=change, kind=PriceChange.Kind.ROLLBACK, now=now)
    except PricingError as error:
        if error.why != why_of(change.watch.get("refused")):
            found.messages.append(error.why)
        change.watch["refused"] = error.why.as_json()
        change.save(update_fields=["watch"])
        return
    found.rolled_back += 1


def _refused_again(found: Watched, *, channel: str, oldest: datetime, now: datetime) -> None:
    """Roll-backs that did not work are tried again while the shop has the price; what goes wrong is told once."""
    rows = PriceChange.objects.filter(
        channel=channel, kind=PriceChange.Kind.APPLY, verdict=Verdict.BELOW, undone_at=None, at__gte=oldest,
        watch__has_key="refused",
    )  # fmt: skip
    for change in rows.order_by("pk").select_related("product", "proposal"):
        if change.product.price == change.new_price:
            _undo(found, change, now=now)


def _due(found: Watched, *, channel: str, now: datetime) -> list[PriceProposal]:
    """What is to be applied now; followers of canaries only if those did not earn too little."""
    rows = PriceProposal.objects.filter(channel=channel, state=State.SCHEDULED, apply_at__lte=now)
    due = list(rows.order_by("pk").select_related("product").defer(*HEAVY))
    verdicts = {batch: _canary(channel, batch, now) for batch in {row.batch for row in due if not row.is_canary}}
    going: list[PriceProposal] = []
    stops: dict[str, list[PriceProposal]] = {}
    waits: dict[datetime, list[PriceProposal]] = {}
    for row in due:
        verdict = Canary() if row.is_canary else verdicts[row.batch]
        if verdict.stop:
            stops.setdefault(verdict.stop.code, []).append(row)
        elif verdict.wait is not None:
            waits.setdefault(verdict.wait, []).append(row)
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
    for until, waiting in waits.items():
        for part in in_parts(row.pk for row in waiting):
            PriceProposal.objects.filter(pk__in=part, state=State.SCHEDULED).update(apply_at=until)
        found.postponed += len(waiting)
    return going


@dataclass(frozen=True)
class Canary:
    """What those of a batch that went first say about the others: ``stop`` for a reason, ``wait`` until then, or go."""

    stop: Why = NONE
    wait: datetime | None = None


def _canary(channel: str, batch: str, now: datetime) -> Canary:
    """Stop when they earned too little, or half of them have been taken back, or none is in the shop; wait until the
    youngest has been there for ``PRICING_CANARY_DAYS``."""
    first = PriceProposal.objects.filter(channel=channel, batch=batch, is_canary=True)
    if not batch or not first.exists():
        return Canary()
    if first.filter(state__in=PriceProposal.UNDER_WAY).exists():
        return Canary(wait=now + timedelta(days=1))
    rows = PriceChange.objects.filter(channel=channel, batch=batch, is_canary=True, kind=PriceChange.Kind.APPLY)
    changes = list(rows.select_related("proposal"))
    until = min(ledger_until(channel=channel), local_date(now))
    standing = [change for change in changes if change.undone_at is None]
    everything = together(list(seen_of(channel=channel, changes=standing, until=until).values()))
    below = sum(change.verdict == Verdict.BELOW for change in changes)
    if everything.below or 2 * below > len(changes):
        return Canary(stop=why("canary_below"))
    fallen = sum(change.verdict == Verdict.BELOW or change.undone_at is not None for change in changes)
    if not standing or 2 * fallen >= len(changes):
        return Canary(stop=why("canary_few"))
    old_enough = max(change.at for change in standing) + timedelta(days=ecomai.PRICING_CANARY_DAYS)
    return Canary(wait=old_enough) if old_enough > now else Canary()
