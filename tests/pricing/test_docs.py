"""The examples of the how-to for integrators do what the page says."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint
from django_ecomai.pricing import urls
from django_ecomai.pricing.hold import price_hold
from django_ecomai.pricing.ledger import price_record
from django_ecomai.testing import product_make
from tests.docs.blocks import DOCS, page_blocks

pytestmark = pytest.mark.django_db
PAGE = DOCS / "howto" / "price-integration.md"


def block(text: str) -> str:
    (found,) = [one.text for one in page_blocks(PAGE) if text in one.text]
    return found


def run(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(block(text), str(PAGE), "exec"), names)
    return names


def test_the_cart_takes_the_price_that_was_shown() -> None:
    line_price = run("def line_price")["line_price"]
    product = SimpleNamespace(pk=7, price=Decimal("5.00"))
    token = price_hold(product_id="7", price=Decimal("4.50"), currency="EUR")
    assert line_price(product, token) == Decimal("4.50")
    assert line_price(product, "forged") == Decimal("5.00")


def test_of_two_prices_shown_the_cart_keeps_the_lower() -> None:
    token_kept = run("def token_kept")["token_kept"]
    product = SimpleNamespace(pk=7)
    low, high = (price_hold(product_id="7", price=Decimal(one), currency="EUR") for one in ("4.50", "4.90"))
    assert token_kept(product, low, high) == token_kept(product, high, low) == low
    assert token_kept(product, "", high) == high and token_kept(product, low, "forged") == low
    assert token_kept(product, "", "forged") == ""


def test_a_price_is_announced_only_below_those_of_thirty_days() -> None:
    product = product_make(external_id="7", price="10.00")
    PricePoint.objects.create(product=product, valid_from=timezone.now() - timedelta(days=9), price=10, currency="EUR")
    is_worth_announcing = run("def is_worth_announcing")["is_worth_announcing"]
    assert [is_worth_announcing("7", Decimal(price)) for price in (9, 10, 11)] == [True, False, False]
    assert is_worth_announcing("unknown", Decimal(1)) is False


@pytest.mark.parametrize("text", ["{% lowest_price product %}\n", "{% price_ledger product", "{% price_ledgers page"])
def test_the_templates_tell_the_price_before(text: str) -> None:
    product = product_make(external_id="p", price="7.00", list_price=Decimal(10))
    for at, price, listed in ((datetime(2026, 1, 1, tzinfo=UTC), 10, None), (datetime(2026, 2, 1, tzinfo=UTC), 7, 10)):
        PricePoint.objects.create(product=product, valid_from=at, price=price, list_price=listed, currency="EUR")
    price_record(products=[product.pk])
    context = {"request": RequestFactory().get("/"), "product": "p", "page": {"object_list": ["p"]}}
    (source,) = [one.text for one in page_blocks(PAGE) if one.language == "html+django" and text in one.text + "\n"][:1]
    assert "10.00" in Template(source).render(Context(context))


def test_an_adapter_that_strikes_prices_out_puts_both_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of ``restore_price``, with the tables of a shop in memory."""
    row = SimpleNamespace(price=Decimal("10.00"), list_price=Decimal("12.00"), save=lambda update_fields: None)
    objects = SimpleNamespace(select_for_update=lambda: SimpleNamespace(get=lambda pk: row))
    module = ModuleType("shop.models")
    module.Product = SimpleNamespace(objects=objects)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", module)
    adapter = run("class StrikingAdapter")["StrikingAdapter"]
    adapter.apply_price(None, "7", Decimal("8.50"))
    assert (row.price, row.list_price) == (Decimal("8.50"), Decimal("10.00"))
    adapter.restore_price(None, "7", Decimal("10.00"), Decimal("12.00"))
    assert (row.price, row.list_price) == (Decimal("10.00"), Decimal("12.00"))


def test_the_reference_names_every_address_and_what_it_needs() -> None:
    """As the views have it: who reads the table must not find a door locked, nor one open that it calls locked."""
    text = (DOCS / "reference" / "endpoints.md").read_text()
    prices = text.partition("\n## Prices\n")[2].partition("\n## ")[0]
    rows = [line.split(" | ") for line in prices.splitlines() if line.startswith("| `")]
    documented = {address: told for first, told in rows for address in re.findall(r"`([^`]+)`", first)}
    wanted: dict[str, set[str]] = {}
    for one in urls.urlpatterns:
        route = str(one.pattern).rpartition("pricing/")[2] if "api" in str(one.name) else ""
        route = route.replace("<int:number>", "<number>").replace("<int:pk>", "<pk>")
        needs = getattr(getattr(one.callback, "view_class", None), "needs", {})
        if route:
            wanted[route] = {name for names in needs.values() for name in names} or {"none"}
    assert documented.keys() == wanted.keys()
    assert {
        address: names for address, names in wanted.items()
        if not names <= set(re.findall(r"\b[a-z]+(?:_[a-z]+)*\b", documented[address]))
    } == {}  # fmt: skip
