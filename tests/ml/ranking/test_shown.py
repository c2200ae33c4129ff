"""Lists that were seen: who clicked what, judged by what was known before."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.evaluate.split import time_split
from django_ecomai.ml.frames import Interactions
from django_ecomai.ml.recommend.ranking.choose import choose_second, split_candidates
from django_ecomai.ml.recommend.ranking.groups import nothing_extra
from django_ecomai.ml.recommend.ranking.shown import Shown, shown_groups
from tests.ml.factories import DAY, START
from tests.ml.ranking.factories import ITEMS, RECIPE, fashion_shop, priced

CUT = START + 200 * DAY


def seen(*lists: tuple[int, int, list[int], list[int]]) -> Shown:
    """Each ``(user, day, items in their places, clicked items)``."""
    rows = [
        (number, user, item, place, item in clicked, START + day * DAY)
        for number, (user, day, items, clicked) in enumerate(lists)
        for place, item in enumerate(items)
    ]
    kinds = (np.int64, np.int64, np.int64, np.float64, np.bool_, np.int64)
    return Shown(*(np.array(column, dtype=kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)))


def groups_of(shown: Shown, data: Interactions | None = None):
    data = fashion_shop() if data is None else data
    candidates, maker = split_candidates(time_split(data, CUT), RECIPE, priced(), 0.0, nothing_extra)
    return shown_groups(shown, data, candidates.scorer, RECIPE, maker), maker.names


def test_a_list_with_a_click_and_without_one_is_a_group_in_the_blends_order():
    groups, names = groups_of(
        seen((0, 201, [50, 51, 52], [51]), (1, 202, [50, 51], []), (2, 203, [60], [60]), (3, 204, [5, 60], [5, 60]))
    )
    assert groups.sizes.tolist() == [3]
    assert groups.labels.sum() == groups.relevant[0] == 1
    ranks, places = (groups.features[:, names.index(name)] for name in ("blend_rank", "position"))
    assert (np.diff(ranks) > 0).all(), "ranks among all candidates of the visitor"
    assert sorted(places.tolist()) == [0, 1, 2]
    assert places[groups.labels == 1].tolist() == [1], "the clicked one stood in the second place"


def test_what_comes_after_the_list_is_not_seen():
    data = fashion_shop()
    shown = seen((0, 201, [50, 51, 52], [51]))
    late = data.times >= START + 201 * DAY
    changed = Interactions.build(
        data.users, np.where(late, (data.items + 7) % ITEMS, data.items), data.times, n_users=240, n_items=ITEMS
    )
    first, second = groups_of(shown)[0], groups_of(shown, changed)[0]
    np.testing.assert_array_equal(first.features, second.features)


def test_a_visitor_without_a_past_is_left_out():
    known = fashion_shop()
    late = START + 299 * DAY
    data = Interactions.build([*known.users, 240], [*known.items, 3], [*known.times, late], n_items=ITEMS)
    assert groups_of(seen((240, 201, [50, 51], [50])), data)[0].sizes.tolist() == []


def test_lists_teach_along_with_purchases():
    random = np.random.default_rng(0)
    lists = []
    for number in range(300):
        items = random.choice(ITEMS, 6, replace=False).tolist()
        lists.append((number % 240, int(random.integers(190, 299)), items, [max(items)]))
    now = START + 300 * DAY
    plain = choose_second(fashion_shop(), RECIPE, catalogue=priced(), now=now)
    taught = choose_second(fashion_shop(), RECIPE, catalogue=priced(), now=now, shown=seen(*lists))
    assert (plain.facts["lists_seen"], 250 < taught.facts["lists_seen"] <= 300) == (0, True)
    assert taught.facts["judged_customers"] == plain.facts["judged_customers"], "purchases alone judge"
    assert taught.trees.threshold.tolist() != plain.trees.threshold.tolist()
