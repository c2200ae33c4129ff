"""Prices for more pieces that are suggested: a quantity break, or two products for one price."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

from .elasticities import MONEY


class VolumeOffer(models.Model):
    """A price for more pieces: suggested, and renewed by every run, until a person approves or dismisses it."""

    class Kind(models.TextChoices):
        BREAK = "break", _("quantity break")
        BUNDLE = "bundle", _("set price")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    # the pair's constraint begins with it
    product = models.ForeignKey(
        Product, models.CASCADE, related_name="volume_offers", db_index=False, verbose_name=_("product")
    )
    # The second product of a bundle; its key is the greater one.
    other = models.ForeignKey(
        Product, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("together with")
    )
    # The product's key of a quantity break, NULL of a bundle: at most one break per product on every database.
    break_of = models.BigIntegerField(null=True, blank=True, unique=True, editable=False)
    quantity = models.DecimalField(
        _("pieces"), max_digits=14, decimal_places=3, help_text=_("From so many on; of a bundle one of each.")
    )
    discount = models.FloatField(_("discount"), help_text=_("Share of the price that is taken off."))
    price = models.DecimalField(
        _("price"), **MONEY, help_text=_("Per piece from that quantity on; of a bundle both together.")
    )
    old_price = models.DecimalField(_("price today"), **MONEY, help_text=_("Per piece; of a bundle both together."))
    # Expected profit more than was made with the same orders.
    gain = models.FloatField(_("gain"), help_text=_("Profit over those weeks, without tax."))
    gain_low = models.FloatField(_("gain at least"))
    gain_high = models.FloatField(_("gain at most"))
    gain_chance = models.FloatField(_("probability of a gain"))
    currency = models.CharField(_("currency"), max_length=3)
    lines = models.PositiveIntegerField(
        _("rests on"), help_text=_("Order lines at about today's price; of a bundle orders that held both.")
    )
    weeks = models.PositiveSmallIntegerField(_("weeks"), help_text=_("From the first of them until the run."))
    made_at = models.DateTimeField(_("worked out"))
    run_number = models.BigIntegerField(null=True, blank=True, editable=False)
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)
    dismissed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("dismissed by"),
    )  # fmt: skip

    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("approved by"),
    )  # fmt: skip
    # The first of two with PRICING_FOUR_EYES.
    seconded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    # Looked at every hour; while anything stands here the shop does not get the price.
    held_reason = models.CharField(_("held back"), max_length=255, default="", blank=True)

    class Meta:
        verbose_name = _("volume price")
        verbose_name_plural = _("volume prices")
        ordering = ["-gain", "pk"]
        indexes = [models.Index(fields=["channel", "-gain"], name="ecomai_offer_gain")]
        constraints = [
            models.UniqueConstraint(fields=["product", "other"], name="ecomai_offer_pair"),
            models.CheckConstraint(condition=~models.Q(product=models.F("other")), name="ecomai_offer_not_itself"),
        ]
        permissions = [
            ("dismiss_volumeoffer", _("Can dismiss volume prices and bring them back")),
            ("approve_volumeoffer", _("Can approve volume prices and take them back")),
        ]

    def __str__(self) -> str:
        return str(self.product) if self.other is None else f"{self.product} + {self.other}"

    @property
    def what(self) -> str:
        """What to enter into the shop, as a sentence in the reader's language."""
        from django_ecomai.pricing.offer_words import what_line

        return what_line(self)

    @property
    def why(self) -> str:
        """What it is expected to earn, and on what that rests."""
        from django_ecomai.pricing.offer_words import why_line

        return why_line(self)
