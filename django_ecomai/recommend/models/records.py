"""What a job counted and what staff changed: written by us, never edited by hand."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SlotStat(models.Model):
    """What a carousel brought within the counted days, written by the job ``recommend.value``.

    ``slot`` is the carousel's key as a string, or the strategy where a page asks for one directly; the row without a
    placement holds the whole shop. ``value`` is the expected revenue of one impression per unit of price: chance of a
    click × chance that a click leads to a purchase, both smoothed.
    """

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    placement = models.CharField(_("placement"), max_length=64, default="", blank=True)
    slot = models.CharField(_("carousel"), max_length=32, default="", blank=True)
    impressions = models.PositiveBigIntegerField(_("impressions"), default=0)
    clicks = models.PositiveBigIntegerField(_("clicks"), default=0)
    purchases = models.PositiveBigIntegerField(_("purchases"), default=0)
    value = models.FloatField(_("expected value"), default=0.0)
    counted_at = models.DateTimeField(_("counted"))

    class Meta:
        verbose_name = _("result of a carousel")
        verbose_name_plural = _("results of carousels")
        constraints = [models.UniqueConstraint(fields=["channel", "placement", "slot"], name="ecomai_slotstat_uniq")]

    def __str__(self) -> str:
        return f"{self.placement}/{self.slot}"


class Revision(models.Model):
    """One change of a placement, carousel, rule or set in the admin, with the values before and after it.

    ``before`` and ``after`` are lists of ``{"model", "pk", "fields"}`` (fields as Django's serializer writes them);
    what was added is missing in ``before``, what was deleted in ``after``.
    """

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    model = models.CharField(max_length=64, editable=False)
    object_id = models.CharField(max_length=64, editable=False)
    label = models.CharField(_("what"), max_length=200)
    summary = models.TextField(_("change"), default="", blank=True)
    before = models.JSONField(default=list, editable=False)
    after = models.JSONField(default=list, editable=False)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("undone by")
    )

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-id"]
        indexes = [models.Index(fields=["model", "object_id"], name="ecomai_revision_object")]
        permissions = [("undo_revision", _("Can undo a change"))]

    def __str__(self) -> str:
        return f"{self.label} ({self.at:%Y-%m-%d %H:%M})"
