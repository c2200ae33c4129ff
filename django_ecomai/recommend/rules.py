"""The merchant's rules over a ranked list. Pure: the same input gives the same list on every worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from . import reasons
from .catalogue import Card
from .config import Rule, SlotConfig
from .query import Candidate

# Ranks count as 1 / (RANK_OFFSET + rank): "show more" by 2 lifts a product from the tenth place about to the top.
RANK_OFFSET = 10.0

# Why a product was left out, as the preview shows it.
DROPPED = {
    "gone": _("not on sale, or no longer in the shop"),
    "stock": _("out of stock"),
    "excluded": _("on the page already, in the cart, or dismissed by the visitor"),
    "bought": _("bought before"),
    "hidden": _("hidden by a rule"),
    "cap": _("enough products of its category"),
    "shown": _("shown in another carousel of the page"),
    "filter": _("does not pass the filter of the page"),
    "unfit": _("does not suit this kind of carousel, such as its price"),
    "resting": _("shown often enough to this visitor without a click"),
}


@dataclass
class Ranked:
    """The list after the rules, and what was left out: product id -> key of ``DROPPED``."""

    kept: list[Candidate] = field(default_factory=list)
    # Weight of each product that was kept, and how many of the first are pinned there.
    weights: dict[str, float] = field(default_factory=dict)
    pinned: int = 0
    dropped: dict[str, str] = field(default_factory=dict)


def rules_in_force(slot: SlotConfig, now: datetime, everywhere: Sequence[Rule] = ()) -> list[Rule]:
    """The rules of a carousel that hold at ``now``, then those for all carousels that are about something else."""
    own = [rule for rule in slot.rules if rule.holds(now)]
    decided = {(rule.product_id, rule.category_id) for rule in own}
    return own + [rule for rule in everywhere if rule.holds(now) and (rule.product_id, rule.category_id) not in decided]


def extra_products(rules: Sequence[Rule], *, fill: bool = True) -> list[str]:
    """Products that rules bring in although no strategy proposed them: pinned first, then boosted.

    Where the heading makes a claim that nothing may be filled up with (``fill`` false: "Buy again", "Reduced"), only
    the carousel's own rules do; those for all carousels put in order what is there.
    """
    rules = [rule for rule in rules if fill or not rule.everywhere]
    pinned = [rule.product_id for rule in rules if rule.action == "pin" and rule.product_id]
    boosted = [rule.product_id for rule in rules if rule.action == "boost" and rule.product_id]
    return list(dict.fromkeys(pinned + boosted))


def rules_apply(
    candidates: Sequence[Candidate],
    cards: Mapping[str, Card],
    slot: SlotConfig,
    rules: Sequence[Rule],
    *,
    exclude: Collection[str] = (),
    bought: Collection[str] = (),
    refuse: Callable[[Card], str] | None = None,
    weigh: Callable[[Card], float] | None = None,
    fill: bool = True,
) -> Ranked:
    """Filter and reorder ``candidates`` (best first). ``category_cap`` and the size are applied by ``take``.

    ``refuse`` gives a key of ``DROPPED`` for a product that the page leaves out (else an empty string); ``weigh`` a
    factor for its weight. ``fill``: whether rules for all carousels may bring in products too.
    """
    result = Ranked()
    weights: dict[str, float] = {}
    found: dict[str, Candidate] = {}
    extras = [Candidate(product_id, 0.0, reasons.PICKED) for product_id in extra_products(rules, fill=fill)]
    for rank, candidate in enumerate([*candidates, *extras]):
        product_id = candidate.product_id
        if product_id in found or product_id in result.dropped:
            continue
        card = cards.get(product_id)
        why = _why_not(card, product_id, slot, rules, exclude=exclude, bought=bought)
        if card is not None and not why and refuse is not None:
            why = refuse(card)
        if card is None or why:
            result.dropped[product_id] = why or "gone"
            continue
        found[product_id] = candidate
        factor = (_factor(card, rules) if rules else 1.0) * (weigh(card) if weigh is not None else 1.0)
        weights[product_id] = factor / (RANK_OFFSET + rank)
    pins = _pins(found, cards, rules)
    # Sorting is stable, so equal weights keep the strategy's order.
    ordered = list(found.values())
    if rules or weigh is not None:  # else they are in order
        ordered.sort(key=lambda one: (pins.get(one.product_id, len(pins)), -weights[one.product_id]))
    result.kept, result.weights, result.pinned = ordered, weights, len(pins)
    return result


def take(
    ranked: Ranked, cards: Mapping[str, Card], *, limit: int, category_cap: int | None, unwanted: Collection[str] = ()
) -> list[Candidate]:
    """The first ``limit`` that are not ``unwanted``, with at most ``category_cap`` of one category. Notes what it
    leaves out.
    """
    chosen: list[Candidate] = []
    per_category: Counter[str] = Counter()
    for candidate in ranked.kept:
        if len(chosen) >= limit:
            break
        if candidate.product_id in unwanted:
            ranked.dropped.setdefault(candidate.product_id, "shown")
            continue
        category = cards[candidate.product_id].main_category
        if category_cap is not None and category and per_category[category] >= category_cap:
            ranked.dropped.setdefault(candidate.product_id, "cap")
            continue
        per_category[category] += 1
        chosen.append(candidate)
    return chosen


def _why_not(
    card: Card | None,
    product_id: str,
    slot: SlotConfig,
    rules: Sequence[Rule],
    *,
    exclude: Collection[str],
    bought: Collection[str],
) -> str:
    if product_id in exclude:
        return "excluded"
    if card is None or not card.available:
        return "gone"
    if slot.only_in_stock and not card.in_stock:
        return "stock"
    if slot.exclude_bought and product_id in bought:
        return "bought"
    if rules and any(rule.action == "hide" and _about(rule, card) for rule in rules):
        return "hidden"
    return ""


def _about(rule: Rule, card: Card) -> bool:
    if rule.product_id:
        return rule.product_id == card.product_id
    return bool(rule.category_id) and rule.category_id in card.lineage


def _factor(card: Card, rules: Sequence[Rule]) -> float:
    factor = 1.0
    for rule in rules:
        if rule.action == "boost" and _about(rule, card):
            factor *= rule.factor
        elif rule.action == "bury" and _about(rule, card):
            factor /= rule.factor
    return factor


def _pins(found: Collection[str], cards: Mapping[str, Card], rules: Sequence[Rule]) -> dict[str, int]:
    """Product id -> place among the pinned, in the order of the rules."""
    places: dict[str, int] = {}
    for rule in rules:
        if rule.action == "pin":
            for product_id in found:
                if _about(rule, cards[product_id]):
                    places.setdefault(product_id, len(places))
    return places
