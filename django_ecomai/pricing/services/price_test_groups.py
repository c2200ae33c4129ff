"""A price test of several products: one step up and down for all, half of them at the lower price each week."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal, PriceTest, PriceTestGroup, PriceTestWeek
from django_ecomai.pricing.reading import last_monday
from django_ecomai.pricing.rulebook import Choice

from .allowed import facts_and_choices, family_candidates
from .decide import PricingError
from .price_test_limits import pair_problem
from .price_test_starting import check_start, price_test_approve, weeks_of
from .price_tests import GOING, price_test_stop

#: Products of one test: their prices are written one by one every Monday.
MOST_PRODUCTS = 500
#: How far both prices may be from today's.
LEAST_STEP, LARGEST_STEP = 0.01, 0.3


@dataclass
class Unit:
    """A product, or a price family that moves as one, with its two prices."""

    family: str
    facts: list[Facts]
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)


@dataclass
class GroupPlan:
    """``units`` that can be tested, and by the title of a product why it is ``left_out``."""

    units: list[Unit] = field(default_factory=list)
    left_out: dict[str, Why] = field(default_factory=dict)

    @property
    def products(self) -> int:
        """Of all units."""
        return sum(len(one.facts) for one in self.units)


def group_plan(*, channel: str, product_ids: Iterable[int], step: float, now: datetime | None = None) -> GroupPlan:
    """Which of these products can be tested together at prices ``step`` (0.05: 5 %) below and above today's; with a
    product comes its price family. A fixed number of queries per part of the catalogue.

    Raises ``PricingError`` for a step below 1 % or above 30 %, and for too many products.
    """
    if not LEAST_STEP <= step <= LARGEST_STEP:
        raise PricingError(_("The step must be from 1 to 30 %."))
    at = now or timezone.now()
    known, choices = _known(channel, sorted(set(product_ids)), at)
    families = {choice.families[0] for choice in choices.values() if len(choice.families) == 1}
    others: set[int] = set().union(*family_candidates(families, channel=channel).values()) - known.keys()
    if others:
        more, theirs = _known(channel, sorted(others), at)
        # a rule may make a family only of some of those with the attribute
        mine = {pk for pk, choice in theirs.items() if families & set(choice.families)}
        known |= {pk: more[pk] for pk in mine}
        choices |= {pk: theirs[pk] for pk in mine}
    if len(known) > MOST_PRODUCTS:
        raise PricingError(_("At most %(most)d products can be tested together.") % {"most": MOST_PRODUCTS})
    units: dict[str, Unit] = {}
    for pk, facts in known.items():
        key = choices[pk].families[0] if choices[pk].families else ""
        units.setdefault(key or f"#{pk}", Unit(key, [])).facts.append(facts)
    found = GroupPlan()
    running = set(PriceTest.objects.filter(channel=channel, state__in=GOING).values_list("product_id", flat=True))
    approved = PriceProposal.objects.filter(channel=channel, state__in=PriceProposal.UNDER_WAY)
    waiting = set(approved.values_list("product_id", flat=True)) & known.keys()
    for unit in units.values():
        problem = _unit_problem(unit, choices, step, running)
        if found.units and unit.facts[0].currency != found.units[0].facts[0].currency:
            problem = problem or why("test_currency")
        if any(one.pk in waiting for one in unit.facts):
            problem = problem or why("test_price_waits")
        if problem:
            found.left_out |= {one.title: problem for one in unit.facts}
        else:
            found.units.append(unit)
    return found


def price_test_group_start(
    *,
    channel: str = "",
    product_ids: Iterable[int],
    step: float,
    weeks: int,
    name: str = "",
    user: Any = None,
    seed: int,
    now: datetime | None = None,
) -> PriceTestGroup:
    """Start a test of several products next Monday; ``left_out`` says why others of them cannot be tested.

    Each product has the lower price in one of each two weeks, drawn from ``seed`` so that in every week half of them
    have it (of an odd number one more or less). The products of a price family count as one. Raises ``PricingError``
    where none can be tested, and as ``price_test_start`` and ``group_plan`` do.
    """
    at = now or timezone.now()
    check_start(channel=channel, weeks=weeks, user=user)
    first = last_monday(local_date(at)) + timedelta(days=7)
    wanted = sorted(set(product_ids))[: MOST_PRODUCTS + 1]
    units = group_plan(channel=channel, product_ids=wanted, step=step, now=at).units
    keys = {*wanted, *(one.pk for unit in units for one in unit.facts)}
    with transaction.atomic():
        # whoever starts two tests of a product or of its family at once waits here
        list(locked_rows(Product.objects.filter(pk__in=keys).order_by("pk")).values_list("pk", flat=True))
        plan = group_plan(channel=channel, product_ids=wanted, step=step, now=at)
        if not plan.units:
            reason = next(iter(plan.left_out.values()), _("No product is on sale."))
            raise PricingError(_("None of these products can be tested: %(reason)s") % {"reason": reason})
        known = user if getattr(user, "pk", None) is not None else None
        counted = ngettext("%(products)d product", "%(products)d products", plan.products)
        titled = name.strip()[:128] or counted % {"products": plan.products}
        group = PriceTestGroup.objects.create(
            channel=channel, name=titled, step=step, starts_on=first, seed=seed, started_by=known,
            left_out={title: reason.as_json() for title, reason in plan.left_out.items()},
        )  # fmt: skip
        lower = balanced_draw(len(plan.units), weeks, seed)
        tests, drawn = [], []
        for unit, mine in zip(plan.units, lower, strict=True):
            for facts in unit.facts:
                tests.append(_test_of(group, unit, facts, known))
                drawn.append(mine)
        for test in tests:  # one by one: MariaDB gives no keys of many
            test.save(force_insert=True)
        PriceTestWeek.objects.bulk_create(
            [week for test, mine in zip(tests, drawn, strict=True) for week in weeks_of(test, mine)], batch_size=500
        )
        change_log(objects=[group], user=user, lines=[log_line("started")], added=True)
    return group


def balanced_draw(units: int, weeks: int, seed: int) -> list[list[bool]]:
    """Per unit which weeks have the lower price: of each two weeks one, and half of the units begin with it. Every
    unit has each price with probability 1/2 in every week, the one that is over of an odd number too."""
    draw = random.Random(seed)
    found: list[list[bool]] = [[] for _unit in range(units)]
    for _pair in range(weeks // 2):
        first = [number < units // 2 for number in range(units)]
        if units % 2:
            first[-1] = draw.random() < 0.5
        draw.shuffle(first)
        for mine, begins in zip(found, first, strict=True):
            mine += [begins, not begins]
    return found


def price_test_group_approve(*, group: PriceTestGroup, user: Any, now: datetime | None = None) -> PriceTestGroup:
    """The second of two people lets all its tests begin, next Monday at the earliest. Raises ``PricingError`` as
    ``price_test_approve`` does, and then none begins."""
    with transaction.atomic():
        tests = list(group.tests.filter(state=PriceTest.State.ASKED).select_related("product").order_by("pk"))
        if not tests:
            raise PricingError(_("This test does not wait for a second person."))
        begun = [price_test_approve(test=test, user=user, now=now) for test in tests]
        group.starts_on = begun[0].starts_on
        group.save(update_fields=["starts_on"])
        change_log(objects=[group], user=user, lines=[log_line("approved_second")])
    return group


def price_test_group_stop(
    *, group: PriceTestGroup, user: Any = None, reason: str, now: datetime | None = None
) -> list[PriceTest]:
    """End all its tests early and restore the prices before, as far as the shop still has those of the test; returns
    the tests. Raises ``PricingError`` when it is over already."""
    found: list[PriceTest] = []
    for pk in list(group.tests.filter(state__in=GOING).order_by("pk").values_list("pk", flat=True)):
        # the first of a family has stopped the others
        left = PriceTest.objects.filter(pk=pk, state__in=GOING)
        found += [price_test_stop(test=test, user=user, reason=reason, now=now) for test in left]
    if not found:
        raise PricingError(_("The test is over already."))
    change_log(objects=[group], user=user, lines=[log_line("stopped", reason=reason)])
    return list(group.tests.select_related("product"))


def _known(channel: str, product_ids: Sequence[int], at: datetime) -> tuple[dict[int, Facts], dict[int, Choice]]:
    facts, choices = facts_and_choices(channel=channel, product_ids=product_ids, now=at)
    return {one.pk: one for one in facts}, dict(zip((one.pk for one in facts), choices, strict=True))


def _unit_problem(unit: Unit, choices: dict[int, Choice], step: float, running: set[int]) -> Why:
    """Why a unit cannot be tested, false where it can; sets its prices."""
    first = unit.facts[0]
    if any((one.price, one.currency) != (first.price, first.currency) for one in unit.facts):
        return why("family_prices")
    if any(one.pk in running for one in unit.facts):
        return why("test_already")
    if first.price is None or first.price <= 0:
        return why("price_missing")
    cent = Decimal(str(max(choices[one.pk].limits["step"][0] for one in unit.facts)))
    factor = 1 + Decimal(str(step))
    unit.low, unit.high = _rounded(first.price / factor, cent), _rounded(first.price * factor, cent)
    if not 0 < unit.low < unit.high:
        return why("test_step_small")
    problems = (pair_problem(one, choices[one.pk], unit.low, unit.high, whole_family=True) for one in unit.facts)
    return next(filter(None, problems), NONE)


def _rounded(price: Decimal, step: Decimal) -> Decimal:
    return (price / step).quantize(Decimal(1), ROUND_HALF_UP) * step


def _test_of(group: PriceTestGroup, unit: Unit, facts: Facts, user: Any) -> PriceTest:
    return PriceTest(
        channel=group.channel, product_id=facts.pk, base_price=facts.price or 0, low=unit.low, high=unit.high,
        currency=facts.currency, starts_on=group.starts_on, seed=group.seed, group=group, family=unit.family,
        state=PriceTest.State.ASKED if ecomai.PRICING_FOUR_EYES else PriceTest.State.RUNNING, started_by=user,
    )  # fmt: skip
