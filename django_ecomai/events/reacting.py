"""What follows when events are stored, or surely will be: they are counted, and their persons' next pages react."""

from __future__ import annotations

from collections.abc import Sequence

from . import diagnosis
from .cleaning import Verdict
from .models import Event, EventName
from .purchases import Prepared
from .recent import recent_forget, recent_push, subject_key


def events_noted(
    pairs: Sequence[Prepared], verdicts: Sequence[Verdict], *, reacts: Sequence[bool], user_id: object = None
) -> None:
    """Count what was stored; where ``reacts`` the persons' next pages know of it."""
    accepted = [
        (event, react)
        for (event, _), verdict, react in zip(pairs, verdicts, reacts, strict=True)
        if event and verdict.status == "accepted"
    ]
    robots = sum(event.is_bot for event, _ in accepted)
    diagnosis.count("robot", robots)
    diagnosis.count("stored", len(accepted) - robots)
    events_react([event for event, react in accepted if react], user_id=user_id)


def events_react(events: Sequence[Event], *, user_id: object = None) -> None:
    """Let the persons' next pages know of ``events``, which may be told twice. Never raises."""
    persons: dict[tuple[str, str, str], list[Event]] = {}
    for event in events:
        if not event.is_bot:
            persons.setdefault((event.channel, event.visitor_id, event.customer_id), []).append(event)
    for (channel, visitor_id, customer_id), theirs in persons.items():
        if any(event.name == EventName.PURCHASE for event in theirs):
            recent_forget(subject_key(channel=channel, visitor_id=visitor_id, customer_id=customer_id))
        recent_push(
            channel=channel, visitor_id=visitor_id, customer_id=customer_id, user_id=user_id,
            items=[(event.product_id, str(event.name), (event.id.int >> 80) / 1000) for event in theirs],
        )  # fmt: skip
