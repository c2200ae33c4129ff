"""``ecomai/api/pricing/``: competitors' offers with a verdict each, matches, positions; staff with permissions only."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from django_ecomai.pricing.models import Competitor, CompetitorOffer
from django_ecomai.testing import product_make
from tests.clients import clerk

from .market import competitor_make, match_make, offer_make

pytestmark = pytest.mark.django_db
BASE = "/ecomai/api/pricing/"


def post(client: Client, path: str, data: Any) -> Any:
    return client.post(BASE + path, data, content_type="application/json")


def test_nobody_else_reads_what_others_ask(client: Client) -> None:
    shopper = Client()
    shopper.force_login(User.objects.create_user("shopper"))
    for path in ("competitor-offers/", "competitor-matches/", "market/?product=p1"):
        assert client.get(BASE + path).status_code in (401, 403)
        assert shopper.get(BASE + path).status_code == 403


def test_every_offer_gets_a_verdict(boss: Client) -> None:
    competitor_make(code="A")
    rows = [
        {"competitor": "A", "offer_id": 1, "title": "Cup", "price": 5.5, "available": True},
        {"competitor": "A", "offer_id": 1, "title": "Cup", "price": 5.5},
        {"competitor": "A", "title": "Mug", "price": 0},
        {"competitor": "A", "price": 3},
        {"competitor": "A", "title": "Bowl", "price": {"amount": 3}},
        {"competitor": "B", "title": "Jug", "price": "3"},
    ]
    dry = post(boss, "competitor-offers/", {"offers": rows, "check_only": True}).json()
    assert not CompetitorOffer.objects.exists()
    done = post(boss, "competitor-offers/", {"offers": rows}).json()
    assert dry["verdicts"] == done["verdicts"]
    verdicts = [(one["line"], one["verdict"], one["column"]) for one in done["verdicts"]]
    assert verdicts == [
        (1, "created", ""),
        (2, "failed", "offer_id"),
        (3, "created", ""),
        (4, "failed", "title"),
        (5, "failed", "price"),
        (6, "failed", "competitor"),
    ]
    assert boss.get(f"{BASE}competitor-offers/").json()["results"][0]["offer_id"] == "1"
    assert boss.get(f"{BASE}competitor-offers/", {"competitor": "B"}).json()["results"] == []
    assert boss.get(f"{BASE}competitor-offers/", {"limit": "0"}).status_code == 400


def test_bodies_that_are_none(boss: Client) -> None:
    bodies: tuple[dict[str, Any], ...] = (
        {},
        {"offers": []},
        {"offers": "x"},
        {"offers": [1]},
        {"offers": [{"title": "x"}] * 501},
    )
    for body in bodies:
        assert post(boss, "competitor-offers/", body).status_code == 400


def test_adding_competitors_needs_its_own_permission() -> None:
    client = clerk("add_competitoroffer", "change_competitoroffer")
    body = {"offers": [{"competitor": "New", "title": "Cup", "price": 4}], "add_competitors": True}
    assert post(client, "competitor-offers/", body).status_code == 403
    assert not Competitor.objects.exists()
    assert post(client, "competitor-offers/", body | {"add_competitors": False}).json()["failed"] == 1


def test_matches_are_listed_and_decided(boss: Client) -> None:
    match = match_make(product_make(external_id="p1"), state="proposed", method="title", confidence=0.6)
    (row,) = boss.get(f"{BASE}competitor-matches/").json()["results"]
    assert (row["id"], row["product_id"], row["offer"]["price"]) == (match.pk, "p1", "8.0000")
    url = f"competitor-matches/{match.pk}/decision/"
    assert post(boss, url, {"action": "same"}).json()["state"] == "accepted"
    assert boss.get(f"{BASE}competitor-matches/").json() == {"results": [], "next_offset": None}
    assert post(boss, url, {"action": "undo"}).json()["state"] == "proposed"
    assert post(boss, url, {"action": "undo"}).status_code == 400
    assert post(boss, url, {"action": "perhaps"}).status_code == 400
    assert post(boss, "competitor-matches/0/decision/", {"action": "same"}).status_code == 404
    assert post(clerk("view_competitormatch"), url, {"action": "same"}).status_code == 403


def test_offers_and_matches_come_in_pages(boss: Client) -> None:
    for _ in range(3):
        match_make(product_make(), offer_make(), state="proposed", method="title", confidence=0.6)
    for path in ("competitor-offers/", "competitor-matches/"):
        first = boss.get(BASE + path, {"limit": "2"}).json()
        last = boss.get(BASE + path, {"limit": "2", "offset": first["next_offset"]}).json()
        assert (len(first["results"]), first["next_offset"]) == (2, 2), path
        assert (len(last["results"]), last["next_offset"]) == (1, None), path


def test_positions_of_products(boss: Client) -> None:
    match_make(product_make(external_id="p1", price="10"), offer_make(competitor_make(is_simulated=True)))
    product_make(external_id="p2")
    (row,) = boss.get(f"{BASE}market/", {"product": ["p1", "p2", "p3"]}).json()
    assert (row["product_id"], row["lowest"], row["position"], row["simulated"]) == ("p1", "8.0000", "premium", True)
    assert boss.get(f"{BASE}market/").status_code == 400
