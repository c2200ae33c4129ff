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
from .subjects import person_digests, subject_of_request

_OVER = (SubjectRequest.Status.DONE, SubjectRequest.Status.CANCELLED)
_BEGUN = (SubjectRequest.Status.OPEN, SubjectRequest.Status.MODELS, SubjectRequest.Status.FAILED)


def _requests(subject: Subject) -> QuerySet[SubjectRequest]:
    """By what is left of him when they are finished, and by his customer number before."""
    mine = Q(digest__in=person_digests(subject)) | Q(customer_id__in=sorted(subject.ids("customer")))
    return SubjectRequest.objects.filter(mine, channel=subject.channel)


def _naming(subject: Subject) -> QuerySet[SubjectRequest]:
    """Unfinished ones that name him by any id; not the erasures under way, which know him until they are finished."""
    rows = SubjectRequest.objects.filter(channel=subject.channel).exclude(status__in=_OVER)
    rows = rows.exclude(kind=SubjectRequest.Kind.ERASE, status__in=_BEGUN)
    wanted = set(subject.persons())
    naming = [
        row.pk
        for row in rows.only("channel", "persons").iterator(chunk_size=500)
        if wanted & _by_what(set(subject_of_request(row).persons()))
    ]
    return rows.filter(pk__in=naming)


def _by_what(named: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Whose a request is: the customer's and the account's; only when it names none, the visitor's or the address's."""
    return {person for person in named if person[0] in ("customer", "user")} or named


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
    changed = _naming(subject).update(
        customer_id="",
        persons={},
        status=SubjectRequest.Status.DONE,
        finished_at=timezone.now(),
    )
    return changed


def requests_search(subject: Subject) -> Iterator[str]:
    """Requests that still name him."""
    for row in _naming(subject):
        yield f"SubjectRequest {row.pk}"


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
        # Searched below: an erasure under way names him until it is finished.
        "ecomai_privacy.SubjectRequest": {"customer_id": "", "persons": ""},
    },
    explanation=_("What you asked for about your data, and what was done."),
    kept=_kept_requests,
    search=requests_search,
)
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
