"""Several shops in one installation: a page is of one shop, and so is all that it leads to."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from django_ecomai.runs.models import Run
from django_ecomai.testing import category_make

from .adapters import PricedShop
from .factories import priced_product, proposal_make
from .market import competitor_make, match_make, offer_make

pytestmark = pytest.mark.django_db
PAGE = "admin:ecomai_pricing_priceproposal"
REVIEW = "admin:ecomai_pricing_competitormatch_changelist"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def two_shops() -> tuple[Any, Any]:
    return proposal_make(priced_product(title="Here")), proposal_make(priced_product(title="There", channel="b2b"))


def page(client: Client, name: str, query: str = "") -> str:
    return client.get(reverse(name) + query).content.decode()


@pytest.mark.parametrize(("query", "seen"), [("", "Here"), ("?channel=b2b", "There"), ("?channel=", "Here")])
def test_the_list_shows_the_shop_that_its_numbers_are_of(boss: Client, two_shops: Any, query: str, seen: str) -> None:
    html = page(boss, f"{PAGE}_changelist", query)
    assert [one for one in ("Here", "There") if f">{one}</a>" in html] == [seen]
    assert "<strong>1</strong> to decide" in html and 'id="changelist-filter"' in html


def test_links_and_buttons_stay_with_the_shop(boss: Client, two_shops: Any) -> None:
    html = page(boss, f"{PAGE}_changelist", "?channel=b2b")
    assert f"{reverse(f'{PAGE}_csv')}?channel=b2b" in html and f"{reverse(f'{PAGE}_replay')}?channel=b2b" in html
    assert '<input type="hidden" name="channel" value="b2b">' in html
    replay = f"{reverse(f'{PAGE}_replay')}?channel=b2b"
    assert f'action="{replay}"' in page(boss, f"{PAGE}_replay", "?channel=b2b")
    boss.post(replay, {"weeks": "4"})
    assert Run.objects.get().channel == "b2b"


def test_prices_of_two_shops_approved_together_go_into_their_shops(
    boss: Client, shop: PricedShop, two_shops: Any, settings: Any
) -> None:
    settings.ECOMAI = {
        **settings.ECOMAI,
        "ADAPTER": {"b2b": "tests.pricing.adapters.SHOP", "": "tests.pricing.adapters.SHOP"},
    }
    data = {"ids": ",".join(str(row.pk) for row in two_shops), "when": "now"}
    boss.post(reverse(f"{PAGE}_approve"), data)
    for row in two_shops:
        row.refresh_from_db()
    assert [row.state for row in two_shops] == ["applied", "applied"] and len(shop.written) == 2


def test_categories_to_filter_by_are_those_of_the_shop(boss: Client, two_shops: Any, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CHANNEL": "b2b"}
    for channel, names in (("b2b", ("Lamps", "Bulbs")), ("", ("Cups",))):
        for name in names:
            category_make(name=name, channel=channel)
    html = page(boss, f"{PAGE}_changelist")
    assert "Lamps" in html and "Cups" not in html


def test_the_review_list_is_filtered_by_shop(boss: Client) -> None:
    for channel, title in (("", "Here"), ("b2b", "There")):
        offer = offer_make(competitor_make(channel=channel, code=f"c{channel}"), title=title)
        match_make(priced_product(channel=channel), offer, state="proposed", method="title", confidence=0.6)
    answer = boss.get(reverse(REVIEW), {"channel": "b2b"})
    assert answer.status_code == 200
    html = answer.content.decode()
    assert "There" in html and ">Here<" not in html
    assert "<strong data-ecomai-left>1</strong>" in html and 'name="channel" value="b2b"' in html
    everything = page(boss, REVIEW, "?channel=b2b&show=all")
    assert "There" in everything and ">Here<" not in everything
