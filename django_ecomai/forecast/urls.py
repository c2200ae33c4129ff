"""Addresses below ``ecomai/``: the REST endpoints when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

app_name = "ecomai_forecast"

urlpatterns: list[URLPattern] = []

if apps.is_installed("rest_framework"):
    from . import api, api_changes, api_decisions, api_signals

    urlpatterns += [
        path("api/forecasts/", api.ForecastsView.as_view(), name="api-forecasts"),
        path("api/forecasts/past/", api.PastForecastsView.as_view(), name="api-past-forecasts"),
        path("api/forecasts/overrides/", api_decisions.OverridesView.as_view(), name="api-overrides"),
        path(
            "api/forecasts/overrides/<int:pk>/<slug:what>/",
            api_decisions.OverrideStateView.as_view(),
            name="api-override-state",
        ),
        path("api/forecasts/targets/", api_decisions.TargetsView.as_view(), name="api-targets"),
        path("api/forecasts/targets/<int:pk>/", api_decisions.TargetView.as_view(), name="api-target"),
        path("api/forecasts/changes/", api_changes.ChangesView.as_view(), name="api-changes"),
        path("api/forecasts/changes/<int:pk>/undo/", api_changes.ChangeUndoView.as_view(), name="api-change-undo"),
        path("api/forecasts/signals/", api_signals.SignalsView.as_view(), name="api-signals"),
        path("api/forecasts/signals/<slug:key>/", api_signals.SignalView.as_view(), name="api-signal"),
        path(
            "api/forecasts/signals/<slug:key>/values/",
            api_signals.SignalValuesView.as_view(),
            name="api-signal-values",
        ),
    ]
