"""The models that serve, per process: memory-mapped, swapped atomically, never raising into a shop's page.

The hot path is a dictionary look-up and a clock; no lock, no query. Every ``LIVE_CHECK_SECONDS`` one thread asks
where the live pointer stands (one query) while the others go on serving what is there.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.utils.connection import ConnectionDoesNotExist
from numpy.typing import NDArray

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import ArtifactError, artifact_sha256, load_arrays
from django_ecomai.runs import storage
from django_ecomai.runs.models import LiveArtifact

logger = logging.getLogger("django_ecomai.runs")
T = TypeVar("T")


class _Ask:
    """Default of ``path``: the pointer is asked for."""


ASK = _Ask()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedArtifact:
    """A model in memory: ``sha256`` names its version; ``arrays`` are memory-mapped and read-only."""

    kind: str
    channel: str
    sha256: str
    path: str
    folder: Path
    manifest: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]
    _derived: dict[str, Any] = field(default_factory=dict, repr=False)

    def derive(self, name: str, factory: Callable[[LoadedArtifact], T]) -> T:
        """``factory(self)``, made once per loaded model, e.g. ``loaded.derive("scorer", lambda a: Scorer(a.manifest,
        a.arrays))``.

        What the factory raises reaches the caller and is tried again next time.
        """
        try:
            made: T = self._derived[name]
        except KeyError:
            # Two threads may both build it; the first to store wins and the other's copy is dropped.
            made = self._derived.setdefault(name, factory(self))
        return made


@dataclass(frozen=True, slots=True)
class _Slot:
    loaded: LoadedArtifact | None
    next_check: float
    complaint: str = ""  # what was logged last, so that it is logged once


_slots: dict[tuple[str, str], _Slot] = {}
_lock = threading.Lock()  # held only to load, never to serve
_fetching: set[str] = set()


def live_arrays(kind: str, channel: str = "", *, path: str | _Ask | None = ASK) -> LoadedArtifact | None:
    """The model that serves ``kind`` in ``channel``, or ``None`` when there is none that can be read. Never raises.

    ``path`` is the live pointer when the caller has read it already, e.g. as a part of another query: then none is
    made. A missing or damaged folder is logged once; the model loaded before goes on serving.
    """
    key = (kind, channel)
    slot = _slots.get(key)
    now = time.monotonic()
    if isinstance(path, _Ask):
        if slot is not None and now < slot.next_check:
            return slot.loaded
    elif slot is not None and _serves(slot, path) and (slot.loaded is not None or now < slot.next_check):
        return slot.loaded
    elif slot is not None and slot.complaint and now < slot.next_check:
        return slot.loaded  # that folder was found damaged a moment ago
    return _refresh(key, slot, path)


def live_reset() -> None:
    """Forget every loaded model (tests, and after ``ARTIFACT_DIR`` changed)."""
    global _lock
    _lock = threading.Lock()
    _slots.clear()
    _fetching.clear()


def _serves(slot: _Slot, path: str | None) -> bool:
    return (slot.loaded.path if slot.loaded else None) == (path or None)


def _refresh(key: tuple[str, str], slot: _Slot | None, path: str | _Ask | None) -> LoadedArtifact | None:
    lock = _lock
    # With a model at hand nobody waits for the thread that loads; without one, waiting beats an empty carousel.
    if not lock.acquire(timeout=-1 if slot is None else 0):
        return slot.loaded if slot else None
    try:
        current = _slots.get(key)
        if current is not slot and current is not None and isinstance(path, _Ask):
            return current.loaded  # another thread has just done it
        new = _looked_up(key, current, path)
        _slots[key] = new
        return new.loaded
    finally:
        lock.release()


def _looked_up(key: tuple[str, str], slot: _Slot | None, path: str | _Ask | None) -> _Slot:
    before = slot.loaded if slot else None
    complaint = slot.complaint if slot else ""
    next_check = time.monotonic() + float(ecomai.LIVE_CHECK_SECONDS)
    if isinstance(path, _Ask):
        try:
            path = _pointer(key)
        except (DatabaseError, InterfaceError, ConnectionDoesNotExist) as error:
            return _Slot(before, next_check, _complain(complaint, f"cannot read which {key[0]} model is live: {error}"))
    if not path:
        return _Slot(None, next_check)
    if before is not None and before.path == path:
        return _Slot(before, next_check)
    try:
        return _Slot(_load(key, path), next_check)
    except (ArtifactError, OSError, ValueError) as error:
        _fetch_in_background(key, path)
        trouble = f"live {key[0]} model {path}: {error}"
        if before is not None:
            return _Slot(before, next_check, _complain(complaint, trouble, "the model loaded before goes on serving"))
        earlier = _earlier(key)
        what = "the model before it serves" if earlier else "pages do without it"
        return _Slot(earlier, next_check, _complain(complaint, trouble, what))


def _pointer(key: tuple[str, str], column: str = "artifact__path") -> str | None:
    # A savepoint: an error here must not poison the shop's own transaction.
    with transaction.atomic():
        rows = LiveArtifact.objects.filter(kind=key[0], channel=key[1])
        return rows.values_list(column, flat=True).first()


def _earlier(key: tuple[str, str]) -> LoadedArtifact | None:
    """The model that was live before, for a process that starts when the live one is damaged.

    An erasure deletes models that it must not serve, and with them this way back.
    """
    try:
        path = _pointer(key, "previous__path")
        return _load(key, path) if path else None
    except (ArtifactError, OSError, ValueError, DatabaseError, InterfaceError, ConnectionDoesNotExist):
        return None


def _load(key: tuple[str, str], path: str) -> LoadedArtifact:
    folder = storage.local_path(path)
    manifest, arrays = load_arrays(folder, mmap=True)
    return LoadedArtifact(key[0], key[1], artifact_sha256(folder), path, folder, manifest, arrays)


def _complain(last: str, text: str, consequence: str = "") -> str:
    if text != last:
        logger.error("EcomAI: %s", f"{text}; {consequence}" if consequence else text)
    return text


def _fetch_in_background(key: tuple[str, str], path: str) -> None:
    """Bring a folder that only the shared storage has; a page never waits for a download."""
    if not ecomai.ARTIFACT_STORAGE or path in _fetching:
        return
    _fetching.add(path)
    threading.Thread(target=_fetch, args=(key, path), name="ecomai-fetch", daemon=True).start()


def _fetch(key: tuple[str, str], path: str) -> None:
    try:
        storage.ensure_local(path)
        slot = _slots.get(key)
        if slot is not None:
            _slots[key] = _Slot(slot.loaded, 0.0, slot.complaint)  # look again at once
    except Exception:  # a storage backend of any kind: boto, Azure, FTP each raise their own
        logger.exception("EcomAI: could not fetch model %s from the artifact storage", path)
    finally:
        _fetching.discard(path)
        connections.close_all()


def _after_fork() -> None:
    """A child keeps the mapped models (shared pages) but not the parent's threads: a lock held by one would never
    open.
    """
    global _lock
    _lock = threading.Lock()
    _fetching.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
