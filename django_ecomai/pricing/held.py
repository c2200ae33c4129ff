"""Why a price is held back, in words: what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

REASONS: Mapping[str, Any] = {
    "price_missing": gettext_lazy("It has no price above 0: give it one in the shop."),
    "cost_missing": gettext_lazy("Its cost is not known: map `cost` in your adapter, or add a supplier's offer."),
    "cost_currency": gettext_lazy("Its cost is in another currency than its price: nothing can be compared."),
    "mixed_currency": gettext_lazy("It was sold in other currencies than its price is in: nothing can be learned."),
    "limits_contradict": gettext_lazy(
        "Its limits contradict each other: %(limits)s. Loosen one of them: in its rule, or on the page “Price limits”."
    ),
    "family_contradicts": gettext_lazy("No price fits all products of its family: another one is held back."),
    "two_families": gettext_lazy("It is in two price families, %(names)s: take it out of one."),
    "rules_contradict": gettext_lazy(
        "The rules “%(first)s” and “%(second)s” are equally specific and want different things: give one a lower order."
    ),
    "rule_cycle": gettext_lazy("The rule “%(rule)s” leads back to the product itself: break the circle."),
    "no_target": gettext_lazy("The rule “%(rule)s” says no price for it."),
    "no_market": gettext_lazy("There is no fresh offer of a competitor that the rule “%(rule)s” could follow."),
    "no_followed": gettext_lazy("The product that the rule “%(rule)s” follows has no price in the same currency."),
    "no_stock": gettext_lazy("Its stock is not counted: the rule “%(rule)s” cannot sell it through."),
    "no_price_point": gettext_lazy("No multiple of the smallest step lies between its limits: %(limits)s."),
    "no_elasticity": gettext_lazy("How demand answers to its price is not known: %(why)s."),
    "map_unreadable": gettext_lazy("Its least advertised price, %(value)s, is no number."),
    "tax_unreadable": gettext_lazy("Its tax rate, %(value)s, is no number of per cent from 0 to 100."),
    "changed_today": gettext_lazy("Its price changed within the last day, and changes per day are limited."),
    "in_test": gettext_lazy("It is in a price test."),
}

LIMITS: Mapping[str, Any] = {
    "cost": gettext_lazy("its cost"),
    "cost_taxed": gettext_lazy("its cost with tax"),
    "min_margin": gettext_lazy("the least margin"),
    "map": gettext_lazy("the least advertised price"),
    "corridor_low": gettext_lazy("the lowest share of the list price"),
    "corridor_high": gettext_lazy("the highest share of the list price"),
    "max_fall_day": gettext_lazy("the largest change per day"),
    "max_rise_day": gettext_lazy("the largest change per day"),
    "max_fall_week": gettext_lazy("the largest change per week"),
    "max_rise_week": gettext_lazy("the largest change per week"),
}

#: Limits that a price may not exceed; under the others it may not fall.
CEILINGS = ("corridor_high", "max_rise_day", "max_rise_week")

STAGES: Mapping[str, Any] = {
    **LIMITS,
    "family": gettext_lazy("one price for its family"),
    "rounding": gettext_lazy("the smallest step"),
    "ending": gettext_lazy("a preferred ending"),
    "limit": gettext_lazy("its limits"),
}


def reason_text(code: str, **named: Any) -> str:
    """The sentence of a code, in the language of who reads it; what is not named is left blank.

    ``limits`` are those of ``limits_named``, ``why`` is a code of ``Reason``: they are put into words too.
    """
    if code not in REASONS:
        return code
    fill = {"rule": "–", "first": "–", "second": "–", "names": "–", "limits": "–", "why": "–", "value": "–", **named}
    if not isinstance(fill["limits"], str):
        fill["limits"] = limits_text(fill["limits"])
    return str(REASONS[code]) % {**fill, "why": _unlearned(fill["why"])}


def limits_text(limits: Sequence[Sequence[Any]]) -> str:
    """Limits with their amounts and the rules that set them: each a name, an amount and a rule's name or None."""
    return "; ".join(limit_text(*one) for one in limits)


def _unlearned(code: str) -> str:
    from .models.elasticities import Reason

    return str(Reason(code).label) if code in Reason.values else code


def limit_text(code: str, value: Any, rule: Any = None) -> str:
    """``at least 10.50 (the least margin, rule “All”)``: a limit with its amount and the rule that set it."""
    named = {"limit": str(LIMITS.get(code, code)), "value": value, "rule": rule}
    if code in CEILINGS:
        text = (
            _("at most %(value)s (%(limit)s)") if rule is None else _("at most %(value)s (%(limit)s, rule “%(rule)s”)")
        )
    else:
        text = (
            _("at least %(value)s (%(limit)s)")
            if rule is None
            else _("at least %(value)s (%(limit)s, rule “%(rule)s”)")
        )
    return text % named
