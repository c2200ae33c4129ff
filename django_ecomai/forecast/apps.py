from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ForecastConfig(AppConfig):
    name = "django_ecomai.forecast"
    label = "ecomai_forecast"
    verbose_name = _("Forecasts")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import (
            Card,
            JobKind,
            dashboard_cards,
            doctor_checks,
            job_kinds,
            personal_data,
            prunes,
        )

        from . import checks, job
        from .cards import forecast_context
        from .diagnosis import diagnose

        job_kinds.register(
            "forecast.train",
            JobKind(
                execute=job.train,
                label=_("Make forecasts"),
                page="admin:ecomai_forecast_forecast_changelist",
                help=_(
                    "Learns from orders, prices, promotions and holidays what will be sold, tests the result beside a "
                    "simple forecast and stores it if it is better."
                ),
                schedule="15 4 * * *",
            ),
        )
        prunes.register("forecast", job.prune)
        if "forecast.staff" not in personal_data:
            personal_data.register(
                "forecast.staff",
                staff_records(
                    _("Forecasts and targets that an employee entered"),
                    {
                        "ecomai_forecast.ForecastOverride": ("author", "withdrawn_by"),
                        "ecomai_forecast.SalesTarget": ("author",),
                        "ecomai_forecast.ForecastChange": ("user", "undone_by"),
                    },
                ),
            )
        doctor_checks.register("forecast", diagnose)
        dashboard_cards.register(
            "forecast.sales",
            Card(
                title=_("What will be sold"),
                template="ecomai/forecast/card.html",
                context=forecast_context,
                permission="ecomai_forecast.view_forecast",
                order=20,
                of_period=False,
            ),
        )
        del checks  # imported for its registration
