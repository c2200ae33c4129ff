"""Prices that may not come back yet, or not by one person, and what is noted when they do."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    AgainstLimits,
    PricingError,
    SecondNeeded,
    change_undo,
    changes_apply,
    prices_watch,
    proposals_approve,
    selection_confirm,
    selection_execute,
    selection_skipped,
    undo_select,
)

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
TEN, NEW = Decimal(10), Decimal("10.50")


def applied(ident: str = "a0", *, old: str = "10.00", new: str = "10.50", **fields: Any) -> PriceChange:
    """A price that was put into the shop nine days ago, without the services."""
    product = priced_product(external_id=ident, price=new, **fields)
    row = proposal_make(product, state="applied", old_price=Decimal(old), new_price=Decimal(new))
    return PriceChange.objects.create(
        product=product, proposal=row, kind="apply", at=timezone.now() - timedelta(days=9), currency="EUR",
        old_price=Decimal(old), new_price=Decimal(new),
    )  # fmt: skip


class TestUnderWay:
    def test_a_price_that_a_worker_is_writing_keeps_undo_away(self, live_shop: LiveShop) -> None:
        change = applied()
        live_shop.now["a0"] = NEW
        row = proposal_make(
            change.product, state="writing", writing_since=timezone.now(), old_price=NEW, new_price=Decimal(11)
        )
        with pytest.raises(PricingError, match="is being put into the shop: try again in some minutes"):
            change_undo(change=change)
        assert live_shop.written == [] and not PriceChange.objects.filter(kind="undo").exists()
        PriceProposal.objects.filter(pk=row.pk).update(state="failed")
        change_undo(change=change)
        assert live_shop.now == {"a0": TEN}

    def test_so_does_one_of_its_family(self, shop: PricedShop) -> None:
        for ident in ("a0", "a1"):
            proposal_make(priced_product(external_id=ident), state="approved", family="p1")
        changes_apply()
        other = Product.objects.get(external_id="a1")
        proposal_make(other, state="writing", writing_since=timezone.now(), old_price=NEW, new_price=Decimal(11))
        with pytest.raises(PricingError, match="is being put into the shop"):
            change_undo(change=PriceChange.objects.get(product__external_id="a0"))
        assert len(shop.written) == 2


class TestYounger:
    """10.00 became 9.50, the merchant typed 10.00, and it became 9.50 again."""

    def twice(self, shop: PricedShop) -> tuple[PriceChange, PriceChange]:
        product = priced_product(external_id="a0")
        for _time in range(2):
            row = proposal_make(product, state="approved", new_price=Decimal("9.50"))
            assert changes_apply(proposals=[row]).as_dict()["applied"] == 1
            Product.objects.update(price="10.00")
            PriceChange.objects.update(at=timezone.now() - timedelta(days=9))
            PricePoint.objects.all().delete()
        Product.objects.update(price="9.50")
        first, second = PriceChange.objects.order_by("pk")
        return first, second

    def test_an_older_change_is_not_undone_past_a_younger_one_that_stands(self, shop: PricedShop) -> None:
        first, second = self.twice(shop)
        with pytest.raises(PricingError, match=r"The price 9\.5 of .* came with a later change: take that one back"):
            change_undo(change=first)
        first.refresh_from_db()
        assert first.undone_at is None and len(shop.written) == 2
        change_undo(change=second)
        change_undo(change=first)  # the shop has 10.00 already
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"undone"} and len(shop.written) == 3

    def test_one_that_the_shop_has_changed_since_does_not_stand(self, shop: PricedShop) -> None:
        first, second = self.twice(shop)
        PriceChange.objects.filter(pk=second.pk).update(new_price="9.00")  # then the merchant typed 9.50
        change_undo(change=first)
        assert shop.written[-1] == ("a0", TEN)


class TestNeverBelowCost:
    @pytest.fixture(autouse=True)
    def taxed(self, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_TAX_RATE": 0.19, "PRICING_TAX_ATTRIBUTE": "vat"}

    def test_no_lower_price_comes_back_where_the_tax_cannot_be_read(self, shop: PricedShop) -> None:
        """9.10 with 19 % of tax is less than the cost of 9.00 without; "nineteen" counts as no tax elsewhere."""
        change = applied(old="9.10", new="12.00", cost=Decimal("9.00"), attributes={"vat": "nineteen"})
        with pytest.raises(AgainstLimits, match="Its tax rate, nineteen, is no number of per cent"):
            change_undo(change=change, kind="rollback")
        assert shop.written == []
        Product.objects.update(attributes={"vat": "0"})
        change_undo(change=change, kind="rollback")
        assert shop.written == [("a0", Decimal("9.10"))]

    def test_nor_where_the_cost_or_the_least_advertised_price_is_not_known(self, shop: PricedShop) -> None:
        change = applied(old="9.10", new="12.00")
        Product.objects.update(cost=None)
        with pytest.raises(AgainstLimits, match="Its cost is not known"):
            change_undo(change=change)
        rule_make(name="MAP", action="limits", map_attribute="map")
        Product.objects.update(cost="4.00", attributes={"map": "ten"})
        with pytest.raises(AgainstLimits, match="Its least advertised price, ten, is no number"):
            change_undo(change=change)

    def test_a_higher_one_does(self, shop: PricedShop) -> None:
        change = applied(old="12.00", new="10.80", cost=Decimal("9.00"), attributes={"vat": "nineteen"})
        change_undo(change=change, kind="rollback")
        assert shop.written == [("a0", Decimal(12))]


class TestFourEyes:
    """A cost of 9.00, and back to 5.00."""

    @pytest.fixture(autouse=True)
    def two(self, settings: LazySettings) -> tuple[User, User]:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        return User.objects.create_superuser("one"), User.objects.create_superuser("two")

    def against(self, ident: str = "a0") -> PriceChange:
        return applied(ident, old="5.00", new="10.00", cost=Decimal("9.00"))

    def test_two_must_confirm_what_breaks_a_limit(self, shop: PricedShop, two: tuple[User, User]) -> None:
        change = self.against()
        with pytest.raises(AgainstLimits):
            change_undo(change=change, user=two[0])
        with pytest.raises(SecondNeeded, match="Somebody else must confirm it too"):
            change_undo(change=change, user=two[0], confirmed=True)
        change.refresh_from_db()
        assert (change.seconded_by, change.undone_at, shop.written) == (two[0], None, [])
        with pytest.raises(PricingError, match="the approval of the same person already"):
            change_undo(change=change, user=two[0], confirmed=True)
        with pytest.raises(AgainstLimits):  # the second is asked as well
            change_undo(change=change, user=two[1])
        undone = change_undo(change=change, user=two[1], confirmed=True)
        assert shop.written == [("a0", Decimal(5))] and undone.user == two[1]

    def test_nobody_is_no_second_person(self, shop: PricedShop) -> None:
        with pytest.raises(PricingError, match="log in, so that it is known who does"):
            change_undo(change=self.against(), confirmed=True)
        assert shop.written == []

    def test_one_person_undoes_what_breaks_none(self, shop: PricedShop, two: tuple[User, User]) -> None:
        change_undo(change=applied(), user=two[0], confirmed=True)
        assert shop.written == [("a0", TEN)]

    def test_of_many_at_once_the_first_is_noted_and_the_second_takes_them_back(
        self, shop: PricedShop, two: tuple[User, User]
    ) -> None:
        for ident in ("a0", "a1"):
            self.against(ident)
        skipped = []
        for user in two:
            changes = PriceChange.objects.filter(kind="apply")
            selection = undo_select(rows=changes, user=user, against_limits=True)
            selection = selection_confirm(selection=selection, user=user)
            selection_execute(selection=selection)
            skipped.append([reason["code"] for _key, _product, reason in selection_skipped(selection)])
        assert skipped == [["second_needed"] * 2, []] and len(shop.written) == 2

    def test_the_api_says_that_it_is_noted(self, shop: PricedShop, two: tuple[User, User], client: Any) -> None:
        change = self.against()
        for user, status in zip(two, (202, 200), strict=True):
            client.force_login(user)
            url = reverse("ecomai_pricing:api-undo", args=[change.pk])
            answer = client.post(url, {"confirm": True}, content_type="application/json")
            assert answer.status_code == status, answer.content
        change.refresh_from_db()
        assert change.undone_at is not None and change.seconded_by == two[0]


def test_a_price_is_dated_when_it_was_taken_back(shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow shop: asked before midnight, written after it."""
    change = applied()
    clock = [timezone.now()]
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    real = PricedShop.apply_price

    def slow(self: PricedShop, ident: str, price: Any) -> None:
        clock[0] += timedelta(minutes=4)
        real(self, ident, price)

    monkeypatch.setattr(PricedShop, "apply_price", slow)
    undone = change_undo(change=change)
    change.refresh_from_db()
    assert undone.at == change.undone_at == clock[0]


def test_scheduled_prices_are_dated_when_they_were_written(shop: PricedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty due prices, five seconds each: those of the second fifty are not dated with the beginning of the hour."""
    clock: list[datetime] = [timezone.now()]
    began = clock[0]
    for number in range(60):
        proposal_make(priced_product(external_id=f"a{number:02}"), state="scheduled", apply_at=began)
    monkeypatch.setattr(timezone, "now", lambda: clock[0])
    real = PricedShop.apply_price

    def slow(self: PricedShop, ident: str, price: Any) -> None:
        clock[0] += timedelta(seconds=5)
        real(self, ident, price)

    monkeypatch.setattr(PricedShop, "apply_price", slow)
    assert prices_watch().applied == 60
    last = PriceChange.objects.latest("pk")
    assert last.at - began >= timedelta(seconds=250)


def test_an_open_price_is_not_approved_past_an_undo(shop: PricedShop) -> None:
    """What waits is overtaken once the price before is back."""
    change = applied()
    row = proposal_make(change.product, old_price=NEW, new_price=Decimal(11))
    change_undo(change=change)
    (row,) = proposals_approve(proposals=[row])
    assert row.state == "stale"
