"""Volume prices and segments in words that a merchant reads."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import NONE, quantity_format

from .held import exact_amount
from .words import chance

if TYPE_CHECKING:
    from .models import VolumeOffer
    from .volume_prices import VolumePrice

ATTRIBUTES: dict[str, Any] = {
    "channel": gettext_lazy("Shops"),
    "region": gettext_lazy("Regions"),
    "customer_tier": gettext_lazy("Tiers of customers"),
    "volume": gettext_lazy("What else is in the order"),
}
VOLUMES: dict[str, Any] = {
    "alone": gettext_lazy("nothing else"),
    "small": gettext_lazy("1 to 9 other pieces"),
    "large": gettext_lazy("10 or more other pieces"),
}
REASONS: dict[str, Any] = {
    "too_few_products": gettext_lazy("fewer than five products with an elasticity of their own here"),
    "too_few_buyers": gettext_lazy("fewer than 30 buyers: nobody is looked at singly"),
}


def what_line(row: VolumeOffer) -> str:
    """``From 10 pieces on 8.00 EUR each instead of 10.00 EUR (−20 %).``"""
    named = {
        "quantity": quantity_format(row.quantity),
        "price": exact_amount(row.price, row.currency),
        "old": exact_amount(row.old_price, row.currency),
        "percent": quantity_format(Decimal(str(round(100 * row.discount, 1)))),
        "first": row.product,
        "second": row.other,
    }
    if row.other_id is None:
        return _("From %(quantity)s pieces on %(price)s each instead of %(old)s (−%(percent)s %%).") % named
    return _("“%(first)s” with “%(second)s” for %(price)s instead of %(old)s (−%(percent)s %%).") % named


def gain_line(row: VolumeOffer) -> str:
    """``125 EUR more profit in 52 weeks, in 95 of 100 cases 80 to 170; chance of a gain 97 %.``"""
    named = {
        "gain": f"{_amount(row.gain)} {row.currency}",
        "low": _amount(row.gain_low),
        "high": _amount(row.gain_high),
        "chance": chance(row.gain_chance),
        "weeks": row.weeks,
    }
    text = ngettext(
        "%(gain)s more profit expected in %(weeks)s week, in 95 of 100 cases %(low)s to %(high)s; chance of a gain: "
        "%(chance)s.",
        "%(gain)s more profit expected in %(weeks)s weeks, in 95 of 100 cases %(low)s to %(high)s; chance of a gain: "
        "%(chance)s.",
        row.weeks,
    )
    return text % named


def break_text(offer: VolumePrice) -> str:
    """``10 or more: 8.00 EUR each``, for shoppers."""
    named = {"quantity": quantity_format(offer.quantity), "price": exact_amount(offer.price, offer.currency)}
    return _("%(quantity)s or more: %(price)s each") % named


def bundle_text(offer: VolumePrice) -> str:
    """``“Cup” with “Saucer”: 17.50 EUR together``, for shoppers."""
    named = {
        "first": offer.title or offer.product_id,
        "second": offer.other_title or offer.other_id,
        "price": exact_amount(offer.price, offer.currency),
    }
    return _("“%(first)s” with “%(second)s”: %(price)s together") % named


def rests_line(row: VolumeOffer) -> str:
    """On what it rests."""
    number = {"n": format_value(row.lines)}
    if row.other_id is None:
        return (
            ngettext(
                "Rests on %(n)s order line at about today's price.",
                "Rests on %(n)s order lines at about today's price.",
                row.lines,
            )
            % number
        )
    return (
        ngettext(
            "Rests on %(n)s order that held both at about today's prices.",
            "Rests on %(n)s orders that held both at about today's prices.",
            row.lines,
        )
        % number
    )


def why_line(row: VolumeOffer) -> str:
    """Expected gain and evidence."""
    return f"{gain_line(row)} {rests_line(row)}"


def segment_name(attribute: str, name: str) -> str:
    """A segment as a merchant calls it."""
    if attribute == "volume":
        return str(VOLUMES.get(name, name))
    return name or _("main shop")


def segment_cells(found: dict[str, Any]) -> list[str]:
    """What a table tells of a segment: effect, interval, beside the first, products, lines."""
    if found.get("elasticity") is None:
        reason = str(REASONS.get(found.get("reason", ""), found.get("reason", "")))
        values = [NONE, reason, NONE]
    else:
        more = found.get("more_than_first")
        values = [
            _signed(found["elasticity"]),
            _("%(low)s to %(high)s") % {"low": _signed(found["low"]), "high": _signed(found["high"])},
            NONE if more is None else f"{format_value(round(100 * more))} %",
        ]
    return [*values, format_value(found.get("products", 0)), format_value(found.get("lines", 0))]


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else ''}{number_format(abs(value), decimal_pos=2)}"


def _amount(value: float) -> str:
    # pence say nothing beside a range of hundreds
    return f"{'−' if value < 0 else ''}{format_value(abs(round(value, 2 if abs(value) < 10 else None)))}"
