"""What one request or one step of the hour reads does not grow with the catalogue, nor with what was long ago."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from django_ecomai.mirror.models import PricePoint, Promotion
from django_ecomai.pricing import facts, market_stored
from django_ecomai.pricing.api import market_more
from django_ecomai.pricing.ledger import price_record
from django_ecomai.pricing.models import PriceProposal, PriceTest
from django_ecomai.pricing.price_test_export import price_tests_csv
from django_ecomai.pricing.services import apply as apply_room
from django_ecomai.pricing.services import changes_apply, price_test_start, prices_watch
from django_ecomai.pricing.services import watch as watch_room
from django_ecomai.runs.models import Run
from django_ecomai.testing import product_make

from .adapters import LiveShop, PricedShop
from .factories import priced_product, proposal_make, rule_make
from .market import competitor_make, match_make

pytestmark = pytest.mark.django_db


def wheres(queries: CaptureQueriesContext, table: str, column: str) -> list[str]:
    """The conditions of queries that read a column of a table."""
    found = [one["sql"] for one in queries.captured_queries if f'FROM "{table}"' in one["sql"]]
    return [sql.partition("WHERE")[2] for sql in found if f'"{column}"' in sql.partition("FROM")[0]]


def test_one_price_of_a_family_does_not_read_the_whole_catalogue(shop: PricedShop) -> None:
    """Only products that have the attribute can be of the family, which the database tells."""
    rule_make(action="limits", family_attribute="line")
    product = priced_product(attributes={"line": "tea"})
    row = proposal_make(product, state="approved", family="line=tea")
    with CaptureQueriesContext(connection) as asked:
        assert changes_apply(proposals=[row]).as_dict()["applied"] == 1
    # but for those that are named by their keys
    read = [one for one in wheres(asked, "ecomai_mirror_product", "attributes") if " IN (" not in one]
    assert all('"attributes"' in one for one in read), read


def test_what_killed_workers_left_behind_is_finished_with_one_look_at_the_catalogue(
    live_shop: LiveShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule_make(action="limits", family_attribute="line")
    since = timezone.now() - timedelta(hours=1)
    for name in ("tea", "cups", "pots"):
        product = priced_product(external_id=name, attributes={"line": name})
        proposal_make(product, state="writing", writing_since=since, family=f"line={name}")
        live_shop.now[name] = Decimal(10)
    looks: list[Any] = []
    real = apply_room.family_candidates

    def counted(families: Any, **more: Any) -> Any:
        looks.append(families)
        return real(families, **more)

    for room in (apply_room, watch_room):
        monkeypatch.setattr(room, "family_candidates", counted)
    assert prices_watch().applied == 3
    assert len(looks) == 1


def test_a_price_that_changes_does_not_read_every_promotion_there_ever_was() -> None:
    """In the request that saves the price. Of those long over only the end of the last counts."""
    now = timezone.now()
    product = product_make(price="9.00", list_price=Decimal(12), currency="EUR")
    PricePoint.objects.create(product=product, price=12, currency="EUR", valid_from=now - timedelta(days=60))
    for number in range(20):
        Promotion.objects.create(
            external_id=f"old{number}", name="Old", percent=5, starts_at=now - timedelta(days=900 + number),
            ends_at=now - timedelta(days=890 + number),
        )  # fmt: skip
    with CaptureQueriesContext(connection) as asked:
        price_record(products=[product.pk])
    read = wheres(asked, "ecomai_mirror_promotion", "starts_at")
    assert read and all('"ends_at"' in one for one in read)


def test_putting_in_all_that_is_approved_by_a_job_asks_little_of_the_request(
    boss: Client, shop: PricedShop, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    """Of a million approved prices the request names the batch, and reads no row of it."""
    monkeypatch.setattr(facts, "KEYS_CHUNK", 5)
    for number in range(100):
        proposal_make(priced_product(external_id=f"a{number}"), state="approved", batch="b")
    with django_assert_max_num_queries(20):
        answer = boss.post("/ecomai/api/pricing/proposals/apply/", {}, content_type="application/json")
    assert answer.status_code == 202


def test_the_file_of_price_tests_does_not_ask_for_each_test(shop: PricedShop) -> None:
    """500 tests and 500 of several products at most: thousands of queries within one request."""

    def asked(number: int) -> int:
        for _one in range(number):
            test = price_test_start(
                product=priced_product(), low=Decimal("9.80"), high=Decimal("10.20"), weeks=2, seed=1
            )
            back = timedelta(weeks=8)
            for week in test.weeks.all():
                week.week, week.applied_at = week.week - back, timezone.now() - back - timedelta(days=7)
                week.save()
            PriceTest.objects.filter(pk=test.pk).update(starts_on=test.starts_on - back, state="done")
        with CaptureQueriesContext(connection) as queries:
            "".join(price_tests_csv())
        return len(queries)

    assert asked(1) == asked(4)


def test_alerts_of_many_offers_are_not_counted_anew_for_each_page(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page and ``market/categories/`` do it: above ``FEW`` offers what the last run has counted."""
    monkeypatch.setattr(market_stored, "FEW", 0)
    match_make()
    counted: list[str] = []
    real = market_more.market_alerts

    def count(*, channel: str) -> Any:
        counted.append(channel)
        return real(channel=channel)

    monkeypatch.setattr(market_more, "market_alerts", count)
    assert boss.get("/ecomai/api/pricing/market/alerts/", {"limit": 1}).status_code == 200
    assert counted == []


def test_the_list_of_proposals_reads_no_descriptions(boss: Client) -> None:
    """500 products with texts of some kilobytes each, of which only id and title are told."""
    proposal_make(priced_product(description="x" * 5000))
    with CaptureQueriesContext(connection) as asked:
        boss.get("/ecomai/api/pricing/proposals/")
    (sql,) = [
        one["sql"] for one in asked if f'FROM "{PriceProposal._meta.db_table}"' in one["sql"] and "title" in one["sql"]
    ]
    assert '"ecomai_mirror_product"."description"' not in sql


def test_a_large_file_of_offers_is_read_by_a_job(boss: Client) -> None:
    """10,000 offers that are known already take 15 seconds of a processor, and a file may have 100,000: a server ends
    such a request half-way, with some parts written and nobody told which."""
    competitor_make(code="A")
    text = "competitor,offer_id,title,price\n" + "".join(f"A,o{n},Cup {n},5\n" for n in range(5_001))
    file = SimpleUploadedFile("offers.csv", text.encode())
    boss.post(reverse("admin:ecomai_pricing_competitoroffer_import"), {"file": file, "write": "1"})
    assert Run.objects.filter(kind__startswith="pricing.").exists()
