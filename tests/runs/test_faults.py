"""Disks that fill up, clocks that jump, files that rot, processes that are killed: what is left must be whole."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import InMemoryStorage, storages
from django.db.models import DateTimeField, Value
from django.urls import reverse
from django.utils import timezone

from django_ecomai.ml import persist
from django_ecomai.runs import doctor, storage
from django_ecomai.runs.exceptions import NothingToRollBack
from django_ecomai.runs.live import live_arrays, live_reset
from django_ecomai.runs.models import Artifact, Heartbeat, Run
from django_ecomai.runs.services import (
    artifact_go_live,
    artifact_rollback,
    artifacts,
    clocks,
    dispatch,
    heartbeat_beat,
    prune,
    prune_all,
    run_create,
    run_now,
    runs_reap,
    runs_start_due,
    state,
)
from django_ecomai.runs.services.state import run_claim, worker_name

from .helpers import job, live_artifact, save

pytestmark = pytest.mark.django_db
FULL = "The disk is full, and the job is not finished. Make room and start it again."


def train(context) -> None:
    context.artifact_save(kind="toy", arrays={"weights": np.zeros(50_000)}, manifest={}, passed_gate=True)


def flip_a_bit(artifact: Artifact) -> None:
    path = storage.local_path(artifact.path) / "weights.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


class TestDiskFull:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_while_a_model_is_written(self, code, monkeypatch, artifact_dir) -> None:
        artifact_go_live(artifact=save(1.0))
        before = files_below(artifact_dir)

        def full(file, array, allow_pickle) -> None:
            file.write(b"half of it")
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(persist.np.lib.format, "write_array", full)
        with job(train) as kind:
            run = run_now(kind=kind)
        assert (run.state, run.message) == ("failed", FULL)
        assert files_below(artifact_dir) == before
        assert Artifact.objects.count() == 1
        assert live_arrays("toy") is not None

    @pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk")
    def test_on_a_disk_that_is_really_too_small(self, tmp_path, settings) -> None:
        disk = tmp_path / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
        if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("this machine lets nobody mount")
        try:
            settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_DIR": str(disk)}
            with job(train) as kind:
                run = run_now(kind=kind)
            assert (run.state, run.message) == ("failed", FULL)
            assert [path for path in disk.rglob("*") if path.is_file()] == []
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_of_the_shared_storage_gives_its_space_back(self, monkeypatch, settings, artifact_dir) -> None:
        settings.STORAGES = {**settings.STORAGES, "far": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "far"}
        far = storages["far"]
        assert isinstance(far, InMemoryStorage)
        kept = far._save

        def full(name, content):
            if name.endswith(persist.MANIFEST):
                raise OSError(errno.ENOSPC, "full")
            return kept(name, content)

        monkeypatch.setattr(far, "_save", full)
        with job(train) as kind:
            run = run_now(kind=kind)
        assert run.message == FULL
        folder = f"toy/_/{far.listdir('toy/_')[0][0]}"
        assert far.listdir(folder) == ([], [])
        assert [path for path in artifact_dir.rglob("*") if path.is_file()] == []


class TestRot:
    def verify(self) -> Run:
        return run_now(kind="runs.verify")

    def test_sound_models_are_left_alone(self) -> None:
        artifact_go_live(artifact=save(1.0))
        run = self.verify()
        assert (run.state, run.message) == ("done", "1 models are sound.")

    def test_a_flipped_bit_puts_the_earlier_model_live(self) -> None:
        first, second = save(1.0), save(2.0)
        artifact_go_live(artifact=first)
        artifact_go_live(artifact=second)
        flip_a_bit(second)
        run = self.verify()
        assert run.state == "failed"
        assert "was changed after it was written" in run.message
        assert run.message.endswith(f"{first} serves again.")
        assert live_artifact() == first
        with pytest.raises(NothingToRollBack):
            artifact_rollback(kind="toy")  # which never chooses the damaged one
        assert self.verify().state == "done"

    def test_a_flipped_bit_without_an_earlier_model_leaves_popularity(self) -> None:
        only = save(1.0)
        artifact_go_live(artifact=only)
        flip_a_bit(only)
        run = self.verify()
        assert run.state == "failed"
        assert "serves no longer. Train again." in run.message
        assert live_artifact() is None
        assert Artifact.objects.get() == only

    def test_a_folder_that_is_not_mounted_changes_nothing(self, artifact_dir) -> None:
        first, second = save(1.0), save(2.0)
        artifact_go_live(artifact=first)
        artifact_go_live(artifact=second)
        artifact_dir.rename(artifact_dir.with_name("unmounted"))
        run = self.verify()
        assert run.state == "failed"
        assert run.error.endswith("It keeps its place: see that its folder is there.")
        assert live_artifact() == second

    def test_a_model_that_is_merely_not_there_keeps_its_place(self) -> None:
        first, second = save(1.0), save(2.0)
        artifact_go_live(artifact=first)
        artifact_go_live(artifact=second)
        shutil.rmtree(storage.local_path(second.path))
        assert self.verify().state == "failed"
        assert live_artifact() == second

    @pytest.mark.parametrize("earlier", [True, False], ids=["earlier one", "none"])
    def test_a_model_that_goes_live_while_the_old_one_is_hashed_stays_live(self, monkeypatch, earlier) -> None:
        if earlier:
            artifact_go_live(artifact=save(0.0))
        damaged, trained = save(1.0), save(2.0)
        artifact_go_live(artifact=damaged)
        flip_a_bit(damaged)
        hashing = artifacts.artifact_verify

        def slowly(*, artifact: Artifact) -> None:
            if artifact == damaged:
                monkeypatch.setattr(artifacts, "artifact_verify", hashing)
                artifact_go_live(artifact=trained)
            hashing(artifact=artifact)

        monkeypatch.setattr(artifacts, "artifact_verify", slowly)
        assert self.verify().state == "done"
        assert live_artifact() == trained

    @pytest.mark.parametrize("earlier", [True, False], ids=["earlier one", "none"])
    def test_or_while_an_earlier_one_is_looked_for(self, monkeypatch, earlier) -> None:
        if earlier:
            artifact_go_live(artifact=save(0.0))
        damaged, trained = save(1.0), save(2.0)
        artifact_go_live(artifact=damaged)
        flip_a_bit(damaged)
        look = artifacts.rollback_candidates

        def slowly(**values) -> list[Artifact]:
            found = look(**values)
            artifact_go_live(artifact=trained)
            return found

        monkeypatch.setattr(artifacts, "rollback_candidates", slowly)
        assert self.verify().state == "done"
        assert live_artifact() == trained

    @pytest.mark.parametrize("copy", ["rotten", "none"])
    def test_a_storage_that_is_away_costs_neither_the_place_nor_the_copy(self, settings, monkeypatch, copy) -> None:
        settings.STORAGES = {**settings.STORAGES, "far": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "far"}
        first, second = save(1.0), save(2.0)
        artifact_go_live(artifact=first)
        artifact_go_live(artifact=second)
        flip_a_bit(second)
        folder = storage.local_path(second.path)
        if copy == "none":
            shutil.rmtree(folder)
        before = files_below(folder.parent)

        class EndpointConnectionError(Exception):
            """What a client library raises is no OSError."""

        def away(name: str) -> bool:
            raise EndpointConnectionError("could not connect to the endpoint")

        monkeypatch.setattr(storages["far"], "exists", away)
        run = self.verify()
        assert run.state == "failed"
        assert "cannot be read (could not connect to the endpoint)" in run.message
        assert live_artifact() == second
        assert files_below(folder.parent) == before

    def test_a_rotten_copy_is_fetched_again_from_the_shared_storage(self, settings) -> None:
        settings.STORAGES = {**settings.STORAGES, "far": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
        settings.ECOMAI = {**settings.ECOMAI, "ARTIFACT_STORAGE": "far"}
        artifact = save(1.0)
        artifact_go_live(artifact=artifact)
        flip_a_bit(artifact)
        assert self.verify().state == "done"
        loaded = live_arrays("toy")
        assert loaded is not None
        assert loaded.arrays["weights"].tolist() == [1.0] * 4

    def test_a_new_process_serves_the_model_before_a_damaged_one(self, caplog) -> None:
        first, second = save(1.0), save(2.0)
        artifact_go_live(artifact=first)
        artifact_go_live(artifact=second)
        shutil.rmtree(storage.local_path(second.path))
        live_reset()
        for _time in range(3):
            loaded = live_arrays("toy")
            assert loaded is not None
            assert loaded.path == first.path
        errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
        assert len(errors) == 1
        assert errors[0].endswith("the model before it serves")


class TestClocks:
    """``heartbeat_at`` of a run against a clock that was set."""

    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch) -> None:
        """This process has not looked at the clock, and remembers nothing of the test."""
        monkeypatch.setattr(clocks, "_offset", None)
        monkeypatch.setattr(clocks, "_doubt_until", 0.0)

    @pytest.fixture
    def jumped(self, fresh, monkeypatch) -> None:
        """This process sees that the clock was put forward by an hour."""
        monkeypatch.setattr(clocks, "_offset", time.time() - time.monotonic() - 3600)

    def running(self, seen: timedelta, worker: str = "elsewhere:1") -> Run:
        return Run.objects.create(
            kind="test.job",
            state="running",
            heartbeat_at=timezone.now() + seen,
            worker=worker,
            started_at=timezone.now(),
        )

    def test_set_back_a_dead_run_does_not_hold_its_lock_until_the_old_time_comes_again(self) -> None:
        run = self.running(timedelta(days=30))
        assert runs_reap() == 0
        run.refresh_from_db()
        assert abs(run.heartbeat_at - timezone.now()) < timedelta(seconds=30)  # from now on its patience runs

    def test_set_back_a_killed_run_of_this_machine_is_found_at_once(self) -> None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        host = worker_name().rpartition(":")[0]
        self.running(timedelta(days=30), f"{host}:{process.pid}")
        assert runs_reap() == 1
        with job(lambda context: None) as kind:
            assert run_claim(run_id=run_create(kind=kind).pk)

    def test_put_forward_a_living_run_gets_time_to_report(self, jumped, monkeypatch) -> None:
        run = self.running(timedelta(hours=-1))
        assert runs_reap() == 0
        monkeypatch.setattr(clocks, "_doubt_until", 0.0)  # three heartbeats later it is still silent
        assert runs_reap() == 1
        run.refresh_from_db()
        assert run.state == "failed"

    def test_only_the_databases_clock_is_put_forward(self, monkeypatch) -> None:
        run = self.running(timedelta(0))
        assert runs_reap() == 0
        later = Value(timezone.now() + timedelta(hours=1), output_field=DateTimeField())
        monkeypatch.setattr(state, "database_now", lambda: later)
        assert runs_reap() == 0
        run.refresh_from_db()
        assert run.state == "running"

    def test_without_a_jump_there_is_no_doubt(self) -> None:
        assert [clocks.clock_was_set(timezone.now() + timedelta(hours=1)) for _time in range(2)] == [False, False]

    def test_a_run_of_a_machine_whose_clock_is_ahead_is_seen_by_the_schedule(self) -> None:
        now = timezone.now().replace(hour=12, minute=0, second=30)
        with job(lambda context: None, schedule="0 12 * * *") as kind:
            run = run_create(kind=kind)
            Run.objects.filter(pk=run.pk).update(created_at=now + timedelta(minutes=3), state="done")
            started: list[str] = []
            runs_start_due(now=now, start=lambda **values: started.append(values["kind"]))
        assert kind not in started

    def test_the_schedule_goes_on_after_runs_of_a_wrong_year(self) -> None:
        now = timezone.now()
        with job(lambda context: None, schedule="* * * * *") as kind:
            wrong = run_create(kind=kind)
            Run.objects.filter(pk=wrong.pk).update(created_at=now + timedelta(days=365), state="done")
            right = run_create(kind=kind)
            Run.objects.filter(pk=right.pk).update(created_at=now - timedelta(hours=1), state="done")
            started: list[str] = []
            runs_start_due(now=now, start=lambda **values: started.append(values["kind"]))
        assert kind in started

    def test_a_machine_in_another_year_than_the_database_deletes_nothing(self, monkeypatch) -> None:
        monkeypatch.setattr(prune, "clock_ahead", lambda: timedelta(days=365))
        old = Run.objects.create(kind="test.job", state="done")
        Run.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=5000))
        outcome = prune_all()
        assert outcome == {
            "clock": "Nothing was deleted: the clocks of this machine and of the database are 8760 hours apart."
        }
        assert Run.objects.filter(pk=old.pk).exists()

    def test_the_databases_clock_is_asked(self) -> None:
        assert abs(clocks.clock_ahead()) < timedelta(minutes=1)

    def test_the_doctor_tells_clocks_that_differ(self, monkeypatch) -> None:
        monkeypatch.setattr(doctor, "clock_ahead", lambda: timedelta(seconds=-90))
        (finding,) = doctor._clock()
        assert (finding.level, finding.data) == ("warning", {"ahead_seconds": -90.0})

    def test_a_run_that_ends_before_it_began_took_no_time(self, admin_client) -> None:
        run = self.running(timedelta(0))
        Run.objects.filter(pk=run.pk).update(state="done", finished_at=timezone.now() - timedelta(hours=2))
        page = admin_client.get(reverse("admin:ecomai_runs_run_change", args=[run.pk])).content.decode()
        assert "0 s" in page


class TestKilled:
    @pytest.fixture
    def half_written(self, artifact_dir) -> list[Path]:
        folders = [
            artifact_dir / "toy/_" / name
            for name in (".20260101T000000-run7.abc", ".20260101T000000-run7-2.abc", ".20260101T000000-run77.abc")
        ]
        for folder in folders:
            folder.mkdir(parents=True)
            (folder / "weights.npy").write_bytes(b"half")
        return folders

    def test_what_it_had_begun_to_write_is_deleted_with_its_end(self, half_written) -> None:
        Run.objects.create(pk=7, kind="test.job", state="running", heartbeat_at=timezone.now())
        dispatch._child_ended(7, -signal.SIGKILL, "")
        assert Run.objects.get(pk=7).state == "failed"
        assert [folder.exists() for folder in half_written] == [False, False, True]

    def test_also_when_nobody_waited_for_it(self, half_written) -> None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        worker = f"{worker_name().rpartition(':')[0]}:{process.pid}"
        Run.objects.create(
            pk=7, kind="test.job", state="running", heartbeat_at=timezone.now() - timedelta(minutes=1), worker=worker
        )
        assert runs_reap() == 1
        assert [folder.exists() for folder in half_written] == [False, False, True]

    def test_one_that_may_live_elsewhere_keeps_its_files(self, half_written) -> None:
        Run.objects.create(
            pk=7, kind="test.job", state="running", heartbeat_at=timezone.now() - timedelta(hours=1), worker="other:1"
        )
        assert runs_reap() == 1
        assert all(folder.exists() for folder in half_written)


class TestSilentBeat:
    """The scheduler was seen once and is silent for a day."""

    @pytest.fixture(autouse=True)
    def silent(self) -> None:
        heartbeat_beat(name="beat")
        Heartbeat.objects.update(seen_at=timezone.now() - timedelta(days=1))

    def test_a_banner_above_the_list_of_runs(self, admin_client) -> None:
        page = admin_client.get(reverse("admin:ecomai_runs_run_changelist")).content.decode()
        assert '<p class="errornote" role="status"><strong>The scheduler is silent.</strong>' in page
        assert "Last sign of life: 24 hours ago." in page

    def test_a_line_of_the_doctor(self) -> None:
        (finding,) = doctor._scheduler()
        assert (finding.level, finding.title) == ("warning", "The scheduler is silent")

    def test_no_banner_while_it_beats(self, admin_client) -> None:
        heartbeat_beat(name="beat")
        page = admin_client.get(reverse("admin:ecomai_runs_run_changelist")).content.decode()
        assert "The scheduler" not in page

    def test_a_beat_of_the_future_is_no_sign_of_life(self) -> None:
        Heartbeat.objects.update(seen_at=timezone.now() + timedelta(days=1))
        (finding,) = doctor._scheduler()
        assert finding.level == "warning"
