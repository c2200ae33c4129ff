"""A live model that is not what it should be: the page renders, popularity serves, the log says why, once."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from django_ecomai.core import metrics
from django_ecomai.mirror.models import Product
from django_ecomai.ml.frames import IdMap
from django_ecomai.ml.persist import MANIFEST
from django_ecomai.recommend import config
from django_ecomai.recommend.serving import carousels, recommendations
from django_ecomai.runs import live
from django_ecomai.runs.models import LiveArtifact
from django_ecomai.runs.services import artifact_go_live, artifact_save
from tests.recommend.factories import START, event, lantern_shop, order, placement, product
from tests.recommend.helpers import ids, train

pytestmark = pytest.mark.django_db
IDS = [f"p{i}" for i in range(12)]


@pytest.fixture
def folder(settings: Any) -> Path:
    """A shop that has sold p7 last, with a live model; the model's folder."""
    lantern_shop(weeks=6)
    assert train().state == "done"
    placement("home", "for_you", "trending", "new_arrivals", size=3)
    return Path(settings.ECOMAI["ARTIFACT_DIR"]) / LiveArtifact.objects.get().artifact.path


def go_cold() -> None:
    config.forget()
    live.live_reset()


def go_live(folder: Path, *, ids: list[str] | None = None, **manifest: Any) -> None:
    """A copy of the trained model with other ids or another manifest."""
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    if ids is not None:
        arrays["item_ids"] = IdMap.from_ids(ids).ids
    body = json.loads((folder / MANIFEST).read_text())["manifest"]
    made = artifact_save(kind="recommend", arrays=arrays, manifest={**body, **manifest}, passed_gate=True)
    artifact_go_live(artifact=made)
    go_cold()


def errors(caplog: Any) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def truncated(folder: Path) -> None:
    file = folder / "neighbours_indices.npy"
    file.write_bytes(file.read_bytes()[:-8])


def half_written(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def without_an_array(folder: Path) -> None:
    (folder / "trending.npy").unlink()


def changed_manifest(folder: Path) -> None:
    body = json.loads((folder / MANIFEST).read_text())
    body["manifest"]["recipe_name"] = "another"
    (folder / MANIFEST).write_text(json.dumps(body))


def other_bytes_than_promised(folder: Path) -> None:
    body = json.loads((folder / MANIFEST).read_text())
    np.save(folder / "price.npy", np.load(folder / "price.npy").astype(np.float64))
    assert body["files"]["price"]["dtype"] == "<f4"


@pytest.mark.parametrize(
    "damage", [truncated, half_written, without_an_array, changed_manifest, other_bytes_than_promised]
)
def test_a_damaged_folder_is_told_once_and_popularity_serves(folder: Path, damage: Any, caplog: Any) -> None:
    damage(folder)
    go_cold()

    pages = [carousels("home", visitor_id="v1") for _ in range(3)]

    assert [[len(one) for one in page] for page in pages] == [[3, 3]] * 3
    [told] = errors(caplog)
    assert str(folder.name) in told
    assert told.endswith("pages do without it")


def rotten(folder: Path, name: str) -> None:
    """Every other number of an array becomes one that no item has: same size, same type."""
    array = np.load(folder / f"{name}.npy")
    array.reshape(-1)[::2] = np.iinfo(array.dtype).max
    np.save(folder / f"{name}.npy", array)


@pytest.mark.parametrize("name", ["neighbours", "similar", "together", "complement", "better"])
def test_rotten_neighbours_are_passed_over_without_a_word(folder: Path, name: str, caplog: Any) -> None:
    rotten(folder, f"{name}_indices")
    go_cold()
    event("view_item", "p1", visitor_id="v1")
    placement("product", "for_you", "similar", "bought_together", "cross_sell", "upsell", "bundle", size=3)

    pages = [carousels("product", visitor_id="v1", product="p1") for _ in range(3)]

    assert all(page and len({ids(one.items)[0] for one in page}) == len(page) for page in pages)
    assert errors(caplog) == []


def test_rotten_categories_are_told_once(folder: Path, caplog: Any) -> None:
    rotten(folder, "category")
    go_cold()

    pages = [carousels("home", visitor_id="v1") for _ in range(3)]

    assert [[len(one) for one in page] for page in pages] == [[3, 3]] * 3
    [told] = errors(caplog)
    assert told.endswith("popularity serves instead.")


@pytest.mark.parametrize(
    "manifest",
    [{"kind": "forecast"}, {"recommend_format": 0}, {"recipe": "?"}, {"variants": 7}],
    ids=["another kind", "an older format", "no recipe", "no mapping"],
)
def test_a_manifest_of_something_else_is_told_once(folder: Path, manifest: dict[str, Any], caplog: Any) -> None:
    go_live(folder, **manifest)

    pages = [recommendations("home") for _ in range(3)]

    assert [len(page) for page in pages] == [3, 3, 3]
    [told] = errors(caplog)
    assert "cannot be used; popularity serves instead" in told


def test_a_model_of_another_catalogue_gives_way_to_what_sells(folder: Path, caplog: Any) -> None:
    go_live(folder, ids=[f"other-{i:02d}" for i in range(12)])
    order("c1", ["p7"] * 40, number="late", at=START.replace(year=2027))

    pages = [carousels("home") for _ in range(3)]

    assert [ids(one)[:1] for one in pages[0]] == [["p7"], ["p11"]]
    assert [[len(one) for one in page] for page in pages] == [[3, 3]] * 3
    [told] = errors(caplog)
    assert "trained on another catalogue" in told


def test_the_right_model_after_a_foreign_one_serves_at_once(folder: Path) -> None:
    artifact = LiveArtifact.objects.get().artifact
    go_live(folder, ids=[f"other-{i:02d}" for i in range(12)])
    assert len(carousels("home")) == 2
    artifact_go_live(artifact=artifact)
    config.forget()

    assert token_run() == artifact.sha256[:12]


def token_run() -> str:
    from django_ecomai.events.tokens import token_read

    data = token_read(recommendations("trending", limit=1)[0].token)
    assert data is not None
    return data.run


def test_a_foreign_model_is_tried_again_when_the_copy_fills_up(folder: Path, ecomai: Any) -> None:
    ecomai(LIVE_CHECK_SECONDS=0.000001)
    go_live(folder, ids=[f"other-{i:02d}" for i in range(12)])
    assert token_run() == ""
    for i in range(12):
        product(f"other-{i:02d}")

    assert token_run() == LiveArtifact.objects.get().artifact.sha256[:12]


def test_every_page_under_a_foreign_model_is_counted_as_one(folder: Path, monkeypatch: Any) -> None:
    counted: list[str] = []
    monkeypatch.setattr(metrics, "count", lambda what, word="", amount=1: counted.append(word))
    go_live(folder, ids=[f"other-{i:02d}" for i in range(12)])
    for _page in range(3):
        carousels("home")

    assert counted == ["foreign_model"] * 3


def test_products_that_have_left_the_shop_do_not_make_a_model_foreign(folder: Path, caplog: Any) -> None:
    Product.objects.update(is_active=False)

    assert carousels("home") == []
    assert errors(caplog) == []


def test_all_is_out_of_stock(folder: Path, caplog: Any) -> None:
    Product.objects.update(stock=0)

    assert carousels("home", visitor_id="v1") == []
    assert recommendations("trending") == []
    assert errors(caplog) == []


def test_the_folder_goes_while_the_process_serves(folder: Path, caplog: Any) -> None:
    before = [ids(one) for one in carousels("home")]
    shutil.rmtree(folder)
    config.forget()

    assert [ids(one) for one in carousels("home")] == before
    assert errors(caplog) == []


def test_a_history_of_unknown_products_and_strange_ids(folder: Path, caplog: Any) -> None:
    strange = ["never-heard-of", "a,b", "größe-ß-漢字", "'; --", " ", "x" * 64]
    for one in strange:
        event("view_item", one, visitor_id="v1")

    assert [one.strategy for one in carousels("home", visitor_id="v1")] == ["trending", "new_arrivals"]
    assert len(recommendations("similar", products=strange, exclude=strange)) == 8
    assert errors(caplog) == []


def test_ids_with_commas_and_other_scripts_are_learned_and_served(folder: Path) -> None:
    names = sorted(["a,b", "größe 10", "漢字", *[f"n{i}" for i in range(9)]], key=lambda one: one.encode())
    for one in names:
        product(one)
    go_live(folder, ids=names)

    answer = recommendations("trending", limit=12)

    assert sorted(ids(answer), key=lambda one: one.encode()) == names
    assert ids(recommendations("similar", product="a,b", limit=1))[0] in names
