from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PricingConfig(AppConfig):
    name = "django_ecomai.pricing"
    label = "ecomai_pricing"
    verbose_name = _("Prices")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import cards, jobs, ledger_job, receivers

        jobs.register()
        ledger_job.register()
        cards.register()
        receivers.connect()
