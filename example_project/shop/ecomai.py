"""How EcomAI reads this shop: which models and fields mean what. This file and a few tags are all the shop adds."""

from __future__ import annotations

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
