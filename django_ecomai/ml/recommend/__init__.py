"""Recommenders: training (needs scipy, runs in workers) and serving (numpy only, runs in the web process)."""
