"""Addresses below ``ecomai/``: the REST endpoints, when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

app_name = "ecomai_inventory"
urlpatterns: list[URLPattern] = []

if apps.is_installed("rest_framework"):
    from . import api

    base = "api/inventory/"
    urlpatterns += [
        path(f"{base}suggestions/", api.SuggestionsView.as_view(), name="api-suggestions"),
        path(f"{base}suggestions/<str:product_id>/decision/", api.DecideView.as_view(), name="api-decide"),
        path(f"{base}orders/", api.OrdersView.as_view(), name="api-orders"),
        path(f"{base}orders/<str:number>/stage/", api.StageView.as_view(), name="api-stage"),
        path(f"{base}substitutions/", api.SubstitutionsView.as_view(), name="api-substitutions"),
        path(f"{base}suppliers/", api.SuppliersView.as_view(), name="api-suppliers"),
        path(f"{base}what-if/", api.WhatIfView.as_view(), name="api-what-if"),
        path(f"{base}tables/<slug:table>/", api.TableView.as_view(), name="api-table"),
    ]
