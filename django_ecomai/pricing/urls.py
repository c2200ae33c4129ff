"""Addresses below ``ecomai/``: the REST endpoints, when Django REST framework is installed."""

from __future__ import annotations

from django.urls.resolvers import URLPattern

app_name = "ecomai_pricing"
urlpatterns: list[URLPattern] = []
