"""What is wrong with a delivery is named; nothing breaks, nothing good is lost."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest
from django.test import RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.ingest.reading import BadDelivery, Line, body_receive
from django_ecomai.ingest.services import rows_deliver
from django_ecomai.ingest.shapes import BadShape, row_shape
from django_ecomai.mirror.models import Customer, Order, Product

from .conftest import Sender, verdicts

pytestmark = pytest.mark.django_db
GOOD = {"id": "A", "title": "Lamp"}


def test_a_truncated_last_line_loses_only_itself(shop: Sender) -> None:
    body = json.dumps(GOOD) + "\n" + '{"id": "B", "title": "Bu'
    assert verdicts(shop.send_raw("products", body, "application/x-ndjson")) == ["accepted", "not_json"]
    assert Product.objects.get().external_id == "A"


def request_of(stream: Any, *, length: str, wsgi: bool = True) -> HttpRequest:
    """A request whose body comes from ``stream``, as a server hands it over."""
    environ = {
        **RequestFactory().post("/", content_type="application/x-ndjson").environ,
        "CONTENT_LENGTH": length,
        "wsgi.input": stream,
    }
    if wsgi:
        return WSGIRequest(environ)
    request = HttpRequest()  # as an asynchronous server's: chunks without a length
    request.META, request.content_type = environ, "application/x-ndjson"
    request._stream = stream  # type: ignore[attr-defined]
    return request


class Endless:
    """A body that never ends."""

    read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0  # never all of it at once
        self.read_bytes += size
        return b"x" * size

    readline = read


def refusal(request: HttpRequest) -> dict[str, Any]:
    with pytest.raises(BadDelivery) as caught:
        body_receive(request)
    return caught.value.answer


def test_a_body_that_ends_early_is_refused_whole() -> None:
    assert refusal(request_of(BytesIO(b'{"id": "A"}'), length="5000"))["error"] == "truncated"


def test_chunks_that_the_server_does_not_hand_over_are_not_taken_for_nothing() -> None:
    # Django gives such a body as an empty one: silence would look like success.
    answer = refusal(request_of(BytesIO(b'{"id": "A"}'), length=""))
    assert answer["error"] == "length_required"


def test_two_gigabytes_are_refused_before_they_are_read() -> None:
    told, untold = Endless(), Endless()
    assert refusal(request_of(told, length=str(2 * 1024**3)))["error"] == "too_large"
    assert told.read_bytes == 0
    assert refusal(request_of(untold, length="", wsgi=False))["error"] == "too_large"
    assert untold.read_bytes <= 33 * 1024 * 1024


def test_lines_that_are_no_rows(shop: Sender) -> None:
    answer = shop.send_lines(
        "products", "", GOOD, "[]", "nonsense", '"text"', "null", b'{"id": "\xff"}', '{"id": NaN}', '{"title": "x"}',
        '{"id": ""}', '{"id": {"a": 1}}', '{"id": true}', "[" * 100_000, '{"id": "n", "price": ' + "9" * 5000 + "}",
    )  # fmt: skip
    assert [one["row"] for one in answer["verdicts"]] == list(range(2, 15))  # the number of the line
    assert verdicts(answer) == [
        "accepted", "not_an_object", "not_json", "not_an_object", "not_an_object", "not_utf8", "not_json", "id_missing",
        "id_missing", "not_plain:id", "not_plain:id", "not_json", "not_json",
    ]  # fmt: skip


def test_a_line_without_end_is_skipped_and_a_body_without_end_refused(
    shop: Sender, ecomai_setting: Callable[..., None]
) -> None:
    ecomai_setting(INGEST_MAX_LINE_BYTES=1000, INGEST_MAX_BYTES=300_000)
    long = json.dumps({"id": "B", "title": "x" * 200_000})
    assert verdicts(shop.send_lines("products", long, GOOD)) == ["line_too_long", "accepted"]
    answer = shop.send_raw("products", b"x" * 300_001, "application/x-ndjson", status=413)
    assert (answer["error"], answer["max_bytes"]) == ("too_large", 300_000)


def test_too_many_rows(shop: Sender, ecomai_setting: Callable[..., None]) -> None:
    ecomai_setting(INGEST_MAX_ROWS=3)
    rows = [{"id": f"p{n}", "title": "x"} for n in range(5)]
    assert shop.send_lines("products", *rows, status=413)["error"] == "too_many_rows"
    assert shop.send("products", *rows, status=413)["max_rows"] == 3
    assert not Product.objects.exists()


def test_compressed_bodies_are_not_taken(shop: Sender) -> None:
    bomb = gzip.compress(b"0" * 5_000_000)
    answer = shop.send_raw("products", bomb, "application/x-ndjson", status=415, **{"content-encoding": "gzip"})
    assert answer["error"] == "content_encoding"
    assert verdicts(shop.send_raw("products", bomb, "application/x-ndjson"))[0] == "not_utf8"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/csv"])
def test_other_content_types(shop: Sender, kind: str) -> None:
    assert shop.send_raw("products", "{}", kind, status=415)["error"] == "content_type"


@pytest.mark.parametrize(
    ("body", "error"),
    [("[]", "rows_missing"), ("{}", "rows_missing"), ('{"rows": {}}', "rows_missing"),
     ("{", "not_json"), (b"\xff", "not_utf8"), ("[" * 100_000, "not_json")],
)  # fmt: skip
def test_json_that_is_no_delivery(shop: Sender, body: str | bytes, error: str) -> None:
    assert shop.send_raw("products", body, "application/json", status=400)["error"] == error


def test_an_unknown_currency_a_negative_price_and_no_number(shop: Sender) -> None:
    answer = shop.send(
        "products",
        {"id": "A", "title": "Lamp", "price": -3, "currency": "XXY"},
        {"id": "E", "title": "Bulb", "price": "nine", "stock": "1e999", "category_ids": ["nowhere"]},
        {"id": "F"},
        {"id": "G", "title": "x" * 300, "colour": "red"},
    )
    assert [one.get("notes") for one in answer["verdicts"]] == [
        ["price_negative:price", "unknown_currency:currency"],
        ["not_a_number:price", "number_too_large:stock", "unknown_category:category_ids"],
        ["missing_title:title"],
        ["ignored:colour", "text_too_long:title"],
    ]
    assert Product.objects.values_list("price", "currency").get(external_id="A") == (None, "")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "A", "title": ["x"]}, "not_plain:title"),
        ({"id": "A", "price": True}, "not_plain:price"),
        ({"id": "A", "attributes": []}, "not_an_object:attributes"),
        ({"id": "A", "category_ids": "lamps"}, "not_a_list:category_ids"),
        ({"id": "A", "category_ids": [["x"]]}, "not_a_list:category_ids"),
        ({"id": "A", "updated_at": "yesterday"}, "not_a_time:updated_at"),
        ({"id": "A", "updated_at": [1]}, "not_plain:updated_at"),
        ({"id": "A", "deleted": []}, "not_plain:deleted"),
        ({"id": "A\x00B", "title": "x"}, "control_character:id"),
        ({"id": "\ud800", "title": "x"}, "control_character:id"),
        ({"id": "x" * 65, "title": "x"}, "id_too_long"),
    ],
)
def test_rows_of_the_wrong_shape(shop: Sender, row: dict[str, Any], reason: str) -> None:
    assert verdicts(shop.send("products", row)) == [reason]
    assert not Product.objects.exists()


def test_ids_in_any_script_and_with_any_sign(shop: Sender) -> None:
    ids = ["Lampe ü", "лампа/1", "灯🏮", "a?b&c#d", "' OR 1=1 --", "<b>", "İ", "123"]
    assert (
        shop.send("products", *({"id": one, "title": "x"} for one in ids), {"id": 456, "title": "x"})["accepted"] == 9
    )
    assert set(Product.objects.values_list("external_id", flat=True)) == {*ids, "456"}


def test_an_order_whose_lines_are_no_lines(shop: Sender) -> None:
    order = {"id": "1", "placed_at": "2026-03-01"}
    answer = shop.send(
        "orders",
        {**order, "lines": {}},
        {**order, "lines": ["x"]},
        {**order, "lines": [{"quantity": [1]}]},
        {**order, "lines": [{}], "placed_at": "never"},
        {**order, "lines": [{"product_id": "A"}, {"product_id": "A", "quantity": -1, "unit_price": 5}]},
    )
    assert verdicts(answer) == ["not_a_list:lines", "not_a_list:lines", "not_plain:quantity", "not_a_time", "accepted"]
    assert Order.objects.get().lines.count() == 0


def test_floats_are_taken_as_they_are_written(shop: Sender) -> None:
    body = '{"id": "A", "title": "x", "price": 0.1, "cost": 1.00005}'
    shop.send_raw("products", body, "application/x-ndjson")
    assert Product.objects.values_list("price", "cost").get() == (Decimal("0.1"), Decimal("1.0000"))


def test_attributes_that_are_nested_without_end(shop: Sender) -> None:
    deep: Any = {}
    for _ in range(60):
        deep = {"a": deep}
    assert verdicts(shop.send("customers", {"id": "c", "attributes": deep})) == ["not_an_object:attributes"]
    assert not Customer.objects.exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["id", "product_id", "title", "price", "quantity", "lines", "returns", "placed_at", "valid_from", "attributes",
         "updated_at", "deleted", "consent", "category_ids", "is_active", "location", "rating"]  # fmt: skip


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.sampled_from(["category", "product", "price", "stock", "customer", "order", "review", "promotion"]),
    row=st.dictionaries(st.sampled_from(NAMES), json_values, max_size=6),
)
def test_whatever_a_row_holds_it_gets_a_verdict(table: str, row: dict[str, Any]) -> None:
    try:
        row_shape(table, row)
    except BadShape as error:
        expected = str(error)
    else:
        expected = ""
    [verdict] = rows_deliver(table=table, lines=[Line(1, row)], channel="")
    assert verdict.row == 1
    assert (verdict.reason == expected) if expected else verdict.status in ("accepted", "duplicate", "rejected")
