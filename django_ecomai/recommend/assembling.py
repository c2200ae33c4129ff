"""From ranked products to carousels: no product twice, the shop's own objects, reasons and tokens."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django_ecomai.adapters.base import get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.tokens import token_make

from . import reasons
from .catalogue import Card, Page
from .drafts import Ask, Draft
from .live import Model
from .query import Candidate
from .reasons import reason_text
from .results import Carousel, Recommendation
from .rules import Ranked, take

logger = logging.getLogger("django_ecomai.recommend")

_SPARES = 4  # fetched beyond the size, for products that vanish between ranking and rendering


def finish(
    drafts: Sequence[Draft],
    page: Page,
    ask: Ask,
    *,
    key: str,
    shown: set[str],
    model: Model | None,
    first_only: bool,
    explain: bool,
) -> list[Carousel]:
    """The carousels in the order of ``drafts``; what they show is added to ``shown``.

    Empty ones are left out unless ``explain``. With ``first_only`` nothing is chosen after the first that holds
    something.
    """
    order = drafts if first_only else _claim_order(drafts)
    objects, asked = _resolve(order, page, ask, shown)
    gone = asked.difference(objects or ()) if objects is not None else frozenset()
    made: dict[int, Carousel] = {}
    for draft in order:
        kept = draft.ranked.kept
        draft.ranked.dropped.update({one.product_id: "gone" for one in kept if one.product_id in gone})
        if objects is not None:  # what was not asked for has none; it stands far behind what was
            kept = [one for one in kept if one.product_id in objects]
        chosen = take(
            replace(draft.ranked, kept=kept),
            page.cards,
            limit=draft.limit,
            category_cap=draft.slot.category_cap,
            unwanted=shown,
        )
        carousel = Carousel(
            placement=key, strategy=draft.slot.strategy, title=draft.slot.title, slot=draft.slot,
            recommendation_id=str(uuid7()), dropped=draft.ranked.dropped,
        )  # fmt: skip
        for position, candidate in enumerate(chosen):
            carousel.items.append(_item(candidate, position, carousel, page, objects, model))
            shown.add(candidate.product_id)
            draft.ranked.dropped.pop(candidate.product_id, None)  # moved up for one that was gone
        made[id(draft)] = carousel
        if first_only and carousel.items:
            break
    found = [made[id(draft)] for draft in drafts if id(draft) in made]
    return [carousel for carousel in found if carousel.items or explain]


def _claim_order(drafts: Sequence[Draft]) -> list[Draft]:
    """Who chooses first where no product comes twice: lists of the visitor's own past, which nothing can fill up."""
    return sorted(drafts, key=lambda draft: not (draft.strategy.personal and not draft.strategy.fill))


def _resolve(
    drafts: Sequence[Draft], page: Page, ask: Ask, shown: set[str]
) -> tuple[dict[str, Any] | None, frozenset[str]]:
    """The shop's own objects of everything that may be shown, by one call, and the ids asked for.

    None instead of objects when there is no adapter or it failed.
    """
    if not ecomai.ADAPTER or not ecomai.RESOLVE_OBJECTS:
        return None, frozenset()
    wanted: dict[str, None] = {}
    planned = set(shown)
    for draft in drafts:
        cap = draft.slot.category_cap
        probe = Ranked(kept=draft.ranked.kept)
        for count in (draft.limit, draft.limit + _SPARES):
            chosen = take(probe, page.cards, limit=count, category_cap=cap, unwanted=planned)
            wanted.update(dict.fromkeys(candidate.product_id for candidate in chosen))
            if count == draft.limit:
                first = chosen
        planned.update(candidate.product_id for candidate in first)
        for product_id, why in probe.dropped.items():
            draft.ranked.dropped.setdefault(product_id, why)
    if not wanted:
        return {}, frozenset()
    try:
        with shielded("fetch the shop's own products", reads=True):
            found = get_adapter(ask.viewer.channel).resolve(list(wanted))
            return {str(product_id): found[product_id] for product_id in found}, frozenset(wanted)
    except Exception:  # the adapter is the shop's own code
        logger.exception("The adapter could not resolve products; cards are drawn from the mirror.")
    return None, frozenset()


def _item(
    candidate: Candidate,
    position: int,
    carousel: Carousel,
    page: Page,
    objects: dict[str, Any] | None,
    model: Model | None,
) -> Recommendation:
    card = page.cards[candidate.product_id]
    return Recommendation(
        object=objects.get(candidate.product_id) if objects else None,
        card=card,
        reason=reason_text(candidate.reason, because=_name_of(candidate, card, page)),
        position=position,
        token=token_make(
            run=model.version if model else "",
            placement=carousel.placement,
            slot=carousel.slot.id or carousel.strategy,
            position=position,
            product_id=candidate.product_id,
            recommendation_id=carousel.recommendation_id,
        ),
        product_id=candidate.product_id,
    )


def _name_of(candidate: Candidate, card: Card, page: Page) -> str:
    """The title or category name that the reason mentions."""
    if not candidate.because:
        return ""
    if candidate.reason in reasons.ABOUT_CATEGORY:
        names = dict(card.categories)
        # A product of a category below: name its own category rather than nothing.
        return names.get(candidate.because) or next(iter(names.values()), "")
    because = page.cards.get(candidate.because)
    return because.title if because else ""
