"""Small shops for the tests of the example."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from example_project.shop.models import Category, Customer, Line, Order, Product


def category_create(name: str = "Lanterns", parent: Category | None = None, **values: Any) -> Category:
    slug = values.pop("slug", name.lower().replace(" ", "-").replace("&", "and"))
    return Category.objects.create(name=name, slug=slug, parent=parent, **values)


def product_create(sku: str = "85123A", name: str = "White Hanging Heart T-Light Holder", **values: Any) -> Product:
    usual = {"description": "A gift for any house.", "price": Decimal("2.95"), "stock": 12, "times_ordered": 5}
    return Product.objects.create(sku=sku, name=name, **{**usual, **values})


def customer_create(code: str = "17850", **values: Any) -> Customer:
    return Customer.objects.create(code=code, country=values.pop("country", "United Kingdom"), **values)


def order_create(number: str, customer: Customer | None, product: Product, quantity: int = 1) -> Order:
    order = Order.objects.create(number=number, customer=customer, total=product.price * quantity)
    Line.objects.create(
        order=order,
        product=product,
        sku=product.sku,
        title=product.name,
        quantity=quantity,
        unit_price=product.price,
    )
    return order
