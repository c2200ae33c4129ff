from __future__ import annotations

import numpy as np

from django_ecomai.ml.evaluate.sample import compared_rows, customers_sample, evaluations_for, ordered_rows
from django_ecomai.ml.frames import Interactions


def shop() -> Interactions:
    """30 customers with 10 rows each, and one crawler with 500."""
    users = np.r_[np.repeat(np.arange(30), 10), np.full(500, 30)]
    return Interactions.build(users, np.arange(800) % 7, np.arange(800))


def test_small_shops_are_compared_whole_and_large_ones_on_less_and_less():
    sizes = [compared_rows(rows) for rows in (10, 1_000_000, 2_000_000, 1_000_000_000)]
    assert sizes == [10, 1_000_000, 353_553, 250_000]


def test_of_large_shops_fewer_recipes_are_tried():
    assert [evaluations_for(rows) for rows in (10, 1_000_000, 4_000_000, 1_000_000_000)] == [60, 60, 24, 24]


def test_whole_customers_are_drawn():
    some = customers_sample(shop(), 200)
    assert (len(some), some.n_users, some.n_items) == (200, 31, 7)
    assert set(np.bincount(some.users).tolist()) == {0, 10}
    assert (np.diff(some.times) > 0).all()


def test_the_seed_decides_who():
    one, same, other = (customers_sample(shop(), 100, random_state=seed) for seed in (1, 1, 2))
    assert one.users.tolist() == same.users.tolist()
    assert one.users.tolist() != other.users.tolist()


def test_what_is_small_enough_stays():
    assert customers_sample(shop(), 800).users.tolist() == shop().users.tolist()


def test_an_order_is_learned_from_fewer_where_the_sources_are_fitted_again_and_again():
    assert [ordered_rows(rows) for rows in (10, 1_000_000, 1_250_000, 2_000_000)] == [10, 1_000_000, 409_600, 400_000]
