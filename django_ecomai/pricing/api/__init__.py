"""``ecomai/api/pricing/…``: proposals, decisions, applied prices and competitors' offers, for staff."""

from .changes import ChangesView, UndoView
from .elasticities import ElasticitiesView
from .market import CompetitorMatchDecideView, CompetitorMatchesView, CompetitorOffersView, MarketPositionsView
from .offers import OfferDecisionView, OffersExportView, OffersView, SegmentsView, VolumePricesView
from .proposals import ApplyView, DecideView, ExportView, ProposalsView, ProposalView

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
    "UndoView",
    "VolumePricesView",
]
