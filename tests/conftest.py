"""What every test gets: services are asked for by a marker, nothing leaks from one test into the next."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from tests.services import require_service

# Machines differ in speed, so no test has a deadline; in CI the same examples are drawn at every run.
hypothesis_settings.register_profile("local", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "local")


DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server"})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Send tests that share a service or a browser to one worker: two at once meet in its queue or starve its pages.

    ``database`` marks what another database may change: pytest-django refuses every query to all others, but for
    processes that a test starts.
    """
    for item in items:
        if DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())) or any(
            item.get_closest_marker(name) for name in ("django_db", "service", "slow")
        ):
            item.add_marker(pytest.mark.database)
        if any(item.get_closest_marker(name) for name in ("browser", "service", "slow")):
            # Real processes on a busy machine: tried once more, and the summary names what needed it.
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.service("chromium"))
            item.add_marker(pytest.mark.xdist_group("browser"))
        elif item.get_closest_marker("service") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("services"))
    yield
    for item in items:
        # pytest-xdist 3.8 writes the group where pytest 9.2 no longer reads it: without this there are no groups.
        grouped = getattr(item, "_nodeid", item.nodeid)
        if item.nodeid != grouped:
            item._id = type(item.id).parse(grouped)


@pytest.fixture(autouse=True, scope="session")
def _quick_flush() -> Iterator[None]:
    """After a test that commits Django truncates every table, which makes all their files anew on PostgreSQL.

    Emptying the few that hold rows takes a tenth of the time.
    """
    if os.environ.get("ECOMAI_TEST_BACKEND") != "postgres":
        yield
        return
    from django.db.backends.postgresql.operations import DatabaseOperations

    def sql_flush(self: Any, style: Any, tables: list[str], **options: Any) -> list[str]:
        asked = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {self.quote_name(table)})" for table in tables)
        with self.connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(asked))
            return [f"DELETE FROM {self.quote_name(row[0])}" for row in cursor.fetchall()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        yield


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long texts by their argument: signed tokens and random ids differ between the workers that collect them."""
    return argname if isinstance(val, str) and len(val) > 30 else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape captured text that is no valid Unicode (a hostile request in a log): xdist could not send it on."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip (or fail, see ``tests/services.py``) a test whose service is absent, before its fixtures are built."""
    for marker in item.iter_markers("service"):
        for name in marker.args:
            require_service(name)


@pytest.fixture(autouse=True)
def _clean_caches() -> Iterator[None]:
    """Empty every cache after each test: recent items of one test's visitor are no history in the next."""
    yield
    from django.apps import apps
    from django.core.cache import caches

    for cache in caches.all(initialized_only=True):
        cache.clear()
    if apps.is_installed("django_ecomai.privacy"):
        from django_ecomai.privacy.refusing import forget

        forget()  # whoever refused something in one test's database
    if clocks := sys.modules.get("django_ecomai.runs.services.clocks"):
        # A test that stands at another time is no jump of the clock to the next one.
        clocks._offset, clocks._doubt_until = None, 0.0


@pytest.fixture
def fresh_partitions() -> Iterator[None]:
    """Partitions made inside a test are rolled back with it; the process must not remember them."""
    from django_ecomai.events import partitions

    partitions.forget()
    yield
    partitions.forget()


@pytest.fixture
def ecomai_setting(settings: Any) -> Callable[..., None]:
    """Change keys of ``ECOMAI`` for one test."""

    def change(**values: Any) -> None:
        settings.ECOMAI = {**settings.ECOMAI, **values}

    return change


@pytest.fixture
def agreed(ecomai_setting: Callable[..., None]) -> None:
    """Everybody has agreed to everything."""
    ecomai_setting(CONSENT="django_ecomai.events.consent.always")
