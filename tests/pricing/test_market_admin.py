"""The pages about competitors: lists, an offer, the review list, where the shop stands, reading a file."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_ecomai.ml.pricing.matching.model import LEAST
from django_ecomai.pricing.models import Competitor, CompetitorMatch, CompetitorOffer
from django_ecomai.runs.services import run_now
from django_ecomai.testing import category_make, product_make
from tests.clients import clerk, read

from .market import competitor_make, match_make, offer_make, point_make

pytestmark = pytest.mark.django_db
OFFERS = "admin:ecomai_pricing_competitoroffer_changelist"
REVIEW = "admin:ecomai_pricing_competitormatch_changelist"
IMPORT = "admin:ecomai_pricing_competitoroffer_import"
MARKET = "admin:ecomai_pricing_competitoroffer_market"


def proposal_make(**fields: Any) -> CompetitorMatch:
    return match_make(state="proposed", method="title", confidence=0.6, **fields)


def decide(client: Client, match: CompetitorMatch, action: str, **headers: str) -> Any:
    url = reverse("admin:ecomai_pricing_competitormatch_decide", args=[match.pk, action])
    return client.post(url, follow=not headers, headers=headers)


def test_the_lists_say_what_to_do_when_they_are_empty(boss: Client) -> None:
    assert "Read a CSV file of offers" in read(boss.get(reverse(OFFERS)))
    assert "Nothing to decide" in read(boss.get(reverse(REVIEW)))
    assert "No product has a fresh offer" in read(boss.get(reverse(MARKET)))


def test_offers_tell_whether_they_are_used_and_if_not_why(boss: Client, django_assert_max_num_queries: Any) -> None:
    competitor = competitor_make(is_simulated=True)
    match_make(offer=offer_make(competitor, title="Counts"))
    offer_make(competitor, title="Old", days_ago=365)
    offer_make(competitor, title="Odd", doubt="far")
    offer_make(competitor, title="Alone", available=False)
    with django_assert_max_num_queries(12):
        html = read(boss.get(reverse(OFFERS)))
    for text in (">used<", ">too old<", "five times yours", ">without a product<", ">sold out<", ">simulated<"):
        assert text in html
    for query, title in (("?use=old", "Old"), ("?use=far", "Odd"), ("?q=Alone", "Alone")):
        rows = read(boss.get(reverse(OFFERS) + query)).split("result_list")[-1]
        assert [one for one in ("Counts", "Old", "Odd", "Alone") if f">{one}<" in rows] == [title], query


def test_titles_of_competitors_are_escaped(boss: Client) -> None:
    bad = "<script>alert(1)</script>"
    match = proposal_make(offer=offer_make(title=bad, brand=bad, url=""), product=product_make(title=bad))
    pages = [reverse(OFFERS), reverse(REVIEW), reverse(MARKET)]
    for url in [*pages, reverse("admin:ecomai_pricing_competitoroffer_change", args=[match.offer_id])]:
        assert "<script>alert" not in read(boss.get(url))


def test_the_page_of_an_offer_shows_history_and_position(boss: Client, django_assert_max_num_queries: Any) -> None:
    offer = offer_make(competitor_make(is_simulated=True), title="Lantern", url="https://example.com/l")
    point_make(offer, 20, "9.50")
    point_make(offer, 2, 8, available=False)
    match_make(product_make(price="10", title="Our lantern"), offer)
    with django_assert_max_num_queries(20):
        html = read(boss.get(reverse("admin:ecomai_pricing_competitoroffer_change", args=[offer.pk])))
    for text in ("9.50", "Our lantern", "1 offer of this product counts: 8.00 EUR", "You are: premium", "simulated",
                 "sold out at this price", 'rel="noreferrer nofollow"'):  # fmt: skip
        assert text in html, text
    assert boss.get(reverse("admin:ecomai_pricing_competitoroffer_change", args=[0])).status_code == 404


def test_the_review_list_shows_the_likeliest_product_of_each_open_offer(boss: Client) -> None:
    offer = offer_make(title="Open")
    proposal_make(offer=offer, product=product_make(title="Likelier"))
    CompetitorMatch.objects.create(offer=offer, product=product_make(title="Less"), confidence=0.4)
    done = match_make(offer=offer_make(title="Done"))
    CompetitorMatch.objects.create(offer=done.offer, product=product_make(title="Late"), confidence=0.9)
    html = read(boss.get(reverse(REVIEW)))
    shown = [one for one in ("Likelier", "Less", "Late") if one in html]
    assert shown == ["Likelier"]
    assert "ecomai/pricing/market.js" in html and "<strong data-ecomai-left>1</strong>" in html
    decide(boss, CompetitorMatch.objects.get(product__title="Likelier"), "other")
    assert "Less" in read(boss.get(reverse(REVIEW)))


def test_confidence_is_called_a_rule_of_thumb_until_it_is_learned(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal_make()
    for state in ("accepted", "rejected"):
        match_make(state=state, method="title", decided_at=timezone.now())
    assert "rule of thumb until 30 pairs" in read(boss.get(reverse(REVIEW)))
    monkeypatch.setattr("django_ecomai.pricing.admin.market_review.ENOUGH", 1)
    assert "rule of thumb" not in read(boss.get(reverse(REVIEW)))
    assert LEAST == 30


def test_a_key_decides_and_another_takes_it_back(boss: Client) -> None:
    match = proposal_make()
    answer = decide(boss, match, "same", Accept="application/json").json()
    assert answer == {"state": "accepted", "label": "the same", "error": "", "left": 0}
    assert LogEntry.objects.get().change_message == "the same"
    assert decide(boss, match, "undo", Accept="application/json").json()["left"] == 1
    refused = decide(boss, match, "undo", Accept="application/json")
    assert (refused.status_code, refused.json()["error"]) == (409, "There is no decision to undo.")
    assert boss.get(reverse("admin:ecomai_pricing_competitormatch_decide", args=[match.pk, "same"])).status_code == 404
    assert decide(boss, match, "perhaps").status_code == 404


def test_without_javascript_the_buttons_lead_back_to_the_list(boss: Client) -> None:
    html = read(decide(boss, proposal_make(), "same"))
    assert "the same" in html and CompetitorMatch.objects.get().state == "accepted"
    assert "There is no decision to undo" in read(decide(boss, match_make(), "undo"))


def test_every_button_names_the_pair_that_it_is_about(boss: Client) -> None:
    for title in ("Lip gloss", "Lunch bag"):
        product = product_make(title=f"Our {title}", price="1.65")
        proposal_make(
            product=product, offer=offer_make(competitor_make(name=title), title=title, price=Decimal("3.20"))
        )
    html = read(boss.get(reverse(REVIEW)))
    labels = re.findall(r'data-ecomai-decide="(?:same|other)" aria-label="([^"]+)"', html)
    assert len(labels) == len(set(labels)) == 4
    assert "The same: offer “Lip gloss”, 3.20 EUR; your product “Our Lip gloss”, 1.65 EUR" in labels
    # What the script says after a decision, and calls the button that takes it back, comes from here.
    assert html.count('data-ecomai-offer="Lip gloss"') == html.count('data-ecomai-pair="offer “Lip gloss”, 3.20') == 1


def test_several_are_decided_at_once(boss: Client) -> None:
    rows = [proposal_make(), proposal_make()]
    data = {"action": "accept", "index": 0, "_selected_action": [row.pk for row in rows]}
    assert "2 pairs decided" in read(boss.post(reverse(REVIEW), data, follow=True))
    assert set(CompetitorMatch.objects.values_list("state", flat=True)) == {"accepted"}


def test_two_products_of_one_offer_are_not_accepted_at_once(boss: Client) -> None:
    offer = offer_make()
    rows = [proposal_make(offer=offer), proposal_make(offer=offer)]
    data = {"action": "accept", "index": 0, "_selected_action": [row.pk for row in rows]}
    html = read(boss.post(reverse(REVIEW) + "?show=all", data, follow=True))
    assert "cannot be two products" in html
    assert set(CompetitorMatch.objects.values_list("state", flat=True)) == {"proposed"}


def test_who_may_only_look_cannot_decide() -> None:
    match = proposal_make()
    client = clerk("view_competitormatch", "view_competitoroffer")
    page = client.get(reverse(REVIEW))
    assert page.status_code == 200 and "data-ecomai-decide" not in read(page)
    assert decide(client, match, "same").status_code == 403
    url = reverse("admin:ecomai_pricing_competitoroffer_product", args=[match.offer_id])
    assert client.post(url, {"product": match.product.external_id}).status_code == 403
    assert client.get(reverse(IMPORT)).status_code == 403
    assert client.get(reverse("admin:ecomai_pricing_competitor_changelist")).status_code == 403


def test_a_product_can_be_named_by_hand(boss: Client) -> None:
    offer, product = offer_make(), product_make(external_id="p1", sku="S1", title="Ours")
    url = reverse("admin:ecomai_pricing_competitoroffer_product", args=[offer.pk])
    assert "There is no product" in read(boss.post(url, {"product": "p9"}, follow=True))
    assert "Ours" in read(boss.post(url, {"product": "S1"}, follow=True))
    match = CompetitorMatch.objects.get()
    assert (match.product, match.method, match.state) == (product, "manual", "accepted")


def test_where_the_shop_stands_by_category(boss: Client) -> None:
    lamps = category_make(name="Lamps")
    for price in ("7", "10"):
        match_make(product_make(price=price, title=f"Lamp at {price}", categories=[lamps]))
    html = " ".join(read(boss.get(reverse(MARKET))).split())
    assert "Lamps" in html and "+6 %" in html  # (7/8 - 1 + 10/8 - 1) / 2
    assert "A competitor is cheaper: 1" in html
    assert "Lamp at 10: 8.00 EUR at" in html and "yours 10.00 EUR" in html


def test_the_check_of_a_file_counts_as_writing_it_does(boss: Client) -> None:
    competitor_make(code="A")
    text = "competitor,price,title\nA,5,Cup\nA,6,cup\nA,5,Mug\nA,5,Cup\n"
    told = "4 rows read: 2 new, 2 that cannot be used."
    assert told in read(boss.post(reverse(IMPORT), {"content": text}))
    assert told in read(boss.post(reverse(IMPORT), {"content": text, "write": "1"}))
    assert list(CompetitorOffer.objects.order_by("pk").values_list("title", "price")) == [("Cup", 5), ("Mug", 5)]


def test_a_file_is_shown_before_it_is_written(boss: Client) -> None:
    competitor_make(code="A")
    text = b"competitor,price,title\nA,5,Cup <b>\nX,6,Mug\n"
    upload = SimpleUploadedFile("offers.csv", text)
    html = read(boss.post(reverse(IMPORT), {"file": upload}))
    assert "What would happen" in html and "2 rows read: 1 new, 1 that cannot be used" in html
    assert not CompetitorOffer.objects.exists() and "Cup <b>" not in html
    html = read(boss.post(reverse(IMPORT), {"content": text.decode(), "add_competitors": "on", "write": "1"}))
    assert "What happened" in html and CompetitorOffer.objects.count() == 2
    assert Competitor.objects.count() == 2
    assert "Choose a file" in read(boss.post(reverse(IMPORT), {}))
    assert "UTF-8" in read(boss.post(reverse(IMPORT), {"file": SimpleUploadedFile("x", b"\xff\xfe")}))


def test_after_a_file_was_written_the_page_leads_on(boss: Client) -> None:
    offer_make(title="Alone")
    match_make(offer=offer_make(title="Matched"))
    text = "competitor,title,price\nrival,Cup,4\n"
    data = {"content": text, "add_competitors": "on"}
    assert "?use=unmatched" not in read(boss.post(reverse(IMPORT), data))
    html = read(boss.post(reverse(IMPORT), {**data, "write": "1"}))
    assert "1 row read: 1 new, 1 new competitor." in html
    assert f'href="{reverse(OFFERS)}?use=unmatched">2 offers without a product<' in html
    assert f'href="{reverse(REVIEW)}">Matches to decide<' in html
    assert 'name="kind" value="pricing.match"' in html and "when it is started" in html
    rows = read(boss.get(f"{reverse(OFFERS)}?use=unmatched")).split("result_list")[-1]
    assert [one for one in ("Cup", "Alone", "Matched") if f">{one}<" in rows] == ["Cup", "Alone"]


def test_an_offer_says_whether_anybody_has_looked_for_its_product(boss: Client) -> None:
    def told(offer: CompetitorOffer) -> list[bool]:
        html = read(boss.get(reverse("admin:ecomai_pricing_competitoroffer_change", args=[offer.pk])))
        return ["Nobody has looked" in html, "No product has been found" in html, "Look for matches" in html]

    product_make(title="Something else")
    offer = offer_make(title="Cup", ean="4006381333931")
    assert told(offer) == [True, False, True]
    run_now(kind="pricing.match")
    assert told(offer) == [False, True, False]
    assert told(offer_make(title="Mug")) == [True, False, True]


def test_adding_competitors_by_a_file_needs_its_own_permission() -> None:
    client = clerk("view_competitoroffer", "add_competitoroffer", "change_competitoroffer")
    data = {"content": "competitor,price,title\nX,6,Mug\n", "add_competitors": "on", "write": "1"}
    assert client.post(reverse(IMPORT), data).status_code == 403
    assert not Competitor.objects.exists()


def test_what_is_downloaded_can_be_read_again(boss: Client) -> None:
    offer_make(competitor_make(code="A"), title="=cmd()", price=Decimal("8.50"), available=True, ean="4006381333931")
    text = boss.get(reverse("admin:ecomai_pricing_competitoroffer_download")).getvalue().decode()
    assert "'=cmd()" in text and "8.5,EUR,yes" in text
    html = read(boss.post(reverse(IMPORT), {"content": text}))
    assert "1 row read: 1 as before" in html


def test_the_start_page_tells_where_the_shop_stood_last_night(boss: Client) -> None:
    start = reverse("admin:ecomai_dashboard_start_changelist")
    assert "No competitors are watched" in read(boss.get(start))
    match_make(product_make(title="Lantern", price="10"), offer_make(competitor_make(is_simulated=True)))
    assert "counts tonight, or when you start it" in read(boss.get(start))
    run_now(kind="pricing.match")
    proposal_make()
    html = " ".join(read(boss.get(start)).split())
    for text in ("1 premium", "A competitor is cheaper: 1", "Lantern: 8.00 EUR at", "1 offer waits to be matched",
                 "are simulated: nobody asks these prices", "As of "):  # fmt: skip
        assert text in html, text


def test_the_start_page_reads_no_offers_to_tell_it(boss: Client) -> None:
    match_make()
    run_now(kind="pricing.match")
    with CaptureQueriesContext(connection) as queries:
        boss.get(reverse("admin:ecomai_dashboard_start_changelist"))
    asked = [one["sql"] for one in queries if "pricing_competitorprice" in one["sql"] or '"doubt"' in one["sql"]]
    assert asked == []
