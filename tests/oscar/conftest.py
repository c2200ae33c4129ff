"""Tests inside Oscar's own default shop: a project of its own, so a run of its own (``make test`` has it).

By hand: ``pytest tests/oscar --ds=tests.projects.oscar.settings``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.commands.migrate import Command as MigrateCommand
from django.test import Client

collect_ignore_glob = [] if apps.is_installed("oscar.apps.catalogue") else ["test_*.py"]

_sync_apps = MigrateCommand.sync_apps
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Django makes the tables of apps without migrations first; Oscar's point to those of apps that have some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MigrateCommand, "sync_apps", lambda *args, **kwargs: None)
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """The tables that were left out."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(MigrateCommand, "sync_apps", _sync_apps)
        call_command("migrate", run_syncdb=True, verbosity=0)


@pytest.fixture(autouse=True)
def _fresh_partitions(fresh_partitions: None) -> None:
    """Here every test writes events."""


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Callable[[], Any]:
    """A block after which what waits for the commit is done."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def shopper() -> Client:
    """A browser of a person."""
    return Client(headers={"User-Agent": CHROME})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What Oscar still does in an old way is not ours to correct."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for ignored in (
                ":DeprecationWarning",
                ":PendingDeprecationWarning",
                ".* is not implemented in this backend",
            ):
                item.add_marker(pytest.mark.filterwarnings(f"ignore:{ignored}"))
