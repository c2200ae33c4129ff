"""Orders, behaviour and catalogue as arrays for training. Streams; strings are turned into numbers while they pass."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils.translation import gettext as _

from django_ecomai.core.beside import beside
from django_ecomai.core.charts import format_value
from django_ecomai.events.behaviour import behaviour_of, dismissals_standing
from django_ecomai.events.log_store import Reading, log_read
from django_ecomai.events.models import Event, EventName, VisitorIdentity
from django_ecomai.mirror.columns import customer_names, order_names, product_names, sale_columns
from django_ecomai.mirror.models import Category
from django_ecomai.mirror.selectors import catalogue_rows, return_exists, return_rows

from .contexts import ContextColumns, read_countries, read_views
from .ratings import stars_read
from .weights import DWELL_FULL_SECONDS, PURCHASE, feedback_weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.contexts import Contexts
    from django_ecomai.ml.frames import Catalogue, IdMap, Interactions

_GUEST = "order:"
# From this share of what was bought on, a return takes the purchase back; less of it leaves the wish standing.
_SENT_BACK = 0.5
_TYPES = {"i": np.int32, "q": np.int64, "f": np.float32}


@dataclass
class Dataset:
    """Everything that training reads. ``until`` is the last moment in the data (epoch seconds, -1 without any): the
    "now" of popularity. ``interactions`` hold what stands; ``refused`` what was waved away or sent back; ``contexts``
    under which circumstances products were met; ``user_names`` who is behind a user index, never stored.
    """

    interactions: Interactions
    item_ids: IdMap
    catalogue: Catalogue
    category_parents: dict[str, str]
    variants: dict[str, str]
    until: int = -1
    counts: dict[str, int] = field(default_factory=dict)
    #: How many events were read from the database, and how many there are with those kept since the last training.
    events_read: tuple[int, int] = (0, 0)
    user_names: list[str] = field(default_factory=list, repr=False)
    refused: Interactions | None = None
    contexts: Contexts | None = None
    #: who -> user of the interactions; in memory only, never in an artifact
    people: dict[str, int] = field(default_factory=dict)

    @property
    def data_until(self) -> datetime | None:
        """``until`` as an aware datetime."""
        return datetime.fromtimestamp(self.until, UTC) if self.until >= 0 else None


@dataclass
class _Columns:
    """Interactions as they stream in; strings are numbered in order of appearance."""

    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    user: array[int] = field(default_factory=lambda: array("i"))
    item: array[int] = field(default_factory=lambda: array("i"))
    basket: array[int] = field(default_factory=lambda: array("q"))
    time: array[int] = field(default_factory=lambda: array("q"))
    weight: array[float] = field(default_factory=lambda: array("f"))

    def add(self, user: str, item: str, at: float, weight: float) -> None:
        self.user.append(self.users.setdefault(user, len(self.users)))
        self.item.append(self.items.setdefault(item, len(self.items)))
        self.basket.append(-1)
        self.time.append(int(at))
        self.weight.append(weight)

    def add_many(
        self,
        users: tuple[NDArray[np.int32], list[str]],
        items: tuple[NDArray[np.int32], list[str]],
        at: NDArray[np.int64],
        weights: NDArray[np.floating],
        baskets: NDArray[np.integer] | None = None,
    ) -> None:
        """Rows in no basket or in ``baskets``; users and items as codes into a list of names."""
        self.user.frombytes(_numbered(self.users, *users).tobytes())
        self.item.frombytes(_numbered(self.items, *items).tobytes())
        basket = np.full(len(at), -1) if baskets is None else baskets
        self.basket.frombytes(basket.astype(np.int64).tobytes())
        self.time.frombytes(at.tobytes())
        self.weight.frombytes(weights.astype(np.float32).tobytes())

    def forget_guests_if_few(self) -> int:
        """Drop one-time visitors unless they are the majority of the lines; returns how many lines went.

        Measured on a real shop (a quarter of its lines): they dilute what returning customers teach.
        """
        names = list(self.users)
        guest = np.array([name.startswith(_GUEST) for name in names], dtype=bool)
        if not names or not self.user:
            return 0
        of_guest = guest[np.frombuffer(self.user, dtype=np.int32)]
        dropped = int(of_guest.sum())
        if not dropped or dropped * 2 > len(of_guest):
            return 0
        for name in ("user", "item", "basket", "time", "weight"):
            column = getattr(self, name)
            kept = np.frombuffer(column, dtype=_TYPES[column.typecode])[~of_guest]
            setattr(self, name, array(column.typecode, kept.tobytes()))
        return dropped


def _numbered(known: dict[str, int], codes: NDArray[np.int32], names: list[str]) -> NDArray[np.int32]:
    """The names' numbers in ``known``, which takes up new ones in order of appearance."""
    first = np.full(len(names), len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    place = np.zeros(max(len(names), 1), dtype=np.int32)
    for code in np.argsort(first, kind="stable")[: int((first < len(codes)).sum())].tolist():
        place[code] = known.setdefault(names[code], len(known))
    return place[codes]


def dataset_read(
    channel: str, *, progress: Callable[[float, str], None] | None = None, until: datetime | None = None
) -> Dataset:
    """Read the mirror and the event log of a channel, up to ``until`` (default: everything).

    Variants count as the product they belong to. A purchase comes from its order line only. An order without a
    customer belongs to its visitor when the purchase event names one; else it is left out, unless most lines are such:
    then each of these orders counts as a one-time visitor. Products that are gone stay in the data as company of
    others and are never recommended. A return of (at least half of) a purchase takes it back, a removal from the cart
    the addition, and what was waved away is no positive example whatever came before it. What is settled so stays
    settled for the test of models, too: a purchase that came back later is nobody's success.
    """
    tell = progress or (lambda fraction, message: None)
    tell(0.0, _("reading the catalogue"))
    with beside() as start:
        return _read(channel, start, until, tell)


def _read(
    channel: str,
    start: Callable[[Callable[[], Any]], Callable[[], Any]],
    until: datetime | None,
    tell: Callable[[float, str], None],
) -> Dataset:
    from django_ecomai.ml.frames import Catalogue, IdMap
    from django_ecomai.ml.recommend.feedback import settle

    log: Callable[[], Reading] = start(partial(log_read, channel=channel))
    products = _products(channel)
    variants = {product_id: facts.parent for product_id, facts in products.items() if facts.parent}
    columns, contexts = _Columns(), ContextColumns()
    returns = _read_orders(channel, columns, contexts, variants, until, tell)
    # After the log and after the orders, whose circumstances stand first; beside the settling of feedback.
    shelf_of = {one: facts.category for one, facts in products.items()}
    views_read = start(partial(read_views, channel, contexts, variants, shelf_of, until))
    lines = len(columns.user)
    unknown = columns.forget_guests_if_few()
    for who, item, at in returns:
        columns.add(who, item, at, -PURCHASE)
    said = len(columns.user)
    events_read = _read_behaviour(channel, log, columns, variants, until, tell)
    wanted = [one for one, facts in products.items() if not facts.parent]
    item_ids = IdMap.from_ids([*wanted, *columns.items])
    names = item_ids.decode(np.arange(len(item_ids)))
    place = np.zeros(max(len(columns.items), 1), dtype=np.int64)
    if columns.items:
        place[: len(columns.items)] = item_ids.encode(list(columns.items))
    feedback = settle(
        np.frombuffer(columns.user, dtype=np.int32) if columns.user else [],
        place[np.frombuffer(columns.item, dtype=np.int32)] if columns.item else [],
        np.frombuffer(columns.time, dtype=np.int64) if columns.time else [],
        np.frombuffer(columns.weight, dtype=np.float32) if columns.weight else [],
        baskets=np.frombuffer(columns.basket, dtype=np.int64) if columns.basket else [],
        n_users=len(columns.users),
        n_items=len(item_ids),
    )
    interactions = feedback.liked
    views_read()
    gone = _Facts()
    shelves = Category.objects.filter(channel=channel, parent__isnull=False).order_by("external_id")
    parents = dict(shelves.values_list("external_id", "parent__external_id"))
    facts_of = [products.get(name, gone) for name in names]
    stars = stars_read(channel=channel, variants=variants, until=until)
    catalogue = Catalogue.build(
        len(item_ids),
        title=[facts.title for facts in facts_of],
        description=[facts.description for facts in facts_of],
        category=[facts.category for facts in facts_of],
        brand=[facts.brand for facts in facts_of],
        price=[facts.price for facts in facts_of],
        active=[facts.active for facts in facts_of],
        created=[facts.created for facts in facts_of],
        category_path=[_path(facts.category, parents) for facts in facts_of],
        attributes=[facts.attributes for facts in facts_of],
        cost=[facts.cost for facts in facts_of],
        stock=[facts.stock for facts in facts_of],
        stars=[stars.get(name, np.nan) for name in names],
    )
    return Dataset(
        interactions=interactions,
        item_ids=item_ids,
        catalogue=catalogue,
        category_parents=parents,
        variants=dict(sorted(variants.items())),
        until=int(interactions.times[-1]) if len(interactions) else -1,
        people=columns.users,
        counts={
            "products": len(wanted),
            "products_on_sale": sum(facts.active for facts in facts_of),
            "customers": sum(1 for name in columns.users if not name.startswith(("visitor:", _GUEST))),
            "order_lines": lines,
            "order_lines_of_strangers_left_out": unknown,
            "events": len(columns.user) - said,
            "returns": len(returns),
            "refused": len(feedback.refused),
        },
        events_read=events_read,
        user_names=list(columns.users),
        refused=feedback.refused,
        contexts=contexts.built(item_ids),
    )


def _guests(channel: str) -> dict[str, str]:
    """Order -> person, for orders without a customer whose visitor is known from the purchase event."""
    known = VisitorIdentity.objects.filter(channel=channel).order_by("-linked_at", "-id")
    customers = dict(known.values_list("visitor_id", "customer_id"))  # the first link of a visitor wins
    events = Event.objects.filter(channel=channel, name=EventName.PURCHASE, is_bot=False)
    pairs = events.exclude(order_id="").exclude(visitor_id="").order_by("id").values_list("order_id", "visitor_id")
    return {order: customers.get(who) or f"visitor:{who}" for order, who in pairs.iterator(chunk_size=10_000)}


def _read_orders(
    channel: str,
    columns: _Columns,
    contexts: ContextColumns,
    variants: dict[str, str],
    until: datetime | None,
    tell: Callable[[float, str], None],
) -> list[tuple[str, str, float]]:
    """Add the order lines; returns what of it came back: person, product and when."""

    def read(number: int) -> None:
        tell(0.2, _("reading orders: %(number)s lines") % {"number": format_value(number)})

    lines = sale_columns(channel=channel, until=until, tell=read)
    orders, order = np.unique(lines.order, return_inverse=True)
    products, product = np.unique(lines.product, return_inverse=True)
    sold = product_names(products)
    countries = read_countries(channel)
    sent_back = list(return_rows(channel=channel, until=until))
    buyers, buyer = np.unique(lines.customer, return_inverse=True)
    customers = customer_names(buyers)
    anonymous = np.array([not name for name in customers], dtype=bool)[buyer]
    needed = np.ones(len(orders), dtype=bool)  # the names of all orders, if anything is known by them
    if not countries and not sent_back:
        needed[:] = False
        needed[order[anonymous]] = True
    names = dict(zip(np.flatnonzero(needed).tolist(), order_names(orders[needed]), strict=True))
    guests = _guests(channel) if anonymous.any() or any(not row[0] for row in sent_back) else {}
    people, who = _people(customers, buyer, order, anonymous, names, guests)
    items = [variants.get(one, one) for one in sold]
    columns.add_many(
        (who, people), (product.astype(np.int32), items), lines.at.astype(np.int64),
        np.full(len(lines), PURCHASE), order,
    )  # fmt: skip
    if countries:
        known = np.array([names[one] in countries for one in range(len(orders))], dtype=bool)
        for row in np.flatnonzero(known[order]).tolist():
            country = countries[names[int(order[row])]]
            contexts.add(items[product[row]], float(lines.at[row]), PURCHASE, {"country": country})
    returned: dict[tuple[str, str], float] = {}  # by order, else by customer: how many came back
    for customer, one, number, _at, _quantity in sent_back:
        returned[number or customer, one] = 0.0
    wanted = {one for _key, one in returned}
    for row in np.flatnonzero(np.array([one in wanted for one in sold], dtype=bool)[product]).tolist():
        for key in (names[int(order[row])], customers[buyer[row]]):
            if (key, sold[product[row]]) in returned:
                returned[key, sold[product[row]]] = float(lines.quantity[row])
    back = []
    for customer, one, number, at, quantity in sent_back:
        person = customer or guests.get(number, "")
        bought = returned[number or customer, one]
        if person and bought and quantity >= bought * _SENT_BACK:
            back.append((person, variants.get(one, one), at))
    return back


def _people(
    customers: list[str],
    buyer: NDArray[np.integer],
    order: NDArray[np.integer],
    anonymous: NDArray[np.bool_],
    names: Mapping[int, str],
    guests: Mapping[str, str],
) -> tuple[list[str], NDArray[np.int32]]:
    """Names and a code into them per line: the customer, else the order's visitor, else the order itself."""
    who = buyer.astype(np.int32)
    rows = np.flatnonzero(anonymous)
    if not len(rows):
        return customers, who
    own, place = np.unique(order[rows], return_inverse=True)
    known = [names[int(one)] for one in own]
    who[rows] = len(customers) + place
    return customers + [guests.get(name, "") or f"{_GUEST}{name}" for name in known], who


def _read_behaviour(
    channel: str,
    log_take: Callable[[], Reading],
    columns: _Columns,
    variants: dict[str, str],
    until: datetime | None,
    tell: Callable[[float, str], None],
) -> tuple[int, int]:
    tell(0.5, _("reading visits"))
    reading = log_take()
    said = _("reading visits: %(number)s events")
    tell(0.8, said % {"number": format_value(len(reading.columns))})
    log = behaviour_of(reading.columns.between(None, until), channel=channel)
    # A purchase is counted by its order line; the event only links it to a visit. Where the shop's own returns are
    # mirrored, its refund events tell the same again.
    silent = {"purchase", "refund"} if return_exists(channel=channel) else {"purchase"}
    base = np.array([0.0 if name in silent else feedback_weight(name) for name in log.names] or [0.0])
    weights = base[log.name] * dismissals_standing(log)
    timed = (weights > 0) & ~np.isnan(log.dwell)
    for code in np.unique(log.name[timed]).tolist():  # each length of stay once, longer ones count alike
        here = np.flatnonzero(timed & (log.name == code))
        stays, place = np.unique(np.minimum(log.dwell[here], DWELL_FULL_SECONDS), return_inverse=True)
        found = [feedback_weight(log.names[code], dwell_seconds=stay) for stay in stays.tolist()]
        weights[here] = np.array(found)[place]
    rows = np.flatnonzero(weights)
    products = [variants.get(product, product) for product in log.products]
    columns.add_many(
        (log.who[rows], log.people), (log.product[rows], products), log.at[rows].astype(np.int64), weights[rows]
    )
    return reading.new, len(reading.columns)


@dataclass(frozen=True)
class _Facts:
    """A product as training sees it; the defaults describe one that only old orders know."""

    title: str = ""
    description: str = ""
    category: str = ""
    brand: str = ""
    price: float = float("nan")
    active: bool = False
    created: int = -1
    parent: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)
    cost: float = float("nan")
    stock: float = float("nan")


def _path(category: str, parents: Mapping[str, str]) -> list[str]:
    """The ancestors of a category, from its parent up; a circle in the shop's tree ends it."""
    path: list[str] = []
    while (category := parents.get(category, "")) and category not in path:
        path.append(category)
    return path


def _products(channel: str) -> dict[str, _Facts]:
    """Every product by external id; the first of its categories stands for all."""
    return {
        row.external_id: _Facts(
            title=row.title,
            description=row.description,
            category=row.category_ids[0] if row.category_ids else "",
            brand=row.brand,
            price=float(row.price) if row.price is not None and row.price > 0 else float("nan"),
            active=row.is_active,
            created=int(row.created_at.timestamp()) if row.created_at else -1,
            parent=row.parent_id,
            attributes=row.attributes,
            cost=float(row.cost) if row.cost is not None and row.cost > 0 else float("nan"),
            stock=float(row.stock) if row.stock is not None else float("nan"),
        )
        for row in catalogue_rows(channel=channel)
    }
