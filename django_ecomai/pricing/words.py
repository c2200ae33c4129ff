"""Numbers of a proposal in words that a merchant reads."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import NONE, amount_format

from .held import CEILINGS, LIMITS, OWN_PRICE, exact_amount
from .models.rules import POSITION_WORDS
from .row_numbers import rests_on_forecast, wanted_of

if TYPE_CHECKING:
    from .models import PriceProposal

#: Writes a number in the reader's language.
Write = Callable[[float | int | None], str]
STRENGTHS: dict[str, Any] = {
    "strong": gettext_lazy("known well"),
    "fair": gettext_lazy("known roughly"),
    "weak": gettext_lazy("known poorly"),
    "none": gettext_lazy("not known"),
}
RISKS: dict[str, Any] = {
    "low": gettext_lazy("low risk"),
    "medium": gettext_lazy("medium risk"),
    "high": gettext_lazy("high risk"),
}
#: Limits that let the price go on, after so many days.
SOON = {"max_fall_day": 1, "max_rise_day": 1, "max_fall_week": 7, "max_rise_week": 7}
#: A step of the trail: what moved the price from one amount to the other.
STEPS: dict[str, Any] = {
    "target": gettext_lazy("The goal alone asks for %(after)s."),
    "family": gettext_lazy("All products of its price family have one price: %(before)s becomes %(after)s."),
    "limit": gettext_lazy("Its limits move %(before)s to %(after)s."),
    "rounding": gettext_lazy("To the smallest step of prices: %(before)s becomes %(after)s."),
    "ending": gettext_lazy("To a preferred ending: %(before)s becomes %(after)s."),
    OWN_PRICE: gettext_lazy("Own price: somebody wants %(after)s instead of %(before)s."),
}


def money(value: Any, currency: str) -> str:
    """``12.50 GBP``; from a hundred on without pence, for columns to skim."""
    if value is None:
        return NONE
    size = abs(value)
    shown = f"{format_value(round(float(size)))} {currency}".strip() if size >= 100 else amount_format(size, currency)
    return f"{'−' if value < 0 else ''}{shown}"


def signed_money(value: Any, currency: str) -> str:
    """``+12.50 GBP``."""
    if value is None:
        return NONE
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{money(abs(value), currency)}"


def signed_percent(share: float | None) -> str:
    """``+5.3 %`` of a share."""
    if share is None:
        return NONE
    sign = "+" if share > 0 else "−" if share < 0 else "±"
    return f"{sign}{number_format(round(abs(100 * share), 1), decimal_pos=1)} %"


def percent(share: float | None, write: Write = format_value) -> str:
    """``87 %`` of a share."""
    return NONE if share is None else f"{write(round(100 * share))} %"


def chance(share: float | None, write: Write = format_value) -> str:
    """``87 %`` of a probability; ``over 99 %`` and ``under 1 %`` at the ends, as nothing is certain."""
    if share is None:
        return NONE
    if share > 0.99:
        return _("over 99 %")
    return _("under 1 %") if share < 0.01 else percent(share, write)


def elasticity_words(row: PriceProposal) -> str:
    """``−2.1, known well``; what it means is told beside the list."""
    if row.elasticity is None:
        return str(STRENGTHS["none"])
    value = number_format(round(abs(row.elasticity), 1), decimal_pos=1)
    return _("%(value)s, %(strength)s") % {
        "value": f"{'−' if row.elasticity < 0 else '+'}{value}",
        "strength": STRENGTHS.get(row.strength, row.strength),
    }


def effect_words(row: PriceProposal) -> str:
    """What a price one per cent higher does to demand, with its interval and where it was learned."""
    if row.elasticity is None:
        return ""
    text = _(
        "If the price rises by 1 %%, demand changes by %(value)s %% (%(low)s to %(high)s); learned from: %(source)s."
    )
    return text % {
        "value": _plain(row.elasticity),
        "low": _plain(row.elasticity_low),
        "high": _plain(row.elasticity_high),
        "source": row.get_elasticity_source_display(),
    }


def _plain(value: float | None) -> str:
    return NONE if value is None else f"{'−' if value < 0 else ''}{number_format(round(abs(value), 2), decimal_pos=2)}"


def gain_words(row: PriceProposal) -> tuple[str, str]:
    """The expected gain and its range; where the stock sells out at either price only the forecast is left to doubt."""
    unit = _("pieces") if row.goal == "sell_through" else row.currency
    between = _("%(low)s to %(high)s") % {
        "low": signed_money(row.gain_low, ""), "high": signed_money(row.gain_high, "")
    }  # fmt: skip
    if rests_on_forecast(row):
        between = _("the stock sells out either way, if the forecast holds")
    return signed_money(row.gain, str(unit)), between


def gain_chance(row: PriceProposal) -> str:
    """The chance of a gain, where there is more to it than the forecast."""
    return _("as sure as the forecast") if rests_on_forecast(row) else chance(row.gain_chance)


def range_words(ends: Sequence[float] | None) -> str:
    """``12 to 15`` of what is expected and its two ends; empty without."""
    if not ends:
        return ""
    low, high = (words_number(one) for one in ends[1:])
    return "" if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}


def words_number(value: Any, write: Write = format_value) -> str:
    """``1,234``, ``12.5`` or ``−0.8`` in the reader's language."""
    return NONE if value is None else f"{'−' if value < 0 else ''}{write(abs(round(float(value), 2)))}"


def limit_words(row: PriceProposal) -> str:
    """``Stopped by the largest change per day``; empty where no limit holds it."""
    if row.binding not in LIMITS:
        return ""
    return _("Stopped by %(limit)s") % {"limit": LIMITS[row.binding]}


def small_words(row: PriceProposal) -> str:
    """Why a price that would gain something stays as it is; empty for all others."""
    return _("Stays: another price would gain too little") if row.too_small else ""


def demand_words(row: PriceProposal) -> str:
    """Why a price is proposed that gains nothing; empty where it does, or where nothing is known of it."""
    if row.gain is None or row.gain > 0 or row.goal == "sell_through" or row.new_price == row.old_price:
        return ""
    if row.propensity is not None:
        return _("No gain is expected: it is tried to learn")
    if row.rule is not None and row.goal not in ("profit", "revenue"):
        return _("No gain is expected: its rule asks for it")
    rises = (row.change or 0.0) > 0
    if row.binding in LIMITS and (row.binding in CEILINGS) is not rises:
        return _("No gain is expected: today’s price lies outside of its limits (%(limit)s)") % {
            "limit": LIMITS[row.binding]
        }
    return _("No gain is expected: all products of its family have one price") if row.family else ""


def is_own(row: PriceProposal) -> bool:
    """Whether a person has put a price of his own in place of the proposed one."""
    return bool(row.trail) and row.trail[-1][0] == OWN_PRICE


def goal_words(row: PriceProposal) -> str:
    """What the price is for: the rule's name, that a person wants it, else the goal."""
    if "trail" not in row.get_deferred_fields() and is_own(row):
        return _("Own price")
    if row.rule is not None:
        return _("Rule “%(rule)s”") % {"rule": row.rule}
    return str(capfirst(row.get_goal_display()))


def market_words(row: PriceProposal) -> str:
    """``cheapest of 4``; empty without offers."""
    if not row.market:
        return ""
    number = int(row.market.get("offers") or 0)
    return ngettext("%(position)s, %(number)s offer", "%(position)s, %(number)s offers", number) % {
        "position": POSITION_WORDS.get(row.market.get("position", ""), row.market.get("position", "")),
        "number": format_value(number),
    }


def tried_words(row: PriceProposal) -> str:
    """How probable the price was that a rule drew to learn; empty where the best one was taken."""
    if row.propensity is None:
        return ""
    chance = format_value(round(100 * row.propensity)) if row.propensity >= 0.01 else "<1"
    return _("Tried to learn: this price was drawn with a probability of %(chance)s %%.") % {"chance": chance}


def wanted_sentence(row: PriceProposal) -> str:
    """Which price the goal alone asks for where a limit stops it, and how many more changes lead there."""
    found = wanted_of(row)
    if found is None or row.new_price is None or not row.old_price:
        return ""
    price, at_end = found
    new, old = float(row.new_price), float(row.old_price)
    amount = amount_format(price, row.currency)
    if not at_end:
        text = _("Without limits the goal asks for about %(amount)s.") % {"amount": amount}
    elif price > old:
        text = _("Without limits the goal asks for %(amount)s or more.") % {"amount": amount}
    else:
        text = _("Without limits the goal asks for %(amount)s or less.") % {"amount": amount}
    if row.binding not in SOON or new == old:
        return text
    number = math.ceil(math.log(price / new) / math.log(new / old) - 1e-6)
    if number < 1:
        return text
    more = (
        ngettext(
            "%(number)s more change like this one leads there, at the earliest tomorrow.",
            "%(number)s more changes like this one lead there, at most one a day.",
            number,
        )
        if SOON[row.binding] == 1
        else ngettext(
            "%(number)s more change like this one leads there, at the earliest in a week.",
            "%(number)s more changes like this one lead there, at most one a week.",
            number,
        )
    )
    return f"{text} {more % {'number': format_value(number)}}"


def trail_sentences(row: PriceProposal) -> list[str]:
    """How the price came about: what the goal asks for, then a sentence per step that moved it, in their order."""
    found = [wanted] if (wanted := wanted_sentence(row)) else []
    stop = limit_words(row)
    for step in row.trail:
        stage, before, after = step if len(step) == 3 else (step[0], None, None)
        named = {
            "stage": capfirst(str(LIMITS.get(stage, stage))),
            "before": exact_amount(before, row.currency),
            "after": exact_amount(after, row.currency),
        }
        if stop and stage in ("rounding", "ending"):  # limits come before them
            found.append(f"{stop}.")
            stop = ""
        if stage != "target" and before is not None and named["before"] == named["after"]:
            continue  # by less than is written
        if stage == row.binding:
            stop = ""
        found.append((str(STEPS.get(stage, "")) or _("%(stage)s: %(before)s becomes %(after)s.")) % named)
    return [*found, f"{stop}."] if stop else found
