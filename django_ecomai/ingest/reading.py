"""From the body of a request to rows: bounded in bytes, lines and rows before anything is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, UnreadablePostError

from django_ecomai.conf import ecomai

JSON, NDJSON = "application/json", ("application/x-ndjson", "application/ndjson", "application/jsonl")
# A JSON body stands in memory as a whole, a line at a time of NDJSON does.
JSON_BYTES = 4 * 1024 * 1024
JSON_ROWS = 1000
_PIECE = 64 * 1024
_SPOOLED = 1024 * 1024


class BadDelivery(Exception):
    """A delivery that is refused whole: nothing of it is written."""

    def __init__(self, status: int, error: str, detail: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.answer = {"error": error, "detail": detail, **more}


@dataclass(frozen=True, slots=True)
class Line:
    """A row as it was sent, by its number from 1; ``reason`` when it cannot be read."""

    number: int
    value: Any = None
    reason: str = ""


@dataclass
class Body:
    """A body that was received whole and is within its bounds."""

    file: IO[bytes]
    sha256: str
    ndjson: bool

    def lines(self) -> Iterator[Line]:
        """Its rows, streamed. Raises ``BadDelivery`` for a JSON body that holds none."""
        self.file.seek(0)
        return _ndjson(self.file) if self.ndjson else _json(self.file)


def body_receive(request: HttpRequest) -> Body:
    """Read the body into a temporary file. Raises ``BadDelivery`` as soon as it exceeds a bound."""
    ndjson = request.content_type in NDJSON
    if not ndjson and request.content_type != JSON:
        raise BadDelivery(415, "content_type", f"Send {JSON} or {NDJSON[0]}.")
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise BadDelivery(415, "content_encoding", "Send the body as it is, not compressed.")
    most = ecomai.INGEST_MAX_BYTES if ndjson else min(JSON_BYTES, ecomai.INGEST_MAX_BYTES)
    told = _length(request)
    if told is None and isinstance(request, WSGIRequest):  # Django would give the chunks as an empty body
        raise BadDelivery(411, "length_required", "Send the body with a Content-Length, not in chunks.")
    if told is not None and told > most:
        raise _too_large(most)
    file: IO[bytes] = SpooledTemporaryFile(_SPOOLED)  # noqa: SIM115 - the answer is made from it later
    digest, size, lines = hashlib.sha256(), 0, 0
    try:
        while piece := request.read(_PIECE):
            size += len(piece)
            lines += piece.count(b"\n")
            if size > most:
                raise _too_large(most)
            if ndjson and lines > ecomai.INGEST_MAX_ROWS:
                raise BadDelivery(413, "too_many_rows", "Send fewer rows at once.", max_rows=ecomai.INGEST_MAX_ROWS)
            digest.update(piece)
            file.write(piece)
    except UnreadablePostError:
        raise BadDelivery(400, "truncated", "The body ended before it was complete. Send it again.") from None
    if told is not None and size < told:
        raise BadDelivery(400, "truncated", "The body ended before it was complete. Send it again.")
    return Body(file, digest.hexdigest(), ndjson)


def _length(request: HttpRequest) -> int | None:
    try:
        return int(request.META.get("CONTENT_LENGTH") or "")
    except ValueError:
        return None


def _too_large(most: int) -> BadDelivery:
    return BadDelivery(413, "too_large", "The body is too large: send fewer rows at once.", max_bytes=most)


def _ndjson(file: IO[bytes]) -> Iterator[Line]:
    """One row per line; empty lines are passed over but counted. A line that is too long is skipped, not read."""
    most, number = ecomai.INGEST_MAX_LINE_BYTES, 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most and not line.endswith(b"\n"):
            while (rest := file.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, reason="line_too_long")
        elif line.strip():
            yield _read(number, line)


def _json(file: IO[bytes]) -> Iterator[Line]:
    read = _read(0, file.read())
    rows = read.value.get("rows") if isinstance(read.value, dict) else None
    if read.reason:
        raise BadDelivery(400, read.reason, "The body must be JSON in UTF-8.")
    if not isinstance(rows, list):
        raise BadDelivery(400, "rows_missing", 'Expected {"rows": [...]}.')
    if len(rows) > min(JSON_ROWS, ecomai.INGEST_MAX_ROWS):
        most = min(JSON_ROWS, ecomai.INGEST_MAX_ROWS)
        raise BadDelivery(413, "too_many_rows", f"Send fewer rows at once, or {NDJSON[0]}.", max_rows=most)
    for number, row in enumerate(rows, 1):
        yield Line(number, row)


def _read(number: int, text: bytes) -> Line:
    try:
        # Floats as they are written: 0.1 is a price, not a fraction of two.
        value = json.loads(text.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_no_number)
    except UnicodeDecodeError:
        return Line(number, reason="not_utf8")
    except (ValueError, RecursionError):
        return Line(number, reason="not_json")
    return Line(number, value)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
