"""What price tests have brought: profit at the higher price less that at the lower one, per week, with an interval.

There is no look before the end: a verdict is told once, when the planned weeks are over. Whoever stops a test when its
numbers please him would find differences where there are none, so a test that was stopped gets no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.forecast.selectors import demand_days
from django_ecomai.mirror.models import Product

from . import words
from .facts import in_parts, product_facts
from .models import PriceTest
from .reading import last_monday
from .services.price_tests import GOING
from .tax import NONE, tax_of

#: Degrees of freedom from which on a verdict is told: three pairs of weeks of one product, two of two products.
LEAST_DF = 2
VERDICTS = ("higher", "lower", "none", "early", "stopped", "no_cost")


@dataclass(frozen=True)
class PriceTestResult:
    """Of one test, or of all of a group together. ``weeks`` of ``planned`` have ended and count; pieces and profit
    (without tax) per week at each price, None where no week had it, or a cost is missing; ``difference`` is the profit
    at the higher price less that at the lower one per week, with its 95 % interval, over the ``pairs`` of weeks of
    ``units`` (products, or families that move as one), of ``all_units``.

    ``verdict``: one of `VERDICTS`; ``weeks_more``: how many weeks it takes at least, where it is too early;
    ``sold_out_days``: days of products on which nothing could be sold; ``is_over``: no week comes any more."""

    weeks: int
    planned: int
    low_units: float | None
    high_units: float | None
    low_profit: float | None
    high_profit: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    pairs: int
    units: int
    all_units: int
    verdict: str
    weeks_more: int
    sold_out_days: int
    currency: str
    is_over: bool

    @property
    def sentence(self) -> str:
        """The verdict in one plain sentence."""
        named = {
            "difference": words.signed_money(self.difference, self.currency),
            "low": words.signed_money(self.difference_low, ""),
            "high": words.signed_money(self.difference_high, self.currency),
        }
        if self.verdict == "higher":
            return _("The higher price earns more: %(difference)s of profit a week (%(low)s to %(high)s).") % named
        if self.verdict == "lower":
            return _(
                "The lower price earns more: the higher one brings %(difference)s a week (%(low)s to %(high)s)."
            ) % (named)
        if self.verdict == "none":
            return (
                _("No difference seen: the higher price brings between %(low)s and %(high)s of profit a week.") % named
            )
        if self.verdict == "stopped":
            return _("No verdict: the test was stopped before its planned end.")
        if self.verdict == "no_cost":
            return _("No verdict: profits are not known without the cost.")
        if self.is_over:
            text = _("No verdict: too few weeks count. A test must run for %(weeks)s more: start a new one.")
            more = ngettext("%(n)s week", "%(n)s weeks", self.weeks_more) % {"n": format_value(self.weeks_more)}
            return text % {"weeks": more}
        text = ngettext(
            "Too early to tell: at least %(weeks)s week more.",
            "Too early to tell: at least %(weeks)s weeks more.",
            self.weeks_more,
        )
        return text % {"weeks": format_value(self.weeks_more)}

    def as_dict(self) -> dict[str, Any]:
        """For JSON and CSV: money to four digits."""
        found = {
            name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items()
        }  # fmt: skip
        return {**found, "sentence": self.sentence}


@dataclass(frozen=True)
class _Seen:
    """Weeks of one test that count, by the number of the pair: pieces at the lower and the higher price."""

    low: dict[int, float]
    high: dict[int, float]
    sold_out_days: int


def price_test_result(test: PriceTest, *, today: date | None = None) -> PriceTestResult:
    """The result of one test."""
    return price_tests_result([test], today=today)


def price_tests_result(tests: Sequence[PriceTest], *, today: date | None = None) -> PriceTestResult:
    """The result of tests of one shop that began together: profits add up over products.

    ``today`` (default: the first day without data) ends what is known. A week counts when its price was in the shop
    from its Monday on, nobody else's price came in between, and it has ended. Of several tests those that were stopped
    do not count; a price family counts as one product. Raises ``ValueError`` without a test.
    """
    if not tests:
        raise ValueError("price_tests_result() needs a test")
    return price_tests_results([tests], today=today)[0]


def price_tests_results(sets: Sequence[Sequence[PriceTest]], *, today: date | None = None) -> list[PriceTestResult]:
    """``price_tests_result`` of several sets of tests of one shop: a fixed number of queries per part of the catalogue
    for all of them. Raises ``ValueError`` for a set without a test."""
    if not all(sets):
        raise ValueError("price_tests_results() needs a test in each set")
    every = [test for tests in sets for test in tests]
    if not every:
        return []
    prefetch_related_objects(every, "weeks")
    channel = every[0].channel
    until = last_monday(today or min(local_date(timezone.now()), ledger_until(channel=channel)))
    seen, left = _seen(every, channel, until), _left(every)
    return [_result(tests, seen, left, until) for tests in sets]


def _result(
    tests: Sequence[PriceTest], every: dict[int, _Seen], left: dict[int, dict[str, float]], until: date
) -> PriceTestResult:
    """Of tests that began together, from what was sold in all weeks."""
    counted = [one for one in tests if one.state != PriceTest.State.STOPPED] or list(tests)
    seen = {test.pk: every[test.pk] for test in counted}
    units: dict[str, list[PriceTest]] = {}
    for test in counted:
        units.setdefault(test.family or f"#{test.pk}", []).append(test)
    sums: dict[str, list[float]] = {"low": [], "high": [], "low_profit": [], "high_profit": []}
    differences, chance, known = [], [], True
    for members in units.values():
        known = known and all(test.pk in left for test in members)
        for name in ("low", "high"):
            if (mean := _mean(members, seen, name, None)) is not None:
                sums[name].append(mean)
            profit = _mean(members, seen, name, left) if known else None
            if profit is not None:
                sums[f"{name}_profit"].append(profit)
        if known:
            each, variance = _pairs(members, seen, left)
            differences.append(each)
            chance.append(variance)
    from django_ecomai.ml.pricing.paired import paired_difference

    found = paired_difference(differences, chance)
    planned = max(len(test.weeks.all()) for test in tests)
    ended = max((len(one.low) + len(one.high) for one in seen.values()), default=0)
    verdict, more, is_over = _verdict(tests, counted, found, until, known=known)

    def total(name: str) -> float | None:
        return sum(sums[name]) if sums[name] and (known or "profit" not in name) else None

    told = known and found.df > 0
    return PriceTestResult(
        weeks=ended, planned=planned, low_units=total("low"), high_units=total("high"),
        low_profit=total("low_profit"), high_profit=total("high_profit"),
        difference=found.mean if told else None, difference_low=found.low if told else None,
        difference_high=found.high if told else None, pairs=found.pairs, units=found.units,
        all_units=len({test.family or f"#{test.pk}" for test in tests}), verdict=verdict, weeks_more=more,
        sold_out_days=sum(one.sold_out_days for one in seen.values()), currency=tests[0].currency,
        is_over=is_over,
    )  # fmt: skip


def tests_weekly(tests: Sequence[PriceTest]) -> dict[int, dict[str, tuple[float | None, float | None]]]:
    """By the test's key, at "low" and "high", pieces and profit per week of each test by itself; a fixed number of
    queries per part of the catalogue."""
    prefetch_related_objects(list(tests), "weeks")
    channel = tests[0].channel
    seen = _seen(tests, channel, last_monday(min(local_date(timezone.now()), ledger_until(channel=channel))))
    left = _left(tests)
    return {
        test.pk: {
            name: (_mean([test], seen, name, None), _mean([test], seen, name, left) if test.pk in left else None)
            for name in ("low", "high")
        }
        for test in tests
    }


def _verdict(
    tests: Sequence[PriceTest], counted: Sequence[PriceTest], found: Any, until: date, *, known: bool
) -> tuple[str, int, bool]:
    """The code of the verdict, how many weeks it takes at least where it is too early, and whether it is over."""
    if all(test.state == PriceTest.State.STOPPED for test in tests):
        return "stopped", 0, True
    last = max((week.week for week in counted[0].weeks.all()), default=counted[0].starts_on)
    missing = max(ceil((last + timedelta(days=7) - until).days / 7), 0)
    if missing or any(test.state in GOING for test in counted):
        return "early", max(missing, 1), False
    if not known:
        return "no_cost", 0, True
    # Satterthwaite's sum lies a hair below a whole number where all variances are alike
    if found.df < LEAST_DF - 1e-9:
        pairs_more = LEAST_DF + 1 - found.pairs if found.units <= 1 else 1
        return "early", 2 * max(pairs_more, 1), True
    return "higher" if found.low > 0 else "lower" if found.high < 0 else "none", 0, True


def _seen(tests: Sequence[PriceTest], channel: str, until: date) -> dict[int, _Seen]:
    """By the test's key what was sold in its weeks that count."""
    weeks = {test.pk: sorted(test.weeks.all(), key=lambda one: one.week) for test in tests}
    first = min((week.week for each in weeks.values() for week in each), default=until)
    if first >= until:
        return {test.pk: _Seen({}, {}, 0) for test in tests}
    found: dict[int, _Seen] = {}
    for part in in_parts(sorted({test.product_id for test in tests})):
        demand = demand_days(channel=channel, product_ids=part, since=first, until=until)
        place = {pk: row for row, pk in enumerate(part)}
        for test in tests:
            if test.product_id not in place:
                continue
            row, one = place[test.product_id], _Seen({}, {}, 0)
            sold_out = 0
            for number, week in enumerate(weeks[test.pk]):
                if week.applied_at is None or week.is_spoiled or week.week + timedelta(days=7) > until:
                    continue
                if local_date(week.applied_at) > week.week:
                    continue  # it came late: part of the week had the price before
                days = slice((week.week - first).days, (week.week - first).days + 7)
                pieces = one.low if week.price == test.low else one.high
                pieces[number // 2] = float(demand.quantity[row, days].sum())
                sold_out += int(demand.censored[row, days].sum())
            found[test.pk] = _Seen(one.low, one.high, sold_out)
    return found


def _left(tests: Sequence[PriceTest]) -> dict[int, dict[str, float]]:
    """By the test's key what a piece leaves at each price, without tax; those without a cost are absent."""
    at = timezone.now()
    facts = {
        one.pk: (one.cost, one.tax)
        for one in product_facts(
            channel=tests[0].channel, product_ids=sorted({test.product_id for test in tests}), at=at, horizon_days=1
        )
    }
    gone = {test.product_id for test in tests} - facts.keys()
    for part in in_parts(sorted(gone)):
        rows = Product.objects.filter(pk__in=part)
        facts |= {one.pk: (one.cost, tax_of(one.attributes or {}) or NONE) for one in rows}
    found: dict[int, dict[str, float]] = {}
    for test in tests:
        cost, tax = facts.get(test.product_id, (None, NONE))
        if cost is not None:
            low, high = test.kept(test.low), test.kept(test.high)
            found[test.pk] = {"low": left_over(low, cost, tax), "high": left_over(high, cost, tax)}
    return found


def left_over(price: Decimal, cost: Decimal, tax: Decimal) -> float:
    """What a piece leaves: its net price less its cost."""
    return float(price / (1 + tax) - cost)


def _mean(
    members: Sequence[PriceTest], seen: dict[int, _Seen], name: str, left: dict[int, dict[str, float]] | None
) -> float | None:
    """Pieces (or profit) per week at a price, over the products of a unit; None where no week had it."""
    found, has = 0.0, False
    for test in members:
        pieces = list(getattr(seen[test.pk], name).values())
        if pieces:
            has = True
            found += sum(pieces) / len(pieces) * (1.0 if left is None else left[test.pk][name])
    return found if has else None


def _pairs(
    members: Sequence[PriceTest], seen: dict[int, _Seen], left: dict[int, dict[str, float]]
) -> tuple[list[float], float]:
    """Differences of profit of a unit over the pairs of weeks that are whole for all its products, and the variance
    that chance alone gives one of them: pieces that come one by one (Poisson)."""
    whole = set.intersection(*(seen[test.pk].low.keys() & seen[test.pk].high.keys() for test in members))
    found, variance = [], 0.0
    for pair in sorted(whole):
        difference = 0.0
        for test in members:
            low, high = left[test.pk]["low"], left[test.pk]["high"]
            sold_low, sold_high = seen[test.pk].low[pair], seen[test.pk].high[pair]
            difference += sold_high * high - sold_low * low
            variance += (max(sold_high, 0.0) * high**2 + max(sold_low, 0.0) * low**2) / len(whole)
        found.append(difference)
    return found, variance
