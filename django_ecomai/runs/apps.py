from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RunsConfig(AppConfig):
    name = "django_ecomai.runs"
    label = "ecomai_runs"
    verbose_name = _("Training and jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.metrics import metric_sources
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import JobKind, doctor_checks, job_kinds, personal_data, prunes

        from . import checks  # noqa: F401
        from .doctor import CHECKS
        from .figures import figures
        from .services import artifacts_prune, heartbeats_prune, runs_prune
        from .services.prune import prune_run, verify_run

        for name, check in CHECKS.items():
            doctor_checks.register(f"runs.{name}", check)
        metric_sources.register("runs", figures)
        prunes.register("artifacts", artifacts_prune)
        if "runs.staff" not in personal_data:
            personal_data.register(
                "runs.staff", staff_records(_("Jobs that an employee started"), {"ecomai_runs.Run": ("started_by",)})
            )
        prunes.register("runs", runs_prune)
        prunes.register("heartbeats", heartbeats_prune)
        job_kinds.register(
            "runs.verify",
            JobKind(
                execute=verify_run,
                label=_("Check models"),
                help=_("Reads the models that serve and puts an earlier one live in place of a damaged one."),
                schedule="35 5 * * *",
                per_channel=False,
            ),
        )
        job_kinds.register(
            "runs.prune",
            JobKind(
                execute=prune_run,
                label=_("Clean up"),
                help=_("Deletes models, runs and events that are older than the settings keep them."),
                schedule="50 4 * * *",
                per_channel=False,
            ),
        )
