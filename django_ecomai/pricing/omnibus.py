"""The lowest price of the thirty days before a price reduction began, from a product's price history.

Directive 98/6/EC, Article 6a (as Directive (EU) 2019/2161 put it), with the Commission's guidance 2021/C 526/02:

- A reduction is announced while the price stands below a list price, or while a promotion runs for the product.
- It counts from its first step as long as each step lowers the price within one campaign (paragraph 5): the promotions
  stay the same, or the price does. A step up, or another price with other promotions, begins another reduction, whose
  thirty days hold the lower price: a reduction cannot be renewed by raising the price for a day.
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

No Django and no I/O: the caller gives the history of one product in one currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal

DAYS = 30
SAME = timedelta(minutes=1)
# A shop's clock lowers prices a little before the promotion that it is for.
AHEAD = timedelta(minutes=15)
# Prices are rounded: so much of the price before may be missing from what a promotion takes off.
_ROUNDED = Decimal("0.01")
_CENT = Decimal("0.01")


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


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in which nothing changed; ``price`` is what was asked, promotions included.

    ``least`` is what was asked if every promotion of which that is unsure came off in the cart. ``offers`` are the
    promotions that ran.
    """

    begin: datetime
    end: datetime | None
    price: Decimal | None
    least: Decimal | None
    list_price: Decimal | None
    reduced: bool
    offers: frozenset[Offer] = frozenset()


def spans(steps: Sequence[Step], offers: Sequence[Offer] = (), *, included: bool | None = None) -> list[Span]:
    """The history as stretches in the order of time. ``steps`` are so, too; of one moment the last counts.

    ``included``: whether prices have their promotions in them, None: nobody says.
    """
    if not steps:
        return []
    steps = _settled(_told(steps))
    begun = [(offer, None) if included is False else _begun(steps, offer) for offer in offers]
    moments = {step.at for step in steps}
    for offer, _before in begun:
        moments |= {moment for moment in (offer.starts, offer.ends) if moment is not None and moment > steps[0].at}
    cuts = sorted(moments)
    found, place = [], -1
    for index, begin in enumerate(cuts):
        while place + 1 < len(steps) and steps[place + 1].at <= begin:
            place += 1
        running = [one for one in begun if one[0].starts <= begin and (one[0].ends is None or begin < one[0].ends)]
        end = cuts[index + 1] if index + 1 < len(cuts) else None
        found.append(_span(steps[place], running, begin, end, included))
    return found


def _told(steps: Sequence[Step]) -> list[Step]:
    """A list price that was not told is that of a neighbour at the same price, the one before first; else the last."""
    found: list[Step] = []
    for index, step in enumerate(steps):
        last = found[-1] if found else None
        if step.told:
            found.append(step)
        elif last is not None and last.price == step.price:
            found.append(replace(step, list_price=last.list_price))
        else:
            after = next((one for one in steps[index + 1 :] if one.told or one.price != step.price), None)
            if after is not None and after.told and after.price == step.price:
                found.append(replace(step, list_price=after.list_price))
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


def _begun(steps: Sequence[Step], offer: Offer) -> tuple[Offer, Decimal | None]:
    """The promotion with the moment at which it truly began, and the price just before it; ``None``: not known."""
    at = [place for place, step in enumerate(steps) if step.at < offer.starts]
    if not at:
        return offer, None
    price = steps[at[-1]].price
    for place in reversed(at[1:]):
        if steps[place].at < offer.starts - AHEAD:
            break
        before = steps[place - 1].price
        if price is not None and before is not None and _covers(offer, before, price):
            return replace(offer, starts=steps[place].at), before
    return offer, price


def _covers(offer: Offer, before: Decimal, price: Decimal) -> bool:
    """Whether a price is lower than before by what the promotion takes off."""
    return price < before and price <= _after(offer, before) + before * _ROUNDED


def _span(
    step: Step,
    running: Sequence[tuple[Offer, Decimal | None]],
    begin: datetime,
    end: datetime | None,
    included: bool | None,
) -> Span:
    price, listed = step.price, step.list_price
    if price is None or price <= 0:
        return Span(begin, end, None, None, listed, reduced=False)
    below = listed is not None and price < listed
    asked = least = price
    for offer, before in running:
        fallen = before is not None and price < before
        if included or (included is None and before is not None and _covers(offer, before, price)):
            continue
        least = min(least, _after(offer, price))
        if included is False or (not below and not fallen):
            asked = min(asked, _after(offer, price))
    return Span(
        begin, end, asked, least, listed, reduced=below or bool(running), offers=frozenset(one for one, _ in running)
    )


def _after(offer: Offer, price: Decimal) -> Decimal:
    if offer.percent is not None:
        price = price * (1 - offer.percent / 100)
    elif offer.amount is not None:
        price = price - offer.amount
    return max(price, Decimal(0)).quantize(_CENT, ROUND_HALF_UP)


def reductions(
    steps: Sequence[Step], offers: Sequence[Offer] = (), *, zone: tzinfo, included: bool | None = None
) -> list[Reduction]:
    """Every announced reduction of the history, in the order of time; those of coming promotions as well."""
    line = spans(steps, offers, included=included)
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
    """Stretches that are one reduction: without a pause, each a step of the same campaign."""
    run: list[Span] = []
    for span in line:
        if not span.reduced or span.price is None:
            continue
        if run and _goes_on(run[-1], span):
            run.append(span)
            continue
        if run:
            yield run
        run = [span]
    if run:
        yield run


def _goes_on(last: Span, span: Span) -> bool:
    if last.end is None or span.begin - last.end > SAME:
        return False
    if last.price is None or last.least is None or span.price is None or span.least is None:
        return False
    if (span.price, span.least) == (last.price, last.least):
        return True
    return span.offers == last.offers and span.price <= last.price and span.least <= last.least


def window_begin(moment: datetime, *, zone: tzinfo) -> datetime:
    """Midnight, in the shop's time zone, of the thirtieth day before ``moment``."""
    day = moment.astimezone(zone).date() - timedelta(days=DAYS)
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def lowest_in(line: Sequence[Span], moment: datetime, *, zone: tzinfo) -> Decimal | None:
    """The lowest price asked in the thirty days before ``moment``; ``None`` when none is known."""
    begin = window_begin(moment, zone=zone)
    return min(
        (
            span.least
            for span in line
            if span.least is not None and span.begin < moment and (span.end is None or span.end > begin)
        ),
        default=None,
    )
