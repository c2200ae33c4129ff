"""What other apps ask of prices: elasticities, and margins as a hint for recommendations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import F

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded

from .facts import in_parts
from .models import PriceProposal, ProductElasticity

#: So many proposals that gain most; the margins of the others are as they were.
MOST_PRODUCTS = 2000
#: A product whose margin is so much above the mean of these weighs so much more, and the other way round.
LEAST, MOST = 0.8, 1.25


def known_elasticities(channel: str, product_ids: Sequence[int]) -> Mapping[int, float]:
    """Of products, by key, as the last run learned them; those without are absent."""
    found: dict[int, float] = {}
    for part in in_parts(product_ids):
        rows = ProductElasticity.objects.filter(channel=channel, product__in=part, elasticity__isnull=False)
        found |= {pk: value for pk, value in rows.values_list("product_id", "elasticity") if value is not None}
    return found


def margin_weights(channel: str) -> Mapping[str, float]:
    """Product id -> factor from the margin at the proposed price; empty, without a query, while ``PRICING_STEERS`` is
    off. One limited read off an index."""
    if not ecomai.PRICING_STEERS:
        return {}
    margins: dict[str, float] = {}
    with shielded("read the margins of proposed prices", reads=True):
        rows = PriceProposal.objects.filter(
            channel=channel, state=PriceProposal.State.OPEN, cost__isnull=False, new_price__gt=0,
            gain__isnull=False,
        ).order_by(F("gain").desc(nulls_last=True))  # fmt: skip
        columns = ("product__external_id", "new_price", "cost", "tax")
        for ident, price, cost, tax in rows.values_list(*columns)[:MOST_PRODUCTS]:
            margins[ident] = 1 - float(cost or 0) * (1 + tax) / float(price or 1)
    if not margins:
        return {}
    mean = sum(margins.values()) / len(margins)
    return {ident: min(max(1 + margin - mean, LEAST), MOST) for ident, margin in margins.items()}
