"""What was ordered and what arrived."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Product

from .suppliers import MONEY, QUANTITY, Supplier


class PurchaseOrder(models.Model):
    """An order to a supplier, with the moment of each of its stages."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        APPROVED = "approved", _("approved")
        ORDERED = "ordered", _("ordered")
        CONFIRMED = "confirmed", _("confirmed")
        SHIPPED = "shipped", pgettext_lazy("purchase order", "shipped")
        RECEIVED = "received", _("received")
        CANCELLED = "cancelled", pgettext_lazy("purchase order", "cancelled")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    number = models.CharField(_("number"), max_length=64)
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="orders", verbose_name=_("supplier"))
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.DRAFT)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    created_at = models.DateTimeField(_("created"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("approved by"),
    )
    ordered_at = models.DateTimeField(_("ordered"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    shipped_at = models.DateTimeField(pgettext_lazy("purchase order", "shipped"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)
    cancelled_at = models.DateTimeField(pgettext_lazy("purchase order", "cancelled"), null=True, blank=True)
    expected_on = models.DateField(_("expected on"), null=True, blank=True)
    note = models.TextField(_("note"), default="", blank=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    class Meta:
        verbose_name = _("purchase order")
        verbose_name_plural = _("purchase orders")
        constraints = [models.UniqueConstraint(fields=["channel", "number"], name="ecomai_purchaseorder_uniq")]
        indexes = [models.Index(fields=["channel", "status"], name="ecomai_po_status")]
        permissions = [("approve_purchaseorder", _("Can approve a purchase order"))]

    def __str__(self) -> str:
        return self.number


class PurchaseOrderLine(models.Model):
    """One product of an order, with a snapshot of what the supplier was told."""

    order = models.ForeignKey(PurchaseOrder, models.CASCADE, related_name="lines", verbose_name=_("order"))
    product = models.ForeignKey(Product, models.PROTECT, related_name="+", verbose_name=_("product"))
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    sku = models.CharField(_("SKU"), max_length=64, default="", blank=True)
    supplier_sku = models.CharField(_("supplier's number"), max_length=64, default="", blank=True)
    quantity = models.DecimalField(_("quantity"), **QUANTITY, validators=[MinValueValidator(0)])
    unit_cost = models.DecimalField(_("unit cost"), **MONEY, null=True, blank=True)
    # The sum of its receipts, kept here so that "on order" is one query.
    received = models.DecimalField(_("received"), **QUANTITY, default=0, editable=False)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [models.UniqueConstraint(fields=["order", "product"], name="ecomai_poline_uniq")]

    def __str__(self) -> str:
        return self.title or str(self.product_id)


class Receipt(models.Model):
    """Goods that arrived, with or without an order that is known here."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    reference = models.CharField(
        _("reference"), max_length=64, default="", blank=True, help_text=_("Number of the delivery note.")
    )
    supplier = models.ForeignKey(
        Supplier, models.CASCADE, null=True, blank=True, related_name="receipts", verbose_name=_("supplier")
    )
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", verbose_name=_("product"))
    line = models.ForeignKey(
        PurchaseOrderLine,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="receipts",
        verbose_name=_("order line"),
    )
    quantity = models.DecimalField(_("quantity"), **QUANTITY, validators=[MinValueValidator(0)])
    # Null: nobody knows when it was ordered; such a receipt teaches no lead time.
    ordered_at = models.DateTimeField(_("ordered"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    is_simulated = models.BooleanField(_("simulated"), default=False)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "reference", "product"],
                condition=~models.Q(reference=""),
                name="ecomai_receipt_uniq",
            )
        ]
        indexes = [models.Index(fields=["channel", "received_at"], name="ecomai_receipt_at")]

    def __str__(self) -> str:
        return self.reference or f"#{self.pk}"
