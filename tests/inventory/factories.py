"""Suppliers, offers and suggestions for tests: all arguments have defaults."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django_ecomai.inventory.models import Suggestion, Supplier, SupplierProduct
from django_ecomai.mirror.models import Product
from django_ecomai.testing import product_make

_numbers = itertools.count(1)
DAY = date(2026, 3, 2)
MOMENT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def supplier_make(**fields: Any) -> Supplier:
    """A supplier."""
    number = next(_numbers)
    return Supplier.objects.create(**{"code": f"S{number}", "name": f"Supplier {number}", "currency": "EUR", **fields})


def offer_make(product: Product | None = None, supplier: Supplier | None = None, **fields: Any) -> SupplierProduct:
    """What a supplier offers."""
    return SupplierProduct.objects.create(
        product=product or product_make(), supplier=supplier or supplier_make(), **{"cost": Decimal("2.50"), **fields}
    )


def suggestion_make(product: Product | None = None, supplier: Supplier | None = None, **fields: Any) -> Suggestion:
    """A product that should be ordered: 24 pieces at 2.50."""
    return Suggestion.objects.create(
        product=product or product_make(),
        supplier=supplier,
        **{
            "made_at": MOMENT,
            "as_of": DAY,
            "status": "reorder",
            "abc": "A",
            "xyz": "X",
            "on_hand": 5,
            "p50": 20,
            "p90": 30,
            "quantity": Decimal(24),
            "unit_cost": Decimal("2.50"),
            "currency": "EUR",
            "value": Decimal(60),
            "raw_quantity": 19,
            "order_up_to": 24,
            "cover_days": 5,
            "lost_margin": Decimal(12),
            "notes": {"codes": ["pack"], "pack": 12, "moq": 12},
            "history": [3, 4, 5, 4],
            **fields,
        },
    )
