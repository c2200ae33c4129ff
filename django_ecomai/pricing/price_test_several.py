"""Price tests of several products as lists show them: the state and the number of products by the database."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from .models import PriceTest, PriceTestGroup

#: The first of these that one of its products has is the state of all together.
_STATES = ("asked", "running", "done")


def group_rows(rows: QuerySet[PriceTestGroup]) -> QuerySet[PriceTestGroup]:
    """Each with its ``state`` (as `group_state`) and its number of ``products``: no test is read for a list."""
    tests = PriceTest.objects.filter(group=OuterRef("pk")).order_by()
    number = Subquery(tests.values("group").annotate(number=Count("pk")).values("number"), IntegerField())
    whens = [When(Exists(tests.filter(state=one)), then=Value(one)) for one in _STATES]
    return rows.annotate(state=Case(*whens, default=Value("stopped")), products=Coalesce(number, 0))


def group_state(tests: Collection[PriceTest]) -> str:
    """Of a group: "asked" or "running" while one of its tests is, "done" where one ran to its end, else "stopped"."""
    states = {str(test.state) for test in tests}
    return next((one for one in _STATES if one in states), "stopped")
