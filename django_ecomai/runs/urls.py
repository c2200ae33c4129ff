"""Addresses below ``ecomai/`` that orchestrators and monitoring ask."""

from __future__ import annotations

from django.urls import path
from django.urls.resolvers import URLPattern

from . import views

app_name = "ecomai_runs"
urlpatterns: list[URLPattern] = [
    path("health/live/", views.live, name="live"),
    path("health/ready/", views.ready, name="ready"),
    path("metrics/", views.figures, name="metrics"),
]
