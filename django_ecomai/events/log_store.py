"""The coded log kept between trainings, so that the next one reads only what came since.

One folder per channel in ``ARTIFACT_DIR``, ``.npy`` files and a manifest like a model's. What may have changed is read
again: everything from a week before the last reading on (browsers may send events that late), and every earlier month
whose number of events is another than it was (imports, retention, erasures). Whatever else does not fit - another
version, another database, a damaged file - means that all is read. The result is the same as that of a full reading.

It holds the pseudonymous ids of visitors and the shop's ids of customers. An erasure deletes it at once, retention cuts
it, and what was read before an erasure is not kept after it: every erasure leaves a new mark beside the logs. Where
machines share models through ``ARTIFACT_STORAGE`` it is not kept: an erasure could not reach every copy.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django_ecomai.core.uuid7 import uuid7_floor, uuid7_time
from django_ecomai.ml.persist import ArtifactError, load_arrays, save_arrays
from django_ecomai.runs import storage

from .models import Event
from .partitions import events_connection, month_of, month_start

if TYPE_CHECKING:
    from .columns import EventColumns

logger = logging.getLogger("django_ecomai.events")
FORMAT = 1
KIND = "eventlog"
#: A browser's event may be as old as this when it arrives (cleaning re-keys older ones), and some minutes for clocks.
OVERLAP = timedelta(days=7, minutes=10)
#: A log of fewer events is read faster than it is looked up.
LEAST_KEPT = 100_000
# One level deeper than a model: the upkeep of models deletes folders on theirs that no row names.
_KEPT, _LOG = "kept", "log"
#: Holds other text after every erasure; beside the channels' folders, as those go.
_MARK = ".erasures"
#: A web worker may be another user of the group and must be able to delete; others are not even to look.
_MODE = 0o2770


class LogNotForgotten(OSError):
    """A stored log could not be deleted: an erasure is not complete."""


@dataclass(frozen=True)
class Reading:
    """The log, and how many of its events were read from the database."""

    columns: EventColumns
    new: int


@dataclass(frozen=True)
class _Kept:
    columns: EventColumns
    since: datetime
    months: dict[int, int]


def log_read(
    *, channel: str, now: datetime | None = None, tell: Callable[[int], None] | None = None, keep: bool = True
) -> Reading:
    """All events of a channel, from the store as far as it still holds. ``tell(number)`` hears how many were read.

    With ``keep`` the result is stored for the next time when the log is large enough.
    """
    from .columns import columns_join, columns_read

    now = now or datetime.now(UTC)
    if keep and not _is_kept(channel):
        for folder in _folders(channel):
            storage.remove_local(folder)
        keep = False
    mark = _mark_begin() if keep else None
    kept = _load_folder(_folder(channel)) if keep else None
    # Counted before reading: an import in between makes the count too low, and its month is read again next time.
    counts = _month_counts(now - OVERLAP)
    log = Event.objects.filter(channel=channel)
    if kept is None:
        columns = columns_read(log, tell=tell)
        new = len(columns)
    else:
        changed = _changed(kept)
        parts = [columns_read(log.filter(id__gte=uuid7_floor(kept.since)), tell=tell)]
        for month in changed:
            span = log.filter(id__gte=uuid7_floor(month_start(month)), id__lt=uuid7_floor(_end(month, kept.since)))
            parts.append(columns_read(span, tell=tell))
        new = sum(map(len, parts))
        columns = columns_join([_without(kept, changed), *parts]).compact()
    if mark is not None:
        _write(_folder(channel), columns, now - OVERLAP, counts, mark=mark)
    return Reading(columns, new)


def log_forget(*, channel: str | None = None) -> None:
    """Delete the stored log of a channel (None: of all), and see to it that no reading under way puts it back.

    Raises ``OSError`` when this user may not: ``LogNotForgotten`` names the folder that is still there.
    """
    try:
        _parent().stat()
    except FileNotFoundError:  # a reading that is going to keep something makes it before it reads
        return
    try:
        _mark_write()
    finally:  # a full disk must not save what is to go
        folders = _folders(channel)
        for folder in folders:
            storage.remove_local(folder)
    left = [folder for folder in folders if folder.exists() or _tomb(folder).exists()]
    if left:
        raise LogNotForgotten(
            f"{left[0]} could not be deleted and may hold a person who was erased: delete it by hand, let its owner "
            f"and this process share a group that may write to {_parent()}"
        )


def log_trim(*, before: datetime, channel: str | None = None) -> None:
    """Take events before a moment out of the stored logs: what retention deletes is nowhere else either."""
    name = "*" if channel is None else storage.folder_name(KIND, channel).split("/")[-1]
    mark = _mark()
    for folder in _parent().glob(f"{name}/{_KEPT}/{_LOG}"):
        kept = _load_folder(folder)
        if kept is None:
            storage.remove_local(folder)
            continue
        rest = kept.columns.between(before, None)
        if len(rest) == len(kept.columns):
            continue
        months = {month: number for month, number in kept.months.items() if month_start(month) >= before}
        _write(folder, rest.compact(), kept.since, months, mark=mark)


def _changed(kept: _Kept) -> list[int]:
    """Months before ``kept.since`` that hold another number of events than when they were read."""
    now = _month_counts(kept.since)
    return sorted(month for month in {*now, *kept.months} if now.get(month, 0) != kept.months.get(month, 0))


def _month_counts(until: datetime) -> dict[int, int]:
    """Events of every month up to ``until``, of all channels and kinds: the index of the key alone answers."""
    ids = Event.objects.filter(id__lt=uuid7_floor(until)).values_list("id", flat=True)
    first, last = ids.order_by("id").first(), ids.order_by("-id").first()  # PostgreSQL knows no MIN of a UUID
    if first is None or last is None:
        return {}
    counts = {}
    for month in range(month_of(uuid7_time(first)), month_of(uuid7_time(last)) + 1):
        span = Event.objects.filter(id__gte=uuid7_floor(month_start(month)), id__lt=uuid7_floor(_end(month, until)))
        counts[month] = span.count()
    return {month: number for month, number in counts.items() if number}


def _end(month: int, until: datetime) -> datetime:
    return min(month_start(month + 1), until)


def _without(kept: _Kept, changed: list[int]) -> EventColumns:
    """The kept events before ``since`` and outside the changed months."""
    import numpy as np

    from .columns import high_of

    columns = kept.columns.between(None, kept.since)
    keep = np.ones(len(columns), dtype=bool)
    for month in changed:
        start, end = np.searchsorted(columns.high, [high_of(month_start(month)), high_of(month_start(month + 1))])
        keep[start:end] = False
    return columns if keep.all() else columns.rows(keep)


def _parent() -> Path:
    return storage.root() / KIND


def _folder(channel: str) -> Path:
    return storage.root() / storage.folder_name(KIND, channel) / _KEPT / _LOG


def _is_kept(channel: str) -> bool:
    """Whether the log is large enough to be kept, on a machine that shares no models with others."""
    if storage.remote() is not None:
        return False
    return Event.objects.filter(channel=channel)[:LEAST_KEPT].count() >= LEAST_KEPT


def _folders(channel: str | None) -> list[Path]:
    """The folder of a channel (None: of all), with what an earlier attempt to delete it left."""
    if channel is None:
        return [path for path in _parent().glob("*") if path.is_dir()]
    folder = storage.root() / storage.folder_name(KIND, channel)
    return [_tomb(folder), folder]


def _tomb(folder: Path) -> Path:
    """What ``storage.remove_local`` renames a folder to."""
    return folder.with_name(f".{folder.name}.deleted")


def _folder_make(folder: Path) -> None:
    """The folder for the logs, of a channel or of a log, whatever the umask."""
    folder.mkdir(mode=_MODE, exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != _MODE:
        folder.chmod(_MODE)


def _mark() -> str:
    """What the latest erasure left; empty before the first."""
    try:
        return (_parent() / _MARK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _mark_begin() -> str | None:
    """The mark before a reading, or None where nothing can be kept."""
    try:
        storage.root().mkdir(parents=True, exist_ok=True)
        _folder_make(_parent())
        return _mark()
    except OSError as error:
        logger.warning("The log cannot be kept, every training reads all events: %s", error)
        return None


def _mark_write() -> None:
    """Another mark than any before, put in place in one step."""
    work = _parent() / f"{_MARK}.{uuid4().hex}"
    try:
        work.write_text(uuid4().hex, encoding="utf-8")
        work.chmod(0o644)  # a training may run as another user
        work.replace(_parent() / _MARK)
    finally:
        work.unlink(missing_ok=True)


def _database() -> str:
    connection = events_connection()
    return f"{connection.vendor}:{connection.settings_dict.get('HOST', '')}:{connection.settings_dict['NAME']}"


def _load_folder(folder: Path) -> _Kept | None:
    """What was kept, or None when there is nothing that can be used."""
    from .columns import CODED, EventColumns

    if not folder.exists():
        return None
    try:
        manifest, arrays = load_arrays(folder, mmap=False, verify=True)
        if (manifest["log_format"], manifest["database"]) != (FORMAT, _database()):
            return None
        texts = {column: [raw.decode() for raw in arrays[f"{column}_texts"].tolist()] for column in CODED}
        columns = EventColumns(
            arrays["high"], arrays["low"], arrays["dwell"], {column: arrays[column] for column in CODED}, texts
        )
        months = {int(month): int(number) for month, number in manifest["months"].items()}
        return _Kept(columns, datetime.fromtimestamp(manifest["since"], UTC), months)
    except (ArtifactError, KeyError, ValueError, TypeError) as error:
        logger.warning("The stored log cannot be used, all events are read: %s", error)
        return None


def _write(folder: Path, columns: EventColumns, since: datetime, months: dict[int, int], *, mark: str) -> None:
    """Replace what is kept, unless somebody was erased since ``mark``: he may be in the columns."""
    import numpy as np

    from .columns import CODED

    arrays: dict[str, Any] = {"high": columns.high, "low": columns.low, "dwell": columns.dwell}
    for column in CODED:
        raw = [text.encode() for text in columns.texts[column]]
        arrays |= {column: columns.codes[column], f"{column}_texts": np.array(raw, dtype=np.bytes_)}
    manifest = {
        "kind": KIND,
        "log_format": FORMAT,
        "database": _database(),
        "since": int(since.timestamp()),
        "months": {str(month): number for month, number in months.items()},
    }
    try:
        if _mark() != mark:
            logger.info("The log is not kept: somebody was erased while it was read.")
            return
        storage.remove_local(folder.parent)  # with what a killed training left half written
        _folder_make(folder.parents[1])
        _folder_make(folder.parent)
        save_arrays(folder, arrays, manifest)
        folder.chmod(_MODE)
        if _mark() != mark:  # the erasure may have looked before there was anything to delete
            logger.info("The log is not kept: somebody was erased while it was written.")
            storage.remove_local(folder.parent)
    except (ArtifactError, OSError) as error:  # a full disk must not cost a training
        logger.warning("The log could not be kept, the next training reads all events again: %s", error)
        storage.remove_local(folder.parent)
