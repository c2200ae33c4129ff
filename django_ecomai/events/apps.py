from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    name = "django_ecomai.events"
    label = "ecomai_events"
    verbose_name = _("Shopper behaviour")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.metrics import metric_sources
        from django_ecomai.core.registry import (
            JobKind,
            PersonalData,
            doctor_checks,
            job_kinds,
            minutely,
            personal_data,
            prunes,
        )

        from . import jobs, personal, receivers
        from .doctor import doctor
        from .doctor_capture import capture_doctor
        from .figures import figures
        from .queues.upkeep import capture_tend

        receivers.connect()
        receivers.connect_migrate(self)
        doctor_checks.register("events", doctor)
        doctor_checks.register("capture", capture_doctor)
        prunes.register("events", jobs.prune)
        minutely.register("events", capture_tend)
        metric_sources.register("capture", figures)
        if "events.partitions" not in job_kinds:
            job_kinds.register(
                "events.partitions",
                JobKind(
                    jobs.partitions_job,
                    label=_("Make room in the event log"),
                    help=_("Creates next months' tables on PostgreSQL. Needed at least once in two years."),
                    schedule="10 4 * * 1",
                ),
            )
        if "events" not in personal_data:
            personal_data.register(
                "events",
                PersonalData(
                    label=_("What a shopper looked at, searched for and clicked"),
                    purpose=_("statistics and recommendations"),
                    export=personal.export,
                    erase=personal.erase,
                    columns=personal.COLUMNS,
                    explanation=_(
                        "Recorded while you had agreed: products you looked at, searched for, put into the cart and "
                        "bought, under a pseudonym that nobody can turn back into your browser's cookie."
                    ),
                    kept=personal.kept,
                ),
            )
