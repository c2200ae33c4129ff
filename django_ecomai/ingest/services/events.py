"""What shoppers of a shop elsewhere do, as its server tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import OperationalError
from django.utils import timezone

from django_ecomai.core.hashing import keyed_hash
from django_ecomai.events.cleaning import PAST, moment_read
from django_ecomai.events.consent import PURPOSES, RECORDING
from django_ecomai.events.services import events_receive
from django_ecomai.ingest.models import DeliveryAnswer
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.shapes import BadShape, consent_read, is_deep, plain
from django_ecomai.mirror.models import Customer
from django_ecomai.mirror.services.bulk import batched

from .answers import answer_kept
from .rows import CONSENT, RowVerdict

_CHUNK = 500
# Which shop an event is of says the key. Where a purchase is known from, and that a robot sent it, say we.
_OURS = {"channel", "source"}
_AMOUNTS = {"value", "quantity", "amount"}


def visitor_hash(*, channel: str, visitor_id: str) -> str:
    """The pseudonym of a visitor of a shop elsewhere; his id there is never stored."""
    return keyed_hash(f"{channel}\x00{visitor_id}" if visitor_id else "", purpose="visitor")


def consents_of(*, channel: str, customer_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """What customers have agreed to, as far as the shop has told (``consent`` of a customer's row)."""
    rows = Customer.objects.filter(channel=channel, external_id__in=set(customer_ids), removed_at=None)
    return {
        ident: frozenset(attributes.get(CONSENT) or ()) & PURPOSES
        for ident, attributes in rows.values_list("external_id", "attributes")
        if isinstance(attributes, dict)
    }


def events_deliver(*, lines: Iterable[Line], channel: str, answer: DeliveryAnswer | None = None) -> list[RowVerdict]:
    """Store events; a verdict per row, in their order. Raises ``OperationalError`` when they cannot be stored
    now, and ``AnswerConflict`` when somebody else has taken over the delivery whose ``answer`` it is.

    Each needs the consent of whoever did it: its own ``consent``, or that of its customer. Without ``analytics`` or
    ``personalization`` it is rejected; without ``personalization`` nobody's next suggestions react to it. Events older
    than seven days are rejected.
    """
    verdicts: list[RowVerdict] = []
    if answer is not None:
        lines = answer_kept(lines, answer=answer)
    for chunk in batched(lines, _CHUNK):
        verdicts += _deliver(chunk, channel)
    return verdicts


def _deliver(chunk: list[Line], channel: str) -> list[RowVerdict]:
    rows = [line.value for line in chunk if isinstance(line.value, Mapping)]
    known = consents_of(channel=channel, customer_ids=(_text(_named(row).get("customer_id")) for row in rows))
    found: dict[int, RowVerdict] = {}
    groups: dict[bool, list[tuple[int, dict[str, Any]]]] = {True: [], False: []}
    now = datetime.now(UTC)
    for line in chunk:
        try:
            row, consent = _read(line, known, channel, now)
            groups["personalization" in consent].append((line.number, row))
        except BadShape as error:
            found[line.number] = RowVerdict(line.number, "rejected", str(error))
    for personal, group in groups.items():
        if not group:
            continue
        verdicts = events_receive(rows=[row for _number, row in group], channel=channel, personal=personal)
        if verdicts is None:
            raise OperationalError("The events could not be stored.")
        for (number, _row), verdict in zip(group, verdicts, strict=True):
            found[number] = RowVerdict(number, verdict.status, verdict.reason, verdict.notes)
    return [found[line.number] for line in chunk]


def _read(
    line: Line, known: Mapping[str, frozenset[str]], channel: str, now: datetime
) -> tuple[dict[str, Any], frozenset[str]]:
    if line.reason:
        raise BadShape(line.reason)
    if not isinstance(line.value, Mapping):
        raise BadShape("not_an_object")
    if is_deep(line.value):
        raise BadShape("not_json:properties")
    row: dict[str, Any] = {}
    for key, value in _named(line.value).items():
        # Amounts stay as they were written; everything else is as JSON reads it.
        row[key] = value if isinstance(value, Decimal) and key in _AMOUNTS else plain(value)
    given = row.pop("consent", None)
    consent = known.get(_text(row.get("customer_id")), frozenset()) if given is None else consent_read(given)
    if not consent & RECORDING:
        raise BadShape("no_consent")
    for name, purpose in (("visitor_id", "visitor"), ("session_id", "session")):
        if row.get(name) not in (None, ""):
            value = _text(row[name])
            if not value or len(value) > 200:
                raise BadShape(f"not_text:{name}")
            row[name] = keyed_hash(f"{channel}\x00{value}", purpose=purpose)
    if _is_old(row, now):
        raise BadShape("too_old")
    return row, consent


def _named(raw: Mapping[Any, Any]) -> dict[str, Any]:
    """Fields in small letters, as the log reads them: no spelling of an id passes by what is done with it here.

    Of two spellings the first that says something counts.
    """
    row: dict[str, Any] = {}
    for key, value in raw.items():
        name = str(key).lower()
        if name not in _OURS and row.get(name) in (None, ""):
            row[name] = value
    return row


def _is_old(row: Mapping[str, Any], now: datetime) -> bool:
    """Older than what a visit can be tied to: stored as of now it would be wrong."""
    for name in ("at", "timestamp", "client_at"):
        if row.get(name) not in (None, ""):
            try:
                return moment_read(row[name], naive=timezone.get_default_timezone())[0] < now - PAST
            except (ValueError, TypeError):
                return False  # the log notes it
    return False


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
