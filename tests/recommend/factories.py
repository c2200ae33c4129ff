"""Small shops for the tests of recommendations. Ids are readable: products p0, p1, ..., customers c0, c1, ..."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import RequestFactory
from django.utils import timezone

from django_ecomai.adapters.base import ShopAdapter
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Category, Customer, Order, OrderLine, Product
from django_ecomai.recommend.models import Placement, Slot, SlotRule

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def category(
    external_id: str = "lamps", *, parent: Category | None = None, name: str = "", channel: str = ""
) -> Category:
    return Category.objects.create(
        channel=channel, external_id=external_id, name=name or external_id.title(), parent=parent
    )


def product(external_id: str, *, categories: Iterable[Category] = (), **fields: Any) -> Product:
    values = {"title": f"Product {external_id}", "price": 10, "currency": "EUR", "url": f"/p/{external_id}/", **fields}
    made = Product.objects.create(
        external_id=external_id, category_external_ids=[one.external_id for one in categories], **values
    )
    made.categories.set(categories)
    return made


def products(number: int, **fields: Any) -> list[Product]:
    """p0 .. p<number-1>, the last one newest."""
    return [
        product(f"p{i}", **{"created_at": START + timedelta(days=i), **fields}) for i in range(number)
    ]  # fmt: skip


def order(customer: str, bought: Sequence[str], *, at: datetime = START, number: str = "", **fields: Any) -> Order:
    """An order; an empty ``customer`` is a guest."""
    channel = fields.pop("channel", "")
    buyer = Customer.objects.get_or_create(channel=channel, external_id=customer)[0] if customer else None
    made = Order.objects.create(
        channel=channel,
        external_id=number or f"o{Order.objects.count()}",
        customer=buyer,
        placed_at=at,
        currency="EUR",
        **fields,
    )
    known = dict(Product.objects.filter(channel=channel).values_list("external_id", "pk"))
    OrderLine.objects.bulk_create(
        OrderLine(
            channel=channel,
            external_id=f"{made.external_id}-{i}",
            order=made,
            product_id=known.get(one),
            product_external_id=one,
            quantity=1,
            unit_price=10,
            placed_at=at,
        )
        for i, one in enumerate(bought)
    )
    return made


def event(name: str, product_id: str = "", *, at: datetime | None = None, **fields: Any) -> Event:
    moment = at or timezone.now()
    return Event.objects.create(id=uuid7(moment), name=name, product_id=product_id, received_at=moment, **fields)


def placement(key: str = "home", *strategies: str, channel: str = "", **slot: Any) -> Placement:
    """A placement that holds exactly these strategies, replacing the default one of that key."""
    Placement.objects.filter(channel=channel, key=key).delete()
    made = Placement.objects.create(channel=channel, key=key, label=key.title())
    for number, strategy in enumerate(strategies):
        Slot.objects.create(placement=made, strategy=strategy, title=strategy.title(), order=number, **slot)
    return made


def rule(slot: Slot, action: str, target: Product | Category, **fields: Any) -> SlotRule:
    kind = "product" if isinstance(target, Product) else "category"
    return SlotRule.objects.create(slot=slot, action=action, **{kind: target}, **fields)


def lantern_shop(weeks: int = 20, *, size: int = 6) -> None:
    """Two worlds of ``size`` products, lanterns (p0..p5) and mugs (p6..p11).

    Customers stay in one and come every week for two products; those of even number buy mugs.
    """
    lanterns, mugs = category("lanterns"), category("mugs")
    shelf: list[Product] = []
    for i in range(2 * size):
        world = lanterns if i < size else mugs
        kind = "Lantern" if i < size else "Mug"
        shelf.append(
            product(f"p{i}", title=f"{kind} number {i}", categories=[world], created_at=START + timedelta(days=i))
        )
    customers = Customer.objects.bulk_create(Customer(external_id=f"c{number}") for number in range(30))
    orders, lines = [], []
    for week in range(weeks):
        for number, customer in enumerate(customers):
            base = 0 if number % 2 else size
            first = (week + number) % size
            at = START + timedelta(days=7 * week, minutes=number)
            made = Order(external_id=f"w{week}-{number}", customer=customer, placed_at=at, currency="EUR")
            orders.append(made)
            lines.extend(
                OrderLine(
                    external_id=f"{made.external_id}-{i}",
                    order=made,
                    product=shelf[i],
                    product_external_id=f"p{i}",
                    quantity=1,
                    unit_price=10,
                    placed_at=at,
                )
                for i in (base + first, base + (first + 1) % size)
            )
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(lines)


def fashionable_shop() -> None:
    """A product comes in every three days; every four weeks each of 120 customers buys two that came in lately.

    Company alone cannot say what is new: an order of the candidates by their age is worth learning.
    """
    from django_ecomai.ml.frames import Interactions
    from tests.ml.ranking.factories import EVERY, ITEMS, fashion_shop

    bought: Interactions = fashion_shop(120)
    first = START - timedelta(days=300)
    shelf = Product.objects.bulk_create(
        Product(
            external_id=f"p{i}",
            title=f"Thing {i} of kind {i % 7}",
            price=10,
            currency="EUR",
            created_at=first + timedelta(days=EVERY * i),
        )
        for i in range(ITEMS)
    )
    customers = Customer.objects.bulk_create(Customer(external_id=f"c{number}") for number in range(120))
    began = int(bought.times[0]) - int(bought.times[0]) % 86_400
    orders, lines = [], []
    for row in range(len(bought)):
        at = first + timedelta(seconds=int(bought.times[row]) - began, days=10)
        made = Order(external_id=f"o{row}", customer=customers[bought.users[row]], placed_at=at, currency="EUR")
        orders.append(made)
        lines.append(
            OrderLine(
                external_id=f"l{row}",
                order=made,
                product=shelf[bought.items[row]],
                product_external_id=f"p{bought.items[row]}",
                quantity=1,
                unit_price=10,
                placed_at=at,
            )
        )
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(lines)


class MirrorShop(ShopAdapter):
    """A shop whose own objects are the mirror's rows: one query, as an adapter should need."""

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        return {one.external_id: one for one in Product.objects.filter(external_id__in=ids)}

    def product_id(self, obj: Any) -> str:
        return str(getattr(obj, "external_id", obj))

    def category_id(self, obj: Any) -> str:
        return str(getattr(obj, "external_id", obj))

    def customer_id(self, user: Any) -> str | None:
        return f"c{user.pk}"


class BrokenShop(MirrorShop):
    """An adapter whose shop is down."""

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        raise RuntimeError("the shop's catalogue is down")


class ForgetfulShop(MirrorShop):
    """A shop that has just deleted its product p1, and the mirror does not know yet."""

    def resolve(self, ids: Sequence[str]) -> dict[str, Any]:
        return {key: value for key, value in super().resolve(ids).items() if key != "p1"}


def page(path: str = "/", **cookies: str) -> Any:
    """A request as a template sees it, with a visitor who agreed to everything."""
    request = RequestFactory().get(path)
    request.COOKIES.update(cookies)
    return request
