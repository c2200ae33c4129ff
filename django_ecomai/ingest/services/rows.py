"""Rows of a delivery into the mirror, in their order, each with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from django_ecomai.core.persons import refused
from django_ecomai.events.consent import PURPOSES
from django_ecomai.events.signals import consent_changed
from django_ecomai.ingest.models import DeliveryAnswer
from django_ecomai.ingest.reading import Line
from django_ecomai.ingest.shapes import KEYED_BY_PRODUCT, BadShape, Shaped, row_shape
from django_ecomai.mirror.models import Category, Customer, Product
from django_ecomai.mirror.selectors import price_times, product_rows
from django_ecomai.mirror.services import Outcome, batch_apply, row_remove
from django_ecomai.mirror.services.bulk import batched

from .answers import answer_hold, answer_kept
from .versions import versions_claim, versions_newest

CHUNK = 500
CONSENT = "consent"  # among the attributes of a customer
_NO_PARENT = "unknown_parent:parent_id"
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


def rows_deliver(
    *, table: str, lines: Iterable[Line], channel: str, answer: DeliveryAnswer | None = None
) -> list[RowVerdict]:
    """Write rows of one table; a verdict per row, in their order.

    Each few hundred rows are one transaction: what a bad row says about itself harms no other. Children whose parents
    come later in the delivery are linked at its end. A row that says ``deleted`` is marked as gone. Fields that a
    product's row leaves out stay as they are. Raises ``DatabaseError`` when the database fails; the rows before it are
    written then, and are duplicates when the delivery is sent again. With ``answer``, the delivery's own, it raises
    ``AnswerConflict`` as soon as somebody else has taken the delivery over, and writes nothing more.
    """
    if answer is not None:
        lines = answer_kept(lines, answer=answer)
    verdicts: dict[int, RowVerdict] = {}
    children = _Children(table)
    for chunk in _chunks(table, lines, verdicts):
        told = _write(table, chunk, channel, answer)
        children.note(chunk, told)
        verdicts.update(told)
    late = children.late(channel)
    for chunk in late if answer is None else answer_kept(late, answer=answer):
        for number, verdict in _write(table, chunk, channel, answer).items():
            if verdict.status != "rejected" and _NO_PARENT not in verdict.notes:
                notes = tuple(note for note in verdicts[number].notes if note != _NO_PARENT)
                verdicts[number] = replace(verdicts[number], notes=notes)
    return [verdicts[number] for number in sorted(verdicts)]


class _Children:
    """Rows whose parents were not there when they were written: those that come after all are linked at the end."""

    def __init__(self, table: str) -> None:
        self.model: Any = {"category": Category, "product": Product}.get(table)
        self.seen: set[str] = set()
        self.waiting: dict[str, tuple[int, Shaped]] = {}

    def note(self, chunk: dict[str, tuple[int, Shaped]], told: dict[int, RowVerdict]) -> None:
        """Look at what was written."""
        if self.model is None:
            return
        for ident, (number, shaped) in chunk.items():
            if told[number].status == "rejected":
                continue
            self.seen.add(ident)
            if _NO_PARENT in told[number].notes:
                self.waiting[ident] = (number, shaped)
            elif shaped.deleted or "parent_id" in shaped.given:
                self.waiting.pop(ident, None)

    def late(self, channel: str) -> Iterator[dict[str, tuple[int, Shaped]]]:
        """What is to be written once more, of those that are still there: nothing but the parent."""
        parents = {ident: str(shaped.given.get("parent_id")) for ident, (_number, shaped) in self.waiting.items()}
        came = [ident for ident, parent in parents.items() if parent in self.seen]
        for part in batched(came, CHUNK):
            there = _known(self.model, part, channel)
            chunk = {ident: self.waiting[ident] for ident in part if ident in there}
            if chunk:
                yield {ident: (number, shaped.only("parent_id")) for ident, (number, shaped) in chunk.items()}


def _chunks(
    table: str, lines: Iterable[Line], verdicts: dict[int, RowVerdict]
) -> Iterator[dict[str, tuple[int, Shaped]]]:
    """Rows that can be written together: no id twice, so that the later of two comes after the earlier.

    Prices and stock are histories, whose products have many rows: those are known by their number.
    """
    chunk: dict[str, tuple[int, Shaped]] = {}
    for line in lines:
        try:
            if line.reason:
                raise BadShape(line.reason)
            shaped = row_shape(table, line.value)
        except BadShape as error:
            verdicts[line.number] = RowVerdict(line.number, "rejected", str(error))
            continue
        name = str(line.number) if table in KEYED_BY_PRODUCT else shaped.id
        if name in chunk or len(chunk) >= CHUNK:
            yield chunk
            chunk = {}
        chunk[name] = (line.number, shaped)
    if chunk:
        yield chunk


def _write(
    table: str, chunk: dict[str, tuple[int, Shaped]], channel: str, answer: DeliveryAnswer | None
) -> dict[int, RowVerdict]:
    found: dict[str, Outcome] = {}
    with transaction.atomic():
        if table == "customer":
            gone = refused(channel=channel, persons=[("customer", ident) for ident in chunk])
            found.update({ident: Outcome("skipped", "person_erased") for _kind, ident in gone})
        left = {ident: shaped for ident, (_number, shaped) in chunk.items() if ident not in found}
        if table == "product":
            left = _products_left(left, channel, found)
        elif table == "stock":
            found.update(dict.fromkeys(_stock_outdated(left, channel), Outcome("outdated")))
        elif table not in KEYED_BY_PRODUCT:
            moments = {ident: shaped.updated_at for ident, shaped in left.items() if shaped.updated_at is not None}
            outdated = versions_claim(channel=channel, table=table, moments=moments)
            found.update({ident: Outcome("outdated") for ident in outdated})
        left = {ident: shaped for ident, shaped in left.items() if ident not in found}
        for ident, shaped in left.items():
            if shaped.deleted:
                removed = row_remove(table=table, external_id=ident, channel=channel)
                found[ident] = Outcome("updated" if removed else "unchanged")
        left = {ident: shaped for ident, shaped in left.items() if not shaped.deleted}
        before = _customers_stored(left, channel) if table == "customer" else {}
        rows = _customers(left, before) if table == "customer" else _rows(table, left, channel)
        found.update(zip(rows, batch_apply(table=table, rows=list(rows.values()), channel=channel), strict=True))
        if answer is not None:
            answer_hold(answer=answer)
    if table == "customer":
        _consents_tell(channel, left, before, found)
    return {
        number: _verdict(number, left.get(ident, shaped), found[ident]) for ident, (number, shaped) in chunk.items()
    }


def _products_left(shaped: dict[str, Shaped], channel: str, found: dict[str, Outcome]) -> dict[str, Shaped]:
    """Products without what is outdated. Stock has a version of its own: it changes by itself, and far more often.

    What has nothing but stock makes no product: it would be one without a title or a price.
    """
    known = _known(Product, shaped, channel)
    parts: dict[str, dict[str, datetime]] = {"product": {}, "product.stock": {}}
    for ident, one in shaped.items():
        if ident not in known and not one.deleted and not _besides_stock(one) and "stock" in one.given:
            found[ident] = Outcome("skipped", "unknown_product")
        elif one.updated_at is not None:
            if one.deleted or _besides_stock(one) or "stock" not in one.given:
                parts["product"][ident] = one.updated_at
            if one.deleted or "stock" in one.given:
                parts["product.stock"][ident] = one.updated_at
    late = {part: versions_claim(channel=channel, table=part, moments=moments) for part, moments in parts.items()}
    left: dict[str, Shaped] = {}
    for ident, one in shaped.items():
        if ident in found:
            continue
        gone = _besides_stock(one) if ident in late["product"] else set()
        gone |= {"stock"} & set(one.given) if ident in late["product.stock"] else set()
        whole = ident in late["product"] and (one.deleted or ident in late["product.stock"] or "stock" not in one.given)
        stock_only = (
            not one.deleted and "stock" in one.given and not _besides_stock(one) and ident in late["product.stock"]
        )
        if whole or stock_only or (one.deleted and ident in late["product"]):
            found[ident] = Outcome("outdated")
        elif ident in late["product"] and ident not in known:
            found[ident] = Outcome("skipped", "unknown_product")
        else:
            given = {name: value for name, value in one.given.items() if name not in gone}
            left[ident] = replace(one, given=given, notes=(*one.notes, *(f"outdated:{name}" for name in sorted(gone))))
    return left


def _stock_outdated(shaped: dict[str, Shaped], channel: str) -> set[str]:
    """Counts that were made before the newest that came, row by row.

    The history has points only where the stock changed, so it does not tell when it was counted last.
    """
    counted: dict[str, tuple[str, datetime]] = {}
    moments: dict[str, list[datetime]] = {}
    for name, one in shaped.items():
        if one.observed_at is not None and one.given["quantity"] is not None and not one.deleted:
            place = f"{one.id}\x00{str(one.given.get('location') or '').strip()}"
            counted[name] = (place, one.observed_at)
            moments.setdefault(place, []).append(one.observed_at)
    newest = versions_newest(channel=channel, table="stock", moments=moments)
    outdated = set()
    for name, (place, moment) in counted.items():
        if moment < newest[place]:
            outdated.add(name)
        else:
            newest[place] = moment
    return outdated


def _besides_stock(shaped: Shaped) -> set[str]:
    return set(shaped.given) - {"id", "stock", "updated_at"}


def _known(model: Any, idents: Iterable[str], channel: str) -> set[str]:
    rows = model.objects.filter(channel=channel, external_id__in=list(idents), removed_at=None)
    return set(rows.values_list("external_id", flat=True))


def _verdict(number: int, shaped: Shaped, outcome: Outcome) -> RowVerdict:
    notes = tuple(dict.fromkeys((*shaped.notes, *outcome.notes)))
    if outcome.status in _STATUS:
        return RowVerdict(number, _STATUS[outcome.status], "", notes)  # type: ignore[arg-type]
    return RowVerdict(number, "rejected", outcome.reason or outcome.status, notes)


def _rows(table: str, shaped: dict[str, Shaped], channel: str) -> dict[str, Any]:
    """Rows as adapters give them, completed by what is stored."""
    if table == "product":
        stored = product_rows(channel=channel, external_ids=shaped, lock=True)
        return {
            ident: replace(stored[ident], **{"updated_at": timezone.now(), **_values(one)})
            if ident in stored
            else one.row()
            for ident, one in shaped.items()
        }
    if table == "price":
        return _prices(shaped, channel)
    if table == "category":
        rows = Category.objects.filter(channel=channel, external_id__in=list(shaped), removed_at=None)
        known = {
            ident: {"name": name, "slug": slug, "parent_id": parent or ""}
            for ident, name, slug, parent in rows.values_list("external_id", "name", "slug", "parent__external_id")
        }
        return {ident: one.row(**known.get(ident, {})) for ident, one in shaped.items()}
    return {ident: one.row() for ident, one in shaped.items()}


def _prices(shaped: dict[str, Shaped], channel: str) -> dict[str, Any]:
    """Points of price histories. What one leaves out is as with the newest of its product, those before it included."""
    idents = {one.id for one in shaped.values()}
    kept: dict[str, tuple[datetime, dict[str, Any]]] = {}
    times = price_times(channel=channel, external_ids=idents)
    for ident, row in product_rows(channel=channel, external_ids=idents, lock=True).items():
        current = {name: getattr(row, name) for name in ("price", "list_price", "cost", "currency")}
        kept[ident] = (times.get(ident, datetime.min.replace(tzinfo=UTC)), current)
    rows = {}
    for name, one in shaped.items():
        since, values = kept.get(one.id, (None, {}))
        rows[name] = row = one.row(**values)
        moment = one.observed_at
        if since is not None and moment is not None and since <= moment <= timezone.now() and row.price is not None:
            kept[one.id] = (moment, {key: getattr(row, key) for key in values})
    return rows


def _values(shaped: Shaped) -> dict[str, Any]:
    row = shaped.row()
    return {name: getattr(row, name) for name in shaped.given}


_CUSTOMER_KEPT = ("user_id", "attributes", "birth_year", "gender", "country", "region")


def _customers_stored(shaped: dict[str, Shaped], channel: str) -> dict[str, dict[str, Any]]:
    """What is known of customers, by their ids."""
    rows = Customer.objects.filter(channel=channel, external_id__in=list(shaped), removed_at=None)
    return {ident: dict(zip(_CUSTOMER_KEPT, values, strict=True))
            for ident, *values in rows.values_list("external_id", *_CUSTOMER_KEPT)}  # fmt: skip


def _consent_of(stored: Mapping[str, Any]) -> list[str] | None:
    return (stored.get("attributes") or {}).get(CONSENT)


def _customers(shaped: dict[str, Shaped], stored: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is left out stays, and so does the consent, which is kept with the customer."""
    rows = {}
    for ident, one in shaped.items():
        before = stored.get(ident, {})
        row = one.row(**before)
        attributes = {key: value for key, value in dict(row.attributes or {}).items() if key != CONSENT}
        agreed = sorted(one.consent) if one.consent is not None else _consent_of(before)
        rows[ident] = replace(row, attributes=attributes if agreed is None else {**attributes, CONSENT: agreed})
    return rows


def _consents_tell(
    channel: str, shaped: dict[str, Shaped], stored: dict[str, dict[str, Any]], found: dict[str, Outcome]
) -> None:
    """The ledger of consents notes what has changed; the first word of a customer is noted whole."""
    for ident, one in shaped.items():
        before = _consent_of(stored.get(ident, {}))
        if found[ident].status not in ("created", "updated"):
            continue
        if one.consent is None or (before is not None and set(before) == one.consent):
            continue
        had = PURPOSES if before is None else set(before)
        consent_changed.send_robust(
            sender=Customer, channel=channel, visitor_id="", customer_id=ident,
            given=set(one.consent) - set(before or ()), withdrawn=set(had - one.consent), origin="api",
        )  # fmt: skip
