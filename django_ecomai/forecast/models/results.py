"""What the training found: one row per series, its numbers as arrays, so that a catalogue is stored in seconds."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Frequency(models.TextChoices):
    """Length of a period."""

    DAY = "D", _("day")
    WEEK = "W", _("week")
    MONTH = "M", _("month")


class Level(models.TextChoices):
    """What a series adds up."""

    SHOP = "shop", _("whole shop")
    CATEGORY = "category", _("category")
    COUNTRY = "country", _("country")
    SEGMENT = "segment", _("customer segment")
    PRODUCT = "product", _("product")


class Measure(models.TextChoices):
    """What is counted."""

    PIECES = "pieces", _("pieces")
    MONEY = "money", _("sales")


class DemandClass(models.TextChoices):
    """Syntetos, Boylan and Croston (2005): by the interval between sales and how much their size varies."""

    SMOOTH = "smooth", _("smooth")
    ERRATIC = "erratic", _("erratic")
    INTERMITTENT = "intermittent", _("intermittent")
    LUMPY = "lumpy", _("lumpy")
    COLD = "cold", _("not sold yet")
    OBSOLETE = "obsolete", _("no longer sold")


class Series(models.Model):
    """What names a series: shop, what is counted, level and the shop's id of the product or category."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    measure = models.CharField(_("measure"), max_length=8, choices=Measure.choices, default=Measure.PIECES)
    level = models.CharField(_("level"), max_length=16, choices=Level.choices, default=Level.PRODUCT)
    # "" for the whole shop, else the shop's id of the product or category, the country or the segment.
    key = models.CharField(_("of"), max_length=64, default="", blank=True)
    frequency = models.CharField(_("period"), max_length=1, choices=Frequency.choices, default=Frequency.WEEK)

    class Meta:
        abstract = True


class Forecast(Series):
    """The forecast of one series, from ``starts_on`` on, one number per period in each array."""

    product = models.ForeignKey(
        "ecomai_mirror.Product",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="forecasts",
        verbose_name=_("product"),
    )
    # Copied, so that a list needs no join and a search finds it.
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    starts_on = models.DateField(_("from"))
    mean = models.JSONField(_("expected"), default=list)
    lo_80 = models.JSONField(default=list)
    hi_80 = models.JSONField(default=list)
    lo_95 = models.JSONField(default=list)
    hi_95 = models.JSONField(default=list)
    # The last periods before it, null where demand could not be seen, for charts without a scan of the orders.
    history_starts_on = models.DateField(_("history from"), null=True, blank=True)
    history = models.JSONField(_("sold before"), default=list)
    # {"trend": […], "season": […], "holiday": […], "price": […], "promotion": […], "rest": […]}, by period from
    # ``components_start`` on; only parts that are not zero.
    components = models.JSONField(_("drivers"), default=dict, blank=True)
    components_start = models.DateField(null=True, blank=True)
    demand_class = models.CharField(
        _("kind of demand"), max_length=16, choices=DemandClass.choices, default="", blank=True
    )
    model = models.CharField(_("model"), max_length=255, default="", blank=True)
    # {"wape", "bias", "rmsse", "coverage_80", "naive_wape", "windows", "adi", "cv2"} from the backtest.
    accuracy = models.JSONField(_("accuracy"), default=dict, blank=True)
    # Share of each weekday in what the shop sells, Monday first; filled for the whole shop only.
    weekdays = models.JSONField(default=list, blank=True, editable=False)
    # Sum of ``mean``, for sorting.
    total = models.FloatField(_("expected in the whole span"), default=0.0)
    made_on = models.DateField(_("with data until"))
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    # Hash of what it was learned from: a nightly run leaves out what has not changed.
    fingerprint = models.CharField(max_length=32, default="", editable=False)
    run = models.ForeignKey(
        "ecomai_runs.Run", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("run")
    )

    class Meta:
        verbose_name = _("forecast")
        verbose_name_plural = _("forecasts")
        constraints = [
            models.UniqueConstraint(fields=["channel", "measure", "level", "key"], name="ecomai_forecast_uniq"),
        ]
        indexes = [
            models.Index(fields=["channel", "measure", "level", "-total"], name="ecomai_forecast_total"),
        ]

    def __str__(self) -> str:
        return self.title or self.key or str(self.get_level_display())


class PastForecast(Series):
    """What was forecast for one period before it began, beside the naive forecast and, afterwards, what happened."""

    product = models.ForeignKey(
        "ecomai_mirror.Product", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    period = models.DateField(_("period"))
    # Periods ahead: 1 is the last forecast before the period began.
    lag = models.PositiveSmallIntegerField(_("periods ahead"), default=1)
    model_value = models.FloatField(_("forecast by the model"))
    final_value = models.FloatField(_("forecast with overrides"))
    naive_value = models.FloatField(_("simple forecast"), null=True, blank=True)
    lo_80 = models.FloatField(null=True, blank=True)
    hi_80 = models.FloatField(null=True, blank=True)
    actual = models.FloatField(_("what happened"), null=True, blank=True)
    made_on = models.DateField(_("with data until"))

    class Meta:
        verbose_name = _("past forecast")
        verbose_name_plural = _("past forecasts")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "measure", "level", "key", "frequency", "period", "lag"],
                name="ecomai_pastforecast_uniq",
            ),
        ]
        indexes = [
            models.Index(fields=["channel", "period"], name="ecomai_pastforecast_period"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.period}"
