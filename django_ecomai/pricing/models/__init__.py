from .competitors import Competitor, CompetitorMatch, CompetitorOffer, CompetitorPrice

__all__ = [
    "Competitor",
    "CompetitorMatch",
    "CompetitorOffer",
    "CompetitorPrice",
]
