from .changes import PriceChange
from .competitors import Competitor, CompetitorMatch, CompetitorOffer, CompetitorPrice
from .elasticities import ProductElasticity
from .ledger import PriceReduction
from .limits import PriceLimits
from .price_tests import PriceTest, PriceTestWeek
from .proposals import PriceProposal
from .rules import PricingRule
from .volume_offers import VolumeOffer

__all__ = [
    "Competitor",
    "CompetitorMatch",
    "CompetitorOffer",
    "CompetitorPrice",
    "PriceChange",
    "PriceLimits",
    "PriceProposal",
    "PriceReduction",
    "PriceTest",
    "PriceTestWeek",
    "PricingRule",
    "ProductElasticity",
    "VolumeOffer",
]
