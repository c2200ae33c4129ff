"""A short address for the start page: ``/ecomai/dashboard/`` leads into the admin."""

from __future__ import annotations

from django.urls import path
from django.urls.resolvers import URLPattern
from django.views.generic import RedirectView

app_name = "ecomai_dashboard"
urlpatterns: list[URLPattern] = [
    path("dashboard/", RedirectView.as_view(pattern_name="admin:ecomai_dashboard_start_changelist"), name="start"),
]
