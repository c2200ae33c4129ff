"""``ecomai/api/pricing/``: the ledger for everybody; tests, rules, replay, categories, alerts, histories for staff."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.journal import log_text
from django_ecomai.pricing.ledger_job import ledger_fill
from django_ecomai.pricing.models import CompetitorPrice, PriceTest, PriceTestGroup
from django_ecomai.runs.models import Run
from django_ecomai.testing import category_make, product_make
from tests.clients import clerk

from .adapters import PricedShop
from .factories import priced_product, rule_make
from .market import competitor_make, match_make, offer_make
from .test_price_test_result_admin import past

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"
STAFF = {
    "market/categories/": "view_competitoroffer",
    "market/alerts/": "view_competitoroffer",
    "competitor-offers/prices/?competitor=A&offer=1": "view_competitoroffer",
    "rules/": "view_pricingrule",
    "replay/": "view_priceproposal",
    "price-tests/": "view_pricetest",
    "price-tests/csv/": "view_pricetest",
    "price-tests/1/": "view_pricetest",
    "price-test-groups/": "view_pricetest",
    "price-test-groups/1/": "view_pricetest",
}


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("merchant"))
    return client


def post(client: Client, path: str, data: Any) -> Any:
    return client.post(BASE + path, data, content_type="application/json")


@pytest.mark.parametrize(("path", "needed"), STAFF.items())
def test_each_needs_its_permission(path: str, needed: str, client: Client) -> None:
    assert client.get(BASE + path).status_code in (401, 403)
    assert clerk("view_pricechange").get(BASE + path).status_code == 403
    User.objects.all().delete()
    assert clerk(needed).get(BASE + path).status_code in (200, 404)


class TestLedger:
    def reduced(self, **fields: Any) -> Product:
        product = product_make(**{"price": "9.00", "list_price": Decimal(12), "currency": "EUR", **fields})
        now = timezone.now()
        for days, price in ((60, "12.00"), (20, "11.00"), (1, "9.00")):
            PricePoint.objects.create(
                product=product, price=Decimal(price), list_price=Decimal(12) if days == 1 else Decimal(price),
                currency="EUR", valid_from=now - timedelta(days=days),
            )  # fmt: skip
        ledger_fill(channel="")
        return product

    def test_everybody_reads_the_line_of_a_page(self, client: Client, django_assert_num_queries: Any) -> None:
        self.reduced(external_id="a")
        product_make(external_id="b", price="9.00")
        with django_assert_num_queries(2):
            answer = client.get(f"{BASE}ledger/", {"product": ["b", "a", "nowhere", "a"]})
        (line,) = answer.json()
        assert (line["product_id"], line["lowest"], line["currency"]) == ("a", "11.0000", "EUR")
        assert set(line) == {"product_id", "lowest", "currency", "price", "list_price", "began_at", "known_since"}

    def test_what_is_not_on_sale_is_not_told(self, client: Client) -> None:
        self.reduced(external_id="a", is_active=False)
        assert client.get(f"{BASE}ledger/", {"product": "a"}).json() == []

    @pytest.mark.parametrize("query", [{}, {"product": ["x"] * 101}])
    def test_so_many_and_no_more(self, query: dict[str, Any], client: Client) -> None:
        assert client.get(f"{BASE}ledger/", query).status_code == 400

    def test_a_null_character_is_no_error(self, client: Client) -> None:
        assert client.get(f"{BASE}ledger/", {"product": "a\x00"}).json() == []


class TestMarket:
    def pair(self, price: str = "9.00", own: str = "10.00", **fields: Any) -> Product:
        product = product_make(price=own, currency="EUR", **fields)
        match_make(product, offer_make(price=price))
        return product

    def test_categories(self, staff: Client) -> None:
        cups = category_make(name="Cups")
        product = self.pair()
        product.categories.add(cups)
        self.pair(own="8.00")
        found = {row["category"]: row for row in staff.get(f"{BASE}market/categories/").json()}
        assert found["Cups"] == {
            "category": "Cups", "products": 1, "cheapest": 0, "average": 0, "premium": 1,
            "gap": pytest.approx(10 / 9 - 1),
        }  # fmt: skip
        assert (found[""]["cheapest"], found[""]["products"]) == (1, 1)

    def test_alerts(self, staff: Client) -> None:
        for number in range(3):
            self.pair(price=f"{8 - number}.00", external_id=f"p{number}")
        page = staff.get(f"{BASE}market/alerts/", {"kind": "undercut", "limit": "2"}).json()
        assert [row["product_id"] for row in page["results"]] == ["p2", "p1"] and page["next_offset"] == 2
        assert (page["results"][0]["kind"], page["results"][0]["below"]) == ("undercut", pytest.approx(0.4))
        page = staff.get(f"{BASE}market/alerts/", {"kind": "undercut", "limit": "2", "offset": "2"}).json()
        assert [row["product_id"] for row in page["results"]] == ["p0"] and page["next_offset"] is None
        assert staff.get(f"{BASE}market/alerts/", {"limit": "501"}).status_code == 400
        assert staff.get(f"{BASE}market/alerts/", {"kind": "sold_out"}).json()["results"] == []
        assert staff.get(f"{BASE}market/alerts/", {"kind": "x"}).status_code == 400

    def test_what_an_offer_has_asked(self, staff: Client) -> None:
        offer = offer_make(external_id="1/2", competitor=competitor_make(code="A"))
        CompetitorPrice.objects.all().delete()
        for number in range(3):
            CompetitorPrice.objects.create(
                offer=offer, observed_at=timezone.now() - timedelta(days=number), price=Decimal(number + 1),
                currency="EUR", available=True,
            )  # fmt: skip
        asked = {"competitor": "A", "offer": "1/2", "limit": "2"}
        page = staff.get(f"{BASE}competitor-offers/prices/", asked).json()
        assert [row["price"] for row in page["results"]] == ["1.0000", "2.0000"] and page["next_offset"] == 2
        page = staff.get(f"{BASE}competitor-offers/prices/", {**asked, "offset": "2"}).json()
        assert [row["price"] for row in page["results"]] == ["3.0000"] and page["next_offset"] is None
        assert staff.get(f"{BASE}competitor-offers/prices/", {**asked, "limit": "0"}).status_code == 400
        assert staff.get(f"{BASE}competitor-offers/prices/", {"competitor": "A", "offer": "\x00"}).status_code == 404


def test_rules_in_their_order(staff: Client) -> None:
    follows = priced_product(external_id="f")
    rule_make(name="Second", order=2, is_active=False)
    rule_make(name="First", order=1, action="follow", follows=follows, min_margin=0.1)
    found = staff.get(f"{BASE}rules/").json()["results"]
    assert [row["name"] for row in found] == ["First", "Second"]
    assert (found[0]["follows_id"], found[0]["min_margin"], found[0]["product_id"]) == ("f", 0.1, None)
    assert len(staff.get(f"{BASE}rules/", {"active": "1"}).json()["results"]) == 1
    assert staff.post(f"{BASE}rules/", {}).status_code == 405


def test_the_last_replay(staff: Client) -> None:
    assert staff.get(f"{BASE}replay/").status_code == 404
    for gain in (1, 2):
        Run.objects.create(kind="pricing.replay", state="done", metrics={"replay": {"gain": gain}})
    Run.objects.create(kind="pricing.replay", state="failed", metrics={})
    Run.objects.create(kind="pricing.replay", channel="uk", state="done", metrics={"replay": {"gain": 3}})
    assert staff.get(f"{BASE}replay/").json()["replay"] == {"gain": 2}


class TestPriceTests:
    PLAN = {"product_id": "p", "low": "9.80", "high": "10.20", "weeks": 6}

    def test_one_is_started_stopped_and_listed(self, staff: Client, shop: PricedShop) -> None:
        priced_product(external_id="p", title="Lamp")
        answer = post(staff, "price-tests/", self.PLAN)
        assert answer.status_code == 201 and answer.json()["state"] == "running"
        number = answer.json()["id"]
        assert log_text(LogEntry.objects.get().change_message) == "started"
        assert post(staff, "price-tests/", self.PLAN).json()["detail"].startswith("“Lamp” is in a price test")
        found = staff.get(f"{BASE}price-tests/{number}/").json()
        assert (len(found["weeks"]), found["result"]["verdict"], found["weeks"][0]["propensity"]) == (6, "early", 0.5)
        decide = f"price-tests/{number}/decision/"
        assert post(staff, decide, {"action": "stop"}).json() == {"reason": "Say why the test is stopped."}
        assert post(staff, decide, {"action": "stop", "reason": "sale"}).json()["state"] == "stopped"
        assert "over already" in post(staff, decide, {"action": "stop", "reason": "sale"}).json()["detail"]
        assert [row["id"] for row in staff.get(f"{BASE}price-tests/", {"state": "stopped"}).json()["results"]] == [
            number
        ]
        assert staff.get(f"{BASE}price-tests/", {"state": "running"}).json()["results"] == []
        assert staff.get(f"{BASE}price-tests/", {"state": "x"}).status_code == 400
        assert staff.get(f"{BASE}price-tests/", {"product": "q"}).json()["results"] == []

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"product_id": "nowhere"}, "There is no product nowhere."),
            ({"product_id": "a\x00"}, ""),
            ({"low": "2"}, "Its limits do not allow 2"),
            ({"weeks": 3}, "even number of weeks"),
            ({"low": "x"}, "valid number"),
        ],
    )
    def test_what_starts_nothing(self, values: dict[str, Any], said: str, staff: Client, shop: PricedShop) -> None:
        priced_product(external_id="p")
        answer = post(staff, "price-tests/", {**self.PLAN, **values})
        assert answer.status_code == 400 and said in answer.content.decode() and not PriceTest.objects.exists()

    def test_the_price_that_earned_more_is_kept(self, staff: Client, shop: PricedShop) -> None:
        priced_product(external_id="p")
        number = post(staff, "price-tests/", self.PLAN).json()["id"]
        past(PriceTest.objects.get())
        result = staff.get(f"{BASE}price-tests/{number}/").json()["result"]
        assert result["verdict"] == "higher" and 0 < result["difference_low"] < result["difference"]
        decide = f"price-tests/{number}/decision/"
        assert "price" in post(staff, decide, {"action": "keep"}).json()
        found = post(staff, decide, {"action": "keep", "price": "high"}).json()
        assert [row["state"] for row in found["proposals"]] == ["applied"] and found["run"] is None
        assert shop.written == [("p", Decimal("10.20"))]
        rows = list(csv.DictReader(io.StringIO(staff.get(f"{BASE}price-tests/csv/").content.decode())))
        assert [(row["product_id"], row["verdict"]) for row in rows] == [("p", "higher")]

    def test_who_may_not(self, shop: PricedShop) -> None:
        priced_product(external_id="p")
        client = clerk("view_pricetest")
        assert post(client, "price-tests/", self.PLAN).status_code == 403
        User.objects.all().delete()
        client = clerk("apply_priceproposal")
        number = post(client, "price-tests/", self.PLAN).json()["id"]
        past(PriceTest.objects.get())
        kept = post(client, f"price-tests/{number}/decision/", {"action": "keep", "price": "high"})
        assert kept.status_code == 403 and shop.written == []

    def test_several_at_once(self, staff: Client, shop: PricedShop) -> None:
        for number in range(3):
            priced_product(external_id=f"p{number}", title=f"Lamp {number}")
        priced_product(external_id="c", title="Costless", cost=None)
        plan = {"product_ids": ["p0", "p1", "p2", "c"], "step": 0.02, "weeks": 6, "name": "Lamps"}
        answer = post(staff, "price-test-groups/", plan)
        assert answer.status_code == 201
        assert (answer.json()["products"], list(answer.json()["left_out"])) == (3, ["Costless"])
        number = answer.json()["id"]
        past(*PriceTestGroup.objects.get().tests.all())
        found = staff.get(f"{BASE}price-test-groups/{number}/").json()
        assert (found["result"]["units"], found["result"]["verdict"], len(found["tests"])) == (3, "higher", 3)
        (row,) = staff.get(f"{BASE}price-test-groups/").json()["results"]
        assert (row["name"], row["state"]) == ("Lamps", "done")
        decide = f"price-test-groups/{number}/decision/"
        kept = post(staff, decide, {"action": "keep", "price": "low"}).json()
        assert {one["state"] for one in kept["proposals"]} == {"applied"} and len(shop.written) == 3
        assert "over already" in post(staff, decide, {"action": "stop", "reason": "x"}).json()["detail"]
        assert "does not wait" in post(staff, decide, {"action": "approve"}).json()["detail"]

    @pytest.mark.parametrize("kind", ["price-tests", "price-test-groups"])
    def test_no_number_is_an_error(self, kind: str, staff: Client) -> None:
        for number in (0, 1, 2**63, 10**30):
            assert staff.get(f"{BASE}{kind}/{number}/").status_code == 404
