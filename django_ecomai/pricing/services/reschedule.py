"""Approved prices that are not in the shop yet: at another time, now after all, or open again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.core.audit import change_log
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.journal import log_line
from django_ecomai.pricing.models import PriceProposal

from .decide import APPLY, NO_REASON, PricingError, check_moment, with_families

State = PriceProposal.State
WAITING = PriceProposal.WAITING


def proposals_reschedule(
    *, proposals: Iterable[PriceProposal], user: Any = None, apply_at: datetime | None
) -> list[PriceProposal]:
    """Give approved prices, and the others of their families, another moment; returns the rows as they stand now.

    Without ``apply_at`` they wait no longer: ``changes_apply`` puts them into the shop, also those that would have
    followed the ones that went first. Who followed those and gets another moment still follows them only if they did
    well. Raises ``PricingError``, and changes none, where one is not approved or is being written right now, and for a
    moment that is past or more than a year ahead; ``PermissionDenied`` when ``user`` may put no prices into the shop.
    """
    if user is not None and not user.has_perm(APPLY):
        raise PermissionDenied(_("You may approve prices, but not say when they go into the shop."))
    check_moment(apply_at, now=timezone.now())
    with transaction.atomic():
        rows = _waiting(proposals)
        state = State.APPROVED if apply_at is None else State.SCHEDULED
        _write(rows, state=state, apply_at=apply_at, **NO_REASON)
        moment = None if apply_at is None else apply_at.isoformat(timespec="minutes")
        line = log_line("due_now") if moment is None else log_line("due_at", moment=moment)
        change_log(objects=rows, user=user, lines=[line])
    return rows


def proposals_reopen(*, proposals: Iterable[PriceProposal], user: Any = None) -> list[PriceProposal]:
    """Take an approval back, that of the whole price family: the price is open for a decision again, and nothing keeps
    it from being proposed again.

    Raises ``PricingError``, and changes none, where one is not approved or is being written right now, and where
    others wait for how it does.
    """
    with transaction.atomic():
        rows = _waiting(proposals)
        _check_followed(rows)
        # A product has one undecided proposal at most; one that a run has made meanwhile gives way to what was chosen.
        keys = [row.product_id for row in rows]
        for part in in_parts(keys):
            PriceProposal.objects.filter(undecided__in=part).delete()
        values = {
            "state": State.OPEN, "apply_at": None, "batch": "", "is_canary": False, "decided_by": None,
            "decided_at": None, "seconded_by": None, **NO_REASON,
        }  # fmt: skip
        _write(rows, **values)
        for row in rows:
            row.undecided = row.product_id
        PriceProposal.objects.bulk_update(rows, ["undecided"], batch_size=900)
        change_log(objects=rows, user=user, lines=[log_line("reopened")])
    return rows


def _waiting(proposals: Iterable[PriceProposal]) -> list[PriceProposal]:
    """Locked, with their families; all of them approved and not in the shop."""
    rows = with_families(proposals, states=WAITING)
    for row in rows:
        if row.state not in WAITING:
            named = {"product": row.product, "state": row.get_state_display()}
            raise PricingError(_("“%(product)s” does not wait to go into the shop: it is %(state)s.") % named)
    if not rows:
        raise PricingError(_("None of these waits to go into the shop."))
    return rows


def _check_followed(rows: list[PriceProposal]) -> None:
    """Without those that go first nobody would know whether the others may follow."""
    opened = {row.pk for row in rows}
    for batch in {row.batch for row in rows if row.is_canary and row.batch}:
        followers = PriceProposal.objects.filter(batch=batch, is_canary=False, state=State.SCHEDULED)
        if set(followers.values_list("pk", flat=True)) - opened:
            raise PricingError(
                _("Others follow when those that go first do well: choose these too, or reject them before.")
            )


def _write(rows: list[PriceProposal], **values: Any) -> None:
    for part in in_parts(row.pk for row in rows):
        PriceProposal.objects.filter(pk__in=part).update(**values)
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)
