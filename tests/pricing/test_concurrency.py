"""Two workers at once: a price goes into the shop once. Needs a database with row locks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet

from django_ecomai.pricing.models import CompetitorMatch, PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    competitors_matching,
    proposals_approve,
    proposals_make,
)
from django_ecomai.pricing.services.competitors_deciding import match_declare
from django_ecomai.testing import product_make

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .market import offer_make
from .shop import NOW, shop_make

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one at a time"),
]


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each gives, or the ``PricingError`` that it raises."""
    barrier = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return work()
        except PricingError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def test_workers_never_write_the_same_price_twice(shop: PricedShop) -> None:
    for number in range(30):
        proposal_make(priced_product(external_id=f"w{number}"), state="approved")
    found = at_once(*[changes_apply] * 3)
    assert sum(len(one.changes) for one in found) == 30
    assert len(shop.written) == 30 and len({ident for ident, _price in shop.written}) == 30
    assert PriceChange.objects.count() == 30
    change = PriceChange.objects.order_by("pk").first() or PriceChange()
    results = at_once(*[lambda: change_undo(change=change)] * 3)
    assert sum(isinstance(one, PricingError) for one in results) == 2
    assert shop.written[30:] == [(change.product.external_id, Decimal("10"))]


def test_workers_share_no_family(shop: PricedShop) -> None:
    for number in range(24):
        product = priced_product(external_id=f"f{number}")
        proposal_make(product, state="approved", family=f"p{number % 4}", batch="b")
    shop.broken = {"f0"}
    found = at_once(*[changes_apply] * 3)
    assert sum(len(one.changes) for one in found) == 18
    assert sum(len(one.failed) for one in found) == 6 and not any(one.stale for one in found)
    prices = dict(shop.written)  # by time: the last one stays
    assert {prices.get(f"f{number}", Decimal("10")) for number in range(0, 24, 4)} == {Decimal("10")}
    assert len(shop.written) == 18


def test_an_approval_under_way_is_not_followed_by_another_row(shop: PricedShop) -> None:
    """A run that stores its prices while somebody approves waits, and then leaves the product alone."""
    shop_make((-3.0,))
    proposals_make(now=NOW)
    row = PriceProposal.objects.get()
    held, storing = threading.Event(), threading.Event()

    def person() -> None:
        with transaction.atomic():
            proposals_approve(proposals=[row])
            held.set()
            storing.wait(timeout=10)
            time.sleep(0.3)  # until the run waits for the lock

    def run() -> None:
        held.wait(timeout=10)
        storing.set()
        proposals_make(now=NOW + timedelta(hours=1))

    at_once(person, run)
    assert list(PriceProposal.objects.values_list("pk", "state")) == [(row.pk, "approved")]


def test_a_search_and_a_person_never_accept_two_products_of_one_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    product_make(title="Lantern", attributes={"ean": "4006381333931"})
    offer, mine = offer_make(ean="4006381333931"), product_make(title="Mine")
    write = QuerySet.bulk_create
    writes = threading.Event()

    def slowly(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.model is CompetitorMatch:
            writes.set()
            time.sleep(0.5)  # the search has read what is decided: the person has to wait
        return write(self, *args, **kwargs)

    def person() -> None:
        assert writes.wait(timeout=10)
        match_declare(offer=offer, product=mine)

    monkeypatch.setattr(QuerySet, "bulk_create", slowly)
    at_once(competitors_matching.matches_find, person)
    rows = CompetitorMatch.objects.values_list("product__title", "state")
    assert set(rows) == {("Lantern", "rejected"), ("Mine", "accepted")}


def test_one_of_two_approvals_counts(shop: PricedShop) -> None:
    row = proposal_make()
    found = at_once(*[lambda: proposals_approve(proposals=[row])] * 2)
    assert sum(isinstance(one, PricingError) for one in found) == 1
    assert PriceProposal.objects.get().state == "approved"
