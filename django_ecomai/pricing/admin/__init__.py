from .changes import PriceChangeAdmin
from .elasticities import PriceTestAdmin, ProductElasticityAdmin
from .offers import VolumeOfferAdmin
from .reductions import PriceReductionAdmin
from .rules import PricingRuleAdmin
from .worklist import PriceProposalAdmin

__all__ = [
    "PriceChangeAdmin",
    "PriceProposalAdmin",
    "PriceReductionAdmin",
    "PriceTestAdmin",
    "PricingRuleAdmin",
    "ProductElasticityAdmin",
    "VolumeOfferAdmin",
]
