"""A small shop on PostgreSQL for `recommend_speed`: the settings of production where they matter for speed."""

from __future__ import annotations

import os
from pathlib import Path

from django_ecomai import ecomai_apps
from example_project.database import database_settings

BASE_DIR = Path(os.environ["SPEED_DIR"])
SECRET_KEY = "a benchmark on this machine only, 0123456789 0123456789"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "testserver"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    *ecomai_apps("recommend"),
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
ROOT_URLCONF = "benchmarks.speed_site"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
DATABASES = {"default": database_settings(os.environ["SPEED_DATABASE"], default=BASE_DIR / "unused.sqlite3")}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False  # a query per request that would flatter the ratio
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
ECOMAI = {
    "ADAPTER": "benchmarks.speed_shop.Shop",
    "ARTIFACT_DIR": str(BASE_DIR / "artifacts"),
    "CONSENT": "django_ecomai.events.consent.always",
    "DISPATCH": "inline",
    "LIVE_CHECK_SECONDS": float(os.environ.get("SPEED_CHECK_SECONDS", "5")),
    "API_THROTTLE": "",  # both sides are asked as often as they can answer
}
