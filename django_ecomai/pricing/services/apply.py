"""Approved prices go into the shop through its adapter, once, checked again; and come out again."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connections, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import NotSupported, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import ProductRow
from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.selectors import product_rows
from django_ecomai.mirror.services.batches import batch_apply
from django_ecomai.pricing.facts import product_facts
from django_ecomai.pricing.held import reason_text
from django_ecomai.pricing.limits import binding_limits, limits_build, problems
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.rulebook import RuleBook

from .decide import HEAVY, PricingError, stale_reason

logger = logging.getLogger("django_ecomai")
State = PriceProposal.State
#: Prices that are written in one transaction: what is locked at once, and redone when a worker is killed.
TOGETHER = 50


@dataclass
class Applied:
    """What became of approved prices: the changes made, and the proposals that were overtaken or failed."""

    changes: list[PriceChange] = field(default_factory=list)
    stale: list[PriceProposal] = field(default_factory=list)
    failed: list[PriceProposal] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"applied": len(self.changes), "stale": len(self.stale), "failed": len(self.failed)}


def adapter_applies(channel: str = "") -> bool:
    """Whether the shop's adapter can write prices."""
    return type(get_adapter(channel)).apply_price is not ShopAdapter.apply_price


def changes_apply(
    *,
    proposals: Iterable[PriceProposal] | None = None,
    channel: str = "",
    user: Any = None,
    now: datetime | None = None,
) -> Applied:
    """Put approved proposals (default: all approved ones of the channel) into the shop, a few in each transaction.

    What the shop has changed since, and what the limits of now forbid, becomes stale and is left alone. A failure is
    noted with its message and the others go on. A price that the shop has already counts as applied, so whatever was
    interrupted can be run again; two workers never take the same row. Raises ``PricingError`` when the adapter cannot
    write prices.
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
    if proposals is None:
        waiting = PriceProposal.objects.filter(channel=channel, state=State.APPROVED)
        pks = list(waiting.order_by("pk").values_list("pk", flat=True))
    else:
        pks = sorted({row.pk for row in proposals})
    found = Applied()
    for start in range(0, len(pks), TOGETHER):
        _apply(found, pks[start : start + TOGETHER], channel=channel, user=user, now=now or timezone.now())
    return found


def _apply(found: Applied, pks: Sequence[int], *, channel: str, user: Any, now: datetime) -> None:
    adapter = get_adapter(channel)
    with transaction.atomic():
        rows = _claimed(pks, channel)
        if not rows:
            return
        prices = shop_prices(adapter, channel=channel, products=[row.product for row in rows])
        forbidden = _forbidden(rows, channel=channel, now=now)
        done: list[PriceProposal] = []
        stale: list[PriceProposal] = []
        failed: list[PriceProposal] = []
        for row in rows:
            price = prices.get(row.product.external_id, row.product.price)
            there = price == row.new_price
            row.held_reason = "" if there else stale_reason(row, row.product, price) or forbidden.get(row.pk, "")
            if row.held_reason:
                stale.append(row)
                continue
            row.held_reason = "" if there else write_price(adapter, row.product, row.new_price)
            (failed if row.held_reason else done).append(row)
        for each, state in ((done, State.APPLIED), (stale, State.STALE), (failed, State.FAILED)):
            for row in each:
                row.state = state
        PriceProposal.objects.bulk_update(rows, ["state", "held_reason"])
        changes = [change_of(row, user=user, now=now) for row in done]
        PriceChange.objects.bulk_create(changes)
        mirror_follow(
            adapter, channel=channel, prices={row.product.external_id: row.new_price for row in done}, now=now
        )
        text = _("put into the shop: %(old)s → %(new)s")
        lines = [text % {"old": _plain(row.old_price), "new": _plain(row.new_price)} for row in done]
        lines += [row.held_reason for row in [*stale, *failed]]
        change_log(objects=[*done, *stale, *failed], user=user, lines=lines or [""])
    found.changes += changes
    found.stale += stale
    found.failed += failed


def _claimed(pks: Sequence[int], channel: str) -> list[PriceProposal]:
    """Rows that are approved and that no other worker holds, with their products."""
    rows = PriceProposal.objects.filter(pk__in=pks, channel=channel, state__in=PriceProposal.WAITING).order_by("pk")
    features = connections[rows.db].features
    if features.has_select_for_update_skip_locked:
        own = ("self",) if features.has_select_for_update_of else ()
        rows = rows.select_for_update(skip_locked=True, of=own)
    else:
        rows = locked_rows(rows)
    return list(rows.select_related("product").defer(*HEAVY, "product__description", "product__attributes"))


def _forbidden(rows: Sequence[PriceProposal], *, channel: str, now: datetime) -> dict[int, str]:
    """Why the limits of now do not allow a proposal, by its key."""
    from django_ecomai.ml.pricing.guardrails import violations

    book = RuleBook(channel=channel, on=local_date(now))
    by_product = {row.product_id: row for row in rows}
    facts = product_facts(
        channel=channel, product_ids=list(by_product), at=now, horizon_days=ecomai.PRICING_HORIZON_DAYS,
        stock_ages=book.needs_stock_ages,
    )  # fmt: skip
    if not facts:
        return {}
    choices = [book.of(one) for one in facts]
    # Whole families are approved together; each price is held against the limits of its own product.
    limits = replace(limits_build(facts, choices), family=np.full(len(facts), -1))
    asked = np.array([float(by_product[one.pk].new_price or 0) for one in facts])
    found = {}
    for at, off in enumerate(violations(asked, limits).tolist()):
        row = by_product[facts[at].pk]
        problem = next(iter(problems(facts[at], choices[at])), None)
        if problem is not None:
            found[row.pk] = reason_text(problem[0], **problem[1])[:500]
        elif facts[at].cost is None:
            found[row.pk] = reason_text("cost_missing")
        elif off:
            found[row.pk] = (
                _("Its limits do not allow this price any more: %(limits)s.")
                % {"limits": binding_limits(limits, at, choices[at])}
            )[:500]
    return found


def write_price(adapter: ShopAdapter, product: Product, price: Any) -> str:
    """Write a price; returns what went wrong, "" when nothing did."""
    try:
        with transaction.atomic():
            adapter.apply_price(product.external_id, price)
    except NotSupported as error:
        return str(error)[:500]
    except Exception as error:  # whatever a shop raises: the others must go on
        logger.exception("EcomAI: the price of product %s could not be written.", product.external_id)
        return f"{type(error).__name__}: {error}"[:500]
    return ""


def change_of(row: PriceProposal, *, user: Any, now: datetime) -> PriceChange:
    """The record of an applied proposal, unsaved."""
    return PriceChange(
        channel=row.channel,
        product=row.product,
        proposal=row,
        kind=PriceChange.Kind.APPLY,
        at=now,
        user=user if getattr(user, "pk", None) is not None else None,
        old_price=row.old_price or Decimal(0),
        new_price=row.new_price or Decimal(0),
        currency=row.currency,
        batch=row.batch,
        is_canary=row.is_canary,
    )


def shop_prices(adapter: ShopAdapter, *, channel: str, products: Sequence[Product]) -> dict[str, Decimal | None]:
    """What the shop itself says now, by the product's id: bulk edits send no signal. Empty where the adapter cannot
    read single rows; the copy counts then."""
    rows_of = getattr(adapter, "rows_of", None)
    if rows_of is None:
        return {}
    wanted = {one.external_id for one in products}
    try:
        with transaction.atomic():
            rows = list(rows_of("product", pks=sorted(wanted)))
    except (ValueError, TypeError):  # ids that are no keys of the table
        return {}
    found: dict[str, Decimal | None] = {}
    for row in rows:
        if isinstance(row, ProductRow) and str(row.id) in wanted and row.price is not None:
            found[str(row.id)] = Decimal(str(row.price))
    return found


def mirror_follow(adapter: ShopAdapter, *, channel: str, prices: dict[str, Any], now: datetime) -> None:
    """The copy, with its price history, has the new prices at once, whether the shop's signals tell it or not."""
    if not prices:
        return
    known = product_rows(channel=channel, external_ids=prices)
    rows = [replace(row, price=prices[ident], updated_at=now) for ident, row in sorted(known.items())]
    batch_apply(table="product", rows=rows, channel=channel, adapter=adapter)


def change_undo(
    *, change: PriceChange, user: Any = None, kind: str = PriceChange.Kind.UNDO, now: datetime | None = None
) -> PriceChange:
    """Restore the price before, and those of its price family; returns the new record.

    Raises ``PricingError``, and changes nothing, when it was undone before, when the shop has another price by now, or
    when the shop refuses.
    """
    at = now or timezone.now()
    channel = change.channel
    adapter = get_adapter(channel)
    with transaction.atomic():
        held = _held(change)
        products = [one.product for one in held]
        prices = shop_prices(adapter, channel=channel, products=products)
        for one in held:
            price = prices.get(one.product.external_id, one.product.price)
            if price != one.new_price:
                raise PricingError(
                    _("“%(product)s” costs %(price)s by now, not %(new)s: nothing was changed.")
                    % {"product": one.product, "price": _plain(price), "new": _plain(one.new_price)}
                )
        for one in held:
            if problem := write_price(adapter, one.product, one.old_price):
                raise PricingError(_("The shop did not take the price: %(problem)s") % {"problem": problem})
        undone = [_undo_of(one, user=user, kind=kind, now=at) for one in held]
        PriceChange.objects.bulk_create(undone)
        PriceChange.objects.filter(pk__in=[one.pk for one in held]).update(undone_at=at)
        proposals = PriceProposal.objects.filter(pk__in=[one.proposal_id for one in held if one.proposal_id])
        proposals.update(state=State.UNDONE)
        mirror_follow(adapter, channel=channel, prices={one.product.external_id: one.old_price for one in held}, now=at)
        change_log(objects=held, user=user, lines=[str(PriceChange.Kind(kind).label)])
    return next(one for one in undone if one.product_id == change.product_id)


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


def _plain(value: Any) -> str:
    return "–" if value is None else f"{value.normalize():f}"
