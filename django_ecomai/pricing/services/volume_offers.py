"""Volume prices: worked out by a job, dismissed and brought back by people."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.columns import KEYS_CHUNK
from django_ecomai.pricing.baskets import PRODUCTS, baskets_count
from django_ecomai.pricing.models import ProductElasticity, VolumeOffer
from django_ecomai.pricing.offering import OfferSetting, Priced, breaks_of, bundles_of, priced_products

WRITE = 500


@dataclass
class OfferReport:
    """What a run found; ``reasons``: why products and pairs have no offer."""

    products: int = 0
    breaks: int = 0
    bundles: int = 0
    dismissed: int = 0
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
    ``PRICING_HISTORY_WEEKS`` weeks; what was dismissed stays as it is and is not suggested again."""
    report, at = OfferReport(), now or timezone.now()
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
    gone = VolumeOffer.objects.filter(channel=channel, kind=VolumeOffer.Kind.BUNDLE, dismissed_at__isnull=False)
    dismissed = set(gone.values_list("product_id", "other_id"))
    found, without = bundles_of(setting, sold, baskets, dismissed=dismissed)
    report.reasons.update(without)
    for start in range(0, len(found), WRITE):
        report.bundles += _store(report, found[start : start + WRITE])
    # what nothing speaks for any more
    VolumeOffer.objects.filter(channel=channel, dismissed_at=None).exclude(made_at=at).delete()
    _tell(progress, 1.0)
    return report


def offers_dismiss(*, offers: Iterable[VolumeOffer], user: Any = None) -> list[VolumeOffer]:
    """Not wanted: they are not suggested again until they are brought back. Returns those that were not yet."""
    return _decide(offers, dismiss=True, user=user)


def offers_restore(*, offers: Iterable[VolumeOffer], user: Any = None) -> list[VolumeOffer]:
    """Bring dismissed ones back; the next run renews their numbers. Returns those that were dismissed."""
    return _decide(offers, dismiss=False, user=user)


def _decide(offers: Iterable[VolumeOffer], *, dismiss: bool, user: Any) -> list[VolumeOffer]:
    keys = [row.pk for row in offers]
    with transaction.atomic():
        held = locked_rows(VolumeOffer.objects.filter(pk__in=keys, dismissed_at__isnull=dismiss).order_by("pk"))
        rows = list(held.select_related("product", "other"))
        for row in rows:
            row.dismissed_at = timezone.now() if dismiss else None
            row.dismissed_by = user if dismiss and getattr(user, "pk", None) else None
        VolumeOffer.objects.bulk_update(rows, ["dismissed_at", "dismissed_by"], batch_size=WRITE)
        change_log(objects=rows, user=user, lines=[_("Dismissed") if dismiss else _("Brought back")])
    return rows


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
        held = locked_rows(old.order_by("pk")).values_list("pk", "product_id", "other_id", "dismissed_at")
        known = {pk: ((product, other), dismissed) for pk, product, other, dismissed in held}
        dismissed = {key for key, moment in known.values() if moment is not None}
        replaced = [pk for pk, (key, moment) in known.items() if moment is None and key in keys]
        for start in range(0, len(replaced), KEYS_CHUNK):
            VolumeOffer.objects.filter(pk__in=replaced[start : start + KEYS_CHUNK]).delete()
        new = [row for row in rows if (row.product_id, row.other_id) not in dismissed]
        VolumeOffer.objects.bulk_create(new, batch_size=WRITE)
    report.dismissed += len(rows) - len(new)
    return len(new)


def _tell(progress: Callable[[float], None] | None, part: float) -> None:
    if progress is not None:
        progress(part)
