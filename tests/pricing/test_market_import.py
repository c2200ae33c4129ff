"""Competitors' offers as CSV, dicts or from the adapter: good rows are written, every other one is told why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from django_ecomai.adapters.base import BadRow, CompetitorOfferRow, ShopAdapter
from django_ecomai.conf import ecomai
from django_ecomai.core.tables import FileError, RowError, csv_text
from django_ecomai.pricing.market_out import offers_csv
from django_ecomai.pricing.models import Competitor, CompetitorOffer, CompetitorPrice
from django_ecomai.pricing.services import competitors_doubts, competitors_import
from django_ecomai.pricing.services.competitors_doubts import doubts_renew
from django_ecomai.pricing.services.competitors_import import offers_fetch, offers_import
from django_ecomai.pricing.services.competitors_reading import COLUMNS, ean_plain, offer_read, web_address
from django_ecomai.testing import product_make

from .market import competitor_make, match_make, offer_make, point_make

pytestmark = pytest.mark.django_db
HEAD = "competitor;offer_id;ean;title;price;currency;available;observed_at"


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def test_good_rows_are_written_and_the_others_told_why_not() -> None:
    competitor_make(code="A")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    text = lines(
        HEAD,
        "A;1;4006381333931;Lantern;12,50;EUR;yes;",
        "A;1;;Lantern again;13;;;",
        "A;2;;;9;;;",
        "A;3;;Cup;free;;;",
        "A;4;;Cup;-1;;;",
        f"A;5;;Cup;4;;;{tomorrow}",
        "A;6;;Cup;4;euro;;",
        "A;7;;Cup;4;;maybe;",
        "X;8;;Cup;4;;;",
    )
    dry = offers_import(content=text, check_only=True)
    assert not CompetitorOffer.objects.exists()
    found = offers_import(content=text)
    assert (found.read, found.created, found.failed) == (dry.read, dry.created, dry.failed) == (9, 1, 8)
    assert [(one.line, one.column) for one in found.verdicts] == [
        (3, "offer_id"),
        (4, "title"),
        (5, "price"),
        (6, "price"),
        (7, "observed_at"),
        (8, "currency"),
        (9, "available"),
        (10, "competitor"),
    ]
    offer = CompetitorOffer.objects.get()
    assert (offer.price, offer.ean, offer.available) == (Decimal("12.5"), "4006381333931", True)


def test_a_price_that_a_comma_splits_is_a_verdict_and_no_price() -> None:
    competitor_make(code="rival")
    text = lines("competitor,sku,title,price", "rival,,Lunch bag,12,50", "rival,,Tea cup,4.20")
    for check_only in (True, False):
        found = offers_import(content=text, check_only=check_only)
        assert (found.read, found.created, found.failed) == (2, 1, 1)
        (verdict,) = found.verdicts
        assert (verdict.line, verdict.verdict, verdict.value) == (2, "failed", "rival,,Lunch bag,12,50")
        assert verdict.message.startswith("5 values for 4 columns: is a comma inside a number or a text?")
    assert list(CompetitorOffer.objects.values_list("title", "price")) == [("Tea cup", Decimal("4.2"))]


def test_prices_and_days_as_merchants_write_them() -> None:
    competitor_make(code="A", currency="EUR")
    head = "competitor;title;price;currency;observed_at"
    found = offers_import(
        content=lines(
            head,
            "A;Bench;1.234,50;;26.03.2026",
            "A;Table;1\u00a0299,00 €;;26.03.2026",
            "A;Chair;£ 1.234;;26.03.2026 14:30",
            "A;Lamp;1,80 $;;26.03.2026",
            "A;Rug;1,80 €;GBP;26.03.2026",
        ),
        keep_all=True,
    )
    assert [one.verdict for one in found.verdicts] == ["created"] * 3 + ["failed"] * 2
    assert [(one.column, one.message[:19]) for one in found.verdicts[3:]] == [
        ("price", "Write the price as "),
        ("currency", "The price says EUR."),
    ]
    assert list(CompetitorOffer.objects.order_by("pk").values_list("title", "price", "currency")) == [
        ("Bench", Decimal("1234.5"), "EUR"),
        ("Table", Decimal(1299), "EUR"),
        ("Chair", Decimal(1234), "GBP"),
    ]
    days = {one.observed_at.date().isoformat() for one in CompetitorOffer.objects.all()}
    assert days == {"2026-03-26"}


@pytest.mark.parametrize(("price", "told"), [("12,5", "12.5"), ("£1.80", "1.80"), ("1.234", "1.234"), ("1,234", None)])
def test_a_number_alone_has_a_point_unless_it_can_mean_one_thing_only(price: str, told: str | None) -> None:
    competitor_make(code="A")
    found = offers_import(rows=[{"competitor": "A", "title": "Cup", "price": price}], keep_all=True)
    if told is None:
        assert found.verdicts[0].message == ("It may mean 1234 or 1.234, and no other row tells. Write 1234 or 1.2340.")
    else:
        assert CompetitorOffer.objects.get().price == Decimal(told)


def test_a_row_without_a_price_or_with_a_wrong_ean_is_kept_and_told() -> None:
    competitor_make(code="A")
    found = offers_import(content=lines(HEAD, "A;1;;Cup;0;;;", "A;2;4006381333932;Mug;3;;;"))
    assert (found.created, found.doubted) == (2, 1)
    assert ["no price" in found.verdicts[0].message, "check digit" in found.verdicts[1].message] == [True, True]
    cup, mug = CompetitorOffer.objects.order_by("external_id")
    assert (cup.price, cup.doubt, mug.ean, mug.doubt) == (None, "no_price", "", "")


def test_history_grows_only_when_price_or_availability_change() -> None:
    competitor_make(code="A")
    for price, available, verdict in ((5, "yes", "created"), (5, "yes", "unchanged"), (6, "yes", "updated"),
                                      (6, "no", "updated")):  # fmt: skip
        found = offers_import(content=lines(HEAD, f"A;1;;Cup;{price};;{available};"), keep_all=True)
        assert [one.verdict for one in found.verdicts] == [verdict]
    points = CompetitorPrice.objects.order_by("observed_at").values_list("price", "available")
    assert list(points) == [(5, True), (6, True), (6, False)]


def test_a_correction_of_the_same_day_counts() -> None:
    competitor_make(code="A")
    for price, seen, doubt in (("9.99", "11", ""), ("9.99", "12", ""), ("999", "20", "jump"), ("9.89", "20", "")):
        offers_import(content=lines(HEAD, f"A;1;;Cup;{price};;;2026-01-{seen}"))
        offer = CompetitorOffer.objects.get()
        assert (offer.price, offer.doubt) == (Decimal(price), doubt)
    points = CompetitorPrice.objects.order_by("observed_at").values_list("price", flat=True)
    assert list(points) == [Decimal("9.99"), Decimal("9.89")]


def test_a_price_is_judged_though_the_history_lacks_it() -> None:
    offer = offer_make(competitor_make(code="A"), price=Decimal(8))
    point_make(offer, 60, 8)
    point_make(offer, 20, 800)
    assert doubts_renew(offers=[offer]) == {}


@pytest.mark.parametrize("ident", ["@cup", "-12a", "=1", "'=1", "'a"])
def test_what_was_downloaded_is_read_back_as_the_same_offers(ident: str) -> None:
    offer_make(competitor_make(code="A"), external_id=ident, title="+ Cup", price=Decimal("9.5000"), days_ago=1)
    told = "".join(offers_csv(channel=""))
    assert ",9.5," in told and (f"'{ident}" in told) == (ident != "'a")
    assert offers_import(content=told).unchanged == 1
    assert list(CompetitorOffer.objects.values_list("external_id", "title")) == [(ident, "+ Cup")]


@pytest.mark.parametrize(
    ("more", "column"),
    [
        *(({name: "x\ud800"}, name) for name in ("title", "offer_id", "sku", "competitor", "brand", "url", "currency")),
        ({"price": "9999999999.99999"}, "price"),
        ({"price": Decimal("1e999999999")}, "price"),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
        ({"observed_at": "0001-01-01"}, "observed_at"),
        ({"observed_at": "9999-12-31T23:00:00-12:00"}, "observed_at"),
        ({"error": "the shop says \ud800"}, ""),
    ],
)
def test_what_no_database_takes_is_the_verdict_of_its_row(more: dict[str, Any], column: str) -> None:
    competitor_make(code="A")
    rows = [{"competitor": "A", "title": f"Cup {at}", "price": 5} for at in range(3)]
    rows[1] = {**rows[1], **more}
    found = offers_import(rows=rows, keep_all=True)
    assert [one.verdict for one in found.verdicts] == ["created", "failed", "created"]
    assert found.verdicts[1].column == column
    assert (found.verdicts[1].message + found.verdicts[1].value).encode()


def test_a_price_that_rounds_to_nothing_is_none() -> None:
    competitor_make(code="A")
    found = offers_import(rows=[{"competitor": "A", "title": "Cup", "price": "1e-30"}])
    offer = CompetitorOffer.objects.get()
    assert (found.created, found.doubted, offer.price, offer.doubt) == (1, 1, None, "no_price")


def test_an_older_file_fills_the_history_and_not_the_present() -> None:
    competitor_make(code="A")
    offers_import(content=lines(HEAD, "A;1;;Cup;6;;;"))
    found = offers_import(content=lines(HEAD, "A;1;;Cup;4;;;2025-01-01"))
    assert (found.history, CompetitorOffer.objects.get().price) == (1, 6)
    assert list(CompetitorPrice.objects.order_by("price").values_list("price", flat=True)) == [4, 6]


def test_a_slipped_comma_is_held_against_the_offers_own_past() -> None:
    offer = offer_make(competitor_make(code="A"), external_id="1", title="Cup", price=Decimal(8), days_ago=3)
    point_make(offer, 3, 8)
    found = offers_import(content=lines(HEAD, "A;1;;Cup;800;;;"))
    offer.refresh_from_db()
    assert (offer.price, offer.doubt, found.doubted) == (800, "jump", 1)
    assert "five times" in found.verdicts[0].message
    offers_import(content=lines(HEAD, "A;1;;Cup;8;;;"))
    offer.refresh_from_db()
    assert offer.doubt == ""


def test_a_new_price_that_stays_for_a_month_is_believed() -> None:
    offer = offer_make(competitor_make(code="A"), external_id="1", title="Cup", price=Decimal(800), doubt="jump")
    point_make(offer, 60, 8)
    point_make(offer, 31, 800)
    offers_import(content=lines(HEAD, "A;1;;Cup;800;;;"))
    offer.refresh_from_db()
    assert offer.doubt == ""


def test_an_exact_key_warns_of_an_odd_price_before_anybody_has_looked() -> None:
    competitor_make(code="A", currency="EUR")
    product_make(title="Lantern", price="12", sku="22423")
    product_make(title="Mug", price="5", attributes={"ean": "4006381333931"})
    product_make(title="Twin", price="5", sku="T-1")
    product_make(title="Twin too", price="5", sku="T1")
    text = lines(
        "competitor;ean;sku;title;price;currency",
        "A;;22423;Lantern;1250;",
        "A;4006381333931;;Mug;4.90;USD",
        "A;;22-423;Lantern at home;11;",
        "A;;t1;Twin;500;",
        "A;;nobody;Cup;500;",
    )
    for check_only in (True, False):
        found = offers_import(content=text, check_only=check_only)
        assert [(one.line, one.verdict, one.message) for one in found.verdicts] == [
            (
                2,
                "created",
                "Its EAN or SKU is that of “Lantern” at 12.00 EUR: five times as much or a fifth is not used.",
            ),
            (3, "created", "Its EAN or SKU is that of “Mug” at 5.00 EUR: another currency is not used."),
        ]


def test_a_price_far_from_ours_or_in_another_currency_is_held() -> None:
    competitor = competitor_make(code="A")
    dozen = offer_make(competitor, external_id="dozen")
    dollars = offer_make(competitor, external_id="dollars")
    match_make(product_make(price="10"), dozen)
    match_make(product_make(price="10"), dollars)
    offers_import(content=lines(HEAD, "A;dozen;;Dozen;120;;;", "A;dollars;;Dollars;9;USD;;"))
    assert dict(CompetitorOffer.objects.values_list("external_id", "doubt")) == {"dozen": "far", "dollars": "currency"}


def test_unknown_competitors_are_added_only_when_asked() -> None:
    text = lines("competitor,price,title", "New,4,Cup", "New,5,Mug")
    assert offers_import(content=text).failed == 2
    found = offers_import(content=text, add_competitors=True)
    assert (found.created, found.new_competitors, Competitor.objects.get().code) == (2, ["New"], "New")


def test_many_rows_need_no_more_queries_than_few() -> None:
    competitor_make(code="A")

    def asked(numbers: range) -> int:
        with CaptureQueriesContext(connection) as queries:
            offers_import(content=lines(HEAD, *(f"A;{number};;Cup {number};5;;;" for number in numbers)))
        return len(queries)

    assert asked(range(20)) == asked(range(100, 150))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"title\nx\n", b""])
def test_a_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(FileError):
        offers_import(content=content)


class Watching(ShopAdapter):
    def competitor_offers(self) -> Iterator[CompetitorOfferRow | BadRow]:
        yield CompetitorOfferRow(competitor="A", price=5.5, title="Cup", available=False)
        yield BadRow(table="competitor_offer", code="no_number", value="?")


def test_the_adapter_may_know_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offers_fetch() is None
    monkeypatch.setattr(competitors_import, "get_adapter", lambda channel: Watching())
    found = offers_fetch()
    assert found is not None and (found.created, found.failed) == (1, 1)
    assert "no_number ?" in found.verdicts[0].message
    offer = CompetitorOffer.objects.get()
    assert (offer.price, offer.available, offer.currency) == (Decimal("5.5"), False, ecomai.CURRENCY)


@pytest.mark.django_db(transaction=True)
def test_an_adapter_that_breaks_off_loses_nothing_and_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaking(ShopAdapter):
        def competitor_offers(self) -> Iterator[CompetitorOfferRow | BadRow]:
            for number in range(competitors_import.CHUNK + 1):
                assert not connection.in_atomic_block
                yield CompetitorOfferRow(competitor="A", offer_id=str(number), price=5, title="Cup")
            raise TimeoutError("no answer")

    monkeypatch.setattr(competitors_import, "get_adapter", lambda channel: Breaking())
    found = offers_fetch()
    assert found is not None
    assert (found.read, found.created, found.failed) == (502, 501, 1)
    assert "TimeoutError: no answer" in found.verdicts[-1].message
    assert CompetitorOffer.objects.count() == 501


def test_a_check_of_many_rows_says_what_the_import_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(competitors_import, "CHUNK", 2)
    text = lines("competitor,price,title", *(f"New,4,Cup {number}" for number in range(5)))
    dry = offers_import(content=text, add_competitors=True, check_only=True)
    assert not Competitor.objects.exists()
    assert (dry.created, dry.new_competitors) == (5, ["New"])
    done = offers_import(content=text, add_competitors=True)
    assert (done.created, done.new_competitors) == (5, ["New"])


EAN = "4006381333931"
COUNTS = ("read", "created", "updated", "unchanged", "history", "failed", "doubted")


def told(**row: Any) -> dict[str, Any]:
    return {"competitor": "A", "price": "4", "title": "Cup", **row}


@pytest.mark.parametrize("form", ["csv", "dicts"])
@pytest.mark.parametrize("chunk", [1, 2, 500])
@pytest.mark.parametrize(
    ("rows", "counts"),
    [
        ([told(), told()], (2, 1, 0, 0, 0, 1, 0)),
        ([told(), told(), told(title="Mug"), told()], (4, 2, 0, 0, 0, 2, 0)),
        ([told(), told(price="5")], (2, 1, 0, 0, 0, 1, 0)),
        ([told(price="0"), told(price="5")], (2, 1, 0, 0, 0, 1, 1)),
        ([told(ean=EAN), told(ean="0 4006381-333931", title="Mug")], (2, 1, 0, 0, 0, 1, 0)),
        ([told(), told(title="CUP")], (2, 1, 0, 0, 0, 1, 0)),
        ([told(offer_id=f"ean:{EAN}"), told(ean=EAN)], (2, 1, 0, 0, 0, 1, 0)),
        ([told(price="free"), told()], (2, 1, 0, 0, 0, 1, 0)),
        ([told(), told(competitor="B"), told(competitor="b")], (3, 3, 0, 0, 0, 0, 0)),
        ([told(offer_id="known", price="7"), told(offer_id="known", price="9")], (2, 0, 1, 0, 0, 1, 0)),
        ([told(offer_id="known", title="Known", price="8"), told(offer_id="known")], (2, 0, 0, 1, 0, 1, 0)),
        ([told(offer_id="known", observed_at="2025-01-01"), told(offer_id="known")], (2, 0, 0, 0, 1, 1, 0)),
    ],
)
def test_a_check_counts_an_offer_that_stands_twice_as_the_import_does(
    rows: list[dict[str, Any]], counts: tuple[int, ...], chunk: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(competitors_import, "CHUNK", chunk)
    offer_make(competitor_make(code="A", currency="EUR"), external_id="known", title="Known", days_ago=1)
    given: dict[str, Any] = {"rows": rows}
    if form == "csv":
        given = {"content": csv_text(COLUMNS, [[row.get(name, "") for name in COLUMNS] for row in rows])}
    dry = offers_import(**given, add_competitors=True, keep_all=True, check_only=True)
    assert CompetitorOffer.objects.count() == 1
    done = offers_import(**given, add_competitors=True, keep_all=True)
    assert tuple(getattr(done, name) for name in COUNTS) == counts
    assert tuple(getattr(dry, name) for name in COUNTS) == counts
    assert (dry.verdicts, dry.new_competitors) == (done.verdicts, done.new_competitors)


@pytest.mark.django_db(transaction=True)
def test_a_check_holds_no_locks_beyond_its_part_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(competitors_import, "CHUNK", 2)
    open_at: list[bool] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(5):
            open_at.append(connection.in_atomic_block)
            yield {"competitor": "New", "title": f"Cup {number}", "price": 4}

    found = offers_import(rows=rows(), add_competitors=True, check_only=True)
    assert (found.created, found.new_competitors, any(open_at)) == (5, ["New"], False)
    assert not Competitor.objects.exists()


def test_of_a_long_history_the_last_prices_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    offer = offer_make(price=Decimal(90))
    for days, price in ((400, 9), (50, 9), (40, 90), (5, 91)):
        point_make(offer, days, price)
    looked_at: list[int] = []

    def note(offer: CompetitorOffer, past: Any) -> bool:
        looked_at.extend(int(one[1]) for one in past)
        return False

    monkeypatch.setattr(competitors_doubts, "PAST", 3)
    monkeypatch.setattr(competitors_doubts, "_jumps", note)
    doubts_renew(offers=[offer])
    assert looked_at == [9, 90, 91]


def test_offers_are_judged_without_holding_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(competitors_doubts, "_CHUNK", 2)
    competitor = competitor_make()
    for number in range(5):
        offer_make(competitor, external_id=str(number), price=None)
    stored: list[int] = []

    def offers() -> Iterator[CompetitorOffer]:
        for one in list(CompetitorOffer.objects.order_by("pk")):
            stored.append(CompetitorOffer.objects.filter(doubt="no_price").count())
            yield one

    assert len(doubts_renew(offers=offers())) == 5
    assert stored == [0, 0, 2, 2, 4]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("4006381333931", "4006381333931"),
        ("0036000291452", "36000291452"),
        ("036000291452", "36000291452"),
        ("4 006381-333931", "4006381333931"),
        ("4006381333932", ""),
        ("00000000", ""),
        ("lantern", ""),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", ""),
    ],
)
def test_eans_are_checked(value: str, plain: str) -> None:
    assert ean_plain(value) == plain


def test_only_web_addresses_become_links() -> None:
    assert web_address("https://example.com/a") == "https://example.com/a"
    assert web_address("javascript:alert(1)") == ""


UGLY = ["5", "-1", "NaN", "1e400", "1e-30", "1e99999999", "9999999999.99999", "2026-13-01", "0001-01-01T00:00+14:00",
        "9999-12-31", "yes", "EUR", "=1+1", "x\ud800"]  # fmt: skip
VALUES = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(UGLY)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, VALUES)))
def test_whatever_a_line_says_it_is_read_or_refused(row: dict[str, str]) -> None:
    try:
        told = offer_read(row)
    except RowError as error:
        assert error.message
        return
    assert told.price is None or told.price > 0
    assert told.ean or told.sku or told.title
    assert 0 < len(told.external_id) <= 64 and len(told.currency) in (0, 3)
    assert told.observed_at <= timezone.now() + timedelta(minutes=6)


class AnyFile(TestCase):
    @given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(COLUMNS, VALUES)), max_size=4))
    def test_any_rows_get_a_verdict(self, rows: list[dict[str, str]]) -> None:
        found = offers_import(rows=rows, add_competitors=True, keep_all=True)
        assert found.read == len(found.verdicts) == len(rows)
        for one in found.verdicts:
            assert (one.message + one.value).encode() is not None

    @given(
        st.lists(
            st.fixed_dictionaries(
                {"competitor": st.sampled_from("AB"), "title": st.sampled_from(["Cup", "CUP", ""])},
                optional={
                    "offer_id": st.sampled_from("12"), "ean": st.sampled_from([EAN, f"0{EAN}", "1"]),
                    "price": st.sampled_from(["4", "5", "0", "x"]), "available": st.booleans(),
                    "observed_at": st.sampled_from(["2026-01-01", "2026-01-02"]),
                },
            ),
            max_size=8,
        ),
        st.integers(1, 3),
    )  # fmt: skip
    def test_a_check_says_what_the_import_does(self, rows: list[dict[str, Any]], chunk: int) -> None:
        offer_make(Competitor.objects.create(code="A", name="A"), external_id="1", title="Cup", price=Decimal(4))
        with mock.patch.object(competitors_import, "CHUNK", chunk):
            dry = offers_import(rows=rows, add_competitors=True, keep_all=True, check_only=True)
            done = offers_import(rows=rows, add_competitors=True, keep_all=True)
        assert [getattr(dry, name) for name in COUNTS] == [getattr(done, name) for name in COUNTS]
        assert (dry.verdicts, dry.new_competitors) == (done.verdicts, done.new_competitors)

    @given(st.text(max_size=300))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        competitor_make(code=f"c{timezone.now().timestamp()}")
        try:
            found: Any = offers_import(content="competitor,price,title\n" + text, add_competitors=True)
        except FileError:
            return
        assert found.read == found.created + found.updated + found.unchanged + found.history + found.failed


def test_a_database_that_does_not_return_keys_is_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    competitor_make(code="A")
    offers_import(content=lines(HEAD, "A;1;;Cup;5;;;", "A;2;;Mug;6;;;"))
    points = CompetitorPrice.objects.order_by("price").values_list("offer__title", "price")
    assert list(points) == [("Cup", 5), ("Mug", 6)]
