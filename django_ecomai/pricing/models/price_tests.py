"""Prices that alternate by week to learn how demand answers: the same for everybody who comes in a week."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

from .elasticities import MONEY


class PriceTest(models.Model):
    """Two prices of a product, half of the weeks each, in an order that was drawn before the test began."""

    class State(models.TextChoices):
        ASKED = "asked", _("waits for a second person")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="price_tests", verbose_name=_("product"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.RUNNING)
    base_price = models.DecimalField(_("price before and after"), **MONEY)
    low = models.DecimalField(_("lower price"), **MONEY)
    high = models.DecimalField(_("higher price"), **MONEY)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    starts_on = models.DateField(_("first Monday"))
    seed = models.PositiveBigIntegerField(editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("started by")
    )
    # The second of two with PRICING_FOUR_EYES.
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("approved by"),
    )  # fmt: skip
    made_at = models.DateTimeField(_("started"), auto_now_add=True)
    reason = models.CharField(_("why it was stopped"), max_length=500, default="", blank=True)

    class Meta:
        verbose_name = _("price test")
        verbose_name_plural = _("price tests")
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["channel", "state"], name="ecomai_pricetest_state")]

    def __str__(self) -> str:
        return f"{self.product}: {self.low.normalize():f} / {self.high.normalize():f} {self.currency}"


class PriceTestWeek(models.Model):
    """A week of a test: which price, with which probability it was drawn, and when it came into the shop."""

    # its constraint begins with the test
    test = models.ForeignKey(
        PriceTest, models.CASCADE, related_name="weeks", db_index=False, verbose_name=_("price test")
    )
    week = models.DateField(_("Monday"))
    price = models.DecimalField(_("price"), **MONEY)
    propensity = models.FloatField(_("probability of this price"), default=0.5)
    applied_at = models.DateTimeField(_("in the shop since"), null=True, blank=True)

    class Meta:
        verbose_name = _("week of a price test")
        verbose_name_plural = _("weeks of price tests")
        ordering = ["week"]
        constraints = [models.UniqueConstraint(fields=["test", "week"], name="ecomai_pricetestweek_uniq")]

    def __str__(self) -> str:
        return f"{self.week.isoformat()}: {self.price.normalize():f}"
