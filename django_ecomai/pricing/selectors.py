"""Reading proposals and changes."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import F, Q, QuerySet

from .models import PriceChange, PriceProposal, VolumeOffer


def proposal_rows(*, channel: str = "", states: Iterable[str] = (), risk: str = "") -> QuerySet[PriceProposal]:
    """The worklist, the largest gain first, those whose gain is not known last."""
    rows = PriceProposal.objects.filter(channel=channel).select_related("product", "rule", "decided_by")
    rows = rows.defer("product__description")
    if known := list(states):
        rows = rows.filter(state__in=known)
    if risk:
        rows = rows.filter(risk=risk)
    return rows.order_by(F("gain").desc(nulls_last=True), "pk")


def change_rows(*, channel: str = "") -> QuerySet[PriceChange]:
    """What was done to prices in the shop, the newest first."""
    rows = PriceChange.objects.filter(channel=channel).select_related("product", "proposal", "user")
    return rows.order_by("-at", "-pk")


def offer_rows(*, channel: str = "", kinds: Iterable[str] = (), state: str = "suggested") -> QuerySet[VolumeOffer]:
    """Volume prices that are suggested, approved or dismissed; the largest gain first."""
    rows = VolumeOffer.objects.filter(OFFER_STATES[state], channel=channel)
    if known := list(kinds):
        rows = rows.filter(kind__in=known)
    return rows.select_related("product", "other").order_by("-gain", "pk")


#: Where a volume price stands; what waits for a second person is suggested still.
OFFER_STATES = {
    "suggested": Q(dismissed_at=None, approved_at=None),
    "approved": Q(approved_at__isnull=False),
    "dismissed": Q(dismissed_at__isnull=False),
}
