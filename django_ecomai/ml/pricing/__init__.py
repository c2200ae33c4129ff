"""Prices: elasticities from sales, price tests, optimal prices inside guardrails, offers of competitors.

This module imports nothing. Units everywhere: pieces per period (a week where nothing else is said), money per piece;
an elasticity is per cent of demand per per cent of price, so a normal one is negative.
"""
