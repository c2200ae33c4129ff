"""A detached child process that executes one run with the same settings and import path."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from django_ecomai.runs import storage

logger = logging.getLogger("django_ecomai.runs")
OUTPUT_LIMIT = 16_000
DATABASE_MARK = "ECOMAI_PARENT_DATABASE"


class SpawnError(Exception):
    """No child process could be started; the text says why."""


def spawn(run_id: int, *, on_exit: Callable[[int, str], None]) -> int:
    """Start ``python -m django ecomai_work <run_id>`` in a session of its own and return its process id.

    It outlives the server that started it. ``on_exit(code, output)`` is called from a thread when it ends while this
    process still lives. Raises ``SpawnError``.
    """
    process, output = start(run_id)
    threading.Thread(target=_watch, args=(process, output, on_exit), name="ecomai-child", daemon=True).start()
    return process.pid


def start(run_id: int) -> tuple[subprocess.Popen[bytes], Path | None]:
    """The started child and the file that takes its output. Raises ``SpawnError``."""
    module = settings_module()
    if not module:
        raise SpawnError("settings were configured in code: a child process cannot import them. Use DISPATCH inline.")
    output = _output_path(run_id)
    flags: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        with output.open("wb") if output else Path(os.devnull).open("wb") as sink:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and command
                [python(), "-m", "django", "ecomai_work", str(run_id)],
                env=_environment(module),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                close_fds=True,
                **flags,
            )
    except OSError as error:
        raise SpawnError(f"no child process could be started: {error}") from error
    return process, output


def settings_module() -> str:
    """The name of the settings module that a child can import; empty when settings were made in code."""
    return str(getattr(settings, "SETTINGS_MODULE", None) or os.environ.get("DJANGO_SETTINGS_MODULE") or "")


def database_mark() -> str:
    """Names the database of this process. A test run uses another one than its settings say, and so would its child."""
    return f"{connection.vendor}:{connection.settings_dict.get('HOST', '')}:{connection.settings_dict['NAME']}"


def sees_our_database() -> bool:
    """In a child: whether it has the same database as the process that started it."""
    return os.environ.get(DATABASE_MARK, database_mark()) == database_mark()


def python() -> str:
    """The interpreter; under uWSGI and in frozen servers ``sys.executable`` is the server itself."""
    if "python" in Path(sys.executable or "").name.lower() or "pypy" in Path(sys.executable or "").name.lower():
        return sys.executable
    beside = Path(sys.prefix) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python3")
    return str(beside) if beside.exists() else shutil.which("python3") or "python3"


def _environment(module: str) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key != "RUN_MAIN"}  # runserver's reloader mark
    environment["DJANGO_SETTINGS_MODULE"] = module
    environment[DATABASE_MARK] = database_mark()
    environment["PYTHONPATH"] = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    # numpy and OpenMP in a trainer must not take every core from the shop.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    return environment


def _output_path(run_id: int) -> Path | None:
    folder = storage.root() / ".output"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"run-{run_id}.log"
        path.touch()
    except OSError as error:
        logger.warning("the output of run %s is not kept: %s", run_id, error)
        return None
    return path


def output_take(output: Path | None) -> str:
    """The end of what an ended child has said; its file is deleted."""
    if output is None:
        return ""
    try:
        text = output.read_bytes()[-OUTPUT_LIMIT:].decode("utf-8", "replace").strip()
        output.unlink()
    except OSError as error:
        logger.debug("output of a run could not be read: %s", error)
        return ""
    return text


def _watch(process: subprocess.Popen[bytes], output: Path | None, on_exit: Callable[[int, str], None]) -> None:
    """Wait for the child: no zombie stays, and a killed one is reported at once."""
    code = process.wait()
    try:
        on_exit(code, output_take(output))
    except (DatabaseError, InterfaceError):
        logger.warning("the end of a child process could not be noted", exc_info=True)
    finally:
        connection.close()
