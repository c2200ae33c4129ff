"""A price that a killed worker left half-way, in a shop that cannot be read: only a clear answer settles it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.adapters.rows import ProductRow
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import PricingError, change_undo, changes_apply, prices_watch
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services.apply import LEFT_BEHIND
from django_ecomai.pricing.services.unread import TOLD_AFTER, prices_unread
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from tests.clients import read

from .adapters import LiveShop
from .factories import priced_product, proposal_make
from .pages import LIST, page

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")
WAITS = (
    "A worker stopped while it wrote 10.5, and the shop does not say whether it has that price. It is asked again "
    "every hour. KeyError: 'a0'"
)


def left(number: int = 1, *, ago: timedelta = LEFT_BEHIND + timedelta(seconds=1), **fields: Any) -> list[PriceProposal]:
    """As a worker leaves them that was killed so long ago while it wrote them."""
    since = timezone.now() - ago
    given = {"state": "writing", "writing_since": since, "batch": "b", **fields}
    return [proposal_make(priced_product(external_id=f"a{at}"), **given) for at in range(number)]


def standing() -> list[tuple[str, datetime | None]]:
    return list(PriceProposal.objects.order_by("pk").values_list("state", "writing_since"))


def words() -> list[str]:
    return [row.held_words for row in PriceProposal.objects.order_by("pk")]


@pytest.fixture
def away(live_shop: LiveShop) -> LiveShop:
    """A shop that raises when products are read."""
    live_shop.now, live_shop.unreadable = {"a0": TEN, "a1": TEN}, {"a0"}
    return live_shop


class TestWaits:
    def test_it_stays_as_it_is_and_says_why(self, away: LiveShop) -> None:
        (row,) = left()
        before = standing()
        found = prices_watch()
        assert (found.unread, found.failed, found.applied, found.errors) == (1, 0, 0, 0)
        assert [str(one) for one in found.messages] == [f"Product a0: {WAITS}"]
        assert standing() == before == [("writing", row.writing_since)] and words() == [WAITS]
        assert away.written == [] and not PriceChange.objects.exists()

    def test_every_hour_asks_again(self, away: LiveShop) -> None:
        left()
        before = standing()
        assert [prices_watch().unread for _hour in range(3)] == [1, 1, 1] and standing() == before

    @pytest.mark.parametrize(
        ("price", "applied", "state", "told", "written"),
        [
            (TEN, 1, "applied", "", [("a0", NEW)]),
            (NEW, 1, "applied", "", []),
            (
                Decimal("10.4"),
                0,
                "failed",
                "A worker stopped while it wrote 10.5, and the shop has 10.4 now: nobody knows who wrote that. Set the "
                "price that you want in the shop.",
                [],
            ),
        ],
        ids=["the old price", "the new price", "another price"],
    )
    def test_the_first_clear_answer_settles_it(
        self, price: Decimal, applied: int, state: str, told: str, written: list[Any], away: LiveShop
    ) -> None:
        left()
        prices_watch()
        away.now["a0"], away.unreadable = price, set()
        found = prices_watch()
        assert (found.applied, found.failed, found.unread) == (applied, 1 - applied, 0)
        assert standing() == [(state, None)] and words() == [told] and away.written == written
        changes = PriceChange.objects.values_list("old_price", "new_price")
        assert list(changes) == ([(TEN, NEW)] if applied else [])

    def test_a_shop_of_which_nothing_can_be_read(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(self: LiveShop, table: str, *, since: Any = None, pks: Sequence[Any] = ()) -> Iterator[ProductRow]:
            raise ConnectionError("no route to the shop")

        live_shop.now = {"a0": NEW, "a1": TEN}
        left(2)
        with monkeypatch.context() as patched:
            patched.setattr(LiveShop, "rows_of", fails)
            assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 0}
        assert all(told.endswith("every hour. ConnectionError: no route to the shop") for told in words())
        assert changes_apply().as_dict() == {"applied": 2, "stale": 0, "failed": 0}
        assert live_shop.written == [("a1", NEW)]

    def test_a_product_that_the_shop_leaves_out_is_no_answer(self, live_shop: LiveShop) -> None:
        left()
        assert prices_watch().unread == 1
        assert words()[0].endswith("every hour. The shop could not tell its price of now.")

    @pytest.mark.parametrize("raises", [True, False])
    def test_until_the_copy_knows_that_it_is_gone(self, raises: bool, live_shop: LiveShop) -> None:
        left()
        live_shop.unreadable = {"a0"} if raises else set()
        Product.objects.update(removed_at=timezone.now())
        assert prices_watch().failed == 1 and standing() == [("failed", None)]

    def test_a_product_without_a_price_is_one(self, live_shop: LiveShop) -> None:
        left()
        live_shop.now = {"a0": None}  # type: ignore[dict-item]
        assert prices_watch().failed == 1 and words() == ["The shop could not tell its price of now."]

    def test_what_nobody_has_begun_to_write_has_failed_as_before(self, away: LiveShop) -> None:
        proposal_make(priced_product(external_id="a0"), state="approved")
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 1} and words() == ["KeyError: 'a0'"]


class TestFamilies:
    def test_one_that_cannot_be_read_keeps_all_waiting(self, away: LiveShop) -> None:
        left(2, family="p1")
        away.now["a1"] = NEW
        before = standing()
        assert changes_apply().unread == list(PriceProposal.objects.order_by("pk"))
        assert standing() == before and away.written == []
        assert {told[-26:] for told in words()} == {"Product a0: KeyError: 'a0'"}
        away.unreadable = set()
        assert changes_apply().as_dict() == {"applied": 2, "stale": 0, "failed": 0}
        assert away.written == [("a0", NEW)] and words() == ["", ""]

    def test_who_was_only_approved_stays_so(self, away: LiveShop) -> None:
        left(1, family="p1")
        proposal_make(priced_product(external_id="a1"), state="approved", family="p1", batch="b")
        since = standing()[0][1]
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 0}
        assert standing() == [("writing", since), ("approved", None)]

    def test_others_are_not_kept_waiting(self, away: LiveShop) -> None:
        left(1)
        proposal_make(priced_product(external_id="a1"), state="approved")
        assert changes_apply().as_dict() == {"applied": 1, "stale": 0, "failed": 0}
        assert away.written == [("a1", NEW)]


class TestTold:
    def test_after_three_hours_both_pages_say_so(self, away: LiveShop, boss: Client) -> None:
        text = "1 price was being put into the shop when a worker stopped, and for hours the shop has not said"
        pages = [reverse(LIST), reverse("admin:ecomai_dashboard_start_changelist")]
        left(ago=TOLD_AFTER - timedelta(minutes=5))
        prices_watch()
        assert not prices_unread().exists() and all(text not in read(boss.get(url)) for url in pages)
        PriceProposal.objects.update(writing_since=timezone.now() - TOLD_AFTER - timedelta(minutes=1))
        prices_watch()
        assert prices_unread().count() == 1 and all(text in read(boss.get(url)) for url in pages)
        assert f'<p class="ecomai-why">{WAITS.replace(chr(39), "&#x27;")}' in page(boss, query="?show=waiting")
        away.unreadable = set()
        prices_watch()
        assert text not in read(boss.get(pages[0]))

    def test_a_price_that_is_just_being_written_is_not_told(self, away: LiveShop, boss: Client) -> None:
        left(ago=timedelta(days=1))  # nobody has asked for it yet
        assert not prices_unread().exists()

    def test_in_german(self, away: LiveShop) -> None:
        left()
        prices_watch()
        with translation.override("de"):
            assert words() == [
                "Ein Arbeitsprozess brach ab, während er 10.5 schrieb, und der Shop sagt nicht, ob er diesen Preis "
                "hat. Er wird jede Stunde wieder gefragt. KeyError: 'a0'"
            ]

    def test_the_jobs_log_names_it_and_the_run_is_no_failure(self, away: LiveShop) -> None:
        left()
        run = run_now(kind="pricing.watch")
        assert run.state == Run.State.DONE and run.metrics["watch"]["unread"] == 1
        assert [log_text(line.split(" ", 1)[-1]) for line in run.log.splitlines() if "left_unread" in line]

    def test_the_api_names_it(self, away: LiveShop, boss: Client) -> None:
        (row,) = left()
        answer = boss.post("/ecomai/api/pricing/proposals/apply/", {}, content_type="application/json").json()
        assert answer == {"applied": 0, "stale": 0, "failed": 0, "problems": []}  # only approved ones were asked for
        asked = {"proposals": [row.pk]}
        answer = boss.post("/ecomai/api/pricing/proposals/apply/", asked, content_type="application/json").json()
        assert [(one["state"], one["reason"]) for one in answer["problems"]] == [("writing", WAITS)]


class TestMeanwhile:
    def test_nothing_of_the_product_is_taken_back(self, away: LiveShop) -> None:
        (row,) = left()
        change = PriceChange.objects.create(
            product=row.product, kind="apply", at=timezone.now(), currency="EUR", old_price=9, new_price=10
        )
        prices_watch()
        with pytest.raises(PricingError, match=r"A worker stopped while it wrote 10\.5, and the shop does not say"):
            change_undo(change=change)

    def test_an_error_before_the_shop_was_asked_forgets_not_since_when(
        self, away: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        left()
        before = standing()

        def broken(*args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(apply_room, "prices_refused", broken)
        with pytest.raises(ZeroDivisionError):
            changes_apply()
        assert standing() == before

    def test_a_clock_that_went_back_is_counted_from_now(self, away: LiveShop) -> None:
        left(ago=-timedelta(days=300))
        prices_watch()
        (since,) = [since for _state, since in standing() if since is not None]
        assert abs(timezone.now() - since) < timedelta(minutes=5)
