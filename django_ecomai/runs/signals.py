"""Signals of this capability. Receivers that raise are logged and never disturb a run."""

from __future__ import annotations

from django.dispatch import Signal

run_finished = Signal()
"""A run has ended. Arguments: ``sender`` (the ``Run`` class), ``run`` (state ``done``, ``failed`` or ``cancelled``)."""

went_live = Signal()
"""Another model serves. Arguments: ``sender`` (``LiveArtifact``), ``kind``, ``channel``, ``artifact``. Sent after
commit.
"""
