"""What proposed prices would have earned: an estimate from what was known then."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from django_ecomai.mirror.models import OrderLine
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.replay import played, replay
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_now

from .shop import NOW, shop_make


def test_the_arithmetic() -> None:
    row = PriceProposal(
        new_price=Decimal("9.00"), cost=Decimal("4.00"), elasticity=-2.0, elasticity_low=-2.0, elasticity_high=-2.0
    )
    found = played(row, np.array([100.0, 0.0]), np.array([10.0, 10.0]))
    assert found is not None
    revenue, profit, revenue_gain, gain, sd = found
    moved = 100 * (9 / 10) ** -2
    assert (revenue, profit, sd) == (1000.0, 600.0, pytest.approx(0.0, abs=1e-9))
    assert revenue_gain == pytest.approx(9 * moved - 1000) and gain == pytest.approx(5 * moved - 600)
    assert played(row, np.array([0.0]), np.array([10.0])) is None
    row.elasticity_low, row.elasticity_high = -3.0, -1.0
    found = played(row, np.array([100.0]), np.array([10.0]))
    assert found is not None and found[4] > 10


@pytest.mark.django_db
def test_last_month_as_it_would_have_been() -> None:
    shop_make((-3.0, -3.0))
    found = replay(weeks=4)
    # The week of the last sale has not ended.
    assert (found.until, (found.until - found.since).days) == (NOW.date() - timedelta(days=7), 28)
    assert (found.products, found.changed) == (2, 2)
    money = found.money["EUR"]
    lines = OrderLine.objects.filter(placed_at__date__gte=found.since, placed_at__date__lt=found.until)
    assert money.revenue == pytest.approx(sum(float(line.quantity * (line.unit_price or 0)) for line in lines))
    told = found.as_dict()
    assert told["is_estimate"] is True
    assert told["money"]["EUR"]["gain_low"] < told["money"]["EUR"]["gain"] < told["money"]["EUR"]["gain_high"]
    assert len(told["money"]["EUR"]["rows"]) == 2
    assert not PriceProposal.objects.exists()


@pytest.mark.django_db
def test_nothing_of_what_came_later_is_looked_at() -> None:
    """Other sales afterwards change what would have been earned, never which prices would have been proposed."""
    shop_make((-3.0, -3.0))
    first = replay(weeks=4).money["EUR"]
    OrderLine.objects.filter(placed_at__date__gte=replay(weeks=4).since).update(quantity=1)
    second = replay(weeks=4).money["EUR"]
    assert [row[:4] for row in sorted(first.rows)] == [row[:4] for row in sorted(second.rows)]
    assert second.revenue < first.revenue


@pytest.mark.django_db
def test_the_job_keeps_it_with_the_run() -> None:
    shop_make((-3.0,))
    run = run_now(kind="pricing.replay", parameters={"weeks": 2})
    assert run.state == Run.State.DONE, run.error
    assert run.metrics["replay"]["is_estimate"] and "An estimate" in run.message
    with pytest.raises(ValueError, match="at least 1"):
        replay(weeks=0)
