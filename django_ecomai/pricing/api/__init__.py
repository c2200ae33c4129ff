"""``ecomai/api/pricing/…``: proposals, decisions and applied prices as JSON and CSV, for staff."""

from .changes import ChangesView, UndoView
from .elasticities import ElasticitiesView
from .offers import OfferDecisionView, OffersExportView, OffersView, SegmentsView
from .proposals import ApplyView, DecideView, ExportView, ProposalsView, ProposalView

__all__ = [
    "ApplyView",
    "ChangesView",
    "DecideView",
    "ElasticitiesView",
    "ExportView",
    "OfferDecisionView",
    "OffersExportView",
    "OffersView",
    "ProposalView",
    "ProposalsView",
    "SegmentsView",
    "UndoView",
]
