"""The lowest price of the thirty days before a price reduction began, from a product's price history.

Directive 98/6/EC, Article 6a (as Directive (EU) 2019/2161 put it), with the Commission's guidance 2021/C 526/02:

- A reduction is announced while the price stands below a list price, or while a promotion runs for the product.
- It counts from its first step as long as each step lowers the price within one campaign (paragraph 5): the promotions
  stay the same, or the price does. A step up, or another price with other promotions, begins another reduction, whose
  thirty days hold the lower price: a reduction cannot be renewed by raising the price for a day. Where no promotion
  says how long the campaign is, a step belongs to it only within thirty days of the step before: else it is another.
- The thirty days are calendar days in the shop's time zone: from midnight of the thirtieth day before to the moment at
  which the reduction began. Prices of earlier reductions in them count, those of the running one do not.
- On sale for fewer than thirty days: what is known since then counts (paragraph 4).
- Two reductions within a minute of each other (23:59:59 and 00:00:00) are one; a list price that follows its price
  within a minute has come with it.

A shop lowers the price itself for a promotion, or takes it off in the cart. Where it says which (``included``), its
prices are read so; where it does not:

- The price has it already where, when it began, the price fell by what it takes off (to a hundredth of the price). A
  price lowered so up to a quarter of an hour before is the promotion, begun by then.
- It comes off in the cart where the price is neither below its list price nor below what it was before the promotion.
- Else both are possible: the lower price counts among the thirty days, and a reduction goes on only if it does so
  either way.

No Django and no I/O: the caller gives the history of one product in one currency. What comes back is in UTC: moments
of one zone are compared several times faster than those of two. Time grows with the steps and promotions together, not
with their product: one sweep with the promotions that run, and one window that only moves forward.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from heapq import heappop, heappush

DAYS = 30
SAME = timedelta(minutes=1)
# A shop's clock lowers prices a little before the promotion that it is for.
AHEAD = timedelta(minutes=15)
# Prices are rounded: so much of the price before may be missing from what a promotion takes off.
_ROUNDED = Decimal("0.01")
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Step:
    """Price and list price from a moment on; ``price`` is ``None`` while the product had none.

    Without ``told`` the list price is not known: nobody said that there was none.
    """

    at: datetime
    price: Decimal | None
    list_price: Decimal | None = None
    told: bool = True


@dataclass(frozen=True, slots=True)
class Offer:
    """A promotion for the product, ``starts <= t < ends``; what it takes off may be unknown."""

    starts: datetime
    ends: datetime | None = None
    percent: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """One announced reduction, ``began <= t < ended``; ``price`` is that of its first step.

    ``lowest`` is the lowest price of the thirty days before it, ``None`` when no price before it is known;
    ``known_since`` is where the history begins.
    """

    began: datetime
    ended: datetime | None
    price: Decimal
    list_price: Decimal | None
    lowest: Decimal | None
    known_since: datetime


@dataclass(slots=True)
class Span:
    """A stretch of time in which nothing changed; ``price`` is what was asked, promotions included.

    ``least`` is what was asked if every promotion of which that is unsure came off in the cart. ``offers`` are the
    promotions that ran, by their places among those given.
    """

    begin: datetime
    end: datetime | None
    price: Decimal | None
    least: Decimal | None
    list_price: Decimal | None
    reduced: bool
    offers: frozenset[int] = frozenset()


def spans(
    steps: Sequence[Step], offers: Sequence[Offer] = (), *, included: bool | None = None, cent: Decimal = CENT
) -> list[Span]:
    """The history as stretches in the order of time. ``steps`` are so, too; of one moment the last counts.

    ``included``: whether prices have their promotions in them, None: nobody says. ``cent``: the smallest amount of the
    currency, to which what a promotion leaves of a price is rounded.
    """
    if not steps:
        return []
    steps = _settled(_told([_in_utc(step) for step in steps]))
    first = steps[0].at
    moments = [step.at for step in steps]
    begun = [(offer, None) if included is False else _begun(steps, moments, offer, cent) for offer in offers]
    ends = [offer.ends.astimezone(UTC) for offer in offers if offer.ends is not None]
    cuts = sorted({*moments, *(at for at in (*(one.starts for one, _before in begun), *ends) if at > first)})
    coming = sorted(range(len(begun)), key=lambda at: begun[at][0].starts, reverse=True)
    running: dict[int, tuple[Offer, Decimal | None]] = {}
    ending: list[tuple[datetime, int]] = []
    found, place = [], -1
    for index, begin in enumerate(cuts):
        while place + 1 < len(steps) and moments[place + 1] <= begin:
            place += 1
        while coming and begun[coming[-1]][0].starts <= begin:
            at = coming.pop()
            running[at] = begun[at]
            if (until := begun[at][0].ends) is not None:
                heappush(ending, (until, at))
        while ending and ending[0][0] <= begin:
            del running[heappop(ending)[1]]
        end = cuts[index + 1] if index + 1 < len(cuts) else None
        found.append(_span(steps[place], running, begin, end, included, cent))
    return found


def _in_utc(step: Step) -> Step:
    return step if step.at.tzinfo is UTC else replace(step, at=step.at.astimezone(UTC))


def _told(steps: Sequence[Step]) -> list[Step]:
    """A list price that was not told is that of a neighbour at the same price, the one before first; else the last."""
    after: list[Step | None] = [None] * len(steps)  # the next one that was told, or has another price
    for index in range(len(steps) - 2, -1, -1):
        coming = steps[index + 1]
        after[index] = coming if coming.told or coming.price != steps[index].price else after[index + 1]
    found: list[Step] = []
    for step, other in zip(steps, after, strict=True):
        last = found[-1] if found else None
        if step.told:
            found.append(step)
        elif not (last is not None and last.price == step.price) and (
            other is not None and other.told and other.price == step.price
        ):
            found.append(replace(step, list_price=other.list_price))
        else:
            found.append(replace(step, list_price=last.list_price if last is not None else None))
    return found


def _settled(steps: Sequence[Step]) -> list[Step]:
    """A list price that follows its price within a minute has come with it: shops write one after the other."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last is not None and last.price == step.price and step.at - last.at <= SAME:
            found[-1] = replace(last, list_price=step.list_price)
        else:
            found.append(step)
    return found


def _begun(
    steps: Sequence[Step], moments: Sequence[datetime], offer: Offer, cent: Decimal
) -> tuple[Offer, Decimal | None]:
    """The promotion with the moment at which it truly began, and the price just before it; ``None``: not known."""
    starts = offer.starts.astimezone(UTC)
    if offer.starts.tzinfo is not UTC or (offer.ends is not None and offer.ends.tzinfo is not UTC):
        offer = replace(offer, starts=starts, ends=None if offer.ends is None else offer.ends.astimezone(UTC))
    last = bisect_left(moments, starts) - 1
    if last < 0:
        return offer, None
    price = steps[last].price
    for place in range(last, 0, -1):
        if moments[place] < starts - AHEAD:
            break
        before = steps[place - 1].price
        if price is not None and before is not None and _covers(offer, before, price, cent):
            return replace(offer, starts=moments[place]), before
    return offer, price


def _covers(offer: Offer, before: Decimal, price: Decimal, cent: Decimal) -> bool:
    """Whether a price is lower than before by what the promotion takes off."""
    return price < before and price <= _after(offer, before, cent) + before * _ROUNDED


def _span(
    step: Step,
    running: Mapping[int, tuple[Offer, Decimal | None]],
    begin: datetime,
    end: datetime | None,
    included: bool | None,
    cent: Decimal,
) -> Span:
    price, listed = step.price, step.list_price
    if price is None or price <= 0:
        return Span(begin, end, None, None, listed, reduced=False)
    below = listed is not None and price < listed
    asked = least = price
    for offer, before in running.values():
        fallen = before is not None and price < before
        if included or (included is None and before is not None and _covers(offer, before, price, cent)):
            continue
        least = min(least, _after(offer, price, cent))
        if included is False or (not below and not fallen):
            asked = min(asked, _after(offer, price, cent))
    return Span(begin, end, asked, least, listed, reduced=below or bool(running), offers=frozenset(running))


def _after(offer: Offer, price: Decimal, cent: Decimal) -> Decimal:
    return _lowered(price, offer.percent, offer.amount, cent)


@lru_cache(maxsize=10_000)  # a history asks for the same few again and again
def _lowered(price: Decimal, percent: Decimal | None, amount: Decimal | None, cent: Decimal) -> Decimal:
    if percent is not None:
        price = price * (1 - percent / 100)
    elif amount is not None:
        price = price - amount
    return max(price, Decimal(0)).quantize(cent, ROUND_HALF_UP)


def reductions(
    steps: Sequence[Step],
    offers: Sequence[Offer] = (),
    *,
    zone: tzinfo,
    included: bool | None = None,
    cent: Decimal = CENT,
) -> list[Reduction]:
    """Every announced reduction of the history, in the order of time; those of coming promotions as well."""
    line = spans(steps, offers, included=included, cent=cent)
    runs = list(_runs(line, zone))
    lows = _lows(line, [first.begin for first, _last in runs], zone)
    return [
        Reduction(
            began=first.begin,
            ended=last.end,
            price=first.price or Decimal(0),
            list_price=first.list_price,
            lowest=low,
            known_since=line[0].begin,
        )
        for (first, last), low in zip(runs, lows, strict=True)
    ]


def _runs(line: Sequence[Span], zone: tzinfo) -> Iterator[tuple[Span, Span]]:
    """First and last stretch of each reduction: without a pause, each a step of the same campaign."""
    first = last = None
    stepped = None  # when the price last changed within the reduction
    for span in line:
        if not span.reduced or span.price is None:
            continue
        moved = last is None or (span.price, span.least) != (last.price, last.least)
        if last is None or not _follows(last, span) or (moved and not _is_step(last, span, stepped, zone)):
            if first is not None and last is not None:
                yield first, last
            first, moved = span, True
        if moved:
            stepped = span.begin
        last = span
    if first is not None and last is not None:
        yield first, last


def _follows(last: Span, span: Span) -> bool:
    return last.end is not None and span.begin - last.end <= SAME


def _is_step(last: Span, span: Span, stepped: datetime | None, zone: tzinfo) -> bool:
    """Whether a price lowers the one before within its campaign, whose last step was at ``stepped``."""
    if last.price is None or last.least is None or span.price is None or span.least is None:
        return False
    if span.offers != last.offers or span.price > last.price or span.least > last.least:
        return False
    return bool(span.offers) or (stepped is not None and stepped >= window_begin(span.begin, zone=zone))


def window_begin(moment: datetime, *, zone: tzinfo) -> datetime:
    """Midnight, in the shop's time zone, of the thirtieth day before ``moment``; in UTC."""
    day = moment.astimezone(zone).date() - timedelta(days=DAYS)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def is_settled_by(one: Reduction, moment: datetime, *, zone: tzinfo) -> bool:
    """Whether promotions that had ended by a moment cannot be seen in a reduction: neither in its thirty days nor in
    what it goes on from."""
    return window_begin(one.began, zone=zone) > moment + SAME


def lowest_in(line: Sequence[Span], moment: datetime, *, zone: tzinfo) -> Decimal | None:
    """The lowest price asked in the thirty days before ``moment``; ``None`` when none is known."""
    return next(_lows(line, [moment.astimezone(UTC)], zone))


def _lows(line: Sequence[Span], moments: Iterable[datetime], zone: tzinfo) -> Iterator[Decimal | None]:
    """The lowest price asked in the thirty days before each moment, which come in the order of time."""
    window: deque[tuple[Decimal, datetime | None]] = deque()  # prices that rise, each with when it ended
    at = 0
    for moment in moments:
        while at < len(line) and line[at].begin < moment:
            least = line[at].least
            if least is not None:
                while window and window[-1][0] >= least:
                    window.pop()
                window.append((least, line[at].end))
            at += 1
        begin = window_begin(moment, zone=zone)
        while window and (end := window[0][1]) is not None and end <= begin:
            window.popleft()
        yield window[0][0] if window else None
