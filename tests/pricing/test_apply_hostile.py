"""What goes wrong between an approval and the shop: killed workers, shops that answer oddly, clocks, list prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceTest, PriceTestWeek
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    price_test_stop,
    prices_watch,
)
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services import decide as decide_room
from django_ecomai.pricing.services.apply import LEFT_BEHIND

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal("10"), Decimal("10.5")
TWELVE = Decimal("12.34")


def approved(number: int = 1, **fields: Any) -> list[PriceProposal]:
    given = {"state": "approved", "batch": "b", **fields}
    return [proposal_make(priced_product(external_id=f"a{at}"), **given) for at in range(number)]


def left_behind(row: PriceProposal, **fields: Any) -> None:
    since = timezone.now() - LEFT_BEHIND - timedelta(seconds=1)
    PriceProposal.objects.filter(pk=row.pk).update(**{"state": "writing", "writing_since": since, **fields})


def words() -> str:
    return PriceProposal.objects.get().held_words


class TestListPrices:
    @pytest.mark.parametrize("listed", [None, TEN, TWELVE])
    def test_what_applying_changed_is_put_back(self, listed: Decimal | None, live_shop: LiveShop) -> None:
        approved()
        live_shop.now, live_shop.listed = {"a0": TEN}, {"a0": listed}
        changes_apply()
        change = PriceChange.objects.get()
        assert live_shop.listed == {"a0": TEN}
        assert (change.old_list_price, change.new_list_price) == (listed, TEN)
        undone = change_undo(change=change)
        assert (live_shop.now, live_shop.listed) == ({"a0": TEN}, {"a0": listed})
        assert (undone.old_list_price, undone.new_list_price) == (TEN, listed)
        assert Product.objects.get().list_price == listed  # and in the copy

    def test_a_list_price_that_somebody_has_changed_since_stays(self, live_shop: LiveShop) -> None:
        approved()
        live_shop.now, live_shop.listed = {"a0": TEN}, {"a0": None}
        changes_apply()
        live_shop.listed = {"a0": TWELVE}
        change_undo(change=PriceChange.objects.get())
        assert (live_shop.now, live_shop.listed) == ({"a0": TEN}, {"a0": TWELVE})

    def test_changes_from_before_list_prices_were_noted_change_none(self, live_shop: LiveShop) -> None:
        approved()
        live_shop.now = {"a0": TEN}
        changes_apply()
        PriceChange.objects.update(knows_list_price=False, old_list_price=None, new_list_price=None)
        live_shop.restore_price = None  # type: ignore[assignment,method-assign]
        try:
            change_undo(change=PriceChange.objects.get())
        finally:
            del live_shop.restore_price
        assert live_shop.now == {"a0": TEN}

    def test_an_adapter_that_knows_nothing_of_them_is_only_told_the_price(self, shop: PricedShop) -> None:
        approved()
        changes_apply()
        change_undo(change=PriceChange.objects.get())
        assert shop.written == [("a0", NEW), ("a0", TEN)]

    def test_a_family_that_fails_has_its_list_prices_again(self, live_shop: LiveShop) -> None:
        approved(2, family="p1")
        live_shop.now, live_shop.listed = {"a0": TEN, "a1": TEN}, {"a0": TWELVE, "a1": None}
        live_shop.broken = {"a1"}
        assert changes_apply().as_dict()["failed"] == 2
        assert live_shop.now == {"a0": TEN, "a1": TEN} and live_shop.listed == {"a0": TWELVE, "a1": None}

    def test_an_undo_that_fails_leaves_the_list_prices_that_applying_made(self, live_shop: LiveShop) -> None:
        approved(2, family="p1")
        live_shop.now, live_shop.listed = {"a0": TEN, "a1": TEN}, {"a0": TWELVE, "a1": None}
        changes_apply()
        live_shop.broken = {"a1"}
        with pytest.raises(PricingError, match="the till is closed"):
            change_undo(change=PriceChange.objects.order_by("pk")[0])
        assert live_shop.now == {"a0": NEW, "a1": NEW} and live_shop.listed == {"a0": TEN, "a1": TEN}

    def test_what_a_killed_worker_wrote_goes_back_to_the_list_price_of_the_proposal(self, live_shop: LiveShop) -> None:
        (row,) = approved(list_price=TWELVE)
        left_behind(row)
        live_shop.now, live_shop.listed = {"a0": NEW}, {"a0": TEN}
        changes_apply()
        change_undo(change=PriceChange.objects.get())
        assert (live_shop.now, live_shop.listed) == ({"a0": TEN}, {"a0": TWELVE})

    def test_a_price_test_ends_with_the_list_price_of_before(self, live_shop: LiveShop) -> None:
        product = priced_product(external_id="a0", list_price=None)
        live_shop.now, live_shop.listed = {"a0": TEN}, {"a0": None}
        monday = datetime(2026, 3, 9, 8, 0, tzinfo=UTC)
        test = PriceTest.objects.create(
            product=product, base_price=TEN, low=Decimal("9.50"), high=NEW, currency="EUR", starts_on=monday.date(),
            seed=1, state="running",
        )  # fmt: skip
        PriceTestWeek.objects.create(test=test, week=monday.date(), price=Decimal("9.50"))
        assert prices_watch(now=monday).tests == 1
        assert (live_shop.now, live_shop.listed) == ({"a0": Decimal("9.5")}, {"a0": TEN})
        price_test_stop(test=test, reason="enough", now=monday + timedelta(days=1))
        assert (live_shop.now, live_shop.listed) == ({"a0": TEN}, {"a0": None})


class TestHalfWay:
    def test_a_shop_that_writes_and_then_raises_gets_the_price_before_again(self, live_shop: LiveShop) -> None:
        approved(2, family="p1")
        live_shop.now = {"a0": TEN, "a1": TEN}
        live_shop.times_out = {"a1"}
        found = changes_apply()
        assert found.as_dict()["failed"] == 2 and not PriceChange.objects.exists()
        # the price goes back, although the shop raises again; that is told
        assert live_shop.now == {"a0": TEN, "a1": TEN}
        assert "no answer" in found.failed[0].held_words

    def test_what_was_rounded_before_a_worker_died_is_not_called_somebody_elses(self, live_shop: LiveShop) -> None:
        (row,) = approved(new_price=Decimal("9.99"))
        left_behind(row)
        live_shop.now = {"a0": Decimal("9.90")}
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 1}
        assert words().startswith("A worker stopped while it wrote 9.99, and the shop has 9.9 now")
        assert live_shop.written == []

    def test_who_was_taken_for_dead_notes_nothing(self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
        """The price is in the shop; who has taken the row over notes it, once."""
        (row,) = approved()
        real, later = apply_room._record, timezone.now() + timedelta(seconds=1)

        def late(*args: Any, **kwargs: Any) -> None:
            PriceProposal.objects.update(writing_since=later)  # the other worker's claim
            real(*args, **kwargs)

        monkeypatch.setattr(apply_room, "_record", late)
        assert changes_apply().as_dict()["applied"] == 0
        row.refresh_from_db()
        assert row.state == "writing" and not PriceChange.objects.exists() and shop.written == [("a0", NEW)]
        monkeypatch.setattr(apply_room, "_record", real)
        left_behind(row)
        Product.objects.update(price=NEW)
        assert changes_apply().as_dict()["applied"] == 1 and len(shop.written) == 1

    def test_an_undo_that_did_not_arrive_is_none(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        approved()
        live_shop.now = {"a0": TEN}
        changes_apply()
        monkeypatch.setattr(LiveShop, "restore_price", lambda self, ident, price, list_price: None)
        with pytest.raises(PricingError, match=r"The shop still has the price 10\.5 after it was written"):
            change_undo(change=PriceChange.objects.get())
        assert PriceChange.objects.get().undone_at is None

    def test_an_undo_that_raises_after_it_has_written_changes_nothing(self, live_shop: LiveShop) -> None:
        approved(2, family="p1")
        live_shop.now = {"a0": TEN, "a1": TEN}
        changes_apply()
        live_shop.times_out = {"a0"}
        with pytest.raises(PricingError, match="no answer"):
            change_undo(change=PriceChange.objects.order_by("pk")[0])
        assert live_shop.now == {"a0": NEW, "a1": NEW}
        live_shop.times_out = set()
        change_undo(change=PriceChange.objects.order_by("pk")[0])
        assert live_shop.now == {"a0": TEN, "a1": TEN}


class TestTheShopHasMovedOn:
    def test_a_product_that_was_taken_off_is_left_alone(self, shop: PricedShop) -> None:
        approved()
        Product.objects.update(removed_at=timezone.now())
        assert changes_apply().as_dict()["stale"] == 1
        assert words() == "The product is not on sale any more." and shop.written == []

    def test_one_that_is_gone_from_the_shop_fails_and_goes_with_the_copy(self, live_shop: LiveShop) -> None:
        approved()
        assert changes_apply().as_dict()["failed"] == 1
        assert words() == "The shop could not tell its price of now."
        Product.objects.all().delete()
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 0}

    def test_an_undo_in_another_currency_is_none(self, live_shop: LiveShop) -> None:
        approved()
        live_shop.now = {"a0": TEN}
        changes_apply()
        live_shop.currencies = {"a0": "USD"}
        with pytest.raises(PricingError, match="is in USD by now: nothing was changed"):
            change_undo(change=PriceChange.objects.get())
        assert live_shop.now == {"a0": NEW}

    def test_an_undo_of_a_product_that_is_gone_is_none(self, live_shop: LiveShop) -> None:
        approved()
        live_shop.now = {"a0": TEN}
        changes_apply()
        live_shop.now = {}
        with pytest.raises(PricingError, match="could not tell its price"):
            change_undo(change=PriceChange.objects.get())

    def test_a_price_test_that_has_begun_keeps_the_price(self, shop: PricedShop) -> None:
        (row,) = approved()
        PriceTest.objects.create(
            product=row.product, base_price=TEN, low=Decimal(9), high=NEW, currency="EUR", seed=1, state="running",
            starts_on=timezone.localdate(),
        )  # fmt: skip
        assert changes_apply().as_dict()["stale"] == 1
        assert words() == "It is in a price test." and shop.written == []

    def test_an_adapter_that_cannot_write_any_more_takes_nothing_back(
        self, shop: PricedShop, settings: LazySettings
    ) -> None:
        approved()
        changes_apply()
        settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": "tests.pricing.adapters.READING"}
        with pytest.raises(PricingError, match="cannot write prices"):
            change_undo(change=PriceChange.objects.get())


class TestClocks:
    def test_a_clock_that_went_back_leaves_no_row_behind_for_ever(self, shop: PricedShop) -> None:
        (row,) = approved()
        left_behind(row, writing_since=timezone.now() + timedelta(days=300))
        assert prices_watch().applied == 1 and shop.written == [("a0", NEW)]

    def test_a_little_ahead_is_another_machine_that_works(self, shop: PricedShop) -> None:
        (row,) = approved()
        left_behind(row, writing_since=timezone.now() + timedelta(minutes=1))
        assert prices_watch().applied == 0 and shop.written == []

    def test_a_claim_is_renewed_after_the_clock_went_back(self, shop: PricedShop) -> None:
        (row,) = approved()
        since = timezone.now() + timedelta(hours=2)
        PriceProposal.objects.update(state="writing", writing_since=since)
        claim = apply_room.Claim([row], since, {row.pk: "approved"})
        assert apply_room._held(claim, [row]) and claim.since < since
        PriceProposal.objects.update(writing_since=since + timedelta(hours=1))
        claim.since = since
        assert not apply_room._held(claim, [row])

    def test_each_price_is_noted_when_it_was_written_not_when_the_job_began(
        self, shop: PricedShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(apply_room, "TOGETHER", 1)
        approved(3)
        changes_apply()
        moments = list(PriceChange.objects.order_by("at").values_list("at", flat=True))
        assert len(set(moments)) == 3
        assert set(PricePoint.objects.filter(price=NEW).values_list("valid_from", flat=True)) == set(moments)

    @pytest.mark.parametrize(
        ("day", "time", "taken"),
        [("2030-03-31", "02:30", False), ("2030-10-27", "02:30", False), ("2030-03-31", "03:30", True)],
        ids=["does not exist", "exists twice", "exists"],
    )
    def test_an_hour_that_daylight_saving_leaves_out_or_repeats_is_asked_again(
        self, day: str, time: str, taken: bool, shop: PricedShop, settings: LazySettings, client: Client,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        monkeypatch.setattr(decide_room, "FARTHEST", timedelta(days=9999))
        settings.TIME_ZONE = "Europe/Berlin"
        row = proposal_make()
        client.force_login(User.objects.create_superuser("boss"))
        data = {"ids": str(row.pk), "when": "later", "apply_at_0": day, "apply_at_1": time}
        with timezone.override("Europe/Berlin"):
            html = client.post(
                reverse("admin:ecomai_pricing_priceproposal_approve"), data, follow=True
            ).content.decode()
        row.refresh_from_db()
        if taken:
            assert (row.state, row.apply_at) == ("scheduled", datetime(2030, 3, 31, 1, 30, tzinfo=UTC))
        else:
            assert row.state == "open" and "it may be ambiguous or it may not exist" in html

    def test_the_hour_that_exists_twice_is_one_moment(self, shop: PricedShop) -> None:
        """01:30 UTC on the last Sunday of October is the second 02:30 in Berlin: applied then, not an hour before."""
        second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        proposal_make(priced_product(external_id="a0"), state="scheduled", apply_at=second)
        with timezone.override("Europe/Berlin"):
            assert prices_watch(now=second - timedelta(hours=1)).applied == 0
            assert prices_watch(now=second).applied == 1


class TestWords:
    def test_reasons_are_stored_as_codes_and_told_in_the_language_of_the_reader(self, live_shop: LiveShop) -> None:
        rule_make(name="MAP", action="limits", map_attribute="map")
        approved(new_price=Decimal("9.99"))
        Product.objects.update(attributes={"map": "9.95"})
        live_shop.now, live_shop.cent = {"a0": TEN}, Decimal("0.1")
        with translation.override("de"):
            changes_apply()
        row = PriceProposal.objects.get()
        assert (row.held_code, row.held_reason) == ("rounded", "")
        assert row.held_named["price"] == "9.9" and row.held_named["because"]["code"] == "limits_forbid"
        assert row.held_words.startswith("The shop made 9.9 of 9.99. Its limits do not allow this price any more")
        with translation.override("de"):
            assert row.held_words.startswith("Der Shop hat aus 9.99 den Preis 9.9 gemacht. Seine Grenzen")

    def test_what_the_shop_said_stays_as_it_said_it(self, shop: PricedShop) -> None:
        approved()
        shop.broken = {"a0"}
        changes_apply()
        with translation.override("de"):
            assert words() == "RuntimeError: the till is closed"

    def test_sentences_that_were_stored_before_are_told_as_they_are(self) -> None:
        assert proposal_make(state="stale", held_reason="An old sentence.").held_words == "An old sentence."
