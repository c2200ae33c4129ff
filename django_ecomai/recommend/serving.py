"""The path from "this page of this visitor" to products with reasons. Never raises, writes nothing.

At most three queries however many carousels a page has: the merchant's configuration with the visitor's history, the
products, the shop's own objects. Warm, the first one falls away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core.db import shielded
from django_ecomai.core.registry import Strategy, strategies

from . import config as configuration
from . import reasons
from .assembling import finish
from .catalogue import Page, catalogue_page
from .config import PlacementConfig, SlotConfig
from .defaults import default_placement
from .drafts import Ask, Draft
from .history import look_up
from .live import Model, model_get, model_set_aside
from .query import Candidate, Query
from .results import Carousel, Recommendation
from .rules import extra_products, rules_apply, rules_in_force
from .strategies.builtin import popular_fill
from .viewer import Past, as_list, category_external_id, external_ids, last_steps, viewer_of

logger = logging.getLogger("django_ecomai.recommend")

MOST = 48  # products of one carousel


def recommendations(
    placement: str = "",
    *,
    strategy: str | None = None,
    request: HttpRequest | None = None,
    product: Any = None,
    products: Any = (),
    category: Any = None,
    exclude: Any = (),
    customer_id: str | None = None,
    visitor_id: str | None = None,
    limit: int | None = None,
    channel: str | None = None,
) -> list[Recommendation]:
    """The first list of a placement that is not empty, or the list of one ``strategy``. Never raises.

    ``placement`` may be the name of a strategy too (as in the tag): a placement of that key wins. With ``placement``
    and ``strategy`` the placement's carousel of that strategy gives size and rules.
    """
    lists = carousels(
        placement, strategy=strategy, request=request, product=product, products=products, category=category,
        exclude=exclude, customer_id=customer_id, visitor_id=visitor_id, limit=limit, channel=channel, first_only=True,
    )  # fmt: skip
    return lists[0].items if lists else []


def carousels(
    placement: str = "",
    *,
    strategy: str | None = None,
    request: HttpRequest | None = None,
    product: Any = None,
    products: Any = (),
    category: Any = None,
    exclude: Any = (),
    customer_id: str | None = None,
    visitor_id: str | None = None,
    limit: int | None = None,
    channel: str | None = None,
    first_only: bool = False,
    explain: bool = False,
) -> list[Carousel]:
    """The carousels of a placement that hold something, in the merchant's order. Never raises.

    ``product`` and ``products`` are shop objects or external ids; ``exclude`` are products that must not appear.
    ``explain`` also returns empty carousels, with what was left out.
    """
    try:
        viewer = viewer_of(request, channel=channel, customer_id=customer_id, visitor_id=visitor_id)
        about = external_ids([product, *as_list(products)], channel=viewer.channel)
        shown = _shown(request)
        ask = Ask(
            viewer=viewer,
            product_ids=tuple(about),
            category=category_external_id(category, channel=viewer.channel),
            exclude=frozenset([*about, *external_ids(as_list(exclude), channel=viewer.channel)]),
            limit=limit,
            now=time.time(),
        )
        found = _answer(placement, strategy, ask, shown=shown, request=request, first_only=first_only, explain=explain)
    except Exception:  # whatever goes wrong here, the shop's page must go on
        logger.exception(
            "EcomAI could not recommend anything for %r; the page goes on without it.", placement or strategy
        )
        return []
    return found


def _answer(
    placement: str,
    strategy: str | None,
    ask: Ask,
    *,
    shown: set[str],
    request: HttpRequest | None,
    first_only: bool,
    explain: bool,
    use_model: bool = True,
) -> list[Carousel]:
    config, past = look_up(ask.viewer, request=request)
    key, slots = _slots(config, placement, strategy, even_if_off=explain)
    if not slots:
        return []
    model = model_get(ask.viewer.channel, config) if use_model else None
    query = _query(ask, past, model)
    moment = datetime.fromtimestamp(ask.now, UTC)
    drafts = [_draft(slot, query, ask, moment) for slot in slots]
    _spare_the_unknown(drafts)
    page = _page(drafts, query, ask)
    if model is not None and _is_foreign(model, drafts, page):
        model_set_aside(model, ask.viewer.channel)
        return _answer(
            placement, strategy, ask, shown=shown, request=request, first_only=first_only, explain=explain,
            use_model=False,
        )  # fmt: skip
    if page.parents:
        query = query.with_parents(page.parents)
    for draft in drafts:
        draft.candidates = [_of_parent(candidate, page) for candidate in draft.candidates]
        _rank(draft, query, page)
    return finish(drafts, page, ask, key=key, shown=shown, model=model, first_only=first_only, explain=explain)


def _slots(
    config: configuration.Config | None, placement: str, strategy: str | None, *, even_if_off: bool = False
) -> tuple[str, Sequence[SlotConfig]]:
    """The placement's key for tokens, and the carousels to fill. See ``recommendations`` for how names are resolved."""
    known: PlacementConfig | None = None
    if placement:
        known = config.placements.get(placement) if config else None
        if config is None or not config.placements:  # a channel that nobody has set up yet
            known = default_placement(placement)
    if strategy is None and known is None and placement in strategies:
        placement, strategy = "", placement
    if known is not None and not known.is_active and not even_if_off:
        return placement, ()
    if strategy is None:
        if known is None:
            logger.warning("There is no placement and no strategy named %r; nothing is recommended.", placement)
        return placement, known.slots if known else ()
    if strategy not in strategies:
        logger.warning("There is no strategy named %r; nothing is recommended.", strategy)
        return placement, ()
    same = [slot for slot in known.slots if slot.strategy == strategy] if known else []
    return placement or strategy, same[:1] or [SlotConfig(strategy=strategy, title=str(strategies.get(strategy).label))]


def _query(ask: Ask, past: Past, model: Model | None) -> Query:
    """The question at the level of products: variants that the model knows are theirs already (see ``_page``)."""
    query = Query(
        channel=ask.viewer.channel,
        product_ids=ask.product_ids,
        category=ask.category,
        behaviour=last_steps(past.behaviour, most=int(ecomai.RECENT_ITEMS)),
        bought=past.bought,
        exclude=ask.exclude | past.dismissed | past.in_cart(ask.now),
        scorer=model.scorer if model else None,
        category_parents=model.category_parents if model else {},
        now=ask.now,
    )
    return query.with_parents(model.variants) if model else query


def _draft(slot: SlotConfig, query: Query, ask: Ask, moment: datetime) -> Draft | Any:
    try:
        strategy = strategies.get(slot.strategy)
    except LookupError:
        logger.warning("A carousel uses the strategy %r, which no installed app offers.", slot.strategy)
        strategy = _NO_STRATEGY
    limit = max(0, min(ask.limit if ask.limit is not None else slot.size, MOST))
    rules = rules_in_force(slot, moment)
    # Filters that are only known after the fetch need a longer list.
    picky = slot.category_cap is not None or any(rule.action == "hide" and rule.category_id for rule in rules)
    depth = limit * (8 if picky else 4) + 16
    draft = Draft(slot, strategy, rules, limit, depth)
    if limit:
        asked = replace(query, exclude_bought=slot.exclude_bought)
        draft.candidates = _safely(lambda: list(strategy.candidates(asked, depth)), slot.strategy)
        draft.own = len(draft.candidates)
        if strategy.fill and query.scorer is not None and len(draft.candidates) < depth:
            have = {candidate.product_id for candidate in draft.candidates}
            fill = _safely(lambda: popular_fill(asked, depth), "popular")
            more = [candidate for candidate in fill if candidate.product_id not in have]
            draft.candidates += more[: depth - len(draft.candidates)]
    return draft


def _spare_the_unknown(drafts: Sequence[Draft]) -> None:
    """A personal carousel with nothing personal in it gives way to the one that says "popular" honestly.

    Only where the placement has such a carousel; alone, it is filled with what is popular.
    """
    if not any(draft.slot.strategy == "trending" and draft.limit for draft in drafts):
        return
    for draft in drafts:
        if draft.strategy.personal and not draft.own and not extra_products(draft.rules):
            draft.limit = 0


def _safely(make: Callable[[], list[Candidate]], name: str) -> list[Candidate]:
    try:
        return make()
    except Exception:  # a strategy may come from another app, and the model from a damaged disk
        logger.exception("The strategy %r failed; the carousel goes on without it.", name)
        return []


def _page(drafts: Sequence[Draft], query: Query, ask: Ask) -> Page:
    ids = set(query.product_ids)
    for draft in drafts:
        ids.update(extra_products(draft.rules))
        for candidate in draft.candidates:
            ids.add(candidate.product_id)
            if candidate.because and candidate.reason not in reasons.ABOUT_CATEGORY:
                ids.add(candidate.because)
    newest = max((draft.depth for draft in drafts if draft.strategy.source == "newest"), default=0)
    popular = 0
    if query.scorer is None:
        # No model yet: what sold last, then what is new.
        popular = max((draft.depth for draft in drafts if draft.strategy.fill), default=0)
        newest = max(newest, popular)
    with shielded("read the products of a carousel", reads=True):
        return catalogue_page(
            ask.viewer.channel,
            ids,
            newest=newest,
            popular=popular,
            category=query.category,
            beside=_unknown_to_the_model(drafts, query),
            beside_n=max(draft.depth for draft in drafts),
            perhaps_variants=_perhaps_variants(query),
        )
    return Page(failed=True)


def _is_foreign(model: Model, drafts: Sequence[Draft], page: Page) -> bool:
    """Whether the model proposed products and the shop has none of them, not even as ones that are gone."""
    if page.failed:
        return False
    proposed = {one.product_id for draft in drafts if draft.strategy.fill for one in draft.candidates}
    if not proposed or not proposed.isdisjoint(page.cards):
        return False
    return bool((model.scorer.encode(list(proposed)) >= 0).any())  # else a strategy of another app proposed them


def _of_parent(candidate: Candidate, page: Page) -> Candidate:
    owner = page.parents.get(candidate.product_id, candidate.product_id)
    return candidate._replace(product_id=owner, because=page.parents.get(candidate.because, candidate.because))


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


def _rank(draft: Draft, query: Query, page: Page) -> None:
    if draft.strategy.source == "newest":
        draft.candidates += [Candidate(product_id, 0.0, reasons.NEW) for product_id in page.newest]
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
    draft.ranked = rules_apply(
        draft.candidates, page.cards, draft.slot, draft.rules, exclude=query.exclude, bought=query.bought
    )


def _shown(request: HttpRequest | None) -> set[str]:
    """Products that this page shows already, kept on the request."""
    if request is None:
        return set()
    shown = getattr(request, "ecomai_shown", None)
    if not isinstance(shown, set):
        shown = set()
        request.ecomai_shown = shown  # type: ignore[attr-defined]
    return shown


_NO_STRATEGY = Strategy(label="", help="", candidates=lambda query, n: [], fill=False)
