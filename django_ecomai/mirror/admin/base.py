"""What the pages of the copy share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import formats, timezone

from django_ecomai.core.currencies import currency_digits

NONE = "–"


def amount_format(value: Any, currency: str = "") -> str:
    """``12.50 GBP``, ``13 JPY``: to the digits of its currency; a dash for nothing."""
    if value is None:
        return NONE
    places = currency_digits(currency)
    number = formats.number_format(round(value, places), decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{number} {currency}".strip()


def quantity_format(value: Any) -> str:
    """``3``, ``2.5``, ``10,284``: no idle zeros."""
    if value is None:
        return NONE
    number = Decimal(f"{Decimal(value).normalize():f}")
    return formats.number_format(number, use_l10n=True, force_grouping=True)


def day_format(moment: Any) -> str:
    """The day in the current time zone and language."""
    return formats.date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")


class ReadOnlyInline(admin.TabularInline):
    """Rows of a copy under their parent."""

    extra = 0
    can_delete = False
    show_change_link = False
    classes = ("ecomai-inline",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the parent may see its rows."""
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
