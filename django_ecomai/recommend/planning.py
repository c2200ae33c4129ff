"""Which products go where: none twice on a page, places for trying out, the most valuable carousel first. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from django_ecomai.ml.recommend.rerank import draw

from .catalogue import Page
from .drafts import Ask, Draft, Planned
from .query import Candidate
from .rules import Ranked, take

_SPARES = 4  # planned beyond the size, for products that vanish between ranking and rendering
# Trying out draws from so many of the products behind the best.
POOL = 50
# Within this time a visitor who comes back sees the same products being tried out.
BUCKET_SECONDS = 3600


def plan(drafts: Sequence[Draft], page: Page, ask: Ask, *, key: str, shown: set[str]) -> None:
    """Fill ``draft.plan`` of each in turn: the places of the carousel, then spares. Notes what is left out and why."""
    planned = set(shown)
    for draft in drafts:
        draft.plan = _places(draft, page, ask, key=key, unwanted=planned)
        planned.update(one.candidate.product_id for one in draft.plan[: draft.limit])


def _places(draft: Draft, page: Page, ask: Ask, *, key: str, unwanted: set[str]) -> list[Planned]:
    cap = draft.slot.category_cap
    explore = min(draft.slot.explore, draft.limit)
    probe = Ranked(kept=draft.ranked.kept)
    # Every place first, as if nothing was tried out: what is left out and why follows from this.
    # A condition on the shop's own products is only known once these are there: whatever is left may be needed.
    spares = _SPARES if ask.narrow.where is None else len(draft.ranked.kept)
    ordered = take(probe, page.cards, limit=draft.limit + spares, category_cap=cap, unwanted=unwanted)
    for product_id, why in probe.dropped.items():
        draft.ranked.dropped.setdefault(product_id, why)
    best = ordered[: draft.limit]
    pinned = {one.product_id for one in draft.ranked.kept[: draft.ranked.pinned]}
    if len(best) < draft.limit:
        explore = 0  # everything is shown anyway
    while explore and best[-explore].product_id in pinned:
        explore -= 1  # what the merchant put first is never drawn for
    if not explore:
        return [Planned(one) for one in ordered]
    head = best[: draft.limit - explore]
    taken = unwanted | {one.product_id for one in head}
    pool = [one for one in draft.ranked.kept if one.product_id not in taken][:POOL]
    weights = [draft.ranked.weights.get(one.product_id, 0.0) for one in pool]
    labels, room = _room(head, pool, page, cap)
    order, chances = draw(weights, explore, seed=_seed(draft, ask, key), labels=labels, room=room)
    drawn = [Planned(pool[at], chance) for at, chance in zip(order.tolist(), chances.tolist(), strict=True)]
    have = {one.product_id for one in head} | {one.candidate.product_id for one in drawn}
    rest = [one for one in ordered if one.product_id not in have][:spares]
    for one in drawn:
        draft.ranked.dropped.pop(one.candidate.product_id, None)
    return [*(Planned(one) for one in head), *drawn, *(Planned(one) for one in rest)]


def _room(
    head: Sequence[Candidate], pool: Sequence[Candidate], page: Page, cap: int | None
) -> tuple[list[int], list[int]]:
    """The categories of the pool as numbers (-1: none, or no limit) and how many more of each may be shown.

    The cap holds for what is drawn as well. Who it leaves no room for must not be drawn at all: see `rerank.draw`.
    """
    names = [page.cards[one.product_id].main_category if cap is not None else "" for one in pool]
    codes = {name: code for code, name in enumerate(sorted({name for name in names if name}))}
    used = Counter(page.cards[one.product_id].main_category for one in head)
    room = [max((cap or 0) - used[name], 0) for name in codes]
    return [codes.get(name, -1) for name in names], room


def chances_shown(plan: Sequence[Planned], shown: Collection[str]) -> dict[str, float | None]:
    """The chance of each shown product's place: None (unknown) behind a drawn product that could not be shown.

    Who moves up then stands in a place that was drawn for, and how likely that was depends on why the other vanished.
    """
    found: dict[str, float | None] = {}
    exact = True
    for one in plan:
        product_id = one.candidate.product_id
        if product_id in shown:
            found[product_id] = one.propensity if exact else None
        elif one.propensity < 1:
            exact = False
    return found


def _seed(draft: Draft, ask: Ask, key: str) -> list[int]:
    """The same for one visitor, carousel and hour on every worker."""
    viewer = ask.viewer
    who = viewer.customer_id or viewer.visitor_id or str(viewer.user_id or "")
    said = "\x00".join(
        [viewer.channel, who, key, str(draft.slot.id or draft.slot.strategy), str(int(ask.now // BUCKET_SECONDS))]
    )
    return [int.from_bytes(hashlib.blake2s(said.encode(), digest_size=8).digest(), "big")]


def by_value(
    drafts: Sequence[Draft], page: Page, values: Mapping[tuple[str, str], float] | None, *, key: str
) -> list[Draft]:
    """The carousels with the highest expected revenue first, where the merchant wants that and anything was counted.

    Expected revenue of one view: value of the carousel (chance of a click × chance of a purchase after it) × the sum of
    its prices. A carousel that was never counted has the shop's own value. Ties keep the merchant's order.
    """
    if not values or ("", "") not in values:
        return list(drafts)

    def worth(draft: Draft) -> float:
        slot = str(draft.slot.id or draft.slot.strategy)
        value = values.get((key, slot), values["", ""])
        prices = (page.cards[one.candidate.product_id].price for one in draft.plan[: draft.limit])
        return value * float(sum((max(price, Decimal()) for price in prices if price is not None), Decimal()))

    return sorted(drafts, key=lambda draft: -worth(draft))
