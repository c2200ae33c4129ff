"""Many prices by one confirmation: exactly those that were chosen, each checked again, whatever happens meanwhile."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied
from django.utils import timezone, translation

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.held import why_of
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection, PriceSelectionPart
from django_ecomai.pricing.selection_job import came_words, selection_start
from django_ecomai.pricing.services import (
    PricingError,
    approval_select,
    changes_apply,
    prices_watch,
    selection_came,
    selection_confirm,
    selection_execute,
    selection_skipped,
    selections,
    selections_parts,
    undo_select,
)
from django_ecomai.runs.models import Run
from django_ecomai.runs.selectors import run_log
from django_ecomai.runs.services import run_cancel, run_execute, run_now, run_start

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of two, so that a few rows are several parts."""
    monkeypatch.setattr(selections, "PART", {"approve": 2, "undo": 2})


@pytest.fixture
def user() -> User:
    return user_make("boss", "decide_priceproposal", "apply_priceproposal", "undo_pricechange")


def user_make(name: str, *codenames: str) -> User:
    user = User.objects.create_user(name)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def rows_make(number: int, **fields: Any) -> list[PriceProposal]:
    return [proposal_make(priced_product(external_id=f"a{at}", title=f"A{at}"), **fields) for at in range(number)]


def approve(user: User, **options: Any) -> PriceSelection:
    selection = approval_select(rows=PriceProposal.objects.all(), user=user)
    return selection_confirm(selection=selection, user=user, **options)


def states() -> dict[str, str]:
    return dict(PriceProposal.objects.order_by("pk").values_list("product__external_id", "state"))


def why_skipped(selection: PriceSelection) -> dict[str, str]:
    return {title: str(why_of(reason)) for _pk, title, reason in selection_skipped(selection)}


class TestChoosing:
    def test_what_was_chosen_is_stored_as_it_stood(self, user: User) -> None:
        rows_make(5, gain=2.0, gain_low=1.0, gain_high=3.0)
        proposal_make(state="held")
        selection = approval_select(rows=PriceProposal.objects.all(), user=user, filters={"risk": "low"})
        assert (selection.number, selection.made_by, selection.filters) == (5, user, {"risk": "low"})
        assert (selection.sums["up"], selection.sums["gains"]) == (5, {"EUR": [10.0, 5.0, 15.0]})
        assert [len(part.rows) for part in selection.parts.all()] == [2, 2, 1]
        assert selection.parts.all()[0].rows[0][1] == "10.5000"

    def test_no_part_cuts_a_family(self, user: User) -> None:
        rows = rows_make(7)
        PriceProposal.objects.filter(pk__in=[row.pk for row in rows[::2]]).update(family="p1")
        selection = approval_select(rows=PriceProposal.objects.all(), user=user)
        families = dict(PriceProposal.objects.values_list("pk", "family"))
        of_parts = [{families[pk] for pk, _price in part.rows} for part in selection.parts.all()]
        assert sum("p1" in one for one in of_parts) == 1

    def test_none_is_no_choice_and_leaves_nothing(self, user: User) -> None:
        with pytest.raises(PricingError, match="open for a decision"):
            approval_select(rows=PriceProposal.objects.all(), user=user)
        assert not PriceSelection.objects.exists()

    def test_what_nobody_confirms_is_forgotten(self, user: User) -> None:
        rows_make(1)
        old = approval_select(rows=PriceProposal.objects.all(), user=user)
        kept = approve(user)
        PriceSelection.objects.update(made_at=timezone.now() - timedelta(days=3))
        approval_select(rows=PriceProposal.objects.all(), user=user)
        assert not PriceSelection.objects.filter(pk=old.pk).exists()
        assert PriceSelection.objects.filter(pk=kept.pk).exists()


class TestConfirming:
    def test_it_is_confirmed_once_by_who_may_and_for_the_number_that_was_seen(self, user: User) -> None:
        rows_make(3)
        selection = approval_select(rows=PriceProposal.objects.all(), user=user)
        with pytest.raises(PricingError, match="of 3 prices, not of 4"):
            selection_confirm(selection=selection, user=user, number=4)
        with pytest.raises(PermissionDenied):
            selection_confirm(selection=selection, user=user_make("reader"))
        decider = user_make("decider", "decide_priceproposal")
        with pytest.raises(PermissionDenied):
            selection_confirm(selection=selection, user=decider, canary_share=0.5)
        for options in ({"canary_share": 1.0}, {"apply_at": timezone.now() - timedelta(minutes=1)}):
            with pytest.raises(PricingError):
                selection_confirm(selection=selection, user=user, **options)
        selection_confirm(selection=selection, user=decider, number=3)
        with pytest.raises(PricingError, match="confirmed before"):
            selection_confirm(selection=selection, user=user)

    def test_nothing_happens_without_it(self, user: User) -> None:
        rows_make(1)
        selection = approval_select(rows=PriceProposal.objects.all(), user=user)
        with pytest.raises(PricingError, match="Nobody has confirmed"):
            selection_execute(selection=selection)
        assert run_now(kind="pricing.approve", parameters={"selection": selection.pk}).state == "failed"
        assert set(states().values()) == {"open"}


class TestApproving:
    def test_each_is_checked_again_and_what_is_left_out_says_why(self, shop: PricedShop, user: User) -> None:
        rows = rows_make(8)
        selection = approve(user)
        Product.objects.filter(external_id="a0").update(price="12.00")
        Product.objects.filter(external_id="a1").update(cost="10.60")
        PriceProposal.objects.filter(pk=rows[2].pk).update(new_price="9.00")
        PriceProposal.objects.filter(pk=rows[3].pk).update(state="rejected", undecided=None)
        rows[4].delete()
        late = proposal_make(priced_product(external_id="late"))
        came = selection_execute(selection=selection)
        assert came.as_dict() == {
            "done": 3, "first": 0, "waiting": 0, "left_out": 5,
            "skipped": {"price_changed": 1, "limits_forbid": 1, "other_price": 1, "not_open": 1, "gone": 1},
        }  # fmt: skip
        assert states() == {
            "a0": "stale", "a1": "open", "a2": "open", "a3": "rejected", "a5": "approved", "a6": "approved",
            "a7": "approved", "late": "open",
        }  # fmt: skip
        assert why_skipped(selection) == {
            "A0": "The shop has changed the price to 12 since it was worked out.",
            "A1": "Its limits do not allow this price any more: "
            "at least 10.60 EUR (its cost); at most 11.00 EUR (the largest change per day).",
            "A2": "A later run proposes 9, not the 10.5 that was looked at.",
            "A3": "It is not open any more, but rejected.",
            "–": "It does not exist any more.",
        }
        late.refresh_from_db()
        assert late.batch == "" and set(
            PriceProposal.objects.filter(state="approved").values_list("batch", flat=True)
        ) == {selection.batch}

    def test_again_changes_nothing(self, shop: PricedShop, user: User) -> None:
        rows_make(5)
        selection = approve(user)
        first = selection_execute(selection=selection)
        decided = list(PriceProposal.objects.values_list("pk", "decided_at"))
        assert selection_execute(selection=selection) == first and first.done == 5
        assert list(PriceProposal.objects.values_list("pk", "decided_at")) == decided
        PriceSelectionPart.objects.update(done_at=None, done=0)  # as if nothing had been noted
        assert selection_execute(selection=selection).done == 5
        assert list(PriceProposal.objects.values_list("pk", "decided_at")) == decided

    def test_one_that_breaks_leaves_the_others_and_is_tried_again(
        self, shop: PricedShop, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = rows_make(5)
        selection = approve(user)
        real = selections_parts.approve_rows

        def broken(some: list[PriceProposal], *args: Any, **kwargs: Any) -> None:
            if rows[2].pk in {row.pk for row in some}:
                raise ZeroDivisionError("by nothing")
            real(some, *args, **kwargs)

        monkeypatch.setattr(selections_parts, "approve_rows", broken)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (4, {"error": 1})
        assert "ZeroDivisionError: by nothing" in why_skipped(selection)["A2"]
        monkeypatch.setattr(selections_parts, "approve_rows", real)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (5, {}) and set(states().values()) == {"approved"}

    def test_a_right_that_is_taken_away_stops_it(
        self, shop: PricedShop, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows_make(6)
        selection = approve(user)

        def taken(done: int, number: int) -> None:
            if done == 4:
                user.user_permissions.clear()

        with pytest.raises(PermissionDenied, match="not do it any more"):
            selection_execute(selection=selection, progress=taken)
        came = selection_came(selection)
        assert (came.done, came.waiting) == (4, 2)
        user.user_permissions.set(Permission.objects.filter(codename="decide_priceproposal"))
        assert selection_execute(selection=selection).done == 6

    def test_somebody_who_has_left_the_company_approves_nothing(self, shop: PricedShop, user: User) -> None:
        rows_make(2)
        selection = approve(user)
        User.objects.update(is_active=False)
        with pytest.raises(PermissionDenied):
            selection_execute(selection=selection)
        assert set(states().values()) == {"open"}

    def test_two_people_where_the_shop_wants_two(self, shop: PricedShop, user: User, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        rows_make(3)
        came = selection_execute(selection=approve(user))
        assert (came.done, came.first) == (0, 3) and set(states().values()) == {"open"}
        again = approve(user)
        assert selection_execute(selection=again).skipped == {"same_person": 3}
        assert "somebody else must approve it too" in why_skipped(again)["A0"]
        other = user_make("second", "decide_priceproposal")
        assert selection_execute(selection=approve(other)).done == 3

    def test_a_family_is_approved_as_a_whole_or_not(self, shop: PricedShop, user: User) -> None:
        rows = rows_make(5)
        PriceProposal.objects.filter(pk__in=[row.pk for row in rows[:3]]).update(family="p1")
        selection = approve(user)
        PriceProposal.objects.filter(pk=rows[1].pk).update(new_price="9.00")
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (2, {"other_price": 1, "family_differs": 2})
        PriceProposal.objects.filter(pk=rows[1].pk).update(new_price="10.50")
        Product.objects.filter(external_id="a1").update(cost="10.60")
        assert selection_execute(selection=approve(user)).skipped == {"limits_forbid": 1, "family_left_out": 2}

    def test_a_part_goes_first(self, shop: PricedShop, user: User, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 10}
        rows_make(60)
        selection = approve(user, canary_share=0.25)
        assert selection_execute(selection=selection).done == 60
        first = PriceProposal.objects.filter(is_canary=True)
        assert 8 <= first.count() <= 22 and set(first.values_list("state", flat=True)) == {"approved"}
        assert set(PriceProposal.objects.filter(is_canary=False).values_list("state", flat=True)) == {"scheduled"}

    @pytest.mark.parametrize("share", [0.01, 0.99])
    def test_somebody_goes_first_and_somebody_follows(self, share: float) -> None:
        groups = [str(number) for number in range(8)]
        for place in range(50):
            drawn = selections_parts.first_go(groups, share=share, batch="b", place=place, none_yet=True)
            assert 1 <= len(drawn) <= 7
        found = [
            len(selections_parts.first_go(groups, share=0.3, batch="b", place=place, none_yet=False))
            for place in range(400)
        ]
        assert set(found) == {2, 3} and 2.3 < sum(found) / 400 < 2.5  # 2.4 of 8

    def test_a_moment_that_has_passed_while_the_job_waited_is_now(
        self, shop: PricedShop, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows_make(2)
        selection = approve(user, apply_at=timezone.now() + timedelta(hours=1))
        PriceSelection.objects.update(apply_at=timezone.now() - timedelta(hours=1))
        selection.refresh_from_db()
        selection_execute(selection=selection)
        assert set(states().values()) == {"scheduled"}
        assert prices_watch().applied == 2


class TestTheJob:
    def test_it_approves_then_the_prices_go_into_the_shop(
        self, shop: PricedShop, user: User, django_capture_on_commit_callbacks: Any
    ) -> None:
        rows_make(5)
        selection = approve(user)
        Product.objects.filter(external_id="a0").update(price="12.00")
        with django_capture_on_commit_callbacks(execute=True):
            run = selection_start(selection)
        run.refresh_from_db()
        assert (run.state, run.metrics["decided"]["done"]) == (Run.State.DONE, 4), run.error
        assert run.message == "4 approved, 1 were left out."
        assert len(shop.written) == 4 and PriceChange.objects.filter(batch=selection.batch).count() == 4
        assert "Left out, 1: The shop has changed the price since it was worked out." in run_log(run, 4000)
        with translation.override("de"):
            assert "Ausgelassen, 1: Der Shop hat den Preis seit der Berechnung geändert." in run_log(run, 4000)

    def test_without_the_right_to_put_them_there_they_wait(self, shop: PricedShop) -> None:
        rows_make(3)
        run = run_now(
            kind="pricing.approve", parameters={"selection": approve(user_make("d", "decide_priceproposal")).pk}
        )
        assert run.state == Run.State.DONE and set(states().values()) == {"approved"} and shop.written == []

    @pytest.mark.django_db(transaction=True)
    def test_cancelled_half_way_it_goes_on_later(
        self, shop: PricedShop, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows_make(6)
        selection = approve(user)
        run = run_start(kind="pricing.approve", parameters={"selection": selection.pk}, via="queue")
        real = selections.approve_part
        looked: list[int] = []

        def cancelling(*args: Any) -> int:
            looked.append(1)
            if len(looked) == 2:
                run_cancel(run=Run.objects.get(pk=run.pk), user=user)
            return real(*args)

        monkeypatch.setattr(selections, "approve_part", cancelling)
        # Only the run's clock: five seconds between any two looks at it.
        clock = SimpleNamespace(monotonic=itertools.count(0, 5).__next__, strftime=time.strftime)
        monkeypatch.setattr("django_ecomai.runs.services.context.time", clock)
        assert run_execute(run_id=run.pk).state == Run.State.CANCELLED
        came = selection_came(selection)
        assert 0 < came.done < 6 and came.waiting == 6 - came.done
        assert came_words(selection, came).endswith("were not looked at.")
        assert run_now(kind="pricing.approve", parameters={"selection": selection.pk}).state == Run.State.DONE
        assert set(states().values()) <= {"approved", "applied"} and selection_came(selection).done == 6

    def test_a_selection_is_no_other_kind_of_job(self, shop: PricedShop, user: User) -> None:
        rows_make(1)
        selection = approve(user)
        for kind, key in (("pricing.undo", selection.pk), ("pricing.approve", 0), ("pricing.approve", "x")):
            assert run_now(kind=kind, parameters={"selection": key}).state == "failed"
        assert (
            run_now(kind="pricing.approve", channel="other", parameters={"selection": selection.pk}).state == "failed"
        )


class TestTakingBack:
    def applied(self, shop: PricedShop, number: int = 5, **fields: Any) -> None:
        rows_make(number, state="approved", batch="b", **fields)
        assert len(changes_apply().changes) == number

    def back(self, user: User, **options: Any) -> PriceSelection:
        selection = undo_select(rows=PriceChange.objects.all(), user=user, **options)
        return selection_confirm(selection=selection, user=user)

    def test_all_go_back_and_what_the_shop_has_changed_stays(self, shop: PricedShop, user: User) -> None:
        self.applied(shop)
        Product.objects.filter(external_id="a1").update(price="9.00")
        selection = self.back(user)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (4, {"costs_by_now": 1})
        assert why_skipped(selection) == {"A1": "“A1” costs 9 by now, not 10.5: nothing was changed."}
        assert states() == {"a0": "undone", "a1": "applied", "a2": "undone", "a3": "undone", "a4": "undone"}
        assert PriceChange.objects.filter(kind="undo", selection=selection).count() == 4
        written = len(shop.written)
        assert selection_execute(selection=selection) == came and len(shop.written) == written
        PriceSelectionPart.objects.update(done_at=None, done=0, skipped=[], skipped_number=0)  # killed before it noted
        assert selection_execute(selection=selection) == came and len(shop.written) == written

    def test_a_shop_that_fails_half_way_is_asked_again(self, live_shop: LiveShop, user: User) -> None:
        live_shop.now = dict.fromkeys((f"a{at}" for at in range(5)), TEN)
        self.applied(live_shop)
        live_shop.broken = {"a2"}
        selection = self.back(user)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (4, {"shop_refused": 1})
        assert why_skipped(selection) == {"A2": "The shop did not take the price: RuntimeError: the till is closed"}
        live_shop.broken = set()
        again = selection_execute(selection=self.back(user))
        assert again.done == 1 and set(live_shop.now.values()) == {TEN}

    def test_what_limits_forbid_waits_for_a_confirmation_of_its_own(self, shop: PricedShop, user: User) -> None:
        self.applied(shop, 3)
        Product.objects.filter(external_id="a1").update(cost="10.20")
        selection = self.back(user)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (2, {"against_limits": 1})
        assert why_skipped(selection)["A1"].startswith("“A1” does not get 10 back. Its limits do not allow")
        assert "10.20 EUR (its cost)" in why_skipped(selection)["A1"]
        rows = PriceChange.objects.filter(
            pk__in=[pk for pk, _t, _w in selection_skipped(selection, code="against_limits")]
        )
        against = undo_select(rows=rows, user=user, against_limits=True)
        assert selection_execute(selection=selection_confirm(selection=against, user=user)).done == 1
        assert shop.written[-1] == ("a1", TEN)

    def test_a_family_goes_back_once(self, shop: PricedShop, user: User) -> None:
        self.applied(shop, 5, family="p1")
        selection = self.back(user)
        assert selection_execute(selection=selection).as_dict()["done"] == 5
        assert len(shop.written) == 10

    def test_two_changes_of_one_product_go_back_one_after_the_other(self, shop: PricedShop, user: User) -> None:
        self.applied(shop, 1)
        product = Product.objects.get(external_id="a0")
        proposal_make(product, state="approved", batch="c", old_price=NEW, new_price=Decimal("11"))
        assert len(changes_apply(now=timezone.now() + timedelta(days=8)).changes) == 1
        assert selection_execute(selection=self.back(user)).done == 2
        assert [price for _ident, price in shop.written] == [NEW, 11, NEW, TEN]

    def test_an_error_in_one_leaves_the_others(
        self, shop: PricedShop, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.applied(shop, 4)
        real = selections_parts.change_undo

        def broken(*, change: PriceChange, **kwargs: Any) -> PriceChange:
            if change.product.external_id == "a1":
                raise ZeroDivisionError("by nothing")
            return real(change=change, **kwargs)

        monkeypatch.setattr(selections_parts, "change_undo", broken)
        selection = self.back(user)
        assert selection_execute(selection=selection).skipped == {"error": 1}
        monkeypatch.setattr(selections_parts, "change_undo", real)
        came = selection_execute(selection=selection)
        assert (came.done, came.skipped) == (4, {})

    def test_the_job(self, shop: PricedShop, user: User) -> None:
        self.applied(shop, 3)
        run = run_now(kind="pricing.undo", parameters={"selection": self.back(user).pk})
        assert (run.state, run.message) == (Run.State.DONE, "3 prices were taken back, 0 were left out."), run.error

    def test_only_who_may_take_back(self, shop: PricedShop) -> None:
        self.applied(shop, 1)
        selection = undo_select(rows=PriceChange.objects.all())
        with pytest.raises(PermissionDenied):
            selection_confirm(selection=selection, user=user_make("clerk", "decide_priceproposal"))

    def test_a_limit_is_looked_up_with_few_queries(
        self, shop: PricedShop, user: User, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selections, "PART", {"approve": 50, "undo": 50})
        rule_make(action="limits", min_margin=0.1)
        self.applied(shop, 40)
        selection = self.back(user)
        with django_assert_max_num_queries(60 + 32 * 40):
            assert selection_execute(selection=selection).done == 40
