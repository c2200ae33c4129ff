"""Whether anybody will put a price into the shop that is approved for later."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import heartbeats
from django_ecomai.runs.services.heartbeats import BEAT

WATCH = "pricing.watch"
#: The job comes every hour: after this without one nobody starts it.
SILENT = timedelta(hours=3)


def scheduler_missing() -> str:
    """What to know before a time is given, where the hourly job that does it has not come lately; else ""."""
    now = timezone.now()
    beat = heartbeats().get(BEAT)
    if beat is not None and abs(now - beat) < SILENT:
        return ""
    last = Run.objects.filter(kind=WATCH).order_by("-pk").values_list("created_at", flat=True).first()
    if last is not None and now - last < SILENT:
        return ""
    return _(
        "The hourly job “pricing.watch” has not run lately: until a scheduler starts it again, prices for later do not "
        "go into the shop by themselves. Type: python manage.py ecomai_schedule, or keep ecomai_work --loop running."
    )
