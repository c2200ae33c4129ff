"""Offline evaluation: splits in time, metrics with stated denominators, models beside naive baselines."""
