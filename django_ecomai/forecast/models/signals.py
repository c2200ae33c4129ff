"""Signals from outside the shop: market trends, weather, media budgets, known or planned per day."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Signal(models.Model):
    """A number per day that may explain sales of the whole shop."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    key = models.SlugField(_("key"), max_length=32, help_text=_("Short name for files and the API."))
    name = models.CharField(_("name"), max_length=128)
    description = models.CharField(_("what it is"), max_length=255, default="", blank=True)
    is_active = models.BooleanField(_("used for forecasts"), default=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)

    class Meta:
        verbose_name = _("signal")
        verbose_name_plural = _("signals")
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="ecomai_signal_uniq")]

    def __str__(self) -> str:
        return self.name


class SignalValue(models.Model):
    """The value of a signal from a day on, until the next one."""

    signal = models.ForeignKey(Signal, models.CASCADE, related_name="values", verbose_name=_("signal"))
    day = models.DateField(_("day"))
    value = models.FloatField(_("value"))

    class Meta:
        verbose_name = _("value of a signal")
        verbose_name_plural = _("values of signals")
        constraints = [models.UniqueConstraint(fields=["signal", "day"], name="ecomai_signalvalue_uniq")]

    def __str__(self) -> str:
        return f"{self.day}: {self.value}"
