"""Where artifact folders are: ``ARTIFACT_DIR`` on this machine, and optionally a Django storage that all machines
share.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from django_ecomai.conf import ecomai
from django_ecomai.ml.persist import MANIFEST, ArtifactMissing

logger = logging.getLogger("django_ecomai.runs")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def root() -> Path:
    """``ARTIFACT_DIR`` as an absolute path; a relative one is taken from ``BASE_DIR``, else from the working folder."""
    path = Path(ecomai.ARTIFACT_DIR)
    if not path.is_absolute():
        path = Path(getattr(settings, "BASE_DIR", None) or Path.cwd()) / path
    return path


def folder_name(kind: str, channel: str) -> str:
    """``kind/channel`` as two safe folder names; no channel is ``_``."""
    return f"{_safe(kind)}/{_safe(channel) if channel else '_'}"


def _safe(name: str) -> str:
    if _PLAIN.match(name):
        return name
    # A leading dot would hide the folder or climb out of it, and a bare underscore means "no channel".
    quoted = quote(name, safe="")
    first = quoted[0]
    return quoted if first.isalnum() or first == "%" else f"%{ord(first):02X}{quoted[1:]}"


def local_path(relative: str) -> Path:
    """The folder of an artifact on this machine. Raises ``ValueError`` for a path that would leave ``ARTIFACT_DIR``."""
    parts = Path(relative).parts
    if not parts or ".." in parts or Path(relative).is_absolute():
        raise ValueError(f"{relative!r} is no artifact folder")
    return root() / relative


def remote() -> Storage | None:
    """The shared storage, when ``ARTIFACT_STORAGE`` names one."""
    return storages[ecomai.ARTIFACT_STORAGE] if ecomai.ARTIFACT_STORAGE else None


def upload(relative: str) -> None:
    """Copy a local folder to the shared storage, the manifest last: what is half uploaded has none."""
    target = remote()
    if target is None:
        return
    folder = local_path(relative)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda item: item.name == MANIFEST):
        with path.open("rb") as handle:
            target.save(f"{relative}/{path.relative_to(folder).as_posix()}", File(handle))


def ensure_local(relative: str) -> Path:
    """The local folder, fetched from the shared storage first when this machine has none.

    Raises ``ArtifactMissing`` when it is in neither place.
    """
    folder = local_path(relative)
    if (folder / MANIFEST).is_file():
        return folder
    source = remote()
    if source is None or not source.exists(f"{relative}/{MANIFEST}"):
        raise ArtifactMissing(f"no artifact in {folder}: train first, or check the artifact folder setting")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name in _walk(source, relative):
            path = work / Path(name).relative_to(relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            with source.open(name, "rb") as reader, path.open("wb") as writer:
                shutil.copyfileobj(reader, writer)
        work.chmod(0o755)
        try:
            work.rename(folder)
        except OSError:
            if not (folder / MANIFEST).is_file():  # else: another process was quicker
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def remove(relative: str) -> None:
    """Delete the local folder and the stored copy; what is gone already or cannot be deleted is logged, not raised."""
    remove_local(local_path(relative))
    target = remote()
    if target is None:
        return
    try:
        # The manifest first: what is half deleted has none.
        for name in sorted(_walk(target, relative), key=lambda item: not item.endswith(f"/{MANIFEST}")):
            target.delete(name)
    except OSError as error:
        logger.warning("could not delete %s from the artifact storage: %s", relative, error)


def remove_local(folder: Path) -> None:
    """Delete one folder: renamed first, so that nobody opens it half deleted."""
    try:
        tomb = folder if folder.name.startswith(".") else folder.with_name(f".{folder.name}.deleted")
        if tomb != folder:
            folder.rename(tomb)
        shutil.rmtree(tomb)
    except FileNotFoundError:
        pass
    except OSError as error:
        logger.warning("could not delete %s: %s", folder, error)


def leftovers_remove(run_id: int) -> None:
    """Delete what a killed run had begun to write: temporary folders below ``ARTIFACT_DIR`` that bear its number."""
    for pattern in (f"*/*/.*-run{run_id}.*", f"*/*/.*-run{run_id}-[0-9]*.*"):
        for folder in root().glob(pattern):
            remove_local(folder)


def _walk(source: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = source.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(files):
        yield f"{folder}/{name}"
    for name in sorted(folders):
        yield from _walk(source, f"{folder}/{name}")


def is_writable(folder: Path) -> bool:
    """Whether files can be created in ``folder``, or it can be created in its nearest existing parent."""
    while not folder.exists():
        if folder.parent == folder:
            return False
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
