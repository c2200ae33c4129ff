"""A file of competitors' offers between its upload and the job that reads it: in the folder of the models, and in the
storage that all machines share where there is one."""

from __future__ import annotations

import re
import time
import uuid

from django.core.files.base import ContentFile

from django_ecomai.runs import storage

_FOLDER, _NAME = ".offers", re.compile(r"[0-9a-f]{32}\Z")
#: A file that no job has read to its end can be read again for so long.
KEPT_SECONDS = 7 * 24 * 3600


def file_keep(content: bytes) -> str:
    """Keep it; returns its name."""
    name = uuid.uuid4().hex
    folder = storage.root() / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    if (shared := storage.remote()) is not None:
        shared.save(f"{_FOLDER}/{name}", ContentFile(content))
    return name


def file_read(name: str) -> bytes | None:
    """What was kept; None where it is not any more, or where this is no name of ours."""
    if not _NAME.match(name):
        return None
    path, shared = storage.root() / _FOLDER / name, storage.remote()
    if path.is_file():
        return path.read_bytes()
    if shared is not None and shared.exists(f"{_FOLDER}/{name}"):
        with shared.open(f"{_FOLDER}/{name}") as file:
            return bytes(file.read())
    return None


def file_drop(name: str) -> None:
    """Remove it, wherever it is."""
    if not _NAME.match(name):
        return
    (storage.root() / _FOLDER / name).unlink(missing_ok=True)
    if (shared := storage.remote()) is not None:
        shared.delete(f"{_FOLDER}/{name}")


def files_prune() -> int:
    """Remove files that no job has read to its end for seven days; returns how many."""
    folder, before = storage.root() / _FOLDER, time.time() - KEPT_SECONDS
    old = [path.name for path in folder.glob("*") if _NAME.match(path.name) and path.stat().st_mtime < before]
    for name in old:
        file_drop(name)
    return len(old)
