"""A part of a selection: each of its rows approved or taken back, or left out for a reason that is stored with it."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from django_ecomai.adapters.base import get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.held import Why, why
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection, PriceSelectionPart

from .allowed import family_candidates, prices_refused
from .decide import (
    HEAVY,
    PricingError,
    approve_rows,
    eyes,
    family_groups,
    mark_stale,
    reason_of,
    second_first,
    split_stale,
    with_families,
)
from .undo import change_undo, undo_forbidden

logger = logging.getLogger("django_ecomai")
State = PriceProposal.State
#: What the next attempt tries again: an error, and what somebody else is at.
AGAIN = ("error", "being_undone")


@dataclass
class _Became:
    """What became of rows, by their keys."""

    done: set[int] = field(default_factory=set)
    first: set[int] = field(default_factory=set)
    skipped: dict[int, Why] = field(default_factory=dict)


def siblings_of(selection: PriceSelection) -> dict[str, set[int]]:
    """The products of all its families; reads the catalogue at most once."""
    families: set[str] = set()
    for rows in selection.parts.values_list("rows", flat=True).iterator(chunk_size=50):
        known = PriceProposal.objects.filter(pk__in=[pk for pk, _price in rows]).exclude(family="").order_by()
        families |= set(known.values_list("family", flat=True).distinct())
    return family_candidates(families, channel=selection.channel)


def approve_part(selection: PriceSelection, pk: int, user: Any, siblings: Mapping[str, set[int]]) -> int:
    """Approve what may still be approved, and leave the others out; returns how many rows it has looked at.

    An error in one of them does not keep the others back: then they are tried family by family.
    """
    with transaction.atomic():
        part, seen = _take(pk)
        if not seen:
            return 0
        families = dict(_families(seen))
    refused = _refused(selection, seen, set(families.values()), siblings)
    try:
        with transaction.atomic():
            # Whoever executes the same selection at the same time waits here, and finds it done.
            part, seen = _take(pk)
            if seen:
                _note(part, _approve(selection, part.place, seen, user, refused), PriceProposal, seen)
        return len(seen)
    except Exception:  # one that breaks must not stop thousands
        logger.exception("EcomAI: part %s of %s is tried one by one.", part.place, selection)
    became = _Became()
    groups: dict[str, list[int]] = {}
    for one in seen:
        groups.setdefault(families.get(one) or f"#{one}", []).append(one)
    for members in groups.values():
        try:
            with transaction.atomic():
                some = _approve(selection, part.place, {one: seen[one] for one in members}, user, refused)
        except Exception as error:
            logger.exception("EcomAI: %s could not be approved.", members)
            some = _Became(skipped=dict.fromkeys(members, _error(error)))
        became.done |= some.done
        became.first |= some.first
        became.skipped |= some.skipped
    with transaction.atomic():
        part, seen = _take(pk)
        if seen:
            _note(part, became, PriceProposal, seen)
    return len(seen)


def undo_part(selection: PriceSelection, pk: int, user: Any) -> int:
    """Take back what can be taken back, one after the other, and leave the others out; returns how many rows it has
    looked at. What another attempt has taken back for this selection counts as done."""
    part = PriceSelectionPart.objects.get(pk=pk)
    seen = _seen(part)
    if not seen:
        return 0
    rows = PriceChange.objects.filter(pk__in=list(seen)).select_related("product", "proposal")
    kept = rows.defer("product__description", "product__attributes", *(f"proposal__{name}" for name in HEAVY))
    changes = {one.pk: one for one in kept}
    became = _Became()
    # With their families: what they have with them is taken back by the first of them.
    unasked = selection.against_limits and not ecomai.PRICING_FOUR_EYES
    forbidden = {} if unasked else undo_forbidden(_with_families(changes.values()), now=timezone.now())
    for key in seen:
        change = changes.get(key)
        if change is None:
            became.skipped[key] = why("gone")
            continue
        try:
            change_undo(
                change=change, user=user, confirmed=selection.against_limits, forbidden=forbidden, selection=selection
            )
            became.done.add(key)
        except PricingError as error:
            became.skipped[key] = error.why
        except Exception as error:
            logger.exception("EcomAI: change %s could not be taken back.", key)
            became.skipped[key] = _error(error)
    elsewhere = [changes[key] for key, one in became.skipped.items() if one.code in ("undone_before", "being_undone")]
    ours = _ours(selection, elsewhere)
    for key in ours:
        del became.skipped[key]
    became.done |= ours
    with transaction.atomic():
        part, seen = _take(pk)
        if seen:
            _note(part, became, PriceChange, seen)
    return len(seen)


def _approve(
    selection: PriceSelection, place: int, seen: dict[int, str], user: Any, refused: dict[int, Why]
) -> _Became:
    """Within a transaction: lock, check again, decide."""
    now = timezone.now()
    became = _Became()
    rows = with_families(PriceProposal(pk=pk) for pk in seen)
    became.skipped = dict.fromkeys(set(seen) - {row.pk for row in rows}, why("gone"))
    open_rows = []
    for row in rows:
        if row.state == State.OPEN:
            open_rows.append(row)
        elif row.batch == selection.batch:
            became.done.add(row.pk)  # by an attempt before
        elif row.state in (State.STALE, State.FAILED, State.HELD):
            became.skipped[row.pk] = reason_of(row) or why("not_open", state=row.state)
        else:
            became.skipped[row.pk] = why("not_open", state=row.state)
    fine, stale = split_stale(open_rows)
    mark_stale(stale, user=user, now=now)
    became.skipped |= {row.pk: reason_of(row) for row in stale}
    for row in fine:
        if seen.get(row.pk) and row.new_price != Decimal(seen[row.pk]):
            became.skipped[row.pk] = why("other_price", new=row.new_price, seen=Decimal(seen[row.pk]))
        elif row.pk in refused:
            became.skipped[row.pk] = refused[row.pk]
    left = _whole(fine, became.skipped)
    first, second, again = eyes(left, user)
    became.skipped |= {row.pk: why("same_person") for row in again}
    second_first(first, user=user)
    canaries = second
    if selection.canary_share is not None:
        groups = family_groups(second)
        none_yet = not PriceProposal.objects.filter(batch=selection.batch, is_canary=True).exists()
        names = first_go(
            list(groups), share=selection.canary_share, batch=selection.batch, place=place, none_yet=none_yet
        )
        canaries = [row for name in sorted(names) for row in groups[name]]
    approve_rows(
        second, canaries, user=user, now=now, apply_at=selection.apply_at, batch=selection.batch,
        parted=selection.canary_share is not None,
    )  # fmt: skip
    became.first |= {row.pk for row in first}
    became.done |= {row.pk for row in second}
    return became


def first_go(groups: Sequence[str], *, share: float, batch: str, place: int, none_yet: bool) -> set[str]:
    """Which families of a part go first: their share, rounded by chance so that it holds over all parts; at least one
    where none has been drawn yet, and never all while others could follow."""
    draw = random.Random(f"{batch}:{place}")
    number = int(share * len(groups) + draw.random())
    number = min(max(number, int(none_yet)), max(len(groups) - 1, 1))
    return set(draw.sample(sorted(groups), min(number, len(groups))))


def _whole(rows: list[PriceProposal], skipped: dict[int, Why]) -> list[PriceProposal]:
    """Those that are left, without the others of families of which one is left out."""
    families = {row.family for row in rows if row.family and row.pk in skipped}
    for row in rows:
        if row.family in families and row.pk not in skipped:
            skipped[row.pk] = why("family_left_out")
    return [row for row in rows if row.pk not in skipped]


def _refused(
    selection: PriceSelection, seen: Iterable[int], families: set[str], siblings: Mapping[str, set[int]]
) -> dict[int, Why]:
    """What limits of now forbid; asked before anything is locked, as the shop may be slow to answer."""
    wanted = Q(pk__in=list(seen)) | Q(family__in=sorted(families - {""}))
    rows = PriceProposal.objects.filter(wanted, channel=selection.channel, state=State.OPEN)
    found = list(rows.select_related("product").defer(*HEAVY))
    adapter = get_adapter(selection.channel)
    return prices_refused(adapter, found, channel=selection.channel, siblings=siblings, now=timezone.now())


def _families(seen: Iterable[int]) -> list[tuple[int, str]]:
    return list(PriceProposal.objects.filter(pk__in=list(seen)).values_list("pk", "family"))


def _with_families(changes: Iterable[PriceChange]) -> list[PriceChange]:
    """With what came into the shop together with them."""
    found = {one.pk: one for one in changes}
    families = {(one.batch, one.proposal.family) for one in found.values() if one.proposal and one.proposal.family}
    batches = {batch for batch, _family in families}
    rows = PriceChange.objects.filter(
        batch__in=batches, proposal__family__in={family for _batch, family in families}, undone_at=None,
        kind=PriceChange.Kind.APPLY,
    )  # fmt: skip
    for one in rows if families else ():
        found.setdefault(one.pk, one)
    return list(found.values())


def _ours(selection: PriceSelection, changes: Sequence[PriceChange]) -> set[int]:
    """Keys of changes that were taken back for this selection: by the first of their family, or an attempt before."""
    taken = PriceChange.objects.filter(selection=selection, product__in=[one.product_id for one in changes])
    known = set(taken.values_list("product_id", "old_price", "new_price"))
    return {one.pk for one in changes if (one.product_id, one.new_price, one.old_price) in known}


def _take(pk: int) -> tuple[PriceSelectionPart, dict[int, str]]:
    """A part, locked, and what is left to do of it."""
    part = locked_rows(PriceSelectionPart.objects.filter(pk=pk)).get()
    return part, _seen(part)


def _seen(part: PriceSelectionPart) -> dict[int, str]:
    """Keys with the prices that were seen: all, or those that an error has left out."""
    rows = {int(pk): str(price) for pk, price in part.rows}
    if part.done_at is None:
        return rows
    wrong = {int(pk) for pk, _title, reason in part.skipped if reason.get("code") in AGAIN}
    return {pk: price for pk, price in rows.items() if pk in wrong}


def _note(part: PriceSelectionPart, became: _Became, model: Any, seen: dict[int, str]) -> None:
    """What became of the rows that were asked for; those of their families are not counted."""
    part.done += len(became.done & seen.keys())
    part.first += len(became.first & seen.keys())
    kept = [one for one in part.skipped if int(one[0]) not in seen]
    new = {pk: reason for pk, reason in became.skipped.items() if pk in seen}
    titles = dict(model.objects.filter(pk__in=list(new)).values_list("pk", "product__title"))
    part.skipped = [*kept, *([pk, titles.get(pk, "–"), new[pk].as_json()] for pk in sorted(new))]
    part.skipped_number = len(part.skipped)
    part.has_errors = any(one[2].get("code") in AGAIN for one in part.skipped)
    part.done_at = timezone.now()
    part.save()


def _error(error: Exception) -> Why:
    return why("error", told=f"{type(error).__name__}: {error}"[:500])
