"""What others ask for the same goods: competitors, their offers now and before, and which product an offer is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Product

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}


class Competitor(models.Model):
    """A shop whose prices are watched."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    code = models.CharField(_("code"), max_length=64, help_text=_("How your lists name it; unique in the shop."))
    name = models.CharField(_("name"), max_length=255)
    url = models.CharField(_("website"), max_length=500, default="", blank=True)
    currency = models.CharField(
        _("currency"), max_length=3, default="", blank=True, help_text=_("Of offers that name none.")
    )
    is_active = models.BooleanField(
        _("in use"), default=True, help_text=_("Offers of others are kept, and used for nothing.")
    )
    # Shown beside everything that rests on it: a demo must never look like a fact.
    is_simulated = models.BooleanField(_("simulated"), default=False)
    note = models.TextField(_("note"), default="", blank=True)

    class Meta:
        verbose_name = _("competitor")
        verbose_name_plural = _("competitors")
        constraints = [models.UniqueConstraint(fields=["channel", "code"], name="ecomai_competitor_uniq")]

    def __str__(self) -> str:
        return _("%(name)s (simulated)") % {"name": self.name} if self.is_simulated else self.name


class CompetitorOffer(models.Model):
    """An offer as it was seen last."""

    class Doubt(models.TextChoices):
        """Why an offer is shown and not used."""

        NONE = "", pgettext_lazy("competitor offer", "none")
        NO_PRICE = "no_price", _("without a price")
        JUMP = "jump", _("price five times its own usual price, or a fifth of it")
        FAR = "far", _("price five times yours, or a fifth of it")
        CURRENCY = "currency", _("another currency than the product's")

    # No index of its own here and below: a constraint or another index begins with the column.
    competitor = models.ForeignKey(
        Competitor, models.CASCADE, related_name="offers", db_index=False, verbose_name=_("competitor")
    )
    # Of the competitor: its id, else what the offer is known by (its EAN, SKU or a hash of its title).
    external_id = models.CharField(_("competitor's id"), max_length=64)
    ean = models.CharField(_("EAN"), max_length=14, default="", blank=True)
    sku = models.CharField(_("SKU"), max_length=64, default="", blank=True)
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    brand = models.CharField(_("brand"), max_length=128, default="", blank=True)
    url = models.CharField(_("page address"), max_length=500, default="", blank=True)
    price = models.DecimalField(_("price"), **MONEY, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="")
    available = models.BooleanField(_("in stock"), null=True, blank=True)
    observed_at = models.DateTimeField(_("seen"))
    doubt = models.CharField(_("doubt"), max_length=16, choices=Doubt.choices, default=Doubt.NONE, blank=True)

    class Meta:
        verbose_name = _("competitor offer")
        verbose_name_plural = _("competitor offers")
        constraints = [
            models.UniqueConstraint(fields=["competitor", "external_id"], name="ecomai_competitoroffer_uniq")
        ]
        indexes = [models.Index(fields=["observed_at"], name="ecomai_competitoroffer_seen")]

    def __str__(self) -> str:
        return f"{self.title or self.ean or self.sku} ({self.competitor})"


class CompetitorPrice(models.Model):
    """The price and availability of an offer from a moment on; a row is written when either changes."""

    offer = models.ForeignKey(
        CompetitorOffer, models.CASCADE, related_name="prices", db_index=False, verbose_name=_("offer")
    )
    observed_at = models.DateTimeField(_("since"))
    price = models.DecimalField(_("price"), **MONEY, null=True)
    currency = models.CharField(_("currency"), max_length=3, default="")
    available = models.BooleanField(_("in stock"), null=True)

    class Meta:
        verbose_name = _("competitor price")
        verbose_name_plural = _("competitor prices")
        constraints = [models.UniqueConstraint(fields=["offer", "observed_at"], name="ecomai_competitorprice_uniq")]
        indexes = [models.Index(fields=["observed_at"], name="ecomai_competitorprice_seen")]

    def __str__(self) -> str:
        return f"{self.price} {self.currency}"


class CompetitorMatch(models.Model):
    """That an offer is of a product; an offer has at most one accepted product."""

    class Method(models.TextChoices):
        EAN = "ean", _("same EAN")
        SKU = "sku", _("same SKU")
        TITLE = "title", _("title, brand and price")
        MANUAL = "manual", _("by hand")

    class State(models.TextChoices):
        PROPOSED = "proposed", pgettext_lazy("competitor match", "to decide")
        ACCEPTED = "accepted", pgettext_lazy("competitor match", "the same")
        REJECTED = "rejected", pgettext_lazy("competitor match", "another product")

    offer = models.ForeignKey(
        CompetitorOffer, models.CASCADE, related_name="matches", db_index=False, verbose_name=_("offer")
    )
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", db_index=False, verbose_name=_("product"))
    method = models.CharField(_("found by"), max_length=16, choices=Method.choices, default=Method.TITLE)
    confidence = models.FloatField(
        _("confidence"), default=1.0, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.PROPOSED)
    # Empty where the search decided, not a person.
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    # The state before the last decision of a person, for undo; empty: there is nothing to undo.
    before = models.CharField(max_length=16, default="", blank=True, editable=False)
    # What the matcher saw, so that it can learn from what was decided: one number per feature.
    evidence = models.JSONField(default=list, blank=True, editable=False)

    class Meta:
        verbose_name = _("competitor match")
        verbose_name_plural = _("competitor matches")
        constraints = [models.UniqueConstraint(fields=["offer", "product"], name="ecomai_competitormatch_uniq")]
        indexes = [
            models.Index(fields=["state", "-confidence"], name="ecomai_competitormatch_list"),
            models.Index(fields=["product", "state"], name="ecomai_competitormatch_product"),
        ]
        permissions = [("decide_competitormatch", _("Can decide which product a competitor's offer is"))]

    def __str__(self) -> str:
        return f"{self.offer} = {self.product}"
