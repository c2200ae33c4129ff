"""The rows of a person go: by his request, or because a restored backup brought them back."""

from __future__ import annotations

from django.utils import timezone

from django_ecomai.core.persons import EVERYTHING, Subject
from django_ecomai.core.registry import personal_data

from ..model_care import models_purge
from ..models import SubjectRequest
from ..subjects import subject_complete
from .state import Origin


def subject_erase(*, subject: Subject, request: SubjectRequest | None = None) -> dict[str, int]:
    """Let every declaration erase the person; rows changed or deleted by name. The request itself still knows him.

    What he did as an employee is the shop's, who approved an order for example: it goes only when staff asks for it.
    """
    staff = as_employee(request)
    return {name: declared.erase(subject) for name, declared in personal_data.items() if staff or not declared.staff}


def as_employee(request: SubjectRequest | None) -> bool:
    return request is not None and request.origin == Origin.ADMIN


def erasures_replay(*, dry_run: bool = False) -> dict[str, int]:
    """Refuse and erase again whom the log of erasures names: after a backup was restored.

    The refusals come first, also of persons who stand in no table now: the next sync would copy them. Then the rows:
    persons are found by hashing every id that a declared column holds and comparing it with the log. Returns erased
    rows per declaration, ``persons`` (ids found again) and ``refusals`` (entries that were missing).
    """
    from ..replaying import logged, refusals_restore, subjects_found

    done: dict[str, int] = {"persons": 0, "refusals": 0}
    for channel, log in logged().items():
        restored, older = refusals_restore(channel, log, dry_run=dry_run)
        done["refusals"] += restored
        erased = {person for person, purposes in log.refused.items() if EVERYTHING in purposes}
        for subject in subjects_found(channel, erased | older):
            done["persons"] += 1
            if dry_run:
                continue
            subject = subject_complete(subject)
            _counted(done, subject_erase(subject=subject))
            models_purge(channel=channel, before=timezone.now())
        objected = {person for person, purposes in log.refused.items() if purposes} - erased - older
        for subject in subjects_found(channel, objected) if not dry_run else ():
            declared = ((name, one) for name, one in personal_data.items() if one.derived)
            _counted(done, {name: one.erase(subject) for name, one in declared})
    return done


def _counted(done: dict[str, int], more: dict[str, int]) -> None:
    for name, rows in more.items():
        done[name] = done.get(name, 0) + rows
