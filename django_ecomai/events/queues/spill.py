"""A bounded file on this machine for events that neither queue nor database takes; replayed when one does again.

Beside the events it keeps what could not be stored at all (``dead.jsonl``) and how many did not fit (``lost.json``).
Every process of the machine appends to the same file: a lock makes the writes whole, and fsync makes them last.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files import locks

from django_ecomai.conf import ecomai
from django_ecomai.runs import storage

from .base import QueueRefused

logger = logging.getLogger("django_ecomai.events")

CHUNK = 500  # lines handed on at once
_PATIENCE = 1.0  # seconds that a page waits for another process's write
_LOST_DAYS = 30
_WAITING, _DEAD, _LOST, _TAKEN = "waiting.jsonl", "dead.jsonl", "lost.json", "taken-"


@dataclass(frozen=True, slots=True)
class SpillState:
    """What lies on this machine: lines that wait and that are dead, bytes, the age of the oldest that waits in seconds,
    and how many events were lost within 30 days.
    """

    waiting: int
    dead: int
    size: int
    age: float
    lost: int


def folder() -> Path:
    """``CAPTURE_SPILL_DIR``, or ``capture`` beside the models."""
    given = ecomai.CAPTURE_SPILL_DIR
    return Path(given) if given else storage.root() / "capture"


def put(lines: Sequence[str]) -> None:
    """Keep lines; when this returns they are on the disk. Raises ``QueueRefused``: switched off, full, or no disk."""
    _append(_WAITING, lines)


def bury(lines: Sequence[str]) -> None:
    """Keep lines that can never be stored, for somebody to look at. Raises ``QueueRefused`` as ``put`` does."""
    _append(_DEAD, lines)


def replay(store: Callable[[list[str]], None], *, goes_on: Callable[[], bool] = lambda: True) -> int:
    """Hand every waiting line to ``store``, oldest first, while ``goes_on()``; return how many it took.

    What ``store`` raises comes through, and only what it did not take stays. Killed amid it, lines are handed on twice.
    """
    taken = 0
    home = folder()
    if not home.is_dir():
        return 0
    with _locked(home / "replay.lock", patience=0.0) as mine:
        if not mine:
            return 0  # another process is at it
        with _locked(home / "write.lock", patience=10.0) as quiet:
            waiting = home / _WAITING
            if quiet and waiting.exists():
                waiting.rename(home / f"{_TAKEN}{time.time_ns():020d}.jsonl")
        for path in sorted(home.glob(f"{_TAKEN}*.jsonl")):
            done = 0
            try:
                for chunk, end in _chunks(path):
                    if not goes_on():
                        return taken
                    store(chunk)
                    done = end
                    taken += len(chunk)
            finally:
                _cut(path, done)
    return taken


def unbury() -> int:
    """Let the dead wait again; return how many."""
    home = folder()
    with _locked(home / "write.lock", patience=10.0) as quiet:
        dead = home / _DEAD
        if not quiet or not dead.exists():
            return 0
        lines = [_unwrapped(line) for line in dead.read_bytes().splitlines() if line.strip()]
        _write(home / f"{_TAKEN}{time.time_ns():020d}.jsonl", b"".join(line + b"\n" for line in lines))
        dead.unlink()
        return len(lines)


def forget(is_his: Callable[[dict[str, Any]], bool]) -> int:
    """Take out the events (as dicts of columns) of somebody who is erased; return how many."""
    home, removed = folder(), 0
    if not home.is_dir():
        return 0
    with (
        _locked(home / "replay.lock", patience=30.0) as mine,
        _locked(home / "write.lock", patience=10.0) as quiet,
    ):
        if not (mine and quiet):  # a replay would put back what is taken out under its hands
            raise QueueRefused("The spill is busy.")
        for path in [home / _WAITING, home / _DEAD, *home.glob(f"{_TAKEN}*.jsonl")]:
            if path.exists():
                removed += _filter(path, is_his)
    return removed


def buried() -> list[dict[str, Any]]:
    """What was put aside, as dicts of columns; of a line that cannot be read ``raw`` and since when that is known."""
    try:
        return [_event(line)[0] for line in (folder() / _DEAD).read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        return []


def expire(is_over: Callable[[dict[str, Any]], bool]) -> int:
    """Delete what was put aside and is over; return how many."""
    home = folder()
    with _locked(home / "write.lock", patience=10.0) as quiet:
        if not quiet:
            raise QueueRefused("The spill is busy.")
        return _filter(home / _DEAD, is_over) if (home / _DEAD).exists() else 0


def lost_count(amount: int) -> None:
    """Note that events could not be kept anywhere. Never raises."""
    logger.error("%d events could not be kept: the queue, the database and the local file refuse them.", amount)
    home = folder()
    with contextlib.suppress(OSError, ValueError):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(home / "write.lock", patience=_PATIENCE) as quiet:
            if not quiet:
                return
            days = dict(sorted(_lost_days(home).items())[-_LOST_DAYS:])
            today = datetime.now(UTC).date().isoformat()
            days[today] = days.get(today, 0) + amount
            fresh = home / "lost.new"
            _write(fresh, json.dumps(days).encode())
            fresh.replace(home / _LOST)


def state() -> SpillState:
    """Look at the files of this machine."""
    home = folder()
    paths = _pending(home)
    oldest = min((_since(path) for path in paths), default=None)
    return SpillState(
        waiting=sum(map(_count, paths)),
        dead=_count(home / _DEAD),
        size=_size(home),
        age=0.0 if oldest is None else max(time.time() - oldest, 0.0),
        lost=lost_recently(),
    )


def lost_recently() -> int:
    """How many events were lost within 30 days on this machine. Reads one small file."""
    earliest = datetime.fromtimestamp(time.time() - _LOST_DAYS * 86_400, UTC).date().isoformat()
    return sum(amount for day, amount in _lost_days(folder()).items() if day >= earliest)


def is_writable() -> bool:
    """Whether this process could write there. Makes nothing."""
    path = folder()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _append(name: str, lines: Sequence[str]) -> None:
    most = int(float(ecomai.CAPTURE_SPILL_MB) * 1024 * 1024)
    body = "".join(f"{line}\n" for line in lines).encode("ascii", "backslashreplace")
    if most <= 0:
        raise QueueRefused("The local file is switched off (CAPTURE_SPILL_MB).")
    home = folder()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(home / "write.lock", patience=_PATIENCE) as quiet:
            if not quiet:
                raise QueueRefused("The local file is busy.")
            if _size(home) + len(body) > most:
                raise QueueRefused(f"The local file is full ({most} bytes).")
            _write(home / name, body, append=True)
    except OSError as error:
        raise QueueRefused(f"The local file cannot be written: {error}") from error


def _write(path: Path, body: bytes, *, append: bool = False) -> None:
    """All or nothing, on the disk when it returns."""
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC), 0o600)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":
                body = b"\n" + body  # a process was killed amid its line: that one is lost, ours is not glued to it
        try:
            while body:
                body = body[os.write(handle, body) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if is_new:
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    """A new name lasts only when its folder is on the disk; some systems cannot open one."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _locked(path: Path, *, patience: float) -> Iterator[bool]:
    """Whether the lock was got within ``patience`` seconds; a process that dies lets it go."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not (mine := locks.lock(handle, locks.LOCK_EX | locks.LOCK_NB)) and time.monotonic() < deadline:
            time.sleep(0.005)
        try:
            yield mine
        finally:
            if mine:
                locks.unlock(handle)
    finally:
        os.close(handle)


def _pending(home: Path) -> list[Path]:
    try:
        return [path for path in (home / _WAITING, *home.glob(f"{_TAKEN}*.jsonl")) if path.exists()]
    except OSError:  # another user's folder
        return []


def _size(home: Path) -> int:
    total = 0
    for path in (*_pending(home), home / _DEAD):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _since(path: Path) -> float:
    """When its first event was received; the file's own time tells only of the last."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
        return datetime.fromisoformat(json.loads(file.readline())["event"]["received_at"]).timestamp()
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return time.time()


def _count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except OSError:
        return 0


def _chunks(path: Path) -> Iterator[tuple[list[str], int]]:
    """Lines, and where in the file they end."""
    with path.open("rb") as file:
        chunk: list[str] = []
        end = 0
        for line in file:
            end += len(line)
            if text := line.decode("utf-8", "backslashreplace").strip():
                chunk.append(text)
            if len(chunk) == CHUNK:
                yield chunk, end
                chunk = []
        if chunk:
            yield chunk, end


def _cut(path: Path, done: int) -> None:
    """Take the first ``done`` bytes off: they are somebody else's now and must not come again or take up room."""
    if done >= path.stat().st_size:
        path.unlink()
    elif done:
        fresh = path.with_suffix(".new")
        with contextlib.suppress(OSError), path.open("rb") as file:  # a full disk: all of it comes again, known by key
            file.seek(done)
            _write(fresh, file.read())
            fresh.replace(path)


def _filter(path: Path, is_his: Callable[[dict[str, Any]], bool]) -> int:
    """Take lines out. What cannot be read gets the date of today with it, so that it can grow old."""
    kept, removed, changed = [], 0, False
    for line in filter(bytes.strip, path.read_bytes().splitlines()):
        event, whole = _event(line)
        try:
            his = is_his(event)
        except (ValueError, KeyError, TypeError, AttributeError):
            his = False
        changed |= his or (whole != line and path.name == _DEAD)
        removed += his
        if not his:
            kept.append((whole if path.name == _DEAD else line) + b"\n")
    if changed:
        fresh = path.with_suffix(".new")
        _write(fresh, b"".join(kept))
        fresh.replace(path)
    return removed


def _event(line: bytes) -> tuple[dict[str, Any], bytes]:
    """The columns in a line, and the line; one that cannot be read is wrapped together with its date."""
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError, AttributeError):
        data = json.loads(line)
        if isinstance(data.get("raw"), str):
            return {"raw": data["raw"], "received_at": data["since"]}, line
        datetime.fromisoformat(data["event"]["received_at"])
        return data["event"], line
    wrapped = {"raw": line.decode("utf-8", "backslashreplace"), "since": datetime.now(UTC).isoformat()}
    return {"raw": wrapped["raw"], "received_at": wrapped["since"]}, json.dumps(wrapped).encode()


def _unwrapped(line: bytes) -> bytes:
    """As it was before it was put aside."""
    with contextlib.suppress(ValueError, RecursionError, TypeError, AttributeError):
        raw = json.loads(line).get("raw")
        if isinstance(raw, str):
            return raw.encode("ascii", "backslashreplace")
    return line


def _lost_days(home: Path) -> dict[str, int]:
    try:
        found = json.loads((home / _LOST).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(day): int(amount) for day, amount in found.items()} if isinstance(found, dict) else {}
