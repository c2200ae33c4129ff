"""What the pages of this app share."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.charts import CHART_SCRIPTS
from django_ecomai.core.paging import channels_of
from django_ecomai.mirror.models import Product


class InventoryAdmin(FastModelAdmin):
    """Lists that stay fast; the shop is asked for only where there are several."""

    class Media:
        css = {"all": ("ecomai/admin.css", "ecomai/inventory/inventory.css")}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """The shop as a choice only where there are several."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "channel":
            field.label, field.initial = _("Shop"), ecomai.CHANNEL
            if set(channels_of(Product)) <= {ecomai.CHANNEL}:
                field.widget = forms.HiddenInput()
        return field

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
