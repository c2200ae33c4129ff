from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path

from django_ecomai.runs.services import run_start


def start(request: HttpRequest, kind: str) -> HttpResponse:
    """What a button does."""
    return HttpResponse(str(run_start(kind=kind).pk))


urlpatterns = [path("admin/", admin.site.urls), path("start/<str:kind>/", start)]
