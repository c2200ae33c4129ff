"""Sixty days of an Oscar shop: two shelves whose products are bought in pairs, one of them in two sizes."""

import random
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth import get_user_model
from django.utils import timezone
from oscar.core.loading import get_model

from django_ecomai.mirror.receivers import live_disconnect

live_disconnect()  # as if all of this had been there before
chance = random.Random(7)
Category, Product = get_model("catalogue", "Category"), get_model("catalogue", "Product")
ProductCategory, Order = get_model("catalogue", "ProductCategory"), get_model("order", "Order")
kind = get_model("catalogue", "ProductClass").objects.create(name="Thing")
warehouse = get_model("partner", "Partner").objects.create(name="Warehouse", code="warehouse")
get_model("address", "Country").objects.create(
    iso_3166_1_a2="GB", name="United Kingdom", printable_name="United Kingdom", is_shipping_country=True
)


prices = {}


def stocked(product, price):
    record = product.stockrecords.create(
        partner=warehouse, partner_sku=f"W{product.pk}", price=Decimal(price), num_in_stock=50
    )
    prices[product] = record
    return product


def make(title, shelf, price):
    product = Product.objects.create(title=title, product_class=kind)
    ProductCategory.objects.create(product=product, category=shelf)
    return stocked(product, price)


pairs = []
for shelf, words in (("Lanterns", ("Lantern", "Candle")), ("Tea", ("Teapot", "Cup"))):
    category = Category.objects.get(pk=Category.add_root(name=shelf).pk)
    pairs.append([[make(f"{word} no. {number}", category, number) for word in words] for number in range(1, 7)])
mug = Product.objects.create(title="Mug", product_class=kind, structure=Product.PARENT)
ProductCategory.objects.create(product=mug, category=category)
sizes = [
    stocked(Product.objects.create(title=f"{size} mug", structure=Product.CHILD, parent=mug), 5)
    for size in ("Small", "Large")
]
pairs[1].append([sizes[1], pairs[1][0][0]])
now, sold = timezone.now(), []
User = get_user_model()
for number in range(40):
    user = User.objects.create(username=f"buyer{number}", email=f"buyer{number}@example.com")
    sold += [(user, chance.choice(pairs[number % 2]), chance.randint(1, 60)) for _ in range(6)]
totals = [sum(prices[product].price for product in products) for _user, products, _days in sold]
orders = Order.objects.bulk_create(
    Order(
        number=f"H{number}", user=user, total_incl_tax=total, total_excl_tax=total, currency="GBP", status="Processed",
        date_placed=now - timedelta(days=days, minutes=number),
    )
    for number, ((user, _products, days), total) in enumerate(zip(sold, totals, strict=True))
)  # fmt: skip
get_model("order", "Line").objects.bulk_create(
    order.lines.model(
        order=order, product=product, stockrecord=prices[product], partner=warehouse, partner_name="Warehouse",
        partner_sku=f"W{product.pk}", title=product.get_title(), quantity=1, num_allocated=0,
        **dict.fromkeys(
            ("unit_price_incl_tax", "unit_price_excl_tax", "line_price_incl_tax", "line_price_excl_tax",
             "line_price_before_discounts_incl_tax", "line_price_before_discounts_excl_tax"),
            prices[product].price,
        ),
    )
    for order, (_user, products, _days) in zip(orders, sold, strict=True)
    for product in products
)  # fmt: skip
