"""Addresses below ``ecomai/``: the lazy fragment, and the REST endpoint when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

from . import views

app_name = "ecomai_recommend"

urlpatterns: list[URLPattern] = [
    path("fragment/<slug:placement>/", views.fragment, name="fragment"),
]

if apps.is_installed("rest_framework"):
    from .api import RecommendationsView

    urlpatterns.append(
        path("api/recommendations/<slug:placement>/", RecommendationsView.as_view(), name="api-recommendations")
    )
