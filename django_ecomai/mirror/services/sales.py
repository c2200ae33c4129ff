"""Writing orders with their lines and returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django_ecomai.adapters.rows import BadRow, OrderLineRow, OrderRow, ReturnRow
from django_ecomai.conf import ecomai
from django_ecomai.core.hashing import keyed_hash, keyed_hashes
from django_ecomai.mirror.models import Order, OrderLine, ReturnLine

from .bulk import fingerprint
from .context import LOOKUP, SyncContext, keys_load, rows_write
from .people import customers_ensure, customers_seen_update

ORDER_COLUMNS = [
    "customer_id",
    "number",
    "status",
    "placed_at",
    "paid_at",
    "shipped_at",
    "delivered_at",
    "cancelled_at",
    "currency",
    "total_net",
    "total_tax",
    "total",
    "country",
    "ip_hash",
    "device_hash",
    "email_hash",
    "address_hash",
]
LINE_COLUMNS = [
    "order_id",
    "product_id",
    "product_external_id",
    "title",
    "sku",
    "quantity",
    "unit_price",
    "unit_cost",
    "discount",
    "tax",
    "placed_at",
]
RETURN_COLUMNS = [
    "order_id",
    "line_id",
    "customer_id",
    "product_id",
    "product_external_id",
    "quantity",
    "amount",
    "reason",
    "returned_at",
]


@dataclass
class Tidy:
    """One clean order: column values without keys of other tables, which are looked up for the whole batch."""

    id: str
    customer: str
    values: list[Any]
    placed_at: datetime
    lines: dict[str, tuple[str, list[Any]]] = field(
        default_factory=dict
    )  # id -> (fingerprint, values after product_id)
    returns: dict[str, tuple[str, list[Any]]] = field(default_factory=dict)
    mark: str = ""
    stamp: str = ""  # what every line's fingerprint has in common, as text
    # (table, id) of lines and returns that could not be read, (table, "") for one without an id: they are not gone.
    spared: set[tuple[str, str]] = field(default_factory=set)

    def spare(self, table: str, row: BadRow) -> None:
        """Note a part of the order that could not be read."""
        if row.action == "skipped":
            self.spared.add((table, str(row.id or "")))


def orders_write(ctx: SyncContext, batch: Sequence[OrderRow]) -> list[str]:
    """Write a batch of orders with lines and returns; returns the ids of the orders seen."""
    orders: dict[str, Tidy] = {}
    for row in _anonymised(ctx, batch):
        tidy = order_tidy(ctx, row)
        if tidy is not None:
            orders[tidy.id] = tidy
    customers = customers_ensure(ctx, (t.customer for t in orders.values()))
    rows = {t.id: (t.mark, (customers.get(t.customer) if t.customer else None, *t.values)) for t in orders.values()}
    found = Order.objects.filter(channel=ctx.channel, external_id__in=list(rows)).values_list("external_id", *LOOKUP)
    existing = {old[0]: old[1:] for old in found}
    written = rows_write(ctx, Order, "order", ORDER_COLUMNS, rows, existing=existing)
    if not ctx.dry_run:
        written.created = keys_load(Order, ctx.channel, written.created)
    changed = [orders[ident] for ident in written.changed]
    products = ctx.products.load(
        values[0] for t in changed for part in (t.lines, t.returns) for _mark, values in part.values()
    )
    _lines_write(ctx, changed, written, products)
    _returns_write(ctx, changed, written, products, customers)
    for ident, tidy in orders.items():
        if ident not in written.changed:
            for table, part in (("order_line", tidy.lines), ("return_line", tidy.returns)):
                ctx.count(table, "seen", len(part))
                ctx.count(table, "unchanged", len(part))
    if not ctx.dry_run:
        customers_seen_update((customers[t.customer], t.placed_at) for t in changed if t.customer)
    return list(orders)


def _anonymised(ctx: SyncContext, batch: Sequence[OrderRow]) -> Sequence[OrderRow]:
    """The orders, those of persons who were erased as a guest's that tell nothing of him.

    An e-mail address is not a person: another's order under an erased one keeps its customer and loses the hashes.
    Who only objects to ``security`` keeps his name on the order and loses the hashes.
    """
    keys = [_persons(row) for row in batch]
    persons = {person for own in keys for person in own}
    unhashed = ctx.refused(persons, "security")  # who refuses everything refuses this
    if not unhashed:
        return batch
    erased = ctx.refused(persons)
    found: list[OrderRow] = []
    for row, own in zip(batch, keys, strict=True):
        if own & unhashed:
            row = replace(row, ip="", device="", email="", address="")
        customers = {person for person in own if person[0] != "email"}
        if (customers or own) & erased:
            ctx.issues.add("order", "person_erased", "kept_nameless")
            returns = tuple(back if isinstance(back, BadRow) else replace(back, reason="") for back in row.returns)
            row = replace(row, customer_id="", country="", ip="", device="", email="", address="", returns=returns)
        found.append(row)
    return found


def _persons(row: OrderRow) -> set[tuple[str, str]]:
    email = _normalised(row.email)
    persons = {("email", digest) for digest in keyed_hashes(email, purpose="security:email")}
    if row.customer_id not in (None, ""):
        persons.add(("customer", str(row.customer_id).strip()))
    return persons


def order_tidy(ctx: SyncContext, row: OrderRow) -> Tidy | None:
    """The clean order, or ``None`` (counted) when it has no usable id or date or came before."""
    clean, table = ctx.clean, "order"
    ident = ctx.ident(table, row.id)
    if ident is None:
        return None
    placed = clean.moment(table, ident, "placed_at", row.placed_at, bad="skipped")
    if placed is None:
        if not row.placed_at:
            ctx.issues.add(table, "timestamp_missing", "skipped", column="placed_at", id=ident)
        ctx.skipped(table, ident)
        return None
    if not ctx.first(table, ident):
        return None
    customer = str(row.customer_id).strip() if row.customer_id not in (None, "") else ""
    if len(customer) > 64:
        ctx.issues.add(table, "id_too_long", "emptied", column="customer_id", id=ident, value=customer)
        customer = ""
    elif not customer:
        ctx.issues.add(table, "missing_customer", "kept", column="customer_id", id=ident)
    # The raw date: a future one is set to "now", and now would look like a change every time.
    raw = row.placed_at if placed == ctx.now else placed
    tidy = Tidy(ident, customer, [], placed, stamp=f"{ident}\x1f{raw}")
    _parts_tidy(ctx, tidy, row)
    status = row.status if row.status in Order.Status.values else ""
    if not status:
        ctx.issues.add(table, "unknown_status", "corrected", column="status", id=ident, value=row.status)
        status = Order.Status.OPEN.value
    if tidy.returns and not tidy.lines and status != Order.Status.CANCELLED.value:
        # An invoice that only takes back: a credit note. It is kept so that its returns have a home, but is no sale.
        status = Order.Status.RETURNED.value
    country = clean.text(table, ident, "country", row.country, 64) if ecomai.COLLECT_DEMOGRAPHICS else ""
    times = [
        clean.moment(table, ident, name, getattr(row, name)) if getattr(row, name) else None
        for name in ("paid_at", "shipped_at", "delivered_at", "cancelled_at")
    ]
    hashes = _hashes(row)
    tidy.values = [
        clean.text(table, ident, "number", row.number, 64),
        str(status),
        placed,
        *times,
        clean.money_code(table, ident, row.currency),
        *(clean.number(table, ident, n, getattr(row, n)) for n in ("total_net", "total_tax", "total")),
        country,
        *hashes,
    ]
    parts = (*(m for m, _v in tidy.lines.values()), "", *(m for m, _v in tidy.returns.values()))
    if tidy.spared:  # once they can be read again, or are really gone, the order has changed
        parts = (*parts, *("\x1f".join(pair) for pair in sorted(tidy.spared)))
    tidy.mark = fingerprint((customer, raw, *tidy.values[:2], *tidy.values[3:], *parts))
    return tidy


def _hashes(row: OrderRow) -> list[str]:
    """Keyed hashes of what identifies a person; the values themselves go no further."""
    return [
        keyed_hash(_normalised(getattr(row, purpose)), purpose=f"security:{purpose}")
        for purpose in ("ip", "device", "email", "address")
    ]


def _normalised(value: Any) -> str:
    return " ".join(str(value or "").split()).casefold()


def _parts_tidy(ctx: SyncContext, tidy: Tidy, row: OrderRow) -> None:
    """Sort the lines into sales and returns, clean them, and drop what is neither."""
    issues, table = ctx.issues, "order_line"
    same: set[str] = set()
    for number, line in enumerate(row.lines, 1):
        if isinstance(line, BadRow):
            issues.add_bad_row(line)
            tidy.spare(table, line)
            continue
        ident = str(line.id) if line.id not in (None, "") else f"{tidy.id}:{number}"[:64]
        if len(ident) > 64:
            issues.add(table, "id_too_long", "skipped", id=ident, line=number)
            ctx.count(table, "skipped")
            continue
        if not ctx.first(table, ident, line=number):
            continue
        if _line_tidy(ctx, tidy, row, line, ident):
            mark = (tidy.lines.get(ident) or tidy.returns[ident])[0]
            if mark in same:
                issues.add(table, "duplicate_line", "kept", id=ident, value=line.product_id, line=number)
            same.add(mark)
        else:
            ctx.count(table, "skipped")
    for number, back in enumerate(row.returns, 1):
        if isinstance(back, BadRow):
            issues.add_bad_row(back)
            tidy.spare("return_line", back)
            continue
        _return_tidy(ctx, tidy, back, str(back.id or f"{tidy.id}:r{number}")[:64])


def _line_tidy(ctx: SyncContext, tidy: Tidy, row: OrderRow, line: OrderLineRow, ident: str) -> bool:
    """Clean one line into ``tidy``; ``False`` when it was left out."""
    clean, issues, table = ctx.clean, ctx.issues, "order_line"
    quantity = clean.number(table, ident, "quantity", line.quantity, 3)
    if quantity is None or quantity == 0:
        code = "quantity_missing" if quantity is None else "quantity_zero"
        if quantity is None:  # unreadable is not gone
            tidy.spared.add((table, ident))
        issues.add(table, code, "skipped", column="quantity", id=ident, value=line.quantity)
        return False
    price = clean.number(table, ident, "unit_price", line.unit_price)
    product = "" if line.product_id is None else str(line.product_id)
    if quantity < 0:
        if not price and not tidy.customer:
            issues.add(table, "stock_correction", "skipped", column="quantity", id=ident, value=line.quantity)
            return False
        issues.add(table, "quantity_negative", "kept_as_return", column="quantity", id=ident, value=line.quantity)
        back = ReturnRow(
            id=ident,
            product_id=product,
            quantity=-quantity,
            amount=None if price is None else abs(price * quantity),
            reason=line.title or "",
        )
        return _return_tidy(ctx, tidy, back, ident)
    if price is not None and price < 0:
        issues.add(table, "price_negative", "skipped", column="unit_price", id=ident, value=line.unit_price)
        return False
    if not price:
        code = "price_missing" if price is None else "price_zero"
        issues.add(table, code, "kept", column="unit_price", id=ident, value=product)
    title = clean.text(table, ident, "title", line.title, 255)
    if title and product:
        first = ctx.titles.setdefault(product, title)
        if first != title and product not in ctx.titles_differ and first.casefold() != title.casefold():
            ctx.titles_differ.add(product)
            issues.add(table, "title_differs", "kept", column="title", id=product, value=f"{first} / {title}")
    values = [
        product,
        title,
        clean.text(table, ident, "sku", line.sku, 64),
        quantity,
        price,
        # Half a million calls that would only say None.
        None if line.unit_cost is None else clean.number(table, ident, "unit_cost", line.unit_cost),
        None if line.discount is None else clean.number(table, ident, "discount", line.discount),
        None if line.tax is None else clean.number(table, ident, "tax", line.tax),
    ]
    tidy.lines[ident] = (fingerprint((tidy.stamp, *values)), [*values, tidy.placed_at])
    return True


def _return_tidy(ctx: SyncContext, tidy: Tidy, back: ReturnRow, ident: str) -> bool:
    clean, table = ctx.clean, "return_line"
    quantity = clean.number(table, ident, "quantity", back.quantity, 3)
    if not quantity:
        if quantity is None:
            tidy.spared.add((table, ident))
        ctx.issues.add(table, "quantity_missing", "skipped", column="quantity", id=ident, value=back.quantity)
        ctx.count(table, "skipped")
        return False
    if not ctx.first(table, ident):
        return False
    amount = clean.number(table, ident, "amount", back.amount)
    moment = clean.moment(table, ident, "returned_at", back.returned_at) or tidy.placed_at
    values = [
        str(back.product_id or ""),
        str(back.line_id or ""),
        abs(quantity),
        None if amount is None else abs(amount),
        clean.text(table, ident, "reason", back.reason, 255),
        moment,
    ]
    tidy.returns[ident] = (fingerprint((tidy.id, tidy.customer, *values)), values)
    return True


def _old_parts(ctx: SyncContext, model: Any, changed: list[Tidy], written: Any) -> dict[str, tuple[Any, ...]]:
    """The parts that the changed orders have already; none on a first sync, so nothing is asked then."""
    keys = [written.updated[t.id] for t in changed if t.id in written.updated]
    if not keys:
        return {}
    rows = model.objects.filter(order_id__in=keys).values_list("external_id", *LOOKUP, "product_id", "order_id")
    return {row[0]: row[1:] for row in rows}


def _parts_gone(
    ctx: SyncContext,
    model: Any,
    table: str,
    existing: dict[str, tuple[Any, ...]],
    kept: Any,
    changed: list[Tidy],
    written: Any,
) -> None:
    """Mark the lines or returns that the changed orders no longer have."""
    spared = {(written.updated.get(t.id), ident) for t in changed for part, ident in t.spared if part == table}
    gone = [
        old[0]
        for ident, old in existing.items()
        if ident not in kept and old[2] is None and not spared & {(old[5], ident), (old[5], "")}
    ]
    ctx.count(table, "removed", len(gone))
    if gone and not ctx.dry_run:
        model.objects.filter(pk__in=gone).update(removed_at=ctx.now)


def _lines_write(ctx: SyncContext, changed: list[Tidy], written: Any, products: dict[str, Any]) -> None:
    keys = written.changed
    rows: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for tidy in changed:
        order = keys[tidy.id]
        for ident, (mark, values) in tidy.lines.items():
            product = products.get(values[0])
            if product is None:
                ctx.issues.add("order_line", "unknown_product", "kept", column="product_id", id=ident, value=values[0])
            rows[ident] = (mark, (order, product, *values))
    existing = _old_parts(ctx, OrderLine, changed, written)
    unlinked = [i for i, (_m, v) in rows.items() if v[1] is not None and i in existing and existing[i][4] is None]
    rows_write(ctx, OrderLine, "order_line", LINE_COLUMNS, rows, existing=existing, rewrite=unlinked)
    _parts_gone(ctx, OrderLine, "order_line", existing, rows, changed, written)


def _returns_write(
    ctx: SyncContext, changed: list[Tidy], written: Any, products: dict[str, Any], customers: dict[str, Any]
) -> None:
    keys = written.changed
    wanted = {values[1] for t in changed for _m, values in t.returns.values() if values[1]}
    lines = keys_load(OrderLine, ctx.channel, wanted) if wanted else {}
    rows: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for tidy in changed:
        for ident, (mark, values) in tidy.returns.items():
            product, line, *rest = values
            if line and line not in lines and not ctx.dry_run:
                ctx.issues.add("return_line", "unknown_line", "emptied", column="line_id", id=ident, value=line)
            customer = customers.get(tidy.customer) if tidy.customer else None
            row = (keys[tidy.id], lines.get(line), customer, products.get(product), product, *rest)
            rows[ident] = (mark, row)
    existing = _old_parts(ctx, ReturnLine, changed, written)
    rows_write(ctx, ReturnLine, "return_line", RETURN_COLUMNS, rows, existing=existing)
    _parts_gone(ctx, ReturnLine, "return_line", existing, rows, changed, written)
