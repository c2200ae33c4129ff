"""Another price than the proposed one, on the page of a proposal."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value
from django_ecomai.pricing import words
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.services import OwnPrice, PricingError, own_price_preview, price_asked


def own_price_context(request: HttpRequest, row: PriceProposal, *, may: bool) -> dict[str, Any]:
    """What ``?price=`` would bring, where this user may decide and nobody has yet."""
    if not may:
        return {"own": None}
    asked = request.GET.get("price", "")
    own: dict[str, Any] = {"asked": asked, "error": "", "figures": [], "price": None}
    if asked:
        try:
            price = price_asked(asked)
        except PricingError as error:
            return {"own": {**own, "error": str(error)}}
        # a copy: the page shows the proposal itself as it stands
        copy = PriceProposal.objects.select_related("product", "rule").get(pk=row.pk)
        found = own_price_preview(proposal=copy, price=price)
        own |= {"figures": _figures(found), "error": found.told}
        if not found.refused:
            own["price"] = f"{price:f}"
    return {"own": own}


def _figures(own: OwnPrice) -> list[tuple[Any, str, str]]:
    """Label, value and what stands small beside it."""
    row = own.row
    days = _("in %(days)s days") % {"days": row.horizon_days}
    # what the shop has changed meanwhile is nothing to compare with
    changed = own.refused.code in ("price_changed", "currency_changed")
    change = "" if changed else words.signed_percent(row.change)
    found: list[tuple[Any, str, str]] = [(_("Own price"), exact_amount(row.new_price, row.currency), change)]
    if own.unknown:
        # what refuses the price is said below
        reason = "" if own.unknown == own.refused else str(own.unknown)
        return [*found, (_("Expected gain"), _("not known"), reason)]
    if row.gain is not None:
        gain, between = words.gain_words(row)
        found += [
            (_("Expected gain"), gain, f"{between}, {days}"),
            (_("Chance of a gain"), words.chance(row.gain_chance), str(words.RISKS.get(row.risk, ""))),
        ]
    found += [
        (_("Pieces"), _pair(row.units_old, row.units_new, ""), days),
        (_("Revenue"), _pair(row.revenue_old, row.revenue_new, row.currency), days),
    ]
    if row.profit_new is not None:
        found.append((_("Profit"), _pair(row.profit_old, row.profit_new, row.currency), days))
    return found


def _pair(old: float | None, new: float | None, currency: str) -> str:
    shown = words.money(new, currency) if currency else format_value(round(new or 0.0, 1))
    if old is None:
        return shown
    return f"{words.money(old, '') if currency else format_value(round(old, 1))} → {shown}"
