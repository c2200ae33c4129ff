"""``ecomai/api/pricing/…``, for staff."""

from .market import CompetitorMatchDecideView, CompetitorMatchesView, CompetitorOffersView, MarketPositionsView

__all__ = ["CompetitorMatchDecideView", "CompetitorMatchesView", "CompetitorOffersView", "MarketPositionsView"]
