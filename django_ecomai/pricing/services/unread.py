"""Prices that a worker was killed over, of which the shop does not say whether it has them: they wait until it does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils import timezone

from django_ecomai.pricing.held import why
from django_ecomai.pricing.models import PriceProposal

if TYPE_CHECKING:
    from .apply import Claim

CODE = "left_unread"
#: After so long people are told: the hourly job has asked the shop some times in vain.
TOLD_AFTER = timedelta(hours=3)


def left_unread(members: Sequence[PriceProposal], claim: Claim) -> bool:
    """Whether the shop does not say if it has a price of this family that a killed worker may have written: then the
    family stays as it was found, with the reason. What is gone from the copy too will never be told."""
    for row in members:
        here = claim.before[row.product.external_id]
        if claim.left(row) and here.unread and row.product.removed_at is None:
            because = here.problem
            if len(members) > 1:
                because = why("product_said", product=row.product, because=because)
            for each in members:
                each.state = claim.states[each.pk]
                claim.why[each.pk] = why(CODE, new=each.new_price, because=because)
            return True
    return False


def prices_unread(*, channel: str = "", now: datetime | None = None) -> QuerySet[PriceProposal]:
    """Those of which the shop has not told for ``TOLD_AFTER`` since they were to be written."""
    since = (now or timezone.now()) - TOLD_AFTER
    rows = PriceProposal.objects.filter(channel=channel, state=PriceProposal.State.WRITING)
    return rows.filter(held_code=CODE, writing_since__lt=since)
