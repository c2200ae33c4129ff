"""Values of merchants' tables: whatever stands in a row is read or refused; what is written is read back the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from django_ecomai.core.tables import (
    FileError,
    RowError,
    cell,
    csv_stream,
    csv_text,
    moment,
    number,
    plain_text,
    records,
    safe,
    storable,
)


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("9999999999.9999", Decimal("9999999999.9999")),
        ("1e-30", Decimal("1e-30")),
        ("12,5", Decimal("12.5")),
        ("", None),
    ],
)
def test_a_number_that_a_column_of_money_holds(told: str, value: Decimal | None) -> None:
    assert number({"price": told}, "price") == value


@pytest.mark.parametrize(
    "told", ["9999999999.99999", "-9999999999.99996", "1e10", "1e999999999", "-1e999999999", "NaN", "sNaN", "inf", "x"]
)
def test_a_number_that_it_does_not_hold_once_rounded(told: str) -> None:
    with pytest.raises(RowError, match="no number"):
        number({"price": told}, "price")


@override_settings(TIME_ZONE="Europe/Berlin")
def test_moments_are_told_in_utc() -> None:
    for told in ("2026-07-01", "2026-7-1"):
        assert moment({"at": told}, "at") == datetime(2026, 6, 30, 22, tzinfo=UTC)
    for told in ("2026-07-01T12:00:00", "2026-07-01 12:00+02:00"):
        found = moment({"at": told}, "at")
        assert found == datetime(2026, 7, 1, 10, tzinfo=UTC) and found.tzinfo is UTC
    assert moment({}, "at") is None


@pytest.mark.parametrize(
    "told",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01",
        "9999-12-31",
        "9999-12-31T23:59:59-12:00",
        "1899-12-31T12:00Z",
        "2026-02-30",
        "soon",
    ],
)
def test_days_at_the_end_of_time_are_slips(told: str) -> None:
    with pytest.raises(RowError, match="Write a day"):
        moment({"at": told}, "at")


@given(st.text(alphabet=st.characters(codec=None), max_size=12))
@example("1e999999999999")
@example("0001-01-01T00:00:00+14:00")
def test_any_text_is_a_value_or_a_problem_that_can_be_sent(told: str) -> None:
    row = {"column": told}
    for read in (number, moment, lambda row, column: storable(row)):
        try:
            read(row, "column")
        except RowError as error:
            assert error.value.encode() and error.message.encode()
            continue
        if read is number and told:
            assert abs(round(number(row, "column") or Decimal(0), 4)) < 10**10


def test_half_a_character_is_a_problem_of_the_row() -> None:
    storable({"title": "Tasse 🫖", "brand": ""})
    with pytest.raises(RowError) as found:
        storable({"title": "x\ud800"})
    assert (found.value.column, found.value.value) == ("title", "x?")
    with pytest.raises(FileError):
        list(records("title\nx\ud800\n", columns=["title"], needed=["title"]))


# No blanks at the ends, which are taken off, and no line of a file that is no text.
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8).map(str.strip)


@given(st.lists(st.tuples(texts | st.sampled_from(["=1", "'=1", "''@a", "'a", "-12a", "-12", "+ Cup"]), texts)))
def test_what_is_written_is_read_back_the_same(rows: list[tuple[str, str]]) -> None:
    told = csv_text(["first", "second"], [("x" + first, second) for first, second in rows])
    told += csv_text(["first", "second"], [(first, "x" + second) for first, second in rows]).split("\r\n", 1)[1]
    found = [row for _line, row in records(told, columns=["first", "second"], needed=["first"])]
    assert [(row["first"], row["second"]) for row in found] == [
        *(("x" + first, second) for first, second in rows),
        *((first, "x" + second) for first, second in rows),
    ]


@given(st.text())
def test_no_cell_is_a_formula(told: str) -> None:
    written = safe(told)
    assert plain_text(written) == told
    if written[:1] in ("=", "+", "-", "@", "\t", "\r"):
        float(written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, ""),
        (Decimal("1200.0000"), "1200"),
        (Decimal("1E+3"), "1000"),
        (0.123456, 0.1235),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (7, 7),
        ("x", "x"),
    ],
)
def test_cells(value: Any, written: Any) -> None:
    assert cell(value) == written


def test_a_long_table_is_written_as_it_is_read() -> None:
    read: list[int] = []

    def rows() -> Iterator[tuple[int, str]]:
        for at in range(1200):
            read.append(at)
            yield at, "=a"

    stream = csv_stream(["number", "text"], rows())
    first = next(stream)
    assert (len(read), first[:24]) == (500, "number,text\r\n0,'=a\r\n1,'=")
    rest = list(stream)
    assert (len(rest), (first + "".join(rest)).count("\r\n")) == (2, 1201)
    assert list(csv_stream(["number"], [])) == ["number\r\n"]
