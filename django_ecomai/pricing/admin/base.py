"""What the pages of this app share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.admin_parts import admin_url
from django_ecomai.mirror.admin.shop import ShopFieldMixin

DECIDE = "ecomai_pricing.decide_priceproposal"
APPLY = "ecomai_pricing.apply_priceproposal"
UNDO = "ecomai_pricing.undo_pricechange"
START = "ecomai_runs.start_run"
STYLES = ("ecomai/admin.css", "ecomai/worklist.css", "ecomai/pricing/pricing.css")


def labelled(text: Any, label: Any) -> SafeString:
    """A cell that names itself where the table is shown as cards."""
    return format_html('{} <span class="ecomai-phone ecomai-quiet">{}</span>', text, label)


class PricingAdmin(ShopFieldMixin, FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    change_list_template = "ecomai/pricing/admin/list.html"

    class Media:
        css = {"all": STYLES}

    def link(self, name: str, *args: Any) -> str:
        """An address in this admin site; empty where the site has no such page."""
        return admin_url(self.admin_site, name, *args)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """With the ways to the other pages."""
        context = {"price_links": self.price_links(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def price_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Address and name of the pages about prices that this user may open."""
        pages = [
            ("ecomai_pricing_priceproposal_changelist", _("Proposed prices"), "ecomai_pricing.view_priceproposal"),
            ("ecomai_pricing_pricingrule_changelist", _("Rules"), "ecomai_pricing.view_pricingrule"),
            ("ecomai_pricing_pricelimits_changelist", _("Price limits"), "ecomai_pricing.view_pricelimits"),
            ("ecomai_pricing_productelasticity_changelist", _("How demand answers"),
             "ecomai_pricing.view_productelasticity"),
            ("ecomai_pricing_pricetest_changelist", _("Price tests"), "ecomai_pricing.view_pricetest"),
            ("ecomai_pricing_volumeoffer_changelist", _("Volume prices"), "ecomai_pricing.view_volumeoffer"),
            ("ecomai_pricing_volumeoffer_segments", _("Regions and tiers"), "ecomai_pricing.view_volumeoffer"),
            ("ecomai_pricing_competitoroffer_market", _("Where you stand"), "ecomai_pricing.view_competitoroffer"),
            ("ecomai_pricing_competitormatch_changelist", _("Competitors’ offers to review"),
             "ecomai_pricing.view_competitormatch"),
            ("ecomai_pricing_pricechange_changelist", _("Prices in the shop"), "ecomai_pricing.view_pricechange"),
            ("ecomai_pricing_pricereduction_changelist", _("Price ledger"), "ecomai_pricing.view_pricereduction"),
        ]  # fmt: skip
        return pages_linked(self.admin_site, request, pages)


def pages_linked(
    site: admin.AdminSite, request: HttpRequest, pages: Sequence[tuple[str, str, str]]
) -> list[tuple[str, str]]:
    """Address and label of pages (name, label, permission) that this site has and this user may open."""
    found = [(admin_url(site, name), label) for name, label, needed in pages if request.user.has_perm(needed)]
    return [(url, label) for url, label in found if url]
