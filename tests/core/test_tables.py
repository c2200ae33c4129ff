"""Values of merchants' tables: whatever stands in a row is read or refused; what is written is read back the same."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from django_ecomai.core import tables
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


def read(told: str, *, columns: Sequence[str], **more: Any) -> tuple[list[dict[str, str]], list[tuple[int, RowError]]]:
    """Rows of a file, and what was refused with its line."""
    refused: list[tuple[int, RowError]] = []
    rows = records(told, columns=columns, needed=columns[:1], refuse=lambda *one: refused.append(one), **more)
    return [row for _line, row in rows], refused


def column_read(*cells: str, **more: Any) -> list[str]:
    """One column in, the same column out; a refused cell is what its message begins with."""
    lines = "".join(f"{at};{cell}\n" for at, cell in enumerate(cells))
    rows, refused = read("at;value\n" + lines, columns=["at", "value"], **more)
    found = {int(row["at"]): row["value"] for row in rows} | {line - 2: error.message for line, error in refused}
    return [found[at] for at in range(len(cells))]


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


def test_a_row_with_more_values_than_columns_is_refused() -> None:
    rows, refused = read("code,price\na,12,50\nb,2\nc\n\n", columns=["code", "price"])
    assert rows == [{"code": "b", "price": "2"}, {"code": "c", "price": ""}]
    ((line, error),) = refused
    assert (line, error.column, error.value) == (2, "", "a,12,50")
    assert error.message.startswith("3 values for 2 columns: is a comma inside a number or a text?")
    _rows, refused = read("code;price\na;1;2\n", columns=["code", "price"])
    assert [(line, error.message[:24]) for line, error in refused] == [(2, "3 values for 2 columns: ")]


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        (["1.234,50", "1.234", "0,5", ",5", "7"], ["1234.50", "1234", "0.5", ".5", "7"]),
        (["1,234.50", "1,234", "12.5"], ["1234.50", "1234", "12.5"]),
        (["1\u00a0299,00", "1 299", "1\u202f299,5"], ["1299.00", "1299", "1299.5"]),
        (["1.234.567", "1.234"], ["1234567", "1234"]),
        (["1.2340", "1.234"], ["1.2340", "1.234"]),
        (["1'299.50", "-1.234"], ["1299.50", "-1.234"]),
        (["£ 1.80", "1,234 GBP", "EUR 3"], ["£ 1.80", "1234 GBP", "EUR 3"]),
        (["0.125", "0.500"], ["0.125", "0.500"]),
        # Each says by itself what it means, though the column is of two minds: only what needs the column is refused.
        (["12.50", "12,50", "1,234"], ["12.50", "12.50", "It may mean 1234 or 1.234, and no other row tells. "
                                       "Write 1234 or 1.2340."]),
        (["1.234", "5"], ["It may mean 1234 or 1.234, and no other row tells. Write 1234 or 1.2340.", "5"]),
        (["1,23,456", "12:30", "1e5", "x", "", "1.2.3"], ["1,23,456", "12:30", "1e5", "x", "", "1.2.3"]),
    ],
)  # fmt: skip
def test_numbers_are_read_as_the_rest_of_their_column(cells: list[str], plain: list[str]) -> None:
    assert column_read(*cells, numbers=["value"]) == plain


@pytest.mark.parametrize(
    ("cells", "plain"),
    [
        (["26.11.2026", "5.1.2026 14:30", "2026-03-31"], ["2026-11-26", "2026-01-05 14:30", "2026-03-31"]),
        (["26/11/2026", "03/04/2026"], ["2026-11-26", "2026-04-03"]),
        (["11/26/2026", "03/04/2026"], ["2026-11-26", "2026-03-04"]),
        (["26-11-2026", "3-4-2026"], ["2026-11-26", "2026-04-03"]),
        (["03/03/2026"], ["2026-03-03"]),
        (["03/04/2026"], ["It may mean 2026-04-03 or 2026-03-04, and no other row tells. Write one of these."]),
        (["26/11/2026", "11/26/2026", "03/04/2026"], ["2026-11-26", "2026-11-26", "It may mean 2026-04-03 or "
                                                      "2026-03-04, and no other row tells. Write one of these."]),
        (["31.02.2026", "11.26.2026", "26.11.26", "soon"], ["31.02.2026", "11.26.2026", "26.11.26", "soon"]),
        (["26.11.2026", "03/04/2026"], ["2026-11-26", "It may mean 2026-04-03 or 2026-03-04, and no other row tells. "
                                        "Write one of these."]),
    ],
)  # fmt: skip
def test_days_are_read_as_the_rest_of_their_column(cells: list[str], plain: list[str]) -> None:
    assert column_read(*cells, days=["value"]) == plain


amounts = st.decimals(min_value=0, max_value=10**9, places=2)


MARKS = [("", "."), ("", ","), (",", "."), (".", ","), ("\u00a0", ","), (" ", ","), ("'", ".")]
DAYS = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"]


@given(st.lists(amounts, min_size=1), st.sampled_from(MARKS), st.sampled_from(["", "€", "EUR"]))
def test_a_column_of_any_country_is_read_back(values: list[Decimal], marks: tuple[str, str], sign: str) -> None:
    told = [f"{value:,.2f}".replace(",", "~").replace(".", marks[1]).replace("~", marks[0]) for value in values]
    found = column_read(*(f"{one} {sign}".strip() for one in told), numbers=["value"])
    assert [Decimal(one.split(" ")[0]) for one in found] == values


@given(st.lists(st.decimals(min_value=-(10**6), max_value=10**6, places=3) | st.integers(-(10**9), 10**9)))
def test_numbers_that_were_written_are_read_back(values: list[Decimal | int]) -> None:
    told = csv_text(["at", "value"], list(enumerate(values)))
    rows, refused = read(told, columns=["at", "value"], numbers=["value"])
    assert not refused and [Decimal(row["value"]) for row in rows] == values


@given(st.lists(st.dates(date(1950, 1, 1), date(2199, 12, 31)), min_size=1), st.sampled_from(DAYS))
def test_days_of_any_country_are_read_back_or_refused(days: list[date], way: str) -> None:
    for value, found in zip(days, column_read(*(one.strftime(way) for one in days), days=["value"]), strict=True):
        if value.day <= 12 and value.day != value.month and all(one.day <= 12 for one in days) and "/" in way:
            assert found.startswith("It may mean ") and value.isoformat() in found
        else:
            assert found == value.isoformat()


def test_a_file_that_breaks_off_is_refused_before_its_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    assert read("at\n1\n2\n", columns=["at"]) == ([{"at": "1"}, {"at": "2"}], [])
    with pytest.raises(FileError, match="more than 2 rows"):
        next(records("at\n1\n2\n3\n", columns=["at"], needed=["at"], refuse=lambda *one: None))


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
        read("title\nx\ud800\n", columns=["title"])


# No blanks at the ends, which are taken off, and no line of a file that is no text.
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8).map(str.strip)


@given(st.lists(st.tuples(texts | st.sampled_from(["=1", "'=1", "''@a", "'a", "-12a", "-12", "+ Cup"]), texts)))
def test_what_is_written_is_read_back_the_same(rows: list[tuple[str, str]]) -> None:
    told = csv_text(["first", "second"], [("x" + first, second) for first, second in rows])
    told += csv_text(["first", "second"], [(first, "x" + second) for first, second in rows]).split("\r\n", 1)[1]
    found, refused = read(told, columns=["first", "second"])
    assert not refused
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
        (Decimal("1.1250"), "1.1250"),
        (Decimal("0.1250"), "0.125"),
        (0.123456, 0.1235),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (7, 7),
        ("x", "x"),
    ],
)
def test_cells(value: Any, written: Any) -> None:
    assert cell(value) == written


@given(
    st.lists(
        st.none() | st.text() | st.floats() | st.integers() | st.booleans() | st.dates() | st.decimals(-(10**9), 10**9)
        | st.decimals(-(10**6), 10**6, places=3) | st.sampled_from(["'=1", "-1", "=1", "'", "", "1.234"]),
        min_size=1,
    )
)  # fmt: skip
def test_cells_of_a_file_are_those_of_single_values(values: list[Any]) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\r\n").writerows([["x"] * len(values), [safe(cell(one)) for one in values]])
    assert csv_text(["x"] * len(values), [values]) == written.getvalue()


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
