"""What the pages about competitors share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from django_ecomai.core.charts import format_value
from django_ecomai.pricing.models import Competitor, CompetitorMatch, CompetitorOffer, PriceProposal

from .base import MARKET, READ, START, PricingAdmin, pages_linked

_PAGES = (
    (PriceProposal, "changelist", ""),
    (CompetitorOffer, "market", MARKET),
    (CompetitorMatch, "changelist", ""),
    (CompetitorOffer, "changelist", ""),
    (Competitor, "changelist", ""),
    (CompetitorOffer, "import", READ),
)


class MarketAdmin(PricingAdmin):
    """With the ways between the pages about competitors."""

    def price_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Address and name of the pages about competitors that this user may open, and the way back."""
        return pages_linked(self.admin_site, request, _PAGES)

    def market_context(self, request: HttpRequest) -> dict[str, Any]:
        """What all of these pages show."""
        return {
            "price_links": self.price_links(request),
            "start_url": self.link("ecomai_runs_run_start") if request.user.has_perm(START) else "",
        }


def percent(share: float) -> str:
    """``+12 %``, ``−3 %``, ``0 %``."""
    number = round(100 * share)
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return f"{sign}{format_value(abs(number))} %"
