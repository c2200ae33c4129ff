"""Real workers, brokers and child processes, each executing a real run on a real database."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import require_service

from .worker_project import PATIENCE, Project, database, filesystem_broker, redis_broker

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="drives POSIX processes and signals"),
]
BACKEND = os.environ.get("ECOMAI_TEST_BACKEND", "sqlite")


@pytest.fixture
def data(tmp_path: Path) -> Iterator[str]:
    if BACKEND == "postgres":
        require_service("postgres")
    with database(tmp_path, BACKEND) as url:
        yield url


@pytest.fixture
def project(tmp_path: Path, data: str) -> Iterator[Project]:
    """No broker: jobs run in child processes."""
    made = Project(tmp_path, database=data)
    yield made
    made.close()


def trained(project: Project, row: dict) -> None:
    """The run ended well and its model is on disk and live."""
    assert (row["state"], row["progress"], row["error"]) == ("done", 1.0, ""), row
    metrics = row["metrics"] if isinstance(row["metrics"], dict) else json.loads(row["metrics"])
    assert metrics["rows"] == 500
    assert metrics["heavy"] == []
    [live] = project.query(
        "SELECT a.path, a.run_id FROM ecomai_runs_liveartifact l JOIN ecomai_runs_artifact a ON a.id = l.artifact_id"
    )
    assert live["run_id"] == row["id"]
    assert (project.home / "artifacts" / live["path"] / "weights.npy").is_file()


@pytest.mark.service("redis")
def test_a_training_through_a_celery_worker_over_redis(tmp_path: Path, data: str) -> None:
    with redis_broker() as broker:
        project = Project(tmp_path, database=data, **broker)
        try:
            worker = project.worker()
            run = project.run_start("toy.train")
            row = project.wait(run)
            trained(project, row)
            assert row["dispatched_via"] == "celery"
            assert int(row["worker"].rpartition(":")[2]) != worker.pid  # in a forked child, never in the parent
            [seen] = project.query("SELECT name FROM ecomai_runs_heartbeat")
            assert seen["name"] == f"worker:{socket.gethostname()}"
            # an unchanged recipe on unchanged data: the same hash
            project.wait(project.run_start("toy.train"))
            hashes = {item["sha256"] for item in project.query("SELECT sha256 FROM ecomai_runs_artifact")}
            assert len(hashes) == 1
            doctor = json.loads(project.manage("ecomai_doctor", "--json").stdout)
            dispatch = next(item for item in doctor["findings"] if item["title"] == "Jobs run in Celery workers")
            assert list(dispatch["data"]["workers"]) == [f"worker:{socket.gethostname()}"]
        finally:
            project.close()


def test_a_training_through_a_celery_worker_over_the_filesystem(tmp_path: Path, data: str) -> None:
    project = Project(tmp_path, database=data, **filesystem_broker(tmp_path))
    try:
        project.worker()
        row = project.wait(project.run_start("toy.train"))
        trained(project, row)
        assert row["dispatched_via"] == "celery"
    finally:
        project.close()


@pytest.mark.service("redis")
def test_beat_and_worker_start_what_is_due_and_beat_for_the_doctor(tmp_path: Path, data: str) -> None:
    settings = tmp_path / "beat_settings.py"
    # every two seconds instead of every minute: a busy machine must still be able to work the queue off
    settings.write_text(
        "from tests.projects.worker.settings import *\n"
        "from django_ecomai.runs.schedule import beat_schedule\n"
        "CELERY_BEAT_SCHEDULE = beat_schedule(queue='training')\n"
        "for entry in CELERY_BEAT_SCHEDULE.values():\n"
        "    entry['schedule'] = 2.0\n"
    )
    # Redis and not a folder: kombu may take a message's file before it is written, which ends the worker
    with redis_broker() as broker:
        project = Project(tmp_path, database=data, **broker)
        project.env |= {
            "DJANGO_SETTINGS_MODULE": "beat_settings",
            "PYTHONPATH": f"{tmp_path}:{project.env['PYTHONPATH']}",
        }
        try:
            # the last training is long ago, so today's regular time has been missed
            old = project.python(
                "from datetime import timedelta; from django.utils import timezone\n"
                "from django_ecomai.runs.models import Run\n"
                "run = Run.objects.create(kind='toy.train', state='done')\n"
                "Run.objects.filter(pk=run.pk).update(created_at=timezone.now() - timedelta(days=2))\n"
                "print(run.pk)"
            )
            project.worker()
            project.spawn("celery", "-A", "tests.projects.worker", "beat", "--schedule", str(tmp_path / "beat.db"))
            mine = f"SELECT * FROM ecomai_runs_run WHERE id <> {int(old)} AND kind = 'toy.train'"
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                names = {row["name"] for row in project.query("SELECT name FROM ecomai_runs_heartbeat")}
                rows = project.query(mine)
                if "beat" in names and rows and rows[0]["state"] == "done":
                    break
                time.sleep(0.2)
            else:
                pytest.fail(f"not started within {PATIENCE:.0f} s: {names}, {rows}\n{project.output()}", pytrace=False)
            trained(project, rows[0])
            titles = [
                item["title"] for item in json.loads(project.manage("ecomai_doctor", "--json").stdout)["findings"]
            ]
            assert "The scheduler works" in titles
            # due once, started once
            assert len(project.query(mine)) == 1
        finally:
            project.close()


def test_a_training_in_a_child_process_outlives_its_starter(project: Project) -> None:
    row = project.wait(project.run_start("toy.train"))
    trained(project, row)
    assert row["dispatched_via"] == "process"


def test_a_broker_that_refuses_falls_back_to_a_child_process(tmp_path: Path, data: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    project = Project(tmp_path, database=data, WORKER_BROKER=f"redis://127.0.0.1:{port}/0")
    try:
        row = project.wait(project.run_start("toy.train"))
        trained(project, row)
        assert row["dispatched_via"] == "process"
        assert "The message broker did not answer" in row["log"]
    finally:
        project.close()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    server = socket.create_server(("127.0.0.1", 0), backlog=50)
    stop = threading.Event()
    taken: list[socket.socket] = []

    def accept() -> None:
        server.settimeout(0.2)
        while not stop.is_set():
            try:
                taken.append(server.accept()[0])
            except TimeoutError:
                continue

    thread = threading.Thread(target=accept)
    thread.start()
    yield server.getsockname()[1]
    stop.set()
    thread.join()
    for connection in taken:
        connection.close()
    server.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_black_holed_broker_does_not_hold_the_caller(tmp_path: Path, data: str, black_hole: int, scheme: str) -> None:
    project = Project(tmp_path, database=data, WORKER_BROKER=f"{scheme}://127.0.0.1:{black_hole}/0")
    try:
        # The caller's clock stops before the dispatching thread has given up: it answered without waiting for it.
        printed = project.python(
            "import threading, time\n"
            "from django_ecomai.runs.services import run_start\n"
            "before = time.monotonic(); run = run_start(kind='toy.train')\n"
            "busy = [t for t in threading.enumerate() if t.name == 'ecomai-dispatch']\n"
            "print(run.pk, run.state, len(busy))"
        ).splitlines()[-1]
        pk, state, busy = printed.split()
        assert (state, busy) == ("queued", "1")
        row = project.wait(int(pk))
        trained(project, row)
        assert row["dispatched_via"] == "process"
        assert "The message broker did not answer" in row["log"]
    finally:
        project.close()


def test_a_killed_training_is_marked_failed_and_its_lock_released(project: Project) -> None:
    code = (
        "import time\nfrom django_ecomai.runs.services import run_start\nfrom django_ecomai.runs.models import Run\n"
        "run = run_start(kind='toy.die')\n"
        "while Run.objects.get(pk=run.pk).state in ('queued', 'running'): time.sleep(.1)\n"
        "while not Run.objects.get(pk=run.pk).log: time.sleep(.1)\n"
        "print(run.pk)"
    )
    row = project.run(int(project.python(code).splitlines()[-1]))
    assert row["state"] == "failed"
    assert row["message"] == "The process was killed by signal 9, often for lack of memory."
    assert "last words before the kill" in row["log"]
    trained(project, project.wait(project.run_start("toy.train")))


def test_a_training_killed_after_its_starter_left_is_found_dead(project: Project) -> None:
    run = project.run_start("toy.wait")
    row = project.wait(run, until=lambda item: item["state"] == "running" and item["progress"] > 0)
    pid = int(row["worker"].rpartition(":")[2])
    os.kill(pid, signal.SIGKILL)
    _gone(pid)
    project.python(
        "from datetime import timedelta; from django.utils import timezone\n"
        "from django_ecomai.runs.models import Run\n"
        f"Run.objects.filter(pk={run}).update(heartbeat_at=timezone.now() - timedelta(minutes=1))\n"
        "from django_ecomai.runs.services import runs_reap; runs_reap()"
    )
    row = project.run(run)
    assert (row["state"], row["message"]) == (
        "failed",
        "The process was killed, often for lack of memory. Start it again.",
    )


def _gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"{pid} lives on")


def test_sigterm_marks_the_run(project: Project) -> None:
    run = project.run_start("toy.wait")
    row = project.wait(run, until=lambda item: item["state"] == "running" and item["progress"] > 0)
    os.kill(int(row["worker"].rpartition(":")[2]), signal.SIGTERM)
    row = project.wait(run)
    assert (row["state"], row["message"]) == ("failed", "Stopped from outside before it was finished.")


def test_a_running_training_is_cancelled_from_another_process(project: Project) -> None:
    run = project.run_start("toy.wait")
    project.wait(run, until=lambda item: item["progress"] > 0)
    project.python(
        "from django_ecomai.runs.services import run_cancel; from django_ecomai.runs.models import Run\n"
        f"run_cancel(run=Run.objects.get(pk={run}))"
    )
    assert project.wait(run)["state"] == "cancelled"


def test_a_child_that_cannot_start_leaves_a_failed_run_that_says_why(project: Project) -> None:
    (project.home / "broken.py").write_text("from tests.projects.worker.settings import *\n")
    code = (
        "import pathlib, time\nfrom django_ecomai.runs.services import run_start\n"
        "from django_ecomai.runs.models import Run\n"
        "pathlib.Path('broken.py').write_text('import no_such_module')\n"
        "run = run_start(kind='toy.train')\n"
        "while not Run.objects.get(pk=run.pk).log: time.sleep(.1)\n"
        "print(run.pk)"
    )
    project.env |= {"DJANGO_SETTINGS_MODULE": "broken", "PYTHONPATH": f"{project.home}:{project.env['PYTHONPATH']}"}
    row = project.run(int(project.python(code).splitlines()[-1]))
    assert (row["state"], row["message"]) == ("failed", "The process ended with exit code 1. The log says more.")
    assert "No module named 'no_such_module'" in row["log"]


def test_the_loop_takes_queued_runs_and_leaves_on_sigterm(tmp_path: Path, data: str) -> None:
    project = Project(tmp_path, database=data, ecomai={"DISPATCH": "queue"})
    try:
        run = project.run_start("toy.train")
        assert project.run(run)["state"] == "queued"
        loop = project.spawn("django", "ecomai_work", "--loop", "--interval", "0.1")
        row = project.wait(run)
        trained(project, row)
        assert row["dispatched_via"] == "queue"
        # the first SIGTERM lets the current run end
        waiting = project.run_start("toy.wait")
        project.wait(waiting, until=lambda item: item["progress"] > 0)
        loop.send_signal(signal.SIGTERM)
        project.python(
            "from django_ecomai.runs.services import run_cancel; from django_ecomai.runs.models import Run\n"
            f"run_cancel(run=Run.objects.get(pk={waiting}))"
        )
        assert project.wait(waiting)["state"] == "cancelled"
        assert loop.wait(PATIENCE) == 0
    finally:
        project.close()


def test_a_second_sigterm_stops_the_loop_at_once(tmp_path: Path, data: str) -> None:
    project = Project(tmp_path, database=data, ecomai={"DISPATCH": "queue"})
    try:
        run = project.run_start("toy.wait")
        loop = project.spawn("django", "ecomai_work", "--loop", "--interval", "0.1")
        project.wait(run, until=lambda item: item["progress"] > 0)
        loop.send_signal(signal.SIGTERM)
        while loop.poll() is None and project.run(run)["state"] == "running":
            loop.send_signal(signal.SIGTERM)
            time.sleep(0.2)
        assert project.wait(run)["state"] == "failed"
        assert loop.wait(PATIENCE) == 128 + signal.SIGTERM
    finally:
        project.close()


def test_a_killed_run_does_not_take_the_loop_along(tmp_path: Path, data: str) -> None:
    project = Project(tmp_path, database=data, ecomai={"DISPATCH": "queue"})
    try:
        project.spawn("django", "ecomai_work", "--loop", "--interval", "0.1")
        killed = project.wait(project.run_start("toy.die"))
        assert (killed["state"], killed["message"]) == (
            "failed",
            "The process was killed by signal 9, often for lack of memory.",
        )
        trained(project, project.wait(project.run_start("toy.train")))
    finally:
        project.close()


def test_two_processes_that_want_the_same_run_execute_it_once(project: Project) -> None:
    project.env["WORKER_ECOMAI"] = json.dumps({"DISPATCH": "queue"})
    run = project.run_start("toy.train")
    both = [project.spawn("django", "ecomai_work", str(run)) for _number in range(2)]
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    trained(project, project.run(run))
    assert len(project.query("SELECT id FROM ecomai_runs_artifact")) == 1


def test_a_button_under_gunicorn_returns_while_the_child_trains(project: Project) -> None:
    pytest.importorskip("gunicorn")
    (project.home / "site.py").write_text("from django.core.wsgi import get_wsgi_application as make\napp = make()\n")
    (project.home / "shop_site.py").write_text(
        "from django.core.wsgi import get_wsgi_application\napp = get_wsgi_application()\n"
    )
    (project.home / "site.py").unlink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = project.spawn("gunicorn", "--preload", "--bind", f"127.0.0.1:{port}", "--workers", "1", "shop_site:app")
    pk = int(_get(f"http://127.0.0.1:{port}/start/toy.wait/"))
    row = project.wait(pk, until=lambda item: item["progress"] > 0)
    assert row["state"] == "running"
    again = int(_get(f"http://127.0.0.1:{port}/start/toy.wait/"))
    assert again == pk  # a second click finds the first
    server.send_signal(signal.SIGTERM)
    server.wait(PATIENCE)
    progress = project.run(pk)["progress"]
    row = project.wait(pk, until=lambda item: item["progress"] > progress)
    assert row["state"] == "running"  # it outlived the server
    project.manage("shell", "-v0", "-c", _CANCEL_ALL)
    assert project.wait(pk)["state"] == "cancelled"


_CANCEL_ALL = (
    "from django_ecomai.runs.services import run_cancel; from django_ecomai.runs.models import Run\n"
    "[run_cancel(run=run) for run in Run.objects.filter(state='running')]"
)


def _get(url: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return response.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
