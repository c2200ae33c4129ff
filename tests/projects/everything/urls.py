from django.urls import include, path

from tests.projects.base_urls import urlpatterns as base

urlpatterns = [*base, path("", include("example_project.shop.urls"))]
