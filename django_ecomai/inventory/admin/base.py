"""What the pages of this app share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.charts import CHART_SCRIPTS
from django_ecomai.mirror.admin.shop import ShopFieldMixin


class InventoryAdmin(ShopFieldMixin, FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    class Media:
        css = {"all": ("ecomai/admin.css", "ecomai/inventory/inventory.css")}

    def link(self, name: str, *args: Any) -> str:
        """An address in this admin site; empty where the site has no such page."""
        return admin_url(self.admin_site, name, *args)


def admin_url(site: admin.AdminSite, name: str, *args: Any) -> str:
    """An address in an admin site; empty where the site has no such page."""
    try:
        return reverse(f"admin:{name}", args=args, current_app=site.name)
    except NoReverseMatch:
        return ""


def badge(text: Any, kind: str) -> SafeString:
    """A word with a colour and a mark, so that it is not told by colour alone."""
    return format_html('<span class="ecomai-badge ecomai-badge-{}">{}</span>', kind, text)


def simulated_badge() -> SafeString:
    """Beside whatever is no fact."""
    return badge(_("simulated"), "simulated")


CHARTS = CHART_SCRIPTS
