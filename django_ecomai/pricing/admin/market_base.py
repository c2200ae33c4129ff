"""What the pages about competitors share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.shop import ShopFieldMixin

START = "ecomai_runs.start_run"


class MarketAdmin(ShopFieldMixin, FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    class Media:
        css = {"all": ("ecomai/admin.css", "ecomai/pricing/market.css")}

    def link(self, name: str, *args: Any) -> str:
        """An address in this admin site; empty where the site has no such page."""
        try:
            return reverse(f"admin:{name}", args=args, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""

    def market_links(self, request: HttpRequest) -> dict[str, Any]:
        """Context with the ways between the pages that this user may open."""
        may = request.user.has_perm
        pages = [
            ("ecomai_pricing_competitoroffer_market", _("Where you stand"), "ecomai_pricing.view_competitoroffer"),
            ("ecomai_pricing_competitormatch_changelist", _("To review"), "ecomai_pricing.view_competitormatch"),
            ("ecomai_pricing_competitoroffer_changelist", _("Offers"), "ecomai_pricing.view_competitoroffer"),
            ("ecomai_pricing_competitor_changelist", _("Competitors"), "ecomai_pricing.view_competitor"),
            ("ecomai_pricing_competitoroffer_import", _("Read a file"), "ecomai_pricing.add_competitoroffer"),
        ]
        return {
            "market_links": [(self.link(name), label) for name, label, needed in pages if may(needed)],
            "start_url": self.link("ecomai_runs_run_start") if may(START) else "",
        }


def badge(text: Any, kind: str) -> SafeString:
    """A word with a colour and a frame, so that it is not told by colour alone."""
    return format_html('<span class="ecomai-badge ecomai-badge-{}">{}</span>', kind, text)


def simulated_badge() -> SafeString:
    """Beside whatever is no fact."""
    return badge(_("simulated"), "simulated")


def percent(share: float) -> str:
    """``+12 %``, ``−3 %``, ``0 %``."""
    number = round(100 * share)
    sign = "+" if number > 0 else "−" if number < 0 else ""
    return f"{sign}{format_value(abs(number))} %"
