"""Price tests: two prices of a product alternate by week, in an order drawn before, the same for every visitor."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.adapters.base import get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.forecast.days import local_date
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts, product_facts
from django_ecomai.pricing.held import exact_amount, reason_text
from django_ecomai.pricing.limits import binding_limits, limits_build, problems
from django_ecomai.pricing.models import PriceChange, PriceTest, PriceTestWeek
from django_ecomai.pricing.reading import last_monday
from django_ecomai.pricing.rulebook import Choice, RuleBook

from .allowed import restoring_forbidden
from .decide import PricingError
from .shop import Former, Said, adapter_applies, mirror_follow, shop_prices, write_price

LONGEST = 26
#: Not over yet.
GOING = (PriceTest.State.ASKED, PriceTest.State.RUNNING)


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
    more than 26 weeks, a product in a price family or in a test, and an adapter that cannot write prices. With
    ``PRICING_FOUR_EYES`` it waits for ``price_test_approve`` of somebody else, and ``user`` must be known.
    """
    at = now or timezone.now()
    check_start(channel=product.channel, weeks=weeks, user=user)
    if not 0 < low < high:
        raise PricingError(_("The lower price must be above 0 and below the higher one."))
    if problem := price_test_problems(product=product, pairs=[(low, high)], now=at)[0]:
        raise PricingError(problem)
    first = last_monday(local_date(at)) + timedelta(days=7)
    with transaction.atomic():
        # one test per product: whoever starts two at once waits here
        held = locked_rows(Product.objects.filter(pk=product.pk)).get()
        if PriceTest.objects.filter(product=held, state__in=GOING).exists():
            raise PricingError(_("“%(product)s” is in a price test already.") % {"product": held})
        test = PriceTest.objects.create(
            channel=held.channel, product=held, base_price=held.price or 0, low=low, high=high,
            currency=held.currency, starts_on=first, seed=seed,
            state=PriceTest.State.ASKED if ecomai.PRICING_FOUR_EYES else PriceTest.State.RUNNING,
            started_by=user if getattr(user, "pk", None) is not None else None,
        )  # fmt: skip
        PriceTestWeek.objects.bulk_create(weeks_of(test, weeks_drawn(weeks, seed)))
        change_log(objects=[test], user=user, lines=[_("started")], added=True)
    return test


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
    a product whose price has changed since.
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
        first = last_monday(local_date(at)) + timedelta(days=7)
        # the last one first, so that no two weeks of the test are ever the same
        for week in held.weeks.order_by("-week"):
            week.week += first - held.starts_on
            week.save(update_fields=["week"])
        held.state, held.starts_on, held.approved_by = PriceTest.State.RUNNING, first, user
        held.save(update_fields=["state", "starts_on", "approved_by"])
        change_log(objects=[held], user=user, lines=[_("approved by the second of two")])
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


def price_test_stop(*, test: PriceTest, user: Any = None, reason: str, now: datetime | None = None) -> PriceTest:
    """End a test early and restore the price before it, unless the shop has changed it since."""
    with transaction.atomic():
        held = locked_rows(PriceTest.objects.filter(pk=test.pk)).select_related("product").get()
        if held.state not in GOING:
            raise PricingError(_("The test is over already."))
        _end(held, PriceTest.State.STOPPED, reason, now or timezone.now())
        change_log(objects=[held], user=user, lines=[_("stopped: %(reason)s") % {"reason": reason}])
    return held


def price_tests_advance(
    *, channel: str = "", now: datetime | None = None, tell: Callable[[str], Any] = lambda text: None
) -> int:
    """Bring every running test into its week; ended ones get the price before them back. Returns how many prices were
    written. A test whose price somebody else has changed is stopped, and so is one that a limit forbids by now."""
    at = now or timezone.now()
    written = 0
    running = PriceTest.objects.filter(channel=channel, state=PriceTest.State.RUNNING, starts_on__lte=local_date(at))
    for pk in list(running.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            test = locked_rows(PriceTest.objects.filter(pk=pk, state=PriceTest.State.RUNNING)).select_related("product")
            for held in test:
                written += _advance(held, at)
                if held.reason:
                    tell(f"{held.product}: {held.reason}")
    return written


def _advance(test: PriceTest, now: datetime) -> int:
    monday = last_monday(local_date(now))
    weeks = list(test.weeks.order_by("week"))
    if not weeks or weeks[-1].week < monday:
        return _end(test, PriceTest.State.DONE, "", now)
    week = next((one for one in weeks if one.week == monday), None)
    if week is None or week.applied_at is not None:
        return 0
    last = _last_price(test)
    said = _said_now(test)
    price = said.price
    if said.problem:
        return 0  # the shop could not be read: the next hour tries again
    if price != last:
        text = _("the shop has changed the price to %(price)s") % {"price": price}
        return _end(test, PriceTest.State.STOPPED, text, now)
    facts = _facts(test.product, now)
    if facts is None or (problem := _forbidden(test, facts, week.price, now)):
        return _end(test, PriceTest.State.STOPPED, _("not on sale") if facts is None else problem, now)
    if price != week.price and (problem := _set(test, said, Former(week.price), now)):
        return _end(test, PriceTest.State.STOPPED, problem, now)
    week.applied_at = now
    week.save(update_fields=["applied_at"])
    return int(price != week.price)


def _end(test: PriceTest, state: str, reason: str, now: datetime) -> int:
    """Restore the price before, if the shop still has that of the test's last week and no limit forbids it by now."""
    written = 0
    said = _said_now(test)
    if not said.problem and said.price != _last_price(test):
        # since when is not known: what was sold in that week says nothing
        last = test.weeks.filter(applied_at__isnull=False).order_by("-week").values("pk")[:1]
        PriceTestWeek.objects.filter(pk__in=[row["pk"] for row in last]).update(is_spoiled=True)
    if problem := str(said.problem):
        reason = f"{reason}; {problem}" if reason else problem
    elif said.price == _last_price(test) != test.base_price:
        forbidden = restoring_forbidden({test.product_id: test.base_price}, channel=test.channel, now=now)
        if problem := str(forbidden.get(test.product_id, "")) or _set(test, said, _base(test, said), now):
            reason = f"{reason}; {problem}" if reason else problem
        else:
            written = 1
    test.state, test.reason = state, reason[:500]
    test.save(update_fields=["state", "reason"])
    if test.family and state == PriceTest.State.STOPPED:
        written += _family_follows(test, now)
    return written


def _family_follows(test: PriceTest, now: datetime) -> int:
    """The others of a price family stop with the first of them, so that all have one price again."""
    others = PriceTest.objects.filter(group=test.group_id, family=test.family, state__in=GOING).order_by("pk")
    named = {"product": test.product, "reason": test.reason}
    return sum(
        _end(other, PriceTest.State.STOPPED, _("with “%(product)s”: %(reason)s") % named, now)
        for other in locked_rows(others).select_related("product")
    )


def _set(test: PriceTest, old: Said, new: Former, now: datetime) -> str:
    adapter = get_adapter(test.channel)
    if problem := write_price(adapter, test.product, new.price, former=new):
        return str(problem)
    after = _said_now(test)
    PriceChange.objects.create(
        channel=test.channel, product=test.product, kind=PriceChange.Kind.TEST, at=now, old_price=old.price or 0,
        new_price=new.price, old_list_price=old.list_price, new_list_price=after.list_price, knows_list_price=True,
        currency=test.currency, verdict=PriceChange.Verdict.UNKNOWN,
    )  # fmt: skip
    prices = {test.product.external_id: Former(new.price, after.list_price, True)}
    mirror_follow(adapter, channel=test.channel, prices=prices, now=now)
    return ""


def _base(test: PriceTest, now: Said) -> Former:
    """The price before the test, with the list price that was beside it, unless somebody has changed that since."""
    began = test.weeks.filter(applied_at__isnull=False).order_by("week").values_list("applied_at", flat=True).first()
    changes = PriceChange.objects.filter(
        product=test.product_id, kind=PriceChange.Kind.TEST, knows_list_price=True, at__gte=began or timezone.now()
    ).order_by("pk")
    first, last = changes.first(), changes.last()
    if first is None or last is None or last.new_list_price != now.list_price:
        return Former(test.base_price, now.list_price, first is not None)
    return Former(test.base_price, first.old_list_price, True)


def _last_price(test: PriceTest) -> Decimal:
    """What the test has put into the shop last; the price before while it has put none."""
    last = test.weeks.filter(applied_at__isnull=False).order_by("-week").first()
    return test.base_price if last is None else last.price


def _said_now(test: PriceTest) -> Said:
    """What the shop says now, or why it says nothing."""
    product = Product.objects.get(pk=test.product_id)
    return shop_prices(get_adapter(test.channel), products=[product])[product.external_id]


def _facts(product: Product, now: datetime) -> Facts | None:
    found = product_facts(
        channel=product.channel, product_ids=[product.pk], at=now, horizon_days=ecomai.PRICING_HORIZON_DAYS
    )  # fmt: skip
    return found[0] if found else None


def price_test_problems(
    *, product: Product, pairs: Sequence[tuple[Decimal, Decimal]], now: datetime | None = None
) -> list[str]:
    """Per pair of a lower and a higher price why limits forbid a test of them, "" where none does.

    Raises ``PricingError`` for a product that is not on sale. A fixed number of queries.
    """
    at = now or timezone.now()
    facts = _facts(product, at)
    if facts is None:
        raise PricingError(_("“%(product)s” is not on sale.") % {"product": product})
    choice = RuleBook(channel=product.channel, on=local_date(at)).of(facts)
    return [pair_problem(facts, choice, low, high) for low, high in pairs]


def pair_problem(facts: Facts, choice: Choice, low: Decimal, high: Decimal, *, whole_family: bool = False) -> str:
    """Why limits forbid two prices in turn, "" where none does: each from today's, and the step from one to the other.
    ``whole_family``: all products of its price family have them."""
    for before, after in ((facts.price, low), (facts.price, high), (low, high), (high, low)):
        moved = replace(facts, price=before, price_week_ago=before)
        if problem := _not_allowed(moved, choice, after, whole_family=whole_family):
            return problem
    return ""


def _forbidden(test: PriceTest, facts: Facts, price: Decimal, now: datetime) -> str:
    choice = RuleBook(channel=test.channel, on=local_date(now)).of(facts)
    # a family that has changed since is no family of the test
    return _not_allowed(facts, choice, price, whole_family=(test.family,) == choice.families)


def _not_allowed(facts: Facts, choice: Choice, price: Decimal, *, whole_family: bool = False) -> str:
    from django_ecomai.ml.pricing.guardrails import violations

    if choice.families and not whole_family:
        return _("Products of a price family cannot be tested alone.")
    if facts.cost is None:
        return _("Its cost is not known, so that no lower limit can be kept.")
    # Its own prices of the weeks before are neither another test nor a change that has to wait.
    found = next((one for one in problems(facts, choice) if one[0] not in ("in_test", "changed_today")), None)
    if found is not None:
        return reason_text(found[0], **found[1])
    limits = replace(limits_build([facts], [choice]), family=np.full(1, -1))
    if violations([float(price)], limits)[0]:
        told = binding_limits(limits, 0, choice, facts.currency)
        named = {"price": exact_amount(price, facts.currency), "limits": told}
        return _("Its limits do not allow %(price)s: %(limits)s.") % named
    return ""
