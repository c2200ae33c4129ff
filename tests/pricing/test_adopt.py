"""Shops whose adapter cannot write: what the merchant has put in himself is found in the copy."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import prices_adopt, prices_watch, proposals_approve, proposals_make
from django_ecomai.testing import order_make

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reading_shop")]
#: A Monday morning.
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEN, NEW = Decimal("10"), Decimal("10.5")


def approved(ident: str = "a0", **fields: Any) -> PriceProposal:
    given = {"state": "approved", "batch": "b", "decided_at": START - timedelta(days=1), **fields}
    return proposal_make(priced_product(external_id=ident), **given)


def typed(row: PriceProposal, price: Decimal = NEW, at: datetime = START) -> None:
    """The merchant sets a price in his shop, and the copy hears of it."""
    Product.objects.filter(pk=row.product_id).update(price=price)
    PricePoint.objects.create(product_id=row.product_id, valid_from=at, price=price, currency="EUR")


def states() -> list[str]:
    return list(PriceProposal.objects.order_by("pk").values_list("state", flat=True))


def test_a_price_that_is_there_was_applied_when_the_copy_saw_it() -> None:
    user = User.objects.create_user("anna")
    (row,) = proposals_approve(proposals=[proposal_make(priced_product(external_id="a0"))], user=user)
    typed(row)
    assert prices_watch(now=START + timedelta(hours=5)).applied == 1
    change = PriceChange.objects.get()
    assert (change.at, change.old_price, change.new_price, change.proposal_id) == (START, TEN, NEW, row.pk)
    assert (change.kind, change.user_id, change.verdict) == ("apply", user.pk, "")
    assert states() == ["applied"]
    last = LogEntry.objects.order_by("-pk")[0]
    assert (log_text(last.change_message), last.user_id) == ("found in the shop: 10 → 10.5", user.pk)
    assert prices_adopt(now=START + timedelta(hours=6)).applied == 0 and PriceChange.objects.count() == 1


def test_the_old_price_waits_and_another_one_is_overtaken() -> None:
    approved("a0")
    typed(approved("a1"), Decimal("10.40"))
    Product.objects.filter(pk=approved("a2").product_id).update(is_active=False)
    Product.objects.filter(pk=approved("a3").product_id).update(currency="USD")
    assert prices_adopt(now=START).stale == 3
    assert states() == ["approved", "stale", "stale", "stale"] and not PriceChange.objects.exists()
    assert [row.held_code for row in PriceProposal.objects.order_by("pk")] == [
        "", "price_changed", "off_sale", "currency_changed",
    ]  # fmt: skip


def test_a_family_is_there_when_all_of_it_is() -> None:
    first, second = approved("a0", family="p1"), approved("a1", family="p1")
    typed(first)
    prices_adopt(now=START)
    assert states() == ["approved", "approved"]
    typed(second, at=START + timedelta(hours=2))
    assert prices_adopt(now=START + timedelta(hours=3)).applied == 2
    assert [one.at for one in PriceChange.objects.order_by("pk")] == [START, START + timedelta(hours=2)]


def test_a_scheduled_one_that_came_early_is_there() -> None:
    typed(approved(state="scheduled", apply_at=START + timedelta(days=3)))
    prices_adopt(now=START)
    assert states() == ["applied"]


def test_a_run_of_proposals_looks_first() -> None:
    row = approved()
    typed(row)
    proposals_make(now=START + timedelta(hours=1))
    row.refresh_from_db()
    assert row.state == "applied"
    other = approved("a1")
    typed(other)
    proposals_make(now=START + timedelta(hours=1), dry_run=True)
    other.refresh_from_db()
    assert other.state == "approved"


def test_an_adapter_that_writes_is_left_to_it(shop: PricedShop) -> None:
    typed(approved())
    assert prices_adopt(now=START).applied == 0 and states() == ["approved"]


def test_nothing_that_moved_costs_two_queries(django_assert_max_num_queries: Any) -> None:
    for at in range(30):
        approved(f"a{at}")
    with django_assert_max_num_queries(4):  # with the savepoint of the test
        prices_adopt(now=START)


def test_what_waits_too_long_is_told_on_both_pages(boss: Client, settings: LazySettings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_LEARN_DAYS": 7}
    approved("a0")
    row = approved("a1")
    text = "1 approved price is still not in your shop"
    PriceProposal.objects.update(decided_at=datetime.now(UTC) - timedelta(days=6))
    pages = [
        reverse("admin:ecomai_pricing_priceproposal_changelist"),
        reverse("admin:ecomai_dashboard_start_changelist"),
    ]
    assert all(text not in boss.get(page).content.decode() for page in pages)
    PriceProposal.objects.filter(pk=row.pk).update(decided_at=datetime.now(UTC) - timedelta(days=8))
    assert [text in boss.get(page).content.decode() for page in pages] == [True, True]


class TestOldPriceAgain:
    """What the merchant sets back while it is watched is undone, as if it had been undone here."""

    def adopted(self, **fields: Any) -> PriceProposal:
        row = approved(**fields)
        typed(row)
        assert prices_adopt(now=START).applied == 1
        return row

    def test_it_is_undone_since_the_copy_saw_it(self) -> None:
        row = self.adopted()
        typed(row, TEN, at=START + timedelta(days=2))
        found = prices_adopt(now=START + timedelta(days=3))
        assert (found.undone, found.taken_back) == (1, 0) and states() == ["undone"]
        undone = PriceChange.objects.get(kind="undo")
        assert (undone.at, undone.old_price, undone.new_price, undone.user) == (
            START + timedelta(days=2),
            NEW,
            TEN,
            None,
        )
        assert PriceChange.objects.get(kind="apply").undone_at == START + timedelta(days=3)
        assert prices_adopt(now=START + timedelta(days=4)).undone == 0
        # and the same price is not proposed again for a while
        assert PriceProposal.objects.get().decided_at == START + timedelta(days=3)

    @pytest.mark.parametrize("verdict", ["kept", "unknown"])
    def test_one_whose_time_is_over_is_left_as_it_is(self, verdict: str) -> None:
        row = self.adopted()
        PriceChange.objects.update(verdict=verdict)
        typed(row, TEN, at=START + timedelta(days=40))
        assert prices_adopt(now=START + timedelta(days=40)).undone == 0 and states() == ["applied"]

    def test_another_price_undoes_nothing(self) -> None:
        typed(self.adopted(), Decimal("10.20"), at=START + timedelta(days=2))
        assert prices_adopt(now=START + timedelta(days=3)).undone == 0 and states() == ["applied"]

    def test_an_approved_price_that_is_the_old_one_undoes_nothing(self) -> None:
        row = self.adopted()
        proposal_make(row.product, state="approved", old_price=NEW, new_price=TEN)
        typed(row, TEN, at=START + timedelta(days=2))
        found = prices_adopt(now=START + timedelta(days=3))
        assert (found.applied, found.undone) == (1, 0) and states() == ["applied", "applied"]
        assert prices_adopt(now=START + timedelta(days=4)).undone == 0

    def test_nor_does_one_that_waits_for_its_family(self) -> None:
        row = self.adopted()
        proposal_make(row.product, state="approved", old_price=NEW, new_price=TEN, family="p1")
        approved("a1", old_price=NEW, new_price=TEN, family="p1")
        Product.objects.filter(external_id="a1").update(price=NEW)
        typed(row, TEN, at=START + timedelta(days=2))
        found = prices_adopt(now=START + timedelta(days=3))
        assert (found.applied, found.undone) == (0, 0) and states() == ["applied", "approved", "approved"]


class TestWatched:
    def fallen(self) -> PriceChange:
        """A price of which 10 pieces a day were expected and 3 are sold, four weeks long."""
        product = priced_product(external_id="p")
        elasticity_make(product)
        row = proposal_make(product, state="approved", units_old=280.0, units_new=280.0, profit_new=1820.0)
        typed(row)
        for day in range(1, 9):
            order_make(lines=[(product, 3)], placed_at=START + timedelta(days=day), currency="EUR")
        order_make(lines=[priced_product()], placed_at=START + timedelta(days=9, hours=1), currency="EUR")
        prices_watch(now=START + timedelta(hours=1))
        return PriceChange.objects.get()

    def test_a_roll_back_is_told_and_exported(self) -> None:
        change = self.fallen()
        found = prices_watch(now=START + timedelta(days=9, hours=2))
        change.refresh_from_db()
        assert change.verdict == "below" and found.rolled_back == 0
        assert [str(one) for one in found.messages][-1] == (
            "Take it back in your shop: give “Product p” the price 10 again. The adapter cannot write prices."
        )
        (row,) = csv.DictReader("".join(proposals_csv()).splitlines())
        assert (row["product_id"], row["state"], row["old_price"], row["new_price"]) == ("p", "take_back", "10.5", "10")

    def test_what_the_merchant_has_taken_back_is_noted(self) -> None:
        change = self.fallen()
        prices_watch(now=START + timedelta(days=9, hours=2))
        back = START + timedelta(days=10)
        Product.objects.filter(pk=change.product_id).update(price=TEN)
        PricePoint.objects.create(product_id=change.product_id, valid_from=back, price=TEN, currency="EUR")
        assert prices_watch(now=START + timedelta(days=11)).rolled_back == 1
        undone = PriceChange.objects.get(kind="rollback")
        assert (undone.at, undone.old_price, undone.new_price) == (back, NEW, TEN)
        change.refresh_from_db()
        assert (
            change.undone_at is not None and states() == ["undone"] and len("".join(proposals_csv()).splitlines()) == 1
        )
