"""The line of the doctor."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.registry import Finding

from .models import SubjectRequest

_SOON = timedelta(days=5)


def diagnose() -> list[Finding]:
    """Requests that failed, are late or nearly so."""
    unfinished = SubjectRequest.objects.exclude(
        status__in=(SubjectRequest.Status.DONE, SubjectRequest.Status.CANCELLED)
    )
    failed = unfinished.filter(status=SubjectRequest.Status.FAILED).count()
    soon = unfinished.filter(due_at__lt=timezone.now() + _SOON).exclude(carried_out_at__isnull=False).count()
    late_models = unfinished.filter(
        status=SubjectRequest.Status.MODELS, models_due_at__lt=timezone.now() - timedelta(hours=2)
    ).count()
    page = "admin:ecomai_privacy_subjectrequest_changelist"
    found = []
    if failed:
        title = ngettext("%(count)d request of a person failed", "%(count)d requests of persons failed", failed)
        found.append(
            Finding("error", title % {"count": failed}, _("Each says why."), _("Open it and carry it out again."), page)
        )
    if soon:
        title = ngettext("%(count)d request of a person is due", "%(count)d requests of persons are due", soon)
        found.append(
            Finding("warning", title % {"count": soon}, _("The law sets a time for the answer."), _("Open it."), page)
        )
    if late_models:
        found.append(
            Finding(
                "error",
                _("Models from before an erasure still serve"),
                _("The job “Carry out requests of persons” has not run in time."),
                "python manage.py ecomai_train privacy.requests",
                page,
            )
        )
    return found or [Finding("ok", _("No request of a person is waiting"))]
