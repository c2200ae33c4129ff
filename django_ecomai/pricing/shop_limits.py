"""The limits that hold for every price of a shop, whatever rules say: the one place that knows them.

Of three sources the first that says something counts: the page *Price limits* (``PriceLimits``), the setting
``PRICING_LIMITS``, the defaults. What ``PRICING_LIMITS_LOCKED`` names is the developer's: the page is not asked. That
no price lies below cost, the least advertised price and one price per family are no settings at all.
"""

from __future__ import annotations

from django_ecomai.conf import ecomai

from .models import PriceLimits

#: In the order in which they are shown.
DEFAULT_LIMITS: dict[str, float] = {
    "max_change_day": 0.1,
    "max_change_week": 0.2,
    "corridor_low": 0.5,
    "corridor_high": 1.5,
    "min_margin": 0.0,
    "min_gain": 1.0,
    "min_gain_share": 0.0,
}
#: Those that a price is held against; the others say what is worth proposing.
OF_PRICES = ("max_change_day", "max_change_week", "corridor_low", "corridor_high", "min_margin")


def limits_row(*, channel: str) -> PriceLimits:
    """What the merchant has set last; an empty one, unsaved, where he has set nothing. One query."""
    return PriceLimits.objects.filter(channel=channel).order_by("-pk").first() or PriceLimits(channel=channel)


def shop_limits(*, channel: str) -> dict[str, float | None]:
    """The limits that hold, by the names of ``DEFAULT_LIMITS``; None: switched off. One query."""
    return in_force(limits_row(channel=channel))


def in_force(row: PriceLimits) -> dict[str, float | None]:
    """What holds with a row, saved or not."""
    found, locked = limits_set(), limits_locked()
    for name in found:
        value = getattr(row, name)
        if value is not None and name not in locked:
            found[name] = float(value)
    return found


def limits_set() -> dict[str, float | None]:
    """What holds where the merchant has set nothing."""
    return {**DEFAULT_LIMITS, **(ecomai.PRICING_LIMITS or {})}


def limits_locked() -> frozenset[str]:
    """Names of the limits that only a developer changes."""
    named = ecomai.PRICING_LIMITS_LOCKED
    return frozenset(DEFAULT_LIMITS if named is True else named or ())
