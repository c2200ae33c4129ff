"""Writes of the storefront."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from example_project.shop.cart import CartError, CartLine, lines_priced, stock_problem
from example_project.shop.models import Customer, Line, Order, Product


@dataclass(frozen=True)
class Delivery:
    """Where an order goes."""

    name: str
    email: str
    address: str
    city: str
    postcode: str
    country: str


@transaction.atomic
def order_place(
    *, lines: Sequence[CartLine], delivery: Delivery, customer: Customer | None, tokens: Iterable[str] = ()
) -> Order:
    """Turn a cart into an order and take the goods from stock. Pieces of a product that cost different prices become
    lines of their own. `tokens` hold prices for more pieces. Raises CartError when it is empty or sold out."""
    if not lines:
        raise CartError("Your cart is empty.")
    wanted = {line.product.pk: line.quantity for line in lines}
    # Locked in key order, so that two checkouts never wait for each other.
    products = {one.pk: one for one in Product.objects.select_for_update().filter(pk__in=wanted).order_by("pk")}
    for line in lines:
        current = products.get(line.product.pk)
        problem = stock_problem(current, line.quantity) if current else f"“{line.product.name}” is no longer sold."
        if problem:
            raise CartError(problem)
    priced = lines_priced([replace(line, product=products[line.product.pk]) for line in lines], tokens=tokens)
    order = Order.objects.create(
        number=order_number(),
        customer=customer,
        placed_at=timezone.now(),
        name=delivery.name,
        email=delivery.email,
        address=delivery.address,
        city=delivery.city,
        postcode=delivery.postcode,
        country=delivery.country,
        total=sum((line.total for line in priced), Decimal("0.00")),
    )
    Line.objects.bulk_create(
        Line(
            order=order,
            product=line.product,
            sku=line.product.sku,
            title=line.product.name,
            quantity=int(part.quantity),
            unit_price=part.price,
        )
        for line in priced
        for part in line.parts
    )
    for pk, quantity in wanted.items():
        # Through save(), as a shop's own code would: whoever listens to changes of a product hears of this one.
        product = products[pk]
        product.stock -= quantity
        product.times_ordered += 1
        product.save(update_fields=["stock", "times_ordered", "updated"])
    return order


def order_number() -> str:
    """The next order number, `W` and six digits; the sample's invoices have no `W`. Called inside a transaction."""
    last = Order.objects.select_for_update().filter(number__startswith="W").order_by("-pk").first()
    return f"W{int(last.number[1:]) + 1 if last else 100001:06d}"


@transaction.atomic
def customer_register(*, email: str, password: str, name: str) -> Customer:
    """Create a login and its customer."""
    user = User.objects.create_user(username=email.lower(), email=email, password=password, first_name=name[:150])
    return Customer.objects.create(user=user, code=f"N{user.pk}", name=name, email=email)


@transaction.atomic
def persona_user(*, customer: Customer) -> User:
    """The login of a sample customer for the demo's switcher, created at first use; it has no password."""
    if customer.user is not None:
        return customer.user
    user, created = User.objects.get_or_create(username=f"customer-{customer.code}")
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    customer.user = user
    customer.save(update_fields=["user"])
    return user
