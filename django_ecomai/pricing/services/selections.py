"""Many prices by one confirmation: what was chosen is stored as it stood, and decided a part at a time.

A selection holds the keys of exactly the rows that the page summed up, each with the price that was seen. Every part is
checked again when its turn comes, for a person who may still do it, and what becomes of each row is stored in the same
transaction as the decision: whoever is killed in between has decided nothing, and a second attempt goes on behind him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection, PriceSelectionPart
from django_ecomai.pricing.worklist import together

from .decide import APPLY, DECIDE, PricingError, check_when
from .selections_parts import approve_part, siblings_of, undo_part
from .shop import adapter_applies
from .undo import UNDO, UNDOABLE

Kind = PriceSelection.Kind
#: Rows that are decided together.
PART = {Kind.APPROVE: 900, Kind.UNDO: 50}
#: What nobody has confirmed is forgotten after this time, and what was decided after the other.
FORGOTTEN, KEPT = timedelta(days=2), timedelta(days=400)
#: Columns of a proposal that a selection needs: what the sums are made of, and what orders it.
COLUMNS = (
    "pk", "family", "old_price", "new_price", "horizon_days", "risk", "gain", "gain_low", "gain_high", "goal",
    "currency", "market__simulated",
)  # fmt: skip


@dataclass(slots=True)
class Chosen:
    """A proposal as far as a selection needs it."""

    pk: int
    family: str
    old_price: Decimal | None
    new_price: Decimal | None
    horizon_days: int
    risk: str
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    goal: str
    currency: str
    market_simulated: bool | None

    @property
    def change(self) -> float | None:
        """By which share the price would change."""
        if not self.old_price or self.new_price is None:
            return None
        return float(self.new_price / self.old_price) - 1


@dataclass
class Came:
    """What became of a selection: ``done`` decided, ``first`` approved by the first of two, ``skipped`` by the code of
    the reason, ``waiting`` not looked at yet."""

    done: int = 0
    first: int = 0
    waiting: int = 0
    skipped: dict[str, int] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """All that were skipped."""
        return sum(self.skipped.values())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "left_out": self.left_out}


def approval_select(
    *, rows: QuerySet[PriceProposal], channel: str = "", user: Any = None, filters: dict[str, Any] | None = None
) -> PriceSelection:
    """Store the open ones of ``rows``, whole families side by side, with the price of each and what they come to
    together. Raises ``PricingError`` where none is open."""
    # In the order of families, so that a part has all of one; by their keys, so that nobody waits in a circle.
    wanted = rows.filter(channel=channel, state=PriceProposal.State.OPEN).order_by("family", "pk")
    stream = (Chosen(*one) for one in wanted.values_list(*COLUMNS).iterator(chunk_size=5000))
    with transaction.atomic():
        selection = _begin(Kind.APPROVE, channel, user, filters)
        parts = _Parts(selection)

        def passing() -> Iterator[Any]:
            for one in stream:
                parts.add(one.pk, one.new_price, one.family)
                yield one

        sums = together(passing())
        return _end(selection, parts, asdict(sums))


def undo_select(
    *,
    rows: QuerySet[PriceChange],
    channel: str = "",
    user: Any = None,
    filters: dict[str, Any] | None = None,
    against_limits: bool = False,
) -> PriceSelection:
    """Store those of ``rows`` that stand in the shop, the newest first: of two changes of a product the later one goes
    back before the earlier. ``against_limits``: even where a limit of now forbids the price before. Raises
    ``PricingError`` where there is none."""
    wanted = rows.filter(channel=channel, kind__in=UNDOABLE, undone_at=None).order_by("-pk")
    with transaction.atomic():
        selection = _begin(Kind.UNDO, channel, user, filters)
        selection.against_limits = against_limits
        parts = _Parts(selection)
        for pk, price in wanted.values_list("pk", "new_price").iterator(chunk_size=5000):
            parts.add(pk, price, "")
        return _end(selection, parts, {})


def selection_confirm(
    *,
    selection: PriceSelection,
    user: Any,
    apply_at: datetime | None = None,
    canary_share: float | None = None,
    number: int | None = None,
) -> PriceSelection:
    """Note who wants it done, and how; whoever executes it asks whether he still may. ``number``: of prices that were
    seen.

    Raises ``PricingError`` when it was confirmed before, when another number was seen, for a moment in the past and for
    a share that is none; ``PermissionDenied`` when ``user`` may not do it.
    """
    _check_may(selection.kind, user, scheduled=apply_at is not None or canary_share is not None)
    now = timezone.now()
    check_when(apply_at, canary_share, now=now)
    with transaction.atomic():
        held = locked_rows(PriceSelection.objects.filter(pk=selection.pk)).first()
        if held is None:
            raise PricingError(_("This choice was too old and is forgotten: choose again."))
        if held.confirmed_at is not None:
            raise PricingError(_("This was confirmed before: its page shows what became of it."))
        if number is not None and number != held.number:
            raise PricingError(
                _("The choice is of %(number)s prices, not of %(seen)s.") % {"number": held.number, "seen": number}
            )
        held.confirmed_at, held.confirmed_by = now, user
        held.apply_at, held.canary_share = apply_at, canary_share
        held.save(update_fields=["confirmed_at", "confirmed_by", "apply_at", "canary_share"])
    return held


def selection_execute(*, selection: PriceSelection, progress: Callable[[int, int], Any] | None = None) -> Came:
    """Decide all parts that are not decided yet, and again what an error has left out; returns what became of all.

    Can be called again after whatever happened. Raises ``PermissionDenied`` before the next part when who confirmed it
    may not do it any more: parts that were decided stay so. ``progress`` hears how many of how many rows are done.
    """
    if selection.confirmed_at is None:
        raise PricingError(_("Nobody has confirmed this choice."))
    approves = selection.kind == Kind.APPROVE
    siblings = siblings_of(selection) if approves else {}
    open_parts = selection.parts.filter(Q(done_at=None) | Q(has_errors=True)).order_by("place")
    places = list(open_parts.values_list("pk", flat=True))
    waiting = open_parts.values_list("rows", flat=True).iterator(chunk_size=50)
    done = selection.number - sum(len(rows) for rows in waiting)
    for pk in places:
        user = get_user_model()._default_manager.filter(pk=selection.confirmed_by_id or 0).first()
        _check_may(selection.kind, user, scheduled=selection.apply_at is not None or selection.canary_share is not None)
        if approves:
            done += approve_part(selection, pk, user, siblings)
        else:
            done += undo_part(selection, pk, user)
        if progress is not None:
            progress(done, selection.number)
    return selection_came(selection)


def selection_came(selection: PriceSelection) -> Came:
    """What became of it until now; two queries."""
    parts = selection.parts
    sums = parts.aggregate(done=Sum("done"), first=Sum("first"), left=Sum("skipped_number"))
    found = Came(done=sums["done"] or 0, first=sums["first"] or 0)
    for skipped in parts.filter(skipped_number__gt=0).values_list("skipped", flat=True).iterator(chunk_size=100):
        for _pk, _title, reason in skipped:
            code = str(reason.get("code", ""))
            found.skipped[code] = found.skipped.get(code, 0) + 1
    found.waiting = max(selection.number - found.done - found.first - found.left_out, 0)
    return found


def selection_skipped(
    selection: PriceSelection, *, offset: int = 0, limit: int = 100, code: str = ""
) -> list[tuple[int, str, dict[str, Any]]]:
    """Key, product and reason (as JSON) of what was left out, in order; ``code``: only for this reason."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    passed = 0
    for part in selection.parts.filter(skipped_number__gt=0).order_by("place").iterator(chunk_size=20):
        rows = [tuple(one) for one in part.skipped if not code or one[2].get("code") == code]
        if passed + len(rows) > offset:
            found += rows[max(offset - passed, 0) :][: limit - len(found)]
        passed += len(rows)
        if len(found) >= limit:
            break
    return found


def selection_applies(selection: PriceSelection) -> bool:
    """Whether the prices that it has approved go into the shop now: who confirmed it may put them there, and the
    adapter can."""
    user = selection.confirmed_by
    return (
        selection.kind == Kind.APPROVE
        and user is not None
        and user.has_perm(APPLY)
        and adapter_applies(selection.channel)
        and PriceProposal.objects.filter(batch=selection.batch, state=PriceProposal.State.APPROVED).exists()
    )


def selections_forget(*, now: datetime | None = None) -> None:
    """Delete choices that nobody confirmed, and decisions that are older than a year."""
    at = now or timezone.now()
    old = Q(confirmed_at=None, made_at__lt=at - FORGOTTEN) | Q(made_at__lt=at - KEPT)
    PriceSelection.objects.filter(old).delete()


def _check_may(kind: str, user: Any, *, scheduled: bool) -> None:
    needed = [UNDO] if kind == Kind.UNDO else [DECIDE, *([APPLY] if scheduled else [])]
    if user is None or not user.is_active or not all(user.has_perm(one) for one in needed):
        raise PermissionDenied(_("Who confirmed this may not do it, or may not do it any more."))


def _begin(kind: Kind, channel: str, user: Any, filters: dict[str, Any] | None) -> PriceSelection:
    selections_forget()
    known = user if getattr(user, "pk", None) is not None else None
    return PriceSelection.objects.create(
        kind=kind, channel=channel, made_at=timezone.now(), made_by=known, filters=filters or {}, batch=uuid4().hex
    )


def _end(selection: PriceSelection, parts: _Parts, sums: dict[str, Any]) -> PriceSelection:
    parts.write()
    if not parts.number:
        # The transaction takes the empty choice along.
        raise PricingError(_("None of these is open for a decision."))
    selection.number, selection.sums = parts.number, sums
    selection.save(update_fields=["number", "sums", "against_limits"])
    return selection


class _Parts:
    """Rows as they come, cut into parts between families and written some at a time."""

    def __init__(self, selection: PriceSelection) -> None:
        self.selection = selection
        self.most = PART[Kind(selection.kind)]
        self.number = self.place = 0
        self.family = ""
        self.rows: list[list[Any]] = []
        self.ready: list[PriceSelectionPart] = []

    def add(self, pk: int, price: Decimal | None, family: str) -> None:
        """One more."""
        if len(self.rows) >= self.most and not (family and family == self.family):
            self._cut()
        self.rows.append([pk, "" if price is None else str(price)])
        self.family = family
        self.number += 1

    def _cut(self) -> None:
        if self.rows:
            self.ready.append(PriceSelectionPart(selection=self.selection, place=self.place, rows=self.rows))
            self.place, self.rows = self.place + 1, []
        if len(self.ready) >= 50:
            self._store()

    def _store(self) -> None:
        PriceSelectionPart.objects.bulk_create(self.ready)
        self.ready = []

    def write(self) -> None:
        """The rest."""
        self._cut()
        self._store()
