from .changes import PriceChangeAdmin
from .elasticities import ProductElasticityAdmin
from .limits import PriceLimitsAdmin
from .market import CompetitorAdmin, CompetitorOfferAdmin
from .market_review import CompetitorMatchAdmin
from .offers import VolumeOfferAdmin
from .price_test_groups import PriceTestGroupAdmin
from .price_tests import PriceTestAdmin
from .reductions import PriceReductionAdmin
from .rules import PricingRuleAdmin
from .worklist import PriceProposalAdmin

__all__ = [
    "CompetitorAdmin",
    "CompetitorMatchAdmin",
    "CompetitorOfferAdmin",
    "PriceChangeAdmin",
    "PriceLimitsAdmin",
    "PriceProposalAdmin",
    "PriceReductionAdmin",
    "PriceTestAdmin",
    "PriceTestGroupAdmin",
    "PricingRuleAdmin",
    "ProductElasticityAdmin",
    "VolumeOfferAdmin",
]
