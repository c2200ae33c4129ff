"""The log of erasures outside the database: after a backup was restored, it says who has to be erased again.

Objections and what was allowed again are noted, too. One small JSON file per entry, keyed hashes only, in the storage
of models or in ``ECOMAI["ERASURE_LOG_DIR"]``. With a file of its own, two servers never write into one, and nothing is
ever rewritten.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage

from django_ecomai.conf import ecomai
from django_ecomai.core.persons import EVERYTHING, Subject
from django_ecomai.runs import storage

from .digests import digest_of

logger = logging.getLogger("django_ecomai.privacy")
_FOLDER = "privacy/erasures"
REFUSE, LIFT = "refuse", "lift"


@dataclass(frozen=True)
class Erasure:
    """An entry: whom, as pairs of kind and keyed hash, in which channel, when, and which purposes (``""``: erased)."""

    channel: str
    at: str
    persons: frozenset[tuple[str, str]]
    action: str = REFUSE
    purposes: tuple[str, ...] = (EVERYTHING,)


def _place() -> tuple[Storage, str]:
    if ecomai.ERASURE_LOG_DIR:
        return FileSystemStorage(location=ecomai.ERASURE_LOG_DIR, file_permissions_mode=0o640), ""
    shared = storage.remote()
    return shared or FileSystemStorage(location=str(storage.root()), file_permissions_mode=0o640), _FOLDER


def erasure_log_write(*, subject: Subject, reference: str = "") -> str:
    """Write an entry and return its name. Raises ``OSError`` when it cannot be kept: then nothing may be erased."""
    digests = [(kind, digest_of(subject.channel, kind, ident)) for kind, ident in subject.persons()]
    return _write(REFUSE, subject.channel, (EVERYTHING,), digests, reference)


def log_note(*, action: str, channel: str, purposes: Iterable[str], digests: Iterable[tuple[str, str]]) -> None:
    """Note an objection or what was allowed again; one that cannot be written is logged: it holds all the same."""
    try:
        _write(action, channel, tuple(purposes), digests)
    except Exception:  # storages raise their client library's own exceptions
        logger.exception("The log of erasures cannot be written: after a restored backup this change is not known.")


def _write(
    action: str, channel: str, purposes: tuple[str, ...], digests: Iterable[tuple[str, str]], reference: str = ""
) -> str:
    now = datetime.now(UTC)
    entry = {
        "action": action,
        "channel": channel,
        "at": now.isoformat(),
        "reference": reference,
        "purposes": list(purposes),
        "persons": [[kind, digest] for kind, digest in digests],
    }
    place, folder = _place()
    name = f"{now:%Y%m%dT%H%M%S%f}-{uuid4().hex[:8]}.json"
    path = f"{folder}/{name}" if folder else name
    saved = place.save(path, ContentFile(json.dumps(entry).encode()))
    if isinstance(place, FileSystemStorage):  # on the disk before a row goes, as the log is to outlive the rows
        _sync(place.path(saved))
        _sync(str(Path(place.path(saved)).parent))
    return saved


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
                str(entry.get("action", REFUSE)),
                tuple(map(str, entry.get("purposes", (EVERYTHING,)))),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.error("An entry of the log of erasures cannot be read: %s (%s)", name, error)
