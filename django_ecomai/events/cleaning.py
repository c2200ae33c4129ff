"""From what a browser, the shop or an import says to a row that can be stored, or a reason why not."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from django_ecomai.conf import ecomai
from django_ecomai.core.uuid7 import uuid7, uuid7_derived, uuid7_time

from .models import Event, EventName
from .names import NEEDS_PRODUCT, SERVER_ONLY, event_name
from .tokens import token_read

Source = Literal["browser", "server", "import"]

# A browser may deliver late (it was offline) and its clock may run a little ahead.
PAST = timedelta(days=7)
FUTURE = timedelta(minutes=5)
# Imports: nothing was sold on the web before this.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
PROPERTIES_MAX_BYTES = 2048
DWELL_MAX = 3600.0  # seconds

_FIELDS = {
    "item_id": "product_id",
    "productid": "product_id",
    "product": "product_id",
    "event": "name",
    "type": "name",
    "messageid": "id",
    "event_id": "id",
    "search_term": "query",
    "dwell": "dwell_seconds",
    "duration": "dwell_seconds",
    "timestamp": "at",
    "client_at": "at",
    "index": "position",
    "amount": "quantity",
}
_BROWSER = {
    "id", "name", "product_id", "quantity", "query", "token", "position", "dwell_seconds", "at", "properties",
    "referrer",
}  # fmt: skip
_FORBIDDEN = {
    "customer_id", "user_id", "userid", "user", "visitor_id", "session_id", "value", "price", "revenue", "currency",
    "order_id", "transaction_id",
}  # fmt: skip
_SERVER = _BROWSER | {
    "channel", "visitor_id", "session_id", "customer_id", "order_id", "placement", "recommendation_id", "value",
    "currency", "is_bot", "source", "key",
}  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Rejected(Exception):
    """An event that cannot be stored; the text is the reason in the verdict."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event: ``accepted``, ``duplicate``, ``rejected`` (and ``reason``); ``notes`` name repairs."""

    id: str
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, empty parts left out."""
        out: dict[str, Any] = {"id": self.id, "status": self.status}
        if self.reason:
            out["reason"] = self.reason
        if self.notes:
            out["notes"] = list(self.notes)
        return out


def event_clean(
    raw: object, *, source: Source, now: datetime, known: Mapping[str, Any] | None = None
) -> tuple[Event, tuple[str, ...]]:
    """An unsaved ``Event`` and notes on what was repaired. Raises ``Rejected``.

    ``known`` is what the request says about a browser's events (visitor, visit, customer, channel), not the browser.
    External ids are only text here: a product or customer that the mirror does not know (yet) is kept.
    """
    if not isinstance(raw, Mapping):
        raise Rejected("not_an_object")
    notes: list[str] = []
    data = _known_fields(raw, source, notes)
    name = event_name(data.get("name"))
    if name is None:
        raise Rejected("unknown_name")
    if source == "browser" and name in SERVER_ONLY:
        raise Rejected("server_only_name")
    event = Event(**(known or {}), name=name, received_at=now)
    event.product_id = _text(data, "product_id", 64)
    if source == "browser":
        _apply_token(event, data, notes)
    else:
        for field, size in (
            ("channel", 32), ("visitor_id", 32), ("session_id", 32), ("customer_id", 64), ("order_id", 64),
            ("placement", 64), ("recommendation_id", 36),
        ):  # fmt: skip
            setattr(event, field, _text(data, field, size))
        event.value = _decimal(data, "value", negative=name == EventName.REFUND, places=4)
        event.currency = _text(data, "currency", 3).upper()
        event.is_bot = bool(data.get("is_bot"))
        if data.get("token"):
            _apply_token(event, data, notes)
    if name in NEEDS_PRODUCT and not event.product_id:
        raise Rejected("product_missing")
    if name == EventName.PURCHASE and not event.order_id:
        raise Rejected("order_missing")
    refund = name == EventName.REFUND
    event.quantity = _decimal(data, "quantity", positive=not refund, negative=refund, places=3)
    if refund and event.quantity is not None and event.quantity <= 0:
        if not event.quantity:
            raise Rejected("not_positive:quantity")
        # Many shops book what comes back as a negative number; the event's name says the direction.
        event.quantity = -event.quantity
        notes.append("sign_dropped:quantity")
    event.query = _text(data, "query", 255, cut=True)
    if event.position is None:
        event.position = _position(data, notes)
    event.dwell_seconds = _dwell(data, notes)
    event.properties = {**_properties(data), **event.properties}
    event.id, event.client_at = _identity(data, source, event, now, notes)
    return event, tuple(notes)


def _known_fields(raw: Mapping[Any, Any], source: Source, notes: list[str]) -> dict[str, Any]:
    """Fields by our names; money and people named by a browser reject the event, unknown fields are left out."""
    data: dict[str, Any] = {}
    for key, value in raw.items():
        if not isinstance(key, str) or value is None or value == "":
            continue
        field = _FIELDS.get(key.lower(), key.lower())
        if source == "browser":
            if field in _FORBIDDEN:
                raise Rejected(f"server_only_field:{field}")
            if field not in _BROWSER:
                notes.append(f"ignored:{_CONTROL.sub('', key)[:32]}")
                continue
        elif field not in _SERVER:
            notes.append(f"ignored:{key[:32]}")
            continue
        data.setdefault(field, value)
    return data


def _apply_token(event: Event, data: Mapping[str, Any], notes: list[str]) -> None:
    """Attribution comes from the signed token alone; without a valid one the event counts for no placement."""
    if "token" not in data:
        return
    token = token_read(data["token"])
    if token is None:
        notes.append("token_invalid")
        return
    if event.product_id and event.product_id != token.product_id:
        notes.append("product_from_token")
    event.product_id = token.product_id[:64]
    event.placement = token.placement[:64]
    event.recommendation_id = token.recommendation_id[:36]
    event.position = min(max(token.position, 0), 32767)
    event.properties = {"run": token.run, "slot": token.slot, "propensity": token.propensity}


def _text(data: Mapping[str, Any], field: str, size: int, *, cut: bool = False) -> str:
    value = data.get(field, "")
    if value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | uuid.UUID):
        raise Rejected(f"not_text:{field}")
    if isinstance(value, int) and abs(value) >= 10**18:
        raise Rejected(f"too_long:{field}")
    text = str(value).strip()
    if cut:
        return _CONTROL.sub(" ", text[: size * 4]).strip()[:size]
    if len(text) > size:
        raise Rejected(f"too_long:{field}")
    if _CONTROL.search(text):
        raise Rejected(f"control_character:{field}")
    return text


def _decimal(
    data: Mapping[str, Any], field: str, *, places: int, positive: bool = False, negative: bool = False
) -> Decimal | None:
    value = data.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise Rejected(f"not_a_number:{field}")
    if isinstance(value, str) and len(value) > 32:
        raise Rejected(f"not_a_number:{field}")
    try:
        number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
        if not number.is_finite():
            raise Rejected(f"not_a_number:{field}")
        if abs(number) >= 10**9:
            raise Rejected(f"too_large:{field}")
        number = number.quantize(Decimal(1).scaleb(-places))
    except (InvalidOperation, ValueError):
        raise Rejected(f"not_a_number:{field}") from None
    if (positive and number <= 0) or (number < 0 and not negative):
        raise Rejected(f"not_positive:{field}")
    return number


def _position(data: Mapping[str, Any], notes: list[str]) -> int | None:
    value = data.get("position")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 32767:
        notes.append("position_ignored")
        return None
    return value


def _dwell(data: Mapping[str, Any], notes: list[str]) -> float | None:
    value = data.get("dwell_seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0 or not math.isfinite(value):
        notes.append("dwell_ignored")
        return None
    # A tab that stays open over night was not read all night.
    return min(float(value), DWELL_MAX)


def _properties(data: Mapping[str, Any]) -> dict[str, Any]:
    value = data.get("properties")
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Rejected("not_an_object:properties")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Rejected("control_character:properties") from None
    except (TypeError, ValueError, RecursionError):
        raise Rejected("not_json:properties") from None
    if size > PROPERTIES_MAX_BYTES:
        raise Rejected("too_long:properties")
    # PostgreSQL's jsonb takes no NUL, not even escaped.
    if "\\u0000" in text:
        raise Rejected("control_character:properties")
    return json.loads(text)


def moment_read(value: object, *, naive: tzinfo | None = None) -> tuple[datetime, bool]:
    """An aware UTC datetime from a datetime, ISO 8601 text or an epoch (seconds or milliseconds).

    The second value says whether it was naive; such a time is taken for ``naive`` (default UTC). Raises ``ValueError``.
    """
    try:
        if isinstance(value, str):
            parsed = parse_datetime(value.strip()[:40])
            if parsed is None:
                raise ValueError(f"not a time: {value[:40]!r}")
            value = parsed
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if abs(value) > 1e11 else value
            value = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
        if not isinstance(value, datetime):
            raise ValueError(f"not a time: {type(value).__name__}")
        was_naive = timezone.is_naive(value)
        if was_naive:
            value = timezone.make_aware(value, naive or UTC)
        return value.astimezone(UTC), was_naive
    except OverflowError:
        raise ValueError("time out of range") from None


def _identity(
    data: Mapping[str, Any], source: Source, event: Event, now: datetime, notes: list[str]
) -> tuple[uuid.UUID, datetime | None]:
    """Primary key and the sender's clock. A time that cannot be right is dropped for the server's, and noted."""
    at: datetime | None = None
    if data.get("at") is not None:
        try:
            at, was_naive = moment_read(
                data["at"], naive=UTC if source == "browser" else timezone.get_default_timezone()
            )
            if was_naive:
                notes.append("naive_time")
        except ValueError:
            notes.append("time_unreadable")
    if source == "import":
        return _import_identity(data, event, at, now)
    if at is not None and not now - PAST <= at <= now + FUTURE:
        notes.append("time_in_future" if at > now else "time_in_past")
        at = None
    given = data.get("id")
    if given is None:
        if data.get("key"):
            return uuid7_derived(_text(data, "source", 64), _text(data, "key", 200), at or now), at
        return uuid7(at or now), at
    kept = _client_id(given, now)
    if kept is not None:
        return kept, at
    notes.append("rekeyed")
    if at is not None:
        # The same foreign id at the same time from the same visitor is the same event, also when it is sent again.
        return uuid7_derived("rekeyed", f"{event.visitor_id}\x00{str(given)[:64]}", at), at
    return uuid7(now), at


def _client_id(given: object, now: datetime) -> uuid.UUID | None:
    """The id itself when it is a UUIDv7 near the server's clock."""
    try:
        value = given if isinstance(given, uuid.UUID) else uuid.UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None
    if value is None or value.version != 7 or value.variant != uuid.RFC_4122:
        return None
    return value if now - PAST <= uuid7_time(value) <= now + FUTURE else None


def _import_identity(
    data: Mapping[str, Any], event: Event, at: datetime | None, now: datetime
) -> tuple[uuid.UUID, datetime]:
    """Historical rows: their own time is the truth, and (source, key, time) makes the id."""
    if at is None:
        raise Rejected("time_missing")
    if not EARLIEST <= at <= now + FUTURE:
        raise Rejected("time_out_of_range")
    key = _text(data, "key", 200) or "\x1f".join(
        (event.channel, event.name, event.visitor_id, event.customer_id, event.product_id, event.order_id)
    )
    return uuid7_derived(_text(data, "source", 64) or "import", key, at), at


def currency_default(event: Event) -> None:
    """A value without a currency is in the shop's."""
    if event.value is not None and not event.currency:
        event.currency = ecomai.CURRENCY
