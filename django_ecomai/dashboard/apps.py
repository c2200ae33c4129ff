from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardConfig(AppConfig):
    name = "django_ecomai.dashboard"
    label = "ecomai_dashboard"
    verbose_name = _("EcomAI")
    default_auto_field = "django.db.models.BigAutoField"
