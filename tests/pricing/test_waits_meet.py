"""Where two ways of waiting meet: an undo that was killed, a shop that does not answer, first ones of which nothing can
be told, and an adapter that writes no more."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    prices_watch,
    proposals_approve,
    proposals_reject,
)
from django_ecomai.pricing.worklist import worklist_summary

from .adapters import LiveShop
from .factories import priced_product, proposal_make
from .test_csv_canary import DAY, START, parted, words
from .test_undo_killed import in_the_shop, killed, noted

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
TEN, NEW = Decimal("10"), Decimal("10.5")


def test_a_rejected_follower_says_no_more_that_it_waits(reading_shop: Any) -> None:
    rows = [proposal_make(priced_product(external_id=f"p{n}"), units_new=0.01) for n in range(4)]
    proposals_approve(proposals=rows, user=None, canary_share=0.25)
    follower = PriceProposal.objects.filter(state="scheduled")[0]
    assert follower.held_code == "canary_untold"
    proposals_reject(proposals=[follower], reason="no")
    state, told = words(follower)
    assert (state, told) == ("rejected", "")


def test_what_was_foreseen_stays_while_the_first_are_young(reading_shop: Any, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 7}
    _first, followers = parted()
    PriceProposal.objects.update(units_new=0.01)
    PriceProposal.objects.filter(is_canary=False).update(held_code="canary_untold", held_named={"units": 0, "days": 28})
    prices_watch(now=START + 7 * DAY)  # nobody has put the first in
    assert words(followers[0])[1].startswith("Of those that go first so few")


def test_an_undo_does_not_wait_for_a_product_that_is_gone(live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
    change, _other = in_the_shop(live_shop)
    killed(monkeypatch, change, at="a1")
    del live_shop.now["a1"]
    Product.objects.filter(external_id="a1").update(removed_at=timezone.now(), is_active=False)
    told = [[str(one) for one in prices_watch(now=timezone.now() + n * HOUR).messages] for n in (1, 2, 48, 1000)]
    assert (told[1:], noted()) == ([[], [], []], 0)


def test_nor_do_later_prices_of_its_family(live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
    change, _other = in_the_shop(live_shop)
    killed(monkeypatch, change, at="a1")
    del live_shop.now["a1"]
    Product.objects.filter(external_id="a1").update(removed_at=timezone.now(), is_active=False)
    prices_watch(now=timezone.now() + HOUR)
    assert live_shop.now["a0"] in (TEN, NEW)
    Product.objects.filter(external_id="a0").update(price=live_shop.now["a0"])
    row = proposal_make(
        Product.objects.get(external_id="a0"),
        old_price=live_shop.now["a0"],
        new_price=Decimal("10.2"),
        state="approved",
        batch="c",
    )
    changes_apply(proposals=[row])
    assert words(row) == ("applied", "")


def test_an_undo_says_what_it_waits_for(live_shop: LiveShop) -> None:
    (change,) = in_the_shop(live_shop, 1, "")
    Product.objects.filter(external_id="a0").update(price=NEW)
    row = proposal_make(
        change.product,
        old_price=NEW,
        new_price=Decimal("10.8"),
        state="writing",
        writing_since=timezone.now() - 5 * HOUR,
        batch="c",
    )
    live_shop.unreadable = {"a0"}
    prices_watch(now=timezone.now())
    assert words(row)[0] == "writing"
    with pytest.raises(PricingError) as error:
        change_undo(change=change)
    assert "try again in some minutes" not in str(error.value)


def test_a_price_waits_while_the_one_before_it_is_put_back(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    (change,) = in_the_shop(live_shop, 1, "")
    Product.objects.filter(external_id="a0").update(price=NEW)
    row = proposal_make(change.product, old_price=NEW, new_price=Decimal("10.8"), state="approved", batch="c")
    killed(monkeypatch, change, at="a0")
    changes_apply(proposals=[row])
    assert words(row)[0] == "approved"


def test_no_note_is_left_when_the_adapter_writes_no_more(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    (change,) = in_the_shop(live_shop, 1, "")
    killed(monkeypatch, change, at="a0")
    before = settings.ECOMAI
    settings.ECOMAI = {**before, "ADAPTER": "tests.pricing.adapters.READING"}
    Product.objects.update(price=TEN)
    prices_watch(now=timezone.now() + HOUR)
    assert PriceChange.objects.exclude(undone_at=None).count() == 1
    settings.ECOMAI = before
    live_shop.now["a0"] = TEN
    told = [[str(one) for one in prices_watch(now=timezone.now() + n * HOUR).messages] for n in (2, 3, 4)]
    assert (told, noted()) == ([[], [], []], 0)


def test_a_first_one_that_the_shop_does_not_tell_is_why_the_others_wait(live_shop: LiveShop) -> None:
    live_shop.unreadable = {"c"}
    proposal_make(
        priced_product(external_id="c"),
        state="writing",
        writing_since=timezone.now() - 48 * HOUR,
        batch="b",
        is_canary=True,
    )
    row = proposal_make(
        priced_product(external_id="f"),
        state="scheduled",
        apply_at=timezone.now() - HOUR,
        batch="b",
        held_code="canary_untold",
        held_named={"units": 1, "days": 28},
    )
    prices_watch(now=timezone.now())
    row.refresh_from_db()
    assert row.held_words != ""


def test_who_is_put_back_beside_one_that_the_shop_does_not_tell_is_named(live_shop: LiveShop) -> None:
    live_shop.unreadable = {"c"}
    live_shop.now["d"] = TEN
    left = proposal_make(
        priced_product(external_id="c"),
        state="writing",
        writing_since=timezone.now() - 48 * HOUR,
        family="p1",
        batch="b",
    )
    row = proposal_make(priced_product(external_id="d"), state="approved", family="p1", batch="b")
    found = changes_apply(proposals=[row])
    row.refresh_from_db()
    assert (row.state, found.counts["unread"], {one.pk for one in found.problems}) == ("approved", 2, {left.pk, row.pk})


def test_what_waits_for_a_person_is_counted_apart(reading_shop: Any) -> None:
    rows = [proposal_make(priced_product(external_id=f"p{n}"), units_new=0.01) for n in range(4)]
    proposals_approve(proposals=rows, user=None, canary_share=0.25)
    assert (worklist_summary().following, worklist_summary().untold) == (0, 3)
