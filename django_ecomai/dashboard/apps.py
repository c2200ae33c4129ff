from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DashboardConfig(AppConfig):
    name = "django_ecomai.dashboard"
    label = "ecomai_dashboard"
    verbose_name = _("EcomAI")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from .receivers import merchant_role_after_migrate

        post_migrate.connect(merchant_role_after_migrate, dispatch_uid="ecomai_dashboard.merchant_role")
