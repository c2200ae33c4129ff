"""Price tests with their results as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django_ecomai.core.tables import csv_text

from .models import PriceTest, PriceTestGroup
from .price_test_results import price_tests_result
from .worklist import costs_simulated

RESULT = (
    "weeks", "planned", "low_units", "high_units", "low_profit", "high_profit", "difference", "difference_low",
    "difference_high", "pairs", "units", "all_units", "verdict", "weeks_more", "sold_out_days", "currency", "sentence",
)  # fmt: skip
COLUMNS = ("test", "group", "product_id", "title", "state", "base_price", "low", "high", "starts_on", *RESULT,
           "costs_simulated")  # fmt: skip
#: The newest tests; older ones are read one by one.
MOST = 500


def price_tests_csv(*, channel: str = "") -> str:
    """The newest 500 tests of single products and the newest 500 of several (without ``product_id``), newest first."""
    simulated = "yes" if costs_simulated(channel=channel) else "no"
    return csv_text(COLUMNS, ([*row, simulated] for row in _rows(channel)))


def _rows(channel: str) -> Iterator[list[Any]]:
    rows = PriceTest.objects.filter(channel=channel, group=None).select_related("product").prefetch_related("weeks")
    for test in rows[:MOST]:
        found = price_tests_result([test]).as_dict()
        told = [
            test.pk,
            "",
            test.product.external_id,
            test.product.title,
            test.state,
            test.base_price,
            test.low,
            test.high,
        ]
        yield [*told, test.starts_on, *(found[name] for name in RESULT)]
    for group in PriceTestGroup.objects.filter(channel=channel)[:MOST]:
        tests = list(group.tests.prefetch_related("weeks"))
        if not tests:
            continue
        found = price_tests_result(tests).as_dict()
        told = ["", group.pk, "", group.name, group_state(tests), None, None, None]
        yield [*told, group.starts_on, *(found[name] for name in RESULT)]


def group_state(tests: list[PriceTest]) -> str:
    """Of a group: "asked" or "running" while one of its tests is, "done" where one ran to its end, else "stopped"."""
    states = {str(test.state) for test in tests}
    return next((one for one in ("asked", "running", "done") if one in states), "stopped")
