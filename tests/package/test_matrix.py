"""What ``make test-matrix`` runs where, and that the server of the MySQL leg ends with its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import matrix

ROOT = Path(__file__).resolve().parents[2]


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A machine with uv and no Python; the names of the environments that were run, of which the newest fails."""
    names: list[str] = []

    def run(environment: matrix.Environment) -> tuple[int, str]:
        names.append(environment.name)
        return (3 if environment.name == "newest" else 0), "said"

    monkeypatch.setattr(matrix, "run", run)
    monkeypatch.setattr(matrix, "uv_command", lambda: ["uv"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("ECOMAI_TEST_REQUIRE", "all")
    return names


@pytest.mark.skipif(os.name == "nt", reason="shell scripts stand for Pythons")
class TestWhichPythons:
    def test_one_that_is_not_installed_is_named_and_fails_nobody(self, ran: list[str], capsys) -> None:
        assert matrix.main([]) == 0
        assert capsys.readouterr().err.splitlines() == [
            "Not run: lowest: no Python 3.11 or 3.12 is installed",
            "Not run: newest: no Python 3.13 or 3.14 or 3.12 is installed",
        ]
        assert ran == []

    def test_whoever_asks_for_one_needs_it(self, ran: list[str]) -> None:
        assert matrix.main(["newest"]) == 1
        assert ran == []

    def test_one_of_pyenv_will_do_and_a_shim_of_another_will_not(self, ran: list[str], tmp_path: Path, capsys) -> None:
        program(tmp_path / "bin" / "python3.13", "#!/bin/sh\nexit 127\n")
        program(tmp_path / "pyenv/versions/3.13.0/bin/python3.13", "#!/bin/sh\n")
        assert matrix.main([]) == 3
        assert ran == ["newest"]
        assert f"--- newest: {tmp_path}/pyenv/versions/3.13.0/bin/python3.13 ---" in capsys.readouterr().out

    def test_without_uv_nothing_can_be_made(self, ran: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(matrix, "uv_command", lambda: [])
        assert matrix.main([]) == 1
        monkeypatch.delenv("ECOMAI_TEST_REQUIRE")
        assert matrix.main([]) == 0


SERVER = """#!{python}
import os, socket, sys, time
from pathlib import Path
options = dict(one.split("=", 1) for one in sys.argv[1:] if "=" in one)
Path(options["--pid-file"]).write_text(str(os.getpid()))
with socket.create_server(("127.0.0.1", int(options["--port"]))):
    time.sleep(600)
"""
RUN = """
import time
from tests.mariadb import mysql_url
with mysql_url() as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_server_ends_with_a_run_that_is_told_to_end(tmp_path: Path, number: signal.Signals) -> None:
    program(tmp_path / "mariadb-install-db", "#!/bin/sh\n")
    program(tmp_path / "mariadbd", SERVER.format(python=sys.executable))
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "ECOMAI_TEST_MYSQL_URL": ""}
    with subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            port = running.stdout.readline().rsplit(":", 1)[1].split("/")[0]
            servers = [pid for pid in processes() if f"--port={port}" in command_of(pid)]
            running.send_signal(number)
            assert running.wait(timeout=60) == 128 + number
        finally:
            running.kill()  # leaving the block waits for it, however it went
    assert len(servers) == 1
    assert [pid for pid in servers if command_of(pid)] == []


def processes() -> list[str]:
    return [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]


def command_of(pid: str) -> list[str]:
    """Its arguments; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []
