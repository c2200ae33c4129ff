from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "django_ecomai.privacy"
    label = "ecomai_privacy"
    verbose_name = _("Privacy")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_ecomai.core.persons import staff_records
        from django_ecomai.core.registry import JobKind, doctor_checks, job_kinds, personal_data, prunes, refusals
        from django_ecomai.events.signals import consent_changed

        from . import checks, jobs, ledger, personal
        from .doctor import diagnose
        from .refusing import REFUSALS, refusals_prune
        from .services import requests_prune

        personal.register()
        personal_data.register(
            "privacy.staff",
            staff_records(
                _("Lists and requests that an employee handled"),
                {"ecomai_privacy.ListRelease": ("made_by",), "ecomai_privacy.SubjectRequest": ("handled_by",)},
            ),
        )
        refusals.register("privacy", REFUSALS)
        consent_changed.connect(ledger.on_consent_changed, dispatch_uid="ecomai_privacy.consents")
        job_kinds.register(
            "privacy.requests",
            JobKind(
                execute=jobs.carry_out,
                label=_("Carry out requests of persons"),
                help=_(
                    "Erases whoever asked for it, looks after the models that were trained before, searches for what "
                    "is left and finishes the request."
                ),
                schedule="25 * * * *",
                per_channel=False,
            ),
        )
        prunes.register("requests of persons", requests_prune)
        prunes.register("refusals of visitors", refusals_prune)
        prunes.register("ledger of consents", ledger.consents_prune)
        doctor_checks.register("privacy", diagnose)
        del checks  # imported for its registration
