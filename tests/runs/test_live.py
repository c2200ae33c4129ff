"""The serving cache: swaps, damage, threads, forks. It never raises."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import InMemoryStorage, storages
from django.db import DatabaseError

from django_ecomai.ml.persist import MANIFEST
from django_ecomai.runs import live, storage
from django_ecomai.runs.live import LoadedArtifact, live_arrays, live_reset
from django_ecomai.runs.models import Artifact, LiveArtifact
from django_ecomai.runs.services import artifact_go_live, artifact_rollback

from .helpers import save

pytestmark = pytest.mark.django_db


def value(loaded: LoadedArtifact | None) -> float | None:
    return None if loaded is None else float(loaded.arrays["weights"][0])


def folder(artifact: Artifact) -> Path:
    return storage.local_path(artifact.path)


def point_to(artifact: Artifact) -> None:
    """Flip the pointer without the verification that going live does."""
    LiveArtifact.objects.update_or_create(kind=artifact.kind, channel=artifact.channel, defaults={"artifact": artifact})


@pytest.fixture
def no_recheck(settings) -> None:
    settings.ECOMAI = {**settings.ECOMAI, "LIVE_CHECK_SECONDS": 3600}


def test_nothing_trained_is_none() -> None:
    assert live_arrays("toy") is None


def test_serves_memory_mapped_read_only_arrays() -> None:
    artifact = save(2.0)
    artifact_go_live(artifact=artifact)
    loaded = live_arrays("toy")
    assert loaded is not None
    assert (loaded.kind, loaded.channel, loaded.sha256, loaded.path) == ("toy", "", artifact.sha256, artifact.path)
    assert loaded.manifest == {"model": "toy", "value": 2.0}
    assert isinstance(loaded.arrays["weights"], np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.arrays["weights"][0] = 1
    assert live_arrays("toy") is loaded


def test_channels_are_apart() -> None:
    artifact_go_live(artifact=save(1.0, channel="de"))
    artifact_go_live(artifact=save(2.0, channel="uk"))
    assert (value(live_arrays("toy", "de")), value(live_arrays("toy", "uk")), live_arrays("toy")) == (1.0, 2.0, None)


def test_the_pointer_is_asked_once_per_interval(no_recheck, django_assert_num_queries) -> None:
    artifact_go_live(artifact=save(1.0))
    assert value(live_arrays("toy")) == 1.0
    artifact_go_live(artifact=save(2.0))
    with django_assert_num_queries(0):
        assert value(live_arrays("toy")) == 1.0
    live_reset()
    assert value(live_arrays("toy")) == 2.0


def test_no_model_is_remembered_too(no_recheck, django_assert_num_queries) -> None:
    assert live_arrays("toy") is None
    with django_assert_num_queries(0):
        assert live_arrays("toy") is None


def test_a_swap_and_a_roll_back_are_noticed() -> None:
    artifact_go_live(artifact=save(1.0))
    first = live_arrays("toy")
    artifact_go_live(artifact=save(2.0))
    assert value(live_arrays("toy")) == 2.0
    assert value(first) == 1.0  # who still holds it is not disturbed
    artifact_rollback(kind="toy")
    assert value(live_arrays("toy")) == 1.0


def test_a_removed_pointer_is_none() -> None:
    artifact_go_live(artifact=save(1.0))
    assert live_arrays("toy") is not None
    LiveArtifact.objects.all().delete()
    assert live_arrays("toy") is None


def test_a_caller_that_knows_the_pointer_costs_no_query(django_assert_num_queries) -> None:
    one, two = save(1.0), save(2.0)
    with django_assert_num_queries(0):
        assert value(live_arrays("toy", path=one.path)) == 1.0
        assert value(live_arrays("toy", path=one.path)) == 1.0
        assert value(live_arrays("toy", path=two.path)) == 2.0
        assert live_arrays("toy", path=None) is None
        assert live_arrays("toy", path="") is None
        assert value(live_arrays("toy", path=one.path)) == 1.0


def test_a_known_pointer_to_a_damaged_folder_is_tried_once_per_interval(no_recheck, caplog, monkeypatch) -> None:
    good, bad = save(1.0), save(2.0)
    shutil.rmtree(folder(bad))
    loads: list[str] = []
    load = live._load
    monkeypatch.setattr(live, "_load", lambda key, path: (loads.append(path), load(key, path))[1])
    assert value(live_arrays("toy", path=good.path)) == 1.0
    for _time in range(5):
        assert value(live_arrays("toy", path=bad.path)) == 1.0
    assert loads == [good.path, bad.path]


def break_deleted(path: Path) -> None:
    shutil.rmtree(path)


def break_truncated(path: Path) -> None:
    file = path / "weights.npy"
    os.truncate(file, file.stat().st_size - 4)


def break_half_written(path: Path) -> None:
    (path / MANIFEST).unlink()


def break_no_array(path: Path) -> None:
    (path / "weights.npy").unlink()


def break_format(path: Path) -> None:
    body = json.loads((path / MANIFEST).read_text())
    (path / MANIFEST).write_text(json.dumps({**body, "format": 99}))


def break_json(path: Path) -> None:
    (path / MANIFEST).write_text('{"format": 1, ')


def break_tampered_manifest(path: Path) -> None:
    body = json.loads((path / MANIFEST).read_text())
    body["manifest"]["value"] = 7
    (path / MANIFEST).write_text(json.dumps(body))


def break_empty_array(path: Path) -> None:
    (path / "weights.npy").write_bytes(b"")


def break_pickle(path: Path) -> None:
    np.save(path / "weights.npy", np.array([object()]), allow_pickle=True)


def break_is_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("not a folder")


DAMAGE = [
    break_deleted,
    break_truncated,
    break_half_written,
    break_no_array,
    break_format,
    break_json,
    break_tampered_manifest,
    break_empty_array,
    break_pickle,
    break_is_a_file,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_logged_once_and_the_model_before_serves_on(damage, caplog) -> None:
    artifact_go_live(artifact=save(1.0))
    assert value(live_arrays("toy")) == 1.0
    bad = save(2.0)
    damage(folder(bad))
    point_to(bad)
    with caplog.at_level(logging.ERROR, logger="django_ecomai"):
        for _time in range(3):
            assert value(live_arrays("toy")) == 1.0
    errors = [record.getMessage() for record in caplog.records]
    assert len(errors) == 1
    assert bad.path in errors[0]
    assert errors[0].endswith("the model loaded before goes on serving")


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_in_a_new_process_is_none(damage, caplog) -> None:
    bad = save(2.0)
    damage(folder(bad))
    point_to(bad)
    for _time in range(3):
        assert live_arrays("toy") is None
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].getMessage().endswith("pages do without it")


def test_a_repaired_folder_serves_again() -> None:
    artifact = save(2.0)
    point_to(artifact)
    moved = folder(artifact).with_name("elsewhere")
    folder(artifact).rename(moved)
    assert live_arrays("toy") is None
    moved.rename(folder(artifact))
    assert value(live_arrays("toy")) == 2.0


def test_a_folder_deleted_after_loading_still_serves() -> None:
    artifact = save(1.0)
    artifact_go_live(artifact=artifact)
    assert value(live_arrays("toy")) == 1.0
    shutil.rmtree(folder(artifact))
    loaded = live_arrays("toy")
    assert loaded is not None
    assert loaded.arrays["weights"].tolist() == [1.0] * 4


def test_a_path_that_climbs_out_is_refused(caplog) -> None:
    artifact = save(1.0)
    Artifact.objects.filter(pk=artifact.pk).update(path="../../etc")
    point_to(Artifact.objects.get(pk=artifact.pk))
    assert live_arrays("toy") is None
    assert "no artifact folder" in caplog.text


def test_a_database_that_is_away_is_logged_once_and_the_model_serves_on(monkeypatch, caplog) -> None:
    artifact_go_live(artifact=save(1.0))
    assert value(live_arrays("toy")) == 1.0

    def away(key) -> None:
        raise DatabaseError("server closed the connection")

    monkeypatch.setattr(live, "_pointer", away)
    for _time in range(3):
        assert value(live_arrays("toy")) == 1.0
    assert caplog.text.count("server closed the connection") == 1
    live_reset()
    assert live_arrays("toy") is None


def test_derived_objects_are_made_once_per_model() -> None:
    artifact_go_live(artifact=save(1.0))
    made: list[str] = []

    def factory(loaded: LoadedArtifact) -> object:
        made.append(loaded.sha256)
        return object()

    first = live_arrays("toy")
    assert first is not None
    assert first.derive("scorer", factory) is first.derive("scorer", factory)
    artifact_go_live(artifact=save(2.0))
    second = live_arrays("toy")
    assert second is not None
    second.derive("scorer", factory)
    assert made == [first.sha256, second.sha256]


def test_a_factory_that_fails_is_tried_again() -> None:
    artifact_go_live(artifact=save(1.0))
    loaded = live_arrays("toy")
    assert loaded is not None
    with pytest.raises(KeyError):
        loaded.derive("scorer", lambda item: item.arrays["absent"])
    assert loaded.derive("scorer", lambda item: 5) == 5


def test_threads_that_swap_and_read_see_whole_models_only() -> None:
    paths = [save(float(number)).path for number in range(4)]
    wrong: list[object] = []
    start = threading.Barrier(6)

    def read() -> None:
        start.wait()
        for number in range(300):
            loaded = live_arrays("toy", path=paths[number % 4])
            if loaded is None:
                wrong.append("none")
            elif float(loaded.arrays["weights"][0]) != loaded.manifest["value"]:
                wrong.append(loaded)

    live_arrays("toy", path=paths[0])
    threads = [threading.Thread(target=read) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_thread_that_loads_makes_nobody_wait(monkeypatch) -> None:
    old, new = save(1.0), save(2.0)
    assert value(live_arrays("toy", path=old.path)) == 1.0
    loading, go_on = threading.Event(), threading.Event()
    load = live._load

    def slow(key, path):
        loading.set()
        assert go_on.wait(10)
        return load(key, path)

    monkeypatch.setattr(live, "_load", slow)
    results: list[float | None] = []
    loader = threading.Thread(target=lambda: results.append(value(live_arrays("toy", path=new.path))))
    loader.start()
    assert loading.wait(10)
    assert value(live_arrays("toy", path=new.path)) == 1.0  # served at once, from what is there
    go_on.set()
    loader.join()
    assert results == [2.0]
    assert value(live_arrays("toy", path=new.path)) == 2.0


def test_first_readers_wait_for_the_loading_thread_and_load_once(monkeypatch) -> None:
    artifact = save(1.0)
    loads: list[str] = []
    load = live._load
    monkeypatch.setattr(live, "_pointer", lambda key: artifact.path)
    monkeypatch.setattr(live, "_load", lambda key, path: (loads.append(path), load(key, path))[1])
    results: list[float | None] = []
    start = threading.Barrier(5)

    def read() -> None:
        start.wait()
        results.append(value(live_arrays("toy")))

    threads = [threading.Thread(target=read) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1.0] * 5
    assert loads == [artifact.path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_a_thread_loads_does_not_hang_the_child() -> None:
    artifact = save(1.0)
    assert value(live_arrays("toy", path=artifact.path)) == 1.0
    live._lock.acquire()  # as a loading thread of the parent would hold it
    live_other = save(2.0).path
    try:
        pid = os.fork()
        if pid == 0:  # pragma: no cover - the child is not measured
            inherited = value(live_arrays("toy", path=artifact.path)) == 1.0
            fresh = value(live_arrays("toy", path=live_other)) == 2.0
            os._exit(0 if inherited and fresh else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        live._lock.release()


class TestSharedStorage:
    @pytest.fixture(autouse=True)
    def shared(self, settings) -> InMemoryStorage:
        settings.STORAGES = {
            **settings.STORAGES,
            "models": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        }
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "models"}
        remote = storages["models"]
        assert isinstance(remote, InMemoryStorage)
        return remote

    def test_another_machine_fetches_in_the_background(self, shared, monkeypatch) -> None:
        artifact = save(3.0)
        assert sorted(shared.listdir(artifact.path)[1]) == [MANIFEST, "weights.npy"]
        artifact_go_live(artifact=artifact)
        shutil.rmtree(folder(artifact))
        started: list[threading.Thread] = []

        class Recorded(threading.Thread):
            def start(self) -> None:
                started.append(self)
                super().start()

        monkeypatch.setattr(live.threading, "Thread", Recorded)
        live_arrays("toy")  # nothing yet, or already there when the thread was quick
        for thread in started:
            thread.join()
        assert value(live_arrays("toy")) == 3.0
        assert [thread.name for thread in started] == ["ecomai-fetch"]
        assert not list(folder(artifact).parent.glob(".*"))

    def test_a_storage_without_it_is_none(self, shared, caplog) -> None:
        artifact = save(3.0)
        artifact_go_live(artifact=artifact)
        storage.remove(artifact.path)
        assert live_arrays("toy") is None
        for thread in threading.enumerate():
            if thread.name == "ecomai-fetch":
                thread.join()
        assert "could not fetch model" in caplog.text
        assert shared.listdir("")[0] in ([], ["toy"])

    def test_a_verified_go_live_fetches_first(self, shared) -> None:
        artifact = save(3.0)
        shutil.rmtree(folder(artifact))
        assert artifact_go_live(artifact=artifact).artifact == artifact
        assert (folder(artifact) / "weights.npy").is_file()
