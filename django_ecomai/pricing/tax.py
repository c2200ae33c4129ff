"""The tax that prices hold: shoppers pay it, and it is neither the shop's nor part of a cost.

Limits and targets are worked out in what shoppers pay, so a cost counts with the tax on it there; money that is left
over counts without.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django_ecomai.conf import ecomai

NONE = Decimal(0)


def tax_of(attributes: Mapping[str, Any]) -> Decimal | None:
    """Tax on the net price as a share of it (0.19), by the product's own attribute (in per cent: 19) or the settings.

    0 where neither says anything; None where the attribute is no number from 0 to 100.
    """
    value = attributes.get(ecomai.PRICING_TAX_ATTRIBUTE) if ecomai.PRICING_TAX_ATTRIBUTE else None
    if value in (None, ""):
        rate = ecomai.PRICING_TAX_RATE
        return NONE if rate is None else Decimal(str(rate))
    try:
        number = Decimal(str(value).strip().removesuffix("%").strip())
    except InvalidOperation:
        return None
    return number / 100 if number.is_finite() and 0 <= number <= 100 else None


def rate_problem(value: Any) -> str:
    """What is wrong with ``PRICING_TAX_RATE``, "" when nothing is."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < 1:
        return f"{value!r} is no share from 0 to below 1."
    return ""
