"""What the pages of this app share."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.admin_parts import admin_url
from django_ecomai.mirror.admin.shop import ShopFieldMixin

DECIDE = "ecomai_pricing.decide_priceproposal"
APPLY = "ecomai_pricing.apply_priceproposal"
UNDO = "ecomai_pricing.undo_pricechange"
START = "ecomai_runs.start_run"
STYLES = ("ecomai/admin.css", "ecomai/worklist.css", "ecomai/pricing/pricing.css")


LIST = "ecomai/pricing/admin/plain_list.html"  # cards on a phone


def labelled(text: Any, label: Any) -> SafeString:
    """A cell that names itself where the table is shown as cards."""
    return format_html('{} <span class="ecomai-phone ecomai-quiet">{}</span>', text, label)


class PricingAdmin(ShopFieldMixin, FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    class Media:
        css = {"all": STYLES}

    def link(self, name: str, *args: Any) -> str:
        """An address in this admin site; empty where the site has no such page."""
        return admin_url(self.admin_site, name, *args)
