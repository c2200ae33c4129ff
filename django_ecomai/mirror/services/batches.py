"""Rows that a shop elsewhere delivers: written like live changes, many at once, with an outcome for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.adapters.rows import TABLES
from django_ecomai.mirror.models import Category, Order, PricePoint, Product
from django_ecomai.mirror.signals import order_mirrored

from .bulk import column_update
from .catalogue import parents_finish
from .context import SyncContext
from .issues import IssueLog
from .live import WRITERS

# Rows of a product's history: several of one product may come together.
POINTS = ("price", "stock")
# No visit can be tied to an order that is older.
_RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row; ``reason`` says why it was left out, ``notes`` what was repaired (``code:column``)."""

    status: Literal["created", "updated", "unchanged", "outdated", "skipped"]
    reason: str = ""
    notes: tuple[str, ...] = ()


class _RowIssues(IssueLog):
    """Keeps every finding with the id it is about, not only a few examples."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[tuple[str, Any], list[tuple[str, str, str]]] = {}

    def add(self, table: str, code: str, action: str, **more: Any) -> None:
        super().add(table, code, action, **more)
        about = str(more.get("id", "")) if self.about is None else id(self.about)
        found = self.of.setdefault((table, about), [])
        found.append((code, action, str(more.get("column", ""))))


def batch_apply(
    *, table: str, rows: Sequence[Any], channel: str = "", adapter: ShopAdapter | None = None
) -> list[Outcome]:
    """Write rows of one table (``adapters.rows``) in one transaction; an outcome per row, in their order.

    Ids must differ within a batch, but for ``price`` and ``stock``, which are history: theirs are the product's, and
    its rows count in their order. Cleaning, refused persons and history are those of a sync. The current price of a
    product follows the newest point of its history. ``order_mirrored`` is sent for every order of the last week that
    is new or changed: older ones are history, as a sync brings it. Raises ``LookupError`` for an unknown table.
    """
    if table not in TABLES:
        raise LookupError(f"No table named {table!r}. Known: {', '.join(TABLES)}.")
    issues = _RowIssues()
    ctx = SyncContext(channel, adapter or get_adapter(channel), timezone.now(), mode="live", issues=issues)
    ctx.outcomes = {}
    # In one order everywhere: two writers of the same new rows would otherwise wait for each other in a circle.
    ordered = sorted(rows, key=_key)
    with transaction.atomic():
        seen = set(WRITERS[table](ctx, ordered))
        if table == "category":
            parents_finish(ctx, Category, table, ctx.categories)
        elif table == "product":
            parents_finish(ctx, Product, table, ctx.products, cycles=False)
        elif table in POINTS:
            touched = {_key(row) for row in rows if (table, id(row)) in ctx.outcomes}
            _products_follow(ctx, touched, prices=table == "price")
    outcomes = [_outcome(ctx, issues, table, row, seen) for row in rows]
    if table == "order":
        _orders_tell(channel, rows, outcomes)
    return outcomes


def _key(row: Any) -> str:
    ident = getattr(row, "id", None) if hasattr(row, "id") else row.product_id
    return "" if ident is None else str(ident).strip()


def _outcome(ctx: SyncContext, issues: _RowIssues, table: str, row: Any, seen: set[str]) -> Outcome:
    ident = _key(row)
    about = id(row) if table in POINTS else ident
    found = list(issues.of.get((table, about), ()))
    for part, number in (("order_line", ""), ("return_line", "r")):
        for index, line in enumerate(getattr(row, "lines" if not number else "returns", ()), 1):
            own = str(getattr(line, "id", "") or f"{ident}:{number}{index}")[:64]
            found += [(f"{part}.{code}", "part", column) for code, _action, column in issues.of.get((part, own), ())]
    what = (ctx.outcomes or {}).get((table, about))
    if what is None or (table not in POINTS and ident not in seen):
        reasons = [code for code, action, _column in found if action == "skipped"]
        # A row without an id cannot be named; a refused person's leaves no trace on purpose.
        silent = "id_missing" if not ident else "person_erased" if table in ("customer", "review") else "not_usable"
        return Outcome("skipped", reasons[0] if reasons else silent)
    notes = dict.fromkeys(f"{code}:{column}" if column else code for code, _action, column in found)
    return Outcome(what, "", tuple(notes))  # type: ignore[arg-type]


def _products_follow(ctx: SyncContext, touched: set[str], *, prices: bool) -> None:
    """The current price is that of the newest point; the fingerprint goes, so that the product's own row is read."""
    products = Product.objects.filter(channel=ctx.channel, external_id__in=touched)
    if prices:
        points = PricePoint.objects.filter(
            product__in=products.values("pk"), valid_from__lte=ctx.now, price__isnull=False
        )
        newest: dict[Any, tuple[Any, ...]] = {}
        rows = points.order_by("valid_from", "pk").values_list("product_id", "price", "list_price", "cost", "currency")
        for pk, *values in rows.iterator(chunk_size=2000):
            newest[pk] = tuple(values)
        current = dict(products.values_list("pk", "price"))
        pairs = [(*values, pk) for pk, values in sorted(newest.items()) if pk in current]
        column_update(Product, "price", pairs, "list_price", "cost", "currency")
    products.update(fingerprint="")


def _orders_tell(channel: str, rows: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
    told = {
        _key(row): outcome.status == "created"
        for row, outcome in zip(rows, outcomes, strict=True)
        if outcome.status in ("created", "updated")
    }
    recent = Order.objects.filter(channel=channel, external_id__in=list(told), placed_at__gte=timezone.now() - _RECENT)
    for order in recent.select_related("customer"):
        order_mirrored.send_robust(sender=Order, order=order, created=told[order.external_id], live=True)
