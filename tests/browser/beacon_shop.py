"""A shop of three pages, just enough for the beacon to have something to report."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.urls import include, path

from django_ecomai.events.tokens import token_make

_PAGE = """{% load ecomai_events %}<!doctype html><html lang="en"><head><title>Shop</title>
<style>li { height: 300px; } ul { padding: 0; margin: 0; }</style></head><body>BODY
{% ecomai_beacon %}</body></html>"""


def _items(prefix: str, count: int) -> str:
    rows = []
    for position in range(count):
        product = f"{prefix}{position}"
        token = token_make(
            run=1, placement="home", slot=1, position=position, product_id=product, recommendation_id=f"list-{prefix}"
        )
        rows.append(
            f'<li data-ecomai-token="{token}"><a href="/product/{product}/">{product}</a>'
            f'<button type="button" data-ecomai-dismiss>Not for me</button></li>'
        )
    return "".join(rows)


def _render(request: HttpRequest, body: str) -> HttpResponse:
    html = Template(_PAGE.replace("BODY", body)).render(RequestContext(request))
    if request.GET.get("token"):
        # As a page from a cache would be: its token is of no use any more, and its clock does not say so.
        start = html.index('data-token="') + len('data-token="')
        html = html[:start] + "expired" + html[html.index('"', start) :]
    return HttpResponse(html)


def home(request: HttpRequest) -> HttpResponse:
    """A list of four items, two of which fit on the screen."""
    return _render(request, f"<ul data-ecomai-list>{_items('A', 4)}</ul>")


def lazy(request: HttpRequest) -> HttpResponse:
    """A page that is cached whole: its list comes later."""
    return _render(request, '<h1>Lazy</h1><div data-ecomai-fragment="/fragment/" aria-busy="true"></div>')


def fragment(request: HttpRequest) -> HttpResponse:
    """The list of the lazy page."""
    return HttpResponse(f"<ul data-ecomai-list>{_items('F', 1)}</ul>")


def product(request: HttpRequest, key: str) -> HttpResponse:
    """A product page."""
    return _render(request, f'<h1 data-ecomai-view-item="{key}">{key}</h1>')


def search(request: HttpRequest) -> HttpResponse:
    """A page of search results."""
    return _render(request, '<h1 data-ecomai-search="red lantern">Results</h1>')


def ask_the_shop(request: HttpRequest) -> set[str]:
    """A shop's own consent callable, which the script cannot look into."""
    return {"analytics"} if request.COOKIES.get("agreed") else set()


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """For what browsers ask unbidden (the icon), without the templates of another shop."""
    return HttpResponse(status=404)


urlpatterns = [
    path("", home),
    path("lazy/", lazy),
    path("fragment/", fragment),
    path("product/<str:key>/", product),
    path("search/", search),
    path("ecomai/", include("django_ecomai.urls")),
]
