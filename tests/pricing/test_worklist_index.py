"""The worklist is read off an index in the order in which it is asked, on databases that can."""

from __future__ import annotations

import pytest
from django.db import connection

from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.selectors import proposal_rows

from .factories import proposal_make


@pytest.mark.django_db
def test_the_first_page_sorts_nothing() -> None:
    if connection.vendor == "mysql":
        pytest.skip("MySQL has no NULLS LAST: it sorts.")
    row = proposal_make()
    table = PriceProposal._meta.db_table
    columns = [one.column for one in PriceProposal._meta.concrete_fields if one.name not in ("id", "undecided", "gain")]
    named = ", ".join(f'"{one}"' for one in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (gain, {named}) WITH RECURSIVE many(n) AS "
            f"(SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 20000) "
            f"SELECT nullif(n % 100, 0), {named} FROM {table}, many"
        )
        cursor.execute("ANALYZE")
    rows = proposal_rows(channel=row.channel, states=["open"]).select_related(None)
    plan = rows[:100].explain()
    assert "ecomai_proposal_work" in plan
    if connection.vendor == "postgresql":
        assert "Sort" not in plan
    assert [one.gain for one in rows[:2]] == [99, 99] and list(rows)[-1].gain is None
