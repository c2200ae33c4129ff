"""Settings of the example shop as one would run it for customers: `manage.py check --deploy` has nothing to say.

Everything secret comes from the environment; a missing one is an error at the start, never a default.
"""

from __future__ import annotations

from example_project.database import database_settings
from example_project.settings import *  # noqa: F403
from example_project.settings import ECOMAI, VAR_DIR, os

DEBUG = False
DEMO = False
SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
DATABASES = {"default": database_settings(os.environ["DATABASE_URL"], default=VAR_DIR / "shop.sqlite3")}
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

SECURE_SSL_REDIRECT = True
# The probes of an orchestrator come without TLS and without the proxy.
SECURE_REDIRECT_EXEMPT = [r"^ecomai/health/"]
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
if os.environ.get("BEHIND_TLS_PROXY") == "1":  # only when the proxy overwrites the header: else anybody may send it
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

ECOMAI = {
    **ECOMAI,
    "HASH_KEY": os.environ["ECOMAI_HASH_KEY"],
    "METRICS_TOKEN": os.environ.get("ECOMAI_METRICS_TOKEN") or None,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "django_ecomai.core.logs.JsonFormatter"}},
    "handlers": {"json": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["json"], "level": "INFO"},
}
