"""What every room of the requests shares: who a request is about, and changes that nobody overwrites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.persons import Subject

from ..models import SubjectRequest
from ..subjects import subject_complete, subject_of_request

JOB = REQUESTS = "privacy.requests"
Kind, Status, Origin = SubjectRequest.Kind, SubjectRequest.Status, SubjectRequest.Origin
#: What an objection refuses: being counted goes on, being followed does not.
OBJECTED = ("personalization", "marketing")
NOT_CARRIED_OUT = (Status.UNCONFIRMED, Status.OPEN, Status.FAILED)
BEGUN = (Status.OPEN, Status.MODELS, Status.FAILED)


class RequestError(ValueError):
    """A request that cannot be made or carried out; the message says why."""


def named(request: SubjectRequest) -> Subject:
    """Whom a request is about, with all that is known by now. Raises ``RequestError`` when it names nobody."""
    subject = subject_complete(subject_of_request(request))
    if not subject:
        raise RequestError(_("The request does not say any more whose it is. Withdraw it and enter it again."))
    return subject


def change(request: SubjectRequest, states: Iterable[str], *conditions: Q, **values: Any) -> bool:
    """Change columns of a request that is in one of the states still; ``False`` when somebody else was faster.

    The worker and the buttons of the pages work on one request: nobody may write back what he read before.
    """
    rows = SubjectRequest.objects.filter(*conditions, pk=request.pk, status__in=tuple(states))
    changed = rows.update(**values) == 1
    request.refresh_from_db()
    return changed


def note(request: SubjectRequest, *, tables: Mapping[str, int] | None = None, **parts: Any) -> None:
    """Add rows erased and other parts to the outcome, as it stands now."""
    with transaction.atomic():
        outcome = dict(SubjectRequest.objects.select_for_update().values_list("outcome", flat=True).get(pk=request.pk))
        if tables is not None:
            before = outcome.get("tables", {})
            outcome["tables"] = {**before, **{name: rows + before.get(name, 0) for name, rows in tables.items()}}
        if models := parts.pop("models", None):
            known = {(one["kind"], one["state"]) for one in outcome.get("models", [])}
            new = [one for one in models if (one["kind"], one["state"]) not in known]
            outcome["models"] = [*outcome.get("models", []), *new]
        SubjectRequest.objects.filter(pk=request.pk).update(outcome={**outcome, **parts})
    request.refresh_from_db()


def handled(user: Any) -> dict[str, Any]:
    return {} if user is None else {"handled_by": user}


def finished(status: str) -> dict[str, Any]:
    """Over: from here on only the digest says whose it was."""
    return {"status": status, "error": "", "finished_at": timezone.now(), "customer_id": "", "persons": {}}
