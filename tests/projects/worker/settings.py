"""Everything that differs between two tests comes from the environment, so that child processes see the same."""

import json
import os
from pathlib import Path

from tests.projects.base import *  # noqa: F403
from tests.projects.base import DJANGO_APPS, MIDDLEWARE, postgres_settings

HOME = Path(os.environ["WORKER_HOME"])
INSTALLED_APPS = [
    *DJANGO_APPS,
    "django_ecomai.core",
    "django_ecomai.runs",
    "tests.projects.worker.jobs",
    *filter(None, os.environ.get("WORKER_APPS", "").split(",")),
]
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("django_ecomai.")]
ROOT_URLCONF = "tests.projects.worker.urls"
if os.environ["WORKER_DATABASE"].startswith("postgres"):
    DATABASES = {"default": postgres_settings(os.environ["WORKER_DATABASE"])}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["WORKER_DATABASE"],
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL;"},
        }
    }
ECOMAI = {
    "ARTIFACT_DIR": str(HOME / "artifacts"),
    "CELERY_QUEUE": os.environ.get("WORKER_QUEUE") or None,
    **json.loads(os.environ.get("WORKER_ECOMAI", "{}")),
}
CELERY_BROKER_URL = os.environ.get("WORKER_BROKER") or None
CELERY_BROKER_TRANSPORT_OPTIONS = json.loads(os.environ.get("WORKER_TRANSPORT", "{}"))
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("WORKER_QUEUE") or "celery"
BASE_DIR = HOME
