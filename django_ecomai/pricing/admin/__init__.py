from .changes import PriceChangeAdmin
from .elasticities import PriceTestAdmin, ProductElasticityAdmin
from .market import CompetitorAdmin, CompetitorOfferAdmin
from .market_review import CompetitorMatchAdmin
from .offers import VolumeOfferAdmin
from .reductions import PriceReductionAdmin
from .rules import PricingRuleAdmin
from .worklist import PriceProposalAdmin

__all__ = [
    "CompetitorAdmin",
    "CompetitorMatchAdmin",
    "CompetitorOfferAdmin",
    "PriceChangeAdmin",
    "PriceProposalAdmin",
    "PriceReductionAdmin",
    "PriceTestAdmin",
    "PricingRuleAdmin",
    "ProductElasticityAdmin",
    "VolumeOfferAdmin",
]
