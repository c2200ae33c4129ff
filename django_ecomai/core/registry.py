"""Registries: how a lower layer or a peer reaches what a higher one offers, without importing it.

An app fills them in ``ready()``; an app that is not installed is simply absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Registry(Generic[T]):
    """Named things in order of registration. Registering a name twice is an error unless it is the same object."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._items: dict[str, T] = {}

    def register(self, name: str, item: T) -> T:
        """Add ``item``; raises ``ValueError`` when another object holds that name."""
        if name in self._items and self._items[name] is not item:
            raise ValueError(f"A {self.what} named {name!r} is registered already.")
        self._items[name] = item
        return item

    def get(self, name: str) -> T:
        """The item of that name; raises ``LookupError`` naming what exists."""
        try:
            return self._items[name]
        except KeyError:
            known = ", ".join(sorted(self._items)) or "none"
            raise LookupError(f"No {self.what} named {name!r}. Registered: {known}.") from None

    def items(self) -> Iterator[tuple[str, T]]:
        """Pairs of name and item."""
        return iter(list(self._items.items()))

    def names(self) -> list[str]:
        """Names in order of registration."""
        return list(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def unregister(self, name: str) -> None:
        """Forget a name; unknown names are ignored."""
        self._items.pop(name, None)


@dataclass(frozen=True)
class JobKind:
    """A kind of heavy work that ``runs`` can execute.

    ``execute(context)`` receives a ``runs.services.RunContext``; ``label`` is what a merchant reads. ``page`` names the
    admin page that shows what came of it, for the link on the page of a run. ``log_words`` puts a line of the log,
    without its time, into the language of who reads it.
    """

    execute: Callable[[Any], None]
    label: Any
    help: Any = ""
    schedule: str = ""  # crontab, e.g. "15 3 * * *"; empty: never by schedule
    per_channel: bool = True  # False: one run serves all shops of an installation
    page: str = ""
    log_words: Callable[[str], str] | None = None


@dataclass(frozen=True)
class PersonalData:
    """What an app stores about a person; the privacy capability exports, erases and looks for it through this.

    ``export(subject)`` yields JSON-ready dicts, ``erase(subject)`` returns how many rows it changed or deleted, 0 when
    nothing is left: models may have learnt from whatever was found. ``subject`` is a ``core.persons.Subject``.
    ``columns`` names the tables (``"app_label.Model"``) and in each the lookups that say whose a row is:
    ``"customer"``, ``"visitor"``, ``"user"`` or ``"email"``; ``""`` for a column that tells nothing without those
    beside it. A row that names another customer is not his for a visitor or an e-mail address. ``search(subject)``
    yields what is left where columns cannot say it. ``explanation`` and ``kept`` (how long) are read by the person
    himself. ``derived``: worked out about him, so an objection deletes it too; ``staff``: of employees at work, not of
    shoppers.
    """

    label: Any
    purpose: Any
    export: Callable[[Any], Iterator[dict[str, Any]]]
    erase: Callable[[Any], int]
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    explanation: Any = ""
    kept: Callable[[], str] | None = None
    search: Callable[[Any], Iterator[str]] | None = None
    derived: bool = False
    staff: bool = False


@dataclass(frozen=True)
class Refusals:
    """Who must not be stored, or not be used for a purpose; ask through ``core.persons``.

    ``exact(channel, persons, purpose)`` asks the database: which pairs of kind and id are refused. ``quick(channel,
    persons)`` may be some seconds old and costs a page no query: the purposes refused, ``""`` for all,
    ``core.persons.UNKNOWN`` when it cannot be told.
    """

    exact: Callable[[str, Iterable[tuple[str, str]], str], set[tuple[str, str]]]
    quick: Callable[[str, Iterable[tuple[str, str]]], frozenset[str]]


@dataclass(frozen=True)
class CustomerFeature:
    """Something derived about customers, for the customer's page in the admin and for segments.

    ``shown(channel, customer_id)`` returns what a merchant reads, a line each; ``values(channel=, customer_ids=)``
    returns pairs of key and number per customer, those without any left out.
    """

    label: Any
    shown: Callable[[str, str], list[str]]
    values: Callable[..., dict[str, list[tuple[str, float]]]]


@dataclass(frozen=True)
class ProductPanel:
    """Something that is known of a product, for the product's page in the admin.

    ``shown(product)`` receives a mirror ``Product`` and returns what a merchant reads, as text or safe HTML; empty
    where nothing is known.
    """

    label: Any
    shown: Callable[[Any], str]


@dataclass(frozen=True)
class CustomerSegments:
    """Groups of customers, for what is told per segment: ``members(channel)`` returns the shop's customer ids by the
    segment's name. A customer may be in several.
    """

    label: Any
    members: Callable[[str], dict[str, list[str]]]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: how something stands and what to type or click next."""

    level: str  # "ok" | "info" | "warning" | "error"
    title: Any
    detail: Any = ""
    next_step: Any = ""
    url_name: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Period:
    """What the start page looks at: from ``since`` (``None``: all data) to before ``until``, in one channel."""

    channel: str
    days: int | None
    since: datetime | None
    until: datetime


@dataclass(frozen=True)
class Card:
    """A panel on the merchant's start page.

    ``context(request)`` returns what ``template`` shows; the chosen ``Period`` is ``request.ecomai_period``. Shown
    to users who have ``permission`` (``"app_label.codename"``; empty: all who see the page), ordered by ``order``.
    ``of_period``: whether what it shows depends on that period, whose name then stands beside the title.
    """

    title: Any
    template: str
    context: Callable[[Any], dict[str, Any]]
    permission: str = ""
    order: int = 100
    of_period: bool = True


@dataclass(frozen=True)
class Strategy:
    """A way of choosing products for a carousel.

    ``candidates(query, n)`` receives a ``recommend.query.Query`` and yields up to ``n`` ``recommend.query.Candidate``,
    best first; it makes no database query. ``source`` asks for the shop's ``"newest"`` products instead, which come
    with the query that every page makes anyway: also ``"reduced"`` (the deepest reductions) and ``"words"`` (titles
    near the words of the query). ``fill`` tops up a short list with what is popular; ``personal`` says that the answer
    depends on who asks; ``about_product`` that it needs a product or a cart; ``shows_cart`` that it may show what lies
    in the visitor's cart. ``accept(card, about)`` is asked of every product once its ``recommend.catalogue.Card`` is
    there, ``about`` being those of the products on the page. ``title`` is the heading when a page asks for the strategy
    itself (default: the label); ``{product}`` in a heading becomes the one product that the list is about
    (``names_product``).
    """

    label: Any
    help: Any
    candidates: Callable[[Any, int], Any]
    source: str = ""
    fill: bool = True
    personal: bool = False
    about_product: bool = False
    shows_cart: bool = False
    names_product: bool = False
    title: Any = ""
    accept: Callable[[Any, Any], bool] | None = None


job_kinds: Registry[JobKind] = Registry("job kind")
doctor_checks: Registry[Callable[[], list[Finding]]] = Registry("doctor check")
dashboard_cards: Registry[Card] = Registry("dashboard card")
personal_data: Registry[PersonalData] = Registry("personal data declaration")
refusals: Registry[Refusals] = Registry("list of refusals")
# ``(request) -> [(title, address, reason)]``: what this visitor would be shown now, and why.
suggestion_reasons: Registry[Callable[[Any], list[tuple[str, str, str]]]] = Registry("explanation of suggestions")
customer_features: Registry[CustomerFeature] = Registry("customer feature")
product_panels: Registry[ProductPanel] = Registry("panel of a product")
customer_segments: Registry[CustomerSegments] = Registry("set of customer segments")
strategies: Registry[Strategy] = Registry("strategy")
# ``(channel) -> {product id: factor}``: above 1 a product stands earlier in recommendations, below 1 later. Asked
# within a shop's request, at most once a minute: whoever queries does so ``core.db.shielded``.
product_weights: Registry[Callable[[str], Mapping[str, float]]] = Registry("product weight")
# ``(channel, product keys) -> {product key: price elasticity}``, of the products that it is known of: by how many per
# cent demand changes when the price rises by one (below 0).
price_elasticities: Registry[Callable[[str, Sequence[int]], Mapping[int, float]]] = Registry("price elasticity")
prunes: Registry[Callable[[], int]] = Registry("prune")  # each deletes what is too old and returns how many rows
# Short work of every minute, wherever a scheduler runs: each ends within half a minute and raises nothing.
minutely: Registry[Callable[[], object]] = Registry("work of every minute")
