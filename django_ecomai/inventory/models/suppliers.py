"""Who delivers, what, at which price and how fast."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}
QUANTITY: dict[str, Any] = {"max_digits": 14, "decimal_places": 3}


class Supplier(models.Model):
    """A company that goods are ordered from."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    code = models.CharField(_("code"), max_length=64, help_text=_("How your lists name it; unique in the shop."))
    name = models.CharField(_("name"), max_length=255)
    email = models.EmailField(_("e-mail"), default="", blank=True)
    country = models.CharField(_("country"), max_length=64, default="", blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    lead_time_days = models.PositiveSmallIntegerField(
        _("lead time in days"),
        default=14,
        help_text=_("From order to receipt, as agreed. Used until enough receipts tell the real one."),
    )
    is_active = models.BooleanField(_("in use"), default=True)
    # Shown beside everything that rests on it: a demo must never look like a fact.
    is_simulated = models.BooleanField(_("simulated"), default=False)
    note = models.TextField(_("note"), default="", blank=True)

    class Meta:
        verbose_name = _("supplier")
        verbose_name_plural = _("suppliers")
        constraints = [models.UniqueConstraint(fields=["channel", "code"], name="ecomai_supplier_uniq")]

    def __str__(self) -> str:
        return self.name


class SupplierProduct(models.Model):
    """A product as a supplier offers it. Without a row a product cannot be ordered."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="products", verbose_name=_("supplier"))
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", verbose_name=_("product"))
    supplier_sku = models.CharField(_("supplier's number"), max_length=64, default="", blank=True)
    cost = models.DecimalField(
        _("cost"), **MONEY, null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("Per unit. Empty: the cost that the shop has."),
    )  # fmt: skip
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    moq = models.DecimalField(
        _("least order"), **QUANTITY, default=Decimal(1), validators=[MinValueValidator(Decimal("0.001"))]
    )
    pack_size = models.DecimalField(
        _("pack size"), **QUANTITY, default=Decimal(1), validators=[MinValueValidator(Decimal("0.001"))]
    )
    lead_time_days = models.PositiveSmallIntegerField(
        _("lead time in days"), null=True, blank=True, help_text=_("Empty: that of the supplier.")
    )
    price_breaks = models.JSONField(
        _("price breaks"), default=list, blank=True,
        help_text=_("Pairs of quantity and cost per unit from it on, such as [[100, 1.80], [500, 1.65]]."),
    )  # fmt: skip
    shelf_life_days = models.PositiveIntegerField(
        _("shelf life in days"), null=True, blank=True, help_text=_("Never order more than sells within it.")
    )
    is_preferred = models.BooleanField(
        _("preferred"), default=True, help_text=_("Where several suppliers offer it, this one is asked.")
    )

    class Meta:
        verbose_name = _("supplier's product")
        verbose_name_plural = _("suppliers' products")
        constraints = [models.UniqueConstraint(fields=["supplier", "product"], name="ecomai_supplierproduct_uniq")]

    def __str__(self) -> str:
        return f"{self.product} ({self.supplier})"

    def clean(self) -> None:
        """Price breaks must be pairs that rise in quantity."""
        problem = breaks_problem(self.price_breaks)
        if problem:
            raise ValidationError({"price_breaks": problem})


def breaks_problem(breaks: Any) -> str:
    """What is wrong with price breaks, in words; empty when nothing is."""
    pair = _t("Write pairs of quantity and cost per unit, such as [[100, 1.80], [500, 1.65]].")
    if not isinstance(breaks, list):
        return pair
    last = 0.0
    for one in breaks:
        if not isinstance(one, list | tuple) or len(one) != 2:
            return pair
        quantity, cost = one
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in one):
            return pair
        if not all(-1e10 < value < 1e10 for value in one):  # nor "nan", which no database stores
            return pair
        if quantity <= last:
            return _t("Quantities of price breaks must be above 0 and rise.")
        if cost < 0:
            return _t("A cost of a price break is below 0.")
        last = quantity
    return ""
