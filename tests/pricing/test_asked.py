"""Whatever stands in an address or a form is answered, and never with an error of the server."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from django_ecomai.pricing.asked import key_asked, text_asked
from django_ecomai.testing import product_make

from .factories import proposal_make
from .market import match_make, offer_make

pytestmark = pytest.mark.django_db
API = "/ecomai/api/pricing/"
#: "²" and "٣" are digits to Python; the second even becomes a number.
NO_KEYS = ["²", "1²", "٣", "x", "", "-1", "1" * 30]


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize(
    ("text", "key"), [("12", 12), (12, 12), (None, 0), *[(text, 0) for text in NO_KEYS], ("1\n", 0)]
)
def test_keys_are_plain_digits(text: Any, key: int) -> None:
    assert key_asked(text) == key


def test_words_lose_what_a_database_refuses() -> None:
    assert text_asked(" a\x00b\ud800 ") == "ab" and text_asked(None) == ""


@pytest.mark.parametrize("key", ["²", "٣", "9" * 30])
@pytest.mark.parametrize("model", ["competitoroffer", "competitormatch", "priceproposal", "pricetest"])
def test_a_page_of_no_key_is_not_found(boss: Client, model: str, key: str) -> None:
    assert boss.get(reverse(f"admin:ecomai_pricing_{model}_change", args=[key])).status_code == 404


@pytest.mark.parametrize("key", ["²", "٣", "\x00"])
def test_keys_in_forms_and_filters_are_answered(boss: Client, key: str) -> None:
    row = proposal_make()
    page = "admin:ecomai_pricing_priceproposal"
    answers = [
        boss.post(reverse(f"{page}_approve"), {"ids": key, "when": "now"}),
        boss.post(reverse(f"{page}_decide", args=[row.pk]), {"action": "undo", "change": key}),
        boss.post(reverse("admin:ecomai_pricing_pricingrule_preview"), {"_rule": key}),
        boss.get(reverse(f"{page}_changelist"), {"category": key}),
        boss.get(reverse(f"{page}_changelist"), {"channel": key}),
        boss.get(reverse(f"{page}_replay"), {"channel": key}),
        boss.get(reverse(f"{page}_csv"), {"channel": key}),
    ]
    assert [answer.status_code for answer in answers] == [302, 404, 200, 200, 200, 200, 200]


def test_a_nul_is_no_reason_to_fail(boss: Client) -> None:
    offer = offer_make()
    match_make(product_make(external_id="p1"), offer)
    assert boss.get(f"{API}competitor-offers/", {"competitor": "a\x00"}).json()["results"] == []
    found = boss.get(f"{API}market/", {"product": ["p1\x00", "x\x00"]}).json()
    assert [row["product_id"] for row in found] == ["p1"]
    url = reverse("admin:ecomai_pricing_competitoroffer_product", args=[offer.pk])
    assert "There is no product" in boss.post(url, {"product": "\x00p9"}, follow=True).content.decode()
