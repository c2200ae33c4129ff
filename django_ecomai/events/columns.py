"""The behaviour log as columns of numbers: five million events are 200 MB and no Python object per event."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from django.db.models import BigIntegerField, CharField, Func, QuerySet, Value
from django.db.models.functions import Cast, Coalesce

from django_ecomai.core.arrays import arrays_available, arrays_read
from django_ecomai.core.beside import ahead
from django_ecomai.core.uuid7 import uuid7_floor

from .models import Event, EventName

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK = 50_000
#: Events whose columns come as one value each: about 20 MB.
ARRAY_CHUNK = 200_000
#: Events that are asked for by their ids at once.
TEXTS_CHUNK = 20_000
#: Coded columns: their texts are kept once, in ``EventColumns.texts``.
CODED = ("visitor", "customer", "product", "name")
_FIELDS = {"visitor": "visitor_id", "customer": "customer_id", "product": "product_id", "name": "name"}


@dataclass(frozen=True, eq=False)
class EventColumns:
    """Events of one channel in the order of their ids, robots, impressions and what names no product left out.

    ``high`` and ``low`` uint64 [n] are the halves of the id (``high >> 16`` = milliseconds since 1970), ``dwell``
    float64 [n] (NaN = unknown), ``codes[column]`` int32 [n] with their meaning in ``texts[column]``.
    """

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    dwell: NDArray[np.float64]
    codes: Mapping[str, NDArray[np.int32]]
    texts: Mapping[str, list[str]]

    def __len__(self) -> int:
        return len(self.high)

    @property
    def at(self) -> NDArray[np.float64]:
        """Epoch seconds, to the millisecond."""
        return np.asarray((self.high >> np.uint64(16)).astype(np.int64) / 1000)

    def rows(self, index: slice | NDArray[Any]) -> EventColumns:
        """The events at ``index`` (a slice, a mask or an index array)."""
        codes = {column: self.codes[column][index] for column in CODED}
        return EventColumns(self.high[index], self.low[index], self.dwell[index], codes, self.texts)

    def between(self, since: datetime | None, until: datetime | None) -> EventColumns:
        """Events with ``since <= time < until``."""
        start = 0 if since is None else int(np.searchsorted(self.high, high_of(since)))
        end = len(self) if until is None else int(np.searchsorted(self.high, high_of(until)))
        return self if (start, end) == (0, len(self)) else self.rows(slice(start, end))

    def compact(self) -> EventColumns:
        """Without the texts that no event uses any more: whoever was erased is not named on."""
        codes, texts = {}, {}
        for column in CODED:
            used = np.zeros(len(self.texts[column]), dtype=bool)
            used[self.codes[column]] = True
            codes[column] = (np.cumsum(used, dtype=np.int32) - 1)[self.codes[column]] if len(self) else _NO_CODES
            texts[column] = [text for text, is_used in zip(self.texts[column], used.tolist(), strict=True) if is_used]
        return EventColumns(self.high, self.low, self.dwell, codes, texts)


_NO_CODES = np.empty(0, dtype=np.int32)


def high_of(moment: datetime) -> np.uint64:
    """The upper half of the smallest id at ``moment``."""
    return np.uint64(uuid7_floor(moment).int >> 64)


def columns_read(rows: QuerySet[Event], *, tell: Callable[[int], None] | None = None) -> EventColumns:
    """Read events of a filtered queryset of ``Event``. ``tell(number)`` hears how many have been read so far."""
    kept = rows.filter(is_bot=False).exclude(product_id="").exclude(name=EventName.VIEW_ITEM_LIST).order_by()
    if arrays_available(kept):
        columns = _read_arrays(kept, tell)
        if columns is not None:
            return columns
    return _read_rows(kept, tell)


def _read_rows(kept: QuerySet[Event], tell: Callable[[int], None] | None) -> EventColumns:
    """On every database: texts are numbered while they stream by."""
    # As text: a UUID object for every event takes longer than all the rest.
    key = Cast("id", CharField(max_length=36))
    fields: list[Any] = [key, *(_FIELDS[column] for column in CODED), "dwell_seconds"]
    stream = kept.values_list(*fields).iterator(chunk_size=CHUNK)
    tables = {column: _Codes() for column in CODED}
    halves: list[NDArray[np.uint64]] = []
    dwell: list[NDArray[np.float64]] = []
    codes: dict[str, list[NDArray[np.int32]]] = {column: [] for column in CODED}
    read = 0
    while chunk := list(islice(stream, CHUNK)):
        ids, *coded, stayed = zip(*chunk, strict=True)
        halves.append(np.frombuffer(bytes.fromhex("".join(ids).replace("-", "")), dtype=">u8").astype(np.uint64))
        for column, values in zip(CODED, coded, strict=True):
            codes[column].append(np.fromiter(map(tables[column].__getitem__, values), np.int32, len(values)))
        dwell.append(np.array(stayed, dtype=np.float64))  # None becomes NaN
        read += len(chunk)
        if tell is not None:
            tell(read)
    return _put_together(halves, dwell, codes, {column: list(tables[column]) for column in CODED})


def _read_arrays(kept: QuerySet[Event], tell: Callable[[int], None] | None) -> EventColumns | None:
    """On PostgreSQL, a sixth of the time: texts come as hashes of 64 bits, and each text once, where it is first met.

    The hash is salted anew each time: nobody can prepare two ids that fall together, and that a million texts do by
    chance is one in thirty-seven million. None when events were deleted meanwhile, so that a text cannot be told.
    """
    salt = Value(secrets.randbits(62))
    hashes = [Func(_FIELDS[one], salt, function="hashtextextended", output_field=BigIntegerField()) for one in CODED]
    wanted: list[Any] = ["id", *hashes, Coalesce("dwell_seconds", Value(float("nan")))]
    kinds = ["uuid", *("int" for _ in CODED), "float"]
    tables = {column: _Hashes() for column in CODED}
    halves: list[NDArray[np.uint64]] = []
    dwell: list[NDArray[np.float64]] = []
    codes: dict[str, list[NDArray[np.int32]]] = {column: [] for column in CODED}
    read = 0
    for ids, *hashed, stayed in ahead(_array_chunks(kept, wanted, kinds), using=kept.db):
        first = {column: tables[column].unknown(own) for column, own in zip(CODED, hashed, strict=True)}
        places = np.unique(np.concatenate(list(first.values())))
        texts = _texts_at(kept, ids[places])
        if len(texts) != len(places):
            return None
        for number, (column, own) in enumerate(zip(CODED, hashed, strict=True)):
            met = [texts[at][number] for at in np.searchsorted(places, first[column]).tolist()]
            tables[column].add(own[first[column]], met)
            codes[column].append(tables[column].codes(own))
        halves.append(ids.ravel())
        dwell.append(stayed)
        read += len(ids)
        if tell is not None:
            tell(read)
    return _put_together(halves, dwell, codes, {column: tables[column].texts for column in CODED})


def _array_chunks(kept: QuerySet[Event], wanted: list[Any], kinds: list[str]) -> Iterator[list[NDArray[Any]]]:
    rows = kept
    while True:
        part = arrays_read(rows.order_by("id").values_list(*wanted)[:ARRAY_CHUNK], kinds)
        ids = part[0]
        if len(ids):
            yield part
        if len(ids) < ARRAY_CHUNK:
            return
        rows = kept.filter(id__gt=UUID(int=(int(ids[-1, 0]) << 64) | int(ids[-1, 1])))


def _texts_at(kept: QuerySet[Event], ids: NDArray[np.uint64]) -> list[tuple[str, ...]]:
    """The texts of the events ``ids`` [n, 2] (ascending), in that order; one that was deleted meanwhile is missing."""
    found: list[tuple[str, ...]] = []
    column = f'"{Event._meta.db_table}"."id"'
    for start in range(0, len(ids), TEXTS_CHUNK):
        raw = ids[start : start + TEXTS_CHUNK].astype(">u8").tobytes()
        some = [raw[at : at + 16].hex() for at in range(0, len(raw), 16)]
        # One parameter for all: thousands of them take longer to write than to answer. The range prunes partitions.
        rows = kept.filter(id__range=(UUID(some[0]), UUID(some[-1]))).extra(  # noqa: S610
            where=[f"{column} = ANY(%s::uuid[])"], params=["{" + ",".join(some) + "}"]
        )
        found += rows.order_by("id").values_list(*(_FIELDS[one] for one in CODED))
    return found


def _put_together(
    halves: list[NDArray[np.uint64]],
    dwell: list[NDArray[np.float64]],
    codes: Mapping[str, list[NDArray[np.int32]]],
    texts: Mapping[str, list[str]],
) -> EventColumns:
    pairs = np.concatenate([np.empty(0, dtype=np.uint64), *halves]).reshape(-1, 2)
    high, low = np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1])
    numbers = {column: np.concatenate([_NO_CODES, *codes[column]]) for column in CODED}
    return _sorted(EventColumns(high, low, np.concatenate([np.empty(0), *dwell]), numbers, texts))


def columns_join(parts: Iterable[EventColumns]) -> EventColumns:
    """Several readings as one; an event that is in two of them counts once."""
    parts = list(parts)
    tables = {column: _Codes() for column in CODED}
    codes: dict[str, list[NDArray[np.int32]]] = {column: [_NO_CODES] for column in CODED}
    for part in parts:
        for column in CODED:
            mine = np.fromiter(map(tables[column].__getitem__, part.texts[column]), np.int32, len(part.texts[column]))
            codes[column].append(mine[part.codes[column]] if len(mine) else _NO_CODES)
    joined = _sorted(
        EventColumns(
            np.concatenate([np.empty(0, dtype=np.uint64), *(part.high for part in parts)]),
            np.concatenate([np.empty(0, dtype=np.uint64), *(part.low for part in parts)]),
            np.concatenate([np.empty(0), *(part.dwell for part in parts)]),
            {column: np.concatenate(codes[column]) for column in CODED},
            {column: list(tables[column]) for column in CODED},
        )
    )
    again = np.zeros(len(joined), dtype=bool)
    again[1:] = (joined.high[1:] == joined.high[:-1]) & (joined.low[1:] == joined.low[:-1])
    return joined.rows(~again) if again.any() else joined


def _sorted(columns: EventColumns) -> EventColumns:
    high, low = columns.high, columns.low
    if not len(high) or bool(((high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] >= low[:-1]))).all()):
        return columns
    return columns.rows(np.lexsort((low, high)))


class _Codes(dict[str, int]):
    """Numbers texts in the order in which they are first asked for."""

    def __missing__(self, text: str) -> int:
        self[text] = len(self)
        return self[text]


class _Hashes:
    """Numbers texts by their hashes, in the order in which they are first met."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._hashes = np.empty(0, dtype=np.int64)  # sorted, with their numbers
        self._numbers = _NO_CODES

    def unknown(self, hashes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each hash that has no number yet is first met, ascending."""
        values, first = np.unique(hashes, return_index=True)
        return np.sort(first[~np.isin(values, self._hashes)])

    def add(self, hashes: NDArray[np.int64], texts: list[str]) -> None:
        numbers = np.arange(len(self.texts), len(self.texts) + len(texts), dtype=np.int32)
        self.texts += texts
        hashes, numbers = np.r_[self._hashes, hashes], np.r_[self._numbers, numbers]
        order = np.argsort(hashes)
        self._hashes, self._numbers = hashes[order], numbers[order]

    def codes(self, hashes: NDArray[np.int64]) -> NDArray[np.int32]:
        return self._numbers[np.searchsorted(self._hashes, hashes)]
