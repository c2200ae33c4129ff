"""Looks for a person in every table, model and cache: what an erasure left, if anything."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
from django.apps import apps
from django.db import models
from django.db.models import Q
from django.db.models.functions import Cast

from django_ecomai.core.persons import Subject, rows_of
from django_ecomai.core.registry import personal_data
from django_ecomai.events.recent import recent_get, subject_key
from django_ecomai.ml.persist import MANIFEST, ArtifactError, load_arrays
from django_ecomai.runs import storage
from django_ecomai.runs.models import Artifact

from .models import SubjectRequest

logger = logging.getLogger("django_ecomai.privacy")
#: Shorter ids than a pseudonym's may also be those of products: a hit outside the declared columns proves nothing.
_UNMISTAKABLE = 32
#: Texts of a model that are looked at in one go.
_PIECE = 100_000


@dataclass(frozen=True)
class Leftover:
    """Something that still names a person. Not ``certain``: the same text may be the id of something else there."""

    where: str
    count: int
    certain: bool = True

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def subject_scan(
    *, subject: Subject, deep: bool = True, without: SubjectRequest | None = None, staff: bool = True
) -> list[Leftover]:
    """All places that still name the subject; an empty list proves that none is left.

    Declared columns, what declarations search themselves, texts inside models on disk, and the cache of recent items;
    with ``deep`` also every other text of every EcomAI table, which reads those tables whole. ``without`` is the
    request being carried out, which knows the person until it is finished; without ``staff`` what he did as an
    employee is not looked at. Files are those of this server: copies that other servers keep of models that are gone go
    with their own upkeep.
    """
    found = [*_in_declared(subject, staff), *_in_models(subject), *_in_caches(subject)]
    if deep:
        found += _in_other_texts(subject, without)
    return found


def anything_of(subject: Subject) -> bool:
    """Whether anything at all is kept of a person; asks no more than it must."""
    for table, lookups in declared_lookups().items():
        rows = rows_of(subject, table, lookups)
        if rows is not None and rows.exists():
            return True
    searches = [declared.search for _name, declared in personal_data.items() if declared.search is not None]
    return any(True for search in searches for _hit in search(subject)) or any(True for _hit in _in_caches(subject))


def tables_looked_at() -> int:
    """How many tables a deep scan reads."""
    return len(list(_ecomai_models()))


def _ecomai_models() -> Iterator[type[models.Model]]:
    for config in apps.get_app_configs():
        if config.name.startswith("django_ecomai."):
            yield from (model for model in config.get_models() if not model._meta.proxy)


def declared_lookups(*, staff: bool = True) -> dict[str, dict[str, str]]:
    """Table -> lookup -> kind of person, over all declarations, or all but those of employees."""
    tables: dict[str, dict[str, str]] = {}
    for name in personal_data.names():
        declared = personal_data.get(name)
        for table, lookups in declared.columns.items() if staff or not declared.staff else ():
            tables.setdefault(table, {}).update(lookups)
    return tables


def _in_declared(subject: Subject, staff: bool) -> Iterator[Leftover]:
    for table, lookups in declared_lookups(staff=staff).items():
        rows = rows_of(subject, table, lookups)
        count = 0 if rows is None else rows.count()
        if count:
            yield Leftover(apps.get_model(table)._meta.label, count)
    for name, declared in personal_data.items():
        if declared.search is not None:
            hits = sum(1 for _hit in declared.search(subject))
            if hits:
                yield Leftover(name, hits)


def _text_ids(subject: Subject) -> set[str]:
    """The ids that are looked for in texts; the key of a user is a number like any other there."""
    return {ident for kind, ident in subject.persons() if kind != "user"}


def _in_other_texts(subject: Subject, without: SubjectRequest | None) -> Iterator[Leftover]:
    """JSON and long texts of every table: quoted ids, so that a number inside another is no hit."""
    declared = declared_lookups()
    ids = _text_ids(subject)
    for model in _ecomai_models():
        # Columns that tell nothing by themselves were not looked at yet.
        known = {name.split("__")[0] for name, kind in declared.get(model._meta.label, {}).items() if kind}
        for field in model._meta.concrete_fields:
            if field.name in known or not isinstance(field, models.JSONField | models.TextField):
                continue
            for certain in (True, False):
                texts = sorted(ident for ident in ids if (len(ident) >= _UNMISTAKABLE) is certain)
                if not texts:
                    continue
                rows: Any = model._base_manager.all()
                if without is not None and model is SubjectRequest:
                    rows = rows.exclude(pk=without.pk)
                if isinstance(field, models.JSONField):
                    rows = rows.annotate(_text=Cast(field.name, models.TextField()))
                column = "_text" if isinstance(field, models.JSONField) else field.name
                hits = [Q(**{f"{column}__contains": text if certain else f'"{text}"'}) for text in texts]
                count = rows.filter(reduce(or_, hits)).count()
                if count:
                    yield Leftover(f"{model._meta.label}.{field.name}", count, certain)


def _in_models(subject: Subject) -> Iterator[Leftover]:
    """Texts inside models on disk, and inside the copy of the log that trainings keep."""
    ids = _text_ids(subject)
    certain, unsure = {i for i in ids if len(i) >= _UNMISTAKABLE}, {i for i in ids if len(i) < _UNMISTAKABLE}
    # The log's copy names customers and nothing else under these names: there a short id is one.
    for folder in sorted((storage.root() / "eventlog").glob("*/*/*")):
        if (folder / MANIFEST).is_file() and (hits := _texts_among(folder, ids)):
            yield Leftover(f"eventlog {folder.parent.parent.name}", len(hits))
    for artifact in Artifact.objects.filter(channel=subject.channel).order_by("pk"):
        try:
            texts = _texts_among(storage.ensure_local(artifact.path), ids)
        except (ArtifactError, OSError) as error:
            logger.warning("%s cannot be searched: %s", artifact.path, error)
            continue
        for wanted, sure in ((certain, True), (unsure, False)):
            if hits := texts & wanted:
                yield Leftover(f"model {artifact.path}", len(hits), sure)


def _texts_among(folder: Path, wanted: set[str]) -> set[str]:
    """Which of the texts stand in the arrays or in the manifest of a model. Reads the arrays piece by piece."""
    if not wanted:
        return set()
    manifest, arrays = load_arrays(folder, mmap=True)
    found: set[str] = set()
    for array in arrays.values():
        if array.dtype.kind not in "SU":
            continue
        raw = array.dtype.kind == "S"
        sought = np.array(sorted(text.encode() for text in wanted) if raw else sorted(wanted))
        flat = array.reshape(-1)
        for start in range(0, len(flat), _PIECE):
            piece = flat[start : start + _PIECE]
            hits = piece[np.isin(piece, sought)].tolist()
            found.update(hit.decode() if raw else hit for hit in hits)
    found.update(text for text in _strings(json.loads(json.dumps(manifest, default=str))) if text in wanted)
    return found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _in_caches(subject: Subject) -> Iterator[Leftover]:
    keys = [
        *(subject_key(channel=subject.channel, visitor_id=one, customer_id="") for one in subject.ids("visitor")),
        *(subject_key(channel=subject.channel, visitor_id="", customer_id=one) for one in subject.ids("customer")),
        *(
            subject_key(channel=subject.channel, visitor_id="", customer_id="", user_id=one)
            for one in subject.ids("user")
        ),
    ]
    hits = sum(recent_get(key) is not None for key in keys)
    if hits:
        yield Leftover("cache of recent items", hits)


def leftovers_told(found: Iterable[Leftover]) -> list[str]:
    """A line each, for the command and the admin."""
    return [f"{one.where}: {one.count}{'' if one.certain else ' (?)'}" for one in found]
