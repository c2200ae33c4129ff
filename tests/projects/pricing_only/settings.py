"""A shop that installs prices, with the forecasts they rest on, and nothing else."""

from django_ecomai import ecomai_apps
from tests.projects.base import *  # noqa: F403
from tests.projects.base import DJANGO_APPS

INSTALLED_APPS = [*DJANGO_APPS, "rest_framework", *ecomai_apps("pricing")]
