"""Sets of products that the merchant offers together."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Bundle(models.Model):
    """Products that belong together: each one's carousels of what goes with it show the others first."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    title = models.CharField(_("title"), max_length=128, help_text=_("A name that shoppers may read."))
    discount_text = models.CharField(
        _("what the set saves"), max_length=128, default="", blank=True,
        help_text=_("Shown as the reason, e.g. “Save 10 % together”. The price itself is set in your shop."),
    )  # fmt: skip
    is_active = models.BooleanField(_("shown"), default=True)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("to"), null=True, blank=True)
    products: Any = models.ManyToManyField(
        "ecomai_mirror.Product", through="BundleItem", related_name="+", verbose_name=_("products")
    )

    class Meta:
        verbose_name = _("set of products")
        verbose_name_plural = _("sets of products")
        ordering = ["id"]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        """An end after the beginning."""
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("The set would end before it begins: choose a later end.")})


class BundleItem(models.Model):
    """One product of a set."""

    bundle = models.ForeignKey(Bundle, models.CASCADE, related_name="items", verbose_name=_("set of products"))
    product = models.ForeignKey("ecomai_mirror.Product", models.CASCADE, related_name="+", verbose_name=_("product"))
    order = models.PositiveSmallIntegerField(pgettext_lazy("place in a sequence", "order"), default=0)

    class Meta:
        verbose_name = _("product of the set")
        verbose_name_plural = _("products of the set")
        ordering = ["order", "id"]
        constraints = [models.UniqueConstraint(fields=["bundle", "product"], name="ecomai_bundleitem_uniq")]

    def __str__(self) -> str:
        return str(self.product)

    def clean(self) -> None:
        """A product of the set's own shop."""
        if self.product_id and self.bundle_id and self.product.channel != self.bundle.channel:
            raise ValidationError({"product": _("This belongs to another shop than the set.")})
