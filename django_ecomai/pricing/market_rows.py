"""Reads of competitors' offers and matches."""

from __future__ import annotations

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet

from django_ecomai.runs.models import Run

from .models import CompetitorMatch, CompetitorOffer

State = CompetitorMatch.State
MATCH = "pricing.match"


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


def unmatched_rows(rows: QuerySet[CompetitorOffer]) -> QuerySet[CompetitorOffer]:
    """Those of which nobody has said, nor been sure enough to say, which product they are."""
    return rows.filter(~Exists(CompetitorMatch.objects.filter(offer=OuterRef("pk"), state=State.ACCEPTED)))


def offer_newest(*, channel: str) -> int:
    """The key of the newest offer; 0 without any."""
    return CompetitorOffer.objects.filter(competitor__channel=channel).aggregate(newest=Max("pk"))["newest"] or 0


def offer_looked_at(offer: CompetitorOffer) -> bool:
    """Whether the job has looked for its product since it was read in. One query."""
    runs = Run.objects.filter(kind=MATCH, channel=offer.competitor.channel, state=Run.State.DONE)
    run = runs.order_by("-pk").only("metrics").first()
    return run is not None and offer.pk <= (run.metrics or {}).get("newest_offer", 0)
