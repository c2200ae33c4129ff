"""Copies of the shop's orders. A purchase is stored here once; events only link to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .base import MONEY, ShopRow, unique_in_channel
from .catalogue import Product
from .people import Customer


def quantity_text(value: Any) -> str:
    """``12`` or ``2.5``: a Decimal keeps its idle zeros even with the format ``g``."""
    return f"{Decimal(str(value)).normalize():f}"


class Order(ShopRow):
    """An order with its life times and totals."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        PAID = "paid", _("paid")
        SHIPPED = "shipped", _("shipped")
        DELIVERED = "delivered", _("delivered")
        CANCELLED = "cancelled", pgettext_lazy("order", "cancelled")
        RETURNED = "returned", _("returned")

    # db_index off here and below: the index on (customer, placed_at) serves the key as well.
    customer = models.ForeignKey(
        Customer,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("customer"),
        db_index=False,
    )
    number = models.CharField(_("number"), max_length=64, default="", blank=True)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.OPEN)
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    shipped_at = models.DateTimeField(_("shipped"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    cancelled_at = models.DateTimeField(pgettext_lazy("order", "cancelled"), null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="")
    total_net = models.DecimalField(_("net total"), **MONEY, null=True, blank=True)
    total_tax = models.DecimalField(_("tax"), **MONEY, null=True, blank=True)
    total = models.DecimalField(_("total"), **MONEY, null=True, blank=True)
    country = models.CharField(_("country"), max_length=64, default="", blank=True)
    # Keyed hashes under the purpose "security": equal orders can be recognised, nobody can be read off them.
    ip_hash = models.CharField(max_length=32, default="", blank=True, editable=False)
    device_hash = models.CharField(max_length=32, default="", blank=True, editable=False)
    email_hash = models.CharField(max_length=32, default="", blank=True, editable=False)
    address_hash = models.CharField(max_length=32, default="", blank=True, editable=False)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints = [unique_in_channel("order")]
        indexes = [
            models.Index(fields=["channel", "placed_at"], name="ecomai_order_placed"),
            models.Index(fields=["customer", "placed_at"], name="ecomai_order_customer"),
        ]

    def __str__(self) -> str:
        return self.number or self.external_id


class OrderLine(ShopRow):
    """One line of an order, with a snapshot of what was sold: it survives the product."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(
        Product,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="order_lines",
        verbose_name=_("product"),
        db_index=False,
    )
    product_external_id = models.CharField(_("shop's product id"), max_length=64, default="", blank=True)
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    sku = models.CharField(_("SKU"), max_length=64, default="", blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)
    unit_price = models.DecimalField(_("unit price"), **MONEY, null=True, blank=True)
    unit_cost = models.DecimalField(_("unit cost"), **MONEY, null=True, blank=True)
    discount = models.DecimalField(_("discount"), **MONEY, null=True, blank=True)
    tax = models.DecimalField(_("tax"), **MONEY, null=True, blank=True)
    # Copied from the order, so that a scan for training needs no join.
    placed_at = models.DateTimeField(_("placed"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [unique_in_channel("orderline")]
        indexes = [
            models.Index(fields=["channel", "placed_at"], name="ecomai_line_placed"),
            models.Index(fields=["product", "placed_at"], name="ecomai_line_product"),
        ]

    def __str__(self) -> str:
        return f"{quantity_text(self.quantity)} × {self.title}"


class ReturnLine(ShopRow):
    """Goods that came back or were cancelled; ``line`` is unknown when the shop does not say which sale it was."""

    order = models.ForeignKey(Order, models.CASCADE, null=True, blank=True, related_name="returns")
    line = models.ForeignKey(OrderLine, models.SET_NULL, null=True, blank=True, related_name="returns")
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="returns")
    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="returns")
    product_external_id = models.CharField(max_length=64, default="", blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)
    amount = models.DecimalField(_("amount"), **MONEY, null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=255, default="", blank=True)
    returned_at = models.DateTimeField(_("returned"))

    class Meta:
        verbose_name = _("return")
        verbose_name_plural = _("returns")
        constraints = [unique_in_channel("returnline")]
        indexes = [models.Index(fields=["channel", "returned_at"], name="ecomai_return_at")]

    def __str__(self) -> str:
        return f"{quantity_text(self.quantity)} × {self.product_external_id}"
