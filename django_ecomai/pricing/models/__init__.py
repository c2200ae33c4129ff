from .changes import PriceChange
from .competitors import Competitor, CompetitorMatch, CompetitorOffer, CompetitorPrice
from .elasticities import ProductElasticity
from .ledger import PriceReduction
from .price_tests import PriceTest, PriceTestGroup, PriceTestWeek
from .proposals import PriceProposal
from .rules import PricingRule
from .volume_offers import VolumeOffer

__all__ = [
    "Competitor",
    "CompetitorMatch",
    "CompetitorOffer",
    "CompetitorPrice",
    "PriceChange",
    "PriceProposal",
    "PriceReduction",
    "PriceTest",
    "PriceTestGroup",
    "PriceTestWeek",
    "PricingRule",
    "ProductElasticity",
    "VolumeOffer",
]
