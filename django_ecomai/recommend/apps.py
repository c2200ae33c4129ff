from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecommendConfig(AppConfig):
    name = "django_ecomai.recommend"
    label = "ecomai_recommend"
    verbose_name = _("Recommendations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import (
            Card,
            JobKind,
            customer_features,
            dashboard_cards,
            doctor_checks,
            job_kinds,
            personal_data,
        )
        from django_ecomai.core.registry import suggestion_reasons as reasons_registry

        from . import checks, receivers
        from .cards import performance_context
        from .diagnosis import diagnose
        from .explaining import suggestion_reasons
        from .job import count_values, prefer, train
        from .preferences import FEATURE, PERSONAL
        from .strategies import register_builtin

        register_builtin()
        receivers.connect()
        job_kinds.register(
            "recommend.train",
            JobKind(
                execute=train,
                label=_("Train recommendations"),
                help=_(
                    "Learns from orders and behaviour, tests the result beside simple baselines and lets it serve "
                    "if it is better."
                ),
                schedule="15 3 * * *",
            ),
        )
        job_kinds.register(
            "recommend.value",
            JobKind(
                execute=count_values,
                label=_("Count what carousels bring"),
                help=_(
                    "Counts impressions, clicks and purchases of the last 30 days per carousel, so that a placement "
                    "can put the one on top that is expected to earn most."
                ),
                schedule="45 2 * * *",
            ),
        )
        job_kinds.register(
            "recommend.preferences",
            JobKind(
                execute=prefer,
                label=_("Work out category preferences"),
                help=_(
                    "Tells for every customer from which categories the next order is likely to be. "
                    'Only with ECOMAI["CUSTOMER_PREFERENCES"].'
                ),
                schedule="45 4 * * 0",
            ),
        )
        reasons_registry.register("recommend", suggestion_reasons)
        customer_features.register("recommend.preferences", FEATURE)
        personal_data.register("recommend.preferences", PERSONAL)
        if "recommend.staff" not in personal_data:
            personal_data.register(
                "recommend.staff",
                staff_records(
                    _("Changes of carousels by an employee"), {"ecomai_recommend.Revision": ("user", "undone_by")}
                ),
            )
        doctor_checks.register("recommend", diagnose)
        dashboard_cards.register(
            "recommend.performance",
            Card(
                title=_("What recommendations brought"),
                template="ecomai/recommend/card_performance.html",
                context=performance_context,
                permission="ecomai_recommend.view_placement",
                order=10,
            ),
        )
        del checks  # imported for its registration
