"""Copies of the shop's customers: as little as the work needs."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import ShopRow, unique_in_channel


class Customer(ShopRow):
    """A customer by the shop's id. No name, no e-mail address: those stay in the shop."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("user")
    )
    first_seen = models.DateTimeField(_("first seen"), null=True, blank=True)
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    # Filled only when ECOMAI["COLLECT_DEMOGRAPHICS"] is true.
    birth_year = models.PositiveSmallIntegerField(_("year of birth"), null=True, blank=True)
    gender = models.CharField(_("gender"), max_length=16, default="", blank=True)
    country = models.CharField(_("country"), max_length=64, default="", blank=True)
    region = models.CharField(_("region"), max_length=64, default="", blank=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [unique_in_channel("customer")]
        indexes = [models.Index(fields=["channel", "last_seen"], name="ecomai_customer_seen")]

    def __str__(self) -> str:
        return self.external_id
