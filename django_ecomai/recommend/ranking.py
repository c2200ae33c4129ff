"""Carousels once the products are there: rules, filters, and the merchant's sliders over what the strategy proposed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from django_ecomai.ml.recommend.rerank import likeness, novel, rerank, shares

from . import reasons
from .catalogue import Card, Page
from .drafting import TASTE_STEPS
from .drafts import Ask, Draft
from .query import Candidate, Query
from .rules import Ranked, rules_apply
from .steering import weights_of_others
from .viewer import Past
from .weights import behaviour_weight

# A product that is as like a dismissed one as any keeps this share of its weight.
DISMISSED_LEFT = 0.2
_DISMISSED_READ = 20
_NEAR = 30
# Candidates that the sliders look at: more places than are shown, so that there is something to choose from.
_SHAPED = 48


def draft_rank(draft: Draft, query: Query, page: Page, past: Past, ask: Ask) -> None:
    """Put the candidates of a carousel into their final order: ``draft.ranked``."""
    if page.parents:
        draft.candidates = [_of_parent(candidate, page) for candidate in draft.candidates]
    _add_sources(draft, query, page)
    if draft.strategy.shows_cart:
        query = query.with_cart()
    resting: frozenset[str] = frozenset()
    if draft.slot.frequency_cap:
        found = past.resting(cap=draft.slot.frequency_cap, days=draft.slot.frequency_days, now=ask.now)
        resting = frozenset(page.parents.get(one, one) for one in found)
    draft.ranked = _ruled(draft, query, page, ask, resting)
    if draft.slot.fill_filtered and ask.narrow.filters and len(draft.ranked.kept) < draft.limit:
        _fill(draft, query, page, ask, resting)
    _shape(draft, query, page)


def _of_parent(candidate: Candidate, page: Page) -> Candidate:
    owner = page.parents.get(candidate.product_id, candidate.product_id)
    return candidate._replace(product_id=owner, because=page.parents.get(candidate.because, candidate.because))


def _add_sources(draft: Draft, query: Query, page: Page) -> None:
    """What came with the query: the strategy's own source, products of the same shelf, and what fills up."""
    source = draft.strategy.source
    found: list[Candidate] = []
    if source == "newest":
        found = [Candidate(one, 0.0, reasons.NEW) for one in page.newest]
    elif source == "reduced":
        found = [Candidate(one, 0.0, reasons.REDUCED) for one in page.reduced]
    elif source == "words":
        found = [Candidate(one, 0.0, reasons.WORDS) for one in page.worded]
    elif source == "popular" and query.scorer is None:
        best = reasons.BESTSELLER_IN if query.category else reasons.BESTSELLER
        found = [Candidate(one, 0.0, best, query.category) for one in page.popular]
    filling = draft.candidates[draft.own :]
    draft.candidates = draft.candidates[: draft.own] + found + filling
    if draft.strategy.about_product and not draft.own:
        shelf = {
            one for about in query.product_ids if about in page.cards for one, _name in page.cards[about].categories
        }
        near = [
            Candidate(one, 0.0, reasons.BESIDE, next(c for c, _name in page.cards[one].categories if c in shelf))
            for one in page.beside
        ]
        draft.candidates = near + draft.candidates
    if draft.strategy.fill and query.scorer is None:
        popular = reasons.POPULAR_IN if query.category else reasons.POPULAR
        draft.candidates += [Candidate(product_id, 0.0, popular, query.category) for product_id in page.popular]
        draft.candidates += [Candidate(product_id, 0.0, reasons.NEW) for product_id in page.newest]
    if draft.strategy.fill:
        draft.candidates += [Candidate(one, 0.0, reasons.SELECTED) for one in _best_known(page.matching, query)]


def _best_known(ids: Sequence[str], query: Query) -> list[str]:
    """By popularity where a model knows it, else as they come (newest first)."""
    if query.scorer is None or not ids:
        return list(ids)
    items = query.scorer.encode(list(ids))
    known = np.where(items >= 0, query.scorer.popularity[np.maximum(items, 0)], -1.0)
    return [ids[int(at)] for at in np.argsort(-known, kind="stable")]


def _ruled(
    draft: Draft, query: Query, page: Page, ask: Ask, resting: frozenset[str], *, filtered: bool = True
) -> Ranked:
    about = [page.cards[one] for one in query.product_ids or sorted(query.in_cart) if one in page.cards]
    accept = draft.strategy.accept
    # What the merchant puts first stands there; a filter of the page is the shopper's own wish.
    pinned = {
        rule.product_id for rule in draft.rules if rule.action == "pin" and rule.product_id and not rule.everywhere
    }

    narrowed = filtered and ask.narrow.filters

    def refuse(card: Card) -> str:
        if narrowed and not ask.narrow.passes(card):
            return "filter"
        if card.product_id in pinned:
            return ""
        if card.product_id in resting:
            return "resting"
        return "unfit" if accept is not None and not accept(card, about) else ""

    return rules_apply(
        draft.candidates, page.cards, draft.slot, draft.rules, exclude=query.exclude, bought=query.bought,
        refuse=refuse if narrowed or resting or accept is not None else None, weigh=_weigher(query, page, ask),
        fill=draft.strategy.fill,
    )  # fmt: skip


def _weigher(query: Query, page: Page, ask: Ask) -> Callable[[Card], float] | None:
    """Boosts of the page, what other apps say of products, and less weight for what is like a product that the visitor
    waved away.
    """
    near = _near_dismissed(query)
    narrow = ask.narrow
    others = weights_of_others(ask.viewer.channel)
    if not near and not others and not narrow.boosts and narrow.margin == 1.0:
        return None

    def weigh(card: Card) -> float:
        left = 1.0 - (1.0 - DISMISSED_LEFT) * near.get(card.product_id, 0.0)
        left *= others.get(card.product_id, 1.0)
        return left * narrow.factor(card, page.margins.get(card.product_id))

    return weigh


def _near_dismissed(query: Query) -> dict[str, float]:
    """Product id -> how like a dismissed one it is, 1 for the likest."""
    scorer = query.scorer
    found: dict[str, float] = defaultdict(float)
    if scorer is None or not query.dismissed:
        return found
    items = scorer.encode(sorted(query.dismissed)[:_DISMISSED_READ])
    for item in items[items >= 0].tolist():
        scored = scorer.similar(item, n=_NEAR)
        top = float(scored.scores.max(initial=0.0))
        for other, score in zip(scorer.decode(scored.items), scored.scores.tolist(), strict=True):
            if top > 0:
                found[other] = max(found[other], min(score / top, 1.0))
    return found


def _fill(draft: Draft, query: Query, page: Page, ask: Ask, resting: frozenset[str]) -> None:
    """The rest of the candidates behind those that pass the filter, where the merchant prefers a full list."""
    passed = draft.ranked
    everything = _ruled(draft, query, page, ask, resting, filtered=False)
    have = {one.product_id for one in passed.kept}
    passed.kept += [one for one in everything.kept if one.product_id not in have]
    passed.weights = {**everything.weights, **passed.weights}
    passed.dropped = {key: why for key, why in passed.dropped.items() if why != "filter"}


def _shape(draft: Draft, query: Query, page: Page) -> None:
    """Variety, lesser-known products and the customer's own mix, behind what is pinned."""
    slot, ranked = draft.slot, draft.ranked
    if not (slot.diversity > 0 or slot.novelty > 0 or slot.taste > 0):
        return
    head, rest = ranked.kept[: ranked.pinned], ranked.kept[ranked.pinned :]
    shaped, behind = rest[:_SHAPED], rest[_SHAPED:]
    if len(shaped) < 2:
        return
    cards = [page.cards[one.product_id] for one in shaped]
    relevance = np.array([ranked.weights.get(one.product_id, 0.0) for one in shaped])
    if slot.novelty > 0 and query.scorer is not None:
        items = query.scorer.encode([one.product_id for one in shaped])
        popularity = np.where(items >= 0, query.scorer.popularity[np.maximum(items, 0)], 0.0)
        relevance = novel(relevance, popularity, slot.novelty)
    labels = [[name for name, _title in card.categories] for card in cards]
    target = _taste(query, page) if slot.taste > 0 else {}
    names = sorted(target)
    order = rerank(
        relevance,
        draft.limit * 2,
        diversity=slot.diversity,
        similarity=_likeness(cards, query) if slot.diversity > 0 else None,
        taste=slot.taste,
        target=np.array([target[name] for name in names]) if names else None,
        memberships=shares(labels, names) if names else None,
    )
    ranked.kept = head + [shaped[int(at)] for at in order] + behind


def _taste(query: Query, page: Page) -> dict[str, float]:
    """Category -> its share in what the visitor did, each step by its weight, a product spread over its categories."""
    found: dict[str, float] = defaultdict(float)
    for step in query.behaviour[:TASTE_STEPS]:
        card = page.cards.get(step.product_id)
        weight = behaviour_weight(step.name)
        if card is not None and weight > 0:
            for category, _name in card.categories:
                found[category] += weight / len(card.categories)
    return dict(found)


def _likeness(cards: Sequence[Card], query: Query) -> np.ndarray:
    content: dict[tuple[int, int], float] = {}
    if query.scorer is not None:
        at = {card.product_id: place for place, card in enumerate(cards)}
        items = query.scorer.encode([card.product_id for card in cards]).tolist()
        for place, item in enumerate(items):
            if item < 0:
                continue
            scored = query.scorer.similar(item, n=_NEAR)
            top = float(scored.scores.max(initial=0.0))
            for other, score in zip(query.scorer.decode(scored.items), scored.scores.tolist(), strict=True):
                if other in at and top > 0:
                    content[place, at[other]] = score / top
    return likeness(
        categories=[card.main_category for card in cards],
        brands=[card.brand.casefold() for card in cards],
        content=content,
    )
