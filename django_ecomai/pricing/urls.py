"""Addresses below ``ecomai/``: the REST endpoints, when Django REST framework is installed."""

from __future__ import annotations

from django.apps import apps
from django.urls import path
from django.urls.resolvers import URLPattern

app_name = "ecomai_pricing"
urlpatterns: list[URLPattern] = []

if apps.is_installed("rest_framework"):
    from . import api

    base = "api/pricing/"
    approval, undo = f"{base}proposals/selections/", f"{base}changes/selections/"
    urlpatterns += [
        path(f"{base}proposals/", api.ProposalsView.as_view(), name="api-proposals"),
        path(f"{base}proposals/decision/", api.DecideView.as_view(), name="api-decide"),
        path(f"{base}proposals/apply/", api.ApplyView.as_view(), name="api-apply"),
        path(f"{base}proposals/csv/", api.ExportView.as_view(), name="api-export"),
        path(f"{base}proposals/<int:number>/", api.ProposalView.as_view(), name="api-proposal"),
        path(f"{base}proposals/<int:number>/price/", api.OwnPriceView.as_view(), name="api-own-price"),
        path(f"{base}changes/", api.ChangesView.as_view(), name="api-changes"),
        path(f"{base}changes/<int:number>/undo/", api.UndoView.as_view(), name="api-undo"),
        path(approval, api.ApprovalsView.as_view(), name="api-approvals"),
        path(f"{approval}<int:number>/", api.ApprovalView.as_view(), name="api-approval"),
        path(f"{approval}<int:number>/confirm/", api.ApprovalConfirmView.as_view(), name="api-approval-confirm"),
        path(f"{approval}<int:number>/skipped/", api.ApprovalSkippedView.as_view(), name="api-approval-skipped"),
        path(undo, api.UndosView.as_view(), name="api-undos"),
        path(f"{undo}<int:number>/", api.UndoneView.as_view(), name="api-undone"),
        path(f"{undo}<int:number>/confirm/", api.UndoConfirmView.as_view(), name="api-undo-confirm"),
        path(f"{undo}<int:number>/skipped/", api.UndoSkippedView.as_view(), name="api-undo-skipped"),
        path(f"{base}elasticities/", api.ElasticitiesView.as_view(), name="api-elasticities"),
        path(f"{base}volume-prices/", api.OffersView.as_view(), name="api-offers"),
        path(f"{base}volume-prices/csv/", api.OffersExportView.as_view(), name="api-offers-export"),
        path(f"{base}volume-prices/decision/", api.OfferDecisionView.as_view(), name="api-offers-decide"),
        path(f"{base}volume-prices/current/", api.VolumePricesView.as_view(), name="api-volume-prices"),
        path(f"{base}segments/", api.SegmentsView.as_view(), name="api-segments"),
        path(f"{base}competitor-offers/", api.CompetitorOffersView.as_view(), name="api-competitor-offers"),
        path(f"{base}competitor-matches/", api.CompetitorMatchesView.as_view(), name="api-matches"),
        path(
            f"{base}competitor-matches/<int:pk>/decision/",
            api.CompetitorMatchDecideView.as_view(),
            name="api-match-decide",
        ),
        path(f"{base}competitor-offers/prices/", api.OfferHistoryView.as_view(), name="api-offer-history"),
        path(f"{base}market/categories/", api.CategoryPositionsView.as_view(), name="api-category-positions"),
        path(f"{base}market/alerts/", api.AlertsView.as_view(), name="api-alerts"),
        path(f"{base}ledger/", api.LedgerView.as_view(), name="api-ledger"),
        path(f"{base}rules/", api.RulesView.as_view(), name="api-rules"),
        path(f"{base}replay/", api.ReplayView.as_view(), name="api-replay"),
        path(f"{base}price-tests/", api.PriceTestsView.as_view(), name="api-price-tests"),
        path(f"{base}price-tests/csv/", api.PriceTestsExportView.as_view(), name="api-price-tests-export"),
        path(f"{base}price-tests/<int:number>/", api.PriceTestView.as_view(), name="api-price-test"),
        path(
            f"{base}price-tests/<int:number>/decision/",
            api.PriceTestDecideView.as_view(),
            name="api-price-test-decide",
        ),
        path(f"{base}price-test-groups/", api.PriceTestGroupsView.as_view(), name="api-price-test-groups"),
        path(f"{base}price-test-groups/<int:number>/", api.PriceTestGroupView.as_view(), name="api-price-test-group"),
        path(
            f"{base}price-test-groups/<int:number>/decision/",
            api.PriceTestGroupDecideView.as_view(),
            name="api-price-test-group-decide",
        ),
        path(f"{base}market/", api.MarketPositionsView.as_view(), name="api-market"),
    ]
