"""Approved prices go into the shop within the request, many of them by a job: what pages and endpoints share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .apply_job import AT_ONCE, KIND, apply_parameters
from .models import PriceProposal
from .services import Applied, changes_apply, proposals_named


def apply_now_or_start(*, rows: Sequence[PriceProposal], channel: str, user: Any) -> Applied | Run | None:
    """Put those of ``rows`` that are approved into the shop, or start the job that does; None where none is. Raises
    ``PricingError`` when the adapter cannot write prices."""
    approved = [row for row in rows if row.state == PriceProposal.State.APPROVED]
    if not approved:
        return None
    if proposals_named(approved, channel=channel) > AT_ONCE:
        parameters = apply_parameters(user=user, rows=approved)
        return run_start(kind=KIND, channel=channel, parameters=parameters, user=user)
    return changes_apply(proposals=approved, channel=channel, user=user)
