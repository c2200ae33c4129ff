"""Many prices that are decided by one confirmation: exactly those that were chosen, and what became of each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class PriceSelection(models.Model):
    """Which prices somebody chose, as they stood on the page that asked; a job approves them or takes them back."""

    class Kind(models.TextChoices):
        APPROVE = "approve", _("approve")
        UNDO = "undo", _("take back")

    kind = models.CharField(_("what is done"), max_length=8, choices=Kind.choices)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    made_at = models.DateTimeField(_("chosen"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("chosen by")
    )
    # The filters that found them, as the page or the request named them: for people, rows are in the parts.
    filters = models.JSONField(_("filters"), default=dict, blank=True)
    number = models.PositiveIntegerField(_("prices"), default=0)
    # What they come to together, as it was shown: the fields of ``worklist.Together``.
    sums = models.JSONField(default=dict, blank=True, editable=False)

    # What was confirmed; prices approved by it have this batch.
    batch = models.CharField(max_length=32, unique=True, editable=False)
    apply_at = models.DateTimeField(_("to be applied at"), null=True, blank=True)
    canary_share = models.FloatField(_("share that goes first"), null=True, blank=True)
    against_limits = models.BooleanField(_("although limits forbid it"), default=False)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("confirmed by"),
    )  # fmt: skip
    run_number = models.BigIntegerField(_("run"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("decision about many prices")
        verbose_name_plural = _("decisions about many prices")
        indexes = [models.Index(fields=["channel", "-made_at"], name="ecomai_pricesel_made")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"


class PriceSelectionPart(models.Model):
    """Some prices of a selection, decided together; families are never cut."""

    selection = models.ForeignKey(PriceSelection, models.CASCADE, related_name="parts", db_index=False)
    place = models.PositiveIntegerField(_("place"))
    # [[key, price that was seen], ...]
    rows = models.JSONField(default=list, editable=False)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    done = models.PositiveIntegerField(_("decided"), default=0)
    # Approved by the first of two.
    first = models.PositiveIntegerField(_("first approvals"), default=0)
    # [[key, product, {"code", "named"}], ...]: left out, and why.
    skipped = models.JSONField(default=list, editable=False)
    skipped_number = models.PositiveIntegerField(_("left out"), default=0)
    # Some were left out by an error: the next attempt tries those again.
    has_errors = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("part of a decision")
        verbose_name_plural = _("parts of a decision")
        ordering = ["selection", "place"]
        constraints = [models.UniqueConstraint(fields=["selection", "place"], name="ecomai_pricesel_part")]

    def __str__(self) -> str:
        return f"{self.selection_id}/{self.place}"
