"""What was done to prices in the shop: by whom, from what to what, and what became of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

from .elasticities import MONEY
from .proposals import PriceProposal
from .selections import PriceSelection


class PriceChange(models.Model):
    """A price that was written into the shop; it can be undone while the shop still has it."""

    class Kind(models.TextChoices):
        APPLY = "apply", _("proposal applied")
        UNDO = "undo", _("undone")
        ROLLBACK = "rollback", _("rolled back, since it earned too little")
        TEST = "test", _("price test")

    class Verdict(models.TextChoices):
        WATCHED = "", _("watched")
        KEPT = "kept", _("earned what was expected")
        BELOW = "below", _("earned less than expected")
        UNKNOWN = "unknown", _("too little sold to tell")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="price_changes", verbose_name=_("product"))
    proposal = models.ForeignKey(
        PriceProposal, models.SET_NULL, null=True, blank=True, related_name="changes", verbose_name=_("proposal")
    )
    kind = models.CharField(_("what was done"), max_length=16, choices=Kind.choices, default=Kind.APPLY)
    at = models.DateTimeField(_("when"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    old_price = models.DecimalField(_("from"), **MONEY)
    new_price = models.DecimalField(_("to"), **MONEY)
    # Beside them in the shop; what was not known then is not restored either.
    old_list_price = models.DecimalField(_("list price from"), **MONEY, null=True, blank=True)
    new_list_price = models.DecimalField(_("list price to"), **MONEY, null=True, blank=True)
    knows_list_price = models.BooleanField(default=False, editable=False)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    batch = models.CharField(max_length=32, default="", blank=True, editable=False)
    is_canary = models.BooleanField(_("went first"), default=False)
    # The first of two with PRICING_FOUR_EYES who want the price before against a limit. Nothing is looked up by it.
    seconded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False,
        editable=False,
    )  # fmt: skip
    # Since when a worker has been taking it back (he says so again while the shop is slow), for whom, and what must be
    # known to finish it: {"kind", "selection", "tests"} and, from the first write on, "price" and "list_price" that the
    # shop had.
    undoing_since = models.DateTimeField(null=True, blank=True, editable=False)
    undoing_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False,
        editable=False,
    )  # fmt: skip
    undoing = models.JSONField(default=dict, blank=True, editable=False)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    # Of a price that was taken back with many others: which ones.
    selection = models.ForeignKey(
        PriceSelection, models.SET_NULL, null=True, blank=True, related_name="changes", editable=False
    )
    # What the watch found: {"days", "units", "profit", "expected", "floor", "looks"}, of a price family also "family"
    # with how many products were looked at as one, and "refused", the reason why it could not be rolled back.
    watch = models.JSONField(default=dict, blank=True, editable=False)
    verdict = models.CharField(
        _("what became of it"), max_length=8, choices=Verdict.choices, default=Verdict.WATCHED, blank=True
    )

    class Meta:
        verbose_name = _("price change")
        verbose_name_plural = _("price changes")
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["channel", "-at"], name="ecomai_pricechange_at"),
            models.Index(fields=["kind", "verdict"], name="ecomai_pricechange_watch"),
            models.Index(fields=["batch"], name="ecomai_pricechange_batch"),
            models.Index(
                fields=["undoing_since"], condition=models.Q(undoing_since__isnull=False),
                name="ecomai_pricechange_undoing",
            ),
        ]  # fmt: skip
        permissions = [("undo_pricechange", _("Can undo price changes"))]

    def __str__(self) -> str:
        return f"{self.product}: {self.old_price.normalize():f} → {self.new_price.normalize():f} {self.currency}"
