from __future__ import annotations

from django.apps import apps
from django.urls import path

from . import views

app_name = "ecomai_events"

urlpatterns = [
    path("capture/", views.capture, name="capture"),
    path("capture/token/", views.token, name="token"),
]

if apps.is_installed("rest_framework"):
    from .api import EventsView

    urlpatterns.append(path("api/events/", EventsView.as_view(), name="api-events"))
