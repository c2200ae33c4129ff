"""The shopper's pages: what is known, why, and the buttons. Nobody sees or changes what is another's."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from django_ecomai.core.persons import Subject, refused
from django_ecomai.events.models import Event
from django_ecomai.events.tokens import page_token
from django_ecomai.mirror.models import Customer
from django_ecomai.privacy import selectors
from django_ecomai.privacy.models import ConsentRecord, Refusal, SubjectRequest
from django_ecomai.privacy.services import request_make
from django_ecomai.recommend import config

from .factories import ANN, BOB, Shop, model_make

pytestmark = pytest.mark.django_db
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
WHY = "/ecomai/privacy/"


@pytest.fixture(autouse=True)
def _mirror_shop(ecomai: Any) -> None:
    ecomai(ADAPTER="tests.privacy.shop_adapter.MirrorShop")
    config.forget()


def browser(consent: str = "analytics.personalization", **headers: str) -> Client:
    client = Client(headers={"User-Agent": CHROME, "Sec-Fetch-Site": "same-origin", **headers})
    client.cookies["ecomai_consent"] = consent
    return client


def visit(client: Client, product: str = "lamp") -> None:
    body = {"token": page_token(), "events": [{"name": "view_item", "product_id": product}]}
    client.post("/ecomai/capture/", body, content_type="application/json")


def text(response: Any) -> str:
    return response.content.decode()


@pytest.fixture
def ann(shop: Shop) -> Client:
    """Ann, logged in."""
    client = browser()
    client.force_login(shop.user)
    return client


def test_a_stranger_is_told_that_nothing_is_kept() -> None:
    page = browser("necessary").get(WHY)
    assert "You see what everybody sees" in text(page) and "<p>Nothing.</p>" in text(page)
    assert "ecomai_visitor" not in page.cookies
    assert "no-store" in page["Cache-Control"] and "private" in page["Cache-Control"]


@pytest.mark.parametrize(("header", "name"), [("Sec-GPC", "GPC"), ("DNT", "DNT")])
def test_a_browser_that_says_no_is_told_so(header: str, name: str) -> None:
    page = text(browser(**{header: "1"}).get(WHY))
    assert "Your browser asks us not to follow you" in page and f"It sends {name}." in page


def test_a_visitor_sees_what_suggestions_rest_on(shop: Shop) -> None:
    client = browser()
    visit(client)
    page = text(client.get(WHY))
    assert '<a href="/lamp/">Lamp</a><span>viewed a product</span>' in page
    assert "Stop choosing products for me" in page


def test_a_customer_sees_what_is_kept_with_purpose_and_time(ann: Client) -> None:
    page = text(ann.get(WHY))
    for words in ("Orders, returns and reviews", "Category preferences", "Consents", "400 days"):
        assert words in page
    assert "Jobs that an employee started" not in page and BOB not in page


def test_it_is_said_in_german_too(ann: Client) -> None:
    with override("de"):
        page = text(ann.get(WHY))
    assert "Einige Produkte sind für Sie ausgewählt" in page and "Aufbewahrt: 400 Tage." in page


def test_suggestions_are_switched_off_and_on_again(ann: Client) -> None:
    page = ann.post("/ecomai/privacy/suggestions/", {"on": "0"}, follow=True)
    assert "Your suggestions are switched off" in text(page)
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == {("customer", ANN)}
    page = ann.post("/ecomai/privacy/suggestions/", {"on": "1"}, follow=True)
    assert "Some products are chosen for you" in text(page)
    assert refused(channel="", persons=[("customer", ANN)], purpose="personalization") == set()


def test_who_objected_gets_what_everybody_gets(ann: Client, shop: Shop) -> None:
    from django.test import RequestFactory

    from django_ecomai.recommend.viewer import viewer_of

    def viewer() -> Any:
        request = RequestFactory(headers={"User-Agent": CHROME}).get("/")
        request.COOKIES["ecomai_consent"] = "analytics.personalization"
        request.user = shop.user
        return viewer_of(request)

    assert viewer().known
    ann.post("/ecomai/privacy/suggestions/", {"on": "0"})
    assert not viewer().known


def test_the_copy_is_fetched_by_the_person_only(ann: Client, django_user_model: Any) -> None:
    page = ann.post("/ecomai/privacy/requests/new/export/", follow=True)
    address = reverse("ecomai_privacy:archive", args=[SubjectRequest.objects.get().reference])
    assert address in text(page)
    answer = ann.get(address)
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert json.loads(archive.read("mirror-customer.json"))[0]["customer"] == ANN
    other = browser()
    other.force_login(django_user_model.objects.create_user("eve"))
    for client in (other, browser()):
        assert client.get(address).status_code == 404
        assert address not in text(client.get(page.request["PATH_INFO"]))


def test_an_erasure_is_confirmed_first(ann: Client) -> None:
    address = "/ecomai/privacy/requests/new/erase/"
    assert "This cannot be undone." in text(ann.get(address))
    assert "Tick the box first." in text(ann.post(address))
    assert not SubjectRequest.objects.exists() and Customer.objects.filter(external_id=ANN).exists()


def test_an_erasure_from_the_account_is_carried_out_and_shown(
    ann: Client, django_capture_on_commit_callbacks: Any
) -> None:
    visit(ann)
    with django_capture_on_commit_callbacks(execute=True):
        answer = ann.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    assert answer.cookies["ecomai_visitor"]["max-age"] > 0  # kept as a marker of the no
    page = text(ann.get(answer["Location"]))
    assert "done" in page and "nothing found" in page
    assert not Customer.objects.filter(external_id=ANN).exists()
    visit(ann)
    assert not Event.objects.filter(customer_id=ANN).exists()
    page = text(ann.get(WHY))
    assert "Nothing is recorded about you" in page
    assert str(SubjectRequest.objects.get().reference) in page  # found again although it names nobody


def test_the_time_by_which_models_forget_is_shown(ann: Client, django_capture_on_commit_callbacks: Any) -> None:
    model_make()
    with django_capture_on_commit_callbacks(execute=True):
        answer = ann.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    page = text(ann.get(answer["Location"]))
    assert "Models without you by" in page and "erased, models follow" in page


def test_a_visitor_without_an_account_is_erased_by_his_cookie(django_capture_on_commit_callbacks: Any) -> None:
    client = browser()
    visit(client)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    assert not Event.objects.exists()
    client.cookies.pop("ecomai_visitor")
    assert "done" in text(client.get(answer["Location"]))  # by the address alone


def test_an_erased_visitor_is_not_recorded_under_a_new_name(django_capture_on_commit_callbacks: Any) -> None:
    client = browser()
    visit(client)
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    visit(client)
    assert "Nothing is recorded about you" in text(client.get(WHY))
    visit(client)
    assert not Event.objects.exists()
    client.post("/ecomai/privacy/suggestions/", {"on": "1"})
    visit(client)
    assert Event.objects.count() == 1


def test_an_objection_outlives_the_answer_that_confirms_it() -> None:
    client = browser("personalization")
    visit(client)
    client.post("/ecomai/privacy/suggestions/", {"on": "0"})
    for _page in range(2):
        page = client.get(WHY)
        assert "Your suggestions are switched off" in text(page)
    assert "ecomai_visitor" not in page.cookies  # the marker is written once
    visit(client)
    assert Event.objects.count() == 1
    told = ConsentRecord.objects.order_by("id").values_list("purpose", "given", "origin")
    assert list(told)[1:] == [("personalization", False, "objection")]


def test_a_marker_of_a_no_survives_a_browser_that_says_no_for_a_while() -> None:
    client = browser("analytics.personalization")
    visit(client)
    client.post("/ecomai/privacy/suggestions/", {"on": "0"})
    client.get(WHY, headers={"Sec-GPC": "1"})
    assert "Your suggestions are switched off" in text(client.get(WHY))


def test_an_objection_that_staff_entered_for_a_customer_holds_on_every_device(shop: Shop) -> None:
    Customer.objects.filter(external_id=ANN).update(user=None)  # the adapter alone knows whose account it is
    request_make(subject=Subject(customer_ids=frozenset({ANN})), kind="object", origin="admin")
    client = browser()
    client.force_login(shop.user)
    assert "Your suggestions are switched off" in text(client.get(WHY))


def test_a_browser_of_which_nothing_is_kept_starts_nothing() -> None:
    client = browser()
    client.get(WHY)  # brings the cookie
    for kind in ("erase", "export"):
        answer = client.post(f"/ecomai/privacy/requests/new/{kind}/", {"sure": "yes"})
        assert "Nothing is kept about this browser" in text(answer)
        body = {"kind": kind, "sure": True}
        answer = client.post("/ecomai/api/privacy/requests/", body, content_type="application/json")
        assert (answer.status_code, answer.json()) == (400, {"detail": "Nothing is kept about this browser."})
    assert not SubjectRequest.objects.exists() and not Refusal.objects.exists()


@pytest.mark.parametrize(
    ("address", "body"),
    [("suggestions/", {"on": "0"}), ("requests/new/erase/", {"sure": "yes"}), ("requests/new/export/", {}), ("", None)],
)
def test_buttons_cannot_be_pressed_without_end(ecomai: Any, address: str, body: dict[str, str] | None) -> None:
    from django.core.cache import cache

    cache.clear()
    ecomai(API_THROTTLE="2/day")

    def press() -> Any:
        client = browser()  # each time a new one: the address counts
        return client.get(WHY + address) if body is None else client.post(WHY + address, body)

    assert [press().status_code for _time in range(2)] != [429, 429]
    answer = press()
    assert answer.status_code == 429 and int(answer["Retry-After"]) > 0
    cache.clear()


def test_while_an_erasure_is_under_way_nothing_is_allowed_again(
    ann: Client, django_capture_on_commit_callbacks: Any
) -> None:
    model_make()
    with django_capture_on_commit_callbacks(execute=True):
        ann.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    assert SubjectRequest.objects.get().status == "models"
    page = text(ann.get(WHY))
    assert "still under way" in page and "Allow suggestions again" not in page
    answer = ann.post("/ecomai/privacy/suggestions/", {"on": "1"})
    assert answer.status_code == 409 and "still under way" in text(answer)
    assert refused(channel="", persons=[("customer", ANN)]) == {("customer", ANN)}


def test_the_page_counts_no_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "_COUNTED", 2)
    client = browser()
    for _time in range(4):
        visit(client)
    assert '<span class="ecomai-privacy__count">2+</span>' in text(client.get(WHY))


def test_nobody_is_told_what_to_do() -> None:
    page = browser("necessary").post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})
    assert "This shop does not know who you are" in text(page)
    assert not SubjectRequest.objects.exists()


def test_a_request_that_waits_can_be_withdrawn_by_the_person_only(ann: Client) -> None:
    ann.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"})  # its run waits for the commit
    found = SubjectRequest.objects.get()
    address = reverse("ecomai_privacy:cancel", args=[found.reference])
    assert browser().post(address).status_code == 404
    assert ann.post(address, follow=True).status_code == 200
    found.refresh_from_db()
    assert found.status == "cancelled"
    assert refused(channel="", persons=[("customer", ANN)]) == set()


@pytest.mark.parametrize("kind", ["object", "sell"])
def test_other_kinds_have_no_page(kind: str) -> None:
    assert browser().get(f"/ecomai/privacy/requests/new/{kind}/").status_code == 404


def test_reading_never_changes_anything(ann: Client) -> None:
    for address in ("/ecomai/privacy/suggestions/",):
        assert ann.get(address).status_code == 405
    assert ann.get("/ecomai/privacy/requests/new/export/").status_code == 200
    assert not SubjectRequest.objects.exists()


def test_forms_are_guarded_against_other_sites(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(shop.user)
    assert client.post("/ecomai/privacy/requests/new/erase/", {"sure": "yes"}).status_code == 403


# -- REST


def test_the_endpoint_tells_the_same(ann: Client) -> None:
    answer = ann.get("/ecomai/api/privacy/")
    assert answer.json()["purposes"] == ["analytics", "personalization"]
    parts = {part["name"]: part["count"] for part in answer.json()["parts"]}
    assert (parts["mirror.customer"], parts["recommend.preferences"]) == (1, 1)
    assert answer["Cache-Control"] == "private, no-store"


def test_requests_by_the_endpoint(ann: Client) -> None:
    address = "/ecomai/api/privacy/requests/"
    refused_ = ann.post(address, {"kind": "erase"}, content_type="application/json")
    assert refused_.status_code == 400 and "sure" in refused_.json()
    made = ann.post(address, {"kind": "object"}, content_type="application/json")
    assert (made.status_code, made.json()["status"]) == (201, "done")
    wrong = ann.post(address, {"kind": "sell"}, content_type="application/json")
    assert (wrong.status_code, wrong.json()) == (400, {"kind": ["Choose one of: export, erase, object."]})
    assert [one["kind"] for one in ann.get(address).json()] == ["object"]
    assert browser().get(address).json() == []
    nobody = browser("necessary").post(address, {"kind": "export"}, content_type="application/json")
    assert nobody.status_code == 400


# -- the shop's own pages


def test_the_carousel_leads_to_the_page(shop: Shop, settings: Any) -> None:
    from django.template import engines

    from django_ecomai.recommend.config import SlotConfig
    from django_ecomai.recommend.results import Carousel

    html = (
        engines["django"]
        .get_template("ecomai/recommend/carousel.html")
        .render({"carousel": Carousel("home", "popular", "Popular", SlotConfig.__new__(SlotConfig)), "items": []})
    )
    assert '<a href="/ecomai/privacy/" rel="nofollow" aria-describedby="">Why am I seeing this?</a>' in html


def test_the_panel_on_the_account_page(shop: Shop, rf: Any) -> None:
    from django.template import engines

    request = rf.get("/")
    request.user, request.session = shop.user, {}
    html = engines["django"].from_string("{% load ecomai_privacy %}{% privacy_panel %}").render({}, request)
    assert "Get a copy of my data" in html and "csrfmiddlewaretoken" in html
    assert request.ecomai_personal is True
