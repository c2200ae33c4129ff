"""What people changed of targets, signals and by files, so that it can be undone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ForecastChange(models.Model):
    """One change with the rows (``core.undo.Row``) before and after it. Kept for `changes.KEPT_DAYS`."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    label = models.CharField(_("what"), max_length=200)
    summary = models.TextField(_("change"), default="", blank=True)
    before = models.JSONField(default=list, editable=False)
    after = models.JSONField(default=list, editable=False)
    # Permissions that undoing it needs, so that a list of changes reads no rows; NULL: told by the rows.
    needs = models.JSONField(null=True, editable=False)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("undone by")
    )

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["channel", "-id"], name="ecomai_forecastchange_channel")]

    def __str__(self) -> str:
        return self.label
