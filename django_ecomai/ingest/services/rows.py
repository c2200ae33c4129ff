"""Rows of a delivery into the mirror, in their order, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from django_ecomai.core.persons import refused
from django_ecomai.events.consent import PURPOSES
from django_ecomai.events.signals import consent_changed
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.shapes import KEYED_BY_PRODUCT, BadShape, Shaped, row_shape
from django_ecomai.mirror.models import Customer
from django_ecomai.mirror.selectors import product_rows
from django_ecomai.mirror.services import Outcome, batch_apply, row_remove

from .versions import versions_claim

CHUNK = 500
CONSENT = "consent"  # among the attributes of a customer
_STATUS = {"created": "accepted", "updated": "accepted", "unchanged": "duplicate"}


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """What became of one row: its number, ``accepted``, ``duplicate`` (it stands there so already) or ``rejected``."""

    row: int
    status: Literal["accepted", "duplicate", "rejected"]
    reason: str = ""
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, empty parts left out."""
        found: dict[str, Any] = {"row": self.row, "status": self.status}
        if self.reason:
            found["reason"] = self.reason
        if self.notes:
            found["notes"] = list(self.notes)
        return found


def rows_deliver(*, table: str, lines: Iterable[Line], channel: str) -> list[RowVerdict]:
    """Write rows of one table; a verdict per row, in their order.

    Each few hundred rows are one transaction: what a bad row says about itself harms no other. A row that says
    ``deleted`` is marked as gone. Fields that a product's row leaves out stay as they are. Raises ``DatabaseError``
    when the database fails; the rows before it are written then, and are duplicates when the delivery is sent again.
    """
    verdicts: dict[int, RowVerdict] = {}
    for chunk in _chunks(table, lines, verdicts):
        verdicts.update(_write(table, chunk, channel))
    return [verdicts[number] for number in sorted(verdicts)]


def _chunks(
    table: str, lines: Iterable[Line], verdicts: dict[int, RowVerdict]
) -> Iterator[dict[str, tuple[int, Shaped]]]:
    """Rows that can be written together: no id twice, so that the later of two comes after the earlier."""
    chunk: dict[str, tuple[int, Shaped]] = {}
    for line in lines:
        try:
            if line.reason:
                raise BadShape(line.reason)
            shaped = row_shape(table, line.value)
        except BadShape as error:
            verdicts[line.number] = RowVerdict(line.number, "rejected", str(error))
            continue
        if shaped.id in chunk or len(chunk) >= CHUNK:
            yield chunk
            chunk = {}
        chunk[shaped.id] = (line.number, shaped)
    if chunk:
        yield chunk


def _write(table: str, chunk: dict[str, tuple[int, Shaped]], channel: str) -> dict[int, RowVerdict]:
    found: dict[str, Outcome] = {}
    with transaction.atomic():
        if table == "customer":
            gone = refused(channel=channel, persons=[("customer", ident) for ident in chunk])
            found.update({ident: Outcome("skipped", "person_erased") for _kind, ident in gone})
        left = {ident: shaped for ident, (_number, shaped) in chunk.items() if ident not in found}
        if table not in KEYED_BY_PRODUCT:
            moments = {ident: shaped.updated_at for ident, shaped in left.items() if shaped.updated_at is not None}
            outdated = versions_claim(channel=channel, table=table, moments=moments)
            found.update({ident: Outcome("outdated") for ident in outdated})
        left = {ident: shaped for ident, shaped in left.items() if ident not in found}
        for ident, shaped in left.items():
            if shaped.deleted:
                removed = row_remove(table=table, external_id=ident, channel=channel)
                found[ident] = Outcome("updated" if removed else "unchanged")
        left = {ident: shaped for ident, shaped in left.items() if not shaped.deleted}
        rows = _rows(table, left, channel)
        found.update(zip(rows, batch_apply(table=table, rows=list(rows.values()), channel=channel), strict=True))
    if table == "customer":
        _consents_tell(channel, left, found)
    return {number: _verdict(number, shaped, found[ident]) for ident, (number, shaped) in chunk.items()}


def _verdict(number: int, shaped: Shaped, outcome: Outcome) -> RowVerdict:
    notes = tuple(dict.fromkeys((*shaped.notes, *outcome.notes)))
    if outcome.status in _STATUS:
        return RowVerdict(number, _STATUS[outcome.status], "", notes)  # type: ignore[arg-type]
    return RowVerdict(number, "rejected", outcome.reason or outcome.status, notes)


def _rows(table: str, shaped: dict[str, Shaped], channel: str) -> dict[str, Any]:
    """Rows as adapters give them, completed by what is stored."""
    if table in ("product", "price"):
        stored = product_rows(channel=channel, external_ids=shaped, lock=True)
        if table == "product":
            return {
                ident: replace(stored[ident], **{"updated_at": timezone.now(), **_values(one)})
                if ident in stored
                else one.row()
                for ident, one in shaped.items()
            }
        kept = {
            ident: {name: getattr(stored[ident], name) for name in ("price", "list_price", "cost", "currency")}
            for ident in stored
        }
        return {ident: one.row(**kept.get(ident, {})) for ident, one in shaped.items()}
    if table == "customer":
        return _customers(shaped, channel)
    return {ident: one.row() for ident, one in shaped.items()}


def _values(shaped: Shaped) -> dict[str, Any]:
    row = shaped.row()
    return {name: getattr(row, name) for name in shaped.given}


def _customers(shaped: dict[str, Shaped], channel: str) -> dict[str, Any]:
    """The consent that the shop tells is kept with the customer; one that it leaves out stays."""
    known = dict(
        Customer.objects.filter(channel=channel, external_id__in=shaped).values_list("external_id", "attributes")
    )
    rows = {}
    for ident, one in shaped.items():
        row = one.row()
        attributes = {key: value for key, value in dict(row.attributes).items() if key != CONSENT}
        agreed = sorted(one.consent) if one.consent is not None else (known.get(ident) or {}).get(CONSENT)
        rows[ident] = replace(row, attributes=attributes if agreed is None else {**attributes, CONSENT: agreed})
    return rows


def _consents_tell(channel: str, shaped: dict[str, Shaped], found: dict[str, Outcome]) -> None:
    """The ledger of consents notes what the shop says its customer has agreed to, when anything changed."""
    for ident, one in shaped.items():
        if one.consent is not None and found[ident].status in ("created", "updated"):
            consent_changed.send_robust(
                sender=Customer, channel=channel, visitor_id="", customer_id=ident,
                given=set(one.consent), withdrawn=set(PURPOSES - one.consent), origin="api",
            )  # fmt: skip
