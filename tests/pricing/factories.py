"""Proposals, changes and rules for tests: all arguments have defaults."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceProposal, PricingRule, ProductElasticity, VolumeOffer
from django_ecomai.testing import product_make

MOMENT = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def rule_make(**fields: Any) -> PricingRule:
    """A rule for everything."""
    return PricingRule.objects.create(**{"name": "A rule", **fields})


def priced_product(**fields: Any) -> Product:
    """A product at 10.00 that costs 4.00."""
    return product_make(**{"price": "10.00", "cost": Decimal("4.00"), "list_price": Decimal("10.00"), **fields})


def proposal_make(product: Product | None = None, **fields: Any) -> PriceProposal:
    """10.00 becomes 10.50: 40 pieces at 6.00 become 37 at 6.50, which gains 0.50."""
    product = product or priced_product()
    state = fields.get("state", "open")
    values = {
        "channel": product.channel, "made_at": MOMENT, "old_price": Decimal("10.00"), "new_price": Decimal("10.50"),
        "list_price": Decimal("10.00"), "cost": Decimal("4.00"), "currency": "EUR", "binding": "", "goal": "profit",
        "elasticity": -1.6, "elasticity_low": -2.0, "elasticity_high": -1.2, "elasticity_source": "own",
        "strength": "strong", "units_old": 40.0, "units_new": 37.0, "revenue_old": 400.0, "revenue_new": 388.5,
        "profit_old": 240.0, "profit_new": 240.5, "gain": 0.5, "gain_low": -5.0, "gain_high": 6.0, "gain_chance": 0.6,
        "horizon_days": 28, "undecided": product.pk if state in ("open", "held") else None, **fields,
    }  # fmt: skip
    return PriceProposal.objects.create(product=product, **values)


def elasticity_make(product: Product, **fields: Any) -> ProductElasticity:
    """-1.6, known well."""
    values = {
        "elasticity": -1.6, "sd": 0.2, "low": -2.0, "high": -1.2, "source": "own", "rate": 10.0, "made_at": MOMENT,
        "channel": product.channel, "weight": 0.9, **fields,
    }  # fmt: skip
    return ProductElasticity.objects.create(product=product, **values)


def offer_make(product: Product | None = None, **fields: Any) -> VolumeOffer:
    """From ten pieces on 8.00 instead of 10.00."""
    product = product or priced_product()
    values = {
        "kind": "break", "quantity": Decimal(10), "discount": 0.2, "price": Decimal(8), "old_price": Decimal(10),
        "gain": 125.0, "gain_low": 80.0, "gain_high": 170.0, "gain_chance": 0.97, "currency": "EUR", "lines": 100,
        "weeks": 52, "made_at": MOMENT, "break_of": product.pk if fields.get("kind", "break") == "break" else None,
        **fields,
    }  # fmt: skip
    return VolumeOffer.objects.create(product=product, **values)
