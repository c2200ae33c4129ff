"""Suppliers and what they offer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from django_ecomai.inventory.models import Supplier, SupplierProduct

from . import values
from .reading import Outcome, Row, RowError

M = TypeVar("M")


def suppliers(chunk: list[Row], channel: str, outcome: Outcome, user: Any) -> None:
    codes = [row.get("code", "") for _number, row in chunk]
    known = {one.code: one for one in Supplier.objects.filter(channel=channel, code__in=codes)}
    new: dict[str, Supplier] = {}
    changed: dict[str, Supplier] = {}
    for number, row in chunk:
        try:
            code = values.text(row, "code", needed=True, most=64)
            outcome.once(code, "code", code)
            supplier = known.get(code) or Supplier(channel=channel, code=code)
            supplier.name = values.text(row, "name", most=255) or supplier.name or code
            for name, most in (("email", 254), ("country", 64), ("currency", 3)):
                if row.get(name):
                    setattr(supplier, name, values.text(row, name, most=most))
            if row.get("email"):
                try:
                    validate_email(supplier.email)
                except ValidationError as error:
                    raise RowError("email", _("This is no e-mail address."), supplier.email) from error
            if (days := values.days(row, "lead_time_days")) is not None:
                supplier.lead_time_days = days
        except RowError as error:
            outcome.complain(number, error)
            continue
        outcome.seen.add(code)
        (changed if code in known else new)[code] = supplier
    Supplier.objects.bulk_create(in_order(new))
    if changed:
        fields = ["name", "email", "country", "currency", "lead_time_days"]
        Supplier.objects.bulk_update(in_order(changed), fields)
    outcome.created += len(new)
    outcome.updated += len(changed)


def in_order(rows: Mapping[Any, M]) -> list[M]:
    """By what they are known by: two files that name the same in different orders never wait in a circle."""
    return [rows[key] for key in sorted(rows)]


def supplier_products(chunk: list[Row], channel: str, outcome: Outcome, user: Any) -> None:
    known_suppliers, products = values.suppliers_of(chunk, channel), values.products_of(chunk, channel)
    known = {
        (one.supplier_id, one.product_id): one
        for one in SupplierProduct.objects.filter(
            supplier__in=known_suppliers.values(), product__in=[one.pk for one in products.values()]
        )
    }
    new: dict[tuple[int, int], SupplierProduct] = {}
    changed: dict[tuple[int, int], SupplierProduct] = {}
    for number, row in chunk:
        try:
            supplier = values.found(
                known_suppliers, row, "supplier_code", _("There is no such supplier: import it first.")
            )
            product = values.found(products, row, "product_id", _("There is no such product in the copy of your shop."))
            key = (supplier.pk, product.pk)
            outcome.once(key, "product_id", row["product_id"])
            offer = known.get(key) or SupplierProduct(supplier=supplier, product=product)
            _offer_fill(offer, row)
        except RowError as error:
            outcome.complain(number, error)
            continue
        outcome.seen.add(key)
        (changed if key in known else new)[key] = offer
    SupplierProduct.objects.bulk_create(in_order(new))
    if changed:
        fields = [f.name for f in SupplierProduct._meta.concrete_fields if f.name not in ("id", "supplier", "product")]
        SupplierProduct.objects.bulk_update(in_order(changed), fields)
    outcome.created += len(new)
    outcome.updated += len(changed)


def _offer_fill(offer: SupplierProduct, row: dict[str, str]) -> None:
    offer.supplier_sku = values.text(row, "supplier_sku", most=64) or offer.supplier_sku
    offer.currency = values.text(row, "currency", most=3) or offer.currency
    if (cost := values.number(row, "cost", least=Decimal(0))) is not None:
        offer.cost = cost
    for name in ("moq", "pack_size"):
        if (amount := values.number(row, name, above=Decimal(0))) is not None:
            setattr(offer, name, amount)
    if (days := values.days(row, "lead_time_days")) is not None:
        offer.lead_time_days = days
    if (life := values.days(row, "shelf_life_days", least=1)) is not None:
        offer.shelf_life_days = life
    if text := row.get("price_breaks", ""):
        offer.price_breaks = values.breaks(text)
    if row.get("is_preferred"):
        offer.is_preferred = values.flag(row, "is_preferred")
