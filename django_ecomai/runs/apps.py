from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RunsConfig(AppConfig):
    name = "django_ecomai.runs"
    label = "ecomai_runs"
    verbose_name = _("Training and jobs")
    default_auto_field = "django.db.models.BigAutoField"
