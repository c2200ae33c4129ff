"""Approved prices go into the shop through its adapter, once, checked again.

Who writes a price says so first: the row's state is "writing", in a short transaction of its own. Then the shop is
asked and written to, outside of any transaction, and what became of it is stored in another one. A worker that is
killed in between leaves "writing" behind: only there a price that the shop has already is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.core.upsert import rows_update
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line, log_why
from django_ecomai.pricing.models import PriceChange, PriceProposal

from .allowed import family_candidates, prices_refused, rounding_forbidden
from .decide import HEAVY, REASON, PricingError, family_groups, reason_keep, reason_of, stale_reason
from .shop import (
    Former,
    Said,
    adapter_applies,
    mirror_follow,
    not_set_back,
    plain,
    prices_restore,
    reads_rows,
    shop_prices,
    write_price,
)
from .undo_claim import being_undone
from .unread import left_unread

State = PriceProposal.State
#: Prices that are claimed at once, and looked at again when a worker is killed.
TOGETHER = 50
#: After so long "writing" is taken for what a killed worker left behind.
LEFT_BEHIND = timedelta(minutes=15)
#: For so long after its moment a scheduled price is tried again every hour, where it only has to wait.
PATIENCE = timedelta(days=1)
#: Rows of each kind that a job names at its end.
KEPT = 1_000


@dataclass
class Applied:
    """What became of approved prices: the changes made, and the proposals that were overtaken or failed; ``unread``:
    those that a killed worker left, and the shop does not say whether it has them. A job that writes many counts them
    all and keeps at most ``most`` of each."""

    changes: list[PriceChange] = field(default_factory=list)
    stale: list[PriceProposal] = field(default_factory=list)
    failed: list[PriceProposal] = field(default_factory=list)
    unread: list[PriceProposal] = field(default_factory=list)
    most: int | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def problems(self) -> list[PriceProposal]:
        """All that are not in the shop, or not known to be; each row says why."""
        return [*self.stale, *self.failed, *self.unread]

    def add(self, changes: Sequence[PriceChange], rows: Iterable[PriceProposal]) -> None:
        """More of them: the changes made, and rows that are in the shop or not."""
        of_state: dict[str, list[PriceProposal]] = {}
        for row in rows:
            # what is approved as before waits for the shop as well
            state = State.WRITING if row.state == State.APPROVED else row.state
            of_state.setdefault(state, []).append(row)
        self.changes += changes[: self._room(self.changes)]
        self.counts["applied"] += len(changes)
        for kept, name, state in (
            (self.stale, "stale", State.STALE), (self.failed, "failed", State.FAILED),
            (self.unread, "unread", State.WRITING),
        ):  # fmt: skip
            more = of_state.get(state, [])
            kept += more[: self._room(kept)]
            self.counts[name] += len(more)

    def _room(self, kept: Sequence[Any]) -> int | None:
        return None if self.most is None else max(self.most - len(kept), 0)

    def as_dict(self) -> dict[str, int]:
        """For JSON: how many."""
        return {name: self.counts[name] for name in ("applied", "stale", "failed")}


@dataclass
class Claim:
    """Rows that this worker writes, and since when; ``states``: what each was before, by its key; ``began``: since when
    those left behind are being written; ``before`` and ``after``: what the shop said, by its id; ``why``: by a row's
    key, why it is not written."""

    rows: list[PriceProposal]
    since: datetime
    states: dict[int, str]
    began: dict[int, datetime] = field(default_factory=dict)
    before: dict[str, Said] = field(default_factory=dict)
    after: dict[str, Said] = field(default_factory=dict)
    why: dict[int, Why] = field(default_factory=dict)

    def left(self, row: PriceProposal) -> bool:
        """Whether another worker had begun to write it."""
        return self.states[row.pk] == State.WRITING

    def former(self, row: PriceProposal) -> Former:
        """The price before, with the list price beside it. Where a killed worker has written already, that of the
        proposal."""
        told = self.before[row.product.external_id]
        listed = row.list_price if self.left(row) and told.price != row.old_price else told.list_price
        return Former(row.old_price or Decimal(0), listed, True)


def changes_apply(
    *,
    proposals: Iterable[PriceProposal] | None = None,
    channel: str = "",
    user: Any = None,
    states: Collection[str] = (State.APPROVED,),
    now: datetime | None = None,
    progress: Callable[[int, int], Any] | None = None,
) -> Applied:
    """Put proposals in one of ``states`` (default: all approved ones of the channel) into the shop, a few at a time.

    With a proposal go the others of its price family; scheduled ones only when they are due. What the shop has changed
    since, and what the limits of now or the other prices of its family forbid, becomes stale and is left alone. A
    failure is noted with its message and the others go on. Two workers never write the same row, and what a killed one
    left behind is finished here. ``progress`` hears how many of how many are done. Raises ``PricingError`` when the
    adapter cannot write prices.
    """
    pks = None if proposals is None else {row.pk for row in proposals}
    found = Applied()
    _apply_all(found, pks, channel=channel, user=user, states=states, now=now, progress=progress)
    return found


def proposals_apply(
    *,
    pks: set[int],
    channel: str = "",
    user: Any = None,
    states: Collection[str] = (State.APPROVED,),
    now: datetime | None = None,
    progress: Callable[[int, int], Any] | None = None,
    siblings: Mapping[str, set[int]] | None = None,
) -> Applied:
    """As ``changes_apply``, for jobs: rows by their keys, of which few are kept in memory at the end.

    ``siblings``: what ``family_candidates`` found for their families, where that is known already.
    """
    found = Applied(most=KEPT)
    _apply_all(
        found, pks, channel=channel, user=user, states=states, now=now, progress=progress, siblings=siblings
    )  # fmt: skip
    return found


def _apply_all(
    found: Applied,
    pks: set[int] | None,
    *,
    channel: str,
    user: Any,
    states: Collection[str],
    now: datetime | None,
    progress: Callable[[int, int], Any] | None,
    siblings: Mapping[str, set[int]] | None = None,
) -> None:
    if not adapter_applies(channel):
        name = type(get_adapter(channel)).__name__
        raise PricingError(
            _(
                "%(adapter)s cannot write prices: download the approved ones as CSV, or override "
                "apply_price(product_id, price) in your adapter."
            )
            % {"adapter": name}
        )
    rows = PriceProposal.objects.filter(_free(states, now or timezone.now()), channel=channel)
    named = _named(rows, pks)
    if siblings is None:
        siblings = family_candidates({family for _pk, family in named}, channel=channel)
    done = 0
    for part in families_together(named, size=TOGETHER):
        # Each part has a moment of its own: many prices take long.
        at = now or timezone.now()
        _apply(found, part, channel=channel, user=user, states=states, siblings=siblings, now=at)
        done += len(part)
        if progress is not None:
            progress(done, len(named))


def proposals_named(proposals: Iterable[PriceProposal], *, channel: str = "") -> int:
    """How many approved prices go into the shop when these are named: those of their families come along."""
    rows = PriceProposal.objects.filter(channel=channel, state=State.APPROVED)
    return len(_named(rows, {row.pk for row in proposals}))


def prices_resume(*, channel: str = "", now: datetime | None = None) -> Applied:
    """Finish what killed workers left behind."""
    return changes_apply(channel=channel, states=(), now=now)


def families_together(named: Iterable[tuple[int, str]], *, size: int) -> list[list[int]]:
    """Keys of proposals in parts of about ``size`` that never cut through a family."""
    groups: dict[str, list[int]] = {}
    for pk, family in named:
        groups.setdefault(family or f"#{pk}", []).append(pk)
    parts: list[list[int]] = []
    for members in sorted((sorted(group) for group in groups.values()), key=lambda group: group[0]):
        if not parts or len(parts[-1]) + len(members) > size:
            parts.append([])
        parts[-1] += members
    return parts


def _free(states: Collection[str], now: datetime) -> Q:
    """Rows that may be written: in one of these states, or left behind."""
    moment = timezone.now()
    # In the future: the clock was set back since, and nobody knows for how long it has been there.
    odd = Q(writing_since__lt=moment - LEFT_BEHIND) | Q(writing_since__gt=moment + LEFT_BEHIND)
    found = odd & Q(state=State.WRITING)
    found |= Q(state__in=[one for one in states if one != State.SCHEDULED])
    if State.SCHEDULED in states:
        found |= Q(state=State.SCHEDULED, apply_at__lte=now)
    return found


def _named(rows: Any, pks: set[int] | None) -> list[tuple[int, str]]:
    """Key and family (of a product by itself: its key) of all ``rows``, or of those named and the others of their
    families."""
    found: set[tuple[int, str, int]]
    if pks is None:
        found = set(rows.values_list("pk", "family", "product_id"))
    else:
        found = set()
        for part in in_parts(sorted(pks)):
            found |= set(rows.filter(pk__in=part).values_list("pk", "family", "product_id"))
        for part in in_parts(sorted({family for _pk, family, _product in found if family})):
            found |= set(rows.filter(family__in=part).values_list("pk", "family", "product_id"))
    return sorted((pk, family or f"#{product}") for pk, family, product in found)


def _apply(
    found: Applied,
    pks: Sequence[int],
    *,
    channel: str,
    user: Any,
    states: Collection[str],
    siblings: Mapping[str, set[int]],
    now: datetime,
) -> None:
    adapter = get_adapter(channel)
    claim = _claim(pks, channel=channel, states=states, now=now)
    if not claim.rows:
        return
    try:
        rows = _newest(claim)
        refused = prices_refused(adapter, rows, channel=channel, siblings=siblings, now=now)
        # asked when the rows are noted as being written: from then on nobody begins to take a price of them back
        refused = {**refused, **being_undone(rows)}
    except BaseException:  # nothing is written yet
        _release(claim)
        raise
    written = [
        members for members in family_groups(rows).values()
        if _held(claim, members) and _apply_family(adapter, members, claim, refused, now)
    ]  # fmt: skip
    if reads_rows(adapter):
        # Whoever has taken some over meanwhile asks for himself what the shop made of them.
        mine = [members for members in written if _held(claim, members, sure=True)]
        if mine:
            _read_back(adapter, claim, mine, channel=channel, now=now)
    _record(found, adapter, claim, channel=channel, user=user, now=now)


def _claim(pks: Sequence[int], *, channel: str, states: Collection[str], now: datetime) -> Claim:
    """The rows that may be written, noted as being written; others wait for their lock and then find nothing left, so
    that a family is never shared between two workers."""
    with transaction.atomic():
        rows = PriceProposal.objects.filter(_free(states, now), pk__in=pks, channel=channel).order_by("pk")
        held = locked_rows(rows).select_related("product")
        found = list(held.defer(*HEAVY, "product__description", "product__attributes"))
        since = timezone.now()
        before = {row.pk: row.state for row in found}
        # of a clock that was set back nobody knows for how long: since now
        began = {row.pk: min(row.writing_since or since, since) for row in found if row.state == State.WRITING}
        PriceProposal.objects.filter(pk__in=list(before)).update(state=State.WRITING, writing_since=since)
        for row in found:
            row.state, row.writing_since = State.WRITING, since
    return Claim(found, since, before, began)


def _release(claim: Claim) -> None:
    for row in claim.rows:
        row.state = claim.states[row.pk]
        _mine(claim).filter(pk=row.pk).update(state=row.state, writing_since=claim.began.get(row.pk))


def _mine(claim: Claim) -> QuerySet[PriceProposal]:
    """Those of the claim's rows that nobody has taken over."""
    keys = [row.pk for row in claim.rows]
    return PriceProposal.objects.filter(pk__in=keys, state=State.WRITING, writing_since=claim.since)


def _held(claim: Claim, members: Sequence[PriceProposal], *, sure: bool = False) -> bool:
    """Whether all of ``members`` are still this worker's; says so again when the shop is slow. What somebody else has
    taken over leaves the claim: he finishes it, and nothing is noted of it here. ``sure``: asks the database, however
    short the time was."""
    moment = timezone.now()
    if sure or not timedelta(0) <= moment - claim.since < LEFT_BEHIND / 3:
        kept = _mine(claim).update(writing_since=moment)
        claim.since = moment
        if kept < len(claim.rows):
            known = set(_mine(claim).values_list("pk", flat=True))
            claim.rows = [row for row in claim.rows if row.pk in known]
    held = {row.pk for row in claim.rows}
    return all(row.pk in held for row in members)


def _newest(claim: Claim) -> list[PriceProposal]:
    """One row per product, the newest; the older ones become stale."""
    newest = {row.product_id: row for row in claim.rows}  # by ascending key: the last one stays
    for row in claim.rows:
        if newest[row.product_id] is not row:
            row.state, claim.why[row.pk] = State.STALE, why("newer_price")
    return [row for row in claim.rows if newest[row.product_id] is row]


def _apply_family(
    adapter: ShopAdapter, members: list[PriceProposal], claim: Claim, refused: Mapping[int, Why], now: datetime
) -> bool:
    """Write the price of one product, or that of a whole family or of none; sets ``state`` and the claim's ``why``, and
    returns whether it was written."""
    # Right before the write: while others were written, somebody may have typed a price.
    claim.before |= shop_prices(adapter, products=[row.product for row in members])
    if left_unread(members, claim):
        return False
    done: list[PriceProposal] = []
    failed = False
    for row in members:
        here = claim.before[row.product.external_id]
        if claim.left(row) and not here.problem and here.price == row.new_price:
            done.append(row)
            continue
        problem = here.problem or stale_reason(row, row.product, here.price, here.currency)
        if claim.left(row) and problem.code == "price_changed":
            # Perhaps the shop has rounded what the killed worker wrote: nobody can tell that from a person's price.
            problem = why("left_unclear", new=row.new_price, price=here.price)
        failed = failed or bool(here.problem) or problem.code == "left_unclear"
        if problem := problem or refused.get(row.pk, NONE):
            claim.why[row.pk] = problem
    if any(row.pk in claim.why for row in members):
        if _waits(members, claim, now):
            return False
        _take_back(adapter, members, done, claim, State.FAILED if failed else State.STALE)
        return False
    for row in members:
        if row in done:
            continue
        if not _held(claim, members):
            return False  # who took them over finishes them
        if problem := write_price(adapter, row.product, row.new_price):
            if not _held(claim, members, sure=True):
                return False
            claim.why |= {other.pk: problem for other in members}
            arrived = [row] if _arrived(adapter, row) else []
            _take_back(adapter, members, [*done, *arrived], claim, State.FAILED)
            return False
        done.append(row)
    for row in members:
        row.state = State.APPLIED
    return True


def _waits(members: Sequence[PriceProposal], claim: Claim, now: datetime) -> bool:
    """Whether scheduled prices only come too early: the shop could not be read, or the day since the last change is not
    over. Nothing is written of them; the next hour tries again, for ``PATIENCE``. Any price waits while the one before
    it is being put back."""
    if any(claim.why.get(row.pk, NONE).code == "being_undone" for row in members):
        for row in members:
            row.state = claim.states[row.pk]
        return True
    for row in members:
        problem = claim.why.get(row.pk, NONE)
        unread = bool(claim.before[row.product.external_id].problem)
        early = problem.code in ("", "changed_today")
        if claim.states[row.pk] != State.SCHEDULED or row.apply_at is None or now - row.apply_at > PATIENCE:
            return False
        if not (unread or early):
            return False
    for row in members:
        row.state = State.SCHEDULED
    return True


def _arrived(adapter: ShopAdapter, row: PriceProposal) -> bool:
    """Whether a write that raised has changed the price all the same, as far as the shop can be asked."""
    if not reads_rows(adapter):
        return False
    now = shop_prices(adapter, products=[row.product])[row.product.external_id]
    return not now.problem and now.price != row.old_price


def _take_back(
    adapter: ShopAdapter, members: Sequence[PriceProposal], done: Sequence[PriceProposal], claim: Claim, state: str
) -> None:
    """One price for all: what was written goes back, and what the shop does not take back is told."""
    told = prices_restore(adapter, [(row.product, claim.former(row)) for row in done])
    for row in members:
        row.state = State.FAILED if told else state
        claim.why[row.pk] = not_set_back(told, claim.why.get(row.pk) or why("family_refused"))


def _read_back(
    adapter: ShopAdapter, claim: Claim, written: Sequence[list[PriceProposal]], *, channel: str, now: datetime
) -> None:
    """What the shop made of the prices: rounded ones are stored as they are there, or go back where a limit forbids
    them, or where a family has two prices by that."""
    rows = [row for members in written for row in members]
    claim.after = shop_prices(adapter, products=[row.product for row in rows])
    other = {
        row.pk: price for row in rows
        if (price := claim.after[row.product.external_id].price) is not None and price != row.new_price
    }  # fmt: skip
    if not other:
        return
    rounded = {row.product_id: (row.old_price, other[row.pk]) for row in rows if row.pk in other}
    forbidden = rounding_forbidden(rounded, channel=channel, now=now)
    for members in written:
        prices = {claim.after[row.product.external_id].price for row in members} - {None}
        for row in members:
            price = other.get(row.pk)
            if price is None:
                continue
            if price == row.old_price:
                claim.why[row.pk] = why("not_taken", price=price)
            elif row.product_id in forbidden:
                because = forbidden[row.product_id]
                claim.why[row.pk] = why("rounded", price=price, new=row.new_price, because=because)
            elif len(prices) > 1:
                claim.why[row.pk] = why("rounded_apart", price=price, new=row.new_price)
        if any(row.pk in claim.why for row in members):
            _take_back(adapter, members, members, claim, State.FAILED)


def _record(found: Applied, adapter: ShopAdapter, claim: Claim, *, channel: str, user: Any, now: datetime) -> None:
    with transaction.atomic():
        # Whoever has taken them over since notes what became of them: the price is in the shop, and is theirs.
        kept = {row.pk for row in locked_rows(_mine(claim).order_by("pk")).only("pk")}
        rows = [row for row in claim.rows if row.pk in kept]
        for row in rows:
            row.writing_since = claim.began.get(row.pk) if row.state == State.WRITING else None
            reason_keep(row, claim.why.get(row.pk, NONE))
        rows_update(rows, ["state", "writing_since", *REASON])
        done, stale, failed = (
            [row for row in rows if row.state == state] for state in (State.APPLIED, State.STALE, State.FAILED)
        )
        now_there = {row.pk: _there(claim, row) for row in done}
        changes = [_change_of(row, claim.former(row), now_there[row.pk], user=user, now=now) for row in done]
        PriceChange.objects.bulk_create(changes)
        written = {row.product.external_id: now_there[row.pk] for row in done}
        mirror_follow(adapter, channel=channel, prices=written, now=now)
        lines = [log_line("applied", old=plain(row.old_price), new=plain(now_there[row.pk].price)) for row in done]
        lines += [log_why(reason_of(row)) for row in [*stale, *failed]]
        change_log(objects=[*done, *stale, *failed], user=user, lines=lines or [""])
    found.add(changes, rows)


def _there(claim: Claim, row: PriceProposal) -> Former:
    """What the shop has after the write; without its word what was written, beside the list price of before."""
    told = claim.after.get(row.product.external_id)
    if told is None or told.price is None:
        return Former(row.new_price or Decimal(0), claim.before[row.product.external_id].list_price, True)
    return Former(told.price, told.list_price, True)


def _change_of(row: PriceProposal, old: Former, new: Former, *, user: Any, now: datetime) -> PriceChange:
    """The record of an applied proposal, unsaved."""
    return PriceChange(
        channel=row.channel,
        product=row.product,
        proposal=row,
        kind=PriceChange.Kind.APPLY,
        at=now,
        user=user if getattr(user, "pk", None) is not None else None,
        old_price=old.price,
        new_price=new.price,
        old_list_price=old.list_price,
        new_list_price=new.list_price,
        knows_list_price=True,
        currency=row.currency,
        batch=row.batch,
        is_canary=row.is_canary,
    )
