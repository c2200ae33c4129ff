"""Who decided what, with the values before and after it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .suggestions import Suggestion


class Decision(models.Model):
    """A decision about a suggestion; it can be undone until it has become an order."""

    class Action(models.TextChoices):
        ACCEPT = "accept", _("accepted")
        EDIT = "edit", _("accepted with another quantity")
        SNOOZE = "snooze", _("later")
        REJECT = "reject", _("rejected")
        ORDER = "order", _("put into a purchase order")
        UNDO = "undo", _("undone")

    suggestion = models.ForeignKey(
        Suggestion, models.CASCADE, related_name="decisions", verbose_name=_("replenishment suggestion")
    )
    action = models.CharField(_("decision"), max_length=16, choices=Action.choices)
    at = models.DateTimeField(_("when"), auto_now_add=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )
    before = models.JSONField(default=dict, editable=False)
    after = models.JSONField(default=dict, editable=False)
    undone_at = models.DateTimeField(_("undone"), null=True, blank=True)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-id"]
        permissions = [("undo_decision", _("Can undo a decision"))]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.suggestion_id}"
