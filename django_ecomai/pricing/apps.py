from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PricingConfig(AppConfig):
    name = "django_ecomai.pricing"
    label = "ecomai_pricing"
    verbose_name = _("Prices")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import personal_data

        from . import market_cards, market_checks, market_jobs

        market_jobs.register()
        market_cards.register()
        if "pricing.matches" not in personal_data:
            personal_data.register(
                "pricing.matches",
                staff_records(
                    _("Decisions of an employee about competitors' offers"),
                    {"ecomai_pricing.CompetitorMatch": ("decided_by",)},
                ),
            )
        del market_checks  # imported for its registration
