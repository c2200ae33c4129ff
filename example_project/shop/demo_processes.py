"""Celery worker and beat of `demo --background`: started as children, stopped with the demo."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

BROKER = "filesystem://"
STOP_SECONDS = 15


def commands() -> dict[str, list[str]]:
    """What is started, by name."""
    celery = [sys.executable, "-m", "celery", "-A", "example_project"]
    return {
        "worker": [
            *celery,
            "worker",
            "--concurrency",
            "1",
            "--loglevel",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ],
        "beat": [*celery, "beat", "-l", "INFO", "--pidfile", ""],
    }


def broker_use() -> None:
    """Let this process and its children send jobs through the folder broker."""
    os.environ["CELERY_BROKER_URL"] = BROKER
    settings.CELERY_BROKER_URL = BROKER


@contextmanager
def background(folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run worker and beat while the block lasts; their output goes to `worker.log` and `beat.log` in `folder`.

    They get a session of their own, so that Ctrl-C reaches the demo alone and a running job ends in order.
    """
    children: dict[str, subprocess.Popen[bytes]] = {}
    environment = os.environ | {"CELERY_BROKER_URL": BROKER}
    try:
        for name, command in commands().items():
            with (folder / f"{name}.log").open("ab") as log:
                children[name] = subprocess.Popen(  # noqa: S603  our own interpreter and fixed arguments
                    command, stdout=log, stderr=log, env=environment, cwd=settings.BASE_DIR, start_new_session=True
                )
        yield children
    finally:
        for child in children.values():
            child.terminate()
        for child in children.values():
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
