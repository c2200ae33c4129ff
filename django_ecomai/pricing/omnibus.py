"""The lowest price of the thirty days before a price reduction began, from a product's price history.

Directive 98/6/EC, Article 6a (as Directive (EU) 2019/2161 put it), with the Commission's guidance 2021/C 526/02:

- A reduction is announced while the price stands below a list price, or while a promotion runs for the product.
- It counts from its first step as long as each step lowers the price (paragraph 5). A step up begins another one, whose
  thirty days hold the lower price: a reduction cannot be renewed by raising the price for a day.
- The thirty days are calendar days in the shop's time zone: from midnight of the thirtieth day before to the moment at
  which the reduction began. Prices of earlier reductions in them count, those of the running one do not.
- On sale for fewer than thirty days: what is known since then counts (paragraph 4).
- Two reductions within a minute of each other (23:59:59 and 00:00:00) are one; a list price that follows its price
  within a minute has come with it.

No Django and no I/O: the caller gives the history of one product in one currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal

DAYS = 30
SAME = timedelta(minutes=1)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Step:
    """Price and list price from a moment on; ``price`` is ``None`` while the product had none."""

    at: datetime
    price: Decimal | None
    list_price: Decimal | None = None


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


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which nothing changed; ``price`` is what was asked, promotions included."""

    begin: datetime
    end: datetime | None
    price: Decimal | None
    list_price: Decimal | None
    reduced: bool


def spans(steps: Sequence[Step], offers: Sequence[Offer] = ()) -> list[Span]:
    """The history as stretches in the order of time. ``steps`` are so, too; of one moment the last counts."""
    if not steps:
        return []
    steps = _settled(steps)
    moments = {step.at for step in steps}
    for offer in offers:
        moments |= {moment for moment in (offer.starts, offer.ends) if moment is not None and moment > steps[0].at}
    cuts = sorted(moments)
    found, place = [], -1
    for index, begin in enumerate(cuts):
        while place + 1 < len(steps) and steps[place + 1].at <= begin:
            place += 1
        step = steps[place]
        running = [one for one in offers if one.starts <= begin and (one.ends is None or begin < one.ends)]
        end = cuts[index + 1] if index + 1 < len(cuts) else None
        found.append(_span(steps, step, running, begin, end))
    return found


def _settled(steps: Sequence[Step]) -> list[Step]:
    """A list price that follows its price within a minute has come with it: shops write one after the other."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if last is not None and last.price == step.price and step.at - last.at <= SAME:
            found[-1] = Step(last.at, step.price, step.list_price)
        else:
            found.append(step)
    return found


def _span(steps: Sequence[Step], step: Step, running: Sequence[Offer], begin: datetime, end: datetime | None) -> Span:
    price, listed = step.price, step.list_price
    if price is None or price <= 0:
        return Span(begin, end, None, listed, reduced=False)
    below = listed is not None and price < listed
    asked = price
    for offer in running:
        # Shops either lower the price itself or take the promotion off in the cart: never count it twice.
        if not below and not _in_the_price(steps, offer, price):
            asked = min(asked, _after(offer, price))
    return Span(begin, end, asked, listed, reduced=below or bool(running))


def _in_the_price(steps: Sequence[Step], offer: Offer, price: Decimal) -> bool:
    """Whether the price had been higher just before the promotion began."""
    before = [step.price for step in steps if step.at < offer.starts]
    last = before[-1] if before else None
    return last is not None and price < last


def _after(offer: Offer, price: Decimal) -> Decimal:
    if offer.percent is not None:
        price = price * (1 - offer.percent / 100)
    elif offer.amount is not None:
        price = price - offer.amount
    return max(price, Decimal(0)).quantize(_CENT, ROUND_HALF_UP)


def reductions(steps: Sequence[Step], offers: Sequence[Offer] = (), *, zone: tzinfo) -> list[Reduction]:
    """Every announced reduction of the history, in the order of time; those of coming promotions as well."""
    line = spans(steps, offers)
    return [
        Reduction(
            began=run[0].begin,
            ended=run[-1].end,
            price=run[0].price or Decimal(0),
            list_price=run[0].list_price,
            lowest=lowest_in(line, run[0].begin, zone=zone),
            known_since=line[0].begin,
        )
        for run in _runs(line)
    ]


def _runs(line: Sequence[Span]) -> Iterator[list[Span]]:
    """Stretches that are one reduction: without a pause, each no dearer than the one before."""
    run: list[Span] = []
    for span in line:
        if not span.reduced or span.price is None:
            continue
        last = run[-1] if run else None
        if (
            last is not None
            and last.price is not None
            and last.end is not None
            and span.begin - last.end <= SAME
            and span.price <= last.price
        ):
            run.append(span)
            continue
        if run:
            yield run
        run = [span]
    if run:
        yield run


def window_begin(moment: datetime, *, zone: tzinfo) -> datetime:
    """Midnight, in the shop's time zone, of the thirtieth day before ``moment``."""
    day = moment.astimezone(zone).date() - timedelta(days=DAYS)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def lowest_in(line: Sequence[Span], moment: datetime, *, zone: tzinfo) -> Decimal | None:
    """The lowest price asked in the thirty days before ``moment``; ``None`` when none is known."""
    begin = window_begin(moment, zone=zone)
    return min(
        (
            span.price
            for span in line
            if span.price is not None and span.begin < moment and (span.end is None or span.end > begin)
        ),
        default=None,
    )
