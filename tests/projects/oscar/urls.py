from django.apps import apps
from django.urls import include, path

from tests.projects.base_urls import urlpatterns as base

urlpatterns = [
    *base,
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
