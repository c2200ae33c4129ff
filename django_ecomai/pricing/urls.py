"""Addresses below ``ecomai/``: the REST endpoints, when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

app_name = "ecomai_pricing"
urlpatterns: list[URLPattern] = []

if apps.is_installed("rest_framework"):
    from . import api

    base = "api/pricing/"
    urlpatterns += [
        path(f"{base}competitor-offers/", api.CompetitorOffersView.as_view(), name="api-offers"),
        path(f"{base}competitor-matches/", api.CompetitorMatchesView.as_view(), name="api-matches"),
        path(
            f"{base}competitor-matches/<int:pk>/decision/",
            api.CompetitorMatchDecideView.as_view(),
            name="api-match-decide",
        ),
        path(f"{base}market/", api.MarketPositionsView.as_view(), name="api-market"),
    ]
