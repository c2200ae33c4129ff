"""``ecomai/api/pricing/…``: proposals, decisions, applied prices and competitors' offers, for staff."""

from .changes import ChangesView, UndoView
from .elasticities import ElasticitiesView
from .market import CompetitorMatchDecideView, CompetitorMatchesView, CompetitorOffersView, MarketPositionsView
from .offers import OfferDecisionView, OffersExportView, OffersView, SegmentsView, VolumePricesView
from .proposals import ApplyView, DecideView, ExportView, ProposalsView, ProposalView
from .selections import (
    ApprovalConfirmView,
    ApprovalSkippedView,
    ApprovalsView,
    ApprovalView,
    UndoConfirmView,
    UndoneView,
    UndoSkippedView,
    UndosView,
)

__all__ = [
    "ApplyView",
    "ApprovalConfirmView",
    "ApprovalSkippedView",
    "ApprovalView",
    "ApprovalsView",
    "ChangesView",
    "CompetitorMatchDecideView",
    "CompetitorMatchesView",
    "CompetitorOffersView",
    "DecideView",
    "ElasticitiesView",
    "ExportView",
    "MarketPositionsView",
    "OfferDecisionView",
    "OffersExportView",
    "OffersView",
    "ProposalView",
    "ProposalsView",
    "SegmentsView",
    "UndoConfirmView",
    "UndoSkippedView",
    "UndoView",
    "UndoneView",
    "UndosView",
    "VolumePricesView",
]
