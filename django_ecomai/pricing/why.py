"""The reason of a proposed price as one line of arithmetic, in the language of who reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import get_language, gettext_lazy

from django_ecomai.core.charts import NumberWriter

from .held import LIMITS, exact_amount
from .row_numbers import rests_on_forecast
from .words import chance, demand_words, words_number

if TYPE_CHECKING:
    from .models import PriceProposal

TEXTS: Mapping[str, Any] = {
    "limit": gettext_lazy("it stands at %(limit)s"),
    "rule": gettext_lazy("the rule “%(rule)s” asks for it; what it does to demand is not known"),
    "drawn": gettext_lazy("drawn with a probability of %(chance)s %%, to learn"),
    "one_offer": gettext_lazy("one offer of a competitor, %(lowest)s"),
    "simulated": gettext_lazy("%(name)s (simulated)"),
    "offers": gettext_lazy("%(number)s offers of competitors from %(lowest)s, half of them below %(median)s"),
    "change": gettext_lazy("%(old)s → %(new)s %(currency)s (%(change)s %%)"),
    "revenue": gettext_lazy(
        "in %(days)s days %(old_units)s pieces × the price = %(old_sum)s become %(new_units)s pieces = %(new_sum)s"
    ),
    "profit": gettext_lazy(
        "in %(days)s days %(old_units)s pieces × %(old_left)s = %(old_sum)s become "
        "%(new_units)s pieces × %(new_left)s = %(new_sum)s"
    ),
    "pieces_more": gettext_lazy("%(gain)s pieces more"),
    "more": gettext_lazy("%(gain)s more"),
    "sold_out": gettext_lazy("the stock sells out either way, if the forecast holds"),
    "pieces_between": gettext_lazy("%(gain)s pieces more (%(low)s to %(high)s)"),
    "gain": gettext_lazy("%(gain)s more (%(low)s to %(high)s), probable to %(chance)s"),
    "evidence": gettext_lazy("1 %% more for the price moves demand by %(mean)s %% (%(low)s to %(high)s)"),
}


def why_line(row: PriceProposal, teller: Teller | None = None) -> str:
    """Old price, new price and what the difference earns, worked out in front of the reader. ``teller``: kept from row
    to row by whoever tells thousands."""
    if held := row.held_words:
        return held
    if row.old_price is None or row.new_price is None:
        return ""
    tell = teller or Teller()
    parts = [_change(row, tell)]
    if row.units_old is not None and row.units_new is not None:
        parts.append(_sums(row, tell))
    if row.gain is not None and row.gain_chance is not None:
        parts.append(_gain(row, tell))
    if demanded := demand_words(row):
        parts.append(demanded[0].lower() + demanded[1:])
    elif row.binding in LIMITS:
        parts.append(tell.text("limit") % {"limit": tell.limit(row.binding)})
    if row.elasticity is not None:
        parts.append(_evidence(row, tell))
    elif row.rule is not None:
        parts.append(tell.text("rule") % {"rule": row.rule})
    if row.propensity is not None:
        parts.append(tell.text("drawn") % {"chance": tell.number(round(100 * row.propensity))})
    if row.market:
        named = {
            "number": row.market.get("offers"),
            "lowest": tell.amount(row.market.get("lowest")),
            "median": tell.amount(row.market.get("median")),
        }
        told = tell.text("one_offer" if row.market.get("offers") == 1 else "offers") % named
        parts.append(tell.text("simulated") % {"name": told} if row.market.get("simulated") else told)
    line = "; ".join(parts)
    return line[0].upper() + line[1:]


class Teller:
    """What a language writes in these lines: its sentences are looked up once, and so is how it writes numbers."""

    def __init__(self) -> None:
        self.writer = NumberWriter()
        self.number = self.writer.value
        self._texts: dict[str, str] = {}
        self._limits: dict[str, str] = {}

    @property
    def is_of_now(self) -> bool:
        """Whether its language is still the active one."""
        return self.writer.language == get_language()

    def text(self, name: str) -> str:
        """One of ``TEXTS``."""
        if name not in self._texts:
            self._texts[name] = str(TEXTS[name])
        return self._texts[name]

    def limit(self, name: str) -> str:
        """One of ``LIMITS``."""
        if name not in self._limits:
            self._limits[name] = str(LIMITS[name])
        return self._limits[name]

    def amount(self, value: Any) -> str:
        """``1,234``, ``12.5`` or ``−0.8``."""
        return words_number(value, self.number)


def _change(row: PriceProposal, tell: Teller) -> str:
    change = round(100 * (row.change or 0.0), 1)
    shown = tell.writer.places(abs(change), 0 if change.is_integer() else 1)
    return tell.text("change") % {
        "old": _price(row.old_price, row.currency, tell),
        "new": _price(row.new_price, row.currency, tell),
        "currency": row.currency,
        "change": f"{'+' if change > 0 else '−' if change < 0 else ''}{shown}",
    }


def _sums(row: PriceProposal, tell: Teller) -> str:
    named = {
        "old_units": tell.number(round(row.units_old or 0.0, 1)),
        "new_units": tell.number(round(row.units_new or 0.0, 1)),
        "days": row.horizon_days,
    }
    if row.profit_old is None or row.profit_new is None or row.goal == "revenue":
        named |= {"old_sum": tell.amount(row.revenue_old), "new_sum": tell.amount(row.revenue_new)}
        return tell.text("revenue") % named
    # Worked out with what a piece leaves, so that the reader can check it.
    named |= {
        "old_left": tell.amount(row.profit_old / row.units_old) if row.units_old else "0",
        "new_left": tell.amount(row.profit_new / row.units_new) if row.units_new else "0",
        "old_sum": tell.amount(row.profit_old),
        "new_sum": tell.amount(row.profit_new),
    }
    return tell.text("profit") % named


def _gain(row: PriceProposal, tell: Teller) -> str:
    pieces = row.goal == "sell_through"
    if rests_on_forecast(row):
        more = tell.text("pieces_more" if pieces else "more") % {"gain": tell.amount(row.gain)}
        return f"{more}, {tell.text('sold_out')}"
    return tell.text("pieces_between" if pieces else "gain") % {
        "gain": tell.amount(row.gain),
        "low": tell.amount(row.gain_low),
        "high": tell.amount(row.gain_high),
        "chance": chance(row.gain_chance, tell.number),
    }


def _evidence(row: PriceProposal, tell: Teller) -> str:
    return tell.text("evidence") % {
        "mean": tell.amount(row.elasticity),
        "low": tell.amount(row.elasticity_low),
        "high": tell.amount(row.elasticity_high),
    }


def _price(price: Any, currency: str, tell: Teller) -> str:
    """``10``, ``10.50`` or ``1.2345``: as it is charged."""
    return tell.number(price) if float(price).is_integer() else exact_amount(price, currency, named=False)
