"""Copies of a person's data, and what is tidied up when nobody waits for a request any more."""

from __future__ import annotations

from datetime import timedelta
from typing import IO, Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai

from ..exporting import archive_write
from ..models import SubjectRequest
from .state import Kind, RequestError, Status, change, finished, handled, named


def request_archive(*, request: SubjectRequest, user: Any = None) -> IO[bytes]:
    """The archive of an export, made at this moment; the caller closes it. Nothing of it is kept on the server.

    Raises ``RequestError`` for another kind, and when the request is over and does not know the person any more.
    """
    if request.kind != Kind.EXPORT:
        raise RequestError(_("Only a request for a copy of the data has an archive."))
    if request.is_over:
        raise RequestError(_("This copy has expired. Ask for a new one."))
    subject = named(request)
    archive, counts = archive_write(subject=subject, reference=str(request.reference))
    values = {"outcome": {"tables": counts}, "carried_out_at": timezone.now(), **handled(user)}
    change(request, (Status.OPEN, Status.FAILED), **values)
    return archive


def requests_prune() -> int:
    """Close what nobody waits for any more, delete finished requests after ``REQUEST_RETENTION_DAYS``.

    Copies are closed a week after they were fetched, or when they are due. An erasure that staff never confirmed is
    shown as late for as long as it was given, then withdrawn.
    """
    now = timezone.now()
    copies = SubjectRequest.objects.filter(kind=Kind.EXPORT, status=Status.OPEN)
    fetched = Q(carried_out_at__lt=now - timedelta(days=7))
    copies.filter(fetched | Q(carried_out_at=None, due_at__lt=now)).update(**finished(Status.DONE))
    forgotten = now - timedelta(days=float(ecomai.REQUEST_DUE_DAYS))
    unconfirmed = SubjectRequest.objects.filter(status=Status.UNCONFIRMED, due_at__lt=forgotten)
    unconfirmed.update(**finished(Status.CANCELLED))
    before = now - timedelta(days=float(ecomai.REQUEST_RETENTION_DAYS))
    over = SubjectRequest.objects.filter(status__in=(Status.DONE, Status.CANCELLED), finished_at__lt=before)
    return over.delete()[0]
