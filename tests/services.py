"""Real services that some tests need: ``require_service("redis")`` skips with one line when one is absent.

``ECOMAI_TEST_REQUIRE=all`` (or a comma-separated list of names) turns such a skip into a failure, so that a run that
must prove something never passes by skipping it.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.mariadb import mysql_missing

DATABASE_URL = os.environ.get("ECOMAI_TEST_DATABASE_URL") or "postgres://127.0.0.1:5432/test"
REDIS_URL = os.environ.get("ECOMAI_TEST_REDIS_URL") or "redis://127.0.0.1:6379/0"
RABBITMQ_URL = os.environ.get("ECOMAI_TEST_RABBITMQ_URL") or "amqp://guest:guest@127.0.0.1:5672//"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def require_service(name: str) -> None:
    """Skip the running test when the service ``name`` is absent, or fail it when ``ECOMAI_TEST_REQUIRE`` names it.

    Known names: redis, postgres, mysql, rabbitmq, chromium, java, oscar. Raises ``LookupError`` for another one.
    """
    missing = service_missing(name)
    if not missing:
        return
    if service_is_required(name):
        pytest.fail(f"{name} is required (ECOMAI_TEST_REQUIRE) but {missing}", pytrace=False)
    pytest.skip(f"needs {name}: {missing}")


def service_is_required(name: str) -> bool:
    """Whether ``ECOMAI_TEST_REQUIRE`` is ``all`` or holds ``name``."""
    wanted = {part.strip() for part in os.environ.get("ECOMAI_TEST_REQUIRE", "").lower().split(",")}
    return "all" in wanted or name in wanted


@functools.cache
def service_missing(name: str) -> str:
    """Why the service cannot be used, in one line; empty when it can."""
    try:
        probe = _PROBES[name]
    except KeyError:
        raise LookupError(f"No service named {name!r}. Known: {', '.join(sorted(_PROBES))}.") from None
    return probe()


def chromium_path() -> str | None:
    """The system's Chromium, or what ``ECOMAI_TEST_CHROMIUM`` names."""
    given = os.environ.get("ECOMAI_TEST_CHROMIUM")
    if given:
        return given if Path(given).exists() else None
    return next((path for path in map(shutil.which, CHROMIUM_NAMES) if path), None)


def _listens(url: str, default_port: int) -> str:
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or default_port
    try:
        with socket.create_connection((host, port), timeout=2):
            return ""
    except OSError as error:
        return f"nothing answers on {host}:{port} ({error.__class__.__name__})"


def _redis() -> str:
    try:
        import redis
    except ImportError:
        return "the Python package redis is not installed"
    try:
        redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2, socket_timeout=2).ping()
    except redis.RedisError as error:
        return f"{_without_password(REDIS_URL)} does not answer ({error.__class__.__name__})"
    return ""


def _postgres() -> str:
    try:
        import psycopg
    except ImportError:
        return "the Python package psycopg is not installed"
    parts = urlsplit(DATABASE_URL)
    server = parts._replace(scheme="postgresql", path="/postgres").geturl()
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.Error as error:
        return f"{_without_password(DATABASE_URL)} does not answer ({error.__class__.__name__})"
    return ""


def _chromium() -> str:
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "the Python package playwright is not installed"
    return "" if chromium_path() else "no Chromium is installed (or name one by ECOMAI_TEST_CHROMIUM)"


def _oscar() -> str:
    missing = [name for name in ("oscar", "sorl") if importlib.util.find_spec(name) is None]
    return "django-oscar is not installed (pip install 'django-ecomai[oscar]')" if missing else ""


def _java() -> str:
    if shutil.which("java"):
        return ""
    home = os.environ.get("JAVA_HOME")
    return "" if home and (Path(home) / "bin" / _exe("java")).exists() else "no java is on the PATH"


def _exe(name: str) -> str:
    return f"{name}.exe" if sys.platform == "win32" else name


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or ''}{parts.path}"


_PROBES: dict[str, Callable[[], str]] = {
    "redis": _redis,
    "postgres": _postgres,
    "mysql": mysql_missing,
    "rabbitmq": lambda: _listens(RABBITMQ_URL, 5672),
    "chromium": _chromium,
    "java": _java,
    "oscar": _oscar,
}
