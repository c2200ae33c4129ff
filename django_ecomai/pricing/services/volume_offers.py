"""Volume prices are worked out by a job; what people have decided about them stays as it is."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.columns import KEYS_CHUNK
from django_ecomai.pricing.baskets import PRODUCTS, baskets_count
from django_ecomai.pricing.models import ProductElasticity, VolumeOffer
from django_ecomai.pricing.offering import OfferSetting, Priced, breaks_of, bundles_of, priced_products

from .volume_offers_decide import UNDECIDED, is_undecided, offers_check

WRITE = 500


@dataclass
class OfferReport:
    """What a run found; ``decided``: offers that people have approved or dismissed before; ``reasons``: why products
    and pairs have no offer."""

    products: int = 0
    breaks: int = 0
    bundles: int = 0
    decided: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**vars(self), "reasons": dict(self.reasons)}


def offers_make(
    *,
    channel: str = "",
    run_number: int | None = None,
    now: datetime | None = None,
    progress: Callable[[float], None] | None = None,
) -> OfferReport:
    """Work out quantity breaks and bundles of all products with an elasticity, from the lines of the last
    ``PRICING_HISTORY_WEEKS`` weeks; what was decided stays as it is and is not suggested again."""
    report, at = OfferReport(), now or timezone.now()
    offers_check(channel=channel, now=at)
    setting = OfferSetting.build(channel=channel, at=at, run_number=run_number)
    total = _elasticities(channel).count()
    sold: list[Priced] = []
    for part in _parts(channel):
        priced, reasons = priced_products(setting, part)
        found, without = breaks_of(setting, priced)
        report.products += len(part)
        report.reasons.update(reasons + without)
        report.breaks += _store(report, found)
        sold = heapq.nlargest(PRODUCTS, [*sold, *(one for one in priced if one.lines)], key=lambda one: one.lines)
        _tell(progress, 0.6 * report.products / max(total, 1))
    sold.sort(key=lambda one: one.pk)
    baskets = baskets_count(setting, sold, progress=lambda part: _tell(progress, 0.6 + 0.3 * part))
    gone = VolumeOffer.objects.filter(channel=channel, kind=VolumeOffer.Kind.BUNDLE).exclude(UNDECIDED)
    decided = set(gone.values_list("product_id", "other_id"))
    found, without = bundles_of(setting, sold, baskets, decided=decided)
    report.reasons.update(without)
    for start in range(0, len(found), WRITE):
        report.bundles += _store(report, found[start : start + WRITE])
    # what nothing speaks for any more
    VolumeOffer.objects.filter(UNDECIDED, channel=channel).exclude(made_at=at).delete()
    _tell(progress, 1.0)
    return report


def _elasticities(channel: str) -> Any:
    rows = ProductElasticity.objects.filter(channel=channel, reason="", elasticity__isnull=False, sd__isnull=False)
    return rows.order_by("product_id")


def _parts(channel: str) -> Iterator[dict[int, tuple[float, float]]]:
    """Products with an elasticity, as many as a query can name; mean and standard deviation."""
    last = 0
    columns = ("product_id", "elasticity", "sd")
    while rows := list(_elasticities(channel).filter(product_id__gt=last).values_list(*columns)[:KEYS_CHUNK]):
        yield {pk: (mean, sd) for pk, mean, sd in rows}
        last = rows[-1][0]


def _store(report: OfferReport, rows: list[VolumeOffer]) -> int:
    """Write up to ``KEYS_CHUNK`` offers of one kind in place of those of the last run; returns how many."""
    if not rows:
        return 0
    old = VolumeOffer.objects.filter(kind=rows[0].kind, product__in={row.product_id for row in rows})
    keys = {(row.product_id, row.other_id) for row in rows}
    with transaction.atomic():
        held = list(locked_rows(old.order_by("pk")))
        free = {row.pk for row in held if is_undecided(row)}
        kept = {(row.product_id, row.other_id) for row in held if row.pk not in free}
        replaced = [row.pk for row in held if row.pk in free and (row.product_id, row.other_id) in keys]
        for start in range(0, len(replaced), KEYS_CHUNK):
            VolumeOffer.objects.filter(pk__in=replaced[start : start + KEYS_CHUNK]).delete()
        new = [row for row in rows if (row.product_id, row.other_id) not in kept]
        VolumeOffer.objects.bulk_create(new, batch_size=WRITE)
    report.decided += len(rows) - len(new)
    return len(new)


def _tell(progress: Callable[[float], None] | None, part: float) -> None:
    if progress is not None:
        progress(part)
