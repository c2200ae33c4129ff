"""What the pages of this app share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.admin_parts import admin_url
from django_ecomai.mirror.admin.shop import ShopFieldMixin
from django_ecomai.pricing.models import (
    CompetitorMatch,
    CompetitorOffer,
    PriceChange,
    PriceLimits,
    PriceProposal,
    PriceReduction,
    PriceTest,
    PricingRule,
    ProductElasticity,
    VolumeOffer,
)

DECIDE = "ecomai_pricing.decide_priceproposal"
APPLY = "ecomai_pricing.apply_priceproposal"
UNDO = "ecomai_pricing.undo_pricechange"
START = "ecomai_runs.start_run"
#: Names of pages that list no table of their own.
MARKET, LOOK_BACK, READ, SEGMENTS = (
    gettext_lazy("Market position"),
    gettext_lazy("Look back"),
    gettext_lazy("Read offers"),
    gettext_lazy("Regions and tiers"),
)
#: A model, its view, and its name where it is no list.
Page = tuple[type[Model], str, Any]
PRICE_PAGES: Sequence[Page] = (
    (PriceProposal, "changelist", ""),
    (PricingRule, "changelist", ""),
    (PriceLimits, "changelist", ""),
    (ProductElasticity, "changelist", ""),
    (PriceTest, "changelist", ""),
    (VolumeOffer, "changelist", ""),
    (VolumeOffer, "segments", SEGMENTS),
    (CompetitorOffer, "market", MARKET),
    (CompetitorMatch, "changelist", ""),
    (PriceChange, "changelist", ""),
    (PriceReduction, "changelist", ""),
)
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
        """Under the name that the menu has for it, with the ways to the other pages."""
        context = {
            "title": page_name(self.opts),
            "price_links": self.price_links(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def price_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Address and name of the pages about prices that this user may open."""
        return pages_linked(self.admin_site, request, PRICE_PAGES)


def page_name(opts: Any) -> str:
    """What a list is called in the menu, in its title, in breadcrumbs and links: everywhere the same."""
    return str(capfirst(opts.verbose_name_plural))


def pages_linked(site: admin.AdminSite, request: HttpRequest, pages: Sequence[Page]) -> list[tuple[str, str]]:
    """Address and name of pages that this site has and this user may open."""
    found = []
    for model, view, label in pages:
        url = admin_url(site, f"{model._meta.label_lower.replace('.', '_')}_{view}")
        needed = "add" if view == "import" else "view"
        if url and request.user.has_perm(f"{model._meta.app_label}.{needed}_{model._meta.model_name}"):
            found.append((url, str(label) or page_name(model._meta)))
    return found
