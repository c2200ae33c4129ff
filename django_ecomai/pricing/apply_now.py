"""Approved prices go into the shop within the request, many of them by a job: what pages and endpoints share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .apply_job import AT_ONCE, KIND, apply_parameters
from .models import PriceProposal
from .services import Applied, adapter_applies, changes_apply, proposals_named


def apply_now_or_start(
    *, rows: Sequence[PriceProposal], channel: str, user: Any, batches: bool = True
) -> Applied | Run:
    """Put those of ``rows`` that are approved into the shop, or start the job that does.

    ``batches``: the job takes the whole confirmations that they are of, else exactly these. Raises ``PricingError``
    when the adapter cannot write prices.
    """
    if not adapter_applies(channel) or proposals_named(rows, channel=channel) <= AT_ONCE:
        return changes_apply(proposals=rows, channel=channel, user=user)
    parameters = apply_parameters(user=user, rows=rows, batches=batches)
    return run_start(kind=KIND, channel=channel, parameters=parameters, user=user)


def apply_waiting_start(*, channel: str, user: Any) -> Run | None:
    """Start the job that puts all that is approved into the shop; None where it is few enough for a request, or where
    the adapter cannot write prices. Names the batches: no row is read."""
    waiting = PriceProposal.objects.filter(channel=channel, state=PriceProposal.State.APPROVED).order_by()
    if not adapter_applies(channel) or waiting[: AT_ONCE + 1].count() <= AT_ONCE:
        return None
    batches = sorted(waiting.values_list("batch", flat=True).distinct())
    return run_start(kind=KIND, channel=channel, parameters={"user": user.pk, "batches": batches}, user=user)
