"""``ecomai/api/pricing/…``: proposals, decisions, applied prices and competitors' offers, for staff."""

from .changes import ChangesView, UndoView
from .elasticities import ElasticitiesView
from .market import CompetitorMatchDecideView, CompetitorMatchesView, CompetitorOffersView, MarketPositionsView
from .offers import OfferDecisionView, OffersExportView, OffersView, SegmentsView
from .proposals import ApplyView, DecideView, ExportView, ProposalsView, ProposalView
from .selections import SelectionConfirmView, SelectionSkippedView, SelectionsView, SelectionView

__all__ = [
    "ApplyView",
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
    "SelectionConfirmView",
    "SelectionSkippedView",
    "SelectionView",
    "SelectionsView",
    "UndoView",
]
