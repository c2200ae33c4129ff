from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecommendConfig(AppConfig):
    name = "django_ecomai.recommend"
    label = "ecomai_recommend"
    verbose_name = _("Recommendations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.registry import JobKind, doctor_checks, job_kinds

        from . import checks, receivers
        from .diagnosis import diagnose
        from .job import train
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
        doctor_checks.register("recommend", diagnose)
        del checks  # imported for its registration
