"""From ranked products to carousels: no product twice, the shop's own objects, reasons and tokens."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django_ecomai.adapters.base import ShopAdapter, get_adapter
from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.uuid7 import uuid7
from django_ecomai.events.tokens import token_make

from . import reasons
from .catalogue import Card, Page
from .drafts import Ask, Draft
from .live import Model
from .planning import by_value, chances_shown, plan
from .query import Candidate
from .reasons import reason_text
from .results import Carousel, Recommendation
from .rules import take

logger = logging.getLogger("django_ecomai.recommend")

_PRODUCT = "{product}"  # in a heading: the product that the list is about


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
    values: Mapping[tuple[str, str], float] | None = None,
) -> list[Carousel]:
    """The carousels in the order of ``drafts`` (with ``values``: the most valuable first); what they show is added to
    ``shown``.

    Empty ones are left out unless ``explain``. With ``first_only`` nothing is chosen after the first that holds
    something.
    """
    plan(drafts if first_only and not values else _claim_order(drafts), page, ask, key=key, shown=shown)
    drafts = by_value(drafts, page, values, key=key)
    order = drafts if first_only else _claim_order(drafts)
    objects, asked = _resolve(order, ask)
    gone = asked.difference(objects or ()) if objects is not None else frozenset()
    made: dict[int, Carousel] = {}
    for draft in order:
        why = "filter" if ask.narrow.where is not None else "gone"
        draft.ranked.dropped.update(
            {one.candidate.product_id: why for one in draft.plan if one.candidate.product_id in gone}
        )
        kept = [one.candidate for one in draft.plan]
        if objects is not None:
            kept = [one for one in kept if one.product_id in objects]
        chosen = take(
            replace(draft.ranked, kept=kept),
            page.cards,
            limit=draft.limit,
            category_cap=draft.slot.category_cap,
            unwanted=shown,
        )
        carousel = Carousel(
            placement=key, strategy=draft.slot.strategy, title=_title(draft, chosen, page), slot=draft.slot,
            recommendation_id=str(uuid7()), dropped=draft.ranked.dropped,
        )  # fmt: skip
        chance = chances_shown(draft.plan, {one.product_id for one in chosen})
        for position, candidate in enumerate(chosen):
            item = _item(candidate, position, carousel, page, objects, model, chance[candidate.product_id])
            carousel.items.append(item)
            shown.add(candidate.product_id)
            draft.ranked.dropped.pop(candidate.product_id, None)  # moved up for one that was gone
        made[id(draft)] = carousel
        if first_only and carousel.items:
            break
    found = [made[id(draft)] for draft in drafts if id(draft) in made]
    return [carousel for carousel in found if carousel.items or explain]


def _claim_order(drafts: Sequence[Draft]) -> list[Draft]:
    """Who chooses first where no product comes twice: lists of the visitor's own past, which nothing can fill up.

    What is around one product of it ("because you viewed ...") is not the past: it takes its turn on the page.
    """

    def is_past(draft: Draft) -> bool:
        return draft.strategy.personal and not draft.strategy.fill and not draft.strategy.names_product

    return sorted(drafts, key=lambda draft: not is_past(draft))


def _title(draft: Draft, chosen: Sequence[Candidate], page: Page) -> str:
    """The heading, naming the one product that the list is about where the strategy has one."""
    title = str(draft.slot.title)
    if not draft.strategy.names_product:
        return title
    cards = (page.cards.get(one.because) for one in chosen if one.because)
    name = next((card.title for card in cards if card is not None), "")
    if not name:
        return str(draft.strategy.label) if _PRODUCT in title else title
    # Not str.format: a merchant's heading may hold other braces.
    return title.replace(_PRODUCT, name) if _PRODUCT in title else f"{title}: {name}"


def _resolve(drafts: Sequence[Draft], ask: Ask) -> tuple[dict[str, Any] | None, frozenset[str]]:
    """The shop's own objects of everything that is planned, by one call, and the ids asked for.

    None instead of objects when there is no adapter or it failed; with a condition of the page nothing is shown then,
    as nobody knows what fulfils it.
    """
    where = ask.narrow.where
    if where is None and (not ecomai.ADAPTER or not ecomai.RESOLVE_OBJECTS):
        return None, frozenset()
    wanted = dict.fromkeys(one.candidate.product_id for draft in drafts for one in draft.plan)
    if not wanted:
        return {}, frozenset()
    try:
        with shielded("fetch the shop's own products", reads=True):
            adapter = get_adapter(ask.viewer.channel)
            if where is None and type(adapter).resolve is ShopAdapter.resolve:
                return None, frozenset()  # files and deliveries have no objects: cards are drawn from the mirror
            ids = list(wanted)
            found = adapter.resolve(ids) if where is None else adapter.resolve_where(ids, where)
            return {str(product_id): found[product_id] for product_id in found}, frozenset(wanted)
    except Exception:  # the adapter is the shop's own code
        logger.exception("The adapter could not resolve products; cards are drawn from the mirror.")
    return (None, frozenset()) if where is None else ({}, frozenset(wanted))


def _item(
    candidate: Candidate,
    position: int,
    carousel: Carousel,
    page: Page,
    objects: dict[str, Any] | None,
    model: Model | None,
    propensity: float | None,
) -> Recommendation:
    card = page.cards[candidate.product_id]
    said = reason_text(candidate.reason, because=_name_of(candidate, card, page), percent=card.percent_off)
    return Recommendation(
        object=objects.get(candidate.product_id) if objects else None,
        card=card,
        reason=candidate.note or said,
        reason_code=candidate.reason,
        because_id=candidate.because,
        position=position,
        token=token_make(
            run=model.version if model else "",
            placement=carousel.placement,
            slot=carousel.slot.id or carousel.strategy,
            position=position,
            product_id=candidate.product_id,
            recommendation_id=carousel.recommendation_id,
            propensity=propensity,
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
