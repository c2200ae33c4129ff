"""Whose data it is, and who has refused that it is kept or used.

Lower layers ask here; the privacy capability answers through ``registry.refusals``, and without it nobody has refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.apps import apps
from django.db.models import CharField, Model, Q, QuerySet, TextField

from .registry import PersonalData, refusals

EVERYTHING = ""
"""The purpose of storing at all: who refuses it has been erased."""
UNKNOWN = "?"
"""In place of a purpose: the list of refusals cannot be read now. Nobody is followed, and nothing is undone."""


@dataclass(frozen=True)
class Subject:
    """One person in one channel: the shop's customer ids, pseudonyms of visitors, keys of users, hashes of e-mails."""

    channel: str = ""
    customer_ids: frozenset[str] = frozenset()
    visitor_ids: frozenset[str] = frozenset()
    user_ids: frozenset[str] = frozenset()
    email_hashes: frozenset[str] = frozenset()

    def persons(self) -> Iterator[tuple[str, str]]:
        """Pairs of kind and id."""
        for kind, ids in (
            ("customer", self.customer_ids),
            ("visitor", self.visitor_ids),
            ("user", self.user_ids),
            ("email", self.email_hashes),
        ):
            for ident in sorted(ids - {""}):
                yield kind, ident

    def ids(self, kind: str) -> frozenset[str]:
        """The ids of a kind, none of them empty."""
        return frozenset(ident for known, ident in self.persons() if known == kind)

    def __bool__(self) -> bool:
        return any(True for _person in self.persons())


def refused(*, channel: str, persons: Iterable[tuple[str, str]], purpose: str = EVERYTHING) -> set[tuple[str, str]]:
    """Which of the pairs ``(kind, id)`` must not be stored, or not be used for ``purpose``. One query at most."""
    wanted = {person for person in persons if person[1]}
    found: set[tuple[str, str]] = set()
    if wanted:
        for name in refusals.names():
            found |= refusals.get(name).exact(channel, wanted, purpose)
    return found


def refused_purposes(*, channel: str, persons: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The purposes that one person has refused, ``""`` for all; for pages: may be some seconds behind.

    ``UNKNOWN`` is among them when it cannot be told. A generator of ``persons`` is read only in shops in which somebody
    has refused something.
    """
    found: frozenset[str] = frozenset()
    if persons == []:
        return found
    seen: list[tuple[str, str]] = []

    def wanted() -> Iterator[tuple[str, str]]:
        if not seen:
            seen.extend(person for person in persons if person[1])
        yield from seen

    for name in refusals.names():
        found |= refusals.get(name).quick(channel, wanted())
    return found


def rows_of(subject: Subject, label: str, lookups: Mapping[str, str]) -> QuerySet[Any] | None:
    """The rows of a table that are the subject's, or ``None`` when none can be his.

    Several may use a device or an e-mail address: a row that names another customer is not his for these.
    """
    model: type[Model] = apps.get_model(label)
    customers = sorted(subject.ids("customer"))
    nobody_else = Q()
    for lookup, kind in lookups.items():
        if kind == "customer":
            unnamed = Q(**{f"{lookup}__isnull": True})
            if _is_text(model, lookup):
                unnamed |= Q(**{lookup: ""})
            nobody_else &= unnamed | Q(**{f"{lookup}__in": customers})
    mine = [
        Q(**{f"{lookup}__in": sorted(ids)}) & (nobody_else if kind in ("visitor", "email") else Q())
        for lookup, kind in lookups.items()
        if kind and (ids := subject.ids(kind))
    ]
    if not mine:
        return None
    rows = model._base_manager.filter(reduce(or_, mine))
    has_channel = any(field.name == "channel" for field in model._meta.get_fields())
    return rows.filter(channel=subject.channel) if has_channel else rows


def _is_text(model: type[Model], lookup: str) -> bool:
    *way, name = lookup.split("__")
    for step in way:
        model = model._meta.get_field(step).related_model  # type: ignore[assignment]
    return isinstance(model._meta.get_field(name), CharField | TextField)


def staff_records(label: Any, columns: Mapping[str, Iterable[str]]) -> PersonalData:
    """The declaration of columns that name an employee: what he did is exported, and an erasure empties the name."""
    lookups = {table: dict.fromkeys(names, "user") for table, names in columns.items()}

    def export(subject: Subject) -> Iterator[dict[str, Any]]:
        for table, names in lookups.items():
            rows = rows_of(subject, table, names)
            if rows is not None:
                for pk in rows.order_by("pk").values_list("pk", flat=True).iterator():
                    yield {"record": apps.get_model(table)._meta.label, "id": str(pk)}

    def erase(subject: Subject) -> int:
        changed = 0
        for table, names in lookups.items():
            for name in names:
                rows = rows_of(subject, table, {name: "user"})
                changed += rows.update(**{name: None}) if rows is not None else 0
        return changed

    return PersonalData(label, "accounting", export, erase, columns=lookups, staff=True)
