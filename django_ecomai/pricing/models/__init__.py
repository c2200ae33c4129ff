from .changes import PriceChange
from .elasticities import ProductElasticity
from .proposals import PriceProposal
from .rules import PricingRule

__all__ = ["PriceChange", "PriceProposal", "PricingRule", "ProductElasticity"]
