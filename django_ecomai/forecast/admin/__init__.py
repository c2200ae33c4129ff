from .decisions import ForecastOverrideAdmin, SalesTargetAdmin
from .forecasts import ForecastAdmin
from .signals import SignalAdmin

__all__ = ["ForecastAdmin", "ForecastOverrideAdmin", "SalesTargetAdmin", "SignalAdmin"]
