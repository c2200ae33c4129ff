from __future__ import annotations

from django.apps import apps
from django.urls import path

from .saleor.views import webhook

app_name = "ecomai_ingest"

urlpatterns = [path("ingest/saleor/", webhook, name="saleor")]

if apps.is_installed("rest_framework"):
    from . import api

    urlpatterns += [
        path("api/ingest/categories/", api.CategoriesView.as_view(), name="api-categories"),
        path("api/ingest/products/", api.ProductsView.as_view(), name="api-products"),
        path("api/ingest/prices/", api.PricesView.as_view(), name="api-prices"),
        path("api/ingest/stock/", api.StockView.as_view(), name="api-stock"),
        path("api/ingest/promotions/", api.PromotionsView.as_view(), name="api-promotions"),
        path("api/ingest/customers/", api.CustomersView.as_view(), name="api-customers"),
        path("api/ingest/orders/", api.OrdersView.as_view(), name="api-orders"),
        path("api/ingest/reviews/", api.ReviewsView.as_view(), name="api-reviews"),
        path("api/ingest/events/", api.EventsView.as_view(), name="api-events"),
    ]
    if apps.is_installed("django_ecomai.recommend"):
        from .api_recommend import RecommendationsView

        urlpatterns.append(
            path(
                "api/ingest/recommendations/<slug:placement>/",
                RecommendationsView.as_view(),
                name="api-recommendations",
            )
        )
