"""The example shop's addresses."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("ecomai/", include("django_ecomai.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    # An example must run with one command under any server; a real shop lets its web server send these files.
    path("static/<path:path>", serve, {"insecure": True}),
    path("", include("example_project.shop.urls")),
]
