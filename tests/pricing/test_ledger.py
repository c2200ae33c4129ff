"""The price ledger over the mirror: every way by which a price changes; the tags of the storefront, their queries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from django_ecomai.adapters.rows import PriceRow, PromotionRow
from django_ecomai.mirror.models import PricePoint, Product, Promotion
from django_ecomai.mirror.services import batch_apply, product_upsert, row_remove, shop_sync
from django_ecomai.pricing.ledger import (
    _stored_otherwise,
    lowest_before,
    lowest_if_reduced,
    price_record,
    reductions_running,
)
from django_ecomai.pricing.ledger_job import promoted
from django_ecomai.pricing.models import PriceReduction
from django_ecomai.pricing.omnibus import reductions
from django_ecomai.pricing.receivers import MOST_AT_ONCE, prices_heard, promotions_heard
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import FakeAdapter, category_make, product_make, product_row

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAKE = FakeAdapter()


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time that the package sees: ``clock.now``."""
    hand = SimpleNamespace(now=NOON)
    monkeypatch.setattr(timezone, "now", lambda: hand.now)
    return hand


@pytest.fixture
def committed(django_capture_on_commit_callbacks: Any) -> Any:
    @contextmanager
    def run() -> Iterator[None]:
        with django_capture_on_commit_callbacks(execute=True):
            yield

    return run


def history(product: Product, *points: tuple[float, str, str | None]) -> Product:
    """Price points, the last of which is the price of today."""
    for at, price, listed in points:
        PricePoint.objects.create(
            product=product, valid_from=day(at), price=price, list_price=listed, currency=product.currency
        )
    _at, price, listed = points[-1]
    product.price, product.list_price = Decimal(price), None if listed is None else Decimal(listed)
    product.save()
    return product


def reduced(title: str = "Lantern", **fields: Any) -> Product:
    """Ten euros for forty days, then seven, with the ten struck out."""
    return history(product_make(title=title, **fields), (0, "10", None), (40, "7", "10"))


def rows() -> list[tuple[Any, ...]]:
    columns = ("product__external_id", "began_at", "ended_at", "price", "lowest_before")
    return list(PriceReduction.objects.order_by("product__external_id", "began_at").values_list(*columns))


def test_a_price_that_the_shop_saves_reaches_the_ledger(clock: SimpleNamespace, committed: Any) -> None:
    for number, price, listed in ((0, "10", None), (40, "8", "10"), (45, "7", "10"), (50, "10", "10")):
        clock.now = day(number)
        with committed():
            product_upsert(
                row=product_row(id="p", price=Decimal(price), list_price=Decimal(listed) if listed else None),
                adapter=FAKE,
            )
        if number == 45:
            assert rows() == [("p", day(40), None, Decimal(8), Decimal(10))]
    assert rows() == [("p", day(40), day(50), Decimal(8), Decimal(10))]


def test_a_bulk_edit_that_raises_the_price_the_day_before_is_caught(clock: SimpleNamespace, committed: Any) -> None:
    shop = FakeAdapter(product=[product_row(id=str(number), price=Decimal(8)) for number in range(3)])
    for number, price, listed in ((0, 8, None), (39, 12, None), (40, 9, 12)):
        clock.now = day(number)
        shop.data["product"] = [
            product_row(id=str(one), price=Decimal(price), list_price=listed and Decimal(listed)) for one in range(3)
        ]
        with committed():
            shop_sync(adapter=shop)
    assert rows() == [(str(one), day(40), None, Decimal(9), Decimal(8)) for one in range(3)]


def test_the_shop_s_own_price_history_moves_the_beginning_of_a_running_reduction(
    clock: SimpleNamespace, committed: Any
) -> None:
    clock.now = day(40)
    with committed():
        product_upsert(row=product_row(id="p", price=Decimal(7), list_price=Decimal(10)), adapter=FAKE)
    assert rows() == [("p", day(40), None, Decimal(7), None)]
    told = [
        PriceRow(product_id="p", valid_from=day(1), price=Decimal(9)),
        PriceRow(product_id="p", valid_from=day(38), price=Decimal(8), list_price=Decimal(10)),
    ]
    with committed():
        batch_apply(table="price", rows=told, adapter=FakeAdapter(product=[], price=[]))
    assert rows() == [("p", day(38), None, Decimal(8), Decimal(9))]


def test_a_promotion_is_known_before_it_begins_and_ends_by_itself(clock: SimpleNamespace, committed: Any) -> None:
    clock.now = day(39)
    parent = category_make(external_id="lamps")
    inside = history(product_make(external_id="in", categories=[category_make(parent=parent)]), (0, "10", None))
    history(product_make(external_id="out"), (0, "10", None))
    coming = PromotionRow(
        id="sale", name="Sale", kind="discount", starts_at=day(40), ends_at=day(47), percent=Decimal(20),
        category_ids=("lamps",),
    )  # fmt: skip
    with committed():
        batch_apply(table="promotion", rows=[coming], adapter=FAKE)
    assert rows() == [("in", day(40), day(47), Decimal(8), Decimal(10))]
    asked = {
        number: reductions_running(channel="", product_ids=["in", "out"], at=day(number)) for number in (39, 41, 47)
    }
    assert [sorted(asked[number]) for number in (39, 41, 47)] == [[], ["in"], []]
    # Dearer by a bulk edit the day before: the cheaper price counts all the same.
    history(inside, (39.5, "12", None))
    clock.now = day(39.5)
    price_record(products=[inside.pk])
    assert rows() == [("in", day(40), day(47), Decimal("9.60"), Decimal(10))]


def test_a_promotion_called_off_leaves_no_trace_before_it_began_and_an_end_after(
    clock: SimpleNamespace, committed: Any
) -> None:
    history(product_make(external_id="p"), (0, "10", None))
    for begins, called_off, left in (
        (40, 39, []),
        (40, 42, [("p", day(40), day(42), Decimal(9), Decimal(10))]),
    ):
        clock.now = day(38)
        row = PromotionRow(id=f"s{called_off}", name="S", kind="discount", starts_at=day(begins), percent=Decimal(10))
        with committed():
            batch_apply(table="promotion", rows=[row], adapter=FAKE)
        assert len(rows()) == 1
        clock.now = day(called_off)
        with committed():
            row_remove(table="promotion", external_id=f"s{called_off}")
        assert rows() == left


def test_vouchers_and_bundles_are_no_reduction_of_the_price(clock: SimpleNamespace) -> None:
    product = history(product_make(), (0, "10", None))
    Promotion.objects.create(external_id="v", kind="voucher", name="V", starts_at=day(1), percent=50)
    clock.now = day(5)
    price_record(products=[product.pk])
    assert rows() == [] and lowest_before(product=product) is None


def test_a_sale_over_thousands_of_products_is_the_work_of_a_job(clock: SimpleNamespace, committed: Any) -> None:
    Product.objects.bulk_create(
        [Product(external_id=f"{number:05}", title="P", price=5, currency="EUR") for number in range(MOST_AT_ONCE + 1)]
    )
    sale = Promotion.objects.create(external_id="s", name="All", starts_at=day(-1), percent=10)
    assert len(promoted(promotions=[sale.pk], channel="", most=9999)) == MOST_AT_ONCE + 1
    with committed():
        promotions_heard(None, channel="", promotions=[sale.pk])
    assert Run.objects.get().kind == "pricing.ledger"
    assert PriceReduction.objects.count() == MOST_AT_ONCE + 1


def test_a_product_taken_out_of_a_promotion_is_reduced_no_longer(clock: SimpleNamespace, committed: Any) -> None:
    clock.now = day(39)
    lamps = category_make(external_id="lamps")
    history(product_make(external_id="named"), (0, "10", None))
    history(product_make(external_id="lamp", categories=[lamps]), (0, "10", None))
    history(product_make(external_id="stays"), (0, "10", None))
    for number, products, categories, running in (
        (39, ("named", "stays"), ("lamps",), ["lamp", "named", "stays"]),
        (41, ("stays",), ("lamps",), ["lamp", "stays"]),
        (42, ("stays",), (), ["stays"]),
        (43, (), (), ["lamp", "named", "stays"]),
        (44, ("named",), (), ["named"]),
    ):
        clock.now = day(number)
        sale = PromotionRow(
            id="sale", kind="discount", starts_at=day(38), percent=Decimal(20), product_ids=products,
            category_ids=categories,
        )  # fmt: skip
        with committed():
            batch_apply(table="promotion", rows=[sale], adapter=FAKE)
        asked = reductions_running(channel="", product_ids=["named", "lamp", "stays"], at=day(number + 0.5))
        assert sorted(asked) == running, number


def test_prices_of_thousands_of_products_at_once_are_the_work_of_a_job(
    clock: SimpleNamespace, committed: Any, settings: Any
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "queue"}
    with committed():
        prices_heard(None, channel="", products=list(range(MOST_AT_ONCE + 1)))
    assert [run.kind for run in Run.objects.all()] == ["pricing.ledger"]


def test_the_products_of_a_promotion_are_not_all_read_to_know_that_it_names_some(
    clock: SimpleNamespace,
) -> None:
    sale = Promotion.objects.create(external_id="s", name="Some", starts_at=day(-1), percent=10)
    sale.products.set([product_make() for _ in range(9)])
    with CaptureQueriesContext(connection) as asked:
        assert len(promoted(promotions=[sale.pk], channel="", most=5)) == 5
    links = [one["sql"] for one in asked if "mirror_promotion_products" in one["sql"]]
    assert [("EXISTS" in sql, "LIMIT 5" in sql) for sql in links] == [(True, False), (False, True)]


def test_the_job_fills_the_ledger_from_the_past_and_changes_nothing_the_second_time(clock: SimpleNamespace) -> None:
    reduced(external_id="a")
    history(product_make(external_id="b"), (0, "10", None), (5, "6", "10"), (8, "10", "10"))
    history(product_make(external_id="c", channel="other"), (0, "10", None), (5, "6", "10"))
    clock.now = day(45)
    run = run_now(kind="pricing.ledger")
    assert run.metrics["ledger"] == {"products": 2, "written": 2, "left": 0}
    assert rows() == [
        ("a", day(40), None, Decimal(7), Decimal(10)),
        ("b", day(5), day(8), Decimal(6), Decimal(10)),
    ]
    assert run_now(kind="pricing.ledger").metrics["ledger"]["written"] == 0


def test_prices_in_another_currency_are_no_prices_before(clock: SimpleNamespace) -> None:
    product = reduced()
    PricePoint.objects.create(product=product, valid_from=day(20), price=1, currency="JPY")
    clock.now = day(41)
    found = lowest_before(product=product)
    assert found is not None and (found.lowest, found.currency) == (Decimal(10), "EUR")


@pytest.mark.parametrize("currency_of_shop", ["EUR", "GBP"])
def test_a_product_without_a_currency_has_that_of_its_prices(
    currency_of_shop: str, clock: SimpleNamespace, settings: Any
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CURRENCY": currency_of_shop}
    product = product_make(price="8", list_price=Decimal(10), currency="")
    for number, price, listed, currency in ((0, 9, None, "EUR"), (30, 7, None, ""), (40, 10, None, "EUR"),
                                            (45, 8, 10, "EUR")):  # fmt: skip
        PricePoint.objects.create(
            product=product, valid_from=day(number), price=price, list_price=listed, currency=currency
        )
    clock.now = day(47)
    price_record(products=[product.pk])
    found = lowest_before(product=product)
    assert found is not None and (found.lowest, found.currency) == (Decimal(7), "EUR")
    assert PriceReduction.objects.values_list("lowest_before", "currency").get() == (Decimal(7), "EUR")


def test_a_product_whose_prices_have_no_currency_either_has_that_of_the_shop(
    clock: SimpleNamespace, settings: Any
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "CURRENCY": "SEK"}
    product = reduced(currency="")
    clock.now = day(41)
    found = lowest_before(product=product)
    assert found is not None and (found.lowest, found.currency) == (Decimal(10), "SEK")


def test_a_currency_that_comes_back_does_not_bring_its_old_price_along(clock: SimpleNamespace) -> None:
    # 5 EUR long ago, then dollars, then 10 EUR reduced to 8: nobody was asked for 5 EUR in the 30 days before.
    product = product_make(price="8", list_price=Decimal(10))
    for number, price, listed, currency in ((0, 5, None, "EUR"), (100, 6, None, "USD"), (490, 10, None, "EUR"),
                                            (498, 8, 10, "EUR")):  # fmt: skip
        PricePoint.objects.create(
            product=product, valid_from=day(number), price=price, list_price=listed, currency=currency
        )
    clock.now = day(500)
    found = lowest_before(product=product)
    assert found is not None and found.lowest == Decimal(10)


def sales(number: int, **fields: Any) -> list[Promotion]:
    """A promotion for all products each day from noon to midnight, from the day 1 on."""
    return Promotion.objects.bulk_create(
        Promotion(
            external_id=f"s{at}", name="S", starts_at=day(at), ends_at=day(at + 0.5), percent=10 + at % 5, **fields
        )
        for at in range(1, number + 1)
    )


def test_promotions_of_long_ago_are_read_once(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    product = history(product_make(external_id="p"), (0, "10", None))
    sales(200)
    clock.now = day(200.75)
    assert run_now(kind="pricing.ledger").metrics["ledger"]["written"] == 200
    every = rows()
    assert [(one[3], one[4]) for one in every[-2:]] == [(Decimal("8.6"), Decimal("8.6")), (9, Decimal("8.6"))]
    seen: list[int] = []

    def counting(steps: Any, offers: Any, **kwargs: Any) -> Any:
        seen.append(len(offers))
        return reductions(steps, offers, **kwargs)

    monkeypatch.setattr("django_ecomai.pricing.ledger.reductions", counting)
    assert run_now(kind="pricing.ledger").metrics["ledger"]["written"] == 0
    assert price_record(products=[product.pk]) == 0
    assert run_now(kind="pricing.ledger", parameters={"whole": True}).metrics["ledger"]["written"] == 0
    assert (seen, rows()) == ([64, 64, 200], every)


def test_what_is_recorded_bit_by_bit_is_what_the_whole_past_says(clock: SimpleNamespace) -> None:
    product = history(product_make(external_id="p"), (0, "10", None))
    sales(90)
    for number in (30, 60, 90, 95, 101, 110, 140, 180):
        if number in (101, 110):
            history(product, (number - 1, {101: "8", 110: "7"}[number], "10"))
        clock.now = day(number + 0.25)
        price_record(products=[product.pk])
    bits = rows()
    PriceReduction.objects.all().delete()
    price_record(products=[product.pk], whole=True)
    assert bits == rows() and len(bits) == 91
    assert bits[-1] == ("p", day(100), None, Decimal(8), Decimal("8.6"))
    assert price_record(products=[product.pk]) == 0


def test_a_reduction_that_runs_since_before_the_promotions_left_out_is_read_wholly(clock: SimpleNamespace) -> None:
    product = history(product_make(external_id="p"), (0, "10", None), (12, "7", "10"))
    other = product_make(external_id="other")
    (sale,) = sales(1)
    Promotion.objects.create(external_id="o", name="O", starts_at=day(14), ends_at=day(15)).products.add(other)
    clock.now = day(300)
    assert price_record(products=[product.pk]) == 2
    assert rows() == [
        ("p", sale.starts_at, sale.ends_at, Decimal("8.9"), Decimal(10)),
        ("p", day(12), None, Decimal(7), Decimal("8.9")),
    ]


def test_a_recorded_reduction_of_long_ago_that_never_ended_is_corrected(clock: SimpleNamespace) -> None:
    product = history(product_make(external_id="p"), (0, "10", None), (40, "7", "10"))
    clock.now = day(41)
    price_record(products=[product.pk])
    PriceReduction.objects.update(ended_at=day(42))
    clock.now = day(300)
    assert (price_record(products=[product.pk]), price_record(products=[product.pk])) == (1, 0)
    assert rows() == [("p", day(40), None, Decimal(7), Decimal(10))]


def test_variants_and_channels_have_their_own(clock: SimpleNamespace) -> None:
    clock.now = day(41)
    parent = product_make(external_id="p")
    reduced(external_id="red", parent=parent)
    history(product_make(external_id="blue", parent=parent), (0, "10", None))
    reduced(external_id="red", channel="b2b")
    price_record(products=list(Product.objects.values_list("pk", flat=True)))
    asked = reductions_running(channel="", product_ids=["p", "red", "blue"])
    assert list(asked) == ["red"] and asked["red"].lowest == Decimal(10)
    assert PriceReduction.objects.get(product__channel="b2b").channel == "b2b"


def test_what_had_to_be_told_if_a_reduction_began_now(clock: SimpleNamespace) -> None:
    product = history(product_make(), (0, "8", None), (39, "12", None))
    clock.now = day(40)
    assert lowest_if_reduced(product=product) == Decimal(8)
    assert lowest_if_reduced(product=product_make(price=None)) is None


def test_a_price_that_the_history_missed_stands_from_now_on(clock: SimpleNamespace) -> None:
    product = history(product_make(), (0, "10", None))
    Product.objects.filter(pk=product.pk).update(price=7, list_price=10)
    clock.now = day(40)
    found = lowest_before(product=product)
    assert found is not None and (found.began_at, found.lowest) == (day(40), Decimal(10))


def test_it_stands_from_when_it_was_first_seen(clock: SimpleNamespace) -> None:
    product = history(product_make(external_id="p"), (0, "10", None))
    Product.objects.filter(pk=product.pk).update(price=7, list_price=10)
    for number in (40, 41, 50):
        clock.now = day(number)
        price_record(products=[product.pk])
        assert rows() == [("p", day(40), None, Decimal(7), Decimal(10))]


def test_a_price_history_of_the_shop_that_tells_no_list_prices(clock: SimpleNamespace) -> None:
    first, second = product_make(external_id="a"), product_make(external_id="b")
    for product in (first, second):
        PricePoint.objects.create(product=product, valid_from=day(0), price=10, currency="EUR", source="shop")
        PricePoint.objects.create(product=product, valid_from=day(40), price=7, currency="EUR", source="shop")
    # Of the first the copy heard three hours later, of the second only its row in the catalogue tells.
    history(first, (40.125, "7", "10"))
    Product.objects.filter(pk=second.pk).update(price=7, list_price=10)
    for number in (41, 45):
        clock.now = day(number)
        price_record(products=[first.pk, second.pk])
        assert rows() == [(one, day(40), None, Decimal(7), Decimal(10)) for one in ("a", "b")]


def test_a_list_price_of_before_stays_where_the_shop_s_history_tells_none(clock: SimpleNamespace) -> None:
    product = history(product_make(external_id="p"), (0, "10", "10"), (60, "10", "10"))
    for at, price in ((40, 7), (45, 10)):
        PricePoint.objects.create(product=product, valid_from=day(at), price=price, currency="EUR", source="shop")
    clock.now = day(61)
    price_record(products=[product.pk])
    assert rows() == [("p", day(40), day(45), Decimal(7), Decimal(10))]


def test_products_that_were_never_reduced_cost_four_queries_whatever_their_number(
    django_assert_num_queries: Any,
) -> None:
    for _ in range(30):
        history(product_make(), (0, "10", None), (5, "11", None))
    pks = list(Product.objects.values_list("pk", flat=True))
    with django_assert_num_queries(4):
        assert price_record(products=pks) == 0


@pytest.mark.parametrize("number", [1, 30])
def test_reductions_are_recorded_in_as_many_queries_for_thirty_as_for_one(
    number: int, clock: SimpleNamespace, django_assert_num_queries: Any
) -> None:
    for _ in range(number):
        reduced()
    clock.now = day(41)
    pks = list(Product.objects.values_list("pk", flat=True))
    with django_assert_num_queries(12):  # ten and a savepoint, as a test runs within a transaction
        assert price_record(products=pks) == number


# -- the tags ----------------------------------------------------------------------------------------------------------
def render(text: str, **context: Any) -> str:
    request = RequestFactory().get("/")
    return Template("{% load ecomai_pricing %}" + text).render(Context({"request": request, **context}))


def shown(clock: SimpleNamespace, number: int = 1) -> list[Product]:
    products = [reduced(external_id=f"p{one}") for one in range(number)]
    clock.now = day(41)
    run_now(kind="pricing.ledger")
    return products


def test_a_reduced_product_tells_the_lowest_price_before(clock: SimpleNamespace) -> None:
    shown(clock)
    html = render('{% lowest_price "p0" %}')
    assert "Lowest price of the last 30 days before the reduction: 10.00 EUR" in html
    with translation.override("de"):
        told = render('{% lowest_price "p0" %}')
    assert "Niedrigster Preis der letzten 30 Tage vor der Ermäßigung: 10,00 EUR" in told
    text = render(
        '{% price_ledger "p0" as ledger %}{{ ledger.lowest }} {{ ledger.currency }} {{ ledger.began_at|date:"j.n." }}'
    )
    assert text == "10.0000 EUR 10.4."


def test_nothing_is_told_without_a_reduction_or_a_price_before(clock: SimpleNamespace) -> None:
    history(product_make(external_id="full"), (0, "10", None))
    new = history(product_make(external_id="new"), (0, "7", "10"))
    price_record(products=[new.pk])
    assert reductions_running(channel="", product_ids=["new"])["new"].lowest is None
    for product in ("full", "new", "unknown", ""):
        assert render("{% lowest_price product %}", product=product) == ""
    assert render("{% price_ledger nothing as ledger %}{{ ledger }}") == "None"


def test_a_page_of_products_asks_once(clock: SimpleNamespace, django_assert_num_queries: Any) -> None:
    shown(clock, 12)
    ids = [f"p{one}" for one in range(12)]
    page = (
        "{% price_ledgers ids as ledgers %}{{ ledgers|length }}{% for one in ids %}{% lowest_price one %}{% endfor %}"
    )
    with django_assert_num_queries(3):  # one and its savepoint, as a test runs within a transaction
        html = render(page, ids=[*ids, "full price"])
    assert html.startswith("12<p") and html.count("10.00 EUR") == 12
    with django_assert_num_queries(3):
        assert render(page, ids=ids, request=None).count("10.00 EUR") == 12


@pytest.mark.parametrize("text", ["{% lowest_price product %}", "{% price_ledgers product as all %}{{ all|length }}"])
def test_no_trouble_reaches_the_page(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**kwargs: Any) -> None:
        raise DatabaseError("no such table")

    assert render(text, product=object()) in ("", "0")
    monkeypatch.setattr("django_ecomai.pricing.templatetags.ecomai_pricing.reductions_told", broken)
    assert render(text, product="p0") in ("", "0")


def test_personalised_prices_are_told_only_where_the_shop_says_so(settings: Any) -> None:
    assert render("{% price_disclosure %}") == ""
    for value, text in (
        (True, "This price was personalised by automated decision-making."),
        ("Just for you", "Just for you"),
    ):
        settings.ECOMAI = {**settings.ECOMAI, "PRICE_DISCLOSURE": value}
        assert text in render("{% price_disclosure %}")
    settings.ECOMAI = {**settings.ECOMAI, "PRICE_DISCLOSURE": "<b>"}
    assert "&lt;b&gt;" in render("{% price_disclosure %}")


@pytest.mark.parametrize(
    ("included", "price", "lowest"), [(True, "80.00", "100"), (False, "64.00", "80"), (None, "80", "80")]
)
def test_whether_prices_have_their_promotions_is_a_setting(
    clock: SimpleNamespace, settings: Any, included: bool | None, price: str, lowest: str
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "PRICING_PRICES_INCLUDE_PROMOTIONS": included}
    product = history(product_make(external_id="lamp"), (0, "100", None), (36, "80", "100"))
    Promotion.objects.create(external_id="w", name="Winter", starts_at=day(40), ends_at=day(45), percent=20)
    clock.now = day(42)
    price_record(products=[product.pk])
    found = lowest_before(product=product)
    assert found is not None and (found.price, found.lowest) == (Decimal(price), Decimal(lowest))
    assert reductions_running(channel="", product_ids=["lamp"])["lamp"].lowest == Decimal(lowest)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite has the lowest limit of values")
def test_many_past_reductions_are_looked_up_in_one_statement() -> None:
    connection.ensure_connection()
    limit = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    old = connection.connection.setlimit(limit, 32_766)
    try:
        now = timezone.now()
        new = [
            ("", pk, now - timedelta(minutes=pk * 45 + n), None, Decimal(10), None, None, now, "EUR")
            for pk in range(1, 901)
            for n in range(45)
        ]
        assert _stored_otherwise(new) == []
    finally:
        connection.connection.setlimit(limit, old)
