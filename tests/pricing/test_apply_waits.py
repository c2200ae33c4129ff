"""Between an approval and the shop: taken over by another worker, read again, rounded, followed, too early."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.apply_job import AT_ONCE
from django_ecomai.pricing.held import said
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import (
    PricingError,
    approval_select,
    changes_apply,
    prices_watch,
    proposals_approve,
    selection_confirm,
)
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services.apply import LEFT_BEHIND, PATIENCE
from django_ecomai.pricing.services.competitors_deciding import matches_decide
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make
from .market import match_make, offer_make

pytestmark = pytest.mark.django_db
D = Decimal
TEN, NEW = D("10"), D("10.5")


def approved(number: int = 1, **fields: Any) -> list[PriceProposal]:
    given = {"state": "approved", "batch": "b", **fields}
    return [proposal_make(priced_product(external_id=f"a{at:02}"), **given) for at in range(number)]


#: Addresses of prices that never write to the shop: they read, decide, or start a job, which begins after the commit.
NEVER_WRITES = {
    "competitor_changelist", "competitormatch_changelist", "competitormatch_decide", "competitoroffer_changelist",
    "competitoroffer_download", "competitoroffer_import", "competitoroffer_market", "competitoroffer_product",
    "pricechange_take_back", "pricelimits_changelist", "priceproposal_csv", "priceproposal_replay",
    "priceproposal_selection", "priceproposal_selection_again", "priceproposal_selection_against",
    "priceproposal_selections", "pricereduction_changelist", "pricetest_changelist",
    "pricetest_csv", "pricetest_start", "pricetestgroup_changelist", "pricetestgroup_start", "pricingrule_changelist",
    "pricingrule_preview", "productelasticity_changelist", "productelasticity_learn", "volumeoffer_changelist",
    "volumeoffer_csv", "volumeoffer_segments",
    "api-alerts", "api-approval", "api-approval-confirm", "api-approval-skipped", "api-approvals",
    "api-category-positions", "api-changes", "api-competitor-offers", "api-decide", "api-elasticities", "api-export",
    "api-ledger", "api-market", "api-match-decide", "api-matches", "api-offer-history", "api-offers",
    "api-offers-decide", "api-offers-export", "api-own-price", "api-price-test", "api-price-test-group",
    "api-price-test-groups", "api-price-tests", "api-price-tests-export", "api-proposal", "api-proposals", "api-replay",
    "api-rules", "api-segments", "api-undone", "api-undo-skipped", "api-undos", "api-volume-prices",
}  # fmt: skip
#: Django's own pages of one row: nobody writes prices there.
OF_A_ROW = ("_add", "_history", "_delete", "_change")


def addresses() -> Iterator[tuple[str, Any]]:
    """Name and view of every address of prices, of REST and of the admin."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for one in patterns:
            path = prefix + str(one.pattern)
            if not isinstance(one, URLPattern):
                yield from walk(one.url_patterns, path)
            elif "/ecomai_pricing/" not in path and "api/pricing/" not in path:
                continue
            elif one.name and not one.name.endswith(OF_A_ROW):
                yield one.name.removeprefix("ecomai_pricing_"), one.callback

    yield from walk(get_resolver().url_patterns, "")


def states() -> list[str]:
    return list(PriceProposal.objects.order_by("pk").values_list("state", flat=True))


class TestTakenOver:
    """A call to the shop hangs until another worker has taken the rows over: his records count, and his prices."""

    def hanging(self, monkeypatch: pytest.MonkeyPatch, *, breaks: bool) -> None:
        real, calls = apply_room.write_price, []

        def slow(adapter: Any, product: Product, price: Any, **more: Any) -> Any:
            calls.append(product)
            if len(calls) == 1:
                # the other one has written them all, and is about to note it
                adapter.now = dict.fromkeys(adapter.now, NEW)
                PriceProposal.objects.update(writing_since=timezone.now() + timedelta(seconds=1))
                if breaks:
                    return said("TimeoutError: gateway")
            return real(adapter, product, price, **more)

        monkeypatch.setattr(apply_room, "write_price", slow)

    @pytest.mark.parametrize("breaks", [True, False])
    def test_nothing_is_noted_nor_taken_back(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch, breaks: bool
    ) -> None:
        approved(2, family="p1")
        live_shop.now = {"a00": TEN, "a01": TEN}
        live_shop.cent = D("0.2")  # the own write is rounded: it must not go back, either
        self.hanging(monkeypatch, breaks=breaks)
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 0}
        assert TEN not in live_shop.now.values()
        assert states() == ["writing", "writing"] and not PriceChange.objects.exists()

    def test_after_a_long_call_the_next_of_a_family_is_not_written(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approved(2, family="p1")
        live_shop.now = {"a00": TEN, "a01": TEN}
        real = timezone.now
        self.hanging(monkeypatch, breaks=False)
        slow = apply_room.write_price

        def later(*args: Any, **more: Any) -> Any:
            told = slow(*args, **more)
            monkeypatch.setattr(timezone, "now", lambda: real() + LEFT_BEHIND)
            return told

        monkeypatch.setattr(apply_room, "write_price", later)
        changes_apply()
        assert [ident for ident, _price in live_shop.written] == ["a00"]

    def test_what_was_not_taken_over_is_noted(self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = approved(3)
        live_shop.now = {"a00": TEN, "a01": TEN, "a02": TEN}
        real = LiveShop.apply_price

        def slow(self: LiveShop, ident: str, price: Any) -> None:
            if ident == "a02":
                PriceProposal.objects.filter(pk=rows[0].pk).update(writing_since=timezone.now() + timedelta(seconds=1))
            real(self, ident, price)

        monkeypatch.setattr(LiveShop, "apply_price", slow)
        assert changes_apply().as_dict() == {"applied": 2, "stale": 0, "failed": 0}
        assert states() == ["writing", "applied", "applied"]


def test_a_price_that_the_merchant_types_while_others_are_written_stays(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(50)
    live_shop.now = {f"a{at:02}": TEN for at in range(50)}
    real = LiveShop.apply_price

    def slow(self: LiveShop, ident: str, price: Any) -> None:
        if ident == "a00":
            self.now["a49"] = D("12.00")
        real(self, ident, price)

    monkeypatch.setattr(LiveShop, "apply_price", slow)
    assert changes_apply().as_dict() == {"applied": 49, "stale": 1, "failed": 0}
    assert live_shop.now["a49"] == D("12.00")
    row = PriceProposal.objects.get(product__external_id="a49")
    assert row.held_words == "The shop has changed the price to 12 since it was worked out."


class TestRounded:
    def test_the_limits_per_day_hold_for_what_the_shop_made_of_it(self, live_shop: LiveShop) -> None:
        product = priced_product(external_id="a0", price="2.00", cost=D("0.40"), list_price=D("2.00"))
        row = proposal_make(product, state="approved", old_price=D("2.00"), new_price=D("1.90"), cost=D("0.40"))
        live_shop.now, live_shop.cent = {"a0": D("2.00")}, D("1")
        assert changes_apply().as_dict()["failed"] == 1
        assert live_shop.now == {"a0": D("2.00")} and not PriceChange.objects.exists()
        row.refresh_from_db()
        assert "The shop made 1 of 1.9." in row.held_words and "the largest change per day" in row.held_words

    def test_a_family_that_is_rounded_apart_is_taken_back(
        self, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        approved(2, family="p1", new_price=D("10.55"))
        live_shop.now = {"a00": TEN, "a01": TEN}
        real = LiveShop.apply_price

        def odd(self: LiveShop, ident: str, price: Any) -> None:
            self.cent = D("0.1") if ident == "a01" else D("0.01")
            real(self, ident, price)

        monkeypatch.setattr(LiveShop, "apply_price", odd)
        assert changes_apply().as_dict() == {"applied": 0, "stale": 0, "failed": 2}
        assert live_shop.now == {"a00": TEN, "a01": TEN}
        assert "The shop made 10.5 of 10.55, and its family would have two prices." in {
            row.held_words for row in PriceProposal.objects.all()
        }


class TestBeside:
    """Prices that stand beside others, at the moment they are applied."""

    def relative(self, *, product: Any = None, **fields: Any) -> tuple[PriceProposal, Any]:
        product = priced_product(external_id="a0", **(product or {}))
        match = match_make(product, offer_make(price=D("9.60")))
        rule = rule_make(name="Beside", action="relative")
        given = {"state": "approved", "goal": "relative", "rule": rule, "new_price": D("9.60"), **fields}
        return proposal_make(product, **given), match

    def followed(self, price: str) -> PriceProposal:
        lead = priced_product(external_id="lead", price=price)
        rule = rule_make(name="Behind", action="follow", follows=lead, offset=-0.05)
        return proposal_make(
            priced_product(external_id="a0"), state="approved", goal="follow", rule=rule, new_price=D("9.50")
        )

    def test_an_offer_that_stands_is_followed(self, shop: PricedShop) -> None:
        self.relative()
        assert changes_apply().as_dict()["applied"] == 1

    def test_without_a_trusted_offer_it_is_overtaken(self, shop: PricedShop) -> None:
        row, match = self.relative()
        matches_decide(matches=[match], same=False)
        assert changes_apply().as_dict()["stale"] == 1 and shop.written == []
        row.refresh_from_db()
        assert row.held_words == "There is no fresh offer of a competitor that the rule “Beside” could follow."

    def moved(self, shop: PricedShop, price: str, *, rule: dict[str, Any] | None = None, **fields: Any) -> str:
        """What becomes of a price that is approved beside an offer, when that costs ``price`` by then."""
        row, match = self.relative(**fields)
        if rule:
            type(row.rule).objects.update(**rule)
        type(match.offer).objects.update(price=D(price))
        changes_apply()
        row.refresh_from_db()
        assert len(shop.written) == (row.state == "applied")
        return row.held_words if row.state == "stale" else row.state

    @staticmethod
    def told(price: str) -> str:
        return f"What its rule “Beside” follows has moved: that asks for {price} now."

    @pytest.mark.parametrize("price", ["9.59", "9.60", "9.61"])
    def test_a_step_is_no_movement(self, price: str, shop: PricedShop) -> None:
        assert self.moved(shop, price) == "applied"

    @pytest.mark.parametrize(("price", "stands"), [("9.62", True), ("9.64", True), ("9.65", False), ("12", False)])
    def test_an_offer_that_has_become_dearer(self, price: str, stands: bool, shop: PricedShop) -> None:
        # half a percent of 9.60 is 0.048
        assert self.moved(shop, price) == ("applied" if stands else self.told(price))

    @pytest.mark.parametrize(("price", "stands"), [("10.05", True), ("10.06", False)])
    def test_exactly_half_a_percent(self, price: str, stands: bool, shop: PricedShop) -> None:
        product = {"price": "10.80", "list_price": D("10.80")}
        made = {"old_price": D("10.80"), "new_price": D("10.00"), "product": product}
        assert self.moved(shop, price, **made) == ("applied" if stands else self.told(price))

    def test_who_would_not_be_the_cheapest_any_more_is_overtaken(self, shop: PricedShop) -> None:
        assert self.moved(shop, "9.58") == self.told("9.58")

    def test_who_was_to_be_dearer_than_the_lowest_offer_and_is_the_cheapest_by_now(self, shop: PricedShop) -> None:
        made = {"new_price": D("9.62"), "market": {"lowest": 9.6}, "rule": {"offset": 0.002}}
        assert self.moved(shop, "9.63", **made) == self.told("9.65")

    @pytest.mark.parametrize(("price", "stands"), [("9.57", True), ("9.55", False)])
    def test_two_percent_below_stays_below(self, price: str, stands: bool, shop: PricedShop) -> None:
        # asks for 9.41, then for 9.38 or 9.36: 0.03 and 0.05 away, half a percent is 0.047
        made = {"new_price": D("9.41"), "trail": [["rounding", 9.408, 9.41]], "rule": {"offset": -0.02}}
        assert self.moved(shop, price, **made) == ("applied" if stands else self.told("9.36"))

    def test_where_today_s_price_is_nearer_to_the_rule_nothing_is_written(self, shop: PricedShop) -> None:
        assert self.moved(shop, "10.00", new_price=D("9.97"), market={"lowest": 9.97}) == self.told("10")

    @pytest.mark.parametrize(("price", "stands"), [("9.05", True), ("9.49", True), ("9.60", False)])
    def test_an_offer_that_moves_within_the_same_ending(self, price: str, stands: bool, shop: PricedShop) -> None:
        made = {"new_price": D("8.99"), "trail": [["ending", 9.2, 8.99]], "rule": {"endings": "99"}}
        made |= {"product": {"price": "9.80", "list_price": D("9.80")}, "old_price": D("9.80")}
        assert self.moved(shop, price, **made) == ("applied" if stands else self.told("9.6"))

    def test_cents_that_tip_an_ending_are_no_movement(self, shop: PricedShop) -> None:
        # 100.48 ends as 99.99, and 100.51 as 100.99
        made = {"new_price": D("99.99"), "trail": [["ending", 100.48, 99.99]], "market": {"lowest": 100.48}}
        made |= {"product": {"price": "105", "list_price": D("105")}, "old_price": D("105")}
        assert self.moved(shop, "100.51", rule={"endings": "99"}, **made) == "applied"

    @pytest.mark.parametrize(("price", "stands"), [("9.70", True), ("9.71", False)])
    def test_the_step_of_the_rule_counts_where_it_is_larger(self, price: str, stands: bool, shop: PricedShop) -> None:
        # rounded to 9.60 and to 9.80: a step of 0.20 from 9.40, and two
        made = {"new_price": D("9.40"), "trail": [["rounding", 9.45, 9.4]], "rule": {"step": D("0.20")}}
        assert self.moved(shop, price, **made) == ("applied" if stands else self.told(price))

    def test_what_a_limit_cuts_off_is_no_movement(self, shop: PricedShop) -> None:
        made = {"new_price": D("9.00"), "trail": [["max_fall_day", 8.5, 9.0]], "market": {"lowest": 8.5}}
        assert self.moved(shop, "8.00", **made) == "applied"

    def test_what_a_limit_forbids_by_now_is_overtaken_wherever_the_offers_are(self, shop: PricedShop) -> None:
        row, _match = self.relative()
        Product.objects.update(cost=D("9.70"))
        changes_apply()
        row.refresh_from_db()
        assert (row.state, row.held_code) == ("stale", "limits_forbid")

    @pytest.mark.parametrize(
        "change",
        [
            {"observed_at": timezone.now() - timedelta(days=15)}, {"currency": "USD"}, {"available": False},
            {"doubt": "jump"}, {"price": None},
        ],
        ids=["old", "currency", "sold out", "doubted", "no price"],
    )  # fmt: skip
    def test_an_offer_that_counts_no_more(self, change: dict[str, Any], shop: PricedShop) -> None:
        row, match = self.relative()
        type(match.offer).objects.update(**change)
        changes_apply()
        row.refresh_from_db()
        assert (row.state, row.held_code, shop.written) == ("stale", "no_market", [])

    @pytest.mark.parametrize(("other", "stands"), [("9.64", True), ("9.90", False)])
    def test_an_offer_that_is_gone_leaves_the_next(self, other: str, stands: bool, shop: PricedShop) -> None:
        row, match = self.relative()
        match_make(row.product, offer_make(price=D(other)))
        match.offer.delete()
        changes_apply()
        row.refresh_from_db()
        assert row.state == ("applied" if stands else "stale")

    def test_a_product_in_another_currency_by_now(self, shop: PricedShop) -> None:
        row, match = self.relative()
        Product.objects.update(currency="USD")
        type(match.offer).objects.update(currency="USD")
        changes_apply()
        row.refresh_from_db()
        assert (row.state, row.held_code) == ("stale", "currency_changed")

    @pytest.mark.parametrize(("price", "states"), [("9.62", ["applied"] * 2), ("9.70", ["stale"] * 2)])
    def test_a_family_moves_as_one(self, price: str, states: list[str], shop: PricedShop) -> None:
        parent = priced_product(external_id="parent")
        rows = []
        rule = rule_make(name="Beside", action="relative")
        offers = [offer_make(price=D("9.60")) for _ in range(2)]
        for at, offer in enumerate(offers):
            product = priced_product(external_id=f"v{at}", parent=parent)
            match_make(product, offer)
            rows.append(
                proposal_make(
                    product, state="approved", goal="relative", rule=rule, new_price=D("9.60"), family=f"p{parent.pk}"
                )
            )
        # the family has the mean: 9.62 and 9.60 make 9.61, 9.70 and 9.60 make 9.65
        type(offers[0]).objects.filter(pk=offers[0].pk).update(price=D(price))
        changes_apply()
        assert sorted(PriceProposal.objects.values_list("state", flat=True)) == states

    def test_what_the_limits_moved_is_compared_by_what_the_rule_asked_for(self, shop: PricedShop) -> None:
        self.relative(new_price=D("9.80"), trail=[["max_fall_day", 9.6, 9.8]])
        assert changes_apply().as_dict()["applied"] == 1

    @pytest.mark.parametrize(("price", "state"), [("10.00", "applied"), ("9.90", "stale")])
    def test_a_product_that_is_followed(self, price: str, state: str, shop: PricedShop) -> None:
        row = self.followed(price)
        changes_apply()
        row.refresh_from_db()
        assert (row.state, row.held_code) == (state, "" if state == "applied" else "target_moved")

    def test_a_product_that_is_followed_and_has_no_price(self, shop: PricedShop) -> None:
        row = self.followed("10.00")
        Product.objects.filter(external_id="lead").update(price=None)
        changes_apply()
        row.refresh_from_db()
        assert (row.state, row.held_code) == ("stale", "no_followed")


class TestTooEarly:
    """Scheduled prices that only have to wait are tried again every hour, for a day."""

    def test_an_hour_without_the_shop(self, live_shop: LiveShop) -> None:
        at = timezone.now()
        approved(state="scheduled", apply_at=at)
        live_shop.now, live_shop.unreadable = {"a00": TEN}, {"a00"}
        assert prices_watch(now=at).failed == 0
        row = PriceProposal.objects.get()
        assert (row.state, row.writing_since, row.apply_at, row.held_words) == (
            "scheduled",
            None,
            at,
            "KeyError: 'a00'",
        )
        live_shop.unreadable = set()
        assert prices_watch(now=at + timedelta(hours=1)).applied == 1
        assert PriceProposal.objects.get().held_words == ""

    def test_a_day_without_the_shop(self, live_shop: LiveShop) -> None:
        at = timezone.now()
        approved(state="scheduled", apply_at=at)
        live_shop.now, live_shop.unreadable = {"a00": TEN}, {"a00"}
        prices_watch(now=at + PATIENCE)
        assert states() == ["scheduled"]
        assert prices_watch(now=at + PATIENCE + timedelta(minutes=1)).failed == 1

    def test_one_of_a_family_that_cannot_be_read_keeps_the_others_waiting(self, live_shop: LiveShop) -> None:
        at = timezone.now()
        approved(2, family="p1", state="scheduled", apply_at=at)
        live_shop.now, live_shop.unreadable = {"a00": TEN, "a01": TEN}, {"a01"}
        prices_watch(now=at)
        assert states() == ["scheduled", "scheduled"] and live_shop.written == []

    def test_a_change_of_just_under_a_day_ago(self, shop: PricedShop) -> None:
        product, now = priced_product(external_id="a0"), timezone.now()
        for ago, price in ((timedelta(days=30), "9.80"), (timedelta(days=1) - timedelta(seconds=5), "10")):
            PricePoint.objects.create(product=product, valid_from=now - ago, price=D(price), currency="EUR")
        proposal_make(product, state="scheduled", apply_at=now - timedelta(minutes=1))
        assert prices_watch(now=now).stale == 0 and states() == ["scheduled"]
        assert prices_watch(now=now + timedelta(hours=1)).applied == 1


class TestRequests:
    @pytest.fixture
    def boss(self, client: Client) -> Client:
        client.force_login(User.objects.create_superuser("boss"))
        client.raise_request_exception = False
        return client

    @pytest.mark.django_db(transaction=True)
    def test_an_error_after_the_write_leaves_the_record(
        self, boss: Client, live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django_ecomai.pricing.api import proposals as room

        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        approved()
        live_shop.now = {"a00": TEN}
        monkeypatch.setattr(room, "AppliedSerializer", None)
        answer = boss.post("/ecomai/api/pricing/proposals/apply/", {}, content_type="application/json")
        assert answer.status_code == 500 and live_shop.now == {"a00": NEW}
        assert states() == ["applied"] and PriceChange.objects.count() == 1

    def test_no_view_that_writes_has_a_transaction_around_it(self) -> None:
        """A new address stands in ``NEVER_WRITES``, or has none."""
        bare, wrapped = set(), set()
        for name, view in addresses():
            (bare if "default" in getattr(view, "_non_atomic_requests", ()) else wrapped).add(name)
        assert wrapped - bare == NEVER_WRITES

    def test_a_family_counts_with_all_its_members(self, boss: Client, shop: PricedShop) -> None:
        rows = approved(AT_ONCE + 1, family="p1")
        asked = {"proposals": [rows[0].pk]}
        answer = boss.post("/ecomai/api/pricing/proposals/apply/", asked, content_type="application/json")
        assert answer.status_code == 202 and shop.written == []

    def test_a_moment_more_than_a_year_ahead_is_none(self, boss: Client) -> None:
        rows = [proposal_make() for _ in range(3)]
        asked = {"proposals": [row.pk for row in rows], "action": "approve", "canary_share": 0.5}
        for moment in ("9999-12-31T23:00:00Z", (timezone.now() + timedelta(days=367)).isoformat()):
            answer = boss.post(
                "/ecomai/api/pricing/proposals/decision/",
                {**asked, "apply_at": moment},
                content_type="application/json",
            )
            assert answer.status_code == 400 and "more than a year ahead" in answer.content.decode()
        selection = approval_select(rows=PriceProposal.objects.all())
        with pytest.raises(PricingError, match="more than a year ahead"):
            selection_confirm(selection=selection, user=User.objects.get(), apply_at=datetime(9999, 12, 31, tzinfo=UTC))
        proposals_approve(proposals=rows, apply_at=timezone.now() + timedelta(days=365))

    def test_who_repeats_the_job_of_another_needs_the_right(self, boss: Client, shop: PricedShop) -> None:
        clerk = User.objects.create_user("clerk")
        clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="ecomai_runs"))
        approved()
        parameters = {"user": User.objects.get(username="boss").pk, "batches": ["b"]}
        assert run_now(kind="pricing.apply", parameters=parameters, user=clerk).state == Run.State.FAILED
        assert shop.written == []
        assert run_now(kind="pricing.apply", parameters=parameters).state == Run.State.DONE
