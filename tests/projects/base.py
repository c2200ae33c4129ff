"""What every test project shares.

``ECOMAI_TEST_BACKEND=postgres`` runs the same suite on PostgreSQL, ``mysql`` on MySQL or MariaDB (``tests.run`` starts
a server of its own for a part of the suite, see ``tests/mariadb.py``).
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DATABASE_URL = os.environ.get("ECOMAI_TEST_DATABASE_URL") or "postgres://127.0.0.1:5432/test"
MYSQL_URL = os.environ.get("ECOMAI_TEST_MYSQL_URL") or "mysql://root@127.0.0.1:3306/test"
REDIS_URL = os.environ.get("ECOMAI_TEST_REDIS_URL") or "redis://127.0.0.1:6379/0"
BACKEND = os.environ.get("ECOMAI_TEST_BACKEND", "sqlite")


def postgres_settings(url: str = DATABASE_URL) -> dict[str, Any]:
    """Django's ``DATABASES`` entry for a ``postgres://user:password@host:port/name`` URL."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/") or "test",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


def mysql_settings(url: str = MYSQL_URL) -> dict[str, Any]:
    """Django's ``DATABASES`` entry for a ``mysql://user:password@host:port/name`` URL.

    Takes mysqlclient when it is there, else PyMySQL, which needs no compiler and gives itself out for it.
    """
    if importlib.util.find_spec("MySQLdb") is None:
        import pymysql

        pymysql.install_as_MySQLdb()
    return {
        **postgres_settings(url),
        "ENGINE": "django.db.backends.mysql",
        # The server's own default compares without case, which is what most shops have: it is meant to hurt here.
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_general_ci"},
    }


# Process-private scratch space: test runs in parallel never share an artifact folder.
SCRATCH = Path(tempfile.mkdtemp(prefix="ecomai-test-"))

if BACKEND == "postgres":
    DATABASES = {"default": postgres_settings()}
elif BACKEND == "mysql":
    DATABASES = {"default": mysql_settings()}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            # A file, as every shop has, under both names: with a database in memory a live server's threads share one
            # connection, and two requests at once lose their writes. Nobody needs these tables after a power cut.
            "NAME": str(SCRATCH / "empty.sqlite3"),
            "TEST": {"NAME": os.environ.get("ECOMAI_TEST_SQLITE") or str(SCRATCH / "test.sqlite3")},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
            },
        }
    }

SECRET_KEY = "tests-only-" + "x" * 50
DEBUG = False
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.projects.base_urls"
STATIC_URL = "/static/"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
BASE_DIR = SCRATCH
DJANGO_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_ecomai.events.middleware.VisitorMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
ECOMAI: dict[str, Any] = {"ARTIFACT_DIR": str(SCRATCH / "artifacts"), "DISPATCH": "inline"}
