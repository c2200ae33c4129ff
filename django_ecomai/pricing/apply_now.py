"""Approved prices go into the shop within the request, many of them by a job: what pages and endpoints share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .apply_job import AT_ONCE, KIND, apply_parameters
from .models import PriceProposal
from .services import Applied, adapter_applies, changes_apply, proposals_named


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


def apply_waiting_start(*, channel: str, user: Any) -> Run | None:
    """Start the job that puts all that is approved into the shop; None where it is few enough for a request, or where
    the adapter cannot write prices. Names the batches: no row is read."""
    waiting = PriceProposal.objects.filter(channel=channel, state=PriceProposal.State.APPROVED).order_by()
    if not adapter_applies(channel) or waiting[: AT_ONCE + 1].count() <= AT_ONCE:
        return None
    batches = sorted(waiting.values_list("batch", flat=True).distinct())
    return run_start(kind=KIND, channel=channel, parameters={"user": user.pk, "batches": batches}, user=user)
