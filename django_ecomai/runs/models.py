"""Heavy work and what it leaves behind."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.core.registry import job_kinds


class Run(models.Model):
    """One execution of a job kind, with progress that a merchant can watch."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    kind = models.CharField(_("job"), max_length=64)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(_("progress"), default=0.0)  # 0..1
    message = models.CharField(_("message"), max_length=255, default="", blank=True)
    log = models.TextField(_("log"), default="", blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    metrics = models.JSONField(_("results"), default=dict, blank=True)
    error = models.TextField(_("error"), default="", blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("started by")
    )
    dispatched_via = models.CharField(_("ran through"), max_length=16, default="", blank=True)
    worker = models.CharField(_("worker"), max_length=128, default="", blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes = [
            models.Index(fields=["kind", "channel", "-id"], name="ecomai_run_kind"),
            models.Index(fields=["state", "heartbeat_at"], name="ecomai_run_state"),
        ]
        constraints = [
            # Two trainings of one kind at once would race for the live pointer.
            models.UniqueConstraint(
                fields=["kind", "channel"], condition=models.Q(state="running"), name="ecomai_run_one_running"
            ),
        ]
        permissions = [
            ("start_run", _("Can start jobs")),
            ("rollback_artifact", _("Can put an earlier model live")),
        ]

    def __str__(self) -> str:
        label = job_kinds.get(self.kind).label if self.kind in job_kinds else self.kind
        return f"{label} #{self.pk}"


class Artifact(models.Model):
    """A trained model on disk: a folder of ``.npy`` files with a manifest."""

    kind = models.CharField(_("kind"), max_length=64)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    run = models.ForeignKey(
        Run, models.SET_NULL, null=True, blank=True, related_name="artifacts", verbose_name=_("run")
    )
    path = models.CharField(_("folder"), max_length=255, unique=True)  # relative to ECOMAI["ARTIFACT_DIR"]
    sha256 = models.CharField(_("hash"), max_length=64)
    size = models.BigIntegerField(_("bytes"), default=0)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    passed_gate = models.BooleanField(_("passed the quality gate"), default=False)
    # The last event or order it learned from: erasures after it invalidate it.
    data_until = models.DateTimeField(_("learned from data until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        indexes = [models.Index(fields=["kind", "channel", "-id"], name="ecomai_artifact_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha256[:8]}"


class LiveArtifact(models.Model):
    """Which artifact of a kind serves a channel: flipping this row is going live."""

    kind = models.CharField(_("kind"), max_length=64)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="live_in", verbose_name=_("model"))
    previous = models.ForeignKey(
        Artifact, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("before")
    )
    flipped_at = models.DateTimeField(_("live since"), auto_now=True)

    class Meta:
        verbose_name = _("live model")
        verbose_name_plural = _("live models")
        constraints = [models.UniqueConstraint(fields=["kind", "channel"], name="ecomai_live_uniq")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.artifact_id}"


class Heartbeat(models.Model):
    """When a worker or the scheduler was last seen: beat that is silently idle shows up here."""

    name = models.CharField(max_length=128, unique=True)  # "worker:host" or "beat"
    seen_at = models.DateTimeField()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
