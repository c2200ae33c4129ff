from .ledger import PriceReduction

__all__ = ["PriceReduction"]
