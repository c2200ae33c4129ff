from .changes import PriceChange
from .elasticities import ProductElasticity
from .ledger import PriceReduction
from .proposals import PriceProposal
from .rules import PricingRule

__all__ = ["PriceChange", "PriceProposal", "PriceReduction", "PricingRule", "ProductElasticity"]
