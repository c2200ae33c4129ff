"""Writing categories, products, prices, stock and promotions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models import Max

from django_ecomai.adapters.rows import CategoryRow, PriceRow, ProductRow, PromotionRow, StockRow
from django_ecomai.mirror.models import Category, OrderLine, PricePoint, Product, Promotion, ReturnLine, StockPoint
from django_ecomai.mirror.selectors import locked
from django_ecomai.mirror.signals import prices_changed, promotions_changed

from .bulk import CHUNK, batched, column_update, fingerprint, links_set
from .cleaning import json_safe
from .context import SyncContext, keys_load, rows_write

Rows = dict[str, tuple[str, tuple[Any, ...]]]
_TICK = timedelta(microseconds=1)


def categories_write(ctx: SyncContext, batch: Sequence[CategoryRow]) -> list[str]:
    """Write a batch; returns the ids seen."""
    rows: Rows = {}
    parents: dict[str, str] = {}
    for row in batch:
        ident = ctx.ident("category", row.id)
        if ident is None or not ctx.first("category", ident):
            continue
        name = ctx.clean.text("category", ident, "name", row.name, 255)
        if not name:
            ctx.issues.add("category", "missing_title", "corrected", column="name", id=ident)
            name = ident
        values = (name, ctx.clean.text("category", ident, "slug", row.slug, 255))
        parents[ident] = "" if row.parent_id in (None, ident) else str(row.parent_id)
        rows[ident] = (fingerprint((*values, parents[ident])), values)
    written = rows_write(ctx, Category, "category", ("name", "slug"), rows, lookup=("parent_id",))
    _ids_learn(ctx, Category, ctx.categories, written)
    _parents_note(ctx, Category, "category", ctx.categories, written, parents)
    return list(rows)


def _ids_learn(ctx: SyncContext, model: type[models.Model], ids: Any, written: Any) -> None:
    """Make the keys of what was just written known to later tables."""
    if ctx.dry_run:
        ids.known.update(written.created)
    elif written.created:
        written.created = keys_load(model, ctx.channel, written.created)
        ids.known.update(written.created)
    ids.known.update({ident: old[0] for ident, old in written.existing.items()})


def _parents_note(
    ctx: SyncContext, model: type[models.Model], table: str, ids: Any, written: Any, parents: dict[str, str]
) -> None:
    """Link children to parents that are known; the others wait for the end of the table."""
    ids.load(p for p in parents.values() if p)
    links: list[tuple[Any, Any]] = []
    for ident, parent in parents.items():
        if ident in written.newer:
            continue
        old = written.existing.get(ident)
        old_parent = old[4] if old else None
        pk = ids.known.get(ident)
        if parent and parent not in ids.known:
            ctx.parents_open.setdefault(table, []).append((pk, ident, parent))
        elif (ids.known.get(parent) if parent else None) != old_parent:
            links.append((ids.known.get(parent) if parent else None, pk))
    if not ctx.dry_run:
        column_update(model, "parent", links)


def parents_finish(ctx: SyncContext, model: type[models.Model], table: str, ids: Any, *, cycles: bool = True) -> None:
    """Link the children whose parents came later; report those whose parents never came; cut circles."""
    waiting = ctx.parents_open.pop(table, [])
    ids.load(parent for _pk, _ident, parent in waiting)
    links = []
    for pk, ident, parent in waiting:
        if parent in ids.known:
            links.append((ids.known[parent], pk))
        else:
            ctx.issues.add(table, "unknown_parent", "emptied", column="parent_id", id=ident, value=parent)
    if not ctx.dry_run:
        column_update(model, "parent", links)
    if cycles and not ctx.dry_run:
        _cycles_cut(ctx, model, table)


def _cycles_cut(ctx: SyncContext, model: type[models.Model], table: str) -> None:
    """A chain of parents that leads back to itself would send every tree walk round for ever: cut it."""
    rows = model._base_manager.filter(channel=ctx.channel, parent__isnull=False)
    parent = dict(rows.values_list("pk", "parent_id").iterator(chunk_size=5000))
    done: set[Any] = set()
    for start in sorted(parent):
        path: list[Any] = []
        on_path: set[Any] = set()
        node = start
        while node in parent and node not in done and node not in on_path:
            path.append(node)
            on_path.add(node)
            node = parent[node]
        if node in on_path:
            ctx.issues.add(table, "parent_cycle", "emptied", column="parent_id", id=node)
            model._base_manager.filter(pk=node).update(parent=None, fingerprint="")
            del parent[node]
        done |= on_path


PRODUCT_COLUMNS = [
    "sku",
    "title",
    "description",
    "brand",
    "price",
    "list_price",
    "cost",
    "currency",
    "stock",
    "image_url",
    "url",
    "is_active",
    "is_service",
    "attributes",
    "category_external_ids",
    "created_at",
    "updated_at",
]
_PRICES = ("price", "list_price", "cost", "currency")


def product_values(ctx: SyncContext, ident: str, row: ProductRow) -> dict[str, Any]:
    """The clean columns of a product."""
    clean, table = ctx.clean, "product"
    values: dict[str, Any] = {"sku": clean.text(table, ident, "sku", row.sku, 64)}
    title = clean.text(table, ident, "title", row.title, 255)
    if not title:
        ctx.issues.add(table, "missing_title", "corrected", column="title", id=ident)
        title = values["sku"] or ident
    values["title"] = title
    values["description"] = clean.text(table, ident, "description", row.description)
    values["brand"] = clean.text(table, ident, "brand", row.brand, 128)
    for name in ("price", "list_price", "cost"):
        values[name] = clean.price(table, ident, name, getattr(row, name))
    values["currency"] = clean.money_code(table, ident, row.currency)
    values["stock"] = clean.number(table, ident, "stock", row.stock, 3)
    values["image_url"] = clean.address(table, ident, "image_url", row.image_url)
    values["url"] = clean.address(table, ident, "url", row.url)
    values["is_active"] = bool(row.is_active)
    values["is_service"] = ctx.adapter.is_service(row)
    if values["is_service"] and not row.is_service:
        ctx.issues.add(table, "not_a_product", "flagged", id=ident, value=title)
    values["attributes"] = json_safe(dict(row.attributes or {}))
    categories = [str(c) for c in row.category_ids or () if c not in (None, "")]
    values["category_external_ids"] = list(dict.fromkeys(categories))
    values["created_at"] = clean.moment(table, ident, "created_at", row.created_at)
    values["updated_at"] = clean.moment(table, ident, "updated_at", row.updated_at)
    return values


def products_write(ctx: SyncContext, batch: Sequence[ProductRow]) -> list[str]:
    """Write a batch with categories, price and stock history; returns the ids seen."""
    rows: Rows = {}
    parents: dict[str, str] = {}
    tidy: dict[str, dict[str, Any]] = {}
    # The shop counts stock per location: the table "stock" says it, not the product.
    columns = [c for c in PRODUCT_COLUMNS if c != "stock" or "stock" not in ctx.tables]
    ctx.categories.load(str(c) for row in batch for c in row.category_ids or ())
    for row in batch:
        ident = ctx.ident("product", row.id)
        if ident is None or not ctx.first("product", ident):
            continue
        values = product_values(ctx, ident, row)
        unknown = [c for c in values["category_external_ids"] if c not in ctx.categories.known]
        for category in unknown:
            ctx.issues.add("product", "unknown_category", "skipped", column="category_ids", id=ident, value=category)
        values["category_external_ids"] = [c for c in values["category_external_ids"] if c not in unknown]
        parents[ident] = "" if row.parent_id in (None, ident) else str(row.parent_id)
        tidy[ident] = values
        picked = tuple(values[c] for c in columns)
        # updated_at is left out: a shop that touches it on every save would look changed every time.
        mark = fingerprint((*(values[c] for c in columns if c != "updated_at"), parents[ident]))
        rows[ident] = (mark, picked)
    lookup = ("parent_id", *_PRICES, "stock")
    written = rows_write(ctx, Product, "product", columns, rows, lookup=lookup)
    _ids_learn(ctx, Product, ctx.products, written)
    _parents_note(ctx, Product, "product", ctx.products, written, parents)
    if not ctx.dry_run and written.changed:
        _history_write(ctx, written, tidy)
        fresh = set(written.created.values())
        known = ctx.categories.known
        wanted = {pk: {known[c] for c in tidy[ident]["category_external_ids"]} for ident, pk in written.changed.items()}
        links_set(Product.categories.through, "product_id", "category_id", wanted, fresh=fresh)
        _orphans_link(ctx, written.created)
    return list(rows)


def _history_write(ctx: SyncContext, written: Any, tidy: dict[str, dict[str, Any]]) -> None:
    """One row of history for each price or stock that is new or has changed."""
    prices, stocks = [], []
    for ident, pk in sorted(written.changed.items(), key=lambda pair: pair[1]):  # see rows_upsert
        values = tidy[ident]
        old = written.existing.get(ident)
        # A delivery may have been under way while newer ones arrived: its history goes by the shop's own time.
        at = (values["updated_at"] if ctx.outcomes is not None else None) or ctx.now
        now = tuple(values[c] for c in _PRICES)
        if (old is None and any(v is not None for v in now[:3])) or (old is not None and tuple(old[5:9]) != now):
            prices.append(
                PricePoint(channel=ctx.channel, product_id=pk, valid_from=at, **{c: values[c] for c in _PRICES})
            )
        if "stock" not in ctx.tables and values["stock"] is not None and (old is None or old[9] != values["stock"]):
            stocks.append(StockPoint(channel=ctx.channel, product_id=pk, valid_from=at, quantity=values["stock"]))
    PricePoint.objects.bulk_create(prices, batch_size=CHUNK, ignore_conflicts=True)
    _prices_tell(ctx, prices)
    StockPoint.objects.bulk_create(stocks, batch_size=CHUNK, ignore_conflicts=True)
    ctx.count("price", "created", len(prices))
    ctx.count("stock", "created", len(stocks))


def _orphans_link(ctx: SyncContext, created: dict[str, Any]) -> None:
    """Lines that were sold before their product was known now find it."""
    if not created:
        return
    if ctx.orphans is None:
        ctx.orphans = any(
            m.objects.filter(channel=ctx.channel, product=None).exclude(product_external_id="").exists()
            for m in (OrderLine, ReturnLine)
        )
    if ctx.orphans:
        for model in (OrderLine, ReturnLine):
            rows = model.objects.filter(channel=ctx.channel, product=None, product_external_id__in=list(created))
            pairs = [(created[ident], pk) for pk, ident in rows.values_list("pk", "product_external_id")]
            column_update(model, "product", pairs)


def _products_hold(ctx: SyncContext, batch: Sequence[PriceRow | StockRow]) -> None:
    """Lock the products of live changes: of two at once the second sees what the first has written."""
    if ctx.mode == "live":
        idents = {str(row.product_id) for row in batch}
        list(locked(Product.objects.filter(channel=ctx.channel, external_id__in=idents)).values_list("pk"))


def prices_write(ctx: SyncContext, batch: Sequence[PriceRow]) -> list[str]:
    """Take over the shop's own price history (``source="shop"``)."""
    _products_hold(ctx, batch)
    ctx.products.load(str(r.product_id) for r in batch)
    points: dict[tuple[Any, Any], PricePoint] = {}
    made_of: dict[tuple[Any, Any], int] = {}
    for row in batch:
        ident = str(row.product_id)
        ctx.issues.about = row
        ctx.count("price", "seen")
        if ident not in ctx.products.known:
            ctx.issues.add("price", "unknown_product", "skipped", column="product_id", id=ident)
            ctx.count("price", "skipped")
            continue
        moment = ctx.clean.moment("price", ident, "valid_from", row.valid_from, bad="skipped")
        if moment is None:
            ctx.count("price", "skipped")
            continue
        numbers = {c: ctx.clean.price("price", ident, c, getattr(row, c)) for c in _PRICES[:3]}
        pk = ctx.products.known[ident]
        ctx.became("price", id(row), "unchanged")
        if ctx.outcomes is not None and made_of.setdefault((pk, moment), id(row)) != id(row):
            continue  # delivered twice: the first counts, as it does when the second comes later
        points[(pk, moment)] = PricePoint(
            channel=ctx.channel,
            product_id=pk,
            valid_from=moment,
            currency=ctx.clean.money_code("price", ident, row.currency),
            source="shop",
            **numbers,
        )
    ctx.issues.about = None
    known = PricePoint.objects.filter(product_id__in={pk for pk, _m in points}, source="shop")
    have = set(known.values_list("product_id", "valid_from"))
    new = [points[key] for key in sorted(points.keys() - have)]  # in one order, see rows_upsert
    ctx.count("price", "created", len(new))
    for key in made_of.keys() - have:
        ctx.became("price", made_of[key], "created")
    if not ctx.dry_run:
        PricePoint.objects.bulk_create(new, batch_size=CHUNK, ignore_conflicts=True)
        _prices_tell(ctx, new)
    return []


def _prices_tell(ctx: SyncContext, points: Sequence[PricePoint]) -> None:
    """Whoever keeps books of prices hears of them once they are committed."""
    if points:
        pks = sorted({point.product_id for point in points})
        send = partial(prices_changed.send_robust, sender=PricePoint, channel=ctx.channel, products=pks)
        transaction.on_commit(send, robust=True)


def stock_write(ctx: SyncContext, batch: Sequence[StockRow]) -> list[str]:
    """Stock per location: history on change, and the sum over the locations on the product."""
    _products_hold(ctx, batch)
    known = ctx.products.load(str(r.product_id) for r in batch)
    keys = {known[str(r.product_id)] for r in batch if str(r.product_id) in known} - {0}
    latest = _stock_latest(keys)
    points, touched = [], set()
    for row in batch:
        ident = str(row.product_id)
        ctx.issues.about = row
        ctx.count("stock", "seen")
        quantity = ctx.clean.number("stock", ident, "quantity", row.quantity, 3)
        if ident not in known or quantity is None:
            code = "unknown_product" if ident not in known else "quantity_missing"
            ctx.issues.add("stock", code, "skipped", id=ident)
            ctx.count("stock", "skipped")
            continue
        pk, location = known[ident], ctx.clean.text("stock", ident, "location", row.location, 64)
        moment = ctx.clean.moment("stock", ident, "valid_from", row.valid_from) or ctx.now
        old = latest.get((pk, location))
        if old is not None and ctx.mode == "live" and row.valid_from in (None, ""):
            moment = max(moment, old[0] + _TICK)  # without a time of its own it is of when it came
        if old is not None and (old[1] == quantity or moment <= old[0]):
            ctx.count("stock", "unchanged")
            ctx.became("stock", id(row), "unchanged" if old[1] == quantity else "outdated")
            continue
        ctx.became("stock", id(row), "created")
        latest[(pk, location)] = (moment, quantity)
        touched.add(pk)
        points.append(
            StockPoint(channel=ctx.channel, product_id=pk, location=location, valid_from=moment, quantity=quantity)
        )
    ctx.issues.about = None
    ctx.count("stock", "created", len(points))
    if not ctx.dry_run and points:
        points.sort(key=lambda point: (point.product_id, point.location, point.valid_from))  # see rows_upsert
        StockPoint.objects.bulk_create(points, batch_size=CHUNK, ignore_conflicts=True)
        sums: dict[Any, Decimal] = {}
        for (pk, _location), (_moment, quantity) in latest.items():
            sums[pk] = sums.get(pk, Decimal(0)) + quantity
        column_update(Product, "stock", [(sums[pk], pk) for pk in sorted(touched)])
    return []


def _stock_latest(keys: set[Any]) -> dict[tuple[Any, str], tuple[Any, Decimal]]:
    """(product, location) -> (moment, quantity) of the newest point, in one query per thousand products."""
    found: dict[tuple[Any, str], tuple[Any, Decimal]] = {}
    for part in batched(sorted(keys), CHUNK):
        points = StockPoint.objects.filter(product_id__in=part)
        same = points.filter(product=models.OuterRef("product"), location=models.OuterRef("location")).order_by()
        newest = same.values("product", "location").annotate(last=Max("valid_from")).values("last")
        rows = points.filter(valid_from=models.Subquery(newest)).values_list(
            "product_id", "location", "valid_from", "quantity"
        )
        found.update({(pk, location): (moment, quantity) for pk, location, moment, quantity in rows})
    return found


def promotions_write(ctx: SyncContext, batch: Sequence[PromotionRow]) -> list[str]:
    """Write promotions with the products and categories they cover; returns the ids seen."""
    rows: Rows = {}
    targets: dict[str, tuple[list[str], list[str]]] = {}
    clean, table = ctx.clean, "promotion"
    for row in batch:
        ident = ctx.ident(table, row.id)
        if ident is None:
            continue
        starts = clean.moment(table, ident, "starts_at", row.starts_at, bad="skipped", future="allowed")
        if starts is None:
            ctx.issues.add(table, "timestamp_missing", "skipped", column="starts_at", id=ident)
            ctx.skipped(table, ident)
            continue
        if not ctx.first(table, ident):
            continue
        values = (
            row.kind if row.kind in Promotion.Kind.values else Promotion.Kind.OTHER.value,
            clean.text(table, ident, "name", row.name, 255) or ident,
            starts,
            clean.moment(table, ident, "ends_at", row.ends_at, future="allowed"),
            clean.number(table, ident, "percent", row.percent, 2),
            clean.number(table, ident, "amount", row.amount),
        )
        targets[ident] = ([str(p) for p in row.product_ids], [str(c) for c in row.category_ids])
        rows[ident] = (fingerprint((*values, targets[ident])), values)
    columns = ("kind", "name", "starts_at", "ends_at", "percent", "amount")
    written = rows_write(ctx, Promotion, table, columns, rows)
    if ctx.dry_run or not written.changed:
        return list(rows)
    written.created = keys_load(Promotion, ctx.channel, written.created)
    fresh = set(written.created.values())
    narrow = _narrow(pk for pk in written.changed.values() if pk not in fresh)
    parted: list[set[Any]] = []
    for side, ids, relation, column in (
        (0, ctx.products, Promotion.products, "product_id"),
        (1, ctx.categories, Promotion.categories, "category_id"),
    ):
        ids.load(i for ident in written.changed for i in targets[ident][side])
        wanted = {
            pk: {ids.known[i] for i in targets[ident][side] if i in ids.known} for ident, pk in written.changed.items()
        }
        parted.append(links_set(relation.through, "promotion_id", column, wanted, fresh=fresh))
    everything = any(pk not in fresh and pk not in narrow for pk in written.changed.values())
    promotions_tell(ctx.channel, written.changed.values(), *parted, everything=everything)
    return list(rows)


def _narrow(promotions: Iterable[Any]) -> set[Any]:
    """Those of the promotions that name products or categories; one query that looks at one link of each."""
    keys = list(promotions)
    if not keys:
        return set()
    links = [
        models.Exists(relation.through._base_manager.filter(promotion_id=models.OuterRef("pk")))
        for relation in (Promotion.products, Promotion.categories)
    ]
    rows = Promotion._base_manager.filter(links[0] | links[1], pk__in=keys)
    return set(rows.values_list("pk", flat=True))


def promotions_tell(
    channel: str,
    promotions: Iterable[Any],
    products: Iterable[Any] = (),
    categories: Iterable[Any] = (),
    *,
    everything: bool = False,
) -> None:
    """Whoever keeps books of reductions hears of promotions, and what they no longer name, once they are committed."""
    keys = sorted(promotions)
    if keys:
        send = partial(
            promotions_changed.send_robust,
            sender=Promotion,
            channel=channel,
            promotions=keys,
            products=sorted(products),
            categories=sorted(categories),
            everything=everything,
        )
        transaction.on_commit(send, robust=True)
