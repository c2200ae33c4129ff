"""Price tests with their results as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django_ecomai.core.tables import csv_text

from .models import PriceTest, PriceTestGroup
from .price_test_results import price_tests_results
from .price_test_several import group_state
from .worklist import costs_simulated

RESULT = (
    "weeks", "planned", "low_units", "high_units", "low_profit", "high_profit", "difference", "difference_low",
    "difference_high", "pairs", "units", "all_units", "verdict", "weeks_more", "sold_out_days", "currency", "sentence",
)  # fmt: skip
COLUMNS = ("test", "group", "product_id", "title", "state", "base_price", "low", "high", "starts_on", *RESULT,
           "costs_simulated")  # fmt: skip
#: The newest tests; older ones are read one by one.
MOST = 500
#: Tests of several products that are held with their weeks at a time.
_GROUPS = 50


def price_tests_csv(*, channel: str = "") -> str:
    """The newest 500 tests of single products and the newest 500 of several (without ``product_id``), newest first."""
    simulated = "yes" if costs_simulated(channel=channel) else "no"
    return csv_text(COLUMNS, ([*row, simulated] for row in _rows(channel)))


def _rows(channel: str) -> Iterator[list[Any]]:
    single = PriceTest.objects.filter(channel=channel, group=None).select_related("product").prefetch_related("weeks")
    tests = list(single[:MOST])
    for test, result in zip(tests, price_tests_results([[test] for test in tests]), strict=True):
        told = [
            test.pk, "", test.product.external_id, test.product.title, test.state, test.base_price, test.low, test.high
        ]  # fmt: skip
        yield [*told, test.starts_on, *_told(result)]
    several = PriceTestGroup.objects.filter(channel=channel).order_by("-made_at", "-pk")
    keys = list(several.values_list("pk", flat=True)[:MOST])
    for begin in range(0, len(keys), _GROUPS):
        part = several.filter(pk__in=keys[begin : begin + _GROUPS]).prefetch_related("tests__weeks")
        found = [(group, members) for group in part if (members := list(group.tests.all()))]
        results = price_tests_results([members for _group, members in found])
        for (group, members), result in zip(found, results, strict=True):
            told = ["", group.pk, "", group.name, group_state(members), None, None, None]
            yield [*told, group.starts_on, *_told(result)]


def _told(result: Any) -> list[Any]:
    found = result.as_dict()
    return [found[name] for name in RESULT]
