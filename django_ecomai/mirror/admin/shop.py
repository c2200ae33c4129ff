"""Which shop something belongs to: asked for where there are several, and only then."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.paging import channels_of

from ..models import Product


class ShopFieldMixin:
    """The field ``channel`` as a choice among the shops; hidden, and ``ECOMAI["CHANNEL"]``, where there is only that.

    Put it before the admin's base class and name ``channel`` among the fields of what can be given to a shop.
    """

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """As in Django, except for the shop."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        return field if field is None or db_field.name != "channel" else shop_field(db_field.model)


def shop_field(*models: Any) -> forms.Field:
    """The field by itself; a shop counts when it has products or rows of ``models``."""
    here = ecomai.CHANNEL
    shops = sorted({here, *(shop for model in (Product, *models) for shop in channels_of(model))})
    if len(shops) == 1:
        return forms.CharField(
            label=_("Shop"), initial=here, required=False, empty_value=here, widget=forms.HiddenInput
        )
    return forms.ChoiceField(
        label=_("Shop"),
        initial=here,
        required="" not in shops,
        choices=[(shop, shop or _("main shop")) for shop in shops],
    )
