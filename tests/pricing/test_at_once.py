"""Two people, or a person and a worker, at the same moment. Needs a database with row locks."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceTest
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    price_test_group_start,
    price_test_groups,
    price_test_start,
    price_tests_keep,
    proposals_approve,
)
from django_ecomai.pricing.services import price_test_keep as keep_room
from django_ecomai.pricing.services import undo as undo_room

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .test_concurrency import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one at a time"),
]
TEN = Decimal("10")


def ended_test(product: Any) -> PriceTest:
    test = price_test_start(product=product, low=Decimal("9.80"), high=Decimal("10.20"), weeks=2, seed=1)
    PriceTest.objects.filter(pk=test.pk).update(state="done")
    test.refresh_from_db()
    return test


def test_an_approval_of_the_same_moment_is_not_deleted_by_keeping_a_tested_price(
    shop: PricedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = priced_product()
    row, test = proposal_make(product), ended_test(product)
    read, real = threading.Event(), PriceProposal.delete

    def slowly(self: PriceProposal, *args: Any, **more: Any) -> Any:
        read.set()
        time.sleep(0.5)  # it has been read as open
        return real(self, *args, **more)

    monkeypatch.setattr(PriceProposal, "delete", slowly)

    def person() -> Any:
        assert read.wait(timeout=10)
        return proposals_approve(proposals=[row])

    _kept, approved = at_once(lambda: price_tests_keep(tests=[test], higher=True), person)
    assert not approved or PriceProposal.objects.filter(pk=row.pk, state="approved").exists()


def test_taking_back_and_keeping_a_tested_price_do_not_wait_for_each_other_in_a_circle(
    shop: PricedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One locks proposals and then the product, the other the product and then the proposals."""
    product = priced_product()
    row = proposal_make(product, state="approved", batch="b")
    changes_apply(proposals=[row])
    PriceChange.objects.update(at=timezone.now() - timedelta(days=9))
    PricePoint.objects.all().delete()
    change = PriceChange.objects.get()
    product.refresh_from_db()
    proposal_make(product, old_price=product.price, new_price=Decimal("11"))
    test = ended_test(product)
    PriceTest.objects.filter(pk=test.pk).update(base_price=product.price, high=Decimal("10.90"))
    test.refresh_from_db()
    written, held = threading.Event(), threading.Event()
    write, facts = undo_room.write_price, keep_room.facts_and_choices

    def slow_write(*args: Any, **more: Any) -> Any:
        written.set()
        held.wait(timeout=10)
        return write(*args, **more)

    def slow_facts(*args: Any, **more: Any) -> Any:
        held.set()
        time.sleep(0.3)
        return facts(*args, **more)

    monkeypatch.setattr(undo_room, "write_price", slow_write)
    monkeypatch.setattr(keep_room, "facts_and_choices", slow_facts)

    def keep() -> Any:
        assert written.wait(timeout=10)
        try:
            return price_tests_keep(tests=[test], higher=True)
        except OperationalError as error:
            return error

    def undo() -> Any:
        try:
            return change_undo(change=change, confirmed=True)
        except OperationalError as error:
            return error

    found = at_once(undo, keep)
    assert not [one for one in found if isinstance(one, OperationalError)]


def test_two_people_who_start_a_test_of_one_family_at_once_start_one(
    shop: PricedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each names another product of the family, so that each locks another one."""
    parent = priced_product()
    first, second = (priced_product(parent=parent) for _one in range(2))
    barrier, real = threading.Barrier(2, timeout=3), price_test_groups.group_plan

    def together(**asked: Any) -> Any:
        found = real(**asked)
        with suppress(threading.BrokenBarrierError):  # the other one waits for a lock, as it should
            barrier.wait()
        return found

    monkeypatch.setattr(price_test_groups, "group_plan", together)

    def start(product: Any) -> Any:
        return price_test_group_start(product_ids=[product.pk], step=0.02, weeks=2, seed=1)

    found = at_once(lambda: start(first), lambda: start(second))
    assert sum(isinstance(one, PricingError) for one in found) == 1
    assert PriceTest.objects.count() == 2
