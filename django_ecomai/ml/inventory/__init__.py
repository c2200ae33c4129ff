"""Stock: order formulas, lead times, demand over the protection interval, suggestions and their simulation.

This module imports nothing. Units everywhere: pieces, days, money per piece, holding as a rate per year.
"""
