"""Prices that changed in the mirror reach the ledger: after the commit, and never at the cost of the shop's request."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django_ecomai.core.db import shielded
from django_ecomai.mirror.signals import prices_changed, promotions_changed, synced

logger = logging.getLogger("django_ecomai")

# More than this is work for a job: the shop's request waits for what happens here.
MOST_AT_ONCE = 2000
JOB = "pricing.ledger"


def prices_heard(sender: Any, channel: str, products: list[int], **kwargs: Any) -> None:
    """Prices of these products changed: a live change, a delivery, or a batch of a sync."""
    with shielded("bring the price ledger up to date"):
        _record(channel, products)


def promotions_heard(
    sender: Any,
    channel: str,
    promotions: list[int],
    products: Sequence[int] = (),
    categories: Sequence[int] = (),
    everything: bool = False,
    **kwargs: Any,
) -> None:
    """Promotions changed: their products, and those that were, are reduced from another moment on, or no longer."""
    from .ledger_job import promoted

    with shielded("bring the price ledger up to date"):
        if everything or len(products) > MOST_AT_ONCE:
            _job_start(channel)
            return
        covered = promoted(promotions=promotions, channel=channel, most=MOST_AT_ONCE + 1, categories=categories)
        _record(channel, sorted({*products, *covered}))


def _record(channel: str, products: Sequence[int]) -> None:
    from .ledger import price_record

    if len(products) > MOST_AT_ONCE:
        _job_start(channel)
    else:
        price_record(products=products)


def synced_heard(sender: Any, report: Any, **kwargs: Any) -> None:
    """A full sync found promotions gone from the shop."""
    if report.counts.get("promotion", {}).get("removed"):
        with shielded("start the job of the price ledger"):
            _job_start(report.channel)


def _job_start(channel: str) -> None:
    """Where one is running already, it finds what was asked for at its end."""
    from django_ecomai.runs.services import run_start

    from .ledger_walk import walk_ask

    walk_ask(channel=channel)
    try:
        run_start(kind=JOB, channel=channel)
    except (LookupError, ValueError):
        logger.exception("EcomAI could not start the job %s.", JOB)


def connect() -> None:
    """Called once from ``ready()``."""
    prices_changed.connect(prices_heard, dispatch_uid="ecomai.pricing.prices")
    promotions_changed.connect(promotions_heard, dispatch_uid="ecomai.pricing.promotions")
    synced.connect(synced_heard, dispatch_uid="ecomai.pricing.synced")
