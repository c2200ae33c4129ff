"""A price that a person wants instead of the proposed one: worked out like a proposal, and decided like one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.forecast.days import local_date
from django_ecomai.pricing.cross_effects import neighbours
from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.held import NONE, OWN_PRICE, Why, limits_text, why
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.row_numbers import demand_of, risk_of
from django_ecomai.pricing.rulebook import Choice

from .allowed import facts_and_choices, price_refused
from .decide import PricingError, with_families

State = PriceProposal.State
GOALS = ("profit", "revenue", "sell_through")
#: Columns that another price changes.
NUMBERS = (
    "new_price", "units_old", "units_new", "revenue_old", "revenue_new", "profit_old", "profit_new", "gain", "gain_low",
    "gain_high", "gain_chance", "cross", "risk",
)  # fmt: skip
WRITTEN = (
    *NUMBERS, "state", "held_code", "held_named", "held_reason", "trail", "binding", "rule", "goal", "propensity",
    "seconded_by", "from_test",
)  # fmt: skip


@dataclass(frozen=True)
class OwnPrice:
    """What a price would bring: ``row`` as it would stand with it and its numbers, not stored; ``refused``: why it may
    not be had; ``unknown``: why the row has no numbers. Where the shop has changed the price since, they are those of
    the asked one alone: the ones that they would stand beside are of a price that is gone."""

    row: PriceProposal
    refused: Why = NONE
    unknown: Why = NONE

    @property
    def told(self) -> str:
        """Why it may not be had, in the reader's language; "" where it may."""
        if self.refused.code != "limits_forbid":
            return str(self.refused)
        limits = limits_text(self.refused.named.get("limits") or [], self.row.currency)
        return _("Its limits do not allow this price: %(limits)s.") % {"limits": limits}


def price_asked(text: Any) -> Decimal:
    """A price as somebody types it, with a comma or a point before its pence. Raises ``PricingError`` for what is none,
    and for more digits than a price can have."""
    told = str(text or "").strip().replace(",", ".")
    try:
        price = Decimal(told)
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or not 0 < price < Decimal(10) ** 10 or price != price.quantize(Decimal("0.0001")):
        raise PricingError(_("Give a price above 0, such as 12.50, without a thousands separator."))
    return price


def own_price_preview(*, proposal: PriceProposal, price: Decimal, now: datetime | None = None) -> OwnPrice:
    """What ``price`` would bring in place of the proposed one, and whether the limits of now allow it. Nothing is
    stored. Where nothing is known of the demand, or not at this price, only the limits are told."""
    return _previews([proposal], price, now or timezone.now())[0]


def own_price_set(*, proposal: PriceProposal, price: Decimal, user: Any = None) -> list[PriceProposal]:
    """Make ``price`` the proposal of a product, and of the others of its price family: open, with its numbers, and to
    be decided as any other; returns the rows. A first approval of another price does not count for it.

    Raises ``PricingError``, and changes none, where it is decided already, and where the limits of a product do not
    allow the price.
    """
    with transaction.atomic():
        rows = with_families([proposal], states=PriceProposal.UNDECIDED)
        if not rows:
            raise PricingError(_("There is no such proposal: a later run may have renewed it."))
        for row in rows:
            if row.state not in PriceProposal.UNDECIDED:
                named = {"product": row.product, "state": row.get_state_display()}
                raise PricingError(_("“%(product)s” is decided already, it is %(state)s: reload the page.") % named)
        # ``with_families`` leaves out the curves, which are what this is worked out from
        full = {row.pk: row for row in PriceProposal.objects.filter(pk__in=[row.pk for row in rows])}
        for row in rows:
            row.curve, row.trail = full[row.pk].curve, full[row.pk].trail
        before = [row.new_price for row in rows]
        found = _previews(rows, price, timezone.now())  # the rows as they would stand, unsaved
        for one in found:
            if one.refused:
                raise PricingError(f"{one.row.product}: {one.told}")
        for row in rows:
            row.state, row.seconded_by = State.OPEN, None
            row.from_test = bool(ecomai.PRICING_FOUR_EYES)  # a first approval of it outlives the next run
        PriceProposal.objects.bulk_update(rows, WRITTEN, batch_size=900)
        lines = [
            log_line("own_price", old="–" if old is None else f"{old.normalize():f}", new=f"{price.normalize():f}")
            for old in before
        ]
        change_log(objects=rows, user=user, lines=lines)
    return rows


def _previews(rows: list[PriceProposal], price: Decimal, now: datetime) -> list[OwnPrice]:
    facts, choices = facts_and_choices(channel=rows[0].channel, product_ids=[row.product_id for row in rows], now=now)
    known: dict[int, tuple[Facts | None, Choice | None]] = {
        one.pk: (one, choice) for one, choice in zip(facts, choices, strict=True)
    }
    return [_preview(row, *known.get(row.product_id, (None, None)), price=price, now=now) for row in rows]


def _preview(
    row: PriceProposal, facts: Facts | None, choice: Choice | None, *, price: Decimal, now: datetime
) -> OwnPrice:
    _take(row, price)
    gone = _gone(row, facts)
    if facts is None or choice is None or gone.code == "currency_changed":
        return OwnPrice(row, gone, gone)
    unknown = _unknown(row, price)
    if not unknown:
        _work_out(row, facts, price, now, alone=bool(gone))
    row.risk = risk_of(row)
    return OwnPrice(row, gone or price_refused(facts, choice, price), unknown)


def _take(row: PriceProposal, price: Decimal) -> None:
    """Put the price on the row, and nothing that is said of the proposed one."""
    old = row.new_price
    row.trail = [*(row.trail or []), [OWN_PRICE, None if old is None else float(old), float(price)]]
    row.new_price, row.binding, row.rule, row.propensity = price, "", None, None
    row.held_code, row.held_named, row.held_reason = "", {}, ""
    row.goal = row.goal if row.goal in GOALS else "profit"
    for name in NUMBERS[1:-2]:
        setattr(row, name, None)
    row.cross, row.risk = {}, PriceProposal.Risk.HIGH


def _gone(row: PriceProposal, facts: Facts | None) -> Why:
    """Why what the row was worked out for is not so any more; false where it is."""
    if facts is None:
        return why("off_sale")
    if facts.currency != row.currency:
        return why("currency_changed", currency=facts.currency)
    return why("price_changed", price=facts.price) if facts.price != row.old_price else NONE


def _unknown(row: PriceProposal, price: Decimal) -> Why:
    """Why nobody knows what a price brings: there is no curve, or it ends before; false where it is known."""
    made = row.curve or {}
    if "path" not in made or not row.old_price:
        return why("no_demand")
    # ends of prices are kept to the last digit, prices to four
    low, high = (Decimal(str(round(made[name], 4))) for name in ("low", "high"))
    return NONE if low <= price <= high else why("beyond_curve", low=low, high=high, currency=row.currency)


def _work_out(row: PriceProposal, facts: Facts, price: Decimal, now: datetime, *, alone: bool) -> None:
    """Put the numbers of a price on the row, from what its curve is made of. ``alone``: not those of today's price, nor
    the difference."""
    import numpy as np

    from django_ecomai.ml.pricing.curves import curves
    from django_ecomai.ml.pricing.guardrails import Limits
    from django_ecomai.ml.pricing.optimise import outcome

    today, asked, net = float(row.old_price or 0), float(price), 1 / (1 + row.tax)
    demand = demand_of(row)
    pair = curves(demand, np.array([today]), np.array([[today, asked]]))
    row.units_old, row.units_new = (round(float(one), 4) for one in pair.units[0])
    row.revenue_old, row.revenue_new = (round(float(one), 4) for one in pair.revenue[0])
    if row.cost is not None:
        row.profit_old, row.profit_new = (round(float(one) * net, 4) for one in pair.profit[0])
    if alone:
        row.units_old = row.revenue_old = row.profit_old = None
        return
    near = neighbours(channel=row.channel, facts=[facts], horizon=np.array([row.horizon_days]), start=local_date(now))
    demand = replace(demand, aside=near.aside([facts]))
    numbers = outcome(demand, Limits.build(price=np.array([today])), goal=row.goal, price=np.array([asked]))
    gain, _sd, chance, low, high = (float(one) for one in numbers[4:, 0])
    if row.goal == "profit":
        gain, low, high = gain * net, low * net, high * net
    row.gain, row.gain_chance = round(gain, 4), round(chance, 4)
    row.gain_low, row.gain_high = round(low, 4), round(high, 4)
    row.cross = near.told(facts, asked)
