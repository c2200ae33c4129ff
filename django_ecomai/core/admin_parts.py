"""Small parts that the admin's pages of several apps share."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _


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
