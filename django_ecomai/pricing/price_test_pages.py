"""What the pages of price tests tell: what a test would cost and teach, and what one has brought so far."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from statistics import NormalDist, fmean
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import bar_chart, format_value
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.admin.base import NONE
from django_ecomai.mirror.models import Product

from . import words
from .facts import product_facts
from .held import exact_amount
from .models import PriceTest, PriceTestWeek, ProductElasticity
from .price_test_results import LEAST_DF, PriceTestResult, left_over, price_test_result
from .reading import last_monday
from .services.price_test_limits import Room, rooms_of
from .services.price_tests import GOING, LONGEST
from .tax import NONE as NO_TAX
from .tax import tax_of

#: How far both prices are from today's, and for how many weeks, where no test is suggested.
STEP, WEEKS = 0.08, 12
#: Elasticities that the cost of a test is worked out for, in equal parts of what is known of it.
DRAWS = 400


@dataclass(frozen=True)
class Plan:
    """Two prices of a product and for how many weeks."""

    low: Decimal
    high: Decimal
    weeks: int


def plan_suggested(*, product: Product) -> Plan | None:
    """The test that the last run suggests, else 8 % up and down for 12 weeks; both no further than limits allow now,
    and as long as a test can be where they are nearer than suggested. None without a price, or where no two prices lie
    around today's."""
    if not product.price:
        return None
    today, weeks, step = product.price, WEEKS, STEP
    room = rooms_of(channel=product.channel, product_ids=[product.pk]).get(product.pk, Room())
    found = ProductElasticity.objects.filter(product=product).first()
    if found is not None and found.test_low and found.test_high and found.test_weeks:
        low, high = found.test_low, found.test_high
        if low < today < high:  # else it is from another price
            weeks, step = found.test_weeks + found.test_weeks % 2, max(float(today / low), float(high / today)) - 1
            if step <= room.widest + 1e-9 or not room.widest:
                return Plan(low, high, min(weeks, LONGEST))
            weeks = LONGEST
    # where no test is allowed, the page says why
    pair = (room if room.widest else Room(widest=STEP)).pair(today, step)
    return Plan(*pair, weeks) if pair else None


def plan_told(*, product: Product, plan: Plan) -> list[tuple[Any, list[str]]]:
    """Heading and sentences: what happens, what it costs, what it teaches."""
    first = last_monday(local_date(timezone.now())) + timedelta(days=7)
    named = {
        "first": date_format(first, "DATE_FORMAT"),
        "last": date_format(first + timedelta(days=7 * plan.weeks), "DATE_FORMAT"),
        "low": exact_amount(plan.low, product.currency, named=False), "high": exact_amount(plan.high, product.currency),
        "half": format_value(plan.weeks // 2), "weeks": format_value(plan.weeks),
        "today": exact_amount(product.price, product.currency),
    }  # fmt: skip
    happens = [
        _("From Monday, %(first)s, the price is %(low)s or %(high)s, and may change every Monday.") % named,
        _("In %(half)s of the %(weeks)s weeks it is the lower one; which weeks is drawn when the test starts.") % named,
        _("All customers see the same price. On %(last)s the price of today, %(today)s, comes back.") % named,
    ]
    found = ProductElasticity.objects.filter(product=product).first()
    return [
        (_("What happens"), happens),
        (_("What it costs"), _costs(product, plan, found)),
        (_("What it teaches"), [*_teaches(plan, found), *_limited(product, plan)]),
    ]


def plan_warned(*, product: Product, plan: Plan) -> str:
    """What speaks against a test: it narrows the range by less than 10 %. "" where nothing does."""
    widths = _widths(plan, ProductElasticity.objects.filter(product=product).first())
    return "" if widths is None else narrowed_warned(1 - widths[1] / widths[0])


def narrowed_warned(share: float) -> str:
    """What speaks against a test that makes what is known of demand more exact by so much of it, "" for enough."""
    from django_ecomai.ml.pricing.price_test import WORTHWHILE

    if share >= WORTHWHILE - 1e-9:
        return ""
    said = _("This test teaches next to nothing: what we know of the demand becomes only %(share)s more exact.")
    return said % {"share": words.chance(round(max(share, 0.0), 2))}


def _limited(product: Product, plan: Plan) -> list[str]:
    """Which limit keeps the prices from being further apart, where one does."""
    room = rooms_of(channel=product.channel, product_ids=[product.pk]).get(product.pk, Room())
    widest = room.pair(product.price or Decimal(0), room.widest)
    if not room.limit or widest is None or (plan.low > widest[0] and plan.high < widest[1]):
        return []
    text = _("The prices cannot be further apart: %(limit)s.") % {"limit": room.told}
    return [text] if room.share is None else [text, _("It also counts for the step from one price to the other.")]


def _costs(product: Product, plan: Plan, found: ProductElasticity | None) -> list[str]:
    cost, tax = _cost(product)
    answers = answers_of(found)
    if cost is None or not product.price or found is None or not found.rate or not answers:
        return [_("That cannot be told: it takes sales of this product and its cost.")]
    today, price = product.price, float(product.price)

    def profit(asked: Decimal, elasticity: float) -> float:
        """Per week, where demand answers alike over all prices."""
        return float(found.rate * (float(asked) / price) ** elasticity * left_over(asked, cost, tax))

    def more(elasticity: float) -> float:
        """Profit of the test more than of today's price."""
        pair = profit(plan.low, elasticity) + profit(plan.high, elasticity)
        return plan.weeks / 2 * (pair - 2 * profit(today, elasticity))

    # Profit bends with the elasticity, so its ends are not those of the profit, nor is its middle the mean.
    known = NormalDist(answers.middle, max((answers.high - answers.low) / 3.92, 1e-9))
    each = sorted(more(known.inv_cdf((number + 0.5) / DRAWS)) for number in range(DRAWS))
    mean = round(fmean(each), 2) + 0.0  # no minus nothing
    least, most = each[round(0.025 * DRAWS)], each[round(0.975 * DRAWS) - 1]
    named = {
        "money": words.signed_money(mean, product.currency),
        "low": words.signed_money(min(least, mean), ""),
        "high": words.signed_money(max(most, mean), product.currency),
        "weeks": format_value(plan.weeks), "today": exact_amount(product.price, product.currency),
    }  # fmt: skip
    if mean < 0:
        said = _("About %(money)s of profit in %(weeks)s weeks, against leaving the price at %(today)s.")
    else:
        said = _("Probably nothing: about %(money)s of profit in %(weeks)s weeks, against leaving it at %(today)s.")
    return [
        said % named,
        _("As far as we know the demand, between %(low)s and %(high)s.") % named,
    ]


@dataclass(frozen=True)
class Answers:
    """How demand answers: the elasticity, its 95 % interval and standard deviation."""

    middle: float
    low: float
    high: float
    sd: float | None


def answers_of(found: ProductElasticity | None) -> Answers | None:
    """What is known of the demand for a product, from its category where it has no elasticity; None: nothing."""
    if found is None:
        return None
    if found.elasticity is not None and found.low is not None and found.high is not None:
        return Answers(found.elasticity, found.low, found.high, found.sd)
    if found.fallback is not None and found.fallback_sd is not None:
        half = 1.96 * found.fallback_sd
        return Answers(found.fallback, found.fallback - half, found.fallback + half, found.fallback_sd)
    return None


def _widths(plan: Plan, found: ProductElasticity | None) -> tuple[float, float] | None:
    """How wide the 95 % interval of the elasticity is, and how wide it should be after the test; None: not known."""
    from django_ecomai.ml.pricing.price_test import told_per_period, width_after

    answers = answers_of(found)
    if found is None or answers is None or not answers.sd or not found.rate or not 0 < plan.low < plan.high:
        return None
    per_week = float(told_per_period(found.rate, found.dispersion, found.alpha, found.rho))
    after = width_after(answers.sd, per_week, float(plan.low), float(plan.high), plan.weeks)
    return answers.high - answers.low, after


def _teaches(plan: Plan, found: ProductElasticity | None) -> list[str]:
    answers, widths = answers_of(found), _widths(plan, found)
    if answers is None or widths is None:
        return [_("How far it narrows the doubt cannot be told before it has sold.")]
    named = {
        "low": _number(answers.low), "high": _number(answers.high), "weeks": format_value(plan.weeks),
        "before": _number(widths[0], 2), "after": _number(widths[1], 2),
    }  # fmt: skip
    return [
        _("When the price rises by 1 %%, demand changes by %(low)s to %(high)s %%: that is all we know today.") % named,
        _("After %(weeks)s weeks this range should be about %(after)s wide instead of %(before)s.") % named,
        _("All later proposals for this product rest on it."),
        verdict_when(plan.weeks, 2 * (LEAST_DF + 1)),
    ]


def verdict_when(weeks: int, least: int) -> str:
    """When it is told which price earns more; it takes the ``least`` weeks."""
    if weeks < least:
        text = _("Which price earns more is told from %(least)s weeks on: this test is too short for that.")
        return text % {"least": format_value(least)}
    return _("Which price earns more is told once, at the end: who stops a test when its numbers please is misled.")


def _number(value: float, digits: int = 1) -> str:
    return f"{'−' if value < 0 else ''}{number_format(round(abs(value), digits), decimal_pos=digits)}"


def _cost(product: Product) -> tuple[Decimal | None, Decimal]:
    """Cost and tax as proposals take them: the cost is the supplier's where the catalogue knows none."""
    found = product_facts(channel=product.channel, product_ids=[product.pk], at=timezone.now(), horizon_days=1)
    if found:
        return found[0].cost, found[0].tax
    return product.cost, tax_of(product.attributes or {}) or NO_TAX


def test_context(*, test: PriceTest, today: date | None = None) -> dict[str, Any]:
    """Context of one test's page: figures, weeks and the result so far."""
    today = today or local_date(timezone.now())
    weeks = list(test.weeks.all())
    last = weeks[-1].week + timedelta(days=7) if weeks else test.starts_on
    ends = {PriceTest.State.DONE: _("Ended on"), PriceTest.State.STOPPED: _("Was planned until")}
    return {
        "figures": [
            (_("Lower price"), exact_amount(test.low, test.currency)),
            (_("Higher price"), exact_amount(test.high, test.currency)),
            (_("Price before and after"), exact_amount(test.base_price, test.currency)),
            (_("First Monday"), date_format(test.starts_on, "SHORT_DATE_FORMAT")),
            (ends.get(PriceTest.State(test.state), _("Ends on")), date_format(last, "SHORT_DATE_FORMAT")),
        ],
        "weeks": [
            (date_format(one.week, "SHORT_DATE_FORMAT"), _week_price(test, one), _standing(test, one, today))
            for one in weeks
        ],
        **result_context(
            result=price_test_result(test, today=today),
            names=(exact_amount(test.low, test.currency), exact_amount(test.high, test.currency)),
        ),
    }  # fmt: skip


def result_context(*, result: PriceTestResult, names: tuple[str, str]) -> dict[str, Any]:
    """A result as the page shows it; ``names`` of the lower and the higher price."""
    rows = [
        (names[0], result.low_units, result.low_profit),
        (names[1], result.high_units, result.high_profit),
    ]
    sold = [(name, value) for name, value, _profit in rows if value is not None]
    return {
        "ended": result.weeks,
        "is_over": result.is_over,
        "best": {"higher": "high", "lower": "low"}.get(result.verdict, ""),
        "so_far": _so_far(result),
        "verdict": result.sentence,
        "picture": bar_chart(sold, title=_("Pieces sold per week")) if len(sold) == 2 else "",
        "difference": words.signed_money(result.difference, result.currency),
        "between": _("%(low)s to %(high)s") % {
            "low": words.signed_money(result.difference_low, ""),
            "high": words.signed_money(result.difference_high, result.currency),
        } if result.difference is not None else "",
        "result": [
            (name, NONE if units is None else format_value(round(units, 2)),
             NONE if profit is None else words.money(profit, result.currency))
            for name, units, profit in rows
        ],
        "sold_out": _sold_out(result),
    }  # fmt: skip


def _so_far(result: PriceTestResult) -> str:
    if not result.weeks and result.is_over:
        return _("No week of the test has ended.")
    if not result.weeks:
        return _("No week of the test has ended yet; its result is told from then on.")
    text = ngettext(
        "%(n)s of %(weeks)s weeks has ended and counts.", "%(n)s of %(weeks)s weeks have ended and count.", result.weeks
    )
    return text % {"n": format_value(result.weeks), "weeks": format_value(result.planned)}


def _sold_out(result: PriceTestResult) -> str:
    if not result.sold_out_days:
        return ""
    text = ngettext(
        "On %(n)s day it was sold out: the lower price may sell more than the stock let it.",
        "On %(n)s days it was sold out: the lower price may sell more than the stock let it.",
        result.sold_out_days,
    )
    return text % {"n": format_value(result.sold_out_days)}


def _week_price(test: PriceTest, week: PriceTestWeek) -> str:
    """The price that was drawn, and what the shop made of it."""
    told = exact_amount(week.price, test.currency)
    if week.stored_price is None or week.stored_price == week.price:
        return told
    return _("%(price)s (in the shop: %(stored)s)") % {
        "price": told, "stored": exact_amount(week.stored_price, test.currency)
    }  # fmt: skip


def _standing(test: PriceTest, week: PriceTestWeek, today: date) -> str:
    if week.is_spoiled:
        return _("disturbed by another price")
    if week.applied_at is not None:
        running = week.week <= today < week.week + timedelta(days=7) and test.state == PriceTest.State.RUNNING
        return _("in the shop now") if running else _("was in the shop")
    return _("to come") if test.state in GOING and week.week + timedelta(days=7) > today else _("left out")
