"""Rows of an Oscar shop: by its own models and its own order code, with as little as a test needs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.test import Client
from oscar.core.loading import get_class, get_model

Basket = get_model("basket", "Basket")
Category = get_model("catalogue", "Category")
Country = get_model("address", "Country")
Order = get_model("order", "Order")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductAttribute = get_model("catalogue", "ProductAttribute")
ProductCategory = get_model("catalogue", "ProductCategory")
ProductClass = get_model("catalogue", "ProductClass")
StockRecord = get_model("partner", "StockRecord")


def kind(name: str = "Thing", **fields: Any) -> Any:
    """A product class."""
    found, made = ProductClass.objects.get_or_create(name=name, defaults={"requires_shipping": True, **fields})
    assert made or not fields
    return found


def shelf(name: str, parent: Any = None, **fields: Any) -> Any:
    """A category."""
    return Category.add_root(name=name, **fields) if parent is None else parent.add_child(name=name, **fields)


def product(title: str = "Lantern", price: Any = "4.50", stock: int | None = 10, **fields: Any) -> Any:
    """A stand-alone product with one stock record; ``price=None``: without one. ``shelves``: its categories."""
    shelves = fields.pop("shelves", ())
    partner = fields.pop("partner", "Warehouse")
    if fields.get("structure") != Product.CHILD:
        fields.setdefault("product_class", kind())
    made = Product.objects.create(title=title, **fields)
    for one in shelves:
        ProductCategory.objects.create(product=made, category=one)
    if price is not None:
        record(made, price, stock, partner)
    return made


def parent(title: str = "Shirt", **fields: Any) -> Any:
    """A parent product."""
    return product(title, None, structure=Product.PARENT, **fields)


def child(of: Any, title: str = "", price: Any = "9.00", stock: int | None = 3, **fields: Any) -> Any:
    """A child product with one stock record."""
    return product(title, price, stock, structure=Product.CHILD, parent=of, **fields)


def record(of: Any, price: Any = "4.50", stock: int | None = 10, partner: str = "Warehouse", **fields: Any) -> Any:
    """A stock record at a partner."""
    owner, _ = Partner.objects.get_or_create(name=partner, defaults={"code": partner.lower()})
    return StockRecord.objects.create(
        product=of,
        partner=owner,
        partner_sku=f"{partner}-{of.pk}",
        price=None if price is None else Decimal(str(price)),
        num_in_stock=stock,
        **fields,
    )


def user(email: str = "ada@example.com", **fields: Any) -> Any:
    """A customer with the password ``correct horse``."""
    return get_user_model().objects.create_user(email.partition("@")[0], email, "correct horse", **fields)


def order(*products: Any, by: Any = None, voucher: Any = None, quantity: int = 1, **fields: Any) -> Any:
    """An order placed by Oscar's own code: stock is allocated, offers and vouchers are applied."""
    free = get_class("shipping.methods", "Free")()
    basket = Basket.objects.create(owner=by)
    basket.strategy = get_class("partner.strategy", "Selector")().strategy()
    for one in products:
        basket.add_product(one, quantity=quantity)
    if voucher is not None:
        basket.vouchers.add(voucher)
    get_class("offer.applicator", "Applicator")().apply(basket, by)
    charge = free.calculate(basket)
    total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge)
    placed = get_class("order.utils", "OrderCreator")().place_order(
        basket=basket, total=total, shipping_method=free, shipping_charge=charge, user=by, **fields
    )
    basket.submit()
    return placed


def country() -> Any:
    """The one country that the shop sends to."""
    return Country.objects.get_or_create(
        iso_3166_1_a2="GB", defaults={"name": "United Kingdom", "printable_name": "UK", "is_shipping_country": True}
    )[0]


def buy(shopper: Client, one: Any, *, email: str = "guest@example.com", quantity: int = 1) -> Any:
    """Through Oscar's own pages: into the basket, address, preview, order. Gives the answer of the last step.

    ``email=""``: the shopper has logged in.
    """
    shopper.post(f"/basket/add/{one.pk}/", {"quantity": quantity})
    if email:
        shopper.post("/checkout/", {"username": email, "options": "anonymous"})
    else:
        shopper.get("/checkout/")
    address = {
        "first_name": "Ada", "last_name": "King", "line1": "1 High Street", "line4": "London", "postcode": "N1 9RT",
        "country": country().pk,
    }  # fmt: skip
    shopper.post("/checkout/shipping-address/", address)
    shopper.get("/checkout/shipping-method/")
    shopper.get("/checkout/payment-method/")
    return shopper.post("/checkout/preview/", {"action": "place_order"})
