"""A price test begins: its prices are held against the limits, its weeks drawn, and a second person may be asked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal, PriceTest, PriceTestWeek
from django_ecomai.pricing.reading import last_monday

from .decide import PricingError
from .price_test_limits import price_test_problems
from .price_tests import GOING, LONGEST
from .shop import adapter_applies


def price_test_start(
    *,
    product: Product,
    low: Decimal,
    high: Decimal,
    weeks: int,
    user: Any = None,
    seed: int,
    now: datetime | None = None,
) -> PriceTest:
    """Draw the weeks of a test that begins next Monday: of each two weeks one has the lower price, which of them is
    drawn from ``seed``, so each week has each price with probability 1/2.

    Raises ``PricingError`` for prices that the limits forbid (also in the step from one to the other), fewer than 2 or
    more than 26 weeks, a product in a price family or in a test, one with an approved price that is not in the shop
    yet, and an adapter that cannot write prices. With ``PRICING_FOUR_EYES`` it waits for ``price_test_approve`` of
    somebody else, and ``user`` must be known.
    """
    at = now or timezone.now()
    price_test_check(product=product, low=low, high=high, weeks=weeks, user=user, now=at)
    first = last_monday(local_date(at)) + timedelta(days=7)
    with transaction.atomic():
        # one test per product: whoever starts two at once waits here
        held = locked_rows(Product.objects.filter(pk=product.pk)).get()
        if PriceTest.objects.filter(product=held, state__in=GOING).exists():
            raise PricingError(_("“%(product)s” is in a price test already.") % {"product": held})
        check_free(held.pk)
        test = PriceTest.objects.create(
            channel=held.channel, product=held, base_price=held.price or 0, low=low, high=high,
            currency=held.currency, starts_on=first, seed=seed,
            state=PriceTest.State.ASKED if ecomai.PRICING_FOUR_EYES else PriceTest.State.RUNNING,
            started_by=user if getattr(user, "pk", None) is not None else None,
        )  # fmt: skip
        PriceTestWeek.objects.bulk_create(weeks_of(test, weeks_drawn(weeks, seed)))
        change_log(objects=[test], user=user, lines=[log_line("started")], added=True)
    return test


def check_free(product: int) -> None:
    """Raise ``PricingError`` where a price waits that the test would overtake."""
    if PriceProposal.objects.filter(product=product, state__in=PriceProposal.UNDER_WAY).exists():
        raise PricingError(_("A price is approved already, and waits to be put into the shop."))


def price_test_check(
    *, product: Product, low: Decimal, high: Decimal, weeks: int, user: Any = None, now: datetime | None = None
) -> None:
    """Raise ``PricingError`` where ``price_test_start`` would, whatever other tests there are."""
    check_start(channel=product.channel, weeks=weeks, user=user)
    if not 0 < low < high:
        raise PricingError(_("The lower price must be above 0 and below the higher one."))
    if problem := price_test_problems(product=product, pairs=[(low, high)], now=now)[0]:
        raise PricingError(problem)


def check_start(*, channel: str, weeks: int, user: Any) -> None:
    """Raise ``PricingError`` where no test can be started whatever the prices are."""
    if ecomai.PRICING_FOUR_EYES and getattr(user, "pk", None) is None:
        raise PricingError(_("Two people must approve a price: log in, so that it is known who does."))
    if not 2 <= weeks <= LONGEST or weeks % 2:
        raise PricingError(_("A test takes an even number of weeks, 2 to %(most)d.") % {"most": LONGEST})
    if not adapter_applies(channel):
        raise PricingError(_("The adapter cannot write prices, so no test can run by itself."))


def price_test_approve(*, test: PriceTest, user: Any, now: datetime | None = None) -> PriceTest:
    """The second of two people lets a test begin, next Monday at the earliest: its weeks move there in their order.

    Raises ``PricingError`` when it does not wait for that, when nobody is named, for the person who started it, and for
    a product whose price has changed since or is to change.
    """
    at = now or timezone.now()
    with transaction.atomic():
        held = locked_rows(PriceTest.objects.filter(pk=test.pk)).select_related("product").get()
        if held.state != PriceTest.State.ASKED:
            raise PricingError(_("This test does not wait for a second person."))
        if getattr(user, "pk", None) in (None, held.started_by_id):
            raise PricingError(
                _("You have approved “%(product)s” already: somebody else must do so too.") % {"product": held.product}
            )
        if held.product.price != held.base_price:
            raise PricingError(
                _("The price of “%(product)s” has changed: start a new test.") % {"product": held.product}
            )
        check_free(held.product_id)
        first = last_monday(local_date(at)) + timedelta(days=7)
        # the last one first, so that no two weeks of the test are ever the same
        for week in held.weeks.order_by("-week"):
            week.week += first - held.starts_on
            week.save(update_fields=["week"])
        held.state, held.starts_on, held.approved_by = PriceTest.State.RUNNING, first, user
        held.save(update_fields=["state", "starts_on", "approved_by"])
        change_log(objects=[held], user=user, lines=[log_line("approved_second")])
    return held


def weeks_of(test: PriceTest, lower: Sequence[bool]) -> list[PriceTestWeek]:
    """The weeks of a test, unsaved, from its first Monday on."""
    return [
        PriceTestWeek(test=test, week=test.starts_on + timedelta(days=7 * number), price=test.low if one else test.high)
        for number, one in enumerate(lower)
    ]


def weeks_drawn(weeks: int, seed: int) -> list[bool]:
    """Which weeks have the lower price: one of each two, drawn."""
    draw = random.Random(seed)
    found: list[bool] = []
    for _number in range(0, weeks, 2):
        first = draw.random() < 0.5
        found += [first, not first]
    return found[:weeks]
