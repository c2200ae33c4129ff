"""What every copied row has in common."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}


class ShopRow(models.Model):
    """A row of the shop, known by ``(channel, external_id)``."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    external_id = models.CharField(_("shop's id"), max_length=64)
    # Hash of what was copied: tells a reconcile whether the shop's row has changed without comparing every column.
    fingerprint = models.CharField(max_length=32, default="", editable=False)
    synced_at = models.DateTimeField(_("last copied"), auto_now=True)
    removed_at = models.DateTimeField(_("gone from the shop since"), null=True, blank=True)

    class Meta:
        abstract = True


def unique_in_channel(name: str) -> models.UniqueConstraint:
    """The unique constraint that every table of the mirror has, and that upserts conflict on."""
    return models.UniqueConstraint(fields=["channel", "external_id"], name=f"ecomai_{name}_uniq")
