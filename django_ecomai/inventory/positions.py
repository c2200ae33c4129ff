"""How the shop's stock stands: what is on hand, on order and reserved, what it costs, how it is to be replenished."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import F, Min, Q, Sum

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Order, OrderLine, Product
from django_ecomai.mirror.selectors import demand_lines, sale_lines

from .models import PurchaseOrder, PurchaseOrderLine, Receipt, StockPolicy, SupplierProduct
from .offers import cost_currency, lead_days, offers_preferred

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A draft counts as on order, so that nothing is suggested twice while it waits for approval.
OPEN_ORDERS = (
    PurchaseOrder.Status.DRAFT,
    PurchaseOrder.Status.APPROVED,
    PurchaseOrder.Status.ORDERED,
    PurchaseOrder.Status.CONFIRMED,
    PurchaseOrder.Status.SHIPPED,
)
#: Receipts older than this teach nothing any more.
RECEIPT_DAYS = 730
DEFAULT_POLICY = StockPolicy()


@dataclass(frozen=True)
class Facts:
    """What is known of one product."""

    pk: int
    external_id: str
    title: str
    on_hand: float
    price: float
    unit_cost: float
    currency: str
    offer: SupplierProduct | None
    on_order: float = 0.0
    reserved: float = 0.0
    next_receipt: date | None = None
    codes: tuple[str, ...] = ()


@dataclass
class Receipts:
    """Days from order to receipt, from old to new: of which product (primary key) and supplier."""

    days: list[float] = field(default_factory=list)
    products: list[int] = field(default_factory=list)
    suppliers: list[int] = field(default_factory=list)


def stock_facts(*, channel: str = "", as_of: date, product_ids: list[int] | None = None) -> list[Facts]:
    """Every product on sale whose stock the shop counts, in the order of the key; a fixed number of queries.

    ``as_of``: from which day on an expected receipt is believed; an overdue one comes nobody knows when.
    """
    rows = Product.objects.filter(
        channel=channel, is_active=True, is_service=False, removed_at=None, stock__isnull=False
    )
    if product_ids is not None:
        rows = rows.filter(pk__in=product_ids)
    ordered, due = on_order(channel=channel, as_of=as_of, product_ids=product_ids)
    held = reserved(channel=channel, product_ids=product_ids) if ecomai.STOCK_INCLUDES_RESERVED else {}
    offers = offers_preferred(channel=channel, product_ids=product_ids)
    columns = ("pk", "external_id", "title", "stock", "price", "cost", "currency")
    found = []
    for pk, external_id, title, stock, price, cost, currency in (
        rows.order_by("pk").values_list(*columns).iterator(chunk_size=2000)
    ):
        offer = offers.get(pk)
        unit_cost, money, codes = _cost(offer, cost, currency or ecomai.CURRENCY)
        found.append(
            Facts(
                pk=pk,
                external_id=external_id,
                title=title,
                on_hand=float(stock),
                price=float(price) if price is not None and "mixed_currency" not in codes else float("nan"),
                unit_cost=unit_cost,
                currency=money,
                offer=offer,
                on_order=ordered.get(pk, 0.0),
                reserved=held.get(pk, 0.0),
                next_receipt=due.get(pk),
                codes=codes,
            )
        )
    return found


def _cost(offer: SupplierProduct | None, cost: Decimal | None, currency: str) -> tuple[float, str, tuple[str, ...]]:
    """Unit cost, its currency, and codes for what must be said about it."""
    if offer is None:
        return float(cost or 0), currency, ("no_supplier",)
    if offer.cost is None:
        return float(cost or 0), currency, ()
    money = cost_currency(offer, currency)
    return float(offer.cost), money, () if money == currency else ("mixed_currency",)


def on_order(
    *, channel: str = "", as_of: date, product_ids: list[int] | None = None
) -> tuple[dict[int, float], dict[int, date]]:
    """Pieces under way per product, and the day, from ``as_of`` on, on which the next of them are expected."""
    lines = PurchaseOrderLine.objects.filter(
        order__channel=channel, order__status__in=OPEN_ORDERS, quantity__gt=F("received")
    )
    if product_ids is not None:
        lines = lines.filter(product__in=product_ids)
    rows = lines.values("product_id").annotate(
        pieces=Sum(F("quantity") - F("received")),
        due=Min("order__expected_on", filter=Q(order__expected_on__gte=as_of)),
    )
    pieces, due = {}, {}
    for row in rows.order_by():
        pieces[row["product_id"]] = float(row["pieces"])
        if row["due"] is not None:
            due[row["product_id"]] = row["due"]
    return pieces, due


def reserved(*, channel: str = "", product_ids: list[int] | None = None) -> dict[int, float]:
    """Pieces of orders that are neither shipped nor cancelled, per product."""
    lines = OrderLine.objects.filter(
        channel=channel,
        removed_at=None,
        product__isnull=False,
        order__removed_at=None,
        order__status__in=(Order.Status.OPEN, Order.Status.PAID),
        order__shipped_at=None,
        quantity__gt=0,
    )
    if product_ids is not None:
        lines = lines.filter(product__in=product_ids)
    rows = lines.values("product_id").annotate(pieces=Sum("quantity")).order_by()
    return {row["product_id"]: float(row["pieces"]) for row in rows}


def receipts_read(
    *, channel: str = "", until: datetime, products: list[int] | None = None, suppliers: Iterable[int] = ()
) -> Receipts:
    """Lead times of the last two years; receipts without an order's day teach none, and negative ones are left out.

    With ``products`` only theirs and those of ``suppliers``, which is all that can teach them anything.
    """
    rows = Receipt.objects.filter(
        channel=channel, ordered_at__isnull=False, received_at__gte=until - timedelta(days=RECEIPT_DAYS)
    )
    if products is not None:
        rows = rows.filter(Q(product__in=products) | Q(supplier__in=list(suppliers)))
    found = Receipts()
    columns = ("product_id", "supplier_id", "ordered_at", "received_at")
    for product, supplier, ordered, received in rows.order_by("received_at", "pk").values_list(*columns).iterator():
        days = (received - ordered).total_seconds() / 86_400
        if days >= 0:
            found.days.append(days)
            found.products.append(product)
            found.suppliers.append(supplier or 0)
    return found


def turnover(*, channel: str = "", since: datetime) -> dict[int, float]:
    """Money per product from ``since`` on, for ABC classes.

    Sums of different currencies cannot be added: orders in another one than ``ECOMAI["CURRENCY"]`` are left out (where
    none is in it, than the one that most products were sold in).
    """
    rows = sale_lines(channel=channel, since=since).values_list("product_id", "order__currency")
    sums: dict[str, dict[int, float]] = {}
    for product, currency, money in rows.annotate(money=Sum(F("quantity") * F("unit_price"))).order_by():
        found = sums.setdefault(currency or ecomai.CURRENCY, {})
        found[product] = found.get(product, 0.0) + float(money or 0)
    if ecomai.CURRENCY in sums or not sums:
        return sums.get(ecomai.CURRENCY, {})
    return max(sums.values(), key=len)


def first_sales(*, channel: str = "", product_ids: list[int] | None = None) -> dict[int, datetime]:
    """When each product was sold for the first time: before it, nothing is known of its demand."""
    rows = demand_lines(channel=channel)
    if product_ids is not None:
        rows = rows.filter(product__in=product_ids)
    return dict(rows.order_by().values_list("product_id").annotate(first=Min("placed_at")))


class Policies:
    """The stock policies of a shop: the narrowest row that holds for a product."""

    def __init__(self, *, channel: str = "") -> None:
        self.by_product: dict[int, StockPolicy] = {}
        self.by_class: dict[tuple[str, str], StockPolicy] = {}
        for row in StockPolicy.objects.filter(channel=channel):
            if row.product_id is not None:
                self.by_product[row.product_id] = row
            else:
                self.by_class[(row.abc, row.xyz)] = row

    def of(self, product_id: int, abc: str, xyz: str) -> StockPolicy:
        """Its own row, that of both classes, of the ABC class, of the XYZ class, of all; else the defaults."""
        if product_id in self.by_product:
            return self.by_product[product_id]
        for key in ((abc, xyz), (abc, ""), ("", xyz), ("", "")):
            if key in self.by_class:
                return self.by_class[key]
        return DEFAULT_POLICY


def promised_days(facts: list[Facts]) -> NDArray[np.float64]:
    """Agreed lead time per product [n]; NaN without a supplier."""
    return np.array([float("nan") if one.offer is None else float(lead_days(one.offer)) for one in facts])


def offer_numbers(facts: list[Facts], name: str, default: float) -> NDArray[np.float64]:
    """A column of the offers [n]; ``default`` where there is no offer or no value."""
    values: list[Any] = [None if one.offer is None else getattr(one.offer, name) for one in facts]
    return np.array([default if value is None else float(value) for value in values], dtype=np.float64)
