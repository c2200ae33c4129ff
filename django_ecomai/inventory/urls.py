"""Addresses below ``ecomai/``: the REST endpoints, when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

app_name = "ecomai_inventory"
urlpatterns: list[URLPattern] = []

if apps.is_installed("rest_framework"):
    from .api import DecideView, OrdersView, StageView, SuggestionsView, SuppliersView, TableView, WhatIfView

    base = "api/inventory/"
    urlpatterns += [
        path(f"{base}suggestions/", SuggestionsView.as_view(), name="api-suggestions"),
        path(f"{base}suggestions/<str:product_id>/decision/", DecideView.as_view(), name="api-decide"),
        path(f"{base}orders/", OrdersView.as_view(), name="api-orders"),
        path(f"{base}orders/<str:number>/stage/", StageView.as_view(), name="api-stage"),
        path(f"{base}suppliers/", SuppliersView.as_view(), name="api-suppliers"),
        path(f"{base}what-if/", WhatIfView.as_view(), name="api-what-if"),
        path(f"{base}tables/<slug:table>/", TableView.as_view(), name="api-table"),
    ]
