"""The ledger of a large shop is filled in parts: killed, gone on with, changed in between; what pages tell then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.mirror.models import PricePoint, Product, Promotion
from django_ecomai.pricing import ledger, ledger_walk
from django_ecomai.pricing.ledger import DIRECT, lowest_before, price_record, reductions_told
from django_ecomai.pricing.ledger_job import ledger_fill
from django_ecomai.pricing.ledger_walk import walk_ask, walk_on, walks_open
from django_ecomai.pricing.models import LedgerWalk, PriceReduction
from django_ecomai.pricing.receivers import MOST_AT_ONCE, prices_heard, promotions_heard
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now
from django_ecomai.testing import product_make

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
What = LedgerWalk.What


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Day 200; parts of two products, or of one where the whole past is worked out."""
    hand = SimpleNamespace(now=day(200))
    monkeypatch.setattr(timezone, "now", lambda: hand.now)
    monkeypatch.setattr(ledger_walk, "CHUNK", 2)
    monkeypatch.setattr(ledger_walk, "FEW", 1)
    return hand


def lamps(number: int, **fields: Any) -> list[Product]:
    """Ten euros since day 0."""
    found = []
    for at in range(number):
        product = product_make(external_id=f"p{at}", price="10", list_price=None, **fields)
        PricePoint.objects.create(product=product, valid_from=day(0), price=10, currency="EUR")
        found.append(product)
    return found


def sales() -> list[Promotion]:
    """One of long ago, one since a week, both for all products."""
    return [
        Promotion.objects.create(external_id="old", name="O", starts_at=day(50), ends_at=day(60), percent=20),
        Promotion.objects.create(external_id="new", name="N", starts_at=day(193), percent=10),
    ]


def rows() -> list[tuple[Any, ...]]:
    columns = ("product__external_id", "began_at", "ended_at", "price", "lowest_before")
    return list(PriceReduction.objects.order_by("product__external_id", "began_at").values_list(*columns))


def everything(number: int) -> list[tuple[Any, ...]]:
    """The rows of so many lamps with both promotions."""
    return [
        one
        for at in range(number)
        for one in (
            (f"p{at}", day(50), day(60), Decimal(8), Decimal(10)),
            (f"p{at}", day(193), None, Decimal(9), Decimal(10)),
        )
    ]


def recording(monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None] = lambda number: None) -> list[list[int]]:
    """The parts as they are recorded; ``then`` is called after each, with its number."""
    parts: list[list[int]] = []

    def spy(*, products: Any, whole: bool = False) -> int:
        written = price_record(products=products, whole=whole)
        parts.append(list(products))
        then(len(parts))
        return written

    monkeypatch.setattr(ledger_walk, "price_record", spy)
    return parts


def told(*idents: str) -> dict[str, tuple[Any, ...]]:
    found = reductions_told(channel="", product_ids=idents)
    return {ident: (one.lowest, one.price, one.began_at) for ident, one in found.items()}


# -- parts -------------------------------------------------------------------------------------------------------------
def test_a_run_without_time_ends_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lamps(5)
    sales()
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 0.0)
    states = []
    while not states or walks_open(channel="").exists():
        run = run_now(kind="pricing.ledger", parameters={"go_on": True} if states else {})
        metrics = run.metrics["ledger"]
        states.append((metrics["products"], metrics["written"], metrics["left"]))
    # what runs, two products at a time, then the past of one after the other: of the first in the same run as the last
    assert states == [(2, 2, 3), (2, 2, 1), (1, 2, 4), (1, 1, 3), (1, 1, 2), (1, 1, 1), (1, 1, 0)]
    assert rows() == everything(5)
    assert Run.objects.exclude(state="done").count() == 0


def test_the_run_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    lamps(3)
    sales()
    heard: list[tuple[float, str]] = []
    ledger_fill(channel="", progress=lambda share, text: heard.append((round(share, 2), text)))
    assert heard[:2] == [(0.2, "What runs: 2 of 3 products"), (0.3, "What runs: 3 of 3 products")]
    assert heard[-1] == (1.0, "The past: 3 of 3 products")
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 0.0)
    assert run_now(kind="pricing.ledger").message == (
        "0 reductions written or corrected, in the prices of 2 products. 1 product follows within the next hours."
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("killed", [2, 5, 6])
def test_whoever_is_killed_has_lost_one_part_and_nothing_is_written_twice(
    killed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = [product.pk for product in lamps(5)]
    sales()

    def kill(number: int) -> None:
        if number == killed:
            raise SystemExit  # written, and not noted yet

    parts = recording(monkeypatch, kill)
    with pytest.raises(SystemExit):
        run_now(kind="pricing.ledger")
    before = parts.copy()
    assert len(before) == killed
    run_now(kind="pricing.ledger", parameters={"go_on": True})
    assert rows() == everything(5)
    first, second, third, fourth, fifth = products
    whole = [[first, second], [third, fourth], [fifth], *([pk] for pk in products)]
    assert before + parts[killed:] == [*whole[:killed], *whole[killed - 1 :]]


def test_products_on_sale_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, gone, shown, service = lamps(4)
    Product.objects.filter(pk=hidden.pk).update(is_active=False)
    Product.objects.filter(pk=gone.pk).update(removed_at=day(100))
    Product.objects.filter(pk=service.pk).update(is_service=True)
    parts = recording(monkeypatch)
    run_now(kind="pricing.ledger")
    assert parts == [[shown.pk], [hidden.pk, gone.pk]]


def test_two_processes_do_not_lead_each_other_back(monkeypatch: pytest.MonkeyPatch) -> None:
    products = lamps(6)
    sales()

    def overtaken(number: int) -> None:
        if number == 1:
            LedgerWalk.objects.update(after=products[3].pk, products=4)

    parts = recording(monkeypatch, overtaken)
    deadline = float("inf")
    found = walk_on(channel="", what=What.RUNNING, deadline=deadline, afresh=True)
    assert (found.products, len(parts), LedgerWalk.objects.get().after) == (0, 1, products[3].pk)
    assert walk_on(channel="", what=What.RUNNING, deadline=deadline).products == 2
    assert LedgerWalk.objects.values_list("walking", "filled", "products").get() == (None, 1, 6)


def test_the_night_looks_at_all_products_and_the_hour_only_at_what_is_left() -> None:
    lamps(3)
    run_now(kind="pricing.ledger")
    assert run_now(kind="pricing.ledger", parameters={"go_on": True}).metrics["ledger"]["products"] == 0
    assert run_now(kind="pricing.ledger").metrics["ledger"]["products"] == 3


def test_without_promotions_the_past_is_not_gone_through_a_second_time() -> None:
    (product,) = lamps(1)
    for at, price, listed in ((20, 7, 10), (30, 10, None)):
        PricePoint.objects.create(product=product, valid_from=day(at), price=price, list_price=listed, currency="EUR")
    run_now(kind="pricing.ledger")
    assert rows() == [("p0", day(20), day(30), Decimal(7), Decimal(10))]
    assert list(LedgerWalk.objects.values_list("what", flat=True)) == ["running"]


def test_the_past_is_worked_out_once_and_again_when_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    lamps(1)
    sales()
    parts = recording(monkeypatch)
    run_now(kind="pricing.ledger")
    run_now(kind="pricing.ledger")
    assert len(parts) == 3
    Promotion.objects.create(external_id="older", name="O", starts_at=day(10), ends_at=day(11), percent=30)
    assert run_now(kind="pricing.ledger").metrics["ledger"]["written"] == 0
    assert run_now(kind="pricing.ledger", parameters={"whole": True}).metrics["ledger"]["written"] == 1
    assert rows()[0] == ("p0", day(10), day(11), Decimal(7), Decimal(10))


def test_a_product_whose_running_reduction_reaches_far_back_is_read_wholly_with_few_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "FEW", 2)
    products = lamps(5)
    Promotion.objects.create(external_id="long", name="L", starts_at=day(20), percent=10)
    Promotion.objects.create(external_id="old", name="O", starts_at=day(10), ends_at=day(21), percent=20)
    read: list[tuple[int, bool]] = []
    histories = ledger.histories

    def spy(*, products: Any, now: datetime, since: Any = None) -> Any:
        read.append((len(products), since is None))
        return histories(products=products, now=now, since=since)

    monkeypatch.setattr(ledger, "histories", spy)
    assert price_record(products=[one.pk for one in products]) == 10
    assert read == [(5, False), (2, True), (2, True), (1, True)]
    assert rows()[:2] == [
        ("p0", day(10), day(21), Decimal(8), Decimal(10)),
        ("p0", day(21), None, Decimal(9), Decimal(8)),
    ]


def test_the_list_says_how_much_of_the_past_is_in_it(monkeypatch: pytest.MonkeyPatch, admin_client: Client) -> None:
    lamps(3)
    sales()
    page = reverse("admin:ecomai_pricing_pricereduction_changelist")
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 0.0)
    for _hour in range(2):
        run_now(kind="pricing.ledger", parameters={"go_on": True})
    assert "those of 1 of 3 products have been worked out" in admin_client.get(page).content.decode()
    with translation.override("de"):
        german = admin_client.get(page, headers={"accept-language": "de"}).content.decode()
    assert "die von 1 der 3 Produkte ermittelt" in german
    for _hour in range(2):
        run_now(kind="pricing.ledger", parameters={"go_on": True})
    assert "have been worked out" not in admin_client.get(page).content.decode()


# -- what changes in between -------------------------------------------------------------------------------------------
def test_a_promotion_changed_behind_a_walk_is_worked_in_by_the_next_one(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    lamps(5)
    _old, new = sales()
    monkeypatch.setattr("django_ecomai.pricing.receivers.MOST_AT_ONCE", 1)

    def changed(number: int) -> None:
        if number == 2:
            Promotion.objects.filter(pk=new.pk).update(percent=50)
            promotions_heard(None, channel="", promotions=[new.pk])

    recording(monkeypatch, changed)
    with django_capture_on_commit_callbacks(execute=True):
        run = run_now(kind="pricing.ledger")
    assert run.metrics["ledger"]["products"] == 10
    assert [one[3] for one in rows()[1::2]] == [5] * 5
    assert Run.objects.count() == 1  # the running one found what was asked for
    assert not walks_open(channel="").exists()


def test_a_promotion_changed_between_two_runs_is_worked_in_for_all(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    lamps(5)
    _old, new = sales()
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 0.0)
    run_now(kind="pricing.ledger")
    Promotion.objects.filter(pk=new.pk).update(starts_at=day(190))
    walk_ask(channel="")
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 60.0)
    assert run_now(kind="pricing.ledger", parameters={"go_on": True}).metrics["ledger"]["left"] == 0
    assert rows() == [(ident, day(190) if began == day(193) else began, *rest) for ident, began, *rest in everything(5)]


def test_a_price_that_changes_while_its_part_is_worked_out_is_not_written_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (product,) = lamps(1)
    histories = ledger.histories
    changes = [1]

    def slow(**asked: Any) -> Any:
        found = histories(**asked)
        if changes and changes.pop():
            PricePoint.objects.create(product=product, valid_from=day(199), price=7, list_price=10, currency="EUR")
            Product.objects.filter(pk=product.pk).update(price=7, list_price=10)
            price_record(products=[product.pk])  # whoever heard of it was quicker
        return found

    PricePoint.objects.create(product=product, valid_from=day(100), price=8, list_price=10, currency="EUR")
    Product.objects.filter(pk=product.pk).update(price=8, list_price=10)
    monkeypatch.setattr(ledger, "histories", slow)
    run_now(kind="pricing.ledger")
    assert rows() == [
        ("p0", day(100), day(199), Decimal(8), Decimal(10)),
        ("p0", day(199), None, Decimal(7), Decimal(8)),
    ]


def test_the_hourly_job_goes_on_with_what_is_left(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "queue"}
    lamps(5)
    run_now(kind="pricing.watch")
    assert not Run.objects.filter(kind="pricing.ledger").exists()
    monkeypatch.setattr("django_ecomai.pricing.ledger_job.LONGEST", 0.0)
    run_now(kind="pricing.ledger")
    for _hour in range(2):
        run_now(kind="pricing.watch")
    assert [run.parameters for run in Run.objects.filter(kind="pricing.ledger", state="queued")] == [{"go_on": True}]


# -- what pages tell meanwhile -----------------------------------------------------------------------------------------
def test_until_the_job_has_come_to_a_product_its_page_works_it_out(django_assert_num_queries: Any) -> None:
    products = lamps(4)
    sales()
    line = (Decimal(10), Decimal(9), day(193))
    assert told("p0", "p3") == {"p0": line, "p3": line} and rows() == []
    ledger_fill(channel="", longest=0.0)
    with django_assert_num_queries(1):
        assert told("p0", "p1") == {"p0": line, "p1": line}
    PriceReduction.objects.all().delete()
    assert told("p0", "p1", "p2") == {"p2": line}  # the first two are the ledger's
    found = reductions_told(channel="", product_ids=["p3"])["p3"]
    assert found == lowest_before(product=products[3])


def test_more_products_than_a_page_can_work_out_are_not_told() -> None:
    lamps(DIRECT + 2)
    sales()
    assert sorted(told(*(f"p{at}" for at in range(DIRECT + 2)))) == sorted(f"p{at}" for at in range(DIRECT))


def test_an_old_reduction_is_not_told_while_a_change_for_all_is_on_its_way(
    django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "queue"}
    lamps(3)
    _old, new = sales()
    run_now(kind="pricing.ledger")
    Promotion.objects.filter(pk=new.pk).update(ends_at=day(199))
    prices_heard(None, channel="", products=list(range(MOST_AT_ONCE + 1)))
    assert rows()[1][2] is None and told("p0", "p1", "p2") == {}
    Promotion.objects.filter(pk=new.pk).update(ends_at=None, percent=30)
    assert told("p1") == {"p1": (Decimal(10), Decimal(7), day(193))}


def test_the_nightly_look_at_all_products_makes_no_page_work() -> None:
    lamps(3)
    sales()
    run_now(kind="pricing.ledger")
    walk_on(channel="", what=What.RUNNING, deadline=0.0, afresh=True)
    PriceReduction.objects.all().delete()
    assert told("p0", "p2") == {}


def test_since_when_a_price_was_seen_that_the_history_missed_is_still_told(clock: SimpleNamespace) -> None:
    (product,) = lamps(1)
    Product.objects.filter(pk=product.pk).update(price=7, list_price=10)
    run_now(kind="pricing.ledger")
    walk_ask(channel="")
    clock.now = day(205)
    assert told("p0") == {"p0": (Decimal(10), Decimal(7), day(200))}


def test_channels_have_their_own_walks() -> None:
    lamps(1)
    other = product_make(external_id="b", channel="b2b", price="7", list_price=Decimal(10))
    PricePoint.objects.create(product=other, channel="b2b", valid_from=day(190), price=8, currency="EUR")
    run_now(kind="pricing.ledger")
    assert [run.channel for run in LedgerWalk.objects.all()] == [""]
    assert reductions_told(channel="b2b", product_ids=["b"])["b"].lowest == Decimal(8)


def test_tag_and_endpoint_tell_the_same_while_the_ledger_is_empty(client: Client) -> None:
    lamps(2)
    sales()
    page = Template('{% load ecomai_pricing %}{% price_ledgers ids as all %}{{ all.p0.lowest }}{% lowest_price "p1" %}')
    html = page.render(Context({"request": RequestFactory().get("/"), "ids": ["p0", "p1", "none"]}))
    assert html.startswith("10.0000<p") and "10.00 EUR" in html
    answer = client.get("/ecomai/api/pricing/ledger/?product=p0").json()
    assert [(one["product_id"], one["lowest"], one["price"]) for one in answer] == [("p0", "10.0000", "9.0000")]
