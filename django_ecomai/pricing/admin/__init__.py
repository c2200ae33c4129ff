from .market import CompetitorAdmin, CompetitorOfferAdmin
from .market_review import CompetitorMatchAdmin

__all__ = [
    "CompetitorAdmin",
    "CompetitorMatchAdmin",
    "CompetitorOfferAdmin",
]
