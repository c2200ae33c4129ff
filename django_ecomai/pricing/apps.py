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
        from django_ecomai.core.registry import doctor_checks, personal_data, price_elasticities, product_weights

        from . import (
            apply_job,
            cards,
            checks,
            forgetting,
            jobs,
            ledger_job,
            market_cards,
            market_checks,
            market_jobs,
            offers_import_job,
            offers_job,
            product_panel,
            receivers,
            selection_job,
        )
        from .diagnosis import diagnose
        from .steering import known_elasticities, margin_weights

        for one in (
            jobs,
            apply_job,
            selection_job,
            ledger_job,
            market_jobs,
            offers_import_job,
            offers_job,
            forgetting,
            cards,
            market_cards,
            product_panel,
        ):
            one.register()
        receivers.connect()
        doctor_checks.register("pricing", diagnose)
        if "pricing.staff" not in personal_data:
            personal_data.register(
                "pricing.staff",
                staff_records(
                    _("Decisions of an employee about prices"),
                    {
                        "ecomai_pricing.PriceProposal": ("decided_by", "seconded_by"),
                        "ecomai_pricing.PriceChange": ("user", "seconded_by", "undoing_by"),
                        "ecomai_pricing.PriceLimits": ("user",),
                        "ecomai_pricing.PriceSelection": ("made_by", "confirmed_by"),
                        "ecomai_pricing.PriceTest": ("started_by", "approved_by"),
                        "ecomai_pricing.PriceTestGroup": ("started_by",),
                        "ecomai_pricing.VolumeOffer": ("dismissed_by", "approved_by", "seconded_by"),
                        "ecomai_pricing.CompetitorMatch": ("decided_by",),
                    },
                ),
            )
        price_elasticities.register("pricing", known_elasticities)
        product_weights.register("pricing", margin_weights)
        del checks, market_checks  # imported for their registration
