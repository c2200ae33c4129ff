"""Everything that EcomAI answers to: ``path("ecomai/", include("django_ecomai.urls"))``.

Only installed capabilities are included.
"""

from __future__ import annotations

from importlib.util import find_spec

from django.apps import apps
from django.urls import include, path
from django.urls.resolvers import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(f"{config.name}.urls"))
    for config in apps.get_app_configs()
    if config.name.startswith("django_ecomai.") and find_spec(f"{config.name}.urls")
]
