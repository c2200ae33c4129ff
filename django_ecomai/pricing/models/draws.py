"""Prices that were drawn to learn, with their probabilities."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

from .elasticities import MONEY


class PriceDraw(models.Model):
    """A price that a rule drew to learn, with its probability; also where it is the price of that day, which is no
    proposal. Whether it came into the shop is told by proposals and changes."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    # no index of its own: the constraint begins with it
    product = models.ForeignKey(
        Product, models.CASCADE, db_index=False, related_name="price_draws", verbose_name=_("product")
    )
    day = models.DateField(_("day"), db_index=True)
    old_price = models.DecimalField(_("price"), **MONEY)
    price = models.DecimalField(_("drawn price"), **MONEY)
    propensity = models.FloatField(_("probability of this price"))

    class Meta:
        verbose_name = _("drawn price")
        verbose_name_plural = _("drawn prices")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["product", "day"], name="ecomai_price_draw_of_day")]

    def __str__(self) -> str:
        return f"{self.product}, {self.day}"
