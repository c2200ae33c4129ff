"""Carousels before the database is asked: what each strategy proposes, and the one query for all of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from django_ecomai.core.db import shielded
from django_ecomai.core.registry import Strategy, strategies

from . import reasons
from .catalogue import Page, Wanted, catalogue_page
from .config import Rule, SlotConfig
from .drafts import Ask, Draft
from .query import Candidate, Query
from .rules import extra_products, rules_in_force
from .strategies.builtin import popular_fill

logger = logging.getLogger("django_ecomai.recommend")

MOST = 48  # products of one carousel
# Candidates of one carousel: beyond this a filter leaves it to ``Wanted.matching`` to find more.
DEEPEST = 400
# The last products of a visitor's past whose categories say what his taste is.
TASTE_STEPS = 40

_NO_STRATEGY = Strategy(label="", help="", candidates=lambda query, n: [], fill=False)


def draft_make(slot: SlotConfig, query: Query, ask: Ask, moment: datetime, everywhere: Sequence[Rule]) -> Draft:
    """The candidates of one carousel, deep enough for what may be left out later. Never raises."""
    try:
        strategy = strategies.get(slot.strategy)
    except LookupError:
        logger.warning("A carousel uses the strategy %r, which no installed app offers.", slot.strategy)
        strategy = _NO_STRATEGY
    limit = max(0, min(ask.limit if ask.limit is not None else slot.size, MOST))
    rules = rules_in_force(slot, moment, everywhere)
    depth = _depth(slot, strategy, rules, ask, limit)
    draft = Draft(slot, strategy, rules, limit, depth)
    if limit:
        asked = replace(query, exclude_bought=slot.exclude_bought)
        if strategy.shows_cart:
            asked = asked.with_cart()
        draft.candidates = _safely(lambda: list(strategy.candidates(asked, depth)), slot.strategy)
        draft.own = len(draft.candidates)
        if strategy.fill and query.scorer is not None and len(draft.candidates) < depth:
            have = {candidate.product_id for candidate in draft.candidates}
            fill = _safely(lambda: popular_fill(asked, depth), "popular")
            more = [candidate for candidate in fill if candidate.product_id not in have]
            draft.candidates += more[: depth - len(draft.candidates)]
    return draft


def _depth(slot: SlotConfig, strategy: Strategy, rules: Sequence[Rule], ask: Ask, limit: int) -> int:
    """How many candidates: what is only known after the fetch needs a longer list."""
    if ask.narrow.filters or ask.narrow.where is not None or strategy.accept is not None:
        return min(limit * 25 + 16, DEEPEST)
    hides = any(rule.action == "hide" and rule.category_id for rule in rules)
    shaped = slot.diversity > 0 or slot.novelty > 0 or slot.taste > 0 or slot.explore or slot.frequency_cap
    return limit * (8 if slot.category_cap is not None or hides or shaped else 4) + 16


def spare_the_unknown(drafts: Sequence[Draft]) -> None:
    """A personal carousel with nothing personal in it gives way to the one that says "popular" honestly.

    Only where the placement has such a carousel; alone, it is filled with what is popular.
    """
    if not any(draft.slot.strategy == "trending" and draft.limit for draft in drafts):
        return
    for draft in drafts:
        if draft.strategy.personal and not draft.own and not extra_products(_own(draft)):
            draft.limit = 0


def _own(draft: Draft) -> list[Rule]:
    """The rules that were made for this carousel."""
    return [rule for rule in draft.rules if not rule.everywhere]


def _safely(make: Callable[[], list[Candidate]], name: str) -> list[Candidate]:
    try:
        return make()
    except Exception:  # a strategy may come from another app, and the model from a damaged disk
        logger.exception("The strategy %r failed; the carousel goes on without it.", name)
        return []


def page_read(drafts: Sequence[Draft], query: Query, ask: Ask) -> Page:
    """The products of all carousels, by one query; an empty page when it fails."""
    ids = set(query.product_ids)
    for draft in drafts:
        ids.update(extra_products(draft.rules, fill=draft.strategy.fill))
        for candidate in draft.candidates:
            ids.add(candidate.product_id)
            if candidate.because and candidate.reason not in reasons.ABOUT_CATEGORY:
                ids.add(candidate.because)
        if draft.slot.taste > 0 and draft.limit:
            ids.update(step.product_id for step in query.behaviour[:TASTE_STEPS])
        if draft.strategy.accept is not None:
            ids.update(query.in_cart)
    with shielded("read the products of a carousel", reads=True):
        return catalogue_page(ask.viewer.channel, ids, _wanted(drafts, query, ask))
    return Page(failed=True)


def _wanted(drafts: Sequence[Draft], query: Query, ask: Ask) -> Wanted:
    def deepest(source: str) -> int:
        return max((draft.depth for draft in drafts if draft.strategy.source == source and draft.limit), default=0)

    newest, popular = deepest("newest"), 0
    if query.scorer is None:
        # No model yet: what sold last, then what is new.
        filled = max((draft.depth for draft in drafts if draft.strategy.fill), default=0)
        popular, newest = max(filled, deepest("popular")), max(filled, newest)
    narrow = ask.narrow
    fills = max((draft.depth for draft in drafts if draft.strategy.fill and draft.limit), default=0)
    return Wanted(
        newest=newest,
        popular=popular,
        reduced=deepest("reduced"),
        category=query.category,
        beside=_unknown_to_the_model(drafts, query),
        beside_n=max(draft.depth for draft in drafts),
        perhaps_variants=_perhaps_variants(query),
        words=query.words,
        words_n=deepest("words") if query.words else 0,
        # What fulfils the filter fills up a list of which the filter left little.
        matching=fills if narrow.filters else 0,
        condition=narrow.condition(),
        in_categories=narrow.categories,
        attributes=narrow.reads_attributes,
        margins=narrow.margin != 1.0,
    )


def _perhaps_variants(query: Query) -> list[str]:
    """What the page and the visitor's past name and no model has seen: only the mirror can tell whose they are."""
    named = sorted(query.mentioned())
    if query.scorer is None or not named:
        return named
    return [one for one, item in zip(named, query.scorer.encode(named), strict=True) if item < 0]


def _unknown_to_the_model(drafts: Sequence[Draft], query: Query) -> tuple[str, ...]:
    """The products on the page when a carousel about them found nothing: new ones, or no model is live."""
    lost = any(draft.strategy.about_product and draft.limit and not draft.own for draft in drafts)
    return tuple(query.product_ids) if lost else ()
