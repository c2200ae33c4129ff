"""What people decide about forecasts: overrides with a reason, and targets."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .results import Level


class ForecastOverride(models.Model):
    """A merchant's better knowledge: a number or a percentage for a span of days, with who, why and until when."""

    class Kind(models.TextChoices):
        PERCENT = "percent", _("percent more or less")
        VALUE = "value", _("pieces in the whole span")

    LEVELS = (Level.PRODUCT, Level.CATEGORY, Level.SHOP)

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    level = models.CharField(
        _("level"), max_length=16, choices=[(one.value, one.label) for one in LEVELS], default=Level.PRODUCT
    )
    product = models.ForeignKey(
        "ecomai_mirror.Product",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="forecast_overrides",
        verbose_name=_("product"),
    )
    category = models.ForeignKey(
        "ecomai_mirror.Category",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="forecast_overrides",
        verbose_name=_("category"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.PERCENT)
    value = models.DecimalField(_("value"), max_digits=14, decimal_places=3)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"))
    reason = models.CharField(_("reason"), max_length=255)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    expires_on = models.DateField(
        _("expires"), null=True, blank=True, help_text=_("From this day on it is not applied any more.")
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("withdrawn by"),
    )

    class Meta:
        verbose_name = _("override")
        verbose_name_plural = _("overrides")
        indexes = [models.Index(fields=["channel", "ends_on"], name="ecomai_override_ends")]
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="ecomai_override_span"),
        ]

    def __str__(self) -> str:
        number = f"{self.value.normalize():f}"
        if self.kind == self.Kind.PERCENT:
            number = f"{'+' if self.value > 0 else ''}{number} %"
        return f"{number}, {self.starts_on} – {self.ends_on}"

    @property
    def target(self) -> str:
        """The product or category that it is about; empty for the whole shop."""
        return str(self.product or self.category or "")


class SalesTarget(models.Model):
    """What the shop, a category or a segment is to sell in a span of days, in money."""

    LEVELS = (Level.SHOP, Level.CATEGORY, Level.COUNTRY, Level.SEGMENT)

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    level = models.CharField(
        _("level"), max_length=16, choices=[(one.value, one.label) for one in LEVELS], default=Level.SHOP
    )
    key = models.CharField(
        _("of"),
        max_length=64,
        default="",
        blank=True,
        help_text=_("The shop's id of the category, the country or the segment; empty for the whole shop."),
    )
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"))
    amount = models.DecimalField(_("amount"), max_digits=14, decimal_places=2)
    note = models.CharField(_("note"), max_length=255, default="", blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("sales target")
        verbose_name_plural = _("sales targets")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "level", "key", "starts_on", "ends_on"], name="ecomai_salestarget_uniq"
            ),
            models.CheckConstraint(condition=models.Q(ends_on__gte=models.F("starts_on")), name="ecomai_target_span"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} ({self.starts_on} – {self.ends_on})"
