from .changes import ForecastChangeAdmin
from .decisions import ForecastOverrideAdmin, SalesTargetAdmin
from .forecasts import ForecastAdmin
from .signals import SignalAdmin

__all__ = ["ForecastAdmin", "ForecastChangeAdmin", "ForecastOverrideAdmin", "SalesTargetAdmin", "SignalAdmin"]
