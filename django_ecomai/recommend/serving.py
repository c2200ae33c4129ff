"""The path from "this page of this visitor" to products with reasons. Never raises, writes nothing.

At most three queries however many carousels a page has: the merchant's configuration with the visitor's history, the
products, the shop's own objects. Warm, the first one falls away.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from django_ecomai.conf import ecomai
from django_ecomai.core import metrics
from django_ecomai.core.registry import strategies

from . import config as configuration
from .assembling import finish
from .catalogue import Page
from .config import Config, PlacementConfig, SlotConfig
from .defaults import default_placement
from .drafting import draft_make, page_read, spare_the_unknown
from .drafts import Ask, Draft
from .history import look_up
from .live import Model, model_get, model_set_aside
from .narrow import Narrow, narrow_read
from .query import Query
from .ranking import draft_rank
from .results import Carousel, Recommendation
from .rules import Ranked
from .viewer import Past, as_list, category_external_id, circumstances_of, external_ids, last_steps, viewer_of

logger = logging.getLogger("django_ecomai.recommend")


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
    filters: Mapping[str, Any] | None = None,
    boost: Mapping[str, Any] | None = None,
    where: Q | None = None,
    words: str = "",
) -> list[Recommendation]:
    """The first list of a placement that is not empty, or the list of one ``strategy``. Never raises.

    ``placement`` may be the name of a strategy too (as in the tag): a placement of that key wins. With ``placement``
    and ``strategy`` the placement's carousel of that strategy gives size and rules. ``filters``, ``boost`` and
    ``where`` are explained at ``carousels``.
    """
    lists = carousels(
        placement, strategy=strategy, request=request, product=product, products=products, category=category,
        exclude=exclude, customer_id=customer_id, visitor_id=visitor_id, limit=limit, channel=channel, first_only=True,
        filters=filters, boost=boost, where=where, words=words,
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
    filters: Mapping[str, Any] | None = None,
    boost: Mapping[str, Any] | None = None,
    where: Q | None = None,
    words: str = "",
    narrow: Narrow | None = None,
    first_only: bool = False,
    explain: bool = False,
    tune: Mapping[str, float] | None = None,
) -> list[Carousel]:
    """The carousels of a placement that hold something, in the merchant's order, or the most valuable first where he
    wants that. Never raises.

    ``product`` and ``products`` are shop objects or external ids; ``exclude`` are products that must not appear.
    ``filters`` leave out (``in_category``, ``brand``, ``min_price``, ``max_price``, ``in_stock``, ``attributes``),
    ``boost`` shows more of (``{"brand": {"Acme": 2}, "margin": 2}``), ``where`` is a condition on the shop's own
    products (``Q``); what cannot be understood is logged and left out. ``words`` are what a search did not find.
    ``narrow`` is all of the former, read already. ``explain`` also returns empty carousels, with what was left out.
    ``tune`` tries out sliders (``{"diversity": 0.5}``) in place of what is saved.
    """
    began = time.perf_counter()
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
            narrow=narrow if narrow is not None else _narrow(filters, boost, where),
            words=str(words or "")[:255],
            circumstances=circumstances_of(request, viewer),
        )
        found = _answer(
            placement, strategy, ask, shown=shown, request=request, first_only=first_only, explain=explain, tune=tune
        )
    except Exception:  # whatever goes wrong here, the shop's page must go on
        logger.exception(
            "EcomAI could not recommend anything for %r; the page goes on without it.", placement or strategy
        )
        metrics.count(metrics.FALLBACKS, "error")
        return []
    metrics.observe(metrics.SERVING, time.perf_counter() - began)
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
    tune: Mapping[str, float] | None = None,
    use_model: bool = True,
) -> list[Carousel]:
    config, past = look_up(ask.viewer, request=request)
    key, slots, by_value = _slots(config, placement, strategy, even_if_off=explain)
    if not slots:
        return []
    if tune:
        slots = [replace(slot, **tune) for slot in slots]  # type: ignore[arg-type]
    live = model_get(ask.viewer.channel, config)
    model = live if live is not None and use_model and not live.is_aside() else None
    moment = datetime.fromtimestamp(ask.now, UTC)
    query = _query(ask, past, model, config, moment)
    everywhere = config.rules if config else ()
    drafts = [draft_make(slot, query, ask, moment, everywhere) for slot in slots]
    if model is None and any(map(_lacks_model, drafts)):
        metrics.count(metrics.FALLBACKS, "no_model" if live is None else "foreign_model")
    spare_the_unknown(drafts)
    page = page_read(drafts, query, ask)
    if model is not None and _is_foreign(model, drafts, page):
        model_set_aside(model, ask.viewer.channel)
        return _answer(
            placement, strategy, ask, shown=shown, request=request, first_only=first_only, explain=explain,
            tune=tune, use_model=False,
        )  # fmt: skip
    if page.parents:
        query = query.with_parents(page.parents)
    for draft in drafts:
        try:
            draft_rank(draft, query, page, past, ask)
        except Exception:  # what a strategy accepts may be another app's own code
            logger.exception("The carousel %r failed; the others of the page go on without it.", draft.slot.strategy)
            draft.ranked = Ranked()
            metrics.count(metrics.FALLBACKS, "strategy_failed")
    return finish(
        drafts, page, ask, key=key, shown=shown, model=model, first_only=first_only, explain=explain,
        values=config.values if config and by_value else None,
    )  # fmt: skip


def _lacks_model(draft: Draft) -> bool:
    """Whether a carousel would be a model's: not what is new, reduced or of the visitor's own past."""
    own_past = draft.strategy.personal and not draft.strategy.fill
    return not (draft.own or draft.strategy.source or own_past)


def _is_foreign(model: Model, drafts: Sequence[Draft], page: Page) -> bool:
    """Whether the model proposed products and the shop has none of them, not even as ones that are gone."""
    if page.failed:
        return False
    proposed = {one.product_id for draft in drafts if draft.strategy.fill for one in draft.candidates}
    if not proposed or not proposed.isdisjoint(page.cards):
        return False
    return bool((model.scorer.encode(list(proposed)) >= 0).any())  # else a strategy of another app proposed them


def _slots(
    config: configuration.Config | None, placement: str, strategy: str | None, *, even_if_off: bool = False
) -> tuple[str, Sequence[SlotConfig], bool]:
    """The placement's key for tokens, the carousels to fill, and whether the most valuable one comes first.

    See ``recommendations`` for how names are resolved.
    """
    known: PlacementConfig | None = None
    if placement:
        known = config.placements.get(placement) if config else None
        if config is None or not config.placements:  # a channel that nobody has set up yet
            known = default_placement(placement)
    if strategy is None and known is None and placement in strategies:
        placement, strategy = "", placement
    if known is not None and not known.is_active and not even_if_off:
        return placement, (), False
    if strategy is None:
        if known is None:
            logger.warning("There is no placement and no strategy named %r; nothing is recommended.", placement)
        return (placement, known.slots, known.order_by_value) if known else (placement, (), False)
    if strategy not in strategies:
        logger.warning("There is no strategy named %r; nothing is recommended.", strategy)
        return placement, (), False
    same = [slot for slot in known.slots if slot.strategy == strategy] if known else []
    offered = strategies.get(strategy)
    asked = SlotConfig(strategy=strategy, title=str(offered.title or offered.label))
    return placement or strategy, same[:1] or [asked], False


def _query(ask: Ask, past: Past, model: Model | None, config: Config | None, moment: datetime) -> Query:
    """The question at the level of products: variants that the model knows are theirs already (see ``_page``)."""
    in_cart = past.in_cart(ask.now)
    query = Query(
        channel=ask.viewer.channel,
        product_ids=ask.product_ids,
        category=ask.category,
        behaviour=last_steps(past.behaviour, most=int(ecomai.RECENT_ITEMS)),
        bought=past.bought,
        exclude=ask.exclude | past.dismissed | in_cart,
        refused=ask.exclude | past.dismissed,
        in_cart=in_cart,
        dismissed=past.dismissed,
        offers=tuple(bundle.offer for bundle in config.bundles if bundle.holds(moment)) if config else (),
        words=ask.words,
        country=ask.circumstances.get("country", ""),
        referrer=ask.circumstances.get("referrer", ""),
        device=ask.circumstances.get("device", ""),
        scorer=model.scorer if model else None,
        category_parents=model.category_parents if model else {},
        now=ask.now,
    )
    return query.with_parents(model.variants) if model else query


def _narrow(filters: Mapping[str, Any] | None, boost: Mapping[str, Any] | None, where: Q | None) -> Narrow:
    errors: dict[str, str] = {}
    narrow = narrow_read(filters, boost, where=where, errors=errors)
    for name, sentence in errors.items():
        logger.warning("A page's %s is left out. %s", name, sentence)
    return narrow


def _shown(request: HttpRequest | None) -> set[str]:
    """Products that this page shows already, kept on the request."""
    if request is None:
        return set()
    shown = getattr(request, "ecomai_shown", None)
    if not isinstance(shown, set):
        shown = set()
        request.ecomai_shown = shown  # type: ignore[attr-defined]
    return shown
