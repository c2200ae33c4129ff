"""Artifacts: a folder of ``.npy`` files and one JSON manifest. Never pickle.

A folder appears whole or not at all: everything is written and fsynced in a temporary folder beside it, the manifest
last, then the folder is renamed. The hash depends on arrays and manifest only (no clock), so that the same data and the
same seed give the same hash.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
MANIFEST = "manifest.json"
_NAME = re.compile(r"[a-z0-9_]+\Z")


class ArtifactError(Exception):
    """An artifact cannot be written or read; the message says what to do."""


class ArtifactMissing(ArtifactError):
    """The folder, its manifest or one of its files is not there."""


class ArtifactCorrupt(ArtifactError):
    """A file does not hold what the manifest promises."""


class ArtifactFormat(ArtifactError):
    """Written by another version of the format."""


def save_arrays(folder: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], manifest: Mapping[str, Any]) -> str:
    """Write ``arrays`` and ``manifest`` (JSON values) into the new ``folder``; return the artifact's sha256 (hex).

    Raises ArtifactError when the folder exists, a name is not ``[a-z0-9_]+``, an array holds Python objects or the
    manifest is not JSON.
    """
    target = Path(folder)
    for name, array in arrays.items():
        if not _NAME.match(name):
            raise ArtifactError(f"array name {name!r}: use small letters, digits and _ only")
        if np.asarray(array).dtype.hasobject:
            raise ArtifactError(f"array {name!r} holds Python objects: convert it to numbers or byte strings")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise ArtifactError(f"{target} exists already: artifacts are never overwritten, choose a new folder")
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        files = {name: _write_array(work / f"{name}.npy", np.asarray(arrays[name])) for name in sorted(arrays)}
        # once through JSON, so that what is hashed is what will be read (tuples become lists, keys become texts)
        body: dict[str, Any] = json.loads(
            _json({"format": FORMAT, "manifest": dict(manifest), "files": files}, sort=False)
        )
        digest = _digest(body)
        _write_bytes(work / MANIFEST, _json({**body, "sha256": digest}, indent=1))
        work.chmod(0o755)  # mkdtemp makes it private; web workers may run as another user of the same group
        _sync_folder(work)
        try:
            work.rename(target)
        except OSError as error:
            raise ArtifactError(f"cannot put the artifact at {target} ({error}): choose a new folder") from error
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return digest


def load_arrays(
    folder: str | os.PathLike[str], mmap: bool = True, verify: bool = False
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read ``(manifest, arrays)``; arrays are memory-mapped read-only unless ``mmap`` is False.

    ``verify`` recomputes the sha256 of every file. Raises ArtifactMissing, ArtifactCorrupt or ArtifactFormat.
    """
    source = Path(folder)
    body = _read_manifest(source)
    arrays: dict[str, NDArray[Any]] = {}
    for name, facts in body["files"].items():
        path = source / f"{name}.npy"
        if not _NAME.match(name):
            raise ArtifactCorrupt(f"{source / MANIFEST} names a strange file {name!r}: train again or roll back")
        if not path.is_file():
            raise ArtifactMissing(f"{path} is missing: train again or roll back to an earlier artifact")
        if verify and _file_sha256(path) != facts["sha256"]:
            raise ArtifactCorrupt(f"{path} was changed after it was written: train again or roll back")
        try:
            empty = 0 in facts["shape"]  # an empty file cannot be memory-mapped
            array = np.load(path, mmap_mode="r" if mmap and not empty else None, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise ArtifactCorrupt(f"{path} cannot be read ({error}): train again or roll back") from error
        if list(array.shape) != facts["shape"] or array.dtype.str != facts["dtype"]:
            raise ArtifactCorrupt(
                f"{path} holds {array.dtype.str} {array.shape}, not what the manifest says: train again"
            )
        arrays[name] = array
    return body["manifest"], arrays


def artifact_sha256(folder: str | os.PathLike[str]) -> str:
    """The hash that `save_arrays` returned for this folder."""
    return str(_read_manifest(Path(folder))["sha256"])


def _read_manifest(source: Path) -> dict[str, Any]:
    path = source / MANIFEST
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactMissing(f"no artifact in {source}: train first, or check the artifact folder setting") from error
    except OSError as error:
        raise ArtifactMissing(
            f"{path} cannot be read ({error}): check the permissions of the artifact folder"
        ) from error
    except ValueError as error:
        raise ArtifactCorrupt(f"{path} is not valid JSON: train again or roll back") from error
    if not isinstance(body, dict) or not isinstance(body.get("format"), int):
        raise ArtifactCorrupt(f"{path} is not an artifact manifest: train again or roll back")
    if body["format"] != FORMAT:
        age = "a newer" if body["format"] > FORMAT else "an older"
        advice = "upgrade this process" if body["format"] > FORMAT else "train again"
        raise ArtifactFormat(f"{path} has format {body['format']} of {age} version (this one reads {FORMAT}): {advice}")
    digest = body.pop("sha256", None)
    try:
        intact = digest == _digest(body)
    except (KeyError, TypeError, AttributeError):
        intact = False
    if not intact:
        raise ArtifactCorrupt(f"{path} was changed after it was written: train again or roll back")
    return {**body, "sha256": digest}


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_json({key: body[key] for key in ("format", "manifest", "files")})).hexdigest()


def _json(value: Any, indent: int | None = None, sort: bool = True) -> bytes:
    try:
        return json.dumps(value, sort_keys=sort, indent=indent, allow_nan=False, ensure_ascii=False).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"the manifest must hold plain JSON values without NaN: {error}") from error


def _write_array(path: Path, array: NDArray[Any]) -> dict[str, Any]:
    with path.open("xb") as file:
        try:
            np.lib.format.write_array(file, np.ascontiguousarray(array).reshape(array.shape), allow_pickle=False)
        except OSError as error:
            if error.errno is None:  # numpy says "… requested and … written" and leaves out why
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": _file_sha256(path), "shape": list(array.shape), "dtype": array.dtype.str}


def _write_bytes(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(path: Path) -> None:
    if os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
