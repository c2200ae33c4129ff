"""Requests of persons, who has refused what, and the ledger of consents. None of them holds a name or an address."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_ecomai.conf import ecomai


def due_at_default() -> Any:
    """When a request made now is due."""
    return timezone.now() + timedelta(days=float(ecomai.REQUEST_DUE_DAYS))


class SubjectRequest(models.Model):
    """A person asks for his data, for their erasure, or that they are not used for suggestions.

    Who he is stands here until the request is finished; then only ``digest`` is left, by which he finds it again.
    """

    class Kind(models.TextChoices):
        EXPORT = "export", _("copy of the data")
        ERASE = "erase", _("erasure")
        OBJECT = "object", _("objection")

    class Status(models.TextChoices):
        UNCONFIRMED = "unconfirmed", _("to be confirmed")
        OPEN = "open", _("open")
        MODELS = "models", _("erased, models follow")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("withdrawn")

    class Origin(models.TextChoices):
        ACCOUNT = "account", _("the person, in the shop")
        ADMIN = "admin", _("staff, in the admin")

    reference = models.UUIDField(_("reference"), default=uuid.uuid4, unique=True, editable=False)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.OPEN)
    origin = models.CharField(_("made by"), max_length=16, choices=Origin.choices, default=Origin.ADMIN)
    customer_id = models.CharField(_("shop's customer id"), max_length=64, default="", blank=True)
    # All ids of the person, found while the tables still know them: {"customer": ["K-1"], "user": ["7"]}
    persons = models.JSONField(_("ids of the person"), default=dict, blank=True, editable=False)
    digest = models.CharField(_("fingerprint of the person"), max_length=32, default="", editable=False)
    requested_at = models.DateTimeField(_("made"), default=timezone.now, editable=False)
    due_at = models.DateTimeField(_("due"), default=due_at_default)
    # From here on rows go: it can no longer be withdrawn.
    begun_at = models.DateTimeField(_("begun"), null=True, blank=True, editable=False)
    carried_out_at = models.DateTimeField(_("carried out"), null=True, blank=True, editable=False)
    models_due_at = models.DateTimeField(_("models without the person by"), null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("handled by")
    )
    # {"tables": {"events": 12}, "models": [{"kind": "recommend", "state": "retrained", "at": "…"}], "scan": […]}
    outcome = models.JSONField(_("what was done"), default=dict, blank=True, editable=False)
    error = models.TextField(_("what went wrong"), default="", blank=True, editable=False)

    class Meta:
        verbose_name = _("request of a person")
        verbose_name_plural = _("requests of persons")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["status", "due_at"], name="ecomai_request_status"),
            models.Index(fields=["digest", "-id"], name="ecomai_request_digest"),
        ]
        permissions = [
            ("carry_out_subjectrequest", _("Can carry out requests of persons")),
            ("download_subjectrequest", _("Can download the data of a person")),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {str(self.reference)[:8]}"

    @property
    def visitor_ids(self) -> list[str]:
        """The person's visitors, until it is finished."""
        return [str(one) for one in self.persons.get("visitor", ())]

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in (self.Status.DONE, self.Status.CANCELLED)

    @property
    def is_late(self) -> bool:
        """Whether it should have been finished."""
        return not self.is_over and self.due_at < timezone.now()


class Refusal(models.Model):
    """Somebody, known by a keyed hash only, whose data must not be stored or not be used for a purpose."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    kind = models.CharField(_("kind of id"), max_length=16)  # "customer", "visitor", "user", "email"
    digest = models.CharField(_("keyed hash"), max_length=32)
    purpose = models.CharField(_("purpose"), max_length=24, default="", blank=True)  # empty: every purpose
    request = models.ForeignKey(
        SubjectRequest, models.SET_NULL, null=True, blank=True, related_name="refusals", verbose_name=_("request")
    )
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    # Web processes read the list again when the newest of these has changed.
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("refusal")
        verbose_name_plural = _("refusals")
        constraints = [
            models.UniqueConstraint(fields=["channel", "kind", "digest", "purpose"], name="ecomai_refusal_uniq"),
        ]
        indexes = [models.Index(fields=["channel", "changed_at"], name="ecomai_refusal_changed")]

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:8]}"


class ConsentRecord(models.Model):
    """One line of the ledger: a purpose was agreed to or withdrawn. Never changed, deleted by retention only."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    # Keyed hashes under a purpose of their own: the ledger cannot be joined with the log.
    visitor_digest = models.CharField(_("visitor"), max_length=32, default="", blank=True)
    customer_digest = models.CharField(_("customer"), max_length=32, default="", blank=True)
    purpose = models.CharField(_("purpose"), max_length=24)
    given = models.BooleanField(_("agreed"))
    at = models.DateTimeField(_("when"))
    origin = models.CharField(_("how"), max_length=128, default="", blank=True)
    version = models.CharField(_("version of the text"), max_length=64, default="", blank=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("ledger of consents")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["channel", "visitor_digest", "-id"], name="ecomai_consent_visitor"),
            models.Index(fields=["channel", "customer_digest", "-id"], name="ecomai_consent_customer"),
            models.Index(fields=["at"], name="ecomai_consent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {'+' if self.given else '-'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new line. Raises ``TypeError`` for one that is there: the ledger is never rewritten."""
        if self.pk is not None:
            raise TypeError("The ledger of consents is append-only: write a new line.")
        super().save(*args, **kwargs)


class ListRelease(models.Model):
    """The ledger of the privacy budget: each list that left the shop, and how much it may tell of a person."""

    class Kind(models.TextChoices):
        POPULAR = "popular", _("popular products")
        TOGETHER = "together", _("products bought together")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("list"), max_length=16, choices=Kind.choices)
    epsilon = models.DecimalField(_("epsilon"), max_digits=8, decimal_places=4)
    delta = models.FloatField(_("delta"), default=0.0)
    most = models.PositiveIntegerField(_("entries per customer at most"))
    at = models.DateTimeField(_("when"), default=timezone.now)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("who")
    )

    class Meta:
        verbose_name = _("released list")
        verbose_name_plural = _("released lists")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["channel", "number"], name="ecomai_release_uniq")]
        indexes = [models.Index(fields=["channel", "at"], name="ecomai_release_at")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.number}"
