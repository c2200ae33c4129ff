from __future__ import annotations

from django.apps import apps
from django.urls import path

from .saleor.views import webhook

app_name = "ecomai_ingest"

urlpatterns = [path("ingest/saleor/", webhook, name="saleor")]

if apps.is_installed("rest_framework"):
    from . import api

    urlpatterns += [path(f"api/ingest/{name}/", view.as_view(), name=f"api-{name}") for name, view in api.VIEWS.items()]
    if apps.is_installed("django_ecomai.recommend"):
        from .api_recommend import RecommendationsView

        urlpatterns.append(
            path(
                "api/ingest/recommendations/<slug:placement>/",
                RecommendationsView.as_view(),
                name="api-recommendations",
            )
        )
    if apps.is_installed("django_ecomai.pricing"):
        from . import api_prices

        urlpatterns += [
            path("api/ingest/ledger/", api_prices.LedgerView.as_view(), name="api-ledger"),
            path("api/ingest/holds/", api_prices.HoldsView.as_view(), name="api-holds"),
            path("api/ingest/holds/check/", api_prices.HoldsCheckView.as_view(), name="api-holds-check"),
        ]
