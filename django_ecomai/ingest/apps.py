from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IngestConfig(AppConfig):
    name = "django_ecomai.ingest"
    label = "ecomai_ingest"
    verbose_name = _("Shops elsewhere")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import personal_data, prunes

        from . import checks, personal
        from .services.answers import answers_prune
        from .services.deliveries import deliveries_prune

        personal.register()
        personal_data.register(
            "ingest.staff",
            staff_records(_("API keys that an employee made"), {"ecomai_ingest.ApiKey": ("created_by",)}),
        )
        prunes.register("answers to deliveries", answers_prune)
        prunes.register("webhooks received", deliveries_prune)
        del checks  # imported for its registration
