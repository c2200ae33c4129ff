"""Spread drawn towards what products of the same mean show."""

from __future__ import annotations

import numpy as np
import pytest

from django_ecomai.ml.inventory.pooling import PooledSpread

from .factories import history, paths

RATES = list(np.geomspace(0.05, 20, 40))


def bulky():
    past = history(RATES)
    past[30, 50] += 400
    return paths(RATES, history=past)


def test_a_bulk_order_of_the_past_counts_less_and_means_stay():
    demand = bulky()
    pooled = PooledSpread(0.5).fit_transform(demand)
    assert pooled.total.mean(axis=1) == pytest.approx(demand.total.mean(axis=1), rel=1e-3)
    assert pooled.total[30].std() < 0.8 * demand.total[30].std()
    others = np.delete(np.arange(40), 30)
    assert np.median(pooled.total[others].std(axis=1) / demand.total[others].std(axis=1)) == pytest.approx(1, abs=0.1)
    assert np.array_equal(pooled.total == 0, demand.total == 0)
    assert np.all(pooled.lead <= pooled.total + 1e-3)
    order = np.argsort(demand.total[30], kind="stable")
    assert np.all(np.diff(pooled.total[30][order]) >= -1e-3)


def test_all_of_the_law():
    pooled = PooledSpread(1.0).fit_transform(bulky())
    law = PooledSpread(1.0).fit(pooled)
    variance = np.exp(law.intercept_ + law.slope_ * np.log(pooled.total.mean(axis=1)))
    assert pooled.total[20:].var(axis=1) == pytest.approx(variance[20:], rel=0.2)


def test_one_product_gets_what_it_gets_among_all():
    demand = bulky()
    law = PooledSpread().fit(demand)
    alone = paths(RATES[:1], history=history(RATES)[:1])
    assert np.array_equal(PooledSpread().fit_transform(alone).total, alone.total)
    assert law.transform(demand).total.shape == demand.total.shape
    assert not np.array_equal(law.transform(alone).total, alone.total)


def test_weights():
    demand = bulky()
    assert PooledSpread(0.0).fit_transform(demand) is demand
    with pytest.raises(ValueError, match="weight"):
        PooledSpread(2.0).fit(demand)
