"""Putting prices into the shop: what happens when others write too, when something breaks, and to whole families."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    AgainstLimits,
    PricingError,
    change_undo,
    changes_apply,
    prices_watch,
    proposals_approve,
    proposals_make,
)
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services.apply import LEFT_BEHIND
from django_ecomai.pricing.steering import margin_weights
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make
from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")


def approved(number: int = 3, **fields: Any) -> list[PriceProposal]:
    given = {"state": "approved", "batch": "b", **fields}
    return [proposal_make(priced_product(external_id=f"a{at}"), **given) for at in range(number)]


def left_behind(row: PriceProposal) -> None:
    """As a worker leaves it that is killed while it writes."""
    since = timezone.now() - LEFT_BEHIND - timedelta(seconds=1)
    PriceProposal.objects.filter(pk=row.pk).update(state="writing", writing_since=since)


def states() -> dict[str, str]:
    return dict(PriceProposal.objects.order_by("pk").values_list("product__external_id", "state"))


def reasons() -> set[str]:
    return {row.held_words for row in PriceProposal.objects.all()}


def user_make(name: str, *codenames: str) -> User:
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


class TestFamilies:
    def test_naming_one_member_takes_the_others_along(self, shop: PricedShop) -> None:
        rows = approved(3, family="p1")
        assert changes_apply(proposals=[rows[1]]).as_dict()["applied"] == 3

    def test_the_job_never_cuts_through_one(self, shop: PricedShop) -> None:
        rows = approved(102)
        PriceProposal.objects.filter(pk__in=[rows[0].pk, rows[101].pk]).update(family="p1")
        shop.broken = {"a101"}
        boss = User.objects.create_superuser("boss")
        keys = [row.pk for row in rows]
        run = run_now(kind="pricing.apply", parameters={"user": boss.pk, "proposals": keys})
        assert run.state == Run.State.DONE, run.error
        assert run.metrics["applied"] == {"applied": 100, "stale": 0, "failed": 2}
        assert states()["a0"] == states()["a101"] == "failed"
        assert [price for ident, price in shop.written if ident == "a0"] == [NEW, TEN]

    def variants(self, *prices: str) -> tuple[Product, list[Product]]:
        parent = priced_product(external_id="parent")
        each = [priced_product(external_id=f"v{at}", parent=parent, price=price) for at, price in enumerate(prices)]
        return parent, each

    @pytest.mark.parametrize(("price", "state"), [("10.00", "stale"), ("10.50", "applied")])
    def test_a_member_without_a_proposal_has_that_price_already(self, price: str, state: str, shop: PricedShop) -> None:
        parent, (first, _second) = self.variants("10.00", price)
        proposal_make(first, state="approved", family=f"p{parent.pk}")
        changes_apply()
        assert states() == {"v0": state}
        assert len(shop.written) == (state == "applied")
        if state == "stale":
            assert "of the same family costs 10 and has no approved price" in reasons().pop()

    def test_two_prices_for_one_family_are_none(self, shop: PricedShop) -> None:
        parent, (first, second) = self.variants("10.00", "10.00")
        proposal_make(first, state="approved", family=f"p{parent.pk}")
        proposal_make(second, state="approved", family=f"p{parent.pk}", new_price=Decimal("10.20"))
        assert changes_apply().as_dict() == {"applied": 0, "stale": 2, "failed": 0}
        assert shop.written == [] and reasons() == {"The approved prices of its family differ."}

    def test_one_that_is_scheduled_for_later_counts_with_its_price_of_today(self, shop: PricedShop) -> None:
        parent, (first, second) = self.variants("10.00", "10.00")
        later = timezone.now() + timedelta(days=3)
        proposal_make(first, state="approved", family=f"p{parent.pk}", new_price=Decimal("9.50"))
        proposal_make(second, state="scheduled", apply_at=later, family=f"p{parent.pk}", new_price=Decimal("9.00"))
        assert changes_apply().as_dict() == {"applied": 0, "stale": 1, "failed": 0}
        assert shop.written == [] and states() == {"v0": "stale", "v1": "scheduled"}

    def test_a_family_that_comes_from_an_attribute(self, shop: PricedShop) -> None:
        rule_make(action="limits", family_attribute="line")
        one = priced_product(external_id="one", attributes={"line": "north"})
        priced_product(external_id="other", attributes={"line": ["south", "north"]})
        priced_product(external_id="stranger", attributes={"line": "east"}, price="99.00")
        proposal_make(one, state="approved", family="line=north")
        assert changes_apply().as_dict()["stale"] == 1
        assert "of the same family costs 10" in reasons().pop()

    def test_a_product_that_came_into_a_family_waits(self, shop: PricedShop) -> None:
        _parent, (variant,) = self.variants("10.00")
        proposal_make(variant, state="approved", family="")
        changes_apply()
        assert reasons() == {"It is in a price family by now: wait for the next run."} and shop.written == []

    def test_four_eyes_see_the_whole_family(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        first, second = user_make("first"), user_make("second")
        old = proposal_make(priced_product(external_id="old"), family="p1", seconded_by=first)
        proposal_make(priced_product(external_id="new"), family="p1")
        proposals_approve(proposals=[old], user=second)
        assert states() == {"old": "open", "new": "open"}
        assert set(PriceProposal.objects.values_list("seconded_by", flat=True)) == {second.pk}
        proposals_approve(proposals=[old], user=first)
        assert states() == {"old": "approved", "new": "approved"}

    def test_a_price_that_cannot_be_set_back_is_told(self, live_shop: LiveShop) -> None:
        approved(3, family="p1")
        live_shop.now = dict.fromkeys(("a0", "a1", "a2"), TEN)
        live_shop.later_broken = 2
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 3}
        (reason,) = reasons()
        assert reason.count("could not be set back to 10: RuntimeError: the line is dead") == 2


class TestWhoWroteIt:
    def test_a_price_that_the_merchant_set_himself_is_not_ours(self, shop: PricedShop) -> None:
        approved(1)
        Product.objects.update(price="10.50")
        assert changes_apply().as_dict() == {"applied": 0, "stale": 1, "failed": 0}
        assert not PriceChange.objects.exists() and shop.written == []

    def test_what_a_killed_worker_wrote_is_ours_and_not_written_again(self, shop: PricedShop) -> None:
        (row,) = approved(1)
        left_behind(row)
        Product.objects.update(price="10.50")
        assert changes_apply().as_dict() == {"applied": 1, "stale": 0, "failed": 0}
        assert shop.written == [] and states() == {"a0": "applied"}
        assert PriceChange.objects.get().old_price == 10

    def test_what_it_had_not_written_yet_is_written_by_the_next_hour(self, shop: PricedShop) -> None:
        (row,) = approved(1)
        left_behind(row)
        assert prices_watch().applied == 1
        assert shop.written == [("a0", NEW)]

    def test_what_another_worker_is_writing_is_left_alone(self, shop: PricedShop) -> None:
        (row,) = approved(1)
        PriceProposal.objects.filter(pk=row.pk).update(state="writing", writing_since=timezone.now())
        assert changes_apply(proposals=[row]).as_dict() == {"applied": 0, "stale": 0, "failed": 0}
        assert prices_watch().applied == 0 and shop.written == []

    def test_half_a_family_that_was_left_behind_and_is_forbidden_by_now_goes_back(self, shop: PricedShop) -> None:
        for row in approved(2, family="p1"):
            left_behind(row)
        Product.objects.filter(external_id="a0").update(price="10.50")
        Product.objects.filter(external_id="a1").update(cost="10.80")
        assert changes_apply().as_dict() == {"applied": 0, "stale": 2, "failed": 0}
        assert shop.written == [("a0", TEN)]

    def test_nothing_is_held_while_the_shop_is_written_to(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approved(1)
        seen = []
        monkeypatch.setattr(
            type(shop), "apply_price", lambda self, ident, price: seen.append(PriceProposal.objects.get().state)
        )
        changes_apply()
        assert seen == ["writing"]

    def test_an_error_before_anything_is_written_leaves_them_approved(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approved(1)

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(apply_room, "prices_refused", broken)
        with pytest.raises(ZeroDivisionError):
            changes_apply()
        row = PriceProposal.objects.get()
        assert (row.state, row.writing_since) == ("approved", None)

    def test_scheduled_ones_are_only_taken_when_due_and_by_the_watch(self, shop: PricedShop) -> None:
        later = timezone.now() + timedelta(days=5)
        (row,) = approved(1, state="scheduled", apply_at=later)
        assert changes_apply(proposals=[row]).as_dict()["applied"] == 0
        assert changes_apply(proposals=[row], states=("scheduled",)).as_dict()["applied"] == 0
        assert shop.written == [] and states() == {"a0": "scheduled"}
        assert prices_watch(now=later).applied == 1

    def test_of_two_rows_of_one_product_only_the_newer_counts(self, shop: PricedShop) -> None:
        product = priced_product(external_id="twin")
        proposal_make(product, state="approved", new_price=Decimal("3.00"))
        proposal_make(product, state="approved", new_price=NEW)
        assert changes_apply().as_dict() == {"applied": 1, "stale": 1, "failed": 0}
        assert shop.written == [("twin", NEW)]

    def test_few_queries_however_the_rows_were_read(self, shop: PricedShop, django_assert_max_num_queries: Any) -> None:
        approved(40)
        rows = list(PriceProposal.objects.only("pk"))
        with django_assert_max_num_queries(45 + 2 * 40):
            changes_apply(proposals=rows)
        assert len(shop.written) == 40


class TestAskingTheShop:
    def test_one_that_cannot_be_read_fails_alone(self, live_shop: LiveShop) -> None:
        approved(3)
        live_shop.now = {"a0": TEN, "a1": TEN}
        live_shop.unreadable = {"a1"}
        assert changes_apply().as_dict() == {"applied": 1, "stale": 0, "failed": 2}
        assert live_shop.written == [("a0", NEW)]
        assert states() == {"a0": "applied", "a1": "failed", "a2": "failed"}
        assert reasons() == {"", "KeyError: 'a1'", "The shop could not tell its price of now."}

    def test_another_currency_is_another_price(self, live_shop: LiveShop) -> None:
        approved(1)
        live_shop.now, live_shop.currencies = {"a0": TEN}, {"a0": "USD"}
        assert changes_apply().as_dict()["stale"] == 1
        assert reasons() == {"The currency of its price has changed to USD."} and live_shop.written == []

    def test_what_the_shop_made_of_a_price_is_what_is_stored(self, live_shop: LiveShop) -> None:
        approved(1, new_price=Decimal("9.99"))
        live_shop.now, live_shop.cent = {"a0": TEN}, Decimal("0.1")
        assert changes_apply().as_dict()["applied"] == 1
        change = PriceChange.objects.get()
        assert (change.new_price, Product.objects.get().price) == (Decimal("9.90"), Decimal("9.90"))
        change_undo(change=change)
        assert live_shop.now == {"a0": TEN}

    def test_a_rounded_price_that_breaks_a_limit_goes_back(self, live_shop: LiveShop) -> None:
        rule_make(name="MAP", action="limits", map_attribute="map")
        approved(1, new_price=Decimal("9.99"))
        Product.objects.update(attributes={"map": "9.95"})
        live_shop.now, live_shop.cent = {"a0": TEN}, Decimal("0.1")
        assert changes_apply().as_dict()["failed"] == 1
        assert live_shop.now == {"a0": TEN} and not PriceChange.objects.exists()
        (reason,) = reasons()
        assert reason.startswith("The shop made 9.9 of 9.99. Its limits do not allow") and "9.95" in reason

    def test_a_price_that_did_not_arrive_has_failed(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        approved(1)
        live_shop.now = {"a0": TEN}
        monkeypatch.setattr(LiveShop, "apply_price", lambda self, ident, price: None)
        assert changes_apply().as_dict()["failed"] == 1
        assert reasons() == {"The shop still has the price 10 after it was written."}


class TestUndo:
    def family(self, shop: PricedShop) -> PriceChange:
        approved(3, family="p1")
        changes_apply()
        return PriceChange.objects.order_by("pk")[0]

    def test_a_shop_that_refuses_one_gets_the_others_set_again(self, live_shop: LiveShop) -> None:
        live_shop.now = dict.fromkeys(("a0", "a1", "a2"), TEN)
        change = self.family(live_shop)
        live_shop.broken = {"a2"}
        with pytest.raises(PricingError, match="the till is closed"):
            change_undo(change=change)
        assert live_shop.now == dict.fromkeys(("a0", "a1", "a2"), NEW)
        assert set(states().values()) == {"applied"} and PriceChange.objects.count() == 3
        live_shop.broken = set()
        change_undo(change=change)
        assert live_shop.now == dict.fromkeys(("a0", "a1", "a2"), TEN)

    def test_what_could_not_be_set_again_is_told(self, live_shop: LiveShop) -> None:
        live_shop.now = dict.fromkeys(("a0", "a1", "a2"), TEN)
        change = self.family(live_shop)
        live_shop.later_broken = 4  # three written, and the first taken back
        with pytest.raises(PricingError, match=r"could not be set back to 10\.5"):
            change_undo(change=change)

    def test_what_was_interrupted_is_finished(self, live_shop: LiveShop) -> None:
        live_shop.now = dict.fromkeys(("a0", "a1", "a2"), TEN)
        change = self.family(live_shop)
        live_shop.now["a0"] = TEN  # a worker that was killed had begun
        change_undo(change=change)
        assert [ident for ident, _price in live_shop.written[3:]] == ["a1", "a2"]
        assert set(states().values()) == {"undone"}

    @pytest.mark.parametrize(
        "now", [{"cost": "10.20"}, {"attributes": {"map": "10.40"}}], ids=["cost", "least advertised price"]
    )
    def test_a_price_that_a_limit_forbids_by_now_comes_back_only_when_confirmed(
        self, now: dict[str, Any], shop: PricedShop
    ) -> None:
        rule_make(name="MAP", action="limits", map_attribute="map")
        approved(1)
        changes_apply()
        Product.objects.update(**now)
        change = PriceChange.objects.get()
        with pytest.raises(AgainstLimits, match="does not get 10 back"):
            change_undo(change=change)
        assert shop.written == [("a0", NEW)] and states() == {"a0": "applied"}
        change_undo(change=change, confirmed=True)
        assert shop.written[-1] == ("a0", TEN)

    def test_steps_per_day_do_not_keep_a_price_from_coming_back(self, shop: PricedShop) -> None:
        rule_make(action="limits", max_change_day=0.1)
        approved(1, new_price=Decimal("9.05"))
        changes_apply()
        change_undo(change=PriceChange.objects.get())  # 9.05 to 10.00 is more than 10 %
        assert shop.written[-1] == ("a0", TEN)

    def test_a_price_that_was_rolled_back_is_not_proposed_again_the_next_morning(self, shop: PricedShop) -> None:
        shop_make((-3.0,))
        proposals_make(now=NOW)
        proposals_approve(proposals=PriceProposal.objects.all())
        PriceProposal.objects.update(decided_at=NOW - timedelta(days=27))
        changes_apply(now=NOW)
        change_undo(change=PriceChange.objects.get(), kind="rollback", now=NOW + timedelta(days=8))
        assert proposals_make(now=NOW + timedelta(days=9)).proposals == 0


class TestWhoMay:
    @pytest.mark.parametrize("when", [{"apply_at": timezone.now() + timedelta(days=1)}, {"canary_share": 0.5}])
    def test_what_goes_into_the_shop_by_itself_needs_the_right_to_put_it_there(self, when: dict[str, Any]) -> None:
        rows = [proposal_make() for _number in range(4)]
        with pytest.raises(PermissionDenied, match="not say when"):
            proposals_approve(proposals=rows, user=user_make("clerk", "decide_priceproposal"), **when)
        assert set(states().values()) == {"open"}
        proposals_approve(proposals=rows, user=user_make("boss", "apply_priceproposal"), **when)
        assert "scheduled" in states().values()

    def test_a_price_that_was_not_seen_is_not_approved(self) -> None:
        row = proposal_make(new_price=Decimal("9.50"))
        with pytest.raises(PricingError, match=r"proposes 9\.5 for .*, not 10\.5: look at the new prices"):
            proposals_approve(proposals=[row], seen={row.pk: NEW})
        assert set(states().values()) == {"open"}
        proposals_approve(proposals=[row], seen={row.pk: Decimal("9.50")})
        assert set(states().values()) == {"approved"}


def test_margins_weigh_with_those_whose_gain_is_known(settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_STEERS": True}
    proposal_make(priced_product(external_id="known"), gain=1.0)
    proposal_make(priced_product(external_id="unknown"), gain=None)
    assert set(margin_weights("")) == {"known"}


def test_the_order_of_the_worklist_has_unknown_gains_last() -> None:
    for gain in (None, 1.0, 5.0):
        proposal_make(gain=gain)
    assert list(PriceProposal.objects.values_list("gain", flat=True)) == [5.0, 1.0, None]
