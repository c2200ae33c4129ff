"""Volume prices as people and programs see them: sentences, the list, the file, REST."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from django_ecomai.pricing.models import VolumeOffer
from tests.clients import clerk

from .factories import MOMENT, offer_make, priced_product

pytestmark = pytest.mark.django_db
LIST = "admin:ecomai_pricing_volumeoffer_changelist"


def choose(client: Client, action: str, row: VolumeOffer, query: str = "") -> str:
    data = {"action": action, "index": 0, "_selected_action": [row.pk]}
    return client.post(reverse(LIST) + query, data, follow=True).content.decode()


# -- words and pages -------------------------------------------------------------------------------------------------
def test_a_suggestion_reads_as_what_to_enter_and_why() -> None:
    row = offer_make(priced_product(title="Lamp"))
    assert row.what == "From 10 pieces on 8.00 EUR each instead of 10.00 EUR (−20 %)."
    assert row.why == (
        "125 EUR more profit expected in 52 weeks, in 95 of 100 cases 80 to 170; chance of a gain: 97 %. "
        "Rests on 100 order lines at about today's price."
    )
    pair_of = offer_make(
        priced_product(title="Cup"), kind="bundle", other=priced_product(title="Saucer"), quantity=1, discount=0.125,
        price=Decimal("17.50"), old_price=Decimal(20), weeks=1, lines=40,
    )  # fmt: skip
    assert pair_of.what == "“Cup” with “Saucer” for 17.50 EUR instead of 20.00 EUR (−12.5 %)."
    assert pair_of.why.endswith("Rests on 40 orders that held both at about today's prices.")
    with translation.override("de"):
        assert row.what == "Ab 10 Stück 8,00 EUR je Stück statt 10,00 EUR (−20 %)."
        assert pair_of.what == "„Cup“ mit „Saucer“ für 17,50 EUR statt 20,00 EUR (−12,5 %)."


def test_the_list_shows_suggestions_in_few_queries_and_filters_by_kind(django_assert_max_num_queries: Any) -> None:
    client = clerk("view_volumeoffer")
    html = client.get(reverse(LIST)).content.decode()
    assert "Not worked out yet." in html
    for number in range(12):
        offer_make(priced_product(title=f"Lamp {number}"), gain=float(number))
    offer_make(kind="bundle", other=priced_product(title="<b>Saucer</b>"), gain=99.0)
    client.get(reverse(LIST))
    with django_assert_max_num_queries(12):
        html = client.get(reverse(LIST)).content.decode()
    assert html.count("From 10 pieces on") == 12
    assert "Approve what you like" in html
    assert html.index("&lt;b&gt;Saucer") < html.index("Lamp 11") < html.index("Lamp 0")
    assert "<b>Saucer" not in html
    html = client.get(reverse(LIST) + "?kind__exact=bundle").content.decode()
    assert "Saucer" in html and "From 10 pieces on" not in html


def test_who_may_dismisses_a_suggestion_and_brings_it_back() -> None:
    client, row = clerk("view_volumeoffer", "dismiss_volumeoffer"), offer_make(priced_product(title="Lamp"))
    html = choose(client, "dismiss", row)
    assert "1 suggestion dismissed." in html and "?show=dismissed" in html and "Lamp" not in html
    row.refresh_from_db()
    assert row.dismissed_by == User.objects.get(username="clerk")
    html = choose(client, "restore", row, "?show=dismissed")
    assert "1 suggestion brought back." in html
    row.refresh_from_db()
    assert row.dismissed_at is None
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Dismissed", "Brought back"]


def test_who_may_approves_in_the_list_and_takes_it_back() -> None:
    client, row = clerk("view_volumeoffer", "approve_volumeoffer"), offer_make(priced_product(title="Lamp"))
    forbidden = offer_make(priced_product(title="Cup", cost=Decimal("8.50")))
    html = choose(client, "approve", forbidden)
    assert "Cup: Its limits allow no price below 8.50." in html
    html = choose(client, "approve", row)
    assert "1 volume price approved." in html and "?show=approved" in html and "Lamp" not in html
    row.refresh_from_db()
    assert row.approved_by == User.objects.get(username="clerk")
    VolumeOffer.objects.filter(pk=row.pk).update(held_reason="It is in a price test.")
    html = client.get(reverse(LIST) + "?show=approved").content.decode()
    assert "by clerk" in html and "Held back:" in html and "It is in a price test." in html
    assert "The shop shows and charges these." in html and "csv/?show=approved" in html
    text = client.get(reverse("admin:ecomai_pricing_volumeoffer_csv") + "?show=approved").getvalue().decode()
    (told,) = csv.DictReader(io.StringIO(text))
    assert (told["title"], told["held_reason"]) == ("Lamp", "It is in a price test.")
    assert told["approved_at"]
    html = choose(client, "withdraw", row, "?show=approved")
    assert "1 approval taken back." in html
    row.refresh_from_db()
    assert (row.approved_at, row.held_reason) == (None, "")


def test_the_list_offers_only_what_can_be_done_there() -> None:
    client = clerk("view_volumeoffer", "approve_volumeoffer", "dismiss_volumeoffer")
    rows = [offer_make(), offer_make(approved_at=MOMENT), offer_make(dismissed_at=MOMENT)]
    assert len(rows) == 3
    for show, actions in (("", ["approve", "dismiss"]), ("approved", ["withdraw"]), ("dismissed", ["restore"])):
        html = client.get(reverse(LIST), {"show": show} if show else {}).content.decode()
        assert re.findall(r'<option value="(\w+)"', html) == actions


def test_who_may_only_look_dismisses_nothing_and_others_see_nothing() -> None:
    client, row = clerk("view_volumeoffer"), offer_make()
    choose(client, "dismiss", row)
    row.refresh_from_db()
    assert row.dismissed_at is None
    User.objects.all().delete()
    stranger = clerk("view_priceproposal")
    for page in ("changelist", "csv", "segments"):
        assert stranger.get(reverse(f"admin:ecomai_pricing_volumeoffer_{page}")).status_code == 403


def test_costs_that_are_simulated_are_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    client = clerk("view_volumeoffer")
    assert "costs of this shop are simulated" not in client.get(reverse(LIST)).content.decode()
    monkeypatch.setattr("django_ecomai.pricing.admin.offers.costs_simulated", lambda **_: True)
    assert "costs of this shop are simulated" in client.get(reverse(LIST)).content.decode()


def test_the_csv_file_holds_no_formula() -> None:
    offer_make(priced_product(title="=1+1", external_id="a"))
    offer_make(priced_product(external_id="b"), gain=5.0, dismissed_at=MOMENT)
    text = clerk("view_volumeoffer").get(reverse("admin:ecomai_pricing_volumeoffer_csv")).getvalue().decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["kind"], row["product_id"], row["title"], row["other_id"]) == ("break", "a", "'=1+1", "")
    assert (row["quantity"], row["price"], row["old_price"], row["gain"]) == ("10", "8", "10", "125.0")
    assert row["what"].startswith("From 10 pieces on")


# -- REST ------------------------------------------------------------------------------------------------------------
def api(client: Client, name: str, query: str = "") -> Any:
    return client.get(reverse(f"ecomai_pricing:{name}") + query)


def test_the_list_as_json(django_assert_max_num_queries: Any) -> None:
    client = clerk("view_volumeoffer")
    for number in range(3):
        offer_make(priced_product(external_id=f"p{number}"), gain=float(number))
    offer_make(
        priced_product(external_id="cup"), kind="bundle", other=priced_product(external_id="saucer"), gain=9.0
    )  # fmt: skip
    with django_assert_max_num_queries(6):
        page = api(client, "api-offers", "?limit=2").json()
    assert page["next_offset"] == 2
    assert [(row["product_id"], row["other_id"]) for row in page["results"]] == [("cup", "saucer"), ("p2", None)]
    assert page["results"][1]["price"] == "8.0000"
    assert [row["product_id"] for row in api(client, "api-offers", "?kind=break").json()["results"]] == [
        "p2", "p1", "p0",
    ]  # fmt: skip
    assert len(api(client, "api-offers", "?product=saucer").json()["results"]) == 1
    assert api(client, "api-offers", "?kind=gift").status_code == 400
    assert api(client, "api-offers-export", "?kind=bundle").getvalue().decode().count("\r\n") == 2


def test_decisions_by_rest_need_their_own_permission_and_count_for_all_or_none() -> None:
    row, url = offer_make(), reverse("ecomai_pricing:api-offers-decide")
    reader = clerk("view_volumeoffer")
    body = {"offers": [row.pk], "action": "dismiss"}
    assert reader.post(url, body, content_type="application/json").status_code == 403
    User.objects.all().delete()
    client = clerk("view_volumeoffer", "dismiss_volumeoffer")
    wrong = client.post(url, {**body, "offers": [row.pk, 10**9]}, content_type="application/json")
    assert wrong.status_code == 400 and wrong.json() == {"offers": "There is no volume price 1000000000."}
    assert client.post(url, body, content_type="application/json").json()[0]["dismissed_at"] is not None
    assert api(client, "api-offers").json()["results"] == []
    assert len(api(client, "api-offers", "?state=dismissed").json()["results"]) == 1
    back = client.post(url, {**body, "action": "restore"}, content_type="application/json")
    assert back.json()[0]["dismissed_at"] is None


def test_approvals_by_rest_count_for_all_or_none_and_say_why() -> None:
    row, forbidden = offer_make(), offer_make(priced_product(cost=Decimal("8.50")))
    url = reverse("ecomai_pricing:api-offers-decide")
    body = {"offers": [row.pk, forbidden.pk], "action": "approve"}
    assert clerk("view_volumeoffer", "dismiss_volumeoffer").post(url, body, "application/json").status_code == 403
    User.objects.all().delete()
    client = clerk("view_volumeoffer", "approve_volumeoffer")
    assert client.post(url, {**body, "action": "dismiss"}, "application/json").status_code == 403
    refused = client.post(url, body, "application/json")
    assert (refused.status_code, refused.json()) == (
        409, {"reasons": {str(forbidden.pk): "Its limits allow no price below 8.50."}},
    )  # fmt: skip
    assert not VolumeOffer.objects.filter(approved_at__isnull=False).exists() and not LogEntry.objects.exists()
    (found,) = client.post(url, {**body, "offers": [row.pk]}, "application/json").json()
    assert found["approved_at"] and found["held_reason"] == ""
    assert [one["id"] for one in api(client, "api-offers", "?state=approved").json()["results"]] == [row.pk]
    assert api(client, "api-offers", "?state=lost").status_code == 400
    (found,) = client.post(url, {"offers": [row.pk], "action": "withdraw"}, "application/json").json()
    assert found["approved_at"] is None


@pytest.mark.parametrize("name", ["api-offers", "api-offers-export", "api-segments"])
def test_reading_by_rest_needs_the_permission(name: str) -> None:
    assert api(Client(), name).status_code == 403
    assert api(clerk("view_priceproposal"), name).status_code == 403
    User.objects.all().delete()
    assert api(clerk("view_volumeoffer"), name).status_code == 200
