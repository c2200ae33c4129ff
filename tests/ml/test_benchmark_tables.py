"""The public recommendation benchmarks on small files in their formats: reading, ranks, one process per model."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from scipy import sparse

from django_ecomai.ml.recommend.fold import Fitted
from django_ecomai.ml.recommend.ranking.choose import SecondChoice
from django_ecomai.ml.recommend.ranking.groups import feature_maker
from tests.ml.factories import shop
from tests.ml.ranking.test_trees import leaf, trees

pytest.importorskip("pandas")

from benchmarks import amazon, automatic, gowalla, harness, model_size, sessions


def lines(path, rows):
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt") as file:
        file.writelines(f"{row}\n" for row in rows)


def histories():
    data = shop(60)
    return [data.items[data.users == user].tolist() for user in range(60)]


def words_of(history):
    return " ".join(map(str, history))


@pytest.fixture
def folder(tmp_path):
    rows = [list(dict.fromkeys(history)) for history in histories()]
    for name in ("amazon-beauty", "amazon-toys"):
        lines(tmp_path / name / "sequences.txt.gz", [f"{u + 1} {words_of(row)}" for u, row in enumerate(rows)])
        lines(tmp_path / name / "item_attributes.json.gz", [json.dumps({"0": [1, 2], "1": [1]})])
    lines(tmp_path / "gowalla" / "train.txt.gz", [f"{u} {words_of(row[:-3])}" for u, row in enumerate(rows)])
    lines(tmp_path / "gowalla" / "test.txt.gz", [f"{u} {words_of(row[-3:])}" for u, row in enumerate(rows)])
    for name in ("yoochoose64", "diginetica"):
        train = [words_of(history[:6]) for history in histories() * 8]
        lines(tmp_path / name / "train_sessions.txt.gz", train)
        lines(tmp_path / name / "test_pairs.txt.gz", [f"{words_of(row[:3])}\t{row[3]}" for row in rows])
    return tmp_path


def test_ranks_count_ties_at_their_mean_and_leave_out_what_is_masked():
    scores = np.array([[5.0, 3, 3, 1], [0, 0, 0, 0], [9, 8, 7, 6]])
    masked = sparse.csr_matrix(np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]))
    targets = np.array([1, 0, 3])
    ranks = harness.target_ranks(lambda rows: scores[rows], targets, masked, 4)
    assert ranks.tolist() == [1.5, 2.0, 4.0]
    assert harness.target_ranks(lambda rows: scores[rows], targets, None, 4).tolist() == [2.5, 2.5, 4.0]
    assert harness.hit_metrics(np.array([1.0, 3.0, 11.0]), 10) == {
        "hit_rate@10": pytest.approx(2 / 3),
        "ndcg@10": pytest.approx((1 + 0.5) / 3),
        "mrr@10": pytest.approx((1 + 1 / 3) / 3),
    }


def test_transitions_count_the_item_itself_too():
    built = sessions.visits([[1, 1, 2], [2, 1]], 3)
    assert sessions.transitions(built).toarray().tolist() == [[0, 0, 0], [0, 1, 1], [0, 1, 0]]


def test_what_the_files_say(folder):
    sequences, catalogue = amazon.read(folder / "amazon-beauty")
    assert len(sequences) == 60
    assert catalogue.title[:3] == ("a1 a2", "a1", "")
    built = amazon.interactions_of([[4, 7], [9]], 10)
    assert sorted(zip(built.users.tolist(), built.items.tolist(), built.times.tolist(), strict=True)) == [
        (0, 4, 0),
        (0, 7, 1),
        (1, 9, 0),
    ]
    assert amazon.interactions_of([[7, 4]], 10, ordered=False).items.tolist() == [4, 7]
    train, test = gowalla.read(folder / "gowalla")
    assert (train.n_users, len(test)) == (60, 180)
    visits, prefixes, targets = sessions.read(folder / "yoochoose64")
    assert (visits.n_users, prefixes.n_users, len(targets)) == (480, 60, 60)
    assert sessions.newest(prefixes).tolist() == [list(dict.fromkeys(history))[2] for history in histories()]


@pytest.mark.parametrize(
    ("module", "dataset", "models"),
    [
        (amazon, "toys", ["popularity", "sequential rules, decay .7", amazon.UNORDERED, amazon.OURS]),
        (gowalla, "gowalla", ["popularity", "GF-CF", gowalla.OURS]),
        (sessions, "diginetica", list(sessions.MODELS)),
    ],
    ids=["amazon", "gowalla", "sessions"],
)
def test_every_model_beats_nothing_at_all(folder, module, dataset, models, monkeypatch):
    monkeypatch.setattr(automatic, "BUDGET", 20)
    for model in models:
        metrics, details = module.evaluate(dataset, model, folder)
        assert all(0 <= value <= 1 for value in metrics.values())
        assert bool(details) == model.startswith("EcomAI")
        unordered = module is gowalla or model == amazon.UNORDERED
        assert not details or details["second"]["code"] == ("pairs" if unordered else "few")
        if model not in ("popularity", "last item again"):
            assert metrics["ndcg@20"] > 0.1


def test_an_order_that_passed_is_the_one_that_is_scored(folder):
    """One tree puts the blend's first new item behind all others, which move up by one place."""
    sequences, catalogue = amazon.read(folder / "amazon-toys")
    recipe = amazon.RECIPES["item-item cosine"]
    train, history = (amazon.interactions_of([row[:end] for row in sequences], len(catalogue)) for end in (-2, -1))
    fitted = Fitted(train, catalogue=catalogue, now=int(train.times[-1]) + 1, neighbours=recipe.neighbours)
    at = feature_maker(recipe, fitted).names.index("blend_rank")
    demoted = trees((at, 1.5, 1, 2, 0.0, False), leaf(-1.0), leaf(0.0))
    rows = np.arange(len(sequences))
    plain, same, moved = (
        amazon.recipe_scores(recipe, train, history, catalogue, ours)(rows)
        for ours in (
            None,
            automatic.Automatic(recipe, SecondChoice(demoted, False, {"blend_share": 0.0}), {}),
            automatic.Automatic(recipe, SecondChoice(demoted, True, {"blend_share": 0.0}), {}),
        )
    )
    np.testing.assert_array_equal(plain, same)
    own = history.csr().toarray() > 0
    assert (own.sum(axis=1) == [len(row) - 1 for row in sequences]).all()
    np.testing.assert_array_equal(plain[own], moved[own])
    for row in rows:
        before, after = plain[row][~own[row]], moved[row][~own[row]]
        known = before > 0
        assert sorted(before) == sorted(after)
        assert after[before.argmax()] == before[known].min()
        best, second = np.sort(before[known])[::-1][:2]
        if second < best:
            assert after.max() == best
            assert before[after.argmax()] == second


def test_the_command_runs_each_model_in_a_process_and_reports_failures(folder, capsys):
    out = folder / "rows.json"
    gowalla.main(["--data", str(folder), "--json", str(out), "--models", "popularity", gowalla.OURS])
    rows = json.loads(out.read_text())
    assert [(row["model"], row["ours"]) for row in rows] == [("popularity", False), (gowalla.OURS, True)]
    assert all(row["cpu_s"] > 0 and row["peak_mb"] > 10 for row in rows)
    printed = capsys.readouterr().out
    assert "* gowalla" in printed
    assert "ours is recall@20" in printed
    (folder / "gowalla" / "test.txt.gz").unlink()
    gowalla.main(["--data", str(folder), "--json", str(out), "--models", "popularity"])
    assert "FileNotFoundError" in json.loads(out.read_text())[0]["error"]
    assert "failed: FileNotFoundError" in capsys.readouterr().out


@pytest.mark.parametrize("model", model_size.MODELS)
def test_each_model_can_be_measured_in_a_simulated_shop(model, folder, monkeypatch):
    if model == model_size.IMPLICIT:
        pytest.importorskip("implicit")
    monkeypatch.setitem(model_size.DATASETS, "1M", 3000)
    metrics, _ = model_size.evaluate("1M", model, folder)
    assert 0 < metrics["neighbours"] <= 100
