"""System checks of the settings about competitors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from django_ecomai.conf import ecomai


@register("ecomai")
def check_market(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Days, probabilities, per cents and addresses."""
    found: list[CheckMessage] = []
    days = ecomai.PRICING_COMPETITOR_MAX_AGE_DAYS
    if not _number(days) or days < 1:
        found.append(
            Error(
                f"ECOMAI['PRICING_COMPETITOR_MAX_AGE_DAYS'] is {days!r}.",
                hint="Use a number of days of 1 or more, such as 14.",
                id="ecomai.E085",
            )
        )
    review, accept = ecomai.PRICING_MATCH_REVIEW, ecomai.PRICING_MATCH_ACCEPT
    if not (_number(review) and _number(accept) and 0 <= review <= accept <= 1):
        found.append(
            Error(
                f"ECOMAI['PRICING_MATCH_REVIEW'] is {review!r} and ECOMAI['PRICING_MATCH_ACCEPT'] {accept!r}.",
                hint="Use probabilities from 0 to 1, the first not above the second, such as 0.3 and 0.95.",
                id="ecomai.E086",
            )
        )
    percent, receivers = ecomai.PRICING_UNDERCUT_PERCENT, ecomai.PRICING_MARKET_ALERTS
    if not _number(percent) or not 0 <= percent < 100:
        found.append(
            Error(
                f"ECOMAI['PRICING_UNDERCUT_PERCENT'] is {percent!r}.",
                hint="Use a number from 0 to below 100, such as 5.",
                id="ecomai.E087",
            )
        )
    if not isinstance(receivers, list | tuple) or not all(_is_address(one) for one in receivers):
        found.append(
            Error(
                f"ECOMAI['PRICING_MARKET_ALERTS'] is {receivers!r}.",
                hint="Use a list of e-mail addresses, such as ['buyer@example.com'].",
                id="ecomai.E088",
            )
        )
    return found


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_address(value: Any) -> bool:
    try:
        validate_email(value)
    except ValidationError:
        return False
    return True
