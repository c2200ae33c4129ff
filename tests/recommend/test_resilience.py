"""What is broken behind a carousel never breaks the page; the log says why."""

from __future__ import annotations

import shutil
import threading
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction

from django_ecomai.core.registry import Strategy, strategies
from django_ecomai.mirror.models import Product
from django_ecomai.recommend import assembling, config, serving
from django_ecomai.recommend.query import Candidate
from django_ecomai.recommend.serving import carousels, recommendations
from django_ecomai.runs import live
from django_ecomai.runs.models import LiveArtifact
from tests.recommend.factories import lantern_shop, order, placement, products
from tests.recommend.helpers import draw, ids, train

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained(settings: Any) -> Path:
    """A shop with a live model; gives the folder of the model."""
    lantern_shop(weeks=6)
    assert train().state == "done"
    return Path(settings.ECOMAI["ARTIFACT_DIR"]) / LiveArtifact.objects.get().artifact.path


def go_cold() -> None:
    config.forget()
    live.live_reset()


def test_the_folder_of_the_model_is_gone(trained: Path, caplog: Any) -> None:
    shutil.rmtree(trained)
    go_cold()

    assert len(recommendations("home")) == 8
    assert "train first" in caplog.text


@pytest.mark.parametrize("name", ["neighbours_indices.npy", "item_ids.npy", "manifest.json"])
def test_a_file_of_the_model_is_damaged(trained: Path, name: str, caplog: Any) -> None:
    (trained / name).write_bytes(b"rubbish")
    go_cold()

    assert len(recommendations("home")) == 8
    assert "train again" in caplog.text


def test_a_model_of_another_kind_is_live(trained: Path, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django_ecomai.ml.recommend.serving.FORMAT", 2)
    go_cold()

    assert len(recommendations("home")) == 8
    assert "cannot be used" in caplog.text


@pytest.mark.parametrize(
    "table",
    ["ecomai_recommend_slot", "ecomai_events_event", "ecomai_mirror_product", "ecomai_runs_liveartifact",
     "ecomai_mirror_orderline"],
)  # fmt: skip
def test_a_table_is_gone_and_the_shops_transaction_lives_on(table: str, caplog: Any) -> None:
    products(3)
    order("c1", ["p0"])
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Renamed, not dropped: PostgreSQL keeps the foreign keys, and the test's end puts all of it back.
            cursor.execute(f"ALTER TABLE {table} RENAME TO gone")
        html = draw('before {% recommend_carousel "home" %} after', request=None)
        found = carousels("home", visitor_id="v" * 32, customer_id="c1")
        assert get_user_model().objects.count() == 0
        transaction.set_rollback(True)

    assert html.startswith("before ")
    assert html.endswith(" after")
    assert isinstance(found, list)
    assert table in caplog.text
    if table in ("ecomai_events_event", "ecomai_recommend_slot", "ecomai_runs_liveartifact"):
        assert sum(len(one) for one in found) == 3


def test_the_adapter_fails_and_the_cards_come_from_the_mirror(ecomai: Any, caplog: Any) -> None:
    ecomai(ADAPTER="tests.recommend.factories.BrokenShop")
    products(2)

    items = recommendations("trending")

    assert [(item.product_id, item.object) for item in items] == [("p1", None), ("p0", None)]
    assert "the shop's catalogue is down" in caplog.text


def test_the_adapter_cannot_be_imported(ecomai: Any, caplog: Any) -> None:
    ecomai(ADAPTER="shop.that.is.not.There")
    products(2)

    assert len(recommendations("trending")) == 2
    assert "could not resolve products" in caplog.text


def test_the_consent_callable_fails(ecomai: Any) -> None:
    ecomai(CONSENT="tests.recommend.test_resilience.no_consent")
    products(2)

    assert draw('{% recommend "trending" as items %}{{ items|length }}', request=None) == "2"


def no_consent(request: Any) -> set[str]:
    raise RuntimeError("the consent service is down")


def test_the_cache_is_gone(settings: Any) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    products(2)
    order("c1", ["p0"])

    assert ids(recommendations("buy_again", customer_id="c1")) == ["p0"]


def test_a_strategy_of_another_app_fails(caplog: Any) -> None:
    def fail(query: Any, n: int) -> list[Any]:
        raise ZeroDivisionError("moon")

    strategies.register("by_the_moon", Strategy(label="Moon", help="", candidates=fail))
    try:
        products(2)
        placement("home", "by_the_moon", "new_arrivals", size=1)
        found = carousels("home")
    finally:
        strategies.unregister("by_the_moon")

    assert [ids(one) for one in found] == [["p1"], ["p0"]]
    assert "moon" in caplog.text


def test_a_strategy_of_another_app_serves() -> None:
    def alphabet(query: Any, n: int) -> list[Candidate]:
        return [Candidate("p0", 2.0, "picked"), Candidate("nobody", 1.5), Candidate("p2", 1.0)]

    strategies.register("alphabet", Strategy(label="A to Z", help="", candidates=alphabet, fill=False))
    try:
        products(3)
        items = recommendations("alphabet")
    finally:
        strategies.unregister("alphabet")

    assert [(item.product_id, item.reason) for item in items] == [("p0", "Our recommendation"), ("p2", "")]


def test_whatever_else_goes_wrong_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(assembling, "token_make", lambda **kwargs: 1 / 0)
    products(1)

    assert recommendations("trending") == []
    assert "ZeroDivisionError" in caplog.text


def test_objects_that_are_no_products_of_the_shop(caplog: Any) -> None:
    products(2)

    assert len(recommendations("trending", product=object())) == 2
    assert len(recommendations("trending", products=[None, "", "p0"])) == 1


def test_the_connection_is_lost_while_the_history_is_read(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    read = config.load

    def lost(channel: str, **kwargs: Any) -> Any:
        if kwargs.get("beside") is not None:
            raise DatabaseError("server closed the connection unexpectedly")
        return read(channel, **kwargs)

    monkeypatch.setattr(config, "load", lost)
    products(2)

    assert len(recommendations("trending", customer_id="c1")) == 2
    assert "server closed the connection" in caplog.text


def test_models_are_swapped_under_readers(trained: Path, settings: Any) -> None:
    """Many readers, a model that changes all the time: every answer is one of the two, none is broken."""
    first = LiveArtifact.objects.get().artifact
    order("c1", ["p3", "p9"], number="late")
    train()
    second = LiveArtifact.objects.get().artifact
    assert first.path != second.path
    settings.ECOMAI = {**settings.ECOMAI, "LIVE_CHECK_SECONDS": 0.000001}
    seen: set[str] = set()
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        for artifact in cycle([first, second]):
            if stop.is_set():
                return
            model = serving.model_get("", config.Config({}, artifact_path=artifact.path))
            if model is None:
                wrong.append("no model")
                continue
            items = model.scorer.trending(n=5).items.tolist()
            if len(set(items)) != 5:
                wrong.append(items)
            seen.add(model.version)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    stop.wait(1.5)
    stop.set()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert seen == {first.sha256[:12], second.sha256[:12]}


def test_a_rollback_shows_with_the_next_check(trained: Path) -> None:
    from django_ecomai.runs.services import artifact_rollback

    order("c1", ["p3", "p9"], number="late")
    train()
    before = token_version()
    artifact_rollback(kind="recommend")
    config.forget()

    assert token_version() != before


def token_version() -> str:
    from django_ecomai.events.tokens import token_read

    data = token_read(recommendations("trending", limit=1)[0].token)
    assert data is not None
    return data.run


def test_a_deleted_product_is_not_shown_although_the_model_knows_it(trained: Path) -> None:
    before = ids(recommendations("trending", limit=3))
    Product.objects.filter(external_id=before[0]).delete()

    after = ids(recommendations("trending", limit=3))

    assert after[:2] == before[1:]
    assert len(after) == 3
