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
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint
from django_ecomai.pricing.models import CompetitorMatch, PriceChange, PriceProposal, PriceSelection
from django_ecomai.pricing.services import (
    PricingError,
    approval_select,
    change_undo,
    changes_apply,
    competitors_matching,
    prices_watch,
    proposals_approve,
    proposals_make,
    proposals_reject,
    selection_came,
    selection_confirm,
    selection_execute,
    selections,
    undo_select,
)
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services import undo as undo_room
from django_ecomai.pricing.services import watch as watch_room
from django_ecomai.pricing.services.competitors_deciding import match_declare
from django_ecomai.testing import product_make

from .adapters import LiveShop, PricedShop
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


def user_make() -> User:
    return User.objects.create_superuser("boss")


def test_two_workers_of_one_approval_of_many_decide_each_price_once(
    shop: PricedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "PART", {"approve": 3, "undo": 3})
    user = user_make()
    for number in range(30):
        product = priced_product(external_id=f"s{number}")
        proposal_make(product, family=f"p{number % 3}" if number < 9 else "")
    selection = approval_select(rows=PriceProposal.objects.all(), user=user)
    selection_confirm(selection=selection, user=user)
    works = [lambda: selection_execute(selection=PriceSelection.objects.get())] * 3
    at_once(*works)
    came = selection_came(selection)
    assert (came.done, came.left_out, came.waiting) == (30, 0, 0)
    assert set(PriceProposal.objects.values_list("state", "batch")) == {("approved", selection.batch)}
    assert LogEntry.objects.filter(content_type__model="priceproposal").count() == 30


def test_two_confirmations_of_one_choice_are_one(shop: PricedShop) -> None:
    user = user_make()
    proposal_make()
    selection = approval_select(rows=PriceProposal.objects.all(), user=user)
    found = at_once(*[lambda: selection_confirm(selection=selection, user=user)] * 3)
    assert sum(isinstance(one, PricingError) for one in found) == 2


def test_an_approval_of_many_and_a_rejection_at_once_leave_one_of_them(
    shop: PricedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "PART", {"approve": 5, "undo": 5})
    user = user_make()
    rows = [proposal_make(family=f"p{number // 4}") for number in range(20)]
    selection = approval_select(rows=PriceProposal.objects.all(), user=user)
    selection_confirm(selection=selection, user=user)
    at_once(
        lambda: selection_execute(selection=PriceSelection.objects.get()),
        *[lambda row=row: proposals_reject(proposals=[row], reason="no") for row in rows[::4]],
    )
    came = selection_came(selection)
    families = PriceProposal.objects.values("family").annotate(states=Count("state", distinct=True))
    assert {one["states"] for one in families} == {1}
    # A rejection takes back what is approved and waits, so every family ends rejected; each was decided or left out.
    assert set(PriceProposal.objects.values_list("state", flat=True)) == {"rejected"}
    assert came.done + came.left_out == 20 and came.waiting == 0


def test_many_are_taken_back_once_by_two_workers_and_a_person(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selections, "PART", {"approve": 4, "undo": 4})
    user = user_make()
    for number in range(20):
        product = priced_product(external_id=f"u{number}")
        family = f"p{number % 2}" if number < 6 else ""
        proposal_make(product, state="approved", batch="b", family=family)
        live_shop.now[f"u{number}"] = Decimal("10")
    assert len(changes_apply().changes) == 20
    selection = undo_select(rows=PriceChange.objects.all(), user=user)
    selection_confirm(selection=selection, user=user)
    change = PriceChange.objects.order_by("pk").first() or PriceChange()
    at_once(
        *[lambda: selection_execute(selection=PriceSelection.objects.get())] * 2,
        lambda: change_undo(change=change, user=user),
    )
    came = selection_came(selection)
    assert came.waiting == 0 and came.done + came.left_out == 20
    assert PriceChange.objects.filter(kind="undo").count() == 20 and len(live_shop.written) == 40
    assert set(live_shop.now.values()) == {Decimal("10")}


def test_while_a_price_is_taken_back_no_other_one_is_written(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shop is slow to take the price before, and nobody waits for a lock meanwhile."""
    row = proposal_make(priced_product(external_id="u"), state="approved")
    live_shop.now["u"] = Decimal("10")
    (change,) = changes_apply(proposals=[row]).changes
    PricePoint.objects.update(valid_from=timezone.now() - timedelta(days=9))
    change.product.refresh_from_db()
    later = proposal_make(change.product, state="approved", old_price=Decimal("10.5"), new_price=Decimal("10.8"))
    begun, tried, real = threading.Event(), threading.Event(), undo_room.write_price

    def slow(*args: Any, **more: Any) -> Any:
        begun.set()
        assert tried.wait(timeout=10)
        return real(*args, **more)

    monkeypatch.setattr(undo_room, "write_price", slow)

    def apply() -> Any:
        assert begun.wait(timeout=10)
        try:
            return changes_apply(proposals=[later])
        finally:
            tried.set()

    undone, applied = at_once(lambda: change_undo(change=change), apply)
    assert (undone.kind, applied.problems, live_shop.now) == ("undo", [later], {"u": Decimal("10")})
    later.refresh_from_db()
    assert (later.state, later.held_code, len(live_shop.written)) == ("approved", "being_undone", 2)


def test_a_worker_that_is_slow_and_one_that_takes_over_note_one_change(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has written when the second takes its row for left behind: the price is written once and noted once."""
    proposal_make(priced_product(external_id="slow"), state="approved")
    live_shop.now["slow"] = Decimal("10")
    written, taken = threading.Event(), threading.Event()
    real = apply_room._read_back

    def slowly(*args: Any, **kwargs: Any) -> None:
        if not written.is_set():
            written.set()
            taken.wait(timeout=10)
        real(*args, **kwargs)

    monkeypatch.setattr(apply_room, "_read_back", slowly)

    def second() -> Any:
        assert written.wait(timeout=10)
        PriceProposal.objects.update(writing_since=timezone.now() - apply_room.LEFT_BEHIND - timedelta(seconds=1))
        found = changes_apply()
        taken.set()
        return found

    first, other = at_once(changes_apply, second)
    assert (len(first.changes), len(other.changes)) == (0, 1)
    assert PriceChange.objects.count() == 1 and live_shop.written == [("slow", Decimal("10.5"))]
    assert PriceProposal.objects.get().state == "applied"


@pytest.mark.parametrize("breaks", [True, False])
def test_a_call_that_hangs_until_another_worker_has_written(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch, breaks: bool
) -> None:
    """What the second wrote and noted stays, whether the call of the first comes back or fails."""
    proposal_make(priced_product(external_id="slow"), state="approved")
    live_shop.now["slow"] = Decimal("10")
    inside, taken, calls = threading.Event(), threading.Event(), []
    real = LiveShop.apply_price

    def slowly(self: LiveShop, ident: str, price: Any) -> None:
        calls.append(ident)
        if len(calls) == 1:
            inside.set()
            assert taken.wait(timeout=30)
            if breaks:
                raise TimeoutError("gateway")
        real(self, ident, price)

    monkeypatch.setattr(LiveShop, "apply_price", slowly)

    def second() -> Any:
        assert inside.wait(timeout=30)
        PriceProposal.objects.update(writing_since=timezone.now() - apply_room.LEFT_BEHIND - timedelta(seconds=1))
        found = changes_apply()
        taken.set()
        return found

    first, other = at_once(changes_apply, second)
    assert (len(first.changes), len(first.failed), len(other.changes)) == (0, 0, 1)
    assert live_shop.now == {"slow": Decimal("10.5")} and PriceChange.objects.count() == 1
    assert PriceProposal.objects.get().state == "applied"


def test_what_follows_is_let_into_the_file_once(reading_shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_room, "_canary", lambda *given: watch_room.Canary())  # those that go first did well
    given = {"batch": "b", "decided_by": User.objects.create_user("anna")}
    proposal_make(priced_product(external_id="first"), state="applied", is_canary=True, **given)
    for number in range(20):
        product = priced_product(external_id=f"f{number}")
        proposal_make(product, state="scheduled", apply_at=timezone.now() - timedelta(hours=1), **given)
    found = at_once(*[prices_watch] * 3)
    assert sum(one.released for one in found) == 20 and not any(one.errors for one in found)
    assert PriceProposal.objects.filter(state="approved", apply_at__isnull=False).count() == 20
    assert LogEntry.objects.count() == 20


def test_one_of_two_approvals_counts(shop: PricedShop) -> None:
    row = proposal_make()
    found = at_once(*[lambda: proposals_approve(proposals=[row])] * 2)
    assert sum(isinstance(one, PricingError) for one in found) == 1
    assert PriceProposal.objects.get().state == "approved"
