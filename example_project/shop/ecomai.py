"""How EcomAI reads this shop: which models and fields mean what. This file and a few tags are all the shop adds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction

from django_ecomai.adapters.declarative import ModelAdapter


class ShopAdapter(ModelAdapter):
    """The shop's tables. SKUs, customer codes and order numbers are the ids: the merchant knows things by them."""

    class Meta:
        category = "shop.Category"
        product = "shop.Product"
        customer = "shop.Customer"
        order = "shop.Order"
        line = "shop.Line"
        currency = "GBP"

    category_fields = {"name": "name", "slug": "slug"}
    product_fields = {
        "id": "sku",
        "sku": "sku",
        "title": "name",
        "description": "description",
        "price": "price",
        "list_price": "list_price",
        "cost": "cost",
        "stock": "stock",
        "is_active": "is_active",
        "is_service": "is_service",
        "url": "get_absolute_url",
        "image_url": "picture_url",
        "created_at": "created",
        "updated": "updated",
    }
    customer_fields = {"id": "code", "first_seen": "joined"}
    order_fields = {
        "id": "number",
        "number": "number",
        "placed_at": "placed_at",
        "status": "status",
        "total": "total",
        "country": "country",
        "email": "email",
        "address": "address",
        "updated": "updated",
    }
    line_fields = {"title": "title", "sku": "sku", "quantity": "quantity", "unit_price": "unit_price"}
    order_status = {"placed": "open", "shipped": "shipped", "completed": "delivered", "cancelled": "cancelled"}

    def apply_price(self, product_id: str, price: Any) -> None:
        """Write a confirmed price.

        A price lower than any of the last 30 days is shown as a reduction: the former one is struck out. That is this
        shop's choice; without it only `product.price` would be set.
        """
        from django_ecomai.mirror.selectors import product_get_many
        from django_ecomai.pricing.ledger import lowest_if_reduced
        from example_project.shop.models import Product

        new = Decimal(str(price)).quantize(Decimal("0.01"))
        with transaction.atomic():
            product = Product.objects.select_for_update().get(sku=product_id)
            known = product_get_many(external_ids=[product_id]).get(product_id)
            lowest = lowest_if_reduced(product=known) if known else None
            if lowest is not None and new < lowest and not product.is_reduced:
                product.list_price = product.price
            product.price = new
            # Through save(), so that the mirror hears of it as of any other change.
            product.save(update_fields=["price", "list_price", "updated"])

    def restore_price(self, product_id: str, price: Any, list_price: Any) -> None:
        """Put a price back with the list price of then: what `apply_price` struck out is struck out no longer."""
        from example_project.shop.models import Product

        cent = Decimal("0.01")
        with transaction.atomic():
            product = Product.objects.select_for_update().get(sku=product_id)
            product.price = Decimal(str(price)).quantize(cent)
            product.list_price = None if list_price is None else Decimal(str(list_price)).quantize(cent)
            product.save(update_fields=["price", "list_price", "updated"])
