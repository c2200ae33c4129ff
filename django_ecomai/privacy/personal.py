"""What this capability itself knows of a person: requests that are not finished, and the ledger of consents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import PersonalData, personal_data

from .ledger import consents_export
from .models import SubjectRequest
from .subjects import person_digests


def _requests(subject: Subject) -> QuerySet[SubjectRequest]:
    mine = Q(digest__in=person_digests(subject)) | Q(customer_id__in=sorted(subject.ids("customer")))
    mine |= Q(user__in=sorted(subject.ids("user")))
    return SubjectRequest.objects.filter(mine, channel=subject.channel)


def requests_export(subject: Subject) -> Iterator[dict[str, Any]]:
    """His requests, and what was done."""
    for row in _requests(subject).order_by("id"):
        yield {
            "reference": str(row.reference),
            "kind": row.kind,
            "status": row.status,
            "requested_at": row.requested_at.isoformat(),
            "due_at": row.due_at.isoformat(),
            "finished_at": row.finished_at.isoformat() if row.finished_at else None,
            "outcome": row.outcome,
        }


def requests_erase(subject: Subject) -> int:
    """Take the person out of his other requests; the erasure under way knows him until it is finished."""
    others = _requests(subject).exclude(
        kind=SubjectRequest.Kind.ERASE,
        status__in=(SubjectRequest.Status.OPEN, SubjectRequest.Status.MODELS, SubjectRequest.Status.FAILED),
    )
    known = ~Q(customer_id="") | Q(user__isnull=False)
    changed = others.filter(known).update(
        customer_id="",
        visitor_ids=[],
        email_hashes=[],
        user=None,
        status=SubjectRequest.Status.DONE,
        finished_at=timezone.now(),
    )
    handled = SubjectRequest.objects.filter(handled_by__in=sorted(subject.ids("user")))
    return changed + handled.update(handled_by=None)


def nothing_erase(subject: Subject) -> int:
    """The ledger proves what was agreed to and is kept, under keyed hashes of its own."""
    return 0


def _kept_requests() -> str:
    return gettext("%(days)d days, after they are finished without your name") % {"days": ecomai.REQUEST_RETENTION_DAYS}


def _kept_consents() -> str:
    return gettext(
        "%(days)d days, your last answer to each question longer; also after an erasure, as proof, without your name"
    ) % {"days": ecomai.CONSENT_RETENTION_DAYS}


REQUESTS = PersonalData(
    _("Requests about your data"),
    _("privacy"),
    requests_export,
    requests_erase,
    columns={
        "ecomai_privacy.SubjectRequest": {
            "customer_id": "customer", "user": "user", "handled_by": "user", "visitor_ids": "", "email_hashes": "",
        }
    },
    explanation=_("What you asked for about your data, and what was done."),
    kept=_kept_requests,
)  # fmt: skip
CONSENTS = PersonalData(
    _("Consents"),
    _("privacy"),
    consents_export,
    nothing_erase,
    columns={"ecomai_privacy.ConsentRecord": {"visitor_digest": "", "customer_digest": ""}},
    explanation=_("What you agreed to and withdrew, when, and how."),
    kept=_kept_consents,
)


def register() -> None:
    """Called once from ``ready()``."""
    personal_data.register("privacy.requests", REQUESTS)
    personal_data.register("privacy.consents", CONSENTS)
