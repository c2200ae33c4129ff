from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.frames import Catalogue, IdMap, Interactions, encode_interactions
from django_ecomai.ml.persist import load_arrays, save_arrays

ids = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=64)


def test_encode_and_decode_ids_with_commas_accents_and_emoji():
    ids = ["b,1", "Käse", "🏮", "a b", "ß" * 64]
    id_map = IdMap.from_ids(ids)
    assert id_map.decode(id_map.encode(ids)) == ids
    assert id_map.encode(["b", "b,1 ", "kase", ""]).tolist() == [-1, -1, -1, -1]
    assert len(id_map) == 5


def test_the_longest_id_and_longer_questions():
    id_map = IdMap.from_ids(["a", "🏮" * 64])
    assert id_map.encode(["🏮" * 64, "🏮" * 65, "a", "a" * 300]).tolist() == [1, -1, 0, -1]


@pytest.mark.parametrize("bad", ["", "x" * 257, "a\0b", "\ud800"])
def test_an_id_that_cannot_be_stored_is_refused_and_never_found(bad):
    with pytest.raises(ValueError, match="cannot be an id"):
        IdMap.from_ids(["fine", bad])
    assert IdMap.from_ids(["fine"]).encode([bad]).tolist() == [-1]


def test_an_empty_map_knows_nothing():
    empty = IdMap.from_ids([])
    assert len(empty) == 0
    assert empty.encode(["a"]).tolist() == [-1]
    assert empty.decode([]) == []


def test_decode_refuses_unknown_indices():
    with pytest.raises(IndexError, match="drop -1"):
        IdMap.from_ids(["a"]).decode([-1])


def test_an_id_map_needs_byte_strings():
    with pytest.raises(ValueError, match="from_ids"):
        IdMap(np.array(["a"]))


@given(st.lists(ids, max_size=30), st.lists(ids, max_size=10))
def test_any_known_id_comes_back_and_any_other_is_unknown(known, asked):
    id_map = IdMap.from_ids(known)
    assert id_map.decode(id_map.encode(known)) == known
    assert [index >= 0 for index in id_map.encode(asked)] == [one in set(known) for one in asked]


def test_a_memory_mapped_map_answers_alike(tmp_path):
    save_arrays(tmp_path / "a", {"ids": IdMap.from_ids(["z", "ä", "a,b"]).ids}, {})
    id_map = IdMap(load_arrays(tmp_path / "a")[1]["ids"])
    assert isinstance(id_map.ids, np.memmap)
    assert id_map.encode(["a,b", "ä", "?"]).tolist() == [0, 2, -1]


def test_interactions_are_put_in_time_order():
    built = Interactions.build([0, 1, 0], [2, 0, 1], [30, 10, 20], weights=[3, 1, 2], baskets=[9, 7, 8])
    assert built.times.tolist() == [10, 20, 30]
    assert built.users.tolist() == [1, 0, 0]
    assert built.items.tolist() == [0, 1, 2]
    assert built.weights.tolist() == [1, 2, 3]
    assert built.baskets.tolist() == [7, 8, 9]
    assert (built.n_users, built.n_items) == (2, 3)
    assert (built.users.dtype, built.weights.dtype, built.times.dtype) == (np.int32, np.float32, np.int64)


def test_before_after_and_between_share_the_boundary():
    built = Interactions.build([0, 0, 0], [0, 1, 2], [10, 20, 30])
    assert built.before(20).items.tolist() == [0]
    assert built.after(20).items.tolist() == [1, 2]
    assert built.between(20, 30).items.tolist() == [1]
    assert built.before(20).n_items == 3


def test_without_baskets_one_moment_of_one_user_is_a_basket():
    built = Interactions.build([0, 0, 0, 1], [0, 1, 2, 0], [10, 10, 20, 10])
    by_row = {(u, i): b for u, i, b in zip(built.users, built.items, built.baskets, strict=True)}
    assert by_row[0, 0] == by_row[0, 1]
    assert len({by_row[0, 0], by_row[0, 2], by_row[1, 0]}) == 3


def test_at_least_keeps_the_heavy_rows():
    built = Interactions.build([0, 0], [0, 1], [1, 2], weights=[0.1, 1.0])
    assert built.at_least(1.0).items.tolist() == [1]
    assert built.at_least(0.0) is built


def test_csr_takes_the_maximum_or_the_sum_of_a_pair():
    built = Interactions.build([0, 0, 1], [1, 1, 0], [1, 2, 3], weights=[2, 3, 0], n_items=3)
    assert built.csr().toarray().tolist() == [[0, 3, 0], [0, 0, 0]]
    assert built.csr(aggregate="sum").toarray().tolist() == [[0, 5, 0], [0, 0, 0]]
    assert built.csr([1, 1, 1], aggregate="sum").toarray().tolist() == [[0, 2, 0], [1, 0, 0]]
    with pytest.raises(ValueError, match="'max' or 'sum'"):
        built.csr(aggregate="mean")


def test_empty_interactions_are_allowed():
    empty = Interactions.empty(n_users=2, n_items=3)
    assert len(empty) == 0
    assert empty.csr().shape == (2, 3)
    assert len(empty.before(5)) == len(empty.after(5)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": [0]}, "one value per row"),
        ({"baskets": [1]}, "one value per row"),
        ({"weights": [1, float("nan")]}, "1 weights are not finite"),
        ({"weights": [float("inf"), 1]}, "not finite"),
        ({"weights": [1e39, 1]}, "not finite float32"),
        ({"weights": [-1, 1]}, "returns and dismissals"),
        ({"items": [0, -1]}, "unknown ids"),
        ({"items": [0, 7], "n_items": 5}, "n_items is 5"),
        ({"times": [0.5, 1.0]}, "whole numbers"),
        ({"users": [[0, 1]]}, "one-dimensional"),
    ],
)
def test_bad_input_is_refused_with_advice(change, message):
    good = {"users": [0, 1], "items": [0, 1], "times": [1, 2]}
    with pytest.raises(ValueError, match=message):
        Interactions.build(**{**good, **change})


def test_encode_interactions_drops_unknown_ids_and_keeps_columns_together():
    items = IdMap.from_ids(["b", "a"])
    built, users, same = encode_interactions(
        ["u2", "u1", "u1"], ["a", "gone", "b"], [3, 2, 1], weights=[1, 2, 3], basket_ids=["o2", "", "o1"], items=items
    )
    assert same is items
    assert users.decode(built.users) == ["u1", "u2"]
    assert items.decode(built.items) == ["b", "a"]
    assert built.weights.tolist() == [3, 1]
    assert built.baskets.tolist() == [0, 1]
    assert built.n_users == 2


def test_encode_interactions_without_a_basket_id_is_in_no_basket():
    built, _, _ = encode_interactions(["u"], ["a"], [1], basket_ids=[""])
    assert built.baskets.tolist() == [-1]


def test_encode_interactions_refuses_unequal_columns():
    with pytest.raises(ValueError, match="same length"):
        encode_interactions(["u"], ["a"], [1, 2])


def test_a_catalogue_fills_in_what_is_missing():
    built = Catalogue.build(2, title=["Mug", None], price=[0, 3.5])
    assert built.title == ("Mug", "")
    assert np.isnan(built.price[0])
    assert built.price[1] == 3.5
    assert built.active.tolist() == [True, True]
    assert built.created.tolist() == [-1, -1]
    assert len(built) == 2


def test_a_catalogue_refuses_a_column_of_another_length():
    with pytest.raises(ValueError, match="'category' has 1 values for 2 items"):
        Catalogue.build(2, category=["Kitchen"])
