"""What the pages about competitors share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_ecomai.core.admin_parts import badge, simulated_badge
from django_ecomai.core.charts import format_value

from .base import START, PricingAdmin, pages_linked

__all__ = ["START", "MarketAdmin", "badge", "percent", "simulated_badge"]


class MarketAdmin(PricingAdmin):
    """With the ways between the pages about competitors."""

    class Media:
        extend = False
        css = {"all": ("ecomai/admin.css", "ecomai/pricing/market.css")}

    def market_links(self, request: HttpRequest) -> dict[str, Any]:
        """Context with the ways between the pages that this user may open."""
        pages = [
            ("ecomai_pricing_priceproposal_changelist", _("Proposed prices"), "ecomai_pricing.view_priceproposal"),
            ("ecomai_pricing_competitoroffer_market", _("Where you stand"), "ecomai_pricing.view_competitoroffer"),
            ("ecomai_pricing_competitormatch_changelist", _("To review"), "ecomai_pricing.view_competitormatch"),
            ("ecomai_pricing_competitoroffer_changelist", _("Offers"), "ecomai_pricing.view_competitoroffer"),
            ("ecomai_pricing_competitor_changelist", _("Competitors"), "ecomai_pricing.view_competitor"),
            ("ecomai_pricing_competitoroffer_import", _("Read a file"), "ecomai_pricing.add_competitoroffer"),
        ]
        return {
            "market_links": pages_linked(self.admin_site, request, pages),
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
        }


def percent(share: float) -> str:
    """``+12 %``, ``−3 %``, ``0 %``."""
    number = round(100 * share)
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return f"{sign}{format_value(abs(number))} %"
