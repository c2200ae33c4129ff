"""What is popular now, also in a shop that was silent for years and sees a few clicks again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.build import build
from django_ecomai.ml.recommend.popularity import popularity_score, trending_score, volume_window
from django_ecomai.ml.recommend.recipe import Recipe
from django_ecomai.ml.recommend.serving import Scorer
from tests.ml.factories import DAY, START, id_map, shop

YEARS = 14 * 365 * DAY


def after_years(clicks: int = 4) -> Interactions:
    """200 days of a shop, then nothing for fourteen years, then a few looks at item 39 by one visitor."""
    old = shop(120)
    now = int(old.times[-1]) + YEARS
    return Interactions.build(
        np.r_[old.users, np.full(clicks, 120)],
        np.r_[old.items, np.full(clicks, 39)],
        np.r_[old.times, now + np.arange(clicks)],
        weights=np.r_[old.weights, np.full(clicks, 0.1)],
        n_users=121,
        n_items=40,
    )


def test_a_few_clicks_after_years_are_not_what_is_popular():
    data = after_years()
    now = int(data.times[-1])
    last_month = popularity_score(shop(120), now=int(shop(120).times[-1]), window_days=30)

    found = trending_score(data, now=now, window_days=30)

    assert popularity_score(data, now=now, window_days=30).nonzero()[0].tolist() == [39]
    # about half a usual month, the last one before the silence
    days = volume_window(data, now=now, window_days=30)
    assert now - days * DAY > START + 170 * DAY
    assert (found > 0).sum() > 30
    assert np.corrcoef(found, last_month)[0, 1] > 0.5


def test_the_served_list_is_that_of_the_last_busy_time():
    built = build(Recipe(), after_years(), item_ids=id_map(40))
    served = Scorer(built.manifest, built.arrays)
    top = served.trending(n=5)
    assert top.items.tolist() != [39, *range(4)]
    assert top.scores[-1] > 1


def test_in_a_usual_shop_the_window_is_the_window():
    data = shop(120)
    now = int(data.times[-1])
    assert volume_window(data, now=now, window_days=30) == 30
    np.testing.assert_array_equal(
        trending_score(data, now=now, window_days=30), popularity_score(data, now=now, window_days=30)
    )
    np.testing.assert_array_equal(trending_score(data, now=now, window_days=None), popularity_score(data, now=now))


def test_as_visitors_come_back_the_window_shrinks_to_its_length():
    shops = [after_years(clicks) for clicks in (4, 2000, 10_000)]
    days = [volume_window(data, now=int(data.times[-1]), window_days=30) for data in shops]
    assert days[0] >= days[1] >= days[2] == 30


@pytest.mark.parametrize("times", [[], [START], [START, START], [0, START]])
def test_little_or_strange_data_change_nothing(times):
    data = Interactions.build(np.zeros(len(times), int), np.zeros(len(times), int), times, n_users=1, n_items=2)
    now = max(times, default=START)
    assert volume_window(data, now=now, window_days=7) == 7
    assert trending_score(data, now=now, window_days=7).shape == (2,)


@given(st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 100, width=32)), max_size=30), st.floats(1, 400))
@settings(max_examples=50, deadline=None)
def test_the_window_is_never_shorter_and_holds_half_of_a_usual_one(rows, window_days):
    data = Interactions.build(
        np.zeros(len(rows), int), np.zeros(len(rows), int), [day * DAY for day, _ in rows],
        weights=[weight for _, weight in rows], n_users=1, n_items=1,
    )  # fmt: skip
    now = 3000 * DAY
    days = volume_window(data, now=now, window_days=window_days)
    assert window_days <= days <= max(3000, window_days)
    if not len(data):
        return
    ages = (now - data.times) / DAY
    _which, place = np.unique(np.floor(ages / window_days), return_inverse=True)
    usual = float(np.median(np.bincount(place, weights=data.weights.astype(np.float64))))
    assert data.weights[ages <= days + 1e-6].sum() >= 0.5 * usual * (1 - 1e-5)
