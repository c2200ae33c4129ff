"""What a unit costs, and from whom: the arithmetic of suppliers' offers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .models import SupplierProduct


def unit_cost_at(offer: SupplierProduct, quantity: Decimal | float) -> Decimal | None:
    """The cost of one unit when ``quantity`` is ordered: the last price break that is reached."""
    cost = offer.cost
    for least, price in offer.price_breaks or []:
        if float(quantity) >= float(least):
            cost = Decimal(str(price))
    return cost


def cost_currency(offer: SupplierProduct | None, currency: str) -> str:
    """The currency of what a unit costs: that of the offer, else of its supplier; without a cost of its own the
    product's ``currency``."""
    if offer is None or offer.cost is None:
        return currency
    return offer.currency or offer.supplier.currency or currency


def offers_preferred(*, channel: str, product_ids: Iterable[int] | None = None) -> dict[int, SupplierProduct]:
    """The offer to order by per product (its primary key): the preferred one, then the cheapest, then the fastest.

    Suppliers that are not in use are left out. One query.
    """
    rows = SupplierProduct.objects.filter(supplier__channel=channel, supplier__is_active=True)
    if product_ids is not None:
        rows = rows.filter(product__in=list(product_ids))
    found: dict[int, SupplierProduct] = {}
    for offer in rows.select_related("supplier").order_by("pk"):
        other = found.get(offer.product_id)
        if other is None or _rank(offer) < _rank(other):
            found[offer.product_id] = offer
    return found


def lead_days(offer: SupplierProduct) -> int:
    """Agreed days from order to receipt: the offer's own, else the supplier's."""
    return offer.supplier.lead_time_days if offer.lead_time_days is None else offer.lead_time_days


def _rank(offer: SupplierProduct) -> tuple[bool, Decimal, int]:
    return not offer.is_preferred, offer.cost if offer.cost is not None else Decimal("Infinity"), lead_days(offer)
