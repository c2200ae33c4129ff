"""The limits of every day that a merchant sets for the whole shop."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


def _between(least: float, most: float) -> list[Any]:
    return [MinValueValidator(least), MaxValueValidator(most)]


class PriceLimits(models.Model):
    """The limits of a shop: its newest row counts, an empty field is what ``PRICING_LIMITS`` says.

    Rows are added, never changed, so they are the history too: undoing adds the values of an older row again. Shares
    are of the net price (margin), of the list price, of the price before, and of the profit at today's price.
    """

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    max_change_day = models.FloatField(
        _("largest change per day"), null=True, blank=True, validators=_between(0.001, 1.0)
    )
    max_change_week = models.FloatField(
        _("largest change per week"), null=True, blank=True, validators=_between(0.001, 2.0)
    )
    corridor_low = models.FloatField(
        _("lowest share of the list price"), null=True, blank=True, validators=_between(0.01, 1.0)
    )
    corridor_high = models.FloatField(
        _("highest share of the list price"), null=True, blank=True, validators=_between(1.0, 10.0)
    )
    min_margin = models.FloatField(_("least margin"), null=True, blank=True, validators=_between(0.0, 0.95))
    min_gain = models.FloatField(_("least gain of a proposal"), null=True, blank=True, validators=_between(0.0, 1e6))
    min_gain_share = models.FloatField(
        _("least gain as a share of the profit"), null=True, blank=True, validators=_between(0.0, 1.0)
    )

    class Meta:
        verbose_name = _("price limits")
        verbose_name_plural = _("price limits")
        default_permissions = ("view", "change")
        indexes = [models.Index(fields=["channel", "-id"], name="ecomai_pricelimits_newest")]

    def __str__(self) -> str:
        return str(_("Price limits"))

    def clean(self) -> None:
        """What holds of a day and a week together, those that are empty as they are set elsewhere."""
        from django_ecomai.pricing.shop_limits import in_force

        held = in_force(self)
        day, week = held["max_change_day"], held["max_change_week"]
        if day is not None and week is not None and week < day:
            text = _("Must not be below the largest change per day.")
            raise ValidationError({"max_change_week": text})
