"""The worklist of prices: what it shows, filters, approving and rejecting."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from django_ecomai.pricing.apply_job import AT_ONCE
from django_ecomai.pricing.models import PriceChange, PriceProposal
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from tests.clients import clerk, read

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .pages import CURVE, LIST, approve, choose, decide, page, states

pytestmark = pytest.mark.django_db


def test_the_list_tells_what_to_do_when_it_is_empty(boss: Client) -> None:
    html = page(boss)
    assert "No prices have been worked out yet" in html and 'value="pricing.propose"' in html


def test_the_list_shows_prices_gains_and_evidence_in_few_queries(
    boss: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        proposal_make(
            priced_product(title=f"Lantern {number}", sku=f"L{number}"), binding="max_rise_week", gain=100.0 - number,
            gain_low=50.0, gain_high=150.0, market={"lowest": 9.5, "median": 10.2, "offers": 3, "position": "average"},
            history={"units": [3, 4, 5], "prices": [10, 10, 10]},
        )  # fmt: skip
    page(boss)
    with django_assert_max_num_queries(14):
        html = page(boss)
    assert html.count("Stopped by the largest change per week") == 12
    for text in ("+5.0 %", "+100 EUR", "+50.00 EUR", "−1.6, known well", "average, 3 offers", "from 9.50 EUR"):
        assert (text in html) is (text != "+50.00 EUR"), text
    assert "<strong>12</strong> to decide, 1,134 EUR expected more" in html
    assert "ecomai-sparkline" in html and "<script>" not in html


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("", "open"),
        ("?show=held", "held"),
        ("?show=rejected", "rejected"),
        ("?show=applied", "applied"),
        ("?show=waiting", "scheduled"),
        ("?show=trouble", "stale"),
        ("?show=undone", "undone"),
        ("?risk__exact=high&show=all", "applied"),
        ("?direction=down&show=all", "rejected"),
        ("?q=held", "held"),
        ("?category=999999999999999999999", "open"),
    ],
)
def test_filters_narrow_the_list(boss: Client, query: str, seen: str) -> None:
    for state in ("open", "held", "rejected", "applied", "scheduled", "stale", "undone"):
        fields: dict[str, Any] = {"risk": "high" if state == "applied" else "low"}
        if state == "rejected":
            fields["new_price"] = Decimal("9.50")
        if state == "held":
            fields |= {"new_price": None, "held_reason": "Its cost is not known", "gain": None}
        proposal_make(priced_product(title=f"a {state} one", sku=state), state=state, **fields)
    html = page(boss, query=query).split("result_list")[-1]
    assert re.findall(r">a (\w+) one</a>", html) == [seen]


def test_keys_stand_beside_their_switch_and_only_where_something_is_decided(boss: Client) -> None:
    proposal_make()
    proposal_make(state="held", new_price=None, gain=None, held_reason="No cost.")
    html = page(boss)
    assert html.count("data-ecomai-keys") == html.count("a approves what is ticked") == 1 and "action-select" in html
    html = page(boss, query="?show=held")
    assert "No cost." in html and "data-ecomai-keys" not in html and "action-select" not in html


def test_titles_of_the_shop_are_escaped(boss: Client) -> None:
    row = proposal_make(priced_product(title="<script>alert(1)</script>"), curve=CURVE)
    for html in (page(boss), page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)):
        assert "<script>alert" not in html


def test_nothing_is_decided_before_the_sums_were_seen(boss: Client, shop: PricedShop) -> None:
    rows = [proposal_make(gain=10.0, gain_low=4.0, gain_high=16.0), proposal_make(new_price=Decimal("9.00"), gain=8.0,
            gain_low=0.0, gain_high=16.0)]  # fmt: skip
    html = choose(boss, "approve", *rows)
    # Errors are shared where elasticities are: the ends add up.
    assert "+18.00 EUR (+4.00 to +32.00)" in html and "Approve 2 prices" in html
    assert states() == ["open", "open"] and shop.written == []


def test_approved_prices_go_into_the_shop(boss: Client, shop: PricedShop) -> None:
    rows = [proposal_make(), proposal_make()]
    html = approve(boss, *rows)
    assert "2 prices are in the shop now." in html
    assert states() == ["applied", "applied"]
    assert [price for _product, price in shop.written] == [Decimal("10.50")] * 2


def test_decisions_are_told_once_and_newest_first(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    approve(boss, row)
    decide(boss, row, "undo", change=PriceChange.objects.get().pk)
    html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk).split("Decisions</h2>")[-1]
    told = re.findall(r"<td>([^<]*→[^<]*)</td>", html)
    assert told == ["undone: 10.50 → 10.00 EUR", "proposal applied: 10.00 → 10.50 EUR – undone", "approved: 10 → 10.5"]


def test_a_price_in_the_shop_is_called_so(boss: Client, shop: PricedShop) -> None:
    row = proposal_make(curve=CURVE)
    name = "admin:ecomai_pricing_priceproposal_change"
    assert "Price today" in page(boss, name, row.pk)
    approve(boss, row)
    html = page(boss, name, row.pk)
    assert "Price before" in html and "<dt>In the shop</dt>" in html and "Price today" not in html


def test_all_with_these_filters_are_approved_at_once(boss: Client, shop: PricedShop) -> None:
    for number in range(35):
        proposal_make(risk="low" if number < 33 else "high")
    html = choose(boss, "approve_all", query="?risk__exact=low")
    assert "Approve 33 prices" in html
    ids = re.search(r'name="ids" value="([\d,.:]+)"', html)
    assert ids is not None and len(ids[1].split(",")) == 33


def test_later_and_a_part_first(boss: Client, shop: PricedShop) -> None:
    rows = [proposal_make() for _ in range(4)]
    html = approve(boss, *rows, when="later")
    assert "Say when the prices are to change." in html and states() == ["open"] * 4
    tomorrow = timezone.localtime() + timedelta(days=1)
    approve(boss, *rows[:1], when="later", apply_at_0=tomorrow.strftime("%Y-%m-%d"), apply_at_1="06:30")
    assert states()[0] == "scheduled"
    html = approve(boss, *rows[1:], canary="0.25")
    assert sorted(states()[1:]) == ["applied", "scheduled", "scheduled"] and "2 are approved for later." in html


@pytest.mark.parametrize("fields", [{"canary": "0.5"}, {"when": "later"}])
def test_who_may_only_decide_does_not_say_when(fields: dict[str, str], shop: PricedShop) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    moment = {"apply_at_0": tomorrow.strftime("%Y-%m-%d"), "apply_at_1": "06:30"} if "when" in fields else {}
    rows = [proposal_make() for _number in range(3)]
    html = approve(clerk("view_priceproposal", "decide_priceproposal"), *rows, **fields, **moment)
    assert "not say when they go into the shop" in html and states() == ["open"] * 3


def test_a_price_that_a_run_wrote_over_meanwhile_is_shown_again(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    ids = re.search(r'name="ids" value="([^"]+)"', choose(boss, "approve", row))
    PriceProposal.objects.update(new_price="10.80")
    url = reverse(f"{LIST[:-11]}_approve")
    assert ids is not None
    html = read(boss.post(url, {"ids": ids[1], "when": "now"}))
    assert "look at the new prices" in html and "10.80" in html and states() == ["open"]
    again = re.search(r'name="ids" value="([^"]+)"', html)
    assert again is not None
    boss.post(url, {"ids": again[1], "when": "now"})
    assert states() == ["applied"] and shop.written[-1][1] == Decimal("10.8")


def test_many_are_put_into_the_shop_by_a_job_that_shows_how_far_it_is(
    boss: Client, shop: PricedShop, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        html = approve(boss, *[proposal_make() for _ in range(AT_ONCE + 1)])
    run = Run.objects.get(kind="pricing.apply")
    assert "this page shows how far it is" in html and run.state == "done"
    assert set(states()) == {"applied"} and run.metrics["applied"] == {"applied": 31, "stale": 0, "failed": 0}
    assert PriceChange.objects.filter(user__username="boss").count() == 31


def test_the_job_changes_nothing_for_who_may_not(shop: PricedShop) -> None:
    proposal_make(state="approved")
    clerk("start_run", "view_priceproposal")
    for parameters in ({}, {"user": User.objects.get(username="clerk").pk}, {"user": "x"}):
        assert run_now(kind="pricing.apply", parameters=parameters).state == "failed"
    assert states() == ["approved"] and shop.written == []


def test_approved_prices_are_a_file_for_shops_that_write_them_elsewhere(boss: Client) -> None:
    proposal_make(priced_product(external_id="p7"), state="approved")
    response = boss.get(reverse(f"{LIST[:-11]}_csv"))
    assert response["Content-Type"].startswith("text/csv") and "p7" in response.getvalue().decode()
    assert clerk().get(reverse(f"{LIST[:-11]}_csv")).status_code == 403


def test_who_may_only_decide_changes_no_price(shop: PricedShop) -> None:
    row = proposal_make()
    html = approve(clerk("view_priceproposal", "decide_priceproposal"), row)
    assert "waits to be put into the shop" in html
    assert states() == ["approved"] and shop.written == []


@pytest.mark.parametrize("codenames", [(), ("view_priceproposal",)])
def test_who_may_not_decide_is_refused(shop: PricedShop, codenames: tuple[str, ...]) -> None:
    row, client = proposal_make(), clerk(*codenames)
    assert client.post(reverse(f"{LIST[:-11]}_approve"), {"ids": row.pk, "when": "now"}).status_code == 403
    for action in ("approve", "reject", "apply", "undo", "", "drop"):
        assert decide(client, row, action, reason="x").status_code == 403
    choose(client, "reject", row, reason="x")
    assert states() == ["open"]


def test_a_shop_that_takes_no_prices_is_told_what_to_do(boss: Client, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "ADAPTER": None}
    row = proposal_make()
    assert "cannot write prices" in page(boss)
    assert "waits to be put into the shop" in approve(boss, row) and states() == ["approved"]


def test_a_price_that_the_shop_changed_meanwhile_is_overtaken(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    row.product.price = Decimal("11.00")
    row.product.save()
    assert "1 was overtaken" in approve(boss, row)
    assert states() == ["stale"] and shop.written == []


@pytest.mark.parametrize("ids", ["", "x", "1,b", "999999", "9" * 30])
def test_keys_that_are_none_are_answered(boss: Client, shop: PricedShop, ids: str) -> None:
    response = boss.post(reverse(f"{LIST[:-11]}_approve"), {"ids": ids, "when": "now"}, follow=True)
    assert response.status_code == 200 and "open for a decision" in read(response)


def test_rejecting_needs_a_reason(boss: Client) -> None:
    rows = [proposal_make(), proposal_make()]
    assert "Give a reason" in choose(boss, "reject", *rows)
    assert "2 prices rejected." in choose(boss, "reject", *rows, reason="too dear")
    assert states() == ["rejected", "rejected"]


def test_two_people_where_the_shop_wants_two(boss: Client, shop: PricedShop, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_FOUR_EYES": True}
    row = proposal_make()
    assert "somebody else must approve" in approve(boss, row)
    assert "You have approved" in approve(boss, row) and states() == ["open"]
    second = Client()
    second.force_login(User.objects.create_superuser("second"))
    assert "1 price is in the shop now." in approve(second, row)
