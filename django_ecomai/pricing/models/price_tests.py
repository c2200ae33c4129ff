"""Prices that alternate by week to learn how demand answers: the same for everybody who comes in a week."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.held import why_of
from django_ecomai.pricing.journal import log_text

from .elasticities import MONEY


class PriceTestGroup(models.Model):
    """Price tests of several products with one result; its state is that of its tests.

    In each two weeks half of the products begin with the lower price, drawn anew: a season moves both alike.
    """

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    name = models.CharField(_("name"), max_length=128)
    step = models.FloatField(_("step"), help_text=_("How far both prices are from today's: 0.05 means 5 %."))
    starts_on = models.DateField(_("first Monday"))
    seed = models.PositiveBigIntegerField(editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("started by")
    )
    made_at = models.DateTimeField(_("started"), auto_now_add=True)
    # {"title of a product": the reason as data}, of older rows a sentence
    left_out = models.JSONField(_("left out"), default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = _("price test of several products")
        verbose_name_plural = _("price tests of several products")
        ordering = ["-made_at", "-pk"]
        # whoever may see price tests sees those of several products
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def left_out_words(self) -> dict[str, str]:
        """Why products were left out, by their titles, in the reader's language."""
        return {title: one if isinstance(one, str) else str(why_of(one)) for title, one in self.left_out.items()}


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
    # Lines of the journal: why it was stopped, and what is not as it was before it; of older rows a sentence.
    reason = models.TextField(_("why it was stopped"), default="", blank=True)
    # The state in which it ends as soon as the shop has the price before again, and what the shop answered last.
    ending = models.CharField(_("is to end"), max_length=8, choices=State.choices, default="", blank=True)
    waits_for = models.TextField(_("waits for the shop"), default="", blank=True)
    # Since when a worker is at it, and what it is about to write: noted before, so that the price is known for ours.
    claimed_since = models.DateTimeField(null=True, blank=True, editable=False)
    writing_since = models.DateTimeField(null=True, blank=True, editable=False)
    writing_price = models.DecimalField(**MONEY, null=True, blank=True, editable=False)
    writing_list_price = models.DecimalField(**MONEY, null=True, blank=True, editable=False)
    group = models.ForeignKey(
        PriceTestGroup, models.CASCADE, null=True, blank=True, related_name="tests", verbose_name=_("test of several")
    )
    # Products of a price family have the same weeks in the same order, and stop together.
    family = models.CharField(_("price family"), max_length=160, default="", blank=True)

    class Meta:
        verbose_name = _("price test")
        verbose_name_plural = _("price tests")
        ordering = ["-made_at", "-pk"]
        indexes = [models.Index(fields=["channel", "state"], name="ecomai_pricetest_state")]

    def __str__(self) -> str:
        return f"{self.product}: {self.low.normalize():f} / {self.high.normalize():f} {self.currency}"

    def kept(self, price: Decimal) -> Decimal:
        """What the shop makes of one of the two prices, as far as it has had it."""
        made = [one for one in self.weeks.all() if one.price == price and one.stored_price is not None]
        return max(made, key=lambda one: one.week).stored_price or price if made else price

    @property
    def lines(self) -> list[str]:
        """Of the reason; one that is empty where there is none."""
        return self.reason.split("\n")

    @property
    def reason_words(self) -> str:
        """Why it was stopped, and what is not as it was before it, in the reader's language."""
        return "; ".join(map(log_text, self.lines))

    @property
    def left_words(self) -> str:
        """Of a test that a person has stopped, what is not as it was before it, in the reader's language."""
        return "; ".join(map(log_text, self.lines[1:]))

    @property
    def waits_words(self) -> str:
        """What it waits for, in the reader's language."""
        return log_text(self.waits_for)

    def standing(self, today: date) -> str:
        """The state in words: a test that runs may not have begun, or may wait for the shop."""
        if self.state == self.State.RUNNING and self.ending:
            return gettext("ends as soon as the shop takes the price back")
        if self.state == self.State.RUNNING and self.starts_on > today:
            return gettext("begins on its first Monday")
        return str(self.get_state_display())


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
    # What the shop made of the price, where it can be asked.
    stored_price = models.DecimalField(_("price in the shop"), **MONEY, null=True, blank=True)
    # Somebody else's price came in between: it does not count.
    is_spoiled = models.BooleanField(_("disturbed"), default=False)

    class Meta:
        verbose_name = _("week of a price test")
        verbose_name_plural = _("weeks of price tests")
        ordering = ["week"]
        constraints = [models.UniqueConstraint(fields=["test", "week"], name="ecomai_pricetestweek_uniq")]

    def __str__(self) -> str:
        return f"{self.week.isoformat()}: {self.price.normalize():f}"
