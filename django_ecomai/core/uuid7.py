"""UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, version, then randomness. Sorts by time."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_MS = (1 << 48) - 1


def to_milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware datetime. Raises ``ValueError`` when naive or before 1970."""
    if moment.tzinfo is None:
        raise ValueError("uuid7 needs an aware datetime")
    # Integer division of timedeltas is exact; float timestamps are not.
    milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1)
    if not 0 <= milliseconds <= _MAX_MS:
        raise ValueError(f"{moment.isoformat()} cannot be written into a UUIDv7")
    return milliseconds


def _build(milliseconds: int, entropy: int) -> uuid.UUID:
    """Assemble the fields; ``entropy`` supplies the low 74 bits."""
    rand_a = (entropy >> 62) & 0xFFF
    rand_b = entropy & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (rand_a << 64) | (0b10 << 62) | rand_b)


def uuid7(moment: datetime | None = None) -> uuid.UUID:
    """A new random UUIDv7 for ``moment`` (default: now)."""
    return _build(to_milliseconds(moment or datetime.now(UTC)), secrets.randbits(74))


def uuid7_derived(source: str, key: str, moment: datetime) -> uuid.UUID:
    """The same UUIDv7 for the same ``(source, key, moment)``: importing a row twice gives one event."""
    digest = hashlib.sha256(f"{source}\x00{key}".encode()).digest()
    return _build(to_milliseconds(moment), int.from_bytes(digest[:10], "big"))


def uuid7_time(value: uuid.UUID) -> datetime:
    """The moment inside a UUIDv7, aware UTC, to the millisecond. Raises ``ValueError`` for another version."""
    if value.version != 7:
        raise ValueError(f"{value} is not a UUIDv7")
    return _EPOCH + timedelta(milliseconds=value.int >> 80)


def uuid7_floor(moment: datetime) -> uuid.UUID:
    """The smallest UUID at ``moment``: ``id__gte=uuid7_floor(a), id__lt=uuid7_floor(b)`` is the span [a, b)."""
    return uuid.UUID(int=to_milliseconds(moment) << 80)
