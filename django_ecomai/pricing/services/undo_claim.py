"""Who takes prices back says so first: a note on their changes, in a short transaction of its own.

Then the shop is asked and written to, outside of any transaction, and what became of it is stored in another one. A
worker that is killed in between leaves the note behind. It tells what the shop had before: a price that is back already
is ours then, and the others of its family follow.

Everybody locks proposals before changes, changes before price tests, and products last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.held import Why, why
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection, PriceTest

from .decide import HEAVY, PricingError, reason_of
from .price_tests import GOING, price_tests_give_way, price_tests_in_the_way
from .shop import Said
from .unread import CODE as UNREAD

State = PriceProposal.State
#: Kinds of changes that can be taken back.
UNDOABLE = (PriceChange.Kind.APPLY, PriceChange.Kind.TEST)
#: After so long a note is taken for what a killed worker left behind.
LEFT_BEHIND = timedelta(minutes=15)
FREE: Mapping[str, Any] = {"undoing_since": None, "undoing_by": None, "undoing": {}}


@dataclass
class Undoing:
    """Changes that this worker takes back, and since when; ``tests``: those that were stopped for it, each with its
    key, state and reason before. ``before``: what the shop said, by its id, before anything was written; empty while
    nothing can have been. ``resumed``: a killed worker has begun."""

    held: list[PriceChange]
    since: datetime
    kind: str
    user: Any = None
    selection: int | None = None
    tests: list[list[Any]] = field(default_factory=list)
    before: dict[str, Said] = field(default_factory=dict)
    resumed: bool = False


def undo_claim(
    change: PriceChange, *, kind: str, user: Any, selection: PriceSelection | None, now: datetime
) -> Undoing:
    """Note that a change, and those of its family that came with it, are being taken back. Price tests that have not
    begun are stopped. What a killed worker had begun to write is taken over as he had noted it.

    Raises ``PricingError`` when it was undone before or cannot be, when a worker writes or takes back a price of these
    products, and for a test that has begun.
    """
    known = user if getattr(user, "pk", None) is not None else None
    with transaction.atomic():
        rows = _together(change)
        products = list(rows.values_list("product_id", flat=True))
        busy = PriceProposal.objects.filter(product__in=products, state__in=(State.OPEN, *PriceProposal.UNDER_WAY))
        busy = locked_rows(busy.order_by("pk")).only("state", "product", "held_code", "held_named", "held_reason")
        written = [row for row in busy if row.state == State.WRITING]
        held = list(locked_rows(rows.order_by("pk")).select_related("product"))
        _check_held(change, held, written, now)
        tests = price_tests_in_the_way(product_ids=products)
        list(locked_rows(Product.objects.filter(pk__in=products).order_by("pk")).values_list("pk", flat=True))
        mine = [one.pk for one in held]
        for other in PriceChange.objects.filter(product__in=products, undoing_since__isnull=False).exclude(pk__in=mine):
            raise PricingError(why("being_undone", product=other.product))
        found = Undoing(held, timezone.now(), kind, known, None if selection is None else selection.pk)
        left = next((one for one in held if one.undoing_since is not None), None)
        if left is not None:
            _take_over(found, left)
        found.tests += [[test.pk, test.state, test.reason] for test in tests]
        price_tests_give_way(tests)
        _note(found)
    return found


def undo_note(undoing: Undoing, before: Mapping[str, Said]) -> None:
    """Right before the first write: what the shop has now."""
    undoing.before = dict(before)
    with transaction.atomic():
        if not undo_mine(undoing):
            raise _lost(undoing)
        _note(undoing)


def undo_held(undoing: Undoing) -> None:
    """Say again that this worker is at it, when the shop is slow. Raises ``PricingError`` when another one has taken it
    over: he finishes it."""
    moment = timezone.now()
    if timedelta(0) <= moment - undoing.since < LEFT_BEHIND / 3:
        return
    with transaction.atomic():
        if not undo_mine(undoing):
            raise _lost(undoing)
        _rows(undoing).update(undoing_since=moment)
    undoing.since = moment


def undo_leave(undoing: Undoing, gone: Sequence[PriceChange]) -> None:
    """Products that are gone from the shop, or have no price there any more, have none to put back: the others of the
    family do not wait for them."""
    if not gone:
        return
    with transaction.atomic():
        if not undo_mine(undoing):
            raise _lost(undoing)
        PriceChange.objects.filter(pk__in=[one.pk for one in gone]).update(**FREE)
    undoing.held = [one for one in undoing.held if one not in gone]


def undo_mine(undoing: Undoing) -> bool:
    """Within a transaction: whether nobody has taken it over, and nobody will before it ends."""
    kept = locked_rows(_rows(undoing).filter(undoing_since=undoing.since).order_by("pk"))
    return len(kept.values_list("pk", flat=True)) == len(undoing.held)


def undo_release(undoing: Undoing) -> None:
    """Nothing of it is in the shop: the note goes, and the price tests go on that were stopped for it."""
    with transaction.atomic():
        if not undo_mine(undoing):
            return
        tests = list(
            locked_rows(PriceTest.objects.filter(pk__in=[pk for pk, *_before in undoing.tests]).order_by("pk"))
        )
        products = [test.product_id for test in tests]
        list(locked_rows(Product.objects.filter(pk__in=products).order_by("pk")).values_list("pk", flat=True))
        going = PriceTest.objects.filter(product__in=products, state__in=GOING)
        tested = set(going.values_list("product_id", flat=True))
        before = {pk: (state, reason) for pk, state, reason in undoing.tests}
        for test in reversed(tests):  # one per product: a younger one was started while an older one was stopped
            if test.state == PriceTest.State.STOPPED and test.product_id not in tested:
                tested.add(test.product_id)
                test.state, test.reason = before[test.pk]
                test.save(update_fields=["state", "reason"])
        _rows(undoing).update(**FREE)


def undos_left(*, channel: str, now: datetime) -> list[PriceChange]:
    """What killed workers have left behind: changes with their notes."""
    rows = PriceChange.objects.filter(_old(now), channel=channel).order_by("pk").select_related("product", "proposal")
    heavy = (*(f"proposal__{name}" for name in HEAVY), "product__description", "product__attributes")
    return list(rows.defer(*heavy))


def being_undone(rows: Sequence[PriceProposal]) -> dict[int, Why]:
    """Of these proposals those, by their keys, whose product is having its price before put back."""
    known = {row.product_id: row.product for row in rows}
    noted = PriceChange.objects.filter(product__in=list(known), undoing_since__isnull=False)
    found = set(noted.values_list("product_id", flat=True))
    return {row.pk: why("being_undone", product=row.product) for row in rows if row.product_id in found}


def _together(change: PriceChange) -> QuerySet[PriceChange]:
    """The change and those of its family that came with it."""
    family = change.proposal.family if change.proposal is not None else ""
    if not family:
        return PriceChange.objects.filter(pk=change.pk)
    return PriceChange.objects.filter(
        channel=change.channel, proposal__family=family, batch=change.batch, kind=PriceChange.Kind.APPLY,
        undone_at=None,
    )  # fmt: skip


def _check_held(
    change: PriceChange, held: Sequence[PriceChange], written: Sequence[PriceProposal], now: datetime
) -> None:
    mine = next((one for one in held if one.pk == change.pk), None)
    if mine is None or mine.undone_at is not None:
        raise PricingError(why("undone_before"))
    if mine.kind not in UNDOABLE:
        raise PricingError(why("not_undoable"))
    for row in written:
        if row.held_code == UNREAD:
            raise PricingError(why("product_said", product=row.product, because=reason_of(row)))
    under_way = {row.product_id for row in written}
    for one in held:
        if one.product_id in under_way:
            raise PricingError(why("being_written", product=one.product))
        if one.undoing_since is not None and abs(now - one.undoing_since) < LEFT_BEHIND:
            raise PricingError(why("being_undone", product=one.product))


def _old(now: datetime) -> Q:
    # In the future: the clock was set back since, and nobody knows for how long it has been there.
    return Q(undoing_since__lt=now - LEFT_BEHIND) | Q(undoing_since__gt=now + LEFT_BEHIND)


def _take_over(undoing: Undoing, left: PriceChange) -> None:
    """As the killed worker had noted it; what he had not begun to write is begun anew."""
    undoing.tests = list(left.undoing.get("tests", ()))
    before = {one.product.external_id: _said_of(one) for one in undoing.held if "price" in one.undoing}
    if len(before) < len(undoing.held):
        return
    chosen = PriceSelection.objects.filter(pk=left.undoing["selection"]).values_list("pk", flat=True)
    undoing.before, undoing.resumed = before, True
    undoing.kind, undoing.user, undoing.selection = left.undoing["kind"], left.undoing_by, chosen.first()


def _note(undoing: Undoing) -> None:
    told = {"kind": undoing.kind, "selection": undoing.selection, "tests": undoing.tests}
    for one in undoing.held:
        one.undoing_since, one.undoing_by, one.undoing = undoing.since, undoing.user, dict(told)
        if said := undoing.before.get(one.product.external_id):
            one.undoing |= {"price": _plain(said.price), "list_price": _plain(said.list_price)}
    PriceChange.objects.bulk_update(undoing.held, list(FREE), batch_size=200)


def _plain(price: Decimal | None) -> str | None:
    return None if price is None else str(price)


def _said_of(change: PriceChange) -> Said:
    price, listed = (
        None if one is None else Decimal(one) for one in (change.undoing["price"], change.undoing["list_price"])
    )
    return Said(price, change.currency, list_price=listed)


def _rows(undoing: Undoing) -> QuerySet[PriceChange]:
    return PriceChange.objects.filter(pk__in=[one.pk for one in undoing.held])


def _lost(undoing: Undoing) -> PricingError:
    return PricingError(why("being_undone", product=undoing.held[0].product))
