from __future__ import annotations

from django.apps import apps
from django.urls import path

from . import views

app_name = "ecomai_privacy"

urlpatterns = [
    path("privacy/", views.why, name="why"),
    path("privacy/suggestions/", views.suggestions, name="suggestions"),
    path("privacy/requests/new/<slug:kind>/", views.request_new, name="request-new"),
    path("privacy/requests/<uuid:reference>/", views.request_show, name="request"),
    path("privacy/requests/<uuid:reference>/archive/", views.archive, name="archive"),
    path("privacy/requests/<uuid:reference>/cancel/", views.cancel, name="cancel"),
]

if apps.is_installed("rest_framework"):
    from .api import OverviewView, RequestsView

    urlpatterns += [
        path("api/privacy/", OverviewView.as_view(), name="api-overview"),
        path("api/privacy/requests/", RequestsView.as_view(), name="api-requests"),
    ]
