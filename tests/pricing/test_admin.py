"""The merchant's pages: worklist, approval, one proposal, rules with their preview, what was done, the ledger."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.pricing.admin.worklist_decide import AT_ONCE
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceReduction, PricingRule
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import category_make, product_make

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_pricing_priceproposal_changelist"
CURVE = {
    "prices": [9.0, 10.0, 11.0], "units": [47.0, 40.0, 34.0], "profit": [235.0, 240.0, 238.0],
    "profit_low": [220.0, 240.0, 215.0], "profit_high": [250.0, 240.0, 260.0],
}  # fmt: skip


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def clerk(*codenames: str) -> Client:
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, name: str = LIST, *args: Any, query: str = "") -> str:
    return client.get(reverse(name, args=args) + query).content.decode()


def choose(client: Client, action: str, *rows: PriceProposal, query: str = "", **values: Any) -> str:
    data = {"action": action, "index": 0, "_selected_action": [row.pk for row in rows], **values}
    return client.post(reverse(LIST) + query, data, follow=True).content.decode()


def approve(client: Client, *rows: PriceProposal, **values: Any) -> str:
    data = {"ids": ",".join(str(row.pk) for row in rows), "when": "now", **values}
    return client.post(reverse(f"{LIST[:-11]}_approve"), data, follow=True).content.decode()


def decide(client: Client, row: PriceProposal, action: str, **values: Any) -> Any:
    url = reverse("admin:ecomai_pricing_priceproposal_decide", args=[row.pk])
    return client.post(url, {"action": action, **values}, follow=True)


def states() -> list[str]:
    return list(PriceProposal.objects.order_by("pk").values_list("state", flat=True))


# -- the worklist ----------------------------------------------------------------------------------------------------
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


def test_titles_of_the_shop_are_escaped(boss: Client) -> None:
    row = proposal_make(priced_product(title="<script>alert(1)</script>"), curve=CURVE)
    for html in (page(boss), page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)):
        assert "<script>alert" not in html


# -- approving -------------------------------------------------------------------------------------------------------
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
    moment = {"apply_at_0": tomorrow.strftime("%Y-%m-%d"), "apply_at_1": "06:30"}
    rows = [proposal_make() for _number in range(3)]
    html = approve(clerk("view_priceproposal", "decide_priceproposal"), *rows, **fields, **moment)
    assert "not say when they go into the shop" in html and states() == ["open"] * 3


def test_a_price_that_a_run_wrote_over_meanwhile_is_shown_again(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    ids = re.search(r'name="ids" value="([^"]+)"', choose(boss, "approve", row))
    PriceProposal.objects.update(new_price="10.80")
    url = reverse(f"{LIST[:-11]}_approve")
    assert ids is not None
    html = boss.post(url, {"ids": ids[1], "when": "now"}).content.decode()
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
    assert response["Content-Type"].startswith("text/csv") and "p7" in response.content.decode()
    assert clerk().get(reverse(f"{LIST[:-11]}_csv")).status_code == 403


def test_last_month_is_played_again(boss: Client) -> None:
    url = reverse(f"{LIST[:-11]}_replay")
    assert "Nothing has been played yet." in boss.get(url).content.decode()
    Run.objects.create(
        kind="pricing.replay", state="done", metrics={"replay": {
            "is_estimate": True, "since": "2026-02-01", "until": "2026-03-01", "products": 10, "changed": 4,
            "money": {"EUR": {"products": 4, "revenue": 900.0, "profit": 400.0, "revenue_gain": -5.0, "gain": 30.0,
                              "gain_low": -2.0, "gain_high": 62.0, "rows": [["p", "<b>Lamp", 10.0, 11.0, 30.0]]}},
        }},
    )  # fmt: skip
    html = boss.get(url).content.decode()
    for text in ("4 of 10 products", "+30.00 EUR", "−2.00 to +62.00", "&lt;b&gt;Lamp", "estimate"):
        assert text in html, text
    boss.post(url, {"weeks": "8"})
    assert Run.objects.latest("pk").parameters == {"weeks": 8}
    assert clerk("view_priceproposal").post(url, {"weeks": "8"}).status_code == 403


def test_who_may_only_decide_changes_no_price(shop: PricedShop) -> None:
    row = proposal_make()
    html = approve(clerk("view_priceproposal", "decide_priceproposal"), row)
    assert "wait to be put into the shop" in html
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
    assert "wait to be put into the shop" in approve(boss, row) and states() == ["approved"]


def test_a_price_that_the_shop_changed_meanwhile_is_overtaken(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    row.product.price = Decimal("11.00")
    row.product.save()
    assert "1 were overtaken" in approve(boss, row)
    assert states() == ["stale"] and shop.written == []


@pytest.mark.parametrize("ids", ["", "x", "1,b", "999999", "9" * 30])
def test_keys_that_are_none_are_answered(boss: Client, shop: PricedShop, ids: str) -> None:
    response = boss.post(reverse(f"{LIST[:-11]}_approve"), {"ids": ids, "when": "now"}, follow=True)
    assert response.status_code == 200 and "open for a decision" in response.content.decode()


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


# -- one proposal ----------------------------------------------------------------------------------------------------
def test_the_page_shows_curves_with_numbers_for_everybody(boss: Client, django_assert_max_num_queries: Any) -> None:
    row = proposal_make(
        curve=CURVE, trail=[["limit", 11.1234, 10.5]], binding="max_rise_week",
        market={"lowest": 9.5, "median": 10.2, "offers": 3, "position": "average"},
        history={"units": [3, 4, 5], "prices": [10.0, 10.0, None]},
    )  # fmt: skip
    PriceReduction.objects.create(
        product=row.product,
        began_at=timezone.now(),
        price=8,
        lowest_before=9,
        known_since=timezone.now(),
        currency="EUR",
    )
    page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    with django_assert_max_num_queries(14):
        html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    for text in (
        "today 10.00: 40; proposed 10.50: 37; highest 47 at 9.00",
        "ecomai-band",
        "Its limits move 11.1234 EUR to 10.50 EUR.",
        "Stopped by the largest change per week.",
        "lowest 9.50 EUR",
        "9.00 EUR",
        "Both curves as a table",
        "−1.60 % (−2.00 to −1.20)",
    ):
        assert text in html, text


def test_a_held_back_price_says_why(boss: Client) -> None:
    row = proposal_make(state="held", new_price=None, gain=None, held_reason="Its cost is not known: map `cost`.")
    html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    assert html.count("Its cost is not known: map `cost`.") >= 1 and 'value="approve"' not in html
    assert page(boss, "admin:ecomai_pricing_priceproposal_change", 999) != html


def test_from_the_page_to_the_shop_and_back(boss: Client, shop: PricedShop) -> None:
    row = proposal_make()
    assert "Approve 1 price" in decide(boss, row, "approve").content.decode()
    approve(boss, row)
    html = page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
    change = PriceChange.objects.get()
    assert "Undo: put the price before back" in html and f'value="{change.pk}"' in html
    html = decide(boss, row, "undo", change=change.pk).content.decode()
    assert "The price before is in the shop again." in html and "Undo: put" not in html
    assert [price for _product, price in shop.written] == [Decimal("10.50"), Decimal("10.00")]
    assert decide(boss, row, "undo", change="x").status_code == 404


def test_an_approved_price_is_put_into_the_shop_by_who_may(shop: PricedShop) -> None:
    row = proposal_make(state="approved")
    html = decide(clerk("view_priceproposal", "apply_priceproposal"), row, "apply").content.decode()
    assert "1 price is in the shop now." in html and states() == ["applied"]


# -- rules -----------------------------------------------------------------------------------------------------------
def preview(client: Client, **values: Any) -> str:
    data = {"action": "profit", "order": 100, "is_active": "on", "reference": "lowest", "offset": 0, "sell_share": 95,
            "left_worth": 100, "channel": "", **values}  # fmt: skip
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    return client.post(url, data, headers={"X-Requested-With": "fetch"}).content.decode()


@pytest.fixture
def lamps() -> Any:
    category = category_make(name="Lamps")
    for number in range(4):
        product = product_make(
            title=f"Lamp {number}", price="10.00", cost=Decimal(4), list_price=Decimal(10),
            categories=[category] if number < 3 else [], brand="Acme" if number == 0 else "",
            attributes={"season": "winter"} if number < 2 else {},
        )  # fmt: skip
        elasticity_make(product)
    return category


def test_the_preview_counts_and_shows_prices_before_and_after_limits(boss: Client, lamps: Any) -> None:
    html = preview(boss, category=lamps.pk, action="markup", markup="200", max_change_day="5")
    assert "It is for 3 of 4 products on sale." in html
    assert html.count("12.00 EUR") == 3 and html.count("10.50 EUR +5.0 %") == 3
    assert html.count("Stopped by the largest change per day") == 3 and "Lamp 3" not in html
    assert PricingRule.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "for 4 of 4"),
        ({"brand": "ACME"}, "for 1 of 4"),
        ({"attribute": "season"}, "for 2 of 4"),
        ({"attribute": "season", "attribute_value": "summer"}, "No product fits"),
        ({"margin_from": "61"}, "for 0 of 4"),
        ({"margin_from": "60"}, "for 4 of 4"),
        ({"action": "markup"}, "Give the markup over cost."),
        ({"category": "999"}, "Select a valid choice"),
        ({"min_margin": "abc"}, "Enter a number"),
        ({"ends_on": "2001-01-01"}, "for 4 of 4"),
    ],
)
def test_every_condition_is_previewed_and_every_mistake_named(
    boss: Client, lamps: Any, values: dict[str, Any], told: str
) -> None:
    assert told in preview(boss, **values)


def test_without_javascript_the_preview_is_a_page(boss: Client, lamps: Any) -> None:
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    html = boss.post(url, {"action": "profit", "order": 1, "reference": "lowest", "offset": 0, "sell_share": 95,
                           "left_worth": 100}).content.decode()  # fmt: skip
    assert "Nothing was saved" in html and "It is for 4 of 4" in html
    assert boss.get(url).status_code == 405


def test_the_preview_is_for_those_who_may_change_rules(lamps: Any) -> None:
    url = reverse("admin:ecomai_pricing_pricingrule_preview")
    assert clerk("view_pricingrule").post(url, {}).status_code == 403


def test_shares_are_typed_as_per_cent(boss: Client) -> None:
    rule = rule_make(min_margin=0.3, max_change_week=0.07, action="markup", markup=0.5)
    url = reverse("admin:ecomai_pricing_pricingrule_change", args=[rule.pk])
    html = boss.get(url).content.decode()
    assert re.search(r'name="min_margin" value="30"', html) and re.search(r'name="max_change_week" value="7"', html)
    values = {"name": "R", "order": 5, "action": "markup", "markup": "62.5", "reference": "lowest", "offset": "-2",
              "sell_share": "95", "left_worth": "100", "min_margin": "", "channel": ""}  # fmt: skip
    assert boss.post(url, values).status_code == 302
    rule.refresh_from_db()
    assert (rule.markup, rule.offset, rule.min_margin, rule.sell_share) == (0.625, -0.02, None, 0.95)
    told = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "A markup over cost: 62 %" in told and "All products" in told


def test_rules_are_told_in_words_and_the_limits_without_any(boss: Client, lamps: Any) -> None:
    html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "No rule yet" in html and "at most 10 % per day, at most 20 % per week" in html
    rule_make(category=lamps, brand="Acme", action="limits", min_margin=0.4, corridor_low=0.8, corridor_high=1.1)
    html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "Category “Lamps”, brand “Acme”" in html and "Least margin 40 %, 80 % to 110 % of the list price" in html


# -- what was done, the ledger, the start page -----------------------------------------------------------------------
def test_prices_in_the_shop_are_taken_back_from_their_list(boss: Client, shop: PricedShop) -> None:
    approve(boss, proposal_make(), proposal_make())
    name = "admin:ecomai_pricing_pricechange_changelist"
    html = page(boss, name)
    assert html.count("proposal applied") >= 2 and "boss" in html
    change = PriceChange.objects.order_by("pk").first()
    assert change is not None
    data = {"action": "take_back", "index": 0, "_selected_action": [change.pk]}
    html = boss.post(reverse(name), data, follow=True).content.decode()
    assert "Take back 1 price" in html and "10.50 EUR" in html and len(shop.written) == 2
    data["confirmed"] = "1"
    html = boss.post(reverse(name), data, follow=True).content.decode()
    assert "1 price was taken back." in html
    html = boss.post(reverse(name), data, follow=True).content.decode()
    assert "taken back before" in html


def test_the_ledger_lists_reductions_with_the_price_before(boss: Client) -> None:
    now = timezone.now()
    for lowest, ended in ((Decimal(9), None), (None, now)):
        PriceReduction.objects.create(
            product=product_make(), began_at=now - timedelta(days=1), ended_at=ended, price=8, lowest_before=lowest,
            known_since=now, currency="EUR",
        )  # fmt: skip
    html = page(boss, "admin:ecomai_pricing_pricereduction_changelist")
    assert "9.00 EUR" in html and "no price before is known" in html and "still running" in html


def test_the_page_of_a_product_shows_its_ledger(boss: Client) -> None:
    product, now = product_make(title="Lantern"), timezone.now()
    name = "admin:ecomai_mirror_product_change"
    assert "announced reductions" not in page(boss, name, product.pk)
    PriceReduction.objects.create(
        product=product, began_at=now, price=8, lowest_before=Decimal("9.25"), known_since=now, currency="EUR"
    )
    html = page(boss, name, product.pk)
    assert "announced reductions" in html and "9.25 EUR" in html


def test_elasticities_say_how_well_they_are_known(boss: Client) -> None:
    known = elasticity_make(
        priced_product(), periods=30, levels=4, test_low=Decimal(9), test_high=Decimal(11), test_weeks=8, test_worth=5.0
    )
    elasticity_make(priced_product(), elasticity=None, low=None, high=None, reason="price_never_varied")
    html = page(boss, "admin:ecomai_pricing_productelasticity_changelist")
    for text in (
        "-1.60",
        "-2.00 to -1.20",
        "known well",
        "9.00 and 11.00 EUR in turn, 8 weeks",
        "its price has never varied",
    ):
        assert text in html, text
    html = page(boss, "admin:ecomai_pricing_productelasticity_change", known.pk)
    assert "If the price rises by 1 %, demand changes by -1.60 % (-2.00 to -1.20)." in html
    assert "30 weeks on sale at 4 prices, 10 pieces per week. Its own sales count for 90 %" in html


def test_the_start_page_names_what_is_to_decide(boss: Client) -> None:
    url = reverse("admin:ecomai_dashboard_start_changelist")
    assert "No prices have been worked out yet." in boss.get(url).content.decode()
    proposal_make(priced_product(title="Lantern"), gain=120.0)
    html = boss.get(url).content.decode()
    assert "1 price to decide" in html and "120 EUR expected more in 28 days" in html and "10.00 → 10.50" in html


def test_the_pages_speak_german(boss: Client, settings: Any) -> None:
    row = proposal_make(curve=CURVE, binding="max_rise_week", trail=[["limit", 11, 10.5]])
    rule_make(name="R", min_margin=0.3)
    settings.LANGUAGE_CODE = "de"
    with translation.override("de"):
        list_html, page_html = page(boss), page(boss, "admin:ecomai_pricing_priceproposal_change", row.pk)
        rules_html = page(boss, "admin:ecomai_pricing_pricingrule_changelist")
    assert "Begrenzt durch: " in list_html
    assert "gut bekannt" in list_html and "+0,50 EUR" in list_html
    assert "Seine Grenzen verschieben 11,00 EUR auf 10,50 EUR." in page_html
    assert "Alle Produkte" in rules_html and "Marge mindestens 30 %" in rules_html
