"""Files that people upload: whatever is in them, an answer in words, and nothing half written."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_ecomai.forecast.csv_files import BadFile, file_lines, overrides_import, signal_import, targets_import
from django_ecomai.forecast.models import ForecastOverride, SalesTarget, Signal
from django_ecomai.inventory.tables_in import COLUMNS, FileError, table_import
from django_ecomai.testing import product_make

pytestmark = pytest.mark.django_db
FUZZ = settings(suppress_health_check=list(HealthCheck), max_examples=25, database=None)

STRANGE = ["NaN", "Infinity", "1,5", "٣", "=1+1", "\x00", "9" * 40, "1e9999", "0001-01-01", "9999-12-31", "2026-02-30"]
cells = st.text(max_size=12) | st.sampled_from(["", "p1", "S1", "product", "shop", "2026-01-05", "1", "-1", *STRANGE])


def files(columns: list[str]) -> st.SearchStrategy[bytes]:
    """CSV with the right columns, in any order and with any cells; or any bytes at all."""
    rows = st.lists(st.lists(cells, max_size=len(columns) + 1), max_size=4)

    def written(head: list[str], body: list[list[str]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(head)
        for row in body:
            writer.writerow(row)
        return text.getvalue().encode()

    return st.builds(written, st.permutations(columns), rows) | st.binary(max_size=120)


@pytest.mark.parametrize("table", list(COLUMNS))
def test_inventory(table: str) -> None:
    product_make(external_id="p1")

    @FUZZ
    @given(content=files(list(COLUMNS[table])))
    def once(content: bytes) -> None:
        try:
            outcome = table_import(table=table, content=content)
        except FileError as error:
            assert str(error)
            return
        assert outcome.created + outcome.updated + outcome.failed <= outcome.read
        assert all(problem.message for problem in outcome.problems)
        assert bool(outcome.failed) == bool(outcome.problems)

    once()


IMPORTS: list[tuple[list[str], Any, Any]] = [
    (["level", "key", "from", "to", "amount", "note"], targets_import, SalesTarget),
    (["level", "key", "kind", "value", "from", "to", "reason"], overrides_import, ForecastOverride),
]


@pytest.mark.parametrize(("columns", "read", "model"), IMPORTS, ids=["targets", "overrides"])
def test_forecast_decisions(columns: list[str], read: Any, model: Any) -> None:
    @FUZZ
    @given(content=files(columns))
    def once(content: bytes) -> None:
        before = model.objects.count()
        try:
            found = read(channel="", lines=file_lines(content))
        except BadFile as error:
            assert str(error)
            assert model.objects.count() == before
            return
        if found.errors:
            assert (found.written, model.objects.count()) == (0, before)

    once()


def test_signals() -> None:
    signal = Signal.objects.create(key="weather", name="Weather")

    @FUZZ
    @given(content=files(["day", "value"]))
    def once(content: bytes) -> None:
        before = signal.values.count()
        try:
            found = signal_import(signal=signal, lines=file_lines(content))
        except BadFile as error:
            assert str(error)
            return
        if found.errors:
            assert signal.values.count() == before

    once()


HEAD = {
    "targets": "level,key,from,to,amount",
    "overrides": "level,key,kind,value,from,to,reason",
    "signals": "day,value",
}


@pytest.mark.parametrize("kind", list(HEAD))
def test_a_quote_that_is_never_closed_is_told(kind: str) -> None:
    lines = [HEAD[kind], '"2026-01-05,1', *["x" * 1000] * 200]
    with pytest.raises(BadFile, match="is a quote not closed"):
        if kind == "signals":
            signal_import(signal=Signal.objects.create(key="k", name="K"), lines=lines)
        else:
            (targets_import if kind == "targets" else overrides_import)(channel="", lines=lines)


def test_a_line_that_ends_early_is_told() -> None:
    signal = Signal.objects.create(key="k", name="K")
    found = signal_import(signal=signal, lines=["day,value", "2026-01-05"])
    assert (found.written, len(found.errors)) == (0, 1)
