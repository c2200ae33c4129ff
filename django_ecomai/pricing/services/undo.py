"""A price comes out of the shop again, and with it those of its family."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.models import PriceChange, PriceProposal

from .allowed import restoring_forbidden
from .decide import PricingError
from .shop import Said, mirror_follow, plain, prices_restore, shop_prices, write_price


class AgainstLimits(PricingError):
    """The price before would break a limit of now: only a person may restore it, who confirms that."""


def change_undo(
    *,
    change: PriceChange,
    user: Any = None,
    kind: str = PriceChange.Kind.UNDO,
    confirmed: bool = False,
    now: datetime | None = None,
) -> PriceChange:
    """Restore the price before, and those of its price family; returns the new record.

    A product that has its old price already counts as restored, so what was interrupted can be done again. Raises
    ``PricingError``, and leaves the shop as it was, when it was undone before, when the shop has another price by now,
    or when the shop refuses; the message names what could not be set back then. Raises ``AgainstLimits`` when a price
    before breaks a limit of now, unless ``confirmed``; steps per day and week do not count.
    """
    at = now or timezone.now()
    channel = change.channel
    adapter = get_adapter(channel)
    with transaction.atomic():
        held = _held(change)
        said = shop_prices(adapter, products=[one.product for one in held])
        _check_prices(held, said)
        if not confirmed:
            _check_limits(held, channel=channel, now=at)
        _restore(adapter, [one for one in held if said[one.product.external_id].price != one.old_price])
        undone = [_undo_of(one, user=user, kind=kind, now=at) for one in held]
        PriceChange.objects.bulk_create(undone)
        PriceChange.objects.filter(pk__in=[one.pk for one in held]).update(undone_at=at)
        proposals = PriceProposal.objects.filter(pk__in=[one.proposal_id for one in held if one.proposal_id])
        # From when on the same price is not proposed again for a while.
        proposals.update(state=PriceProposal.State.UNDONE, decided_at=at)
        mirror_follow(adapter, channel=channel, prices={one.product.external_id: one.old_price for one in held}, now=at)
        change_log(objects=held, user=user, lines=[str(PriceChange.Kind(kind).label)])
    return next(one for one in undone if one.product_id == change.product_id)


def _check_prices(held: Sequence[PriceChange], said: dict[str, Said]) -> None:
    for one in held:
        now = said[one.product.external_id]
        if now.problem:
            raise PricingError(f"{one.product}: {now.problem}")
        if now.price not in (one.new_price, one.old_price):
            raise PricingError(
                _("“%(product)s” costs %(price)s by now, not %(new)s: nothing was changed.")
                % {"product": one.product, "price": plain(now.price), "new": plain(one.new_price)}
            )


def _check_limits(held: Sequence[PriceChange], *, channel: str, now: datetime) -> None:
    forbidden = restoring_forbidden({one.product_id: one.old_price for one in held}, channel=channel, now=now)
    for one in held:
        if one.product_id in forbidden:
            named = {"product": one.product, "price": plain(one.old_price), "why": forbidden[one.product_id]}
            raise AgainstLimits(_("“%(product)s” does not get %(price)s back. %(why)s") % named)


def _restore(adapter: ShopAdapter, changes: Sequence[PriceChange]) -> None:
    """Write the prices before, all of them or none."""
    done: list[PriceChange] = []
    for one in changes:
        if problem := write_price(adapter, one.product, one.old_price):
            text = _("The shop did not take the price: %(problem)s") % {"problem": problem}
            told = prices_restore(adapter, [(other.product, other.new_price) for other in done])
            raise PricingError(f"{text} {told}".strip())
        done.append(one)


def _held(change: PriceChange) -> list[PriceChange]:
    """The change and those of its family that came with it, locked."""
    rows = PriceChange.objects.filter(pk=change.pk)
    family = change.proposal.family if change.proposal is not None else ""
    if family:
        rows = PriceChange.objects.filter(
            channel=change.channel, proposal__family=family, batch=change.batch, kind=PriceChange.Kind.APPLY,
            undone_at=None,
        )  # fmt: skip
    held = list(locked_rows(rows.order_by("pk")).select_related("product"))
    mine = next((one for one in held if one.pk == change.pk), None)
    if mine is None or mine.undone_at is not None:
        raise PricingError(_("This price was taken back before."))
    if mine.kind not in (PriceChange.Kind.APPLY, PriceChange.Kind.TEST):
        raise PricingError(_("Only a price that was put into the shop can be taken back."))
    return held


def _undo_of(change: PriceChange, *, user: Any, kind: str, now: datetime) -> PriceChange:
    return PriceChange(
        channel=change.channel,
        product=change.product,
        proposal_id=change.proposal_id,
        kind=kind,
        at=now,
        user=user if getattr(user, "pk", None) is not None else None,
        old_price=change.new_price,
        new_price=change.old_price,
        currency=change.currency,
        batch=change.batch,
    )
