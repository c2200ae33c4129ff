"""Keys of shops elsewhere, and what makes their deliveries safe to repeat."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Scope(models.TextChoices):
    """What a key opens."""

    CATALOGUE = "catalogue:write", _("send products, categories, prices, stock and promotions")
    CUSTOMERS = "customers:write", _("send customers and their consents")
    ORDERS = "orders:write", _("send orders and reviews")
    EVENTS = "events:write", _("send what shoppers do")
    RECOMMENDATIONS = "recommendations:read", _("ask for recommendations, also for one customer")
    PRICES = "prices:hold", _("hold prices that were shown, and read the price ledger")


class ApiKey(models.Model):
    """A key with which the server of a shop elsewhere sends data and asks for recommendations.

    Only its beginning and a keyed hash are stored: it is shown once, when it is made.
    """

    name = models.CharField(
        _("name"), max_length=64, help_text=_("Who uses it, e.g. “Storefront” or “Nightly export”.")
    )
    channel = models.CharField(
        _("channel"),
        max_length=32,
        default="",
        blank=True,
        help_text=_("Which shop it is for. Leave it empty when there is only one."),
    )
    scopes = models.JSONField(_("rights"), default=list)
    prefix = models.CharField(_("begins with"), max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=32, editable=False)
    created_at = models.DateTimeField(_("issued"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("issued by"),
    )
    expires_at = models.DateTimeField(
        _("valid until"), null=True, blank=True, help_text=_("Leave it empty for a key that never ends.")
    )
    revoked_at = models.DateTimeField(pgettext_lazy("key", "revoked"), null=True, blank=True, editable=False)
    # To the hour: enough to find keys that nobody uses, and no write per request.
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        permissions = [("revoke_apikey", _("Can revoke an API key"))]
        constraints = [models.UniqueConstraint(fields=["channel", "name"], name="ecomai_apikey_name")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_valid(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def may(self, scope: str) -> bool:
        """Whether it opens ``scope``."""
        return scope in (self.scopes or ())


class DeliveryAnswer(models.Model):
    """The answer to a delivery that carried an ``Idempotency-Key``: sent again, it gets the same answer.

    It holds numbers of rows and codes, no id of a person.
    """

    key = models.ForeignKey(ApiKey, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=32)  # keyed hash of the header and the address
    body_digest = models.CharField(max_length=64)  # SHA-256
    started_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)  # NULL while the delivery is being worked on
    answer = models.JSONField(null=True)

    class Meta:
        verbose_name = _("answer to a delivery")
        verbose_name_plural = _("answers to deliveries")
        constraints = [models.UniqueConstraint(fields=["key", "digest"], name="ecomai_deliveryanswer_uniq")]
        indexes = [models.Index(fields=["started_at"], name="ecomai_answer_started")]

    def __str__(self) -> str:
        return f"{self.digest[:8]} {self.status or '…'}"


class RowVersion(models.Model):
    """How new the newest delivered version of a row is: an older one that comes late does not overwrite it.

    The row is named by a keyed hash, so that nobody can be read off it.
    """

    digest = models.CharField(max_length=32, unique=True)
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = _("version of a row")
        verbose_name_plural = _("versions of rows")

    def __str__(self) -> str:
        return f"{self.digest[:8]} {self.updated_at:%Y-%m-%d %H:%M:%S}"


class Webhook(models.Model):
    """A webhook that was received: what it was about and what became of it. Its content is not kept."""

    class Outcome(models.TextChoices):
        APPLIED = "applied", _("taken over")
        IGNORED = "ignored", _("ignored: not needed")
        REJECTED = "rejected", _("rejected: see reason")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    source = models.CharField(_("from"), max_length=16, default="saleor")
    event = models.CharField(_("event"), max_length=64)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    received_at = models.DateTimeField(_("received"))
    issued_at = models.DateTimeField(_("sent"), null=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, default=Outcome.APPLIED)
    reason = models.CharField(_("reason"), max_length=64, default="", blank=True)
    rows = models.PositiveIntegerField(_("rows"), default=0)

    class Meta:
        verbose_name = _("webhook received")
        verbose_name_plural = _("webhooks received")
        indexes = [models.Index(fields=["received_at"], name="ecomai_webhook_received")]

    def __str__(self) -> str:
        return self.event


def scopes_shown(scopes: Any) -> list[str]:
    """Scopes in words; one that this version does not know is shown as it is."""
    labels = dict(Scope.choices)
    return [str(labels.get(scope, scope)) for scope in scopes or ()]
