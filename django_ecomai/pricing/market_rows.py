"""Reads of competitors' offers and matches."""

from __future__ import annotations

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from .models import CompetitorMatch, CompetitorOffer

State = CompetitorMatch.State


def review_rows(*, channel: str) -> QuerySet[CompetitorMatch]:
    """Pairs to decide: of each offer without a product the likeliest one that is open."""
    others = CompetitorMatch.objects.filter(offer=OuterRef("offer"))
    better = others.filter(
        Q(confidence__gt=OuterRef("confidence")) | Q(confidence=OuterRef("confidence"), pk__lt=OuterRef("pk")),
        state=State.PROPOSED,
    )
    return (
        CompetitorMatch.objects.filter(
            state=State.PROPOSED, offer__competitor__channel=channel, offer__competitor__is_active=True
        )
        .filter(~Exists(others.filter(state=State.ACCEPTED)), ~Exists(better))
        .select_related("offer__competitor", "product")
    )


def decided_titles(*, channel: str) -> dict[str, int]:
    """How many pairs found by title people have accepted and rejected: what can be learned from. One query."""
    rows = CompetitorMatch.objects.filter(
        offer__competitor__channel=channel, method=CompetitorMatch.Method.TITLE, decided_at__isnull=False
    )
    found = {str(state): int(number) for state, number in rows.order_by().values_list("state").annotate(Count("pk"))}
    return {state: found.get(state, 0) for state in (State.ACCEPTED, State.REJECTED)}


def offer_rows(*, channel: str) -> QuerySet[CompetitorOffer]:
    """Offers with their competitor."""
    return CompetitorOffer.objects.filter(competitor__channel=channel).select_related("competitor")
