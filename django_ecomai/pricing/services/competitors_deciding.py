"""What people say about matches: the same product, another one, or undo; every decision is in Django's log."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.core.mysql import locked_rows
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.models import CompetitorMatch, CompetitorOffer

from .competitors_doubts import doubts_renew

State = CompetitorMatch.State


class MatchError(Exception):
    """A match cannot be decided so; the message says why and what to do."""


def matches_decide(*, matches: Iterable[CompetitorMatch], same: bool, user: Any = None) -> int:
    """Accept or reject pairs; returns how many changed. An offer is of one product: what it was accepted for before is
    rejected then. Raises ``MatchError`` when two pairs of one offer are to be accepted at once; nothing is kept then.
    """
    state = State.ACCEPTED if same else State.REJECTED
    pks = [one.pk for one in matches]
    with transaction.atomic():
        rows = _locked(pks)
        asked = [row for row in rows if row.pk in set(pks)]
        if same and len({row.offer_id for row in asked}) < len(asked):
            raise MatchError(_("One offer cannot be two products: accept one of them."))
        moved = [row for row in asked if row.state != state or row.decided_at is None]
        offers = {row.offer_id for row in moved}
        others = [
            row for row in rows if same and row.offer_id in offers and row not in asked and row.state == State.ACCEPTED
        ]
        now = timezone.now()  # one moment for both: undo puts them back together
        _write(moved, state, user, now)
        _write(others, State.REJECTED, user, now)
        doubts_renew(offers=[row.offer for row in moved])
    return len(moved)


def match_declare(*, offer: CompetitorOffer, product: Product, user: Any = None) -> CompetitorMatch:
    """That an offer is of a product, said by a person. Raises ``MatchError`` for a product of another shop."""
    if offer.competitor.channel != product.channel:
        raise MatchError(_("Both must be of the same shop."))
    with transaction.atomic():
        locked_rows(CompetitorOffer.objects.filter(pk=offer.pk)).get()
        match, _made = CompetitorMatch.objects.get_or_create(
            offer=offer, product=product, defaults={"method": CompetitorMatch.Method.MANUAL, "confidence": 1.0}
        )
        matches_decide(matches=[match], same=True, user=user)
        match.refresh_from_db()
    return match


def match_undo(*, match: CompetitorMatch, user: Any = None) -> CompetitorMatch:
    """Put the state before the last decision back, and what was rejected by it because an offer is of one product.

    Raises ``MatchError`` where there is none, or where the offer has become another product's meanwhile.
    """
    with transaction.atomic():
        rows = _locked([match.pk])
        row = next(one for one in rows if one.pk == match.pk)
        if not row.before:
            raise MatchError(_("There is no decision to undo."))
        taken = any(one.state == State.ACCEPTED and one.pk != row.pk for one in rows)
        if row.before == State.ACCEPTED and taken:
            raise MatchError(_("The offer was taken for another product since: undo that first."))
        beside = [one for one in rows if row.state == State.ACCEPTED and _rejected_by(one, row)]
        row.state, row.before = row.before, ""
        row.decided_by, row.decided_at = None, None
        for one in beside:  # by whoever takes it back: a person's word counts however unsure the search was
            one.state, one.before = State.ACCEPTED, ""
            one.decided_by, one.decided_at = user if getattr(user, "pk", None) else None, timezone.now()
        CompetitorMatch.objects.bulk_update([row, *beside], ["state", "before", "decided_by", "decided_at"])
        for one in (row, *beside):
            change_log(objects=[one], user=user, lines=[_("Undone: %(state)s") % {"state": one.get_state_display()}])
        doubts_renew(offers=[row.offer])
    return row


def _rejected_by(one: CompetitorMatch, row: CompetitorMatch) -> bool:
    """Whether a pair was rejected because, at the same moment, another product of its offer was accepted."""
    return (
        one.pk != row.pk
        and (one.state, one.before) == (State.REJECTED, State.ACCEPTED)
        and one.decided_at == row.decided_at
    )


def _locked(pks: list[int]) -> list[CompetitorMatch]:
    """Those matches and all others of their offers, locked until the end of the transaction: offers first, so that two
    people who decide about one offer do so one after the other."""
    offers = CompetitorOffer.objects.filter(matches__in=pks).order_by("pk").distinct().values_list("pk", flat=True)
    held = [one.pk for one in locked_rows(CompetitorOffer.objects.filter(pk__in=list(offers)).order_by("pk"))]
    rows = CompetitorMatch.objects.filter(offer__in=held).order_by("pk")
    return list(rows.select_related("offer__competitor", "product"))


def _write(rows: list[CompetitorMatch], state: Any, user: Any, now: datetime) -> None:
    for row in rows:
        row.before, row.state = row.state, state
        row.decided_at, row.decided_by = now, user if getattr(user, "pk", None) else None
    CompetitorMatch.objects.bulk_update(rows, ["state", "before", "decided_by", "decided_at"])
    change_log(objects=rows, user=user, lines=[str(state.label)])
