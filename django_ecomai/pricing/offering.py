"""Quantity breaks and bundle prices of a part of the catalogue: what is read for them, and rows that are not saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.conf import ecomai
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_read, ledger_until

from .facts import product_facts
from .limits import limits_build
from .models import VolumeOffer
from .order_facts import OrderFacts, orders_read
from .reading import last_monday
from .rulebook import RuleBook

if TYPE_CHECKING:
    from django_ecomai.ml.pricing.volume import Offer

    from .baskets import Baskets

#: A line at no more than this share from today's price was bought at about today's price.
NEAR = 0.1
#: A quantity that more than this share of the lines reach would be a lower price for most: proposals weigh that up.
MOST_REACHED = 0.25
#: Bundles that a product is in at most.
BUNDLES = 3
#: Pairs of products that are looked at: those most often ordered together.
PAIRS = 5_000
#: Limits of change are about the price of one piece, which stays.
_OF_CHANGE = ("max_change_day", "max_change_week")


@dataclass(frozen=True, eq=False)
class OfferSetting:
    """What is the same for all products of a run: lines from ``since`` to before ``until``, both Mondays."""

    channel: str
    at: datetime
    since: date
    until: date
    orders: OrderFacts
    book: RuleBook
    run_number: int | None = None

    @classmethod
    def build(cls, *, channel: str, at: datetime, run_number: int | None = None) -> OfferSetting:
        """Reads the orders and the rules."""
        until = last_monday(ledger_until(channel=channel))
        since = until - timedelta(weeks=ecomai.PRICING_HISTORY_WEEKS)
        orders = orders_read(channel=channel, since=since, until=until)
        return cls(channel, at, since, until, orders, RuleBook(channel=channel, on=local_date(at)), run_number)

    def weeks(self, day: int) -> int:
        """Weeks from a day (counted from ``since``) until the end."""
        return max(-(-((self.until - self.since).days - day) // 7), 1)


@dataclass(slots=True)
class Priced:
    """A product that can be offered: money as floats, ``lowest`` is the least price that its limits allow for a piece.
    All hold the tax (a share of the net price), the cost too. ``lines`` at about today's price were found from day
    ``first`` on."""

    pk: int
    currency: str
    price: float
    cost: float
    lowest: float
    step: float
    elasticity: float
    sd: float
    tax: float = 0.0
    lines: int = 0
    first: int = 0


def sellable(
    *, channel: str, at: datetime, book: RuleBook, product_ids: Sequence[int]
) -> dict[int, Priced | tuple[str, dict[str, Any]]]:
    """What may be asked for a piece of the products on sale, by key, or why nothing can be said: a code of
    ``held.REASONS`` with what it names. Elasticities are left out."""
    facts = product_facts(
        channel=channel, product_ids=product_ids, at=at, horizon_days=1, stock_ages=book.needs_stock_ages
    )  # fmt: skip
    choices = [book.of(one) for one in facts]
    for choice in choices:
        for name in _OF_CHANGE:
            choice.limits.pop(name, None)
    floors = limits_build(facts, choices).floors().max(axis=1) if facts else np.empty(0)
    found: dict[int, Priced | tuple[str, dict[str, Any]]] = {}
    for one, choice, lowest in zip(facts, choices, floors.tolist(), strict=True):
        if one.price is None or one.price <= 0:
            found[one.pk] = ("price_missing", {})
        elif "cost_currency" in one.codes:
            found[one.pk] = ("cost_currency", {})
        elif one.cost is None:
            found[one.pk] = ("cost_missing", {})
        elif choice.codes:  # a least advertised price that cannot be read
            found[one.pk] = choice.codes[0]
        elif "in_test" in one.codes:
            found[one.pk] = ("in_test", {})
        else:
            cost, step = float(one.cost_taxed or 0), choice.limits["step"][0]
            found[one.pk] = Priced(
                one.pk, one.currency, float(one.price), cost, float(lowest), step, np.nan, np.nan, float(one.tax)
            )
    return found


def priced_products(
    setting: OfferSetting, elasticities: dict[int, tuple[float, float]]
) -> tuple[list[Priced], Counter[str]]:
    """Products by ascending key, and why others cannot be offered. ``elasticities``: mean and standard deviation."""
    found, reasons = [], Counter[str]()
    known = sellable(channel=setting.channel, at=setting.at, book=setting.book, product_ids=sorted(elasticities))
    for pk, one in known.items():
        if isinstance(one, Priced):
            one.elasticity, one.sd = elasticities[pk]
            found.append(one)
        else:
            reasons[one[0]] += 1
    return found, reasons


def breaks_of(setting: OfferSetting, priced: Sequence[Priced]) -> tuple[list[VolumeOffer], Counter[str]]:
    """The quantity breaks of these products that gain, and why others have none; sets their ``lines``."""
    from django_ecomai.ml.pricing.volume import quantity_break

    ledger = ledger_read(
        channel=setting.channel, since=setting.since, until=setting.until, products=[one.pk for one in priced]
    )
    codes = np.array([one.currency for one in priced], dtype=object)
    price = np.array([one.price for one in priced])
    place = setting.orders.places(ledger.order)
    paid = ledger.value / ledger.quantity
    fits = (place >= 0) & near(paid, price[ledger.product])
    fits[fits] = setting.orders.in_currency(place[fits], codes[ledger.product[fits]])
    order = np.flatnonzero(fits)
    order = order[np.argsort(ledger.product[order], kind="stable")]
    ends = np.searchsorted(ledger.product[order], np.arange(len(priced) + 1))
    found, reasons = [], Counter[str]()
    for at, one in enumerate(priced):
        mine = order[ends[at] : ends[at + 1]]
        one.lines = len(mine)
        one.first = int(ledger.day[mine].min()) if len(mine) else 0
        offer = quantity_break(
            ledger.quantity[mine], price=one.price, cost=one.cost, elasticity=one.elasticity, sd=one.sd,
            lowest=one.lowest, step=one.step, most_reached=MOST_REACHED,
        )  # fmt: skip
        if reason := _reason(offer):
            reasons[reason] += 1
        else:
            found.append(_row(setting, offer, one, None, lines=one.lines))
    return found, reasons


def bundles_of(
    setting: OfferSetting, priced: Sequence[Priced], baskets: Baskets, *, decided: Collection[tuple[int, int]] = ()
) -> tuple[list[VolumeOffer], Counter[str]]:
    """Bundles of pairs that were ordered together often enough and that gain, the best ``BUNDLES`` of each product;
    ``priced`` [k] as in ``baskets``. Pairs in ``decided`` do not count among these."""
    from django_ecomai.ml.pricing.volume import bundle_price

    found, reasons = [], Counter[str]()
    for first, second in _pairs(baskets):
        one, other = priced[first], priced[second]
        if one.currency != other.currency:
            reasons["mixed_currency"] += 1
            continue
        if one.tax != other.tax:
            reasons["mixed_tax"] += 1
            continue
        together = int(baskets.together[first, second])
        offer = bundle_price(
            together, int(baskets.without[first, second]), int(baskets.without[second, first]),
            price=(one.price, other.price), cost=(one.cost, other.cost), sd=(one.sd, other.sd),
            elasticity=(one.elasticity, other.elasticity), lowest=one.lowest + other.lowest,
            step=max(one.step, other.step),
        )  # fmt: skip
        if reason := _reason(offer):
            reasons[reason] += 1
        else:
            found.append(_row(setting, offer, one, other, lines=together))
    best, taken = [], Counter[int]()
    for row in sorted(found, key=lambda row: -row.gain):
        pair = row.product_id, row.other_id or 0
        if pair in decided:
            continue
        if max(taken[pair[0]], taken[pair[1]]) >= BUNDLES:
            reasons["better_bundles"] += 1
            continue
        taken.update(pair)
        best.append(row)
    return best, reasons


def near(paid: Any, price: Any) -> Any:
    """Whether prices [m] are about today's [m]."""
    return np.abs(paid / price - 1) <= NEAR + 1e-9


def _pairs(baskets: Baskets) -> Iterator[tuple[int, int]]:
    """Pairs in the order of their places, the most frequent ones where there are too many."""
    from django_ecomai.ml.pricing.volume import FEWEST_LINES

    first, second = np.nonzero(np.triu(baskets.together, 1) >= FEWEST_LINES)
    often = np.argsort(-baskets.together[first, second], kind="stable")[:PAIRS]
    for at in np.sort(often).tolist():
        yield int(first[at]), int(second[at])


def _reason(offer: Offer) -> str:
    """Why an offer is not made; also where a loss is likelier, or the caution of the settings leaves no gain."""
    if offer.reason:
        return offer.reason
    sure = offer.gain - ecomai.PRICING_CAUTION * offer.gain_sd > 0 and offer.gain_chance >= 0.5
    return "" if sure else "no_gain"


def _row(setting: OfferSetting, offer: Offer, one: Priced, other: Priced | None, *, lines: int) -> VolumeOffer:
    old, net = one.price + (other.price if other is not None else 0.0), 1 / (1 + one.tax)
    return VolumeOffer(
        channel=setting.channel,
        kind=VolumeOffer.Kind.BREAK if other is None else VolumeOffer.Kind.BUNDLE,
        product_id=one.pk,
        other_id=None if other is None else other.pk,
        break_of=one.pk if other is None else None,
        quantity=Decimal(str(round(offer.quantity, 3))),
        discount=offer.discount,
        price=Decimal(str(round(old * (1 - offer.discount), 4))),
        old_price=Decimal(str(round(old, 4))),
        gain=offer.gain * net,
        gain_low=offer.gain_low * net,
        gain_high=offer.gain_high * net,
        gain_chance=offer.gain_chance,
        currency=one.currency,
        lines=lines,
        weeks=setting.weeks(one.first if other is None else min(one.first, other.first)),
        made_at=setting.at,
        run_number=setting.run_number,
    )
