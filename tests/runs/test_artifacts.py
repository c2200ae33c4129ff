"""Models on disk: saved whole or not at all, put live, rolled back, purged, pruned."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.files.storage import storages
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from django_ecomai.ml.persist import MANIFEST, ArtifactCorrupt, ArtifactError, ArtifactMissing
from django_ecomai.runs import storage
from django_ecomai.runs.exceptions import GateNotPassed, NothingToRollBack
from django_ecomai.runs.models import Artifact, LiveArtifact, Run
from django_ecomai.runs.selectors import live_artifacts
from django_ecomai.runs.services import (
    RunContext,
    artifact_go_live,
    artifact_rollback,
    artifact_save,
    artifacts_prune,
    artifacts_purge,
    run_now,
)
from django_ecomai.runs.services.artifacts import artifact_delete, artifact_verify
from django_ecomai.runs.signals import went_live

from .helpers import job, live_artifact, save

pytestmark = pytest.mark.django_db


class TestSave:
    def test_a_folder_and_a_row(self, artifact_dir: Path) -> None:
        moment = datetime(2011, 9, 30, tzinfo=UTC)
        artifact = save(1.0, channel="uk", metrics={"recall@20": np.float64(0.1)}, data_until=moment)
        folder = artifact_dir / artifact.path
        assert artifact.path.startswith("toy/uk/")
        assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, "weights.npy"]
        assert artifact.size == sum(path.stat().st_size for path in folder.iterdir())
        artifact.refresh_from_db()
        assert (artifact.metrics, artifact.data_until, artifact.passed_gate) == ({"recall@20": 0.1}, moment, True)
        assert live_artifact() is None

    def test_the_only_shop_has_a_folder_too(self) -> None:
        assert save().path.startswith("toy/_/")

    def test_a_run_saves_several_of_one_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # All within one second, however slow the machine is: that is when names would collide.
        moment = timezone.now()
        monkeypatch.setattr("django_ecomai.runs.services.artifacts.timezone", SimpleNamespace(now=lambda: moment))

        def execute(context: RunContext) -> None:
            for number in range(3):
                context.artifact_save(kind="toy", arrays={"a": np.arange(number + 1)}, manifest={})

        with job(execute) as kind:
            run = run_now(kind=kind)
        paths = list(run.artifacts.order_by("id").values_list("path", flat=True))
        assert [path.rpartition("-run")[2] for path in paths] == [f"{run.pk}", f"{run.pk}-2", f"{run.pk}-3"]

    def test_the_same_content_has_the_same_hash(self) -> None:
        assert save(1.0).sha256 == save(1.0).sha256 != save(2.0).sha256

    def test_objects_are_refused_and_nothing_stays_behind(self, artifact_dir: Path) -> None:
        with pytest.raises(ArtifactError, match="Python objects"):
            artifact_save(kind="toy", arrays={"a": np.array([object()])}, manifest={})
        assert not Artifact.objects.exists()
        assert list(artifact_dir.rglob("*.npy")) == []

    def test_a_failing_upload_leaves_neither_row_nor_folder(self, artifact_dir: Path, monkeypatch) -> None:
        def full(relative: str) -> None:
            raise OSError("bucket is gone")

        monkeypatch.setattr(storage, "upload", full)
        with pytest.raises(OSError, match="bucket is gone"):
            save()
        assert not Artifact.objects.exists()
        assert list(artifact_dir.glob("*/*/*")) == []

    def test_a_taken_name_gives_way(self, monkeypatch) -> None:
        monkeypatch.setattr(os, "urandom", lambda size: b"\x00" * size)
        monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        assert [save().path, save().path] == [
            "toy/_/20260102T030405-000000",
            "toy/_/20260102T030405-000000-2",
        ]


class TestGoLive:
    def test_flips_and_remembers_the_one_before(self, django_capture_on_commit_callbacks) -> None:
        heard: list[tuple[str, str, Artifact]] = []

        def listen(sender, kind, channel, artifact, **kwargs) -> None:
            heard.append((kind, channel, artifact))

        went_live.connect(listen)
        try:
            one, two = save(1.0), save(2.0)
            with django_capture_on_commit_callbacks(execute=True):
                artifact_go_live(artifact=one)
                live = artifact_go_live(artifact=two)
                assert heard == []
        finally:
            went_live.disconnect(listen)
        assert (live.artifact, live.previous) == (two, one)
        assert heard == [("toy", "", one), ("toy", "", two)]
        assert [item.artifact for item in live_artifacts()] == [two]

    def test_twice_the_same_keeps_the_way_back(self) -> None:
        one, two = save(1.0), save(2.0)
        artifact_go_live(artifact=one)
        artifact_go_live(artifact=two)
        assert artifact_go_live(artifact=two).previous == one

    def test_without_the_gate_only_by_force(self) -> None:
        artifact = save(passed_gate=False)
        with pytest.raises(GateNotPassed, match="has not passed the quality gate"):
            artifact_go_live(artifact=artifact)
        assert live_artifact() is None
        assert artifact_go_live(artifact=artifact, force=True).artifact == artifact

    def test_a_run_started_without_gate_may(self) -> None:
        def execute(context: RunContext) -> None:
            context.go_live(context.artifact_save(kind="toy", arrays={"a": np.arange(2)}, manifest={}))

        with job(execute) as kind:
            assert run_now(kind=kind).state == "failed"
            assert live_artifact() is None
            assert run_now(kind=kind, parameters={"no_gate": True}).state == "done"
        assert live_artifact() is not None

    def test_a_changed_file_never_goes_live(self) -> None:
        artifact = save(1.0)
        path = storage.local_path(artifact.path) / "weights.npy"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(ArtifactCorrupt, match="was changed after it was written"):
            artifact_go_live(artifact=artifact)
        assert live_artifact() is None

    def test_a_swapped_folder_is_noticed(self) -> None:
        one, two = save(1.0), save(2.0)
        folder = storage.local_path(one.path)
        shutil.rmtree(folder)
        shutil.copytree(storage.local_path(two.path), folder)
        with pytest.raises(ArtifactError, match="another model than the database says"):
            artifact_verify(artifact=one)


class TestRollback:
    def test_goes_back_and_forward_again(self) -> None:
        one, two = save(1.0), save(2.0)
        artifact_go_live(artifact=one)
        artifact_go_live(artifact=two)
        assert artifact_rollback(kind="toy").artifact == one
        assert artifact_rollback(kind="toy").artifact == two

    def test_skips_what_is_damaged(self) -> None:
        one, two, three = save(1.0), save(2.0), save(3.0)
        for artifact in (one, two, three):
            artifact_go_live(artifact=artifact)
        shutil.rmtree(storage.local_path(two.path))
        assert artifact_rollback(kind="toy").artifact == one

    def test_never_chooses_one_that_failed_the_gate(self) -> None:
        save(1.0, passed_gate=False)
        artifact_go_live(artifact=save(2.0))
        with pytest.raises(NothingToRollBack, match="no earlier model"):
            artifact_rollback(kind="toy")

    def test_nothing_at_all(self) -> None:
        with pytest.raises(NothingToRollBack):
            artifact_rollback(kind="toy")

    def test_to_a_chosen_one(self) -> None:
        one, two, three = save(1.0), save(2.0), save(3.0)
        for artifact in (one, two, three):
            artifact_go_live(artifact=artifact)
        assert artifact_rollback(kind="toy", artifact=one).artifact == one
        with pytest.raises(NothingToRollBack, match="another job or channel"):
            artifact_rollback(kind="toy", channel="uk", artifact=one)
        shutil.rmtree(storage.local_path(two.path))
        with pytest.raises(ArtifactMissing):
            artifact_rollback(kind="toy", artifact=two)
        assert live_artifact() == one


class TestThrowingAway:
    def test_keeps_the_last_and_the_live_and_the_one_before(self, settings, artifact_dir: Path) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACTS_KEPT": 2}
        items = [save(float(number)) for number in range(6)]
        other = save(9.0, channel="uk")
        artifact_go_live(artifact=items[0])
        artifact_go_live(artifact=items[1])
        assert artifacts_prune() == 2
        kept = [items[0], items[1], items[4], items[5], other]
        assert list(Artifact.objects.order_by("id")) == kept
        assert sorted(str(path.relative_to(artifact_dir)) for path in artifact_dir.glob("*/*/*")) == sorted(
            item.path for item in kept
        )

    def test_orphans_go_after_a_day(self, artifact_dir: Path) -> None:
        old, fresh, strange = (artifact_dir / "toy" / "_" / name for name in ("old", "fresh", "strange"))
        half = artifact_dir / "toy" / "_" / ".20260101T000000-run1.abc"
        output = artifact_dir / ".output"
        for folder in (old, fresh, strange, half, output):
            folder.mkdir(parents=True)
        (old / MANIFEST).write_text("{}")
        (fresh / MANIFEST).write_text("{}")
        (strange / "notes.txt").write_text("the merchant's")
        (output / "run-1.log").write_text("x")
        (output / "run-2.log").write_text("x")
        yesterday = time.time() - 2 * 24 * 3600
        for path in (old, strange, half, output / "run-1.log"):
            os.utime(path, (yesterday, yesterday))
        assert artifacts_prune() == 0
        assert sorted(path.name for path in (artifact_dir / "toy" / "_").iterdir()) == ["fresh", "strange"]
        assert [path.name for path in output.iterdir()] == ["run-2.log"]

    def test_purge_takes_what_knew_an_erased_person(self) -> None:
        erased = timezone.now()
        old = save(1.0, data_until=erased - timedelta(days=1))
        unknown = save(2.0)
        Artifact.objects.filter(pk=unknown.pk).update(created_at=erased - timedelta(hours=1))
        serving = save(3.0, data_until=erased - timedelta(days=1))
        artifact_go_live(artifact=serving)
        new = save(4.0, data_until=erased + timedelta(seconds=1))
        other_kind = save(5.0, kind="other", data_until=erased - timedelta(days=1))
        assert artifacts_purge(channel="", before=erased, kind="toy") == 2
        assert list(Artifact.objects.order_by("id")) == [serving, new, other_kind]
        assert artifacts_purge(channel="uk", before=erased) == 0
        assert artifacts_purge(channel="", before=erased) == 1
        assert not storage.local_path(old.path).exists()

    def test_the_serving_one_cannot_be_deleted(self) -> None:
        artifact = save()
        artifact_go_live(artifact=artifact)
        assert artifact_delete(artifact=artifact) is False
        assert storage.local_path(artifact.path).is_dir()

    def test_a_folder_that_is_gone_already_is_no_error(self) -> None:
        artifact = save()
        shutil.rmtree(storage.local_path(artifact.path))
        assert artifact_delete(artifact=artifact) is True

    def test_a_folder_that_cannot_be_deleted_is_logged(self, monkeypatch, caplog) -> None:
        def refuse(path: Path) -> None:
            raise PermissionError("read-only disk")

        artifact = save()
        monkeypatch.setattr(shutil, "rmtree", refuse)
        assert artifact_delete(artifact=artifact) is True
        assert "read-only disk" in caplog.text

    def test_the_stored_copy_goes_too(self, settings) -> None:
        settings.STORAGES = {**settings.STORAGES, "models": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "models"}
        one, two = save(1.0), save(2.0)
        artifact_delete(artifact=one)
        assert not storages["models"].exists(f"{one.path}/{MANIFEST}")
        assert storages["models"].exists(f"{two.path}/{MANIFEST}")

    def test_a_deleted_run_leaves_its_model(self) -> None:
        run = Run.objects.create(kind="x", state="done")
        artifact = save(run=run)
        artifact_go_live(artifact=artifact)
        run.delete()
        assert LiveArtifact.objects.get().artifact.run is None


class TestFolders:
    @given(kind=st.text(min_size=1, max_size=64), channel=st.text(max_size=32))
    def test_any_name_stays_inside(self, kind: str, channel: str) -> None:
        try:
            kind.encode(), channel.encode()
        except UnicodeEncodeError:
            return
        name = storage.folder_name(kind, channel)
        parts = name.split("/")
        assert len(parts) == 2
        assert all(part and not part.startswith(".") for part in parts)
        assert storage.local_path(f"{name}/x").resolve().is_relative_to(storage.root().resolve())
        assert (parts[1] == "_") == (channel == "")

    @given(one=st.text(max_size=32), two=st.text(max_size=32))
    def test_two_channels_never_share_a_folder(self, one: str, two: str) -> None:
        try:
            one.encode(), two.encode()
        except UnicodeEncodeError:
            return
        assert (storage.folder_name("k", one) == storage.folder_name("k", two)) == (one == two)

    @pytest.mark.parametrize("path", ["", "../x", "a/../../b", "/etc"])
    def test_a_path_that_leaves_is_refused(self, path: str) -> None:
        with pytest.raises(ValueError, match="is no artifact folder"):
            storage.local_path(path)

    def test_a_relative_folder_starts_at_base_dir(self, settings, tmp_path: Path) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": "models"}
        settings.BASE_DIR = tmp_path
        assert storage.root() == tmp_path / "models"

    def test_writable(self, tmp_path: Path) -> None:
        assert storage.is_writable(tmp_path / "a" / "b")
        (tmp_path / "file").write_text("")
        assert not storage.is_writable(tmp_path / "file")
        assert not storage.is_writable(tmp_path / "file" / "below")
