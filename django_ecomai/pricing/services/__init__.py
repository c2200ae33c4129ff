"""Writes: proposals and their decisions, rules, competitor offers, the ledger of prices."""
