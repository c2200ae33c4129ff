"""``ecomai/api/pricing/…``: proposals, decisions, applied prices, tests and competitors' offers for staff; the price
ledger for everybody."""

from .changes import ChangesView, UndoView
from .elasticities import ElasticitiesView
from .ledger import LedgerView
from .market import CompetitorMatchDecideView, CompetitorMatchesView, CompetitorOffersView, MarketPositionsView
from .market_more import AlertsView, CategoryPositionsView, OfferHistoryView
from .offers import OfferDecisionView, OffersExportView, OffersView, SegmentsView, VolumePricesView
from .own_price import OwnPriceView
from .price_tests import (
    PriceTestDecideView,
    PriceTestGroupDecideView,
    PriceTestGroupsView,
    PriceTestGroupView,
    PriceTestsExportView,
    PriceTestsView,
    PriceTestView,
)
from .proposals import ApplyView, DecideView, ExportView, ProposalsView, ProposalView
from .rules import ReplayView, RulesView
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
    "AlertsView",
    "ApplyView",
    "ApprovalConfirmView",
    "ApprovalSkippedView",
    "ApprovalView",
    "ApprovalsView",
    "CategoryPositionsView",
    "ChangesView",
    "CompetitorMatchDecideView",
    "CompetitorMatchesView",
    "CompetitorOffersView",
    "DecideView",
    "ElasticitiesView",
    "ExportView",
    "LedgerView",
    "MarketPositionsView",
    "OfferDecisionView",
    "OfferHistoryView",
    "OffersExportView",
    "OffersView",
    "OwnPriceView",
    "PriceTestDecideView",
    "PriceTestGroupDecideView",
    "PriceTestGroupView",
    "PriceTestGroupsView",
    "PriceTestView",
    "PriceTestsExportView",
    "PriceTestsView",
    "ProposalView",
    "ProposalsView",
    "ReplayView",
    "RulesView",
    "SegmentsView",
    "UndoConfirmView",
    "UndoSkippedView",
    "UndoView",
    "UndoneView",
    "UndosView",
    "VolumePricesView",
]
