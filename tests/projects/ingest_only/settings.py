"""A project that only takes what a shop elsewhere sends: no recommendations, no other capability."""

from django_ecomai import ecomai_apps
from tests.projects.base import *  # noqa: F403
from tests.projects.base import DJANGO_APPS

INSTALLED_APPS = [*DJANGO_APPS, "rest_framework", *ecomai_apps("ingest")]
ECOMAI = {"ADAPTER": "django_ecomai.adapters.headless.HeadlessAdapter"}
