"""The example shop's database setting: SQLite under `var/`, or whatever DATABASE_URL names."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Readers never wait for the writer, and a writer takes its lock at BEGIN instead of failing half-way.
SQLITE_INIT = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY;"


def sqlite_settings(path: Path | str) -> dict[str, Any]:
    """Settings of a SQLite file that stands several worker processes writing at once."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "CONN_MAX_AGE": 600,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": SQLITE_INIT},
    }


def database_settings(url: str, *, default: Path) -> dict[str, Any]:
    """Parse `postgresql://user:password@host:port/name?option=x` or `sqlite:///file`; empty means `default`.

    Raises ValueError for any other scheme, or when the database has no name.
    """
    if not url:
        return sqlite_settings(default)
    parts = urlsplit(url)
    name = unquote(parts.path[1:])
    if not name:
        raise ValueError(f"DATABASE_URL has no database name: {parts.scheme}://…")
    if parts.scheme == "sqlite":
        return sqlite_settings(name)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(f"DATABASE_URL must begin with postgresql:// or sqlite://, not {parts.scheme}://")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": dict(parse_qsl(parts.query)),
    }
