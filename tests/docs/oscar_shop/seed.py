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


def stocked(product, price):
    product.stockrecords.create(partner=warehouse, partner_sku=f"W{product.pk}", price=Decimal(price), num_in_stock=50)
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
now, number = timezone.now(), 0
User = get_user_model()
for buyer in range(40):
    user = User.objects.create(username=f"buyer{buyer}", email=f"buyer{buyer}@example.com")
    for _ in range(6):
        number += 1
        sold = chance.choice(pairs[buyer % 2])
        total = sum(product.stockrecords.get().price for product in sold)
        order = Order.objects.create(
            number=f"H{number}", user=user, total_incl_tax=total, total_excl_tax=total, currency="GBP",
            status="Processed", date_placed=now - timedelta(days=chance.randint(1, 60), minutes=number),
        )  # fmt: skip
        for product in sold:
            price = product.stockrecords.get().price
            order.lines.create(
                product=product, stockrecord=product.stockrecords.get(), partner=warehouse, partner_name="Warehouse",
                partner_sku=f"W{product.pk}", title=product.get_title(), quantity=1, num_allocated=0,
                unit_price_incl_tax=price, unit_price_excl_tax=price, line_price_incl_tax=price,
                line_price_excl_tax=price, line_price_before_discounts_incl_tax=price,
                line_price_before_discounts_excl_tax=price,
            )  # fmt: skip
