"""A price comes out of the shop again, and with it those of its family and the list price that it had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection

from .allowed import restoring_forbidden
from .decide import PricingError
from .shop import (
    Former,
    Said,
    adapter_applies,
    mirror_follow,
    not_set_back,
    prices_restore,
    reads_rows,
    shop_prices,
    write_price,
)
from .undo_claim import FREE, UNDOABLE, Undoing, undo_claim, undo_held, undo_leave, undo_mine, undo_note, undo_release

__all__ = [
    "UNDO", "UNDOABLE", "AgainstLimits", "SecondNeeded", "change_undo", "undo_forbidden", "undo_resume",
]  # fmt: skip

UNDO = "ecomai_pricing.undo_pricechange"


class AgainstLimits(PricingError):
    """Prices before would break limits of now: only a person may restore them, who confirms that.

    ``against``: the reason per change, those of the family too.
    """

    def __init__(self, reason: Why, against: Sequence[tuple[PriceChange, Why]]) -> None:
        super().__init__(reason)
        self.against = list(against)


class SecondNeeded(PricingError):
    """With ``PRICING_FOUR_EYES``: a price against limits was confirmed by the first of two, which is noted; nothing
    else was done."""


def change_undo(
    *,
    change: PriceChange,
    user: Any = None,
    kind: str = PriceChange.Kind.UNDO,
    confirmed: bool = False,
    now: datetime | None = None,
    forbidden: Mapping[int, Why] | None = None,
    selection: PriceSelection | None = None,
) -> PriceChange:
    """Restore the price before, and those of its price family, with the list prices beside them; returns the new
    record.

    A list price that the shop has changed since stays as it is. A product that has its old price already counts as
    restored, so what was interrupted can be done again. A price test of it that has not begun is stopped. Raises
    ``PricingError``, and leaves the shop as it was, when it was undone before, while a price test runs, when a worker
    writes another price of these products or takes one back, when a younger change put today's price there, when the
    shop has another price or currency by now, or when it refuses; the message names what could not be set back then.
    Raises ``AgainstLimits`` when a price before breaks a limit of now, unless ``confirmed``; steps per day and week do
    not count. With ``PRICING_FOUR_EYES`` two people must confirm that: ``SecondNeeded`` for the first. ``forbidden``:
    what ``undo_forbidden`` said a moment ago; of other changes it is asked here. What a killed worker had begun to take
    back is finished as he was to do it. Call it outside of any transaction: what was written must stay noted.
    """
    adapter = get_adapter(change.channel)
    if not adapter_applies(change.channel):
        raise PricingError(why("cannot_write"))
    undoing = undo_claim(change, kind=kind, user=user, selection=selection, now=now or timezone.now())
    if not undoing.resumed:  # else what a killed worker was allowed to begin is finished
        try:
            _allow(adapter, undoing, change, confirmed=confirmed, forbidden=forbidden or {}, now=now or timezone.now())
        except BaseException:  # nothing is written yet
            undo_release(undoing)
            raise
    undone = _carry_out(adapter, undoing, now=now)
    found = next((one for one in undone if one.product_id == change.product_id), None)
    if found is None:
        raise PricingError(why("product_said", product=change.product, because=why("shop_silent")))
    return found


def undo_resume(*, change: PriceChange, now: datetime | None = None) -> list[PriceChange]:
    """Finish what a killed worker has left behind, with the change's family; returns the new records. Where he had
    written nothing only his note goes: who wanted it may do it again. Raises ``PricingError`` as ``change_undo`` does.
    """
    undoing = undo_claim(change, kind=PriceChange.Kind.UNDO, user=None, selection=None, now=now or timezone.now())
    if not undoing.resumed:
        undo_release(undoing)
        return []
    return _carry_out(get_adapter(change.channel), undoing, now=now)


def _allow(
    adapter: ShopAdapter,
    undoing: Undoing,
    change: PriceChange,
    *,
    confirmed: bool,
    forbidden: Mapping[int, Why],
    now: datetime,
) -> None:
    """Ask the shop and the limits, and note what the shop has: right after that it may be written to."""
    held = undoing.held
    said = shop_prices(adapter, products=[one.product for one in held])
    _check_prices(held, said)
    if not confirmed or ecomai.PRICING_FOUR_EYES:
        asked = [one for one in held if one.pk not in forbidden]
        against = _against(held, {**forbidden, **undo_forbidden(asked, now=now)})
        if against and not _confirmed(held, against, user=undoing.user, confirmed=confirmed):
            raise SecondNeeded(why("second_needed", product=change.product))
    undo_note(undoing, said)


def _carry_out(adapter: ShopAdapter, undoing: Undoing, *, now: datetime | None) -> list[PriceChange]:
    """Write, and record what was written. Whoever is killed within it leaves the note behind."""
    said = undoing.before
    if undoing.resumed:
        said = shop_prices(adapter, products=[one.product for one in undoing.held])
        gone = []
        for one in undoing.held:
            here = said[one.product.external_id]
            if here.unread and one.product.removed_at is None:  # the note stays: the next hour asks again
                raise PricingError(why("product_said", product=one.product, because=here.problem))
            gone += [one] if here.problem else []
        undo_leave(undoing, gone)
        if not undoing.held:
            return []
    wanted = {one.pk: _before(one, undoing.before[one.product.external_id]) for one in undoing.held}
    try:
        _restore(adapter, undoing, said, wanted)
    except PricingError:  # all have the price of the change again, or it is told which ones do not
        undo_release(undoing)
        raise
    undone = [_undo_of(one, undoing, wanted[one.pk]) for one in undoing.held]
    # a slow shop: it is dated when it was written
    _record(adapter, undoing, undone, now=now or timezone.now())
    return undone


def _record(adapter: ShopAdapter, undoing: Undoing, undone: Sequence[PriceChange], *, now: datetime) -> None:
    held = undoing.held
    with transaction.atomic():
        proposals = PriceProposal.objects.filter(pk__in=[one.proposal_id for one in held if one.proposal_id])
        list(locked_rows(proposals.order_by("pk")).values_list("pk", flat=True))
        if not undo_mine(undoing):  # whoever has taken it over records it
            raise PricingError(why("being_undone", product=held[0].product))
        for one in undone:
            one.at = now
        PriceChange.objects.bulk_create(undone)
        PriceChange.objects.filter(pk__in=[one.pk for one in held]).update(undone_at=now, **FREE)
        # From when on the same price is not proposed again for a while.
        proposals.update(state=PriceProposal.State.UNDONE, decided_at=now)
        prices = {
            one.product.external_id: Former(one.new_price, one.new_list_price, one.knows_list_price) for one in undone
        }
        mirror_follow(adapter, channel=held[0].channel, prices=prices, now=now)
        change_log(objects=held, user=undoing.user, lines=[log_line(undoing.kind)])


def undo_forbidden(changes: Iterable[PriceChange], *, now: datetime) -> dict[int, Why]:
    """Which limit of now the price before each change would break, by the change's key; false where it breaks none. A
    fixed number of queries per shop, unless a product has several changes."""
    rounds: dict[tuple[str, int], dict[int, PriceChange]] = {}
    times: dict[int, int] = {}
    for one in changes:
        times[one.product_id] = times.get(one.product_id, 0) + 1
        rounds.setdefault((one.channel, times[one.product_id]), {})[one.product_id] = one
    found: dict[int, Why] = {}
    for (channel, _time), each in rounds.items():
        prices = {product: one.old_price for product, one in each.items()}
        forbidden = restoring_forbidden(prices, channel=channel, now=now)
        found |= {one.pk: forbidden.get(product, NONE) for product, one in each.items()}
    return found


def _check_prices(held: Sequence[PriceChange], said: Mapping[str, Said]) -> None:
    standing = PriceChange.objects.filter(
        product__in=[one.product_id for one in held], kind=PriceChange.Kind.APPLY, undone_at=None
    ).order_by("pk")
    younger = {product: (pk, price) for product, pk, price in standing.values_list("product_id", "pk", "new_price")}
    for one in held:
        now = said[one.product.external_id]
        if now.problem:
            raise PricingError(why("product_said", product=one.product, because=now.problem))
        here = now.currency or one.product.currency or ecomai.CURRENCY
        if here != one.currency:
            raise PricingError(why("other_currency", product=one.product, currency=here))
        if now.price not in (one.new_price, one.old_price):
            raise PricingError(why("costs_by_now", product=one.product, price=now.price, new=one.new_price))

        pk, price = younger.get(one.product_id, (0, None))
        if pk > one.pk and price == now.price:
            raise PricingError(why("younger_stands", product=one.product, price=now.price))


def _against(held: Sequence[PriceChange], forbidden: Mapping[int, Why]) -> list[tuple[PriceChange, Why]]:
    return [(one, forbidden[one.pk]) for one in held if forbidden.get(one.pk)]


def _confirmed(
    held: Sequence[PriceChange], against: Sequence[tuple[PriceChange, Why]], *, user: Any, confirmed: bool
) -> bool:
    """Whether all who must have confirmed prices against limits; the first of two is noted."""
    if not confirmed:
        one, because = against[0]
        raise AgainstLimits(why("against_limits", product=one.product, price=one.old_price, because=because), against)
    if getattr(user, "pk", None) is None:
        raise PricingError(_("Two people must approve a price: log in, so that it is known who does."))
    seconded = {one.seconded_by_id for one in held}
    if None in seconded:  # what is new in a family nobody has seen yet
        with transaction.atomic():
            PriceChange.objects.filter(pk__in=[one.pk for one in held]).update(seconded_by=user)
            change_log(objects=held, user=user, lines=[log_line("undo_first")])
        return False
    if user.pk in seconded:
        raise PricingError(why("same_person"))
    return True


def _before(change: PriceChange, now: Said) -> Former:
    """What the shop is to have again. A list price that is not as the change left it was set by somebody else."""
    if not change.knows_list_price:
        return Former(change.old_price)
    ours = now.list_price == change.new_list_price
    return Former(change.old_price, change.old_list_price if ours else now.list_price, True)


def _is_there(now: Said, wanted: Former) -> bool:
    return now.price == wanted.price and (not wanted.knows_list or now.list_price == wanted.list_price)


def _restore(adapter: ShopAdapter, undoing: Undoing, said: Mapping[str, Said], wanted: Mapping[int, Former]) -> None:
    """Put the prices before back, all of them or none."""
    done: list[PriceChange] = []
    problem = NONE
    for one in undoing.held:
        now, before = said[one.product.external_id], undoing.before[one.product.external_id]
        if _is_there(now, wanted[one.pk]) and not _is_there(before, wanted[one.pk]):
            done.append(one)  # by the worker that was killed
        elif now.price not in (one.new_price, one.old_price):
            problem = why("costs_by_now", product=one.product, price=now.price, new=one.new_price)
    for one in () if problem else undoing.held:
        if _is_there(said[one.product.external_id], wanted[one.pk]):
            continue
        undo_held(undoing)
        done.append(one)
        if problem := write_price(adapter, one.product, one.old_price, former=wanted[one.pk]):
            # What raised may have arrived all the same, where the shop can be asked: then it goes back, too.
            if not reads_rows(adapter) or _has(adapter, one, said):
                done.pop()
            problem = why("shop_refused", because=problem)
            break
    problem = problem or _not_arrived(adapter, done)
    if problem:
        former = [(one, undoing.before[one.product.external_id].list_price) for one in done]
        told = prices_restore(
            adapter, [(one.product, Former(one.new_price, listed, one.knows_list_price)) for one, listed in former]
        )
        raise PricingError(not_set_back(told, problem))


def _has(adapter: ShopAdapter, change: PriceChange, said: Mapping[str, Said]) -> bool:
    """Whether the shop still has what it said before, or says nothing."""
    now = shop_prices(adapter, products=[change.product])[change.product.external_id]
    return bool(now.problem) or now.price == said[change.product.external_id].price


def _not_arrived(adapter: ShopAdapter, done: Sequence[PriceChange]) -> Why:
    """The shop's word on what was written: a price that is still there was not taken back."""
    if not done or not reads_rows(adapter):
        return NONE
    now = shop_prices(adapter, products=[one.product for one in done])
    for one in done:
        price = now[one.product.external_id].price
        if price is not None and price == one.new_price != one.old_price:
            return why("product_said", product=one.product, because=why("not_taken", price=price))
    return NONE


def _undo_of(change: PriceChange, undoing: Undoing, wanted: Former) -> PriceChange:
    """Its record, not yet dated."""
    listed = undoing.before[change.product.external_id].list_price
    return PriceChange(
        channel=change.channel,
        product=change.product,
        proposal_id=change.proposal_id,
        kind=undoing.kind,
        user=undoing.user,
        old_price=change.new_price,
        new_price=wanted.price,
        old_list_price=listed,
        new_list_price=wanted.list_price if wanted.knows_list else listed,
        knows_list_price=change.knows_list_price,
        currency=change.currency,
        batch=change.batch,
        selection_id=undoing.selection,
    )
