"""After a price test one of its prices stays: an approved proposal like any other, which can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal, PriceTest
from django_ecomai.pricing.price_test_results import tests_weekly
from django_ecomai.pricing.rulebook import Choice

from .allowed import facts_and_choices, price_refused
from .decide import PricingError, proposals_approve
from .shop import plain

State = PriceProposal.State


def price_tests_keep(
    *, tests: Sequence[PriceTest], higher: bool, user: Any = None, now: datetime | None = None
) -> list[PriceProposal]:
    """Approve the higher (or lower) price of tests of one shop that ran to their end; returns the proposals, for
    ``changes_apply``. Tests of a group that were stopped are left out.

    Expected of a price is what was sold at it, so it is watched and rolled back like any other. With
    ``PRICING_FOUR_EYES`` the first person's approval is noted, and the second one keeps the price again. Raises
    ``PricingError``, and approves none, when no test has ended, when the shop's price is not that before the test any
    more, when a limit forbids the price now, and as ``proposals_approve`` does.
    """
    at = now or timezone.now()
    ended = _with_families(tests)
    if not ended:
        raise PricingError(_("A price can be kept when the test has run to its end."))
    channel = ended[0].channel
    with transaction.atomic():
        keys = sorted({test.product_id for test in ended})
        _proposals_lock(ended)  # before the products, as everybody does
        products = {one.pk: one for one in locked_rows(Product.objects.filter(pk__in=keys).order_by("pk"))}
        facts, choices = facts_and_choices(channel=channel, product_ids=keys, now=at)
        known = {one.pk: (one, choice) for one, choice in zip(facts, choices, strict=True)}
        if PriceProposal.objects.filter(product__in=keys, state__in=PriceProposal.UNDER_WAY).exists():
            raise PricingError(_("A price is approved already, and waits to be put into the shop."))
        weekly, rows = tests_weekly(ended), []
        for test in ended:
            price = test.kept(test.high if higher else test.low)
            found = known.get(test.product_id)
            if problem := _problem(test, products[test.product_id], found, price):
                raise PricingError(f"{products[test.product_id]}: {problem}")
            if found is not None:
                rows.append(_row(test, found[0], price, weekly[test.pk]["high" if higher else "low"], at=at))
        approved = proposals_approve(proposals=rows, user=user)
        change_log(objects=ended, user=user, lines=[log_line("keep_higher" if higher else "keep_lower")])
    return approved


def _proposals_lock(tests: Sequence[PriceTest]) -> None:
    """What a run has proposed meanwhile is decided by nobody else until the end of the transaction, nor are the prices
    of the others of their families, which are approved with them."""
    families = Q(channel=tests[0].channel, family__in={test.family for test in tests} - {""})
    rows = PriceProposal.objects.filter(families | Q(product__in={test.product_id for test in tests}))
    rows = rows.filter(state__in=(*PriceProposal.UNDECIDED, *PriceProposal.UNDER_WAY)).order_by("pk")
    list(locked_rows(rows).values_list("pk", flat=True))


def _with_families(tests: Sequence[PriceTest]) -> list[PriceTest]:
    """Those that ran to their end, and the tests of their price families."""
    found = {test.pk: test for test in tests if test.state == PriceTest.State.DONE}
    for group, family in {(test.group_id, test.family) for test in found.values() if test.family}:
        others = PriceTest.objects.filter(group=group, family=family, state=PriceTest.State.DONE)
        found |= {test.pk: test for test in others if test.pk not in found}
    return list(found.values())


def _problem(test: PriceTest, product: Product, known: tuple[Facts, Choice] | None, price: Decimal) -> str:
    if known is None:
        return _("The product is not on sale any more.")
    if product.price == price:
        return _("The shop has this price already.")
    if product.price != test.base_price:
        named = {"price": plain(product.price), "base": plain(test.base_price)}
        return _("It costs %(price)s by now, not %(base)s as before the test.") % named
    return str(price_refused(*known, price))


def _row(
    test: PriceTest, facts: Facts, price: Decimal, sold: tuple[float | None, float | None], *, at: datetime
) -> PriceProposal:
    """The undecided proposal of this price, at which so many pieces and so much profit came per week; what a run has
    proposed meanwhile gives way to it, and no run writes over it while it waits for the second of two people."""
    old = PriceProposal.objects.filter(undecided=test.product_id).first()
    if old is not None and (old.state, old.old_price, old.new_price) == (State.OPEN, facts.price, price):
        return old  # approved by the first of two
    if old is not None:
        old.delete()
    weeks = ecomai.PRICING_HORIZON_DAYS / 7
    units, profit = sold
    return PriceProposal.objects.create(
        channel=test.channel, product_id=test.product_id, undecided=test.product_id, made_at=at, state=State.OPEN,
        old_price=facts.price, new_price=price, list_price=facts.list_price, cost=facts.cost, tax=float(facts.tax),
        currency=facts.currency, family=test.family, from_test=True, horizon_days=ecomai.PRICING_HORIZON_DAYS,
        trail=[["target", None, float(price)]], goal="profit", risk=PriceProposal.Risk.LOW,
        strength=PriceProposal.Strength.NONE,
        units_new=None if units is None else units * weeks, profit_new=None if profit is None else profit * weeks,
        revenue_new=None if units is None else units * weeks * float(price),
    )  # fmt: skip
