from .changes import ForecastChange
from .decisions import ForecastOverride, SalesTarget
from .results import Forecast, PastForecast
from .signals import Signal, SignalValue

__all__ = ["Forecast", "ForecastChange", "ForecastOverride", "PastForecast", "SalesTarget", "Signal", "SignalValue"]
