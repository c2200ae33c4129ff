"""The cleaning report of every sync: what was found in the shop's data and what was done with it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class SyncReport(models.Model):
    """One sync or reconcile, with counts per table and a resume point."""

    class Mode(models.TextChoices):
        FULL = "full", _("full sync")
        SINCE = "since", _("changes only")
        RECONCILE = "reconcile", _("reconcile")

    channel = models.CharField(max_length=32, default="", blank=True)
    mode = models.CharField(_("mode"), max_length=16, choices=Mode.choices, default=Mode.FULL)
    run = models.ForeignKey("ecomai_runs.Run", models.SET_NULL, null=True, blank=True, related_name="+")
    dry_run = models.BooleanField(_("dry run"), default=False)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # {"product": {"seen": 10, "created": 1, "updated": 2, "unchanged": 7, "removed": 0, "skipped": 0, "drifted": 0}}
    counts = models.JSONField(_("counts"), default=dict, blank=True)
    # Where a killed sync goes on: {"table": "order", "done": ["product"], "finished": {"product": "2026-11-01T02…"}}.
    resume = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("sync report")
        verbose_name_plural = _("sync reports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_mode_display()} {self.started_at:%Y-%m-%d %H:%M}"


class SyncIssue(models.Model):
    """One kind of finding in one table, with how often and a few examples."""

    report = models.ForeignKey(SyncReport, models.CASCADE, related_name="issues")
    table = models.CharField(_("table"), max_length=32)
    code = models.CharField(
        _("finding"), max_length=48
    )  # e.g. "missing_customer", "duplicate_line", "price_not_positive"
    column = models.CharField(_("column"), max_length=64, default="", blank=True)
    action = models.CharField(
        _("what was done"), max_length=32
    )  # "kept" | "skipped" | "corrected" | "kept_as_return" ...
    count = models.PositiveIntegerField(_("how often"), default=0)
    # [{"id": "536365", "line": 12, "value": "-3"}], a handful.
    examples = models.JSONField(_("examples"), default=list, blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = [
            models.UniqueConstraint(
                fields=["report", "table", "code", "column", "action"], name="ecomai_syncissue_uniq"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.table}: {self.code} × {self.count}"
