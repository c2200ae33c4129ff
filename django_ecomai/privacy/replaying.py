"""What the log of erasures says, brought into a restored database: who refuses, who no more, who is there again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils import timezone

from django_ecomai.core.persons import EVERYTHING, Subject

from .digests import digests_of
from .erasure_log import LIFT, Erasure, erasure_log_read
from .models import Refusal
from .refusing import forget
from .scanning import declared_lookups

_BATCH = 1000


@dataclass
class Logged:
    """What the log says of the persons of a channel, as pairs of kind and keyed hash."""

    refused: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    #: Refused once and allowed again, by the purposes that were lifted.
    lifted: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def note(self, entry: Erasure) -> None:
        """The next entry; they come in the order of time."""
        for person in entry.persons:
            refused, lifted = self.refused.setdefault(person, set()), self.lifted.setdefault(person, set())
            if entry.action == LIFT:
                lifted.update(refused.intersection(entry.purposes))
                refused.difference_update(entry.purposes)
            else:
                refused.update(entry.purposes)
                lifted.difference_update(entry.purposes)


def logged() -> dict[str, Logged]:
    """The whole log by channel."""
    found: dict[str, Logged] = {}
    for entry in sorted(erasure_log_read(), key=lambda entry: entry.at):
        found.setdefault(entry.channel, Logged()).note(entry)
    return found


def refusals_restore(channel: str, log: Logged, *, dry_run: bool = False) -> tuple[int, set[tuple[str, str]]]:
    """Bring the refusals to where the log says they are, whether the person is in any table or not.

    Returns how many entries were missing or out of date, and who was erased once, may be kept again, and whose data in
    this database are nevertheless from before: the database does not know of the lift, so it is older.
    """
    wanted = {(kind, digest, purpose): False for (kind, digest), all_ in log.refused.items() for purpose in all_}
    wanted |= {(kind, digest, purpose): True for (kind, digest), all_ in log.lifted.items() for purpose in all_}
    digests = sorted({digest for _kind, digest, _purpose in wanted})
    there: dict[tuple[str, str, str], bool] = {}
    for start in range(0, len(digests), _BATCH):
        rows = Refusal.objects.filter(channel=channel, digest__in=digests[start : start + _BATCH])
        for kind, digest, purpose, lifted_at in rows.values_list("kind", "digest", "purpose", "lifted_at"):
            there[kind, digest, purpose] = lifted_at is not None
    changed = [key for key, lifted in wanted.items() if there.get(key) is not lifted]
    older = {key[:2] for key in changed if wanted[key] and key[2] == EVERYTHING}
    if not dry_run:
        _refusals_write(channel, changed, wanted)
    return sum(not wanted[key] for key in changed), older


def _refusals_write(
    channel: str, keys: Iterable[tuple[str, str, str]], wanted: dict[tuple[str, str, str], bool]
) -> None:
    for kind, digest, purpose in keys:
        now = timezone.now()
        Refusal.objects.update_or_create(
            channel=channel,
            kind=kind,
            digest=digest,
            purpose=purpose,
            defaults={"lifted_at": now if wanted[kind, digest, purpose] else None},
        )
    forget()


def subjects_found(channel: str, persons: set[tuple[str, str]]) -> Iterator[Subject]:
    """A subject per id of the ``persons`` (kind and keyed hash) that stands in a table."""
    found: set[tuple[str, str]] = set()
    for kind, ident in _ids(channel):
        if (kind, ident) not in found and any((kind, one) in persons for one in digests_of(channel, kind, ident)):
            found.add((kind, ident))
    for kind, ident in sorted(found):  # not before the tables are read: what is found will be deleted
        yield Subject(channel=channel, **{_FIELDS[kind]: frozenset({ident})})


_FIELDS = {"customer": "customer_ids", "visitor": "visitor_ids", "user": "user_ids", "email": "email_hashes"}


def _ids(channel: str) -> Iterator[tuple[str, str]]:
    """Every id of a person in the declared columns of a channel, one at a time."""
    for table, lookups in declared_lookups(staff=False).items():
        model: type[Model] = apps.get_model(table)
        rows: Any = model._base_manager.order_by()
        if any(field.name == "channel" for field in model._meta.get_fields()):
            rows = rows.filter(channel=channel)
        for lookup, kind in lookups.items():
            if kind:
                for value in rows.values_list(lookup, flat=True).distinct().iterator(chunk_size=5000):
                    if value not in ("", None):
                        yield kind, str(value)
