from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ForecastConfig(AppConfig):
    name = "django_ecomai.forecast"
    label = "ecomai_forecast"
    verbose_name = _("Forecasts")
    default_auto_field = "django.db.models.BigAutoField"
