from .changes import PriceChange
from .competitors import Competitor, CompetitorMatch, CompetitorOffer, CompetitorPrice
from .draws import PriceDraw
from .elasticities import CrossEffect, ProductElasticity
from .ledger import LedgerWalk, PriceReduction
from .limits import PriceLimits
from .price_tests import PriceTest, PriceTestGroup, PriceTestWeek
from .proposals import PriceProposal
from .rules import PricingRule
from .selections import PriceSelection, PriceSelectionPart
from .volume_offers import VolumeOffer

__all__ = [
    "Competitor",
    "CompetitorMatch",
    "CompetitorOffer",
    "CompetitorPrice",
    "CrossEffect",
    "LedgerWalk",
    "PriceChange",
    "PriceDraw",
    "PriceLimits",
    "PriceProposal",
    "PriceReduction",
    "PriceSelection",
    "PriceSelectionPart",
    "PriceTest",
    "PriceTestGroup",
    "PriceTestWeek",
    "PricingRule",
    "ProductElasticity",
    "VolumeOffer",
]
