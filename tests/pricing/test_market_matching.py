"""Which product an offer is: by EAN, SKU, title; what people decide; and what is learned from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from django_ecomai.pricing.market_rows import review_rows
from django_ecomai.pricing.models import CompetitorMatch
from django_ecomai.pricing.services.competitors_deciding import MatchError, match_declare, match_undo, matches_decide
from django_ecomai.pricing.services.competitors_matching import matches_find, product_eans
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

from .market import competitor_make, match_make, offer_make

pytestmark = pytest.mark.django_db
EAN = "4006381333931"


def states() -> list[tuple[str, str, str, str]]:
    rows = CompetitorMatch.objects.order_by("offer__title", "-confidence", "pk")
    return list(rows.values_list("offer__title", "product__title", "method", "state"))


def test_the_same_ean_or_sku_is_accepted() -> None:
    product_make(title="Lantern", attributes={"GTIN": f"0{EAN}"})
    product_make(title="Paper chain kit", sku="PC-22086")
    offer_make(title="Anything", ean=EAN)
    offer_make(title="Paper chains", sku="pc 22086")
    found = matches_find()
    assert (found.offers, found.by_ean, found.by_sku, found.proposed) == (2, 1, 1, 0)
    assert states() == [
        ("Anything", "Lantern", "ean", "accepted"),
        ("Paper chains", "Paper chain kit", "sku", "accepted"),
    ]


def test_an_ean_of_two_products_or_an_odd_sku_is_for_a_person() -> None:
    for title in ("Lantern red", "Lantern blue"):
        product_make(title=title, attributes={"ean": EAN})
    product_make(title="Mug", sku="100", price="4")
    offer_make(title="A lantern", ean=EAN)
    offer_make(title="Sofa", sku="100", price=Decimal(900))
    assert matches_find().by_ean == 0
    assert [(title, method, state) for title, _product, method, state in states()] == [
        ("A lantern", "ean", "proposed"),
        ("A lantern", "ean", "proposed"),
        ("Sofa", "sku", "proposed"),
    ]


def test_titles_are_proposed_and_never_accepted_by_the_rule_of_thumb() -> None:
    product_make(title="White hanging heart t-light holder", price="8")
    product_make(title="Regency cakestand 3 tier", price="12.75")
    offer_make(title="White hanging heart t-light holder", price=Decimal(8))
    found = matches_find()
    assert (found.proposed, found.by_title, found.learned_from) == (1, 0, 0)
    match = CompetitorMatch.objects.get()
    assert match.product.title == "White hanging heart t-light holder"
    assert 0.3 <= match.confidence <= 0.9


@pytest.fixture
def everything_is_reviewed(settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_MATCH_REVIEW": 0.0}


@pytest.mark.usefixtures("everything_is_reviewed")
def test_what_was_rejected_is_not_proposed_again_and_what_was_accepted_stays() -> None:
    product_make(title="White hanging heart", price="8")
    product_make(title="Red hanging heart", price="8")
    offer = offer_make(title="Hanging heart white")
    matches_find()
    best = review_rows(channel="").get()
    assert best.product.title == "White hanging heart"
    matches_decide(matches=[best], same=False)
    matches_find()
    assert [one.product.title for one in review_rows(channel="")] == ["Red hanging heart"]
    matches_decide(matches=review_rows(channel=""), same=True)
    assert matches_find().offers == 0
    assert offer.matches.get(state="accepted").product.title == "Red hanging heart"


def test_a_second_search_renews_what_is_open_and_drops_what_is_gone() -> None:
    product = product_make(title="White hanging heart", price="8")
    offer = offer_make(title="White hanging heart")
    matches_find()
    assert matches_find().proposed == CompetitorMatch.objects.count() == 1
    product.is_active = False
    product.save()
    matches_find()
    assert not CompetitorMatch.objects.exists()
    assert offer.matches.count() == 0


def test_offers_of_other_shops_and_of_nobody_are_left_alone() -> None:
    product_make(title="Lantern", attributes={"ean": EAN}, channel="b")
    product_make(title="Lantern", attributes={"ean": EAN})
    offer_make(competitor_make(channel="b"), ean=EAN)
    offer_make(competitor_make(is_active=False), ean=EAN)
    assert matches_find().offers == 0
    assert matches_find(channel="b").by_ean == 1
    assert CompetitorMatch.objects.get().product.channel == "b"


def test_titles_without_a_word_find_nothing() -> None:
    product_make(title="!!!")
    offer_make(title="???")
    assert matches_find().proposed == 0


@pytest.mark.usefixtures("everything_is_reviewed")
def test_it_learns_from_decisions_and_then_accepts_by_itself() -> None:
    colours = ("red", "blue", "green", "black", "white", "pink")
    things = ("lantern", "mug", "cakestand", "drawer knob", "wall clock", "doormat", "lunch bag")
    for number, (colour, thing) in enumerate((c, t) for c in colours for t in things):
        product_make(title=f"{colour} {thing} model {number}", price="10")
    shop = competitor_make()
    for number, (colour, thing) in enumerate((c, t) for c in colours for t in things):
        offer_make(shop, title=f"{thing}, {colour}, model {number}", price=Decimal("9.50"))
    matches_find()
    user = User.objects.create_user("buyer")
    for match in CompetitorMatch.objects.select_related("offer", "product"):
        same = match.offer.title.split()[-1] == match.product.title.split()[-1]
        matches_decide(matches=[match], same=same, user=user)
    assert CompetitorMatch.objects.filter(state="accepted").count() == 42
    product_make(title="golden teapot model 77", price="20")
    offer_make(shop, title="teapot, golden, model 77", price=Decimal(19))
    found = matches_find()
    assert found.learned_from > 60
    assert (found.offers, found.by_title + found.proposed) == (1, 1)


def test_an_offer_is_of_one_product() -> None:
    first = match_make(state="proposed")
    second = CompetitorMatch.objects.create(offer=first.offer, product=product_make(), confidence=0.5)
    user = User.objects.create_user("buyer")
    assert matches_decide(matches=[first], same=True, user=user) == 1
    assert matches_decide(matches=[second], same=True, user=user) == 1
    first.refresh_from_db()
    assert (first.state, first.before) == ("rejected", "accepted")
    with pytest.raises(MatchError, match="taken for another product"):
        match_undo(match=first, user=user)
    match_undo(match=second, user=user)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.decided_by, second.state) == ("accepted", user, "proposed")
    assert LogEntry.objects.count() == 5
    with pytest.raises(MatchError, match="no decision to undo"):
        match_undo(match=first, user=user)


def test_what_was_rejected_by_a_decision_of_its_own_stays_so() -> None:
    first, second = match_make(state="proposed"), match_make(state="proposed")
    CompetitorMatch.objects.filter(pk=second.pk).update(offer=first.offer)
    matches_decide(matches=[first], same=True)
    matches_decide(matches=[first], same=False)
    second.refresh_from_db()
    matches_decide(matches=[second], same=True)
    match_undo(match=second)
    assert set(CompetitorMatch.objects.values_list("pk", "state")) == {(first.pk, "rejected"), (second.pk, "proposed")}


def test_a_product_of_another_shop_is_refused() -> None:
    with pytest.raises(MatchError, match="same shop"):
        match_declare(offer=offer_make(), product=product_make(channel="b"))


def test_a_match_to_a_product_of_another_price_level_is_doubted_at_once() -> None:
    offer = offer_make(price=Decimal(120))
    match_declare(offer=offer, product=product_make(price="10"))
    offer.refresh_from_db()
    assert offer.doubt == "far"


def test_the_job_matches_and_says_what_it_found() -> None:
    product_make(title="Lantern", attributes={"ean": EAN})
    offer_make(ean=EAN)
    run = run_now(kind="pricing.match")
    assert (run.state, run.message) == ("done", "1 offers matched, 0 pairs to decide.")
    assert run.metrics["matches"]["by_ean"] == 1


def test_eans_hide_in_attributes_or_in_the_sku() -> None:
    assert product_eans(EAN, {"UPC": "036000291452", "colour": "red", "ean": None}) == {EAN, "36000291452"}
    assert product_eans("SKU1", ["no", "dict"]) == set()
