"""The reason of a proposed price as one line of arithmetic, in the language of who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value

from .held import LIMITS, exact_amount
from .row_numbers import rests_on_forecast
from .words import chance, demand_words, words_number

if TYPE_CHECKING:
    from .models import PriceProposal


def why_line(row: PriceProposal) -> str:
    """Old price, new price and what the difference earns, worked out in front of the reader."""
    if held := row.held_words:
        return held
    if row.old_price is None or row.new_price is None:
        return ""
    parts = [_change(row)]
    if row.units_old is not None and row.units_new is not None:
        parts.append(_sums(row))
    if row.gain is not None and row.gain_chance is not None:
        parts.append(_gain(row))
    if demanded := demand_words(row):
        parts.append(demanded[0].lower() + demanded[1:])
    elif row.binding in LIMITS:
        parts.append(_("it stands at %(limit)s") % {"limit": LIMITS[row.binding]})
    if row.elasticity is not None:
        parts.append(_evidence(row))
    elif row.rule is not None:
        parts.append(_("the rule “%(rule)s” asks for it; what it does to demand is not known") % {"rule": row.rule})
    if row.propensity is not None:
        parts.append(
            _("drawn with a probability of %(chance)s %%, to learn")
            % {"chance": format_value(round(100 * row.propensity))}
        )
    if row.market:
        named = {
            "number": row.market.get("offers"),
            "lowest": _amount(row.market.get("lowest")),
            "median": _amount(row.market.get("median")),
        }
        if row.market.get("offers") == 1:
            told = _("one offer of a competitor, %(lowest)s") % named
        else:
            told = _("%(number)s offers of competitors from %(lowest)s, half of them below %(median)s") % named
        parts.append(_("%(name)s (simulated)") % {"name": told} if row.market.get("simulated") else told)
    return str(capfirst("; ".join(parts)))


def _change(row: PriceProposal) -> str:
    change = round(100 * (row.change or 0.0), 1)
    shown = number_format(abs(change), decimal_pos=0 if change.is_integer() else 1)
    return _("%(old)s → %(new)s %(currency)s (%(change)s %%)") % {
        "old": _price(row.old_price, row.currency),
        "new": _price(row.new_price, row.currency),
        "currency": row.currency,
        "change": f"{'+' if change > 0 else '−' if change < 0 else ''}{shown}",
    }


def _sums(row: PriceProposal) -> str:
    named = {
        "old_units": format_value(round(row.units_old or 0.0, 1)),
        "new_units": format_value(round(row.units_new or 0.0, 1)),
        "old_sum": _amount(row.revenue_old),
        "new_sum": _amount(row.revenue_new),
        "days": row.horizon_days,
    }
    if row.profit_old is None or row.profit_new is None or row.goal == "revenue":
        text = _(
            "in %(days)s days %(old_units)s pieces × the price = %(old_sum)s become %(new_units)s pieces = %(new_sum)s"
        )
        return text % named
    # Worked out with what a piece leaves, so that the reader can check it.
    named |= {
        "old_left": _amount(row.profit_old / row.units_old) if row.units_old else "0",
        "new_left": _amount(row.profit_new / row.units_new) if row.units_new else "0",
        "old_sum": _amount(row.profit_old),
        "new_sum": _amount(row.profit_new),
    }
    text = _(
        "in %(days)s days %(old_units)s pieces × %(old_left)s = %(old_sum)s become "
        "%(new_units)s pieces × %(new_left)s = %(new_sum)s"
    )
    return text % named


def _gain(row: PriceProposal) -> str:
    named = {
        "gain": _amount(row.gain),
        "low": _amount(row.gain_low),
        "high": _amount(row.gain_high),
        "chance": chance(row.gain_chance),
    }
    if rests_on_forecast(row):
        text = _("%(gain)s pieces more") if row.goal == "sell_through" else _("%(gain)s more")
        return ", ".join((text % named, _("the stock sells out either way, if the forecast holds")))
    if row.goal == "sell_through":
        return _("%(gain)s pieces more (%(low)s to %(high)s)") % named
    return _("%(gain)s more (%(low)s to %(high)s), probable to %(chance)s") % named


def _evidence(row: PriceProposal) -> str:
    return _("1 %% more for the price moves demand by %(mean)s %% (%(low)s to %(high)s)") % {
        "mean": words_number(row.elasticity),
        "low": words_number(row.elasticity_low),
        "high": words_number(row.elasticity_high),
    }


def _price(price: Any, currency: str) -> str:
    """``10``, ``10.50`` or ``1.2345``: as it is charged."""
    return format_value(price) if float(price).is_integer() else exact_amount(price, currency, named=False)


def _amount(value: Any) -> str:
    return words_number(value)
