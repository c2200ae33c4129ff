"""The tags in a shop's templates: markup, template chain, lazy fragments, and whom a page may be shown to."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template, engines
from django.test import RequestFactory
from django.test.utils import override_settings
from django.urls import include, path, reverse
from django.views.decorators.cache import cache_page

from django_ecomai.events import limits
from django_ecomai.events.tokens import token_read
from django_ecomai.recommend.models import Slot
from tests.recommend.factories import category, event, page, placement, product, products
from tests.recommend.helpers import draw, queries

pytestmark = pytest.mark.django_db
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0"}


def tokens(html: str) -> list[str]:
    return re.findall(r'data-ecomai-token="([^"]+)"', html)


def test_the_list_tag_gives_recommendations() -> None:
    products(3)

    html = draw('{% recommend "trending" limit=2 as items %}{% for i in items %}{{ i.object.title }},{% endfor %}')

    assert html == "Product p2,Product p1,"


def test_what_is_not_a_limit_means_as_the_merchant_set_it() -> None:
    products(3)
    placement("home", "trending", size=2)

    assert draw('{% recommend "home" limit=nothing as items %}{{ items|length }}') == "2"
    assert draw('{% recommend "home" limit="1" as items %}{{ items|length }}') == "1"


def test_a_carousel_is_a_labelled_section_with_a_list_of_links() -> None:
    product("p0", title="Lantern & <b>light</b>", price="3.5", image_url="/p0.svg")
    placement("home", "new_arrivals")
    Slot.objects.update(title='"New" <here>')

    html = draw('{% recommend_carousel "home" %}')

    heading = re.search(r'<h2 class="ecomai-carousel__title" id="([^"]+)">(.*?)</h2>', html)
    assert heading is not None
    assert heading[2] == "&quot;New&quot; &lt;here&gt;"
    assert f'<section class="ecomai-carousel" aria-labelledby="{heading[1]}"' in html
    assert 'data-ecomai-list data-ecomai-placement="home"' in html
    assert "Lantern &amp; &lt;b&gt;light&lt;/b&gt;" in html
    assert '<a class="ecomai-card__link" href="/p/p0/">' in html
    assert 'alt="" loading="lazy" decoding="async" width="320" height="320"' in html
    assert "3.50 EUR" in html
    assert '<p class="ecomai-card__reason">New</p>' in html
    assert 'aria-label="Not interested in Lantern &amp; &lt;b&gt;light&lt;/b&gt;"' in html
    assert "<script" not in html
    assert " style=" not in html


def test_every_item_carries_what_it_was() -> None:
    products(2)
    slot = placement("home", "new_arrivals").slots.get()

    data = [token_read(token) for token in tokens(draw('{% recommend_carousel "home" %}'))]

    assert [(one.placement, one.slot, one.position, one.product_id, one.propensity) for one in data if one] == [
        ("home", str(slot.pk), 0, "p1", 1.0),
        ("home", str(slot.pk), 1, "p0", 1.0),
    ]
    assert len({one.recommendation_id for one in data if one}) == 1


def test_nothing_to_show_draws_nothing() -> None:
    assert draw('[{% recommend_carousel "home" %}]') == "[]"
    assert draw('[{% recommend_carousel "no-such-place" %}]') == "[]"


@pytest.mark.parametrize(
    "template",
    [
        "ecomai/recommend/home/new_arrivals/carousel.html",
        "ecomai/recommend/home/carousel.html",
        "ecomai/recommend/carousel.html",
    ],
)
def test_the_shop_overrides_a_carousel_at_any_level(template: str) -> None:
    products(1)
    placement("home", "new_arrivals")
    loaders = [("django.template.loaders.locmem.Loader", {template: "mine: {{ carousel.title }} {{ shop_name }}"})]
    options = {"loaders": loaders, "context_processors": []}
    with override_settings(
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": options}]
    ):
        text = '{% load ecomai_recommend %}{% recommend_carousel "home" %}'
        html = engines["django"].from_string(text).render({"shop_name": "Ada's"})

    assert html == "mine: New_Arrivals Ada&#x27;s"


def test_a_broken_card_of_the_shop_leaves_the_page_standing(caplog: Any) -> None:
    products(1)
    loaders = [("django.template.loaders.locmem.Loader", {"ecomai/recommend/carousel.html": "{% broken %}"})]
    with override_settings(
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}]
    ):
        text = '{% load ecomai_recommend %}before {% recommend_carousel "home" %}after'
        html = engines["django"].from_string(text).render({})

    assert html == "before after"
    assert "could not draw the carousels" in caplog.text


def test_a_lazy_carousel_is_the_same_for_everybody_and_asks_nothing() -> None:
    products(2)
    event("view_item", "p0", visitor_id="v" * 32)
    text = '{% recommend_carousel "product" product=product category="a b" limit=3 lazy=True %}'

    html = draw(text, product="p1", request=page())

    assert html == (
        '<div class="ecomai-fragment" '
        'data-ecomai-fragment="/ecomai/fragment/product/?product=p1&amp;category=a+b&amp;limit=3"></div>'
    )
    assert queries(lambda: draw(text, product="p1", request=page())) == []


def test_the_fragment_is_the_carousel_and_never_kept(client: Any) -> None:
    products(2)
    placement("home", "new_arrivals")

    answer = client.get("/ecomai/fragment/home/?limit=1", headers=BROWSER)

    assert answer.status_code == 200
    assert len(tokens(answer.content.decode())) == 1
    assert "private" in answer["Cache-Control"]
    assert "no-store" in answer["Cache-Control"]


def test_the_fragment_of_nothing_is_empty(client: Any) -> None:
    answer = client.get("/ecomai/fragment/no-such-place/")

    assert (answer.status_code, answer.content) == (200, b"")
    assert client.post("/ecomai/fragment/home/").status_code == 405


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=x", "limit=99999999999999999999", "product=" + "x" * 65, "strategy=evil",
     "product=%00", "category=" + "y" * 65, "products=" + ",".join(map(str, range(60))), "product=%F0%9F%92%A1"],
)  # fmt: skip
def test_a_strange_query_of_a_fragment_is_no_error(client: Any, query: str) -> None:
    products(1)

    assert client.get(f"/ecomai/fragment/home/?{query}").status_code == 200


def home(request: HttpRequest) -> HttpResponse:
    text = '{% load ecomai_recommend %}{% recommend_carousel "home" %}'
    return HttpResponse(Template(text).render(Context({"request": request})))


def lazy(request: HttpRequest) -> HttpResponse:
    text = '{% load ecomai_recommend %}{% recommend_carousel "home" lazy=True %}'
    return HttpResponse(Template(text).render(Context({"request": request})))


urlpatterns = [
    path("ecomai/", include("django_ecomai.urls")),
    path("plain/", home),
    path("cached/", cache_page(60)(home)),
    path("lazy/", cache_page(60)(lazy)),
]


@pytest.fixture
def shop(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    products(3)
    placement("home", "recently_viewed", "new_arrivals", size=3)


def test_a_personal_page_is_private(shop: None, client: Any) -> None:
    answer = client.get("/plain/", headers=BROWSER)

    assert answer["Cache-Control"] == "private"
    assert "Cookie" in answer["Vary"]


def test_without_consent_the_page_is_nobodys_and_stays_cacheable(shop: None, client: Any, ecomai: Any) -> None:
    ecomai(CONSENT="django_ecomai.events.consent.cookie")

    answer = client.get("/plain/", headers=BROWSER)

    assert not answer.has_header("Cache-Control")
    assert "ecomai_visitor" not in answer.cookies


def test_cache_page_never_shows_one_visitors_page_to_another(shop: None, client: Any) -> None:
    first = client.get("/cached/", headers=BROWSER)
    visitor = first.wsgi_request.ecomai.visitor_id
    event("view_item", "p0", visitor_id=visitor)

    mine = client.get("/cached/", headers=BROWSER).content.decode()
    client.cookies.clear()
    others = client.get("/cached/", headers=BROWSER).content.decode()

    assert "You looked at this" in mine
    assert "You looked at this" not in others


def test_a_lazy_page_may_be_cached_whole(shop: None, client: Any) -> None:
    first = client.get("/lazy/", headers=BROWSER)

    assert first["Cache-Control"] == "max-age=60"
    assert "ecomai_visitor" not in first.cookies
    assert len(queries(lambda: client.get("/lazy/", headers=BROWSER))) == 0


def test_a_click_changes_the_very_next_page(shop: None, client: Any) -> None:
    first = client.get("/plain/", headers=BROWSER)
    assert "You looked at this" not in first.content.decode()
    event("view_item", "p1", visitor_id=first.wsgi_request.ecomai.visitor_id)

    assert "You looked at this" in client.get("/plain/", headers=BROWSER).content.decode()


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_a_browser_that_says_no_gets_what_everybody_gets(shop: None, client: Any, header: str) -> None:
    first = client.get("/plain/", headers=BROWSER)
    event("view_item", "p0", visitor_id=first.wsgi_request.ecomai.visitor_id)

    assert "You looked at this" not in client.get("/plain/", headers={**BROWSER, header: "1"}).content.decode()


def test_without_the_middleware_the_tag_still_works() -> None:
    products(2)
    request = RequestFactory().get("/")

    assert len(tokens(draw('{% recommend_carousel "home" %}', request=request))) == 2


def test_a_template_without_a_request_gets_what_everybody_gets() -> None:
    products(2)

    assert len(tokens(draw('{% recommend_carousel "home" %}'))) == 2


def test_the_assets_are_two_files_of_the_shop_itself() -> None:
    html = draw("{% recommend_assets %}")

    assert re.findall(r'(?:href|src)="([^"]+)"', html) == [
        "/static/ecomai/recommend/carousel.css",
        "/static/ecomai/recommend/carousel.js",
    ]


def test_shop_objects_of_any_kind_may_be_handed_over() -> None:
    made = products(4)
    lamps = category()
    made[0].categories.add(lamps)

    assert draw('{% recommend "trending" products=many as i %}{{ i|length }}', many=made[:2]) == "2"
    assert draw('{% recommend "trending" products=one as i %}{{ i|length }}', one="p0") == "3"
    assert draw('{% recommend "trending" products=many exclude=made as i %}{{ i|length }}', many=None, made=made) == "0"
    assert draw('{% recommend "trending" product=nothing as i %}{{ i|length }}') == "4"


@pytest.mark.parametrize("query", ["words=lantern", "brand=Acme", "boost_brand=Acme:2"])
def test_fragments_that_anybody_can_make_up_are_limited_and_those_of_pages_are_not(
    client: Any, ecomai: Any, query: str, monkeypatch: Any
) -> None:
    products(2)
    cache.clear()
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))
    ecomai(API_THROTTLE="2/day")

    answers = [client.get(f"/ecomai/fragment/trending/?{query}") for _ in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 86_400
    assert answers[2]["Cache-Control"] == "private, no-store"
    assert client.get("/ecomai/fragment/trending/").status_code == 200
    forged = client.get(f"/ecomai/fragment/trending/?{query}", headers={"X-Forwarded-For": "198.51.100.1"})
    assert forged.status_code == 429
    client.force_login(get_user_model().objects.create_user("ada"))
    assert client.get(f"/ecomai/fragment/trending/?{query}").status_code == 200


def test_without_a_cache_or_a_rate_no_fragment_is_limited(client: Any, ecomai: Any, settings: Any) -> None:
    for rate in ("", "often"):
        ecomai(API_THROTTLE=rate)
        assert client.get("/ecomai/fragment/trending/?words=a").status_code == 200
    ecomai(API_THROTTLE="1/min")
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert [client.get("/ecomai/fragment/trending/?words=a").status_code for _ in range(2)] == [200, 200]


def test_the_address_of_a_fragment() -> None:
    assert reverse("ecomai_recommend:fragment", args=["home"]) == "/ecomai/fragment/home/"


def test_a_reason_that_is_the_heading_is_not_said_again_on_every_card() -> None:
    products(3)
    placement("home", "new_arrivals")
    slot = Slot.objects.get(placement__key="home")
    slot.title = "Fresh"
    slot.save()
    other = draw('{% recommend_carousel "home" %}')
    slot.title = "new"
    slot.save()

    same = draw('{% recommend_carousel "home" %}')

    assert other.count('class="ecomai-card__reason">New</p>') == 3
    assert same.count("ecomai-card__reason") == 0
    assert len(tokens(same)) == 3
