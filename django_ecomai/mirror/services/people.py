"""Writing customers and reviews."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from django_ecomai.adapters.rows import CustomerRow, ReviewRow
from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Customer, Review

from .bulk import CHUNK, batched, column_update, fingerprint, rows_upsert
from .catalogue import Rows, _ids_learn
from .cleaning import DEMOGRAPHIC_KEYS, json_safe
from .context import LOOKUP, SyncContext, keys_load, rows_write

_COLUMNS = ("user_id", "attributes", "birth_year", "gender", "country", "region", "first_seen", "last_seen")


def _demographics(ctx: SyncContext, ident: str, row: CustomerRow) -> tuple[dict[str, Any], tuple[Any, str, str, str]]:
    """Attributes and demographic columns; nothing of the latter passes unless the shop opted in."""
    attributes = json_safe(dict(row.attributes or {}))
    if ecomai.COLLECT_DEMOGRAPHICS:
        clean = ctx.clean
        year = clean.number("customer", ident, "birth_year", row.birth_year, 3)
        if year is not None and not 1880 <= year <= ctx.now.year:
            ctx.issues.add("customer", "not_a_time", "emptied", column="birth_year", id=ident, value=row.birth_year)
            year = None
        return attributes, (
            None if year is None else int(year),
            clean.text("customer", ident, "gender", row.gender, 16),
            clean.text("customer", ident, "country", row.country, 64),
            clean.text("customer", ident, "region", row.region, 64),
        )
    kept = {
        k: v for k, v in attributes.items() if k.lower().replace("-", "_").replace(" ", "_") not in DEMOGRAPHIC_KEYS
    }
    if row.birth_year or row.gender or row.country or row.region or len(kept) < len(attributes):
        # No example: the values are exactly what must not be stored.
        ctx.issues.add("customer", "demographics_dropped", "dropped", id=ident)
    return kept, (None, "", "", "")


def customers_write(ctx: SyncContext, batch: Sequence[CustomerRow]) -> list[str]:
    """Write a batch; returns the ids seen."""
    batch = _wanted(ctx, "customer", batch, [(row.id, row.user_id) for row in batch])
    users = _users_known(row.user_id for row in batch)
    rows: Rows = {}
    spans: dict[str, tuple[datetime | None, datetime | None]] = {}
    for row in batch:
        ident = ctx.ident("customer", row.id)
        if ident is None or not ctx.first("customer", ident):
            continue
        user = users.get(str(row.user_id)) if row.user_id not in (None, "") else None
        if user is None and row.user_id not in (None, ""):
            ctx.issues.add("customer", "unknown_user", "emptied", column="user_id", id=ident, value=row.user_id)
        attributes, demographics = _demographics(ctx, ident, row)
        first = ctx.clean.moment("customer", ident, "first_seen", row.first_seen)
        last = ctx.clean.moment("customer", ident, "last_seen", row.last_seen)
        spans[ident] = (first, last)
        values = (user, attributes, *demographics, first, last)
        rows[ident] = (fingerprint(values), values)
    found = Customer.objects.filter(channel=ctx.channel, external_id__in=list(rows)).values_list(
        "external_id", *LOOKUP, "first_seen", "last_seen"
    )
    existing = {old[0]: old[1:] for old in found}
    for ident, (mark, values) in rows.items():
        old = existing.get(ident)
        if old is not None:
            # Orders may have shown the customer earlier or later than the shop's own columns say.
            first, last = _widened(old[4], old[5], *spans[ident])
            rows[ident] = (mark, (*values[:-2], first, last))
    written = rows_write(ctx, Customer, "customer", _COLUMNS, rows, existing=existing)
    _ids_learn(ctx, Customer, ctx.customers, written)
    return list(rows)


def _wanted(ctx: SyncContext, table: str, batch: Sequence[Any], persons: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The rows whose customer and user, ``persons``, have not been erased; the others are counted, not named."""
    pairs = [
        {
            (kind, str(ident).strip())
            for kind, ident in zip(("customer", "user"), both, strict=True)
            if ident not in (None, "")
        }
        for both in persons
    ]
    refused = ctx.refused(person for both in pairs for person in both)
    kept = []
    for row, both in zip(batch, pairs, strict=True):
        if both & refused:
            ctx.issues.add(table, "person_erased", "dropped")
            ctx.count(table, "skipped")
        else:
            kept.append(row)
    return kept


def _users_known(ids: Iterable[Any]) -> dict[str, Any]:
    """Primary keys of the users that exist, by their text."""
    model = get_user_model()
    wanted = []
    for one in set(ids):
        if one in (None, ""):
            continue
        try:
            wanted.append(model._meta.pk.to_python(one))
        except (ValidationError, ValueError, TypeError):
            continue  # not a key of this user model: reported as unknown
    if not wanted:
        return {}
    return {str(pk): pk for pk in model._base_manager.filter(pk__in=wanted).values_list("pk", flat=True)}


def _widened(
    first: datetime | None, last: datetime | None, other_first: datetime | None, other_last: datetime | None
) -> tuple[datetime | None, datetime | None]:
    firsts = [m for m in (first, other_first) if m is not None]
    lasts = [m for m in (last, other_last) if m is not None]
    return (min(firsts) if firsts else None, max(lasts) if lasts else None)


def customers_ensure(ctx: SyncContext, ids: Iterable[str]) -> dict[str, Any]:
    """Keys of customers; those an order names but the customer list lacks are added."""
    wanted = {i for i in ids if i}
    known = ctx.customers.load(wanted)
    missing = sorted(wanted - known.keys())
    if not missing:
        return known
    report = "customer" in ctx.tables
    for ident in missing:
        if report:
            ctx.issues.add("order", "unknown_customer", "created", column="customer_id", id=ident)
    ctx.count("customer", "created", len(missing))
    if ctx.dry_run:
        known.update(dict.fromkeys(missing, 0))
        return known
    columns = ("channel", "external_id", "synced_at", "attributes")
    rows_upsert(Customer, columns, [(ctx.channel, i, ctx.now, {}) for i in missing], update=("synced_at",))
    known.update(keys_load(Customer, ctx.channel, missing))
    return known


def customers_seen_update(orders: Iterable[tuple[Any, datetime]]) -> None:
    """Widen first and last seen of customers by orders ``(customer key, placed at)``."""
    spans: dict[Any, tuple[datetime, datetime]] = {}
    for pk, placed in orders:
        first, last = spans.get(pk, (placed, placed))
        spans[pk] = (min(first, placed), max(last, placed))
    for part in batched(sorted(spans), CHUNK):
        changed = []
        for pk, *seen in Customer.objects.filter(pk__in=part).values_list("pk", "first_seen", "last_seen"):
            wide = _widened(seen[0], seen[1], *spans[pk])
            if wide != tuple(seen):
                changed.append((*wide, pk))
        column_update(Customer, "first_seen", changed, "last_seen")


def reviews_write(ctx: SyncContext, batch: Sequence[ReviewRow]) -> list[str]:
    """Write a batch of reviews; returns the ids seen."""
    rows: Rows = {}
    clean, table = ctx.clean, "review"
    batch = _wanted(ctx, table, batch, [(row.customer_id, None) for row in batch])
    products = ctx.products.load(str(r.product_id) for r in batch)
    customers = ctx.customers.load(str(r.customer_id) for r in batch if r.customer_id)
    for row in batch:
        ident = ctx.ident(table, row.id)
        if ident is None:
            continue
        if str(row.product_id) not in products:
            ctx.issues.add(table, "unknown_product", "skipped", column="product_id", id=ident, value=row.product_id)
            ctx.skipped(table, ident)
            continue
        if not ctx.first(table, ident):
            continue
        written_at = clean.moment(table, ident, "created_at", row.created_at)
        if written_at is None:
            ctx.issues.add(table, "timestamp_missing", "clamped", column="created_at", id=ident)
        product, customer = products[str(row.product_id)], customers.get(str(row.customer_id or ""))
        values = (
            product,
            customer,
            clean.number(table, ident, "rating", row.rating, 2),
            clean.text(table, ident, "title", row.title, 255),
            clean.text(table, ident, "text", row.text),
        )
        rows[ident] = (fingerprint((*values, row.created_at)), (*values, written_at or ctx.now))
    columns = ("product_id", "customer_id", "rating", "title", "text", "created_at")
    rows_write(ctx, Review, table, columns, rows)
    return list(rows)
