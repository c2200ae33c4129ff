"""System checks of this app's settings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register

from django_ecomai.adapters.base import AdapterError, get_adapter
from django_ecomai.conf import ecomai

from .shop_limits import DEFAULT_LIMITS
from .tax import rate_problem
from .tiers import tier_problem


@register("ecomai")
def check_pricing(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Limits, steps and numbers of days."""
    found: list[CheckMessage] = []
    if problem := limits_problem(ecomai.PRICING_LIMITS):
        found.append(
            Error(
                f"ECOMAI['PRICING_LIMITS'] cannot be used: {problem}",
                hint="Use shares such as {'min_margin': 0.1, 'max_change_day': 0.05}; None switches a limit off.",
                id="ecomai.E110",
            )
        )
    locked = ecomai.PRICING_LIMITS_LOCKED
    if not isinstance(locked, bool) and not (
        isinstance(locked, list | tuple | set | frozenset) and all(one in DEFAULT_LIMITS for one in locked)
    ):
        found.append(
            Error(
                f"ECOMAI['PRICING_LIMITS_LOCKED'] is {locked!r}.",
                hint=f"Use True for all, or a list of {', '.join(DEFAULT_LIMITS)}.",
                id="ecomai.E120",
            )
        )
    if problem := steps_problem(ecomai.PRICING_STEPS):
        found.append(
            Error(
                f"ECOMAI['PRICING_STEPS'] cannot be used: {problem}",
                hint="Use currencies and steps above 0 as text, such as {'CHF': '0.05'}.",
                id="ecomai.E111",
            )
        )
    for name, least, most in (
        ("PRICING_HORIZON_DAYS", 1, 182),
        ("PRICING_HISTORY_WEEKS", 8, 520),
        ("PRICING_CANARY_DAYS", 1, 90),
        ("PRICING_LEARN_DAYS", 0, 365),
        ("PRICE_HOLD_MINUTES", 0, 60 * 24 * 30),
        ("PRICING_COMPETITOR_MAX_AGE_DAYS", 1, 3650),
    ):
        value = getattr(ecomai, name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            found.append(
                Error(
                    f"ECOMAI['{name}'] is {value!r}.",
                    hint=f"Use a whole number from {least} to {most}.",
                    id="ecomai.E112",
                )
            )
    found += [
        Error(f"ECOMAI['{name}'] is {value!r}.", hint="Use True or False, not text.", id="ecomai.E131")
        for name in ("PRICING_FOUR_EYES", "PRICING_ROLLBACK", "PRICING_STEERS")
        if not isinstance(value := getattr(ecomai, name), bool)
    ]
    caution = ecomai.PRICING_CAUTION
    if isinstance(caution, bool) or not isinstance(caution, int | float) or not 0 <= caution <= 5:
        found.append(
            Error(
                f"ECOMAI['PRICING_CAUTION'] is {caution!r}.",
                hint="Use a number of standard deviations from 0 to 5.",
                id="ecomai.E113",
            )
        )
    if ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS not in (True, False, None):
        found.append(
            Error(
                f"ECOMAI['PRICING_PRICES_INCLUDE_PROMOTIONS'] is {ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS!r}.",
                hint="Use True where the shop lowers the price itself, False where the cart takes it off, or None.",
                id="ecomai.E130",
            )
        )
    tier = tier_problem()
    if tier == "unchecked":
        found.append(
            Error(
                f"ECOMAI['PRICING_TIER_ATTRIBUTE'] is {ecomai.PRICING_TIER_ATTRIBUTE!r}, whose words are not of the "
                "trade: tiers are not compared.",
                hint="If it tells nothing of a person, set ECOMAI['PRICING_TIER_CHECKED'] to the same name; better "
                "name what the shop calls its tiers, such as 'group'.",
                id="ecomai.E116",
            )
        )
    if tier == "person":
        found.append(
            Error(
                f"ECOMAI['PRICING_TIER_ATTRIBUTE'] is {ecomai.PRICING_TIER_ATTRIBUTE!r}, an attribute of a person.",
                hint="Name what the shop itself calls its tiers, such as 'group' with retail and wholesale.",
                id="ecomai.E117",
            )
        )
    if problem := rate_problem(ecomai.PRICING_TAX_RATE):
        found.append(
            Error(
                f"ECOMAI['PRICING_TAX_RATE'] cannot be used: {problem}",
                hint="Use the tax as a share of the net price, such as 0.19 for 19 %; None for net prices.",
                id="ecomai.E118",
            )
        )
    if ecomai.PRICING_TAX_RATE is None and uses_oscar():
        found.append(
            Warning(
                "Oscar tells prices with tax, and ECOMAI['PRICING_TAX_RATE'] is not set: costs without tax are held "
                "against prices with it, so margins look better than they are.",
                hint="Set it to your usual rate, such as 0.19 for 19 % VAT, or to 0 where prices hold no tax.",
                id="ecomai.W119",
            )
        )
    if not found and (ecomai.PRICING_LIMITS or {}).get("max_change_day", 0) is None:
        found.append(
            Warning(
                "ECOMAI['PRICING_LIMITS'] lets prices change by any amount in a day.",
                hint="Set 'max_change_day', such as 0.1, unless a rule for all products does.",
                id="ecomai.W114",
            )
        )
    return found


def uses_oscar() -> bool:
    """Whether an adapter of the settings is Oscar's or made from it; Oscar itself is not imported for that."""
    target = ecomai.ADAPTER
    for channel in target if isinstance(target, dict) else ("",):
        try:
            kinds = type(get_adapter(str(channel))).__mro__
        except (AdapterError, ImportError):  # which a check of its own tells
            continue
        if any(one.__module__.startswith("django_ecomai.adapters.oscar") for one in kinds):
            return True
    return False


def limits_problem(value: Any) -> str:
    """What is wrong with ``PRICING_LIMITS``, "" when nothing is."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return f"{value!r} is no dict."
    for name, share in value.items():
        if name not in DEFAULT_LIMITS:
            return f"there is no limit {name!r}."
        if share is None:
            continue
        if isinstance(share, bool) or not isinstance(share, int | float) or not share >= 0:
            return f"{name} is {share!r}."
    if (value.get("min_margin") or 0) >= 1:
        return "min_margin must be below 1."
    low, high = value.get("corridor_low", 0.5), value.get("corridor_high", 1.5)
    if low is not None and high is not None and low > high:
        return "corridor_low is above corridor_high."
    day, week = value.get("max_change_day", 0.1), value.get("max_change_week", 0.2)
    if day is not None and week is not None and week < day:
        return "max_change_week is below max_change_day."
    return ""


def steps_problem(value: Any) -> str:
    """What is wrong with ``PRICING_STEPS``, "" when nothing is."""
    if value is None:
        return ""
    if not isinstance(value, dict):
        return f"{value!r} is no dict."
    for currency, step in value.items():
        try:
            number = Decimal(str(step))
        except InvalidOperation:
            number = Decimal(0)
        if not number.is_finite() or number <= 0:
            return f"the step of {currency} is {step!r}."
    return ""
