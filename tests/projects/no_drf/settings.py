"""A shop without Django REST framework among its apps: the REST endpoints are absent, all else works."""

from django_ecomai import ecomai_apps
from tests.projects.base import *  # noqa: F403
from tests.projects.base import DJANGO_APPS

INSTALLED_APPS = [*DJANGO_APPS, *ecomai_apps()]
