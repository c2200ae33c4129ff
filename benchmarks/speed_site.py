"""The shop of `speed_settings`: our endpoint and page beside views written by hand for fixed products.

The hand-written views send the same three statements (history, products, the shop's own objects) and render the same
payload; they choose nothing, rank nothing, sign nothing. `speed_endpoint.seed` compares both before anything is timed.
Written through Django's ORM, as a shop would; one more sends the SQL as text, with psycopg's cursor.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.models import DateTimeField, ExpressionWrapper, F, FloatField, Value
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from django_ecomai.core.uuid7 import uuid7_floor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.speed_settings")
PAGE = '{% load ecomai_recommend %}<!doctype html><title>Shop</title><main>{% recommend_carousel "home" %}</main>'
HAND_PAGE = (
    "<!doctype html><title>Shop</title><main>{% for carousel in carousels %}"
    '{% include "ecomai/recommend/carousel.html" with items=carousel.items card_templates=templates '
    "heading_id=carousel.recommendation_id %}{% endfor %}</main>"
)


@cache
def fixed() -> dict[str, Any]:
    """What was answered to one visitor: ids and texts of the payload, and what was asked of the database."""
    return dict(json.loads((Path(settings.BASE_DIR) / "fixed.json").read_text(encoding="utf-8")))


def by_hand(request: HttpRequest) -> dict[str, Any]:
    """The payload of our endpoint for fixed products, from the same three queries."""
    from django_ecomai.events.models import Event
    from django_ecomai.mirror.models import Product

    facts = fixed()
    now = datetime.now(UTC)
    log = Event.objects.filter(
        id__gte=uuid7_floor(now - timedelta(days=180)), id__lt=uuid7_floor(now + timedelta(minutes=6)),
        channel="", is_bot=False,
    ).exclude(product_id="").filter(visitor_id=request.ecomai.visitor_id)  # type: ignore[attr-defined]  # fmt: skip
    recent = log.filter(name__in=facts["names"]).order_by("-id")[: facts["depth"]]
    waved = log.filter(name__in=facts["waved"]).order_by("-id")[: facts["depth"]]
    columns = ("id", "name", "product_id", Cast(Value(None), DateTimeField()))
    list(recent.values_list(*columns).union(waved.values_list(*columns), all=True))
    products = Product.objects.filter(channel="")
    shown = products.filter(is_active=True, is_service=False, removed_at=None, parent=None)
    newest = shown.order_by(F("created_at").desc(nulls_last=True), "-pk").values("pk")[: facts["newest"]]
    left = ExpressionWrapper(F("price") * 1.0 / F("list_price"), output_field=FloatField())
    reduced = shown.filter(list_price__gt=F("price"), price__gte=0).order_by(left, "-pk").values("pk")
    wanted = (
        products.filter(external_id__in=facts["candidates"]).values("pk")
        .union(products.filter(pk__in=newest).values("pk"),
               products.filter(pk__in=reduced[: facts["reduced"]]).values("pk"))
    )  # fmt: skip
    rows = products.filter(pk__in=wanted).order_by().values_list(
        "pk", "external_id", "title", "url", "image_url", "price", "list_price", "currency", "brand", "stock",
        "is_active", "is_service", "removed_at", "parent__external_id", "created_at",
        "categories__external_id", "categories__name", "categories__parent__external_id",
        "categories__parent__parent__external_id", "categories__parent__parent__parent__external_id",
    )  # fmt: skip
    cards = {row[1]: row for row in rows}
    objects = {one.external_id: one for one in products.filter(external_id__in=facts["resolved"])}
    return _payload(cards, {one: found.stock for one, found in objects.items()})


def by_text(request: HttpRequest) -> dict[str, Any]:
    """The same by the same statements as text: no query is built and no object made, as nobody writes a shop."""
    history, products, objects = fixed()["text"]
    with connection.cursor() as cursor:
        cursor.execute(history, [request.ecomai.visitor_id] * 2)  # type: ignore[attr-defined]
        cursor.fetchall()
        cursor.execute(products)
        cards = {row[1]: row for row in cursor.fetchall()}
        cursor.execute(objects)
        names = [column[0] for column in cursor.description]
        one, stock = names.index("external_id"), names.index("stock")
        return _payload(cards, {row[one]: row[stock] for row in cursor.fetchall()})


def _payload(cards: dict[str, Any], stocks: dict[str, Any]) -> dict[str, Any]:
    return {
        "placement": "home",
        "carousels": [
            {**one, "items": [_item(item, cards, stocks) for item in one["items"]]} for one in fixed()["carousels"]
        ],
    }


def _item(item: dict[str, Any], cards: dict[str, Any], stocks: dict[str, Any]) -> dict[str, Any]:
    card = cards[item["product_id"]]
    return {
        "product_id": card[1], "title": card[2], "url": card[3], "image_url": card[4],
        "price": _money(card[5]), "list_price": _money(card[6]),
        "currency": card[7], "in_stock": stocks[card[1]] != 0, "reason": item["reason"],
        "reason_code": item["reason_code"], "because_id": item["because_id"], "position": item["position"],
        "token": item["token"],
    }  # fmt: skip


def _money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def hand_json(request: HttpRequest) -> HttpResponse:
    """By hand, with Django alone."""
    response = JsonResponse(by_hand(request))
    response["Cache-Control"] = "private, no-store"
    return response


def text_json(request: HttpRequest) -> HttpResponse:
    """By hand, without Django's ORM."""
    response = JsonResponse(by_text(request))
    response["Cache-Control"] = "private, no-store"
    return response


def hand_page(request: HttpRequest) -> HttpResponse:
    """The page by hand: the package's own templates over the fixed products."""
    from django.template import engines

    lists = by_hand(request)["carousels"]
    for one in lists:
        one["placement"] = "home"
        one["items"] = [{**item, "card": {**item, "price": Decimal(item["price"])}} for item in one["items"]]
    page = _template(engines["django"], HAND_PAGE)
    return HttpResponse(page.render({"carousels": lists, "templates": ["ecomai/recommend/card.html"]}, request))


def our_page(request: HttpRequest) -> HttpResponse:
    """A shop's page with the tag."""
    from django.template import engines

    return HttpResponse(_template(engines["django"], PAGE).render({}, request))


@cache
def _template(engine: Any, text: str) -> Any:
    return engine.from_string(text)


def nothing(request: HttpRequest) -> HttpResponse:
    """What Django itself costs."""
    return JsonResponse({})


def _urls() -> list[Any]:
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class HandView(APIView):
        """By hand, with Django REST framework as our endpoint."""

        def get(self, request: Any) -> Response:
            return Response(by_hand(request._request), headers={"Cache-Control": "private, no-store"})

    return [
        path("ecomai/", include("django_ecomai.urls")),
        path("page/", our_page),
        path("hand/json/", hand_json),
        path("hand/drf/", HandView.as_view()),
        path("hand/text/", text_json),
        path("hand/page/", hand_page),
        path("nothing/", nothing),
    ]


application = get_wsgi_application()
urlpatterns = _urls()
