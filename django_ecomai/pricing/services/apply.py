"""Approved prices go into the shop through its adapter, once, checked again.

Who writes a price says so first: the row's state is "writing", in a short transaction of its own. Then the shop is
asked and written to, outside of any transaction, and what became of it is stored in another one. A worker that is
killed in between leaves "writing" behind: only there a price that the shop has already is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.models import PriceChange, PriceProposal

from .allowed import family_candidates, prices_refused, restoring_forbidden
from .decide import HEAVY, PricingError, stale_reason
from .shop import Said, adapter_applies, mirror_follow, plain, prices_restore, reads_rows, shop_prices, write_price

State = PriceProposal.State
#: Prices that are claimed at once, and looked at again when a worker is killed.
TOGETHER = 50
#: After so long "writing" is taken for what a killed worker left behind.
LEFT_BEHIND = timedelta(minutes=15)


@dataclass
class Applied:
    """What became of approved prices: the changes made, and the proposals that were overtaken or failed."""

    changes: list[PriceChange] = field(default_factory=list)
    stale: list[PriceProposal] = field(default_factory=list)
    failed: list[PriceProposal] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"applied": len(self.changes), "stale": len(self.stale), "failed": len(self.failed)}


@dataclass
class Claim:
    """Rows that this worker writes, and since when; ``left``: keys of those that another one had begun; ``prices``:
    what the shop made of a price, by the row's key, where that is not what was written."""

    rows: list[PriceProposal]
    since: datetime
    left: set[int]
    prices: dict[int, Decimal] = field(default_factory=dict)


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
    if not adapter_applies(channel):
        name = type(get_adapter(channel)).__name__
        raise PricingError(
            _(
                "%(adapter)s cannot write prices: download the approved ones as CSV, or override "
                "apply_price(product_id, price) in your adapter."
            )
            % {"adapter": name}
        )
    at = now or timezone.now()
    rows = PriceProposal.objects.filter(_free(states, at), channel=channel)
    named = _named(rows, None if proposals is None else {row.pk for row in proposals})
    siblings = family_candidates({family for _pk, family in named}, channel=channel)
    found, done = Applied(), 0
    for part in families_together(named, size=TOGETHER):
        _apply(found, part, channel=channel, user=user, states=states, siblings=siblings, now=at)
        done += len(part)
        if progress is not None:
            progress(done, len(named))
    return found


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
    found = Q(state=State.WRITING, writing_since__lt=timezone.now() - LEFT_BEHIND)
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
    claim, before = _claim(pks, channel=channel, states=states, now=now)
    if not claim.rows:
        return
    try:
        rows = _newest(claim.rows)
        said = shop_prices(adapter, products=[row.product for row in rows])
        refused = prices_refused(adapter, rows, said, channel=channel, siblings=siblings, now=now)
    except BaseException:  # nothing is written yet
        _release(claim, before)
        raise
    families: dict[str, list[PriceProposal]] = {}
    for row in rows:
        families.setdefault(row.family or f"#{row.pk}", []).append(row)
    written: list[list[PriceProposal]] = []
    for members in families.values():
        if not _held(claim):
            return  # taken over by somebody else, who finishes it
        if _apply_family(adapter, members, said, refused, claim.left):
            written.append(members)
    if reads_rows(adapter) and written:
        _read_back(adapter, claim, written, channel=channel, now=now)
    _record(found, adapter, claim, channel=channel, user=user, now=now)


def _claim(pks: Sequence[int], *, channel: str, states: Collection[str], now: datetime) -> tuple[Claim, dict[int, str]]:
    """The rows that may be written, noted as being written, and the states that they had; others wait for their lock
    and then find nothing left, so that a family is never shared between two workers."""
    with transaction.atomic():
        rows = PriceProposal.objects.filter(_free(states, now), pk__in=pks, channel=channel).order_by("pk")
        held = locked_rows(rows).select_related("product")
        found = list(held.defer(*HEAVY, "product__description", "product__attributes"))
        since = timezone.now()
        before = {row.pk: row.state for row in found}
        PriceProposal.objects.filter(pk__in=list(before)).update(state=State.WRITING, writing_since=since)
        for row in found:
            row.state, row.writing_since = State.WRITING, since
    return Claim(found, since, {pk for pk, state in before.items() if state == State.WRITING}), before


def _release(claim: Claim, before: Mapping[int, str]) -> None:
    for row in claim.rows:
        row.state = before[row.pk]
        mine = PriceProposal.objects.filter(pk=row.pk, state=State.WRITING, writing_since=claim.since)
        if row.state != State.WRITING:
            mine.update(state=row.state, writing_since=None)


def _held(claim: Claim) -> bool:
    """Whether the rows are still this worker's; says so again when the shop is slow."""
    moment = timezone.now()
    if moment - claim.since < LEFT_BEHIND / 3:
        return True
    mine = PriceProposal.objects.filter(
        pk__in=[row.pk for row in claim.rows], state=State.WRITING, writing_since=claim.since
    )  # fmt: skip
    if mine.update(writing_since=moment) < len(claim.rows):
        return False
    claim.since = moment
    return True


def _newest(rows: Sequence[PriceProposal]) -> list[PriceProposal]:
    """One row per product, the newest; the older ones become stale."""
    newest = {row.product_id: row for row in rows}  # by ascending key: the last one stays
    for row in rows:
        if newest[row.product_id] is not row:
            row.state, row.held_reason = State.STALE, _("A newer price of this product is approved.")
    return [row for row in rows if newest[row.product_id] is row]


def _apply_family(
    adapter: ShopAdapter,
    members: list[PriceProposal],
    said: Mapping[str, Said],
    refused: Mapping[int, str],
    left: Collection[int],
) -> bool:
    """Write the price of one product, or that of a whole family or of none; sets ``state`` and ``held_reason``, and
    returns whether it was written."""
    done: list[PriceProposal] = []
    failed = False
    for row in members:
        now = said[row.product.external_id]
        failed = failed or bool(now.problem)
        if row.pk in left and not now.problem and now.price == row.new_price:
            done.append(row)
            row.held_reason = ""
        else:
            row.held_reason = now.problem or stale_reason(row, row.product, now.price, now.currency)
            row.held_reason = row.held_reason or refused.get(row.pk, "")
    if any(row.held_reason for row in members):
        _take_back(adapter, members, done, State.FAILED if failed else State.STALE)
        return False
    for row in members:
        if row in done:
            continue
        if problem := write_price(adapter, row.product, row.new_price):
            for other in members:
                other.held_reason = problem
            _take_back(adapter, members, done, State.FAILED)
            return False
        done.append(row)
    for row in members:
        row.state = State.APPLIED
    return True


def _take_back(
    adapter: ShopAdapter, members: Sequence[PriceProposal], done: Sequence[PriceProposal], state: str
) -> None:
    """One price for all: what was written goes back, and what the shop does not take back is told."""
    problem = prices_restore(adapter, [(row.product, row.old_price) for row in done])
    for row in members:
        row.state = State.FAILED if problem else state
        row.held_reason = row.held_reason or _("Another product of its family cannot have this price.")
        if problem:
            row.held_reason = f"{problem} {row.held_reason}"[:500]


def _read_back(
    adapter: ShopAdapter, claim: Claim, written: Sequence[list[PriceProposal]], *, channel: str, now: datetime
) -> None:
    """What the shop made of the prices: rounded ones are stored as they are there, or go back where a limit forbids
    them."""
    rows = [row for members in written for row in members]
    said = shop_prices(adapter, products=[row.product for row in rows])
    other = {
        row.pk: price for row in rows
        if (price := said[row.product.external_id].price) is not None and price != row.new_price
    }  # fmt: skip
    if not other:
        return
    prices = {row.product_id: other[row.pk] for row in rows if row.pk in other}
    forbidden = restoring_forbidden(prices, channel=channel, now=now, stored=True)
    for members in written:
        for row in members:
            price = other.get(row.pk)
            if price is None:
                continue
            if price == row.old_price:
                row.held_reason = _("The shop still has the price %(price)s after it was written.") % {
                    "price": plain(price)
                }
            elif row.product_id in forbidden:
                named = {"price": plain(price), "new": plain(row.new_price), "why": forbidden[row.product_id]}
                text = _("The shop made %(price)s of %(new)s. %(why)s") % named
                row.held_reason = text[:500]
        if any(row.held_reason for row in members):
            _take_back(adapter, members, members, State.FAILED)
    claim.prices = other


def _record(found: Applied, adapter: ShopAdapter, claim: Claim, *, channel: str, user: Any, now: datetime) -> None:
    rows = claim.rows
    with transaction.atomic():
        for row in rows:
            row.writing_since = None
        PriceProposal.objects.bulk_update(rows, ["state", "held_reason", "writing_since"])
        done, stale, failed = (
            [row for row in rows if row.state == state] for state in (State.APPLIED, State.STALE, State.FAILED)
        )
        prices = {row.pk: claim.prices.get(row.pk, row.new_price or Decimal(0)) for row in done}
        changes = [change_of(row, price=prices[row.pk], user=user, now=now) for row in done]
        PriceChange.objects.bulk_create(changes)
        written = {row.product.external_id: prices[row.pk] for row in done}
        mirror_follow(adapter, channel=channel, prices=written, now=now)
        text = _("put into the shop: %(old)s → %(new)s")
        lines = [text % {"old": plain(row.old_price), "new": plain(prices[row.pk])} for row in done]
        lines += [row.held_reason for row in [*stale, *failed]]
        change_log(objects=[*done, *stale, *failed], user=user, lines=lines or [""])
    found.changes += changes
    found.stale += stale
    found.failed += failed


def change_of(row: PriceProposal, *, price: Decimal, user: Any, now: datetime) -> PriceChange:
    """The record of an applied proposal, unsaved; ``price``: what the shop has now."""
    return PriceChange(
        channel=row.channel,
        product=row.product,
        proposal=row,
        kind=PriceChange.Kind.APPLY,
        at=now,
        user=user if getattr(user, "pk", None) is not None else None,
        old_price=row.old_price or Decimal(0),
        new_price=price,
        currency=row.currency,
        batch=row.batch,
        is_canary=row.is_canary,
    )
