"""Suppliers, lead times and purchase orders of the example shop. All of it is SIMULATED: the real data has none.

The assumptions, in one place:

- Eight suppliers. Each article belongs to one of them, drawn by its SKU with the suppliers' shares below.
- A supplier agrees on a lead time. What an order really takes is lognormal around ``mean`` with the coefficient of
  variation ``spread``; two suppliers are slower than agreed, one has become slower in the last quarter.
- An order is confirmed after 1 to 3 days and shipped after 60 % of its time. One line in 16 arrives in two parts, the
  second a week later.
- Packs follow the price: 24 below 1 pound, 12 below 3, 6 below 8, else single pieces. The least order is one pack, two
  for one article in three. One article in four has a price break of 5 % at eight packs.
- Four pairs of bags and hearts stand in for each other, for two in five customers.
- Cost and stock level were simulated when the shop was filled (see ``load.py``).
- Orders of the last year are those of the 400 articles that sell most, every three to eight weeks each; what was
  ordered shortly before the last day of the data is still under way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.db import transaction

from django_ecomai.inventory.models import (
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    StockPolicy,
    Supplier,
    SupplierProduct,
)
from django_ecomai.inventory.services import substitution_declare
from django_ecomai.mirror.models import Product
from django_ecomai.mirror.selectors import data_span
from example_project.shop.load import share
from example_project.shop.models import Product as ShopProduct

SEED = 11
YEAR, QUARTER = 365, 91
SOLD_MOST = 400
PARTS = 16  # one line in so many comes in two parts


@dataclass(frozen=True)
class Assumed:
    """What is assumed of one supplier; days."""

    code: str
    name: str
    country: str
    share: float
    agreed: int
    mean: float
    spread: float
    slower_lately: float = 1.0


SUPPLIERS = (
    Assumed("SIM-A", "Aldergate Giftware", "United Kingdom", 0.24, 7, 7, 0.2),
    Assumed("SIM-B", "Brook & Lantern", "United Kingdom", 0.18, 10, 12, 0.3),
    Assumed("SIM-C", "Cotswold Print House", "United Kingdom", 0.12, 5, 5, 0.25),
    Assumed("SIM-D", "Delft Home", "Netherlands", 0.12, 14, 14, 0.25),
    Assumed("SIM-E", "Eifel Glas", "Germany", 0.10, 18, 21, 0.35),
    Assumed("SIM-F", "Fuzhou Seasonal", "China", 0.10, 45, 45, 0.2),
    Assumed("SIM-G", "Gujarat Textiles", "India", 0.08, 35, 36, 0.3, 1.35),
    Assumed("SIM-H", "Hill Farm Ceramics", "United Kingdom", 0.06, 12, 12, 0.45),
)

# SKUs of the same thing in another colour or print.
ALIKE = (("20725", "20727"), ("85099B", "22386"), ("85123A", "21733"), ("22383", "22384"))
ALIKE_SHARE = 0.4


def supply_simulated() -> bool:
    """Whether this was done."""
    return Supplier.objects.filter(is_simulated=True).exists()


def supply_simulate() -> dict[str, int]:
    """Write suppliers, their products, policies and a year of orders and receipts; returns how many of each."""
    _first, last = data_span()
    if last is None:
        return {}
    with transaction.atomic():
        suppliers = Supplier.objects.bulk_create(
            [
                Supplier(
                    code=one.code,
                    name=f"{one.name} (simulated)",
                    country=one.country,
                    currency="GBP",
                    lead_time_days=one.agreed,
                    is_simulated=True,
                    note=f"Simulated: takes {one.mean:g} days on average, coefficient of variation {one.spread:g}.",
                )
                for one in SUPPLIERS
            ]
        )
        by_code = {one.code: one for one in suppliers}
        products = list(
            Product.objects.filter(is_active=True, is_service=False, removed_at=None, stock__isnull=False).order_by(
                "external_id"
            )
        )
        offers = SupplierProduct.objects.bulk_create(
            [_offer(product, by_code[_assumed(product.external_id).code]) for product in products], batch_size=1000
        )
        StockPolicy.objects.bulk_create(
            [
                StockPolicy(abc=abc, target_kind="service", target=target, review_days=days)
                for abc, target, days in (("A", 0.97, 7), ("B", 0.95, 7), ("C", 0.9, 14))
            ]
        )
        orders, receipts = _orders(offers, last)
        _stand_ins({product.external_id: product for product in products})
    return {"suppliers": len(suppliers), "offers": len(offers), "orders": orders, "receipts": receipts}


def _stand_ins(products: dict[str, Product]) -> None:
    """Declare the pairs of which the shop has both."""
    for one, other in ALIKE:
        if one in products and other in products:
            substitution_declare(
                product=products[one],
                substitute=products[other],
                share=ALIKE_SHARE,
                note="Simulated: nobody asked the customers.",
                both_ways=True,
            )


def _assumed(sku: str) -> Assumed:
    drawn, total = share(sku, "supplier"), 0.0
    for one in SUPPLIERS:
        total += one.share
        if drawn < total:
            return one
    return SUPPLIERS[0]


def _offer(product: Product, supplier: Supplier) -> SupplierProduct:
    price = float(product.price or 0)
    pack = 24 if price < 1 else 12 if price < 3 else 6 if price < 8 else 1
    breaks: list[list[float]] = []
    if product.cost and share(product.external_id, "price break") < 0.25:
        breaks = [[8 * pack, round(float(product.cost) * 0.95, 4)]]
    return SupplierProduct(
        supplier=supplier,
        product=product,
        supplier_sku=f"{supplier.code[-1]}{product.external_id}",
        cost=product.cost,
        currency="GBP",
        pack_size=pack,
        moq=pack * (2 if share(product.external_id, "least order") < 0.33 else 1),
        price_breaks=breaks,
    )


def _orders(offers: list[SupplierProduct], last: datetime) -> tuple[int, int]:
    dice = Random(SEED)
    sold = dict(ShopProduct.objects.values_list("sku", "times_ordered"))
    offers = sorted(offers, key=lambda one: (-sold.get(one.product.external_id, 0), one.product.external_id))
    groups: dict[str, list[SupplierProduct]] = {}
    for offer in offers[:SOLD_MOST]:
        groups.setdefault(offer.supplier.code, []).append(offer)
    made: list[tuple[PurchaseOrder, list[tuple[SupplierProduct, int]]]] = []
    for one in SUPPLIERS:
        for days_ago in range(YEAR, 0, -7):
            week = (YEAR - days_ago) // 7
            lines = [
                (offer, _quantity(offer, sold.get(offer.product.external_id, 0), every))
                for offer in groups.get(one.code, ())
                if (week + int(97 * share(offer.product.external_id, "week")))
                % (every := 3 + int(6 * share(offer.product.external_id, "every")))
                == 0
            ]
            if lines:
                at = last - timedelta(days=days_ago, hours=dice.uniform(1, 6))
                made.append((_order(one, lines[0][0].supplier, at, last, dice, len(made) + 1), lines))
    PurchaseOrder.objects.bulk_create([order for order, _lines in made], batch_size=500)
    rows: list[PurchaseOrderLine] = []
    for order, lines in made:
        done = order.status == PurchaseOrder.Status.RECEIVED
        rows += [
            PurchaseOrderLine(
                order=order,
                product=offer.product,
                title=offer.product.title,
                sku=offer.product.sku,
                supplier_sku=offer.supplier_sku,
                quantity=quantity,
                unit_cost=offer.cost,
                received=quantity if done else 0,
            )
            for offer, quantity in lines
        ]
    PurchaseOrderLine.objects.bulk_create(rows, batch_size=1000)
    receipts = [receipt for number, line in enumerate(rows) for receipt in _receipts(line, number, last)]
    Receipt.objects.bulk_create(receipts, batch_size=1000)
    return len(made), len(receipts)


def _quantity(offer: SupplierProduct, times: int, weeks: int) -> int:
    """Whole packs of what sells between two orders: three pieces per order of the last quarter."""
    pack = float(offer.pack_size)
    wanted = times / 13 * weeks * 3
    return int(max(float(offer.moq), math.ceil(wanted / pack) * pack))


def _order(one: Assumed, supplier: Supplier, at: datetime, last: datetime, dice: Random, number: int) -> PurchaseOrder:
    slower = one.slower_lately if (last - at).days < QUARTER else 1.0
    sigma = math.sqrt(math.log1p(one.spread**2))
    took = one.mean * slower * math.exp(dice.gauss(0, sigma) - sigma**2 / 2)
    moments: dict[str, Any] = {
        "approved_at": at,
        "ordered_at": at,
        "confirmed_at": at + timedelta(days=dice.uniform(1, 3)),
        "shipped_at": at + timedelta(days=max(3.0, took * 0.6)),
        "received_at": at + timedelta(days=max(4.0, took)),
    }
    reached = {name: moment for name, moment in moments.items() if moment <= last}
    status = list(reached)[-1].removesuffix("_at")
    return PurchaseOrder(
        number=f"SIM-{number:05d}",
        supplier=supplier,
        status=status,
        currency="GBP",
        created_at=at,
        expected_on=(at + timedelta(days=one.agreed)).date(),
        is_simulated=True,
        note="Simulated: no real goods are behind it.",
        **reached,
    )


def _receipts(line: PurchaseOrderLine, number: int, last: datetime) -> list[Receipt]:
    order = line.order
    if order.received_at is None:
        return []
    quantity = int(line.quantity)
    parts = [(order.received_at, quantity)]
    later = order.received_at + timedelta(days=7)
    if number % PARTS == 0 and quantity > 1 and later <= last:
        parts = [(order.received_at, quantity - quantity // 3), (later, quantity // 3)]
    return [
        Receipt(
            reference=f"{order.number}-{part}" if len(parts) > 1 else order.number,
            supplier=order.supplier,
            product=line.product,
            line=line,
            quantity=Decimal(pieces),
            ordered_at=order.ordered_at,
            received_at=at,
            is_simulated=True,
        )
        for part, (at, pieces) in enumerate(parts, 1)
        if pieces
    ]
