"""The log of erasures outside the database: after a backup was restored, it says who has to be erased again.

One small JSON file per erasure, keyed hashes only, in the storage of models or in ``ECOMAI["ERASURE_LOG_DIR"]``. With a
file of its own, two servers never write into one, and nothing is ever rewritten.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import Subject
from django_ecomai.runs import storage

from .refusing import digest_of

logger = logging.getLogger("django_ecomai.privacy")
_FOLDER = "privacy/erasures"


@dataclass(frozen=True)
class Erasure:
    """An entry: whom, as pairs of kind and keyed hash, in which channel and when."""

    channel: str
    at: str
    persons: frozenset[tuple[str, str]]


def _place() -> tuple[Storage, str]:
    if ecomai.ERASURE_LOG_DIR:
        return FileSystemStorage(location=ecomai.ERASURE_LOG_DIR, file_permissions_mode=0o640), ""
    shared = storage.remote()
    return shared or FileSystemStorage(location=str(storage.root()), file_permissions_mode=0o640), _FOLDER


def erasure_log_write(*, subject: Subject, reference: str = "") -> str:
    """Write an entry and return its name. Raises ``OSError`` when it cannot be kept: then nothing may be erased."""
    now = datetime.now(UTC)
    entry = {
        "channel": subject.channel,
        "at": now.isoformat(),
        "reference": reference,
        "persons": [[kind, digest_of(subject.channel, kind, ident)] for kind, ident in subject.persons()],
    }
    place, folder = _place()
    name = f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:8]}.json"
    path = f"{folder}/{name}" if folder else name
    return place.save(path, ContentFile(json.dumps(entry).encode()))


def erasure_log_read() -> Iterator[Erasure]:
    """All entries, oldest first. A damaged file is logged and left out; its erasure cannot be replayed."""
    place, folder = _place()
    try:
        _folders, names = place.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(name for name in names if name.endswith(".json")):
        try:
            with place.open(f"{folder}/{name}" if folder else name) as handle:
                entry: dict[str, Any] = json.load(handle)
            yield Erasure(
                str(entry["channel"]),
                str(entry["at"]),
                frozenset((str(kind), str(digest)) for kind, digest in entry["persons"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error("An entry of the log of erasures cannot be read: %s (%s)", name, error)
