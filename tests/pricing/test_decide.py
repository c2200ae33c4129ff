"""Approve, apply, undo: what the shop has afterwards, and what is never overwritten."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.export import COLUMNS, proposals_csv
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    change_undo,
    changes_apply,
    decide,
    proposals_approve,
    proposals_make,
    proposals_reject,
)
from django_ecomai.pricing.services.apply import families_together

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make
from .shop import NOW, shop_make

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("merchant")


def states() -> dict[str, str]:
    return dict(PriceProposal.objects.values_list("product__external_id", "state"))


def test_from_sales_to_the_shop_and_back(shop: PricedShop, user: User) -> None:
    shop_make((-3.0,))
    proposals_make(now=NOW)
    (row,) = proposals_approve(proposals=PriceProposal.objects.all(), user=user)
    assert (row.state, row.decided_by, row.undecided) == ("approved", user, None)
    applied = changes_apply(user=user, now=NOW)
    assert applied.as_dict() == {"applied": 1, "stale": 0, "failed": 0}
    assert shop.written == [("p0", Decimal("9.0000"))]
    product = Product.objects.get()
    assert product.price == 9
    assert PricePoint.objects.filter(product=product, price=9, valid_from=NOW).exists()
    change = PriceChange.objects.get()
    assert (change.old_price, change.new_price, change.kind, change.user) == (10, 9, "apply", user)
    undone = change_undo(change=change, user=user)
    assert (undone.kind, undone.old_price, undone.new_price) == ("undo", 9, 10)
    assert shop.written[-1] == ("p0", Decimal("10.0000"))
    assert Product.objects.get().price == 10
    row.refresh_from_db()
    assert row.state == "undone"
    with pytest.raises(PricingError, match="taken back before"):
        change_undo(change=change, user=user)
    texts = [log_text(text) for text in LogEntry.objects.order_by("pk").values_list("change_message", flat=True)]
    assert texts == ["approved: 10 → 9", "put into the shop: 10 → 9", "undone"]
    # What was taken back is not proposed again the next morning.
    assert proposals_make(now=NOW + timedelta(days=9)).proposals == 0


class TestApproval:
    def test_thousands_at_once_in_few_queries(self, user: User, django_assert_max_num_queries: Any) -> None:
        products = Product.objects.bulk_create(
            [
                Product(external_id=f"b{n}", title=f"B{n}", price=Decimal(10), cost=Decimal(4), currency="EUR")
                for n in range(3000)
            ]
        )
        PriceProposal.objects.bulk_create(
            [
                PriceProposal(
                    product=product, undecided=product.pk, made_at=NOW, old_price=Decimal(10),
                    new_price=Decimal("10.5"), currency="EUR", curve={"prices": [1.0] * 21},
                )
                for product in products
            ]
        )  # fmt: skip
        rows = list(PriceProposal.objects.only("pk"))
        # Four parts of 900 to lock and four to write, the log in pieces of what the database takes at once.
        with django_assert_max_num_queries(45):
            found = proposals_approve(proposals=rows, user=user)
        assert len(found) == 3000 and set(states().values()) == {"approved"}
        assert LogEntry.objects.count() == 3000
        with django_assert_max_num_queries(45):
            proposals_reject(proposals=rows, user=user, reason="changed my mind")
        assert set(states().values()) == {"rejected"}

    def test_all_or_none(self, user: User) -> None:
        fine, held = proposal_make(), proposal_make(state="held", held_reason="No cost.")
        with pytest.raises(PricingError, match=r"held back: No cost\."):
            proposals_approve(proposals=[fine, held], user=user)
        assert set(states().values()) == {"open", "held"}
        done = proposal_make(state="applied")
        with pytest.raises(PricingError, match="not open any more, but in the shop"):
            proposals_approve(proposals=[fine, done], user=user)
        with pytest.raises(PricingError, match="not open any more, but in the shop"):
            proposals_reject(proposals=[done], user=user, reason="no")

    def test_what_the_shop_has_changed_since_is_stale(self, user: User) -> None:
        product = priced_product(external_id="p")
        row = proposal_make(product)
        Product.objects.filter(pk=product.pk).update(price="12.00")
        (found,) = proposals_approve(proposals=[row], user=user)
        assert (found.state, found.undecided) == ("stale", None)
        assert found.held_words == "The shop has changed the price to 12 since it was worked out."
        assert Product.objects.get(pk=product.pk).price == 12
        other = proposal_make(priced_product(is_active=False))
        (found,) = proposals_approve(proposals=[other], user=user)
        assert found.held_words == "The product is not on sale any more."
        other = proposal_make(priced_product(currency="USD"))
        (found,) = proposals_approve(proposals=[other], user=user)
        assert "changed to USD" in found.held_words

    def test_a_family_is_decided_together(self, user: User) -> None:
        a, b = (proposal_make(family="p1") for _number in range(2))
        other = proposal_make(family="p2")
        found = proposals_approve(proposals=[a], user=user)
        assert {row.pk for row in found} == {a.pk, b.pk}
        other.refresh_from_db()
        assert other.state == "open"
        assert len(proposals_reject(proposals=[b], user=user, reason="not yet")) == 2

    def test_a_family_whose_price_changed_in_part_is_stale_as_a_whole(self, user: User) -> None:
        a, b = (proposal_make(family="p1") for _number in range(2))
        Product.objects.filter(pk=b.product_id).update(price="11.00")
        proposals_approve(proposals=[a], user=user)
        assert set(states().values()) == {"stale"}

    @pytest.mark.parametrize("apply_at", [datetime(2030, 1, 1), timezone.now() - timedelta(minutes=1)])
    def test_a_moment_must_lie_ahead_and_have_a_zone(self, apply_at: datetime) -> None:
        with pytest.raises(PricingError, match="in the future"):
            proposals_approve(proposals=[proposal_make()], apply_at=apply_at)

    @pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 7.0])
    def test_a_share_is_between_none_and_all(self, share: float) -> None:
        with pytest.raises(PricingError, match="between 0 and 1"):
            proposals_approve(proposals=[proposal_make()], canary_share=share)

    def test_rejecting_has_a_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(decide, "MOST_REJECTED", 2)
        rows = [proposal_make() for _ in range(3)]
        with pytest.raises(PricingError, match="At most 2 prices are rejected at once"):
            proposals_reject(proposals=rows, reason="too dear")
        assert set(states().values()) == {"open"}
        assert len(proposals_reject(proposals=rows[:2], reason="too dear")) == 2

    def test_a_reason_is_needed_to_reject(self) -> None:
        with pytest.raises(PricingError, match="Give a reason"):
            proposals_reject(proposals=[proposal_make()], reason=" ")

    def test_a_share_of_whole_families_goes_first(self, user: User, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_CANARY_DAYS": 10}
        user.user_permissions.add(Permission.objects.get(codename="apply_priceproposal"))
        rows = [proposal_make(family=f"p{number // 2}") for number in range(20)]
        found = proposals_approve(proposals=rows, user=user, canary_share=0.3)
        first = [row for row in found if row.is_canary]
        later = [row for row in found if not row.is_canary]
        assert len(first) == 6 and len({row.family for row in first}) == 3 and len(later) == 14
        assert {row.state for row in first} == {"approved"} and {row.state for row in later} == {"scheduled"}
        assert len({row.batch for row in found}) == 1
        assert later[0].apply_at is not None and later[0].decided_at is not None
        assert later[0].apply_at - later[0].decided_at == timedelta(days=10)
        with pytest.raises(PricingError, match="Too few products"):
            proposals_approve(proposals=[proposal_make()], user=user, canary_share=0.5)

    def test_four_eyes(self, user: User, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        row = proposal_make()
        with pytest.raises(PricingError, match="log in"):
            proposals_approve(proposals=[row])
        (row,) = proposals_approve(proposals=[row], user=user)
        assert (row.state, row.seconded_by) == ("open", user)
        with pytest.raises(PricingError, match="somebody else"):
            proposals_approve(proposals=[row], user=user)
        other = User.objects.create_user("boss")
        (row,) = proposals_approve(proposals=[row], user=other)
        assert (row.state, row.seconded_by, row.decided_by) == ("approved", user, other)

    def test_the_first_approval_stays_with_the_same_price_only(self, user: User, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
        shop_make((-3.0, -2.5))
        proposals_make(now=NOW)
        same, other = PriceProposal.objects.order_by("product__external_id")
        proposals_approve(proposals=[same, other], user=user)
        PriceProposal.objects.filter(pk=other.pk).update(new_price="9.50")
        proposals_make(now=NOW + timedelta(hours=1))
        same.refresh_from_db()
        other.refresh_from_db()
        assert (same.seconded_by, other.seconded_by) == (user, None)


class TestApplying:
    def approved(self, number: int = 3, **fields: Any) -> list[PriceProposal]:
        return [
            proposal_make(priced_product(external_id=f"a{at}"), state="approved", batch="b", **fields)
            for at in range(number)
        ]

    def test_one_that_fails_does_not_stop_the_others(self, shop: PricedShop, user: User) -> None:
        self.approved()
        shop.broken = {"a1"}
        found = changes_apply(user=user)
        assert found.as_dict() == {"applied": 2, "stale": 0, "failed": 1}
        assert states() == {"a0": "applied", "a1": "failed", "a2": "applied"}
        assert PriceProposal.objects.get(state="failed").held_words == "RuntimeError: the till is closed"
        assert [ident for ident, _price in shop.written] == ["a0", "a2"]
        assert dict(Product.objects.values_list("external_id", "price")) == {
            "a0": Decimal("10.5"), "a1": Decimal("10"), "a2": Decimal("10.5"),
        }  # fmt: skip

    def test_a_family_has_its_new_price_or_its_old_one(self, shop: PricedShop) -> None:
        self.approved(3, family="p1")
        shop.broken = {"a2"}
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 3}
        ten, new = Decimal("10"), Decimal("10.5")
        assert shop.written == [("a0", new), ("a1", new), ("a0", ten), ("a1", ten)]
        assert set(Product.objects.values_list("price", flat=True)) == {ten}
        PriceProposal.objects.update(state="approved")
        Product.objects.filter(external_id="a0").update(price="9.00")
        assert changes_apply().as_dict() == {"applied": 0, "stale": 3, "failed": 0}
        assert len(shop.written) == 4
        reasons = {row.held_words for row in PriceProposal.objects.all()}
        assert "Another product of its family cannot have this price." in reasons

    def test_again_writes_nothing_again(self, shop: PricedShop) -> None:
        rows = self.approved()
        changes_apply()
        assert changes_apply(proposals=rows).as_dict() == {"applied": 0, "stale": 0, "failed": 0}
        assert len(shop.written) == 3 and PriceChange.objects.count() == 3

    def test_another_price_in_the_shop_is_never_overwritten(self, shop: PricedShop) -> None:
        self.approved(2)
        Product.objects.filter(external_id="a0").update(price="7.77")
        found = changes_apply()
        assert found.as_dict() == {"applied": 1, "stale": 1, "failed": 0}
        assert shop.written == [("a1", Decimal("10.5"))]
        assert "changed the price to 7.77" in found.stale[0].held_words

    def test_what_the_shop_itself_says_counts_more_than_the_copy(self, live_shop: LiveShop) -> None:
        self.approved(2)
        live_shop.now = {"a0": Decimal("9.00"), "a1": Decimal("10.00")}
        assert changes_apply().as_dict() == {"applied": 1, "stale": 1, "failed": 0}
        assert states() == {"a0": "stale", "a1": "applied"}

    @pytest.mark.parametrize(
        ("product", "rule", "text"),
        [
            ({"cost": "10.60"}, None, "do not allow this price any more: at least 10.60 EUR (its cost)"),
            ({"cost": None}, None, "cost is not known"),
            ({}, {"min_margin": 0.7}, "at least 13.3333 EUR (the least margin, rule “late”)"),
            ({}, {"max_change_day": 0.02}, "at most 10.20 EUR (the largest change per day, rule “late”)"),
            (
                {"attributes": {"map": "11.00"}},
                {"map_attribute": "map"},
                "at least 11.00 EUR (the least advertised price, rule “late”)",
            ),
        ],
    )
    def test_limits_of_now_win_over_what_was_approved(
        self, product: dict[str, Any], rule: dict[str, Any] | None, text: str, shop: PricedShop
    ) -> None:
        self.approved(1)
        Product.objects.update(**product)
        if rule:
            rule_make(name="late", action="limits", **rule)
        found = changes_apply()
        assert shop.written == [] and states() == {"a0": "stale"}
        assert text in found.stale[0].held_words

    def test_an_adapter_that_writes_no_prices_says_so_and_csv_is_left(self, reading_shop: None) -> None:
        self.approved(2)
        with pytest.raises(PricingError, match="FakeAdapter cannot write prices: download the approved ones as CSV"):
            changes_apply()
        lines = "".join(proposals_csv()).splitlines()
        assert lines[0] == ",".join(COLUMNS)
        assert len(lines) == 3 and ",10,10.5,EUR,4,10," in lines[1]
        assert set(states().values()) == {"approved"}

    def test_the_file_is_so_many_queries_whatever_its_rows_hold(self, django_assert_num_queries: Any) -> None:
        for number in range(4):
            held = {"held_code": "no_cost"} if number % 2 else {}
            proposal_make(
                state="approved", rule=rule_make(name=f"Rule {number}"),
                market={"offers": 2, "lowest": 9, "median": 10}, propensity=0.2,
                family="brand:x", gain=-1.0 if number else 1.0, **held,
            )  # fmt: skip
        with django_assert_num_queries(2):  # those of the list, and the prices to be taken back
            assert len("".join(proposals_csv()).splitlines()) == 5

    def test_titles_are_no_formulas_for_a_spreadsheet(self) -> None:
        proposal_make(priced_product(title="=1+1"), state="approved")
        assert ",'=1+1," in "".join(proposals_csv())

    def test_a_fixed_number_of_queries_for_each_fifty(
        self, shop: PricedShop, django_assert_max_num_queries: Any
    ) -> None:
        self.approved(50)
        # Beside those that are always the same, two for the savepoint around each write.
        with django_assert_max_num_queries(45 + 2 * 50):
            changes_apply()
        assert len(shop.written) == 50


def test_parts_never_cut_through_a_family() -> None:
    named = [(1, ""), (2, "a"), (3, ""), (4, "a"), (5, "a"), (6, "")]
    assert families_together(named, size=3) == [[1], [2, 4, 5], [3, 6]]
    assert families_together([], size=3) == []


class TestUndo:
    def applied(self, **fields: Any) -> PriceChange:
        proposal_make(priced_product(external_id="u"), state="approved", **fields)
        changes_apply()
        return PriceChange.objects.get(kind="apply")

    def test_only_while_the_shop_has_that_price(self, shop: PricedShop) -> None:
        change = self.applied()
        Product.objects.update(price="11.11")
        with pytest.raises(PricingError, match=r"costs 11\.11 by now, not 10\.5: nothing was changed"):
            change_undo(change=change)
        assert Product.objects.get().price == Decimal("11.11") and len(shop.written) == 1

    def test_a_shop_that_refuses_leaves_everything_as_it_was(self, shop: PricedShop) -> None:
        change = self.applied()
        shop.broken = {"u"}
        with pytest.raises(PricingError, match="the till is closed"):
            change_undo(change=change)
        change.refresh_from_db()
        assert change.undone_at is None and states() == {"u": "applied"}
        assert PriceChange.objects.count() == 1

    def test_an_undo_cannot_be_undone(self, shop: PricedShop) -> None:
        undone = change_undo(change=self.applied())
        with pytest.raises(PricingError, match="Only a price that was put into the shop"):
            change_undo(change=undone)

    def test_a_family_comes_back_together(self, shop: PricedShop) -> None:
        for number in range(2):
            proposal_make(priced_product(external_id=f"f{number}"), state="approved", family="p1", batch="b")
        changes_apply()
        change_undo(change=PriceChange.objects.first() or PriceChange())
        assert set(states().values()) == {"undone"}
        assert [price for _ident, price in shop.written] == [Decimal("10.5")] * 2 + [Decimal("10")] * 2
