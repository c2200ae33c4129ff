"""A worker that takes prices back is killed, or slow: the note that he leaves, who finishes it, who waits for it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelectionPart, PriceTest
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    price_test_start,
    prices_watch,
    selection_came,
    selection_confirm,
    selection_execute,
    undo_claim,
    undo_select,
)
from django_ecomai.pricing.services import undo as undo_room

from .adapters import LiveShop
from .factories import priced_product, proposal_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")
HOUR = timedelta(hours=1)
BUSY = "is being taken back: try again in some minutes"


def in_the_shop(live_shop: LiveShop, number: int = 2, family: str = "p1") -> list[PriceChange]:
    """A family at 10.50 that was at 10.00."""
    for at in range(number):
        proposal_make(priced_product(external_id=f"a{at}"), state="approved", family=family, batch="b")
        live_shop.now[f"a{at}"] = TEN
    assert changes_apply().as_dict()["applied"] == number
    return list(PriceChange.objects.order_by("pk"))


def killed(monkeypatch: pytest.MonkeyPatch, change: PriceChange, *, at: str, **asked: Any) -> None:
    """Taking back ends within the write of the product ``at``, as by ``kill -9``."""
    real = LiveShop.restore_price

    def dies(self: LiveShop, ident: str, price: Any, list_price: Any) -> None:
        if ident == at:
            raise SystemExit(1)
        real(self, ident, price, list_price)

    with monkeypatch.context() as patch:
        patch.setattr(LiveShop, "restore_price", dies)
        with pytest.raises(SystemExit):
            change_undo(change=change, **asked)


def killed_early(monkeypatch: pytest.MonkeyPatch, change: PriceChange) -> None:
    """As by ``kill -9`` after the note, before the shop was asked."""

    def dies(*_args: Any, **_asked: Any) -> None:
        raise SystemExit(1)

    with monkeypatch.context() as patch:
        patch.setattr(undo_room, "shop_prices", dies)
        patch.setattr(undo_room, "undo_release", lambda _undoing: None)
        with pytest.raises(SystemExit):
            change_undo(change=change)


def noted() -> int:
    return PriceChange.objects.exclude(undoing_since=None).count()


class TestFinished:
    def test_who_wanted_it_and_why_stay_known(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        change, _other = in_the_shop(live_shop)
        first, second = (User.objects.create_user(name) for name in ("first", "second"))
        killed(monkeypatch, change, at="a1", user=first, kind="rollback")
        with pytest.raises(PricingError, match=BUSY):
            change_undo(change=change, user=second)
        undone = change_undo(change=change, user=second, now=timezone.now() + HOUR)
        assert (undone.kind, undone.user, live_shop.now) == ("rollback", first, {"a0": TEN, "a1": TEN})
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"undone"}
        assert live_shop.written[2:] == [("a0", TEN), ("a1", TEN)] and noted() == 0

    def test_the_watch_counts_a_roll_back_once_per_price(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, _other = in_the_shop(live_shop)
        killed(monkeypatch, change, at="a0", kind="rollback")
        assert prices_watch(now=timezone.now()).rolled_back == 0 and noted() == 2
        found = prices_watch(now=timezone.now() + HOUR)
        assert (found.rolled_back, found.messages, found.errors) == (2, [], 0)
        assert PriceChange.objects.filter(kind="rollback").count() == 2 and noted() == 0

    def test_list_prices_are_those_of_before_the_first_write(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        live_shop.listed = {"a0": Decimal(12), "a1": Decimal(12)}
        change, _other = in_the_shop(live_shop)
        killed(monkeypatch, change, at="a1")
        prices_watch(now=timezone.now() + HOUR)
        assert live_shop.listed == {"a0": Decimal(12), "a1": Decimal(12)}
        told = PriceChange.objects.filter(kind="undo").values_list("old_list_price", "new_list_price")
        assert list(told) == [(TEN, Decimal(12))] * 2

    def test_a_price_that_somebody_has_set_meanwhile_leaves_the_family_as_it_was(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, _other = in_the_shop(live_shop)
        killed(monkeypatch, change, at="a1")
        live_shop.now["a1"] = Decimal(11)
        (told,) = prices_watch(now=timezone.now() + HOUR).messages
        assert "costs 11 by now, not 10.5" in str(told)
        assert live_shop.now == {"a0": NEW, "a1": Decimal(11)} and noted() == 0
        assert not PriceChange.objects.exclude(undone_at=None).exists()

    def test_a_shop_that_cannot_be_read_is_asked_again(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, _other = in_the_shop(live_shop)
        killed(monkeypatch, change, at="a1")
        live_shop.unreadable = {"a1"}
        (told,) = prices_watch(now=timezone.now() + HOUR).messages
        assert "KeyError" in str(told) and noted() == 2
        live_shop.unreadable = set()
        assert prices_watch(now=timezone.now() + HOUR).messages == []
        assert live_shop.now == {"a0": TEN, "a1": TEN} and noted() == 0

    def test_what_was_chosen_with_many_counts_as_taken_back_with_them(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, _other = in_the_shop(live_shop)
        user = User.objects.create_superuser("boss")
        selection = undo_select(rows=PriceChange.objects.all(), user=user)
        selection = selection_confirm(selection=selection, user=user)
        killed(monkeypatch, change, at="a1", user=user, selection=selection)
        came = selection_execute(selection=selection)
        assert (came.done, dict(came.skipped)) == (0, {"being_undone": 2})
        assert PriceSelectionPart.objects.get().has_errors  # the next attempt looks at them again
        prices_watch(now=timezone.now() + HOUR)
        selection_execute(selection=selection)
        came = selection_came(selection)
        assert (came.done, came.left_out) == (2, 0)


class TestNothingWritten:
    def test_the_note_goes_and_the_prices_stay(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        change, _other = in_the_shop(live_shop)
        killed_early(monkeypatch, change)
        assert noted() == 2
        found = prices_watch(now=timezone.now() + HOUR)
        assert (noted(), found.messages, live_shop.now) == (0, [], {"a0": NEW, "a1": NEW})
        assert not PriceChange.objects.exclude(kind="apply").exists()

    def test_a_price_test_that_was_stopped_for_it_goes_on(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, test = self.under_test(live_shop)
        killed_early(monkeypatch, change)
        test.refresh_from_db()
        assert test.state == "stopped"
        prices_watch(now=timezone.now() + HOUR)
        test.refresh_from_db()
        assert (test.state, test.reason) == ("running", "")

    def test_so_does_one_whose_price_the_shop_refuses(self, live_shop: LiveShop) -> None:
        change, test = self.under_test(live_shop)
        live_shop.broken = {"a0"}
        with pytest.raises(PricingError, match="the till is closed"):
            change_undo(change=change)
        test.refresh_from_db()
        assert (test.state, test.reason, noted()) == ("running", "", 0)

    def test_unless_another_one_was_started_meanwhile(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, test = self.under_test(live_shop)
        killed_early(monkeypatch, change)
        self.start()
        prices_watch(now=timezone.now() + HOUR)
        assert list(PriceTest.objects.order_by("pk").values_list("state", flat=True)) == ["stopped", "running"]
        assert PriceTest.objects.order_by("pk")[0] == test

    def under_test(self, live_shop: LiveShop) -> tuple[PriceChange, PriceTest]:
        (change,) = in_the_shop(live_shop, 1, "")
        PricePoint.objects.update(valid_from=timezone.now() - timedelta(days=9))
        return change, self.start()

    def start(self) -> PriceTest:
        return price_test_start(
            product=Product.objects.get(), low=Decimal("10.30"), high=Decimal("10.70"), weeks=2, seed=1
        )


class TestBeside:
    """Somebody else at the same product."""

    def next_price(self, change: PriceChange, **fields: Any) -> PriceProposal:
        product = Product.objects.get(pk=change.product_id)
        PricePoint.objects.update(valid_from=timezone.now() - timedelta(days=9))
        return proposal_make(product, old_price=product.price, new_price=Decimal("10.8"), **fields)

    def test_a_scheduled_price_waits(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        (change,) = in_the_shop(live_shop, 1, "")
        row = self.next_price(change, state="scheduled", apply_at=timezone.now())
        killed(monkeypatch, change, at="a0")
        assert prices_watch(now=timezone.now()).applied == 0
        row.refresh_from_db()
        assert (row.state, row.writing_since, live_shop.now) == ("scheduled", None, {"a0": NEW})
        prices_watch(
            now=timezone.now() + HOUR
        )  # the price before is back: what was worked out from the other is not due
        row.refresh_from_db()
        assert (row.state, row.held_code, live_shop.now) == ("stale", "price_changed", {"a0": TEN})

    def test_another_one_waits(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        (change,) = in_the_shop(live_shop, 1, "")
        row = self.next_price(change, state="approved")
        killed(monkeypatch, change, at="a0")
        found = changes_apply()
        row.refresh_from_db()
        assert (found.problems, found.as_dict()) == ([row], {"applied": 0, "stale": 0, "failed": 0})
        assert (row.state, live_shop.now) == ("approved", {"a0": NEW}) and BUSY in row.held_words

    def test_an_older_change_of_the_product_is_not_taken_back_beside_it(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (older,) = in_the_shop(live_shop, 1, "")
        self.next_price(older, state="approved")
        (newer,) = changes_apply().changes
        killed(monkeypatch, newer, at="a0")
        with pytest.raises(PricingError, match=BUSY):
            change_undo(change=older)

    def test_who_is_slow_leaves_the_rest_to_who_has_taken_over(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change, _other = in_the_shop(live_shop)
        taken = timezone.now() + timedelta(minutes=1)
        real = LiveShop.restore_price

        def slow(self: LiveShop, ident: str, price: Any, list_price: Any) -> None:
            real(self, ident, price, list_price)
            PriceChange.objects.update(undoing_since=taken)

        monkeypatch.setattr(LiveShop, "restore_price", slow)
        monkeypatch.setattr(undo_claim, "LEFT_BEHIND", timedelta(0))  # he asks before each write
        with pytest.raises(PricingError, match=BUSY):
            change_undo(change=change)
        assert live_shop.now == {"a0": TEN, "a1": NEW} and noted() == 2
        assert not PriceChange.objects.exclude(kind="apply").exists()

    def test_who_is_slow_at_the_last_write_notes_nothing(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (change,) = in_the_shop(live_shop, 1, "")
        real = LiveShop.restore_price

        def slow(self: LiveShop, ident: str, price: Any, list_price: Any) -> None:
            real(self, ident, price, list_price)
            PriceChange.objects.update(undoing_since=timezone.now() - HOUR)

        monkeypatch.setattr(LiveShop, "restore_price", slow)
        with pytest.raises(PricingError, match=BUSY):
            change_undo(change=change)
        assert not PriceChange.objects.exclude(kind="apply").exists()
        monkeypatch.setattr(LiveShop, "restore_price", real)
        prices_watch(now=timezone.now())
        assert PriceChange.objects.filter(kind="undo").count() == 1 and live_shop.now == {"a0": TEN}
