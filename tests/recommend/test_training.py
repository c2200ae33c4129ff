"""The job: from orders and behaviour to a model that serves."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from django_ecomai.mirror.models import Customer, OrderLine, Product, Review
from django_ecomai.ml.recommend.auto import choose
from django_ecomai.ml.recommend.bundles import bundles
from django_ecomai.recommend.dataset import dataset_read
from django_ecomai.recommend.live import model_get
from django_ecomai.recommend.serving import recommendations
from django_ecomai.recommend.training import BadParameter, deciding, flow, options_read
from django_ecomai.recommend.training.live import live_recipe
from django_ecomai.runs.models import Artifact, LiveArtifact
from django_ecomai.runs.services import GateVerdict
from tests.recommend.factories import (
    START,
    category,
    event,
    fashionable_shop,
    lantern_shop,
    order,
    placement,
    product,
    products,
)
from tests.recommend.helpers import ids, train

pytestmark = pytest.mark.django_db


def test_it_learns_and_goes_live() -> None:
    lantern_shop()

    run = train()

    assert (run.state, run.progress) == ("done", 1.0)
    live = LiveArtifact.objects.get(kind="recommend", channel="")
    assert live.artifact.run == run
    assert live.artifact.passed_gate
    assert live.artifact.data_until == START + timedelta(days=7 * 19, minutes=29)
    assert run.metrics["counts"] == {
        "products": 12,
        "products_on_sale": 12,
        "customers": 30,
        "order_lines": 1200,
        "order_lines_of_strangers_left_out": 0,
        "returns": 0,
        "refused": 0,
        "events": 0,
    }
    ours = [row for row in run.metrics["evaluation"] if row["ours"]]
    assert sorted(row["split"] for row in ours) == ["all", "basket", "new_items", "product_page", "repeat_items"]
    assert any("popular" in row["model"] for row in run.metrics["evaluation"])
    assert {"read", "evaluate", "build", "save"} == set(run.metrics["seconds"])


def test_why_no_order_was_learned_stands_in_the_run() -> None:
    lantern_shop()

    run = train()

    assert run.metrics["learned_order"]["code"] in {"few", "no_sources"}
    assert "learned order: " in run.log
    assert Artifact.objects.get().metrics["ranker"] is False


def test_families_stand_side_by_side_in_the_run() -> None:
    lantern_shop()

    run = train()

    models = {row["model"] for row in run.metrics["evaluation"] if row["split"] == "new_items"}
    assert {"collaborative only", "content only", "EcomAI (automatic choice)"} <= models
    assert all({"novelty@20", "diversity@20", "gini@20"} <= set(row["metrics"]) for row in run.metrics["evaluation"])


def test_reviews_with_stars_are_forecast_beside_the_mean() -> None:
    lantern_shop()
    shelf = list(Product.objects.order_by("external_id"))
    writers = list(Customer.objects.order_by("external_id"))
    Review.objects.bulk_create(
        Review(
            external_id=f"r{i}",
            product=shelf[i % len(shelf)],
            customer=writers[i // len(shelf) % len(writers)],
            rating=1 + (i % len(shelf)) % 5,
            created_at=START + timedelta(hours=i),
        )
        for i in range(len(shelf) * len(writers) * 8)
    )

    run = train()

    rows = {row["model"]: row for row in run.metrics["evaluation"] if row["split"] == "ratings"}
    assert set(rows) == {"global mean", "biases only", "biases and factors"}
    assert sum(row["ours"] for row in rows.values()) == 1
    assert rows["biases only"]["metrics"]["mae"] < 0.1 < 1 < rows["global mean"]["metrics"]["mae"]


@pytest.fixture
def company_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search is spared: a recipe is given, and a small shop is enough for an order to be learned."""
    from django_ecomai.ml.evaluate import run
    from django_ecomai.ml.recommend.auto import Choice
    from django_ecomai.ml.recommend.ranking import choose
    from tests.ml.ranking.factories import RECIPE

    monkeypatch.setattr(choose, "LEAST_CUSTOMERS", 20)
    monkeypatch.setattr(run, "choose", lambda *args, **keywords: Choice(RECIPE, [], {}))


@pytest.mark.usefixtures("company_was_chosen")
@pytest.mark.parametrize("lightgbm", [True, False])
def test_a_learned_order_goes_live_and_serves(lightgbm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not lightgbm:
        monkeypatch.setitem(sys.modules, "lightgbm", None)
    fashionable_shop()

    run = train()

    assert run.metrics["learned_order"]["passed"], run.metrics["learned_order"]
    ours = {row["split"]: row for row in run.metrics["evaluation"] if row["ours"]}
    blend = {row["split"]: row for row in run.metrics["evaluation"] if row["model"] == "hybrid: blend"}
    assert ours["new_items"]["metrics"]["recall@20"] > blend["new_items"]["metrics"]["recall@20"]
    assert Artifact.objects.get().metrics["ranker"] is True
    model = model_get("", None)
    assert model is not None and model.scorer._second is not None
    assert recommendations("for_you", customer_id="c0", limit=4)


@pytest.mark.usefixtures("company_was_chosen")
def test_a_live_order_is_tested_beside_the_new_one() -> None:
    fashionable_shop()
    train()

    run = train()

    rows = {row["model"]: row for row in run.metrics["evaluation"] if row["split"] == "new_items"}
    assert rows["live"]["metrics"]["recall@20"] == rows["EcomAI (automatic choice)"]["metrics"]["recall@20"]
    assert LiveArtifact.objects.get().artifact.run == run
    assert rows["live"]["metrics"]["recall@20"] > rows["hybrid: blend"]["metrics"]["recall@20"]
    assert len(set(Artifact.objects.values_list("sha256", flat=True))) == 1


def test_the_same_data_give_the_same_model() -> None:
    lantern_shop(weeks=8)

    train()
    train()

    hashes = list(Artifact.objects.order_by("id").values_list("sha256", flat=True))
    assert len(hashes) == 2
    assert hashes[0] == hashes[1]


def test_what_was_viewed_decides_for_you() -> None:
    lantern_shop()
    train()
    for seen in ("p0", "p1", "p2"):
        event("view_item", seen, visitor_id="v" * 32)

    items = recommendations("for_you", visitor_id="v" * 32, limit=3)

    assert set(ids(items)) == {"p3", "p4", "p5"}
    assert {item.reason for item in items} <= {f"Because you viewed Lantern number {i}" for i in range(3)}
    assert items[0].token


@pytest.mark.parametrize("left_out", [False, True], ids=["repeats mixed in", "bought left out"])
def test_a_regular_customer_is_shown_what_he_looks_at_now(left_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def usual(context, data, *rest):
        return GateVerdict(True, "given"), deciding._untested_recipe(data)

    monkeypatch.setattr(flow, "decide", usual)
    lantern_shop(12, size=30)
    order("c0", [f"p{30 + i % 30}" for i in range(36)], at=START + timedelta(days=40))
    assert train().metrics["recipe"]["sources"]
    placement("home", "for_you", size=8, exclude_bought=left_out)
    assert OrderLine.objects.filter(order__customer__external_id="c0").count() == 60
    before = recommendations("home", customer_id="c0")
    assert all(int(one[1:]) >= 30 for one in ids(before)) or left_out
    for seen in ("p4", "p5", "p6"):
        event("view_item", seen, customer_id="c0")

    after = recommendations("home", customer_id="c0")

    assert ids(after) != ids(before)
    lanterns = [one for one in after if int(one.product_id[1:]) < 30]
    assert len(lanterns) >= 2
    assert any(one.reason.startswith("Because you viewed Lantern") for one in lanterns)


def test_a_shop_that_learned_no_taste_yet_shows_what_is_like_the_last_view() -> None:
    lantern_shop(30, size=30)
    assert train().metrics["recipe"]["sources"] == []
    event("view_item", "p4", customer_id="c0")

    found = recommendations("for_you", customer_id="c0")

    assert found[0].reason == "Because you viewed Lantern number 4"
    assert 0 <= int(found[0].product_id[1:]) < 30


def test_bought_together_and_similar_stay_in_their_world() -> None:
    lantern_shop()
    train()

    together = recommendations("bought_together", product="p7", limit=2)
    similar = recommendations("similar", product="p7", limit=3)

    assert set(ids(together)) <= {"p6", "p8", "p9", "p10", "p11"}
    assert together[0].reason == "Often bought with Mug number 7"
    assert set(ids(similar)) <= {"p6", "p8", "p9", "p10", "p11"}
    assert similar[0].reason == "Similar to Mug number 7"


def test_trending_of_a_parent_category_takes_in_those_below() -> None:
    lantern_shop()
    lights = category("lights")
    type(lights).objects.filter(external_id="lanterns").update(parent=lights)
    train()

    items = recommendations("trending", category="lights", limit=6)

    assert set(ids(items)) == {f"p{i}" for i in range(6)}
    assert {item.reason for item in items} == {"Popular in Lanterns"}


def test_popularity_is_counted_from_the_last_moment_in_the_data() -> None:
    lantern_shop()
    for number in range(40):
        order(f"d{number}", ["p11"], at=START + timedelta(days=7 * 19, hours=1), number=f"late{number}")
    train()

    assert ids(recommendations("trending", limit=1)) == ["p11"]


@pytest.mark.parametrize(
    ("code", "language"), [("de-at", "german"), ("pt_BR", "portuguese"), ("en-gb", "english"), ("ja", "")]
)
def test_texts_are_read_in_the_shops_language(settings, code: str, language: str) -> None:
    lantern_shop(weeks=2)
    settings.LANGUAGE_CODE = code

    assert train().metrics["recipe"]["language"] == language


@pytest.mark.parametrize(
    ("shop", "missing"),
    [
        (lambda: None, "There are no products"),
        (lambda: product("p0"), "The catalogue holds one product"),
        (lambda: products(3), "There are no orders"),
        (lambda: [products(3), order("", ["p0", "p1"])], "No order names a customer"),
        (lambda: [products(3), Product.objects.update(is_active=False)], "No product is on sale"),
    ],
    ids=["nothing", "one product", "no orders", "no customers", "nothing on sale"],
)
def test_little_data_is_said_and_leaves_the_shop_running(shop, missing: str) -> None:
    shop()

    run = train()

    assert (run.state, run.progress, run.error) == ("done", 1.0, "")
    assert any(sentence.startswith(missing) for sentence in run.metrics["missing"])
    assert missing in run.log
    on_sale = Product.objects.filter(is_active=True).count()
    assert LiveArtifact.objects.exists() == Product.objects.exists()
    assert len(recommendations("trending")) == on_sale


def test_descriptions_alone_already_tell_what_is_similar() -> None:
    for i, title in enumerate(["red glass lantern", "blue glass lantern", "tea mug", "coffee mug"]):
        product(f"p{i}", title=title)
    train()

    assert ids(recommendations("similar", product="p0", limit=1)) == ["p1"]
    assert ids(recommendations("similar", product="p3", limit=1)) == ["p2"]


def test_a_purchase_is_counted_once_and_views_count_less() -> None:
    products(2)
    order("c0", ["p0"], number="o1")
    event("purchase", "p0", customer_id="c0", order_id="o1")
    event("view_item", "p1", customer_id="c0", dwell_seconds=60)
    event("add_to_cart", "p1", customer_id="c0")
    event("view_item_list", "p1", customer_id="c0")
    event("dismiss", "p1", customer_id="c1")

    data = dataset_read("")

    names = data.item_ids.decode([0, 1])
    weights = sorted(
        (names[item], round(float(weight), 3))
        for item, weight in zip(data.interactions.items, data.interactions.weights, strict=True)
    )
    assert weights == [("p0", 1.0), ("p1", 0.2), ("p1", 0.5)]
    assert data.counts["order_lines"] == 1
    assert data.counts["events"] == 3  # somebody else's dismissal, too


def test_a_guests_order_belongs_to_its_visitor() -> None:
    products(2)
    order("", ["p0"], number="g1")
    event("purchase", visitor_id="v" * 32, order_id="g1")
    event("view_item", "p1", visitor_id="v" * 32)

    data = dataset_read("")

    assert data.interactions.users.tolist() == [0, 0]
    assert data.counts["order_lines_of_strangers_left_out"] == 0


@pytest.mark.parametrize(("guests", "kept", "dropped"), [(1, 4, 1), (2, 4, 2), (3, 4, 3), (5, 9, 0)])
def test_strangers_count_only_when_they_are_the_majority(guests: int, kept: int, dropped: int) -> None:
    products(2)
    order("c0", ["p0", "p1"], number="a")
    order("c0", ["p0", "p1"], number="b", at=START + timedelta(days=1))
    for number in range(guests):
        order("", ["p0"], number=f"g{number}")

    data = dataset_read("")

    assert len(data.interactions) == kept
    assert data.counts["order_lines_of_strangers_left_out"] == dropped


def test_variants_are_learned_as_their_parent() -> None:
    parent = product("shirt")
    product("shirt-red", parent=parent)
    product("hat")
    order("c0", ["shirt-red", "hat"])

    data = dataset_read("")

    assert data.item_ids.decode(range(len(data.item_ids))) == ["hat", "shirt"]
    assert data.variants == {"shirt-red": "shirt"}


def test_a_variant_on_the_page_is_known_by_its_parent() -> None:
    lantern_shop()
    parent = Product.objects.get(external_id="p0")
    product("p0-red", parent=parent)
    train()

    assert recommendations("similar", product="p0-red")[0].reason == "Similar to Lantern number 0"
    assert "p0" not in ids(recommendations("similar", product="p0-red", limit=20))


def test_a_worse_model_does_not_replace_the_one_in_use() -> None:
    lantern_shop()
    train()
    first = LiveArtifact.objects.get().artifact

    # Claims a recipe that nothing can beat after the cut.
    def hopeless(**kwargs: object) -> object:
        return GateVerdict(False, "worse")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "gate_decide", hopeless)
        run = train()

    assert run.state == "done"
    assert LiveArtifact.objects.get().artifact == first
    assert Artifact.objects.count() == 2
    assert run.metrics["gate"]["passed"] is False


def _better_than_everything(evaluation: Any, *, recall: dict[str, float]) -> Any:
    """The evaluation with the recall that each model is to have."""
    for row in evaluation.rows:
        if row["model"] in recall:
            row["metrics"] = {**row["metrics"], "recall@20": recall[row["model"]]}
    return evaluation


@pytest.mark.parametrize("no_gate", [False, True])
def test_a_recipe_that_stays_the_best_learns_the_new_data(monkeypatch: pytest.MonkeyPatch, no_gate: bool) -> None:
    from django_ecomai.ml.evaluate import run as evaluating

    lantern_shop()
    train()
    first = LiveArtifact.objects.get().artifact
    order("c0", ["p1", "p2"], at=START + timedelta(days=160), number="new")
    usual = evaluating.evaluate_split
    recall = {evaluating.OURS_NAME: 0.5, "live": 0.6, evaluating.POPULAR_30: 0.1}
    monkeypatch.setattr(
        evaluating,
        "evaluate_split",
        lambda *args, **kwargs: _better_than_everything(usual(*args, **kwargs), recall=recall),
    )

    run = train(**({"no_gate": True} if no_gate else {}))

    now = LiveArtifact.objects.get().artifact
    assert now.run == run
    assert now.data_until == START + timedelta(days=160)
    assert now.passed_gate is not no_gate
    assert run.metrics["gate"]["passed"] is not no_gate
    if not no_gate:
        assert run.metrics["recipe"] == first.metrics["recipe"]
        assert {metrics["recall@20"] for metrics in now.metrics["evaluation"].values()} == {0.6}
        assert run.message == "The recipe in use was kept and has learned the new data. It is live."
        assert run.metrics["gate"]["reason"].startswith("The recipe in use was kept and has learned the new data:")
        assert "17 % worse than the model in use" in run.log


def test_a_recipe_in_use_reads_the_texts_in_the_language_of_today(settings: Any) -> None:
    lantern_shop()
    train()
    stored = LiveArtifact.objects.get().artifact.metrics["recipe"]
    settings.LANGUAGE_CODE = "de"
    found = live_recipe("")
    assert (stored["language"], found and found.language) == ("english", "german")


def test_a_recipe_in_use_that_popularity_beats_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.ml.evaluate import run as evaluating

    lantern_shop()
    train()
    first = LiveArtifact.objects.get().artifact
    usual = evaluating.evaluate_split
    recall = {evaluating.OURS_NAME: 0.5, "live": 0.6, evaluating.POPULAR_30: 0.7}
    monkeypatch.setattr(
        evaluating,
        "evaluate_split",
        lambda *args, **kwargs: _better_than_everything(usual(*args, **kwargs), recall=recall),
    )

    run = train()

    assert LiveArtifact.objects.get().artifact == first
    assert run.metrics["gate"]["passed"] is False


def test_progress_is_told_in_a_merchants_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from django_ecomai.runs.services import RunContext

    said: list[str] = []
    usual = RunContext.progress

    def listen(self: RunContext, fraction: float, message: str = "") -> None:
        said.append(message)
        usual(self, fraction, message)

    monkeypatch.setattr(RunContext, "progress", listen)
    lantern_shop()

    run = train()

    assert [text for text in said if text.startswith("comparing")][:2] == [
        "comparing models: 1 of at most 4",
        "comparing models: 2 of at most 4",
    ]
    assert not [text for text in said if "tried" in text or "(" in text]
    assert "tried " in run.log


def test_a_first_model_that_beats_nothing_gives_way_to_popularity() -> None:
    lantern_shop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "gate_decide", lambda **kwargs: GateVerdict(False, "no better than popularity"))
        run = train()

    assert run.metrics["recipe"]["sources"] == []
    assert LiveArtifact.objects.count() == 1
    assert "no better than popularity" in run.log
    assert len(recommendations("for_you", customer_id="c1")) == 8


def test_the_test_date_can_be_chosen() -> None:
    lantern_shop()

    run = train(evaluate_from="2026-04-01")

    assert run.metrics["evaluate_from"] == "2026-04-01T00:00:00+00:00"


def test_a_test_date_outside_the_data_is_said() -> None:
    lantern_shop(weeks=4)

    run = train(evaluate_from="2030-01-01")

    assert run.state == "done"
    assert "no orders on both sides of the test date" in run.log
    assert LiveArtifact.objects.count() == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"evaluate_from": "yesterday"},
        {"evaluate_from": "2026-02-31"},
        {"evaluate_from": 7},
        {"budget": 0},
        {"budget": "many"},
        {"budget": True},
        {"seed": -1},
        {"ranker": "perhaps"},
    ],
)
def test_a_bad_parameter_is_named(parameters: dict[str, object]) -> None:
    with pytest.raises(BadParameter, match=next(iter(parameters))):
        options_read(parameters)


def test_dates_are_read_as_utc() -> None:
    assert options_read({"evaluate_from": "2011-10-01"}).evaluate_from == datetime(2011, 10, 1, tzinfo=UTC)
    assert options_read({"evaluate_from": "2011-10-01T06:00:00+02:00"}).evaluate_from == datetime(
        2011, 10, 1, 4, tzinfo=UTC
    )
    assert options_read({}).evaluate_from is None


def test_nothing_in_the_artifact_is_about_a_person(settings) -> None:
    lantern_shop(weeks=6)
    event("view_item", "p1", visitor_id="somebody-who-looks")
    order("somebody-who-buys", ["p1", "p2"], number="order-of-somebody")
    train()

    folder = Path(settings.ECOMAI["ARTIFACT_DIR"]) / LiveArtifact.objects.get().artifact.path
    for path in folder.iterdir():
        assert b"somebody" not in path.read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())["manifest"]
    assert manifest["category_parents"] == {}
    assert manifest["variants"] == {}


def test_a_product_newer_than_the_model_is_shown_with_its_department() -> None:
    lantern_shop(weeks=6)
    train()
    lanterns = Product.objects.get(external_id="p0").categories.get()
    fresh = product("fresh", title="Lantern just in", categories=[lanterns])

    items = recommendations("bought_together", product=fresh, limit=6)

    assert set(ids(items)) == {f"p{i}" for i in range(6)}
    assert {item.reason for item in items} == {"Also in Lanterns"}


def test_a_recipe_that_cannot_be_read_counts_as_none(caplog) -> None:
    lantern_shop()
    train()
    Artifact.objects.update(metrics={"recipe": {"sources": [{"sort": "ease"}]}})

    run = train()

    assert run.state == "done"
    assert run.metrics["gate"]["live"] is None
    assert "cannot be read" in caplog.text


def test_parameters_of_the_shop_hold_unless_a_run_has_its_own(ecomai: Any) -> None:
    assert (options_read({}).budget, options_read({}).memory_mb) == (None, 2048)
    ecomai(RECOMMEND_TRAINING={"budget": 7, "memory_mb": 512})
    assert (options_read({}).budget, options_read({}).memory_mb) == (7, 512)
    assert (options_read({"budget": 9}).budget, options_read({"budget": 9}).memory_mb) == (9, 512)


def test_budget_and_memory_reach_the_choice(ecomai: Any) -> None:
    lantern_shop()
    ecomai(RECOMMEND_TRAINING={"memory_mb": 512})

    with patch("django_ecomai.ml.evaluate.run.choose", wraps=choose) as asked:
        run = train(budget=3)

    assert [(call.kwargs["budget"], call.kwargs["memory_mb"]) for call in asked.call_args_list] == [(3, 512)]
    assert len(run.metrics["tried"]) == 3


def test_what_fails_beside_the_comparison_fails_the_run_and_the_live_model_stays() -> None:
    lantern_shop()
    serves = train().artifacts.get()

    with patch("django_ecomai.ml.recommend.beside.bundles", side_effect=ValueError("no sets today")):
        run = train()

    assert run.state == "failed"
    assert "no sets today" in run.error
    assert LiveArtifact.objects.get(kind="recommend", channel="").artifact == serves


def test_what_asks_for_no_recipe_is_made_by_a_second_thread_once() -> None:
    lantern_shop()
    threads: list[str] = []

    def sets(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread().name)
        return bundles(*arguments, **options)

    with patch("django_ecomai.ml.recommend.beside.bundles", sets):
        run = train()

    assert run.state == "done"
    assert threads == ["ecomai-beside_0"]
