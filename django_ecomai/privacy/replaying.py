"""Finds the persons of the log of erasures in the tables, by hashing every id that stands there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from django_ecomai.core.persons import Subject

from .erasure_log import erasure_log_read
from .refusing import digests_of
from .scanning import declared_lookups


def subjects_found() -> Iterator[Subject]:
    """A subject per channel and person who was erased once and is there again."""
    wanted: dict[str, set[tuple[str, str]]] = {}
    for erasure in erasure_log_read():
        wanted.setdefault(erasure.channel, set()).update(erasure.persons)
    for channel, persons in wanted.items():
        for kind, ident in sorted(set(_ids(channel))):
            if any((kind, digest) in persons for digest in digests_of(channel, kind, ident)):
                yield Subject(channel=channel, **{_FIELDS[kind]: frozenset({ident})})


_FIELDS = {"customer": "customer_ids", "visitor": "visitor_ids", "user": "user_ids", "email": "email_hashes"}


def _ids(channel: str) -> Iterator[tuple[str, str]]:
    """Every id of a person in the declared columns of a channel."""
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
