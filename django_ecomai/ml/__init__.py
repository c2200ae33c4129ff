"""Learning code without Django and without I/O: arrays and frames in, arrays and frames out.

This module imports nothing, so that a web process pays only for what it uses.
"""
