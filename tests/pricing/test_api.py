"""``ecomai/api/pricing/``: staff with the right permission, the same rules as everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from django_ecomai.mirror.models import Product
from django_ecomai.pricing import selection_job
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.pricing.services import selections
from tests.clients import clerk

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"


def post(client: Client, path: str, data: Any) -> Any:
    return client.post(BASE + path, data, content_type="application/json")


def test_nobody_else_reads_costs(client: Client) -> None:
    assert client.get(f"{BASE}proposals/").status_code in (401, 403)
    shopper = Client()
    shopper.force_login(User.objects.create_user("shopper"))
    assert shopper.get(f"{BASE}proposals/").status_code == 403
    assert clerk("view_pricechange").get(f"{BASE}proposals/").status_code == 403


def test_the_worklist_in_few_queries(boss: Client, django_assert_max_num_queries: Any) -> None:
    rule = rule_make(name="Everything")
    for number in range(5):
        proposal_make(priced_product(external_id=f"p{number}"), gain=float(number), rule=rule)
    proposal_make(priced_product(external_id="held"), state="held", held_code="cost_missing", held_reason="No cost.")
    boss.get(f"{BASE}proposals/")
    with django_assert_max_num_queries(4):
        found = boss.get(f"{BASE}proposals/", {"limit": "3", "state": "open"}).json()
    assert [row["product_id"] for row in found["results"]] == ["p4", "p3", "p2"] and found["next_offset"] == 3
    row = found["results"][0]
    assert (row["old_price"], row["new_price"], row["rule"], row["state"]) == (
        "10.0000",
        "10.5000",
        "Everything",
        "open",
    )
    assert row["why"].startswith("10 → 10.50 EUR (+5 %)") and "curve" not in row
    (held,) = boss.get(f"{BASE}proposals/", {"state": "held"}).json()["results"]
    assert (held["held_code"], held["why"]) == ("cost_missing", "No cost.")
    queries: list[dict[str, str]] = [
        {"state": "gone"},
        {"risk": "x"},
        {"limit": "0"},
        {"offset": "-1"},
        {"offset": "9" * 30},
    ]
    for query in queries:
        assert boss.get(f"{BASE}proposals/", query).status_code == 400


def test_one_with_its_curves(boss: Client) -> None:
    row = proposal_make(curve={"prices": [9.0], "profit": [1.0]}, history={"units": [3.0], "prices": [10.0]})
    found = boss.get(f"{BASE}proposals/{row.pk}/").json()
    assert found["curve"] == {"prices": [9.0], "profit": [1.0]} and found["history"]["units"] == [3.0]
    assert boss.get(f"{BASE}proposals/{row.pk + 1}/").status_code == 404
    assert boss.get(f"{BASE}proposals/{'9' * 25}/").status_code == 404
    other = proposal_make(priced_product(channel="other"))
    assert boss.get(f"{BASE}proposals/{other.pk}/").status_code == 404


def test_from_approval_to_undo(boss: Client, shop: PricedShop) -> None:
    row = proposal_make(priced_product(external_id="p"))
    answer = post(boss, "proposals/decision/", {"proposals": [row.pk], "action": "approve"})
    assert answer.json() == [
        {"id": row.pk, "product_id": "p", "state": "approved", "risk": "medium", "gain": 0.5, "reason": ""}
    ]
    answer = post(boss, "proposals/apply/", {})
    assert answer.json() == {"applied": 1, "stale": 0, "failed": 0, "problems": []}
    (change,) = boss.get(f"{BASE}changes/", {"product": "p"}).json()["results"]
    assert (change["kind"], change["old_price"], change["new_price"]) == ("apply", "10.0000", "10.5000")
    answer = post(boss, f"changes/{change['id']}/undo/", {})
    assert answer.json()["kind"] == "undo" and Product.objects.get(external_id="p").price == 10
    assert post(boss, f"changes/{change['id']}/undo/", {}).status_code == 400
    assert post(boss, "changes/0/undo/", {}).status_code == 404


def test_a_price_that_was_not_seen_is_not_approved(boss: Client) -> None:
    row = proposal_make()
    data = {"proposals": [row.pk], "action": "approve", "seen": {str(row.pk): "9.90"}}
    answer = post(boss, "proposals/decision/", data)
    assert answer.status_code == 400 and "look at the new prices" in answer.json()["detail"]
    assert post(boss, "proposals/decision/", {**data, "seen": {"x": "9.90"}}).status_code == 400
    answer = post(boss, "proposals/decision/", {**data, "seen": {str(row.pk): "10.50"}})
    assert answer.json()[0]["state"] == "approved"


def test_what_is_scheduled_is_not_put_into_the_shop_at_once(boss: Client, shop: PricedShop) -> None:
    row = proposal_make(state="scheduled", apply_at=timezone.now() + timedelta(days=5))
    assert post(boss, "proposals/apply/", {"proposals": [row.pk]}).json()["applied"] == 0
    assert shop.written == []


def test_a_price_that_a_limit_forbids_by_now_is_restored_when_that_is_confirmed(boss: Client, shop: PricedShop) -> None:
    proposal_make(priced_product(external_id="p"), state="approved")
    post(boss, "proposals/apply/", {})
    Product.objects.update(cost="10.20")
    path = f"changes/{PriceChange.objects.get().pk}/undo/"
    answer = post(boss, path, {})
    assert answer.status_code == 400 and "does not get 10 back" in answer.json()["detail"]
    (limit,) = answer.json()["limits"]
    assert limit["product_id"] == "p" and "at least 10.20 EUR (its cost)" in limit["why"]
    assert post(boss, path, {"confirm": True}).json()["kind"] == "undo"


def test_problems_are_told_one_by_one(boss: Client, shop: PricedShop) -> None:
    row = proposal_make(priced_product(external_id="p", price="12.00"), state="approved")
    found = post(boss, "proposals/apply/", {"proposals": [row.pk]}).json()
    assert (found["stale"], found["problems"][0]["state"]) == (1, "stale")
    assert "changed the price to 12" in found["problems"][0]["reason"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"action": "approve"}, "proposals"),
        ({"proposals": [], "action": "approve"}, "proposals"),
        ({"proposals": [0], "action": "approve"}, "proposals"),
        ({"proposals": [99999], "action": "approve"}, "There is no proposal 99999"),
        ({"proposals": ["one"], "action": "reject"}, "action"),
        ({"proposals": ["one"], "action": "reject", "reason": " "}, "Give a reason"),
        ({"proposals": ["one"], "action": "wait"}, "action"),
        ({"proposals": ["one"], "action": "approve", "canary_share": 2}, "between 0 and 1"),
        ({"proposals": ["one"], "action": "approve", "apply_at": "2020-01-01T00:00:00Z"}, "in the future"),
    ],
)
def test_what_cannot_be_decided(data: dict[str, Any], text: str, boss: Client) -> None:
    row = proposal_make()
    if data.get("proposals") == ["one"]:
        data = {**data, "proposals": [row.pk]}
    answer = post(boss, "proposals/decision/", data)
    assert answer.status_code == 400
    assert text in answer.content.decode() or text == "action"
    row.refresh_from_db()
    assert row.state == "open"


def test_only_who_may_apply_may_schedule(shop: PricedShop) -> None:
    decider = clerk("view_priceproposal", "decide_priceproposal")
    row, other = proposal_make(), proposal_make()
    at = (timezone.now() + timedelta(days=1)).isoformat()
    data = {"proposals": [row.pk], "action": "approve", "apply_at": at}
    assert post(decider, "proposals/decision/", data).status_code == 403
    assert post(decider, "proposals/apply/", {}).status_code == 403
    assert post(decider, "proposals/decision/", {**data, "apply_at": None}).status_code == 200
    reject = {"proposals": [other.pk], "action": "reject", "reason": "no"}
    assert post(decider, "proposals/decision/", reject).json()[0]["state"] == "rejected"
    change = PriceChange.objects.create(
        product=row.product, at=timezone.now(), old_price=10, new_price=11, currency="EUR"
    )  # fmt: skip
    assert post(decider, f"changes/{change.pk}/undo/", {}).status_code == 403


def test_without_apply_price_the_csv_is_left(reading_shop: None, boss: Client) -> None:
    proposal_make(priced_product(external_id="p"), state="approved")
    proposal_make(priced_product(external_id="q"))
    answer = post(boss, "proposals/apply/", {})
    assert answer.status_code == 400 and "download the approved ones as CSV" in answer.content.decode()
    answer = boss.get(f"{BASE}proposals/csv/")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert [line.split(",")[1] for line in answer.getvalue().decode().splitlines()] == ["product_id", "p"]
    assert len(boss.get(f"{BASE}proposals/csv/", {"state": "open"}).getvalue().decode().splitlines()) == 2
    assert boss.get(f"{BASE}proposals/csv/", {"state": "x"}).status_code == 400


def test_elasticities_and_suggested_tests(boss: Client) -> None:
    elasticity_make(priced_product(external_id="k"))
    elasticity_make(
        priced_product(external_id="l"), low=-4.0, high=0.0, test_low=9, test_high=11, test_weeks=8, test_worth=5.0
    )
    found = boss.get(f"{BASE}elasticities/").json()["results"]
    assert [(row["product_id"], row["strength"]) for row in found] == [("k", "strong"), ("l", "weak")]
    (row,) = boss.get(f"{BASE}elasticities/", {"tests": "1"}).json()["results"]
    assert (row["product_id"], row["test_weeks"], row["test_low"]) == ("l", 8, "9.0000")
    assert len(boss.get(f"{BASE}elasticities/", {"product": "k\x00"}).json()["results"]) == 1


def test_two_eyes_are_told(boss: Client, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    row = proposal_make()
    data = {"proposals": [row.pk], "action": "approve"}
    assert post(boss, "proposals/decision/", data).json()[0]["state"] == "open"
    answer = post(boss, "proposals/decision/", data)
    assert answer.status_code == 400 and "somebody else" in answer.content.decode()
    assert PriceProposal.objects.get().state == "open"


class TestSelections:
    """Many prices by one confirmation."""

    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(selection_job.AT_ONCE, "approve", 3)
        monkeypatch.setitem(selection_job.AT_ONCE, "undo", 3)
        monkeypatch.setattr(selections, "PART", {"approve": 2, "undo": 2})

    def make(self, number: int, **fields: Any) -> None:
        for at in range(number):
            proposal_make(priced_product(external_id=f"a{at}", title=f"A{at}"), **fields)

    @pytest.mark.parametrize("number", [3, 5])
    def test_choose_confirm_read_and_take_back(
        self, number: int, boss: Client, shop: PricedShop, django_capture_on_commit_callbacks: Any
    ) -> None:
        self.make(number, run_number=7)
        answer = post(boss, "proposals/selections/", {"run": 7, "direction": "up"})
        found = answer.json()
        assert (answer.status_code, found["number"], found["sums"]["up"]) == (201, number, number)
        assert found["came"]["waiting"] == number and found["filters"] == {"run": 7, "direction": "up"}
        path = f"proposals/selections/{found['id']}/"
        assert post(boss, f"{path}confirm/", {"number": number + 1}).status_code == 400
        Product.objects.filter(external_id="a0").update(price="12.00")
        with django_capture_on_commit_callbacks(execute=True):
            answer = post(boss, f"{path}confirm/", {"number": number})
        assert answer.status_code == (200 if number == 3 else 202)
        assert (answer.json()["run"] is None) is (number == 3)
        came = boss.get(BASE + path).json()["came"]
        assert came == {
            "done": number - 1,
            "first": 0,
            "left_out": 1,
            "waiting": 0,
            "skipped": {"price_changed": 1},
        }
        assert len(shop.written) == number - 1
        page = boss.get(f"{BASE}{path}skipped/", {"code": "price_changed"}).json()
        assert page["next_offset"] is None and page["results"][0]["title"] == "A0"
        assert page["results"][0]["why"] == "The shop has changed the price to 12 since it was worked out."
        assert boss.get(f"{BASE}{path}skipped/", {"code": "gone"}).json()["results"] == []
        # once more by the same person: nothing is done twice
        with django_capture_on_commit_callbacks(execute=True):
            assert post(boss, f"{path}confirm/", {"number": number}).json()["came"] == came
        assert len(shop.written) == number - 1
        Product.objects.filter(external_id="a1").update(cost="10.20")
        back = post(boss, "changes/selections/", {"selection": found["id"]}).json()
        assert back["number"] == number - 1
        with django_capture_on_commit_callbacks(execute=True):
            post(boss, f"changes/selections/{back['id']}/confirm/", {"number": number - 1})
        came = boss.get(f"{BASE}changes/selections/{back['id']}/").json()["came"]
        assert (came["done"], came["skipped"]) == (number - 2, {"against_limits": 1})
        left = boss.get(f"{BASE}changes/selections/{back['id']}/skipped/").json()["results"]
        assert "10.20 EUR (its cost)" in left[0]["why"]
        data = {"changes": [left[0]["id"]], "against_limits": True}
        last = post(boss, "changes/selections/", data).json()
        assert post(boss, f"changes/selections/{last['id']}/confirm/", {"number": 1}).json()["came"]["done"] == 1
        assert dict(Product.objects.values_list("external_id", "price"))["a1"] == 10

    def test_each_needs_its_own_right(self, boss: Client, shop: PricedShop) -> None:
        self.make(2)
        key = post(boss, "proposals/selections/", {}).json()["id"]
        decider = clerk("view_priceproposal", "decide_priceproposal")
        assert decider.get(f"{BASE}proposals/selections/{key}/").status_code == 200
        at = (timezone.now() + timedelta(days=1)).isoformat()
        answer = post(decider, f"proposals/selections/{key}/confirm/", {"number": 2, "apply_at": at})
        assert answer.status_code == 403
        assert post(decider, "changes/selections/", {}).status_code == 403
        assert post(decider, f"proposals/selections/{key}/confirm/", {"number": 2}).status_code == 200
        assert post(boss, f"proposals/selections/{key}/confirm/", {"number": 2}).status_code == 400  # somebody else did
        User.objects.get(username="clerk").user_permissions.clear()
        assert decider.get(f"{BASE}proposals/selections/{key}/").status_code == 403
        assert post(decider, "proposals/selections/", {}).status_code == 403
        assert shop.written == []

    @pytest.mark.parametrize(
        ("where", "data"),
        [
            ("proposals", {"risk": "x"}),
            ("proposals", {"run": 0}),
            ("proposals", {"category": "none"}),
            ("proposals", {"proposals": []}),
            ("changes", {"selection": 99}),
            ("changes", {}),
        ],
    )
    def test_what_cannot_be_chosen(self, where: str, data: dict[str, Any], boss: Client) -> None:
        proposal_make()
        assert post(boss, f"{where}/selections/", data).status_code == 400
        assert boss.get(f"{BASE}{where}/selections/{'9' * 25}/").status_code == 404

    def test_a_choice_of_one_kind_is_none_of_the_other(self, boss: Client) -> None:
        proposal_make()
        key = post(boss, "proposals/selections/", {}).json()["id"]
        assert boss.get(f"{BASE}changes/selections/{key}/").status_code == 404
        assert post(boss, f"changes/selections/{key}/confirm/", {"number": 1}).status_code == 404
