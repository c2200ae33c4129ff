"""Demand forecasts: long frames in, long frames out (``unique_id, ds, y`` -> ``ds, mean, lo-80, hi-80``)."""
