"""The demo's own parts; that it runs from an empty folder to a table is tested where the whole package is."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from django_ecomai.runs.models import Run
from example_project.shop import demo, demo_processes
from example_project.shop.load import read_source
from example_project.shop.models import Product

pytestmark = pytest.mark.django_db

ROWS: list[dict[str, Any]] = [
    {
        "model": "popular (30 days)",
        "ours": False,
        "split": "new_items",
        "metrics": {"recall@20": 0.05, "ndcg@20": 0.06},
    },
    {"model": "EcomAI", "ours": True, "split": "new_items", "metrics": {"recall@20": 0.1, "ndcg@20": 0.12}},
    {"model": "EcomAI", "ours": True, "split": "all", "metrics": {"recall@20": 0.2}},
]


def test_the_table_shows_the_best_first_and_marks_ours() -> None:
    lines = demo.evaluation_table(ROWS).splitlines()
    assert lines[0].split()[:4] == ["Products", "new", "to", "the"]
    assert lines[1].startswith("→ EcomAI")
    assert "0.1000" in lines[1]
    assert lines[2].startswith("  popular (30 days)")
    assert lines[4].startswith("Everything bought")
    assert demo.evaluation_table([]) == ""


@pytest.fixture
def small_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The first weeks of the sample, which is enough for every step."""
    import pyarrow.parquet as pq

    from example_project.shop.load_tables import sample_load

    path = tmp_path / "small.parquet"
    pq.write_table(read_source().slice(0, 4_000), path)
    monkeypatch.setattr(demo, "sample_load", lambda **kwargs: sample_load(path=path, **kwargs))
    monkeypatch.setattr(demo, "EVALUATE_FROM", "2010-12-02")
    # pytest itself wants to hear of a termination.
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    return path


def test_demo_end_to_end_on_a_small_sample_and_again(small_source: Path, tmp_path: Path, capsys) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    call_command("demo", no_serve=True, json=first)
    shown = capsys.readouterr().out
    found = json.loads(first.read_text(encoding="utf-8"))
    assert found["counts"]["shop_lines"] == 4_000
    assert found["counts"]["products"] > 500
    steps = {"migrate", "load", "sync", "supply", "market", "train", "plan", "price", "offers", "admin", "total"}
    assert set(found["seconds"]) == steps
    assert found["skipped"] == []
    assert {row["split"] for row in found["evaluation"]} >= {"all"}
    ours = [row for row in found["evaluation"] if row["ours"]]
    assert len({row["split"] for row in ours}) == len(ours)
    assert any("popular" in row["model"] for row in found["evaluation"])
    assert "→ " in shown
    call_command("demo", no_serve=True, json=second)
    again = json.loads(second.read_text(encoding="utf-8"))
    assert again["skipped"] == ["load", "sync", "supply", "market", "train", "plan", "price", "offers"]
    assert again["evaluation"] == found["evaluation"]
    assert again["counts"] == found["counts"]
    assert Run.objects.filter(kind=demo.TRAIN).count() == 1


def test_a_failed_step_stops_the_demo_with_its_reason(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*, kind: str, **kwargs: Any) -> Run:
        return Run(kind=kind, state=Run.State.FAILED, message="no room on the disk")

    monkeypatch.setattr(demo, "run_now", broken)
    with pytest.raises(CommandError, match="no room on the disk"):
        call_command("demo", no_serve=True)


def test_a_taken_port_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "signal", lambda *args: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="Choose another one"):
            call_command("demo", port=taken.getsockname()[1])
    with pytest.raises(CommandError, match="Choose another one"):
        call_command("demo", port=70_000)
    assert not Product.objects.exists()


class Dead:
    """A worker that ended."""

    def poll(self) -> int | None:
        return 1


def test_a_dead_worker_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "run_start", lambda **kwargs: Run(kind=kwargs["kind"]))
    with pytest.raises(demo.DemoError, match=r"worker\.log"):
        demo.run_wait(demo.SYNC, {}, lambda fraction, message: None, worker=Dead())


def test_worker_and_beat_are_stopped_when_the_demo_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    sleeper = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
    monkeypatch.setattr(demo_processes, "commands", lambda: {"worker": sleeper, "beat": sleeper})
    with (
        override_settings(BASE_DIR=Path(settings.BASE_DIR)),
        pytest.raises(KeyboardInterrupt),
        demo_processes.background(tmp_path) as children,
    ):
        assert [child.poll() for child in children.values()] == [None, None]
        raise KeyboardInterrupt
    assert all(child.poll() is not None for child in children.values())
    assert (tmp_path / "worker.log").exists()


def test_the_children_are_celery_with_our_application() -> None:
    commands = demo_processes.commands()
    assert commands["worker"][1:6] == ["-m", "celery", "-A", "example_project", "worker"]
    assert commands["beat"][1:6] == ["-m", "celery", "-A", "example_project", "beat"]
