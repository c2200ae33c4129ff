"""Strategies for one intent each: something better, something beside it, back to what was left, a last small extra.

Where the model has learned nothing for an intent (older artifacts, too little data), what it has answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from django_ecomai.recommend import reasons
from django_ecomai.recommend.query import DAY, Behaviour, Candidate, Query
from django_ecomai.recommend.weights import behaviour_weight

from . import builtin
from .asking import ages, caused, encode_all, id_of, in_turn, known, named, rows, without

if TYPE_CHECKING:
    from django_ecomai.recommend.catalogue import Card

# "Something better" costs at least as much, and at most so many times the price of the product on the page.
UPSELL_MOST = Decimal("1.6")
# "A little extra" costs at most this share of the median price in the cart.
EXTRA_SHARE = Decimal("0.5")
# Alternatives are looked for among so many of the likest products, down to this share of the likest one's score.
NEAREST = 20
ALIKE_SHARE = 0.5
# What was looked at or left in the cart within this time may be gone on with.
CONTINUE_DAYS = 14.0
# In an e-mail, what was bought within this time is not offered again.
JUST_BOUGHT_DAYS = 30.0


def cross_sell(query: Query, n: int) -> list[Candidate]:
    """Complements: bought with the page's products, rarely instead of them; each product's in turn.

    Another design of a product (see ``_alternatives``) comes last, however often both are bought: beside a mug stands
    what is not one more mug, while there is any.
    """
    scorer = query.scorer
    about = known(scorer, query.product_ids) if scorer is not None else []
    if scorer is None or not about:
        return []
    items = [item for item, _ in about]
    exclude = encode_all(scorer, query.not_wanted())
    scored = scorer.cross_sell(items, n=n + NEAREST, exclude=exclude)
    if not len(scored):
        scored = scorer.bought_together(items, n=n, exclude=exclude)
        # What is like a product replaces it: it is bought instead of it, not with it.
        instead = {item for one in items for item in scorer.similar(one, n=5).items.tolist()}
        found = caused(scorer, scored, about, reasons.COMPLEMENT)
        alike = set(scorer.decode(sorted(instead))) if instead else set()
        return [one for one in found if one.product_id not in alike]
    found = caused(scorer, scored, about, reasons.COMPLEMENT)
    instead = {item for one in items for item in _alternatives(scorer, one)}
    other = set(scorer.decode(sorted(instead))) if instead else set()
    causes = list(dict.fromkeys(one.because for one in found))
    lists = [[one for one in found if one.because == cause and one.product_id not in other] for cause in causes]
    beside = in_turn(lists, n)
    return [*beside, *(one for one in found if one.product_id in other)][:n]


def _alternatives(scorer: Any, item: int) -> set[int]:
    """What is chosen instead of a product: of its category, and at least half as like it as the likest one there."""
    category = scorer.category_of(item)
    near = scorer.similar(item, n=NEAREST)
    same = [
        (other, score)
        for other, score in zip(near.items.tolist(), near.scores.tolist(), strict=True)
        if category and scorer.category_of(other) == category
    ]
    return {other for other, score in same if score >= ALIKE_SHARE * same[0][1]}


def upsell(query: Query, n: int) -> list[Candidate]:
    """The same need, with a better margin or dearer. ``is_step_up`` judges the price of today."""
    scorer = query.scorer
    if scorer is None:
        return []
    exclude = encode_all(scorer, query.not_wanted())
    lists = []
    for item, product_id in known(scorer, query.product_ids):
        scored = scorer.upsell(item, n=n, exclude=exclude)
        if not len(scored):
            scored = scorer.similar(item, n=n, exclude=exclude)
            # Nothing is known of margins then: dearer is all that "better" can mean.
            dearer = scorer.prices[scored.items] > scorer.prices[item]
            scored = replace(
                scored, items=scored.items[dearer], scores=scored.scores[dearer], because=scored.because[dearer]
            )
        lists.append(list(named(scorer, scored, reasons.UPGRADE, product_id)))
    return in_turn(lists, n)


def is_step_up(card: Card, about: Sequence[Card]) -> bool:
    """Costs as much as one of the page's products or up to ``UPSELL_MOST`` times as much, in its currency."""
    price = card.price
    if price is None or price <= 0:
        return False
    return any(
        one.price is not None
        and one.price > 0
        and one.currency == card.currency
        and one.price <= price <= one.price * UPSELL_MOST
        for one in about
    )


def last_minute(query: Query, n: int) -> list[Candidate]:
    """Small things that go with the cart. ``is_small_extra`` judges the price."""
    cart = query.product_ids or sorted(query.in_cart)
    if not cart:
        return []
    asked = Query(
        product_ids=tuple(cart), exclude=query.exclude | frozenset(cart), exclude_bought=query.exclude_bought,
        bought=query.bought, scorer=query.scorer, now=query.now,
    )  # fmt: skip
    found = [*cross_sell(asked, n), *builtin.bought_together(asked, n)]
    return [one._replace(reason=reasons.LAST_MINUTE) for one in without(found, ())][:n]


def is_small_extra(card: Card, about: Sequence[Card]) -> bool:
    """Costs at most ``EXTRA_SHARE`` of the cart's median price, in its currency, and can be sent now."""
    prices = [one.price for one in about if one.price is not None and one.price > 0 and one.currency == card.currency]
    if not prices or card.price is None or card.price <= 0 or not card.in_stock:
        return False
    return card.price <= median(prices) * EXTRA_SHARE


def because_you_viewed(query: Query, n: int) -> list[Candidate]:
    """Around the one product looked at last that was not bought."""
    return _because(query, n, [step for step in query.behaviour if step.name == "view_item"], reasons.VIEWED)


def because_you_bought(query: Query, n: int) -> list[Candidate]:
    """Around the one product bought last."""
    return _because(query, n, [step for step in query.behaviour if step.name == "purchase"], reasons.BOUGHT)


def _because(query: Query, n: int, steps: Sequence[Behaviour], reason: str) -> list[Candidate]:
    scorer = query.scorer
    if scorer is None:
        return []
    exclude = encode_all(scorer, query.not_wanted() | query.bought)
    for item, product_id in known(scorer, list(dict.fromkeys(step.product_id for step in steps))):
        if product_id in query.product_ids or product_id in query.dismissed:
            continue
        if reason == reasons.VIEWED and product_id in query.bought:
            continue
        lists = [scorer.similar(item, n=n, exclude=exclude)]
        if reason == reasons.BOUGHT:
            lists.insert(0, scorer.bought_together([item], n=n, exclude=exclude))
        found = in_turn([list(named(scorer, one, reason, product_id)) for one in lists], n)
        if found:
            return found
    return []


def bestsellers(query: Query, n: int) -> list[Candidate]:
    """Most customers ever, in the shop or in the category of the page and those below it."""
    scorer = query.scorer
    if scorer is None:
        return []
    exclude = encode_all(scorer, query.not_wanted())
    if not query.category:
        return list(named(scorer, scorer.popular(n=n, exclude=exclude), reasons.BESTSELLER, ""))
    scored = scorer.popular(n=n, category=query.categories_below(), exclude=exclude)
    return list(named(scorer, scored, reasons.BESTSELLER_IN, query.category))


def trending_in_category(query: Query, n: int) -> list[Candidate]:
    """Popular now in the category of the page, of its product, or of what the visitor looked at last."""
    scorer = query.scorer
    if scorer is None:
        return []
    category = query.category
    if not category:
        looked = [step.product_id for step in query.behaviour if behaviour_weight(step.name) > 0]
        category = category_of(query, [*query.product_ids, *looked])
    if not category:
        return []
    asked = Query(
        category=category, category_parents=query.category_parents, exclude=query.exclude, bought=query.bought,
        exclude_bought=query.exclude_bought, scorer=scorer, now=query.now, country=query.country,
    )  # fmt: skip
    return builtin.trending(asked, n)


def category_of(query: Query, product_ids: Sequence[str]) -> str:
    """The category, as the model knows it, of the first of these products that has one."""
    scorer = query.scorer
    if scorer is None:
        return ""
    for item, _product_id in known(scorer, list(dict.fromkeys(product_ids))[:10]):
        name = scorer.category_of(item)
        if name:
            return name
    return ""


def continue_shopping(query: Query, n: int) -> list[Candidate]:
    """Left in the cart, then looked at, in the last two weeks, and not bought since; the newest first."""
    recent = [step for step in query.behaviour if query.now - step.at <= CONTINUE_DAYS * DAY]
    bought_at: dict[str, float] = {}
    for step in query.behaviour:
        if step.name == "purchase":
            bought_at[step.product_id] = max(step.at, bought_at.get(step.product_id, step.at))
    open_steps = [step for step in recent if step.at > bought_at.get(step.product_id, float("-inf"))]
    last: dict[str, str] = {}
    for step in open_steps:
        if step.name in ("add_to_cart", "remove_from_cart"):
            last.setdefault(step.product_id, step.name)
    carted = [one for one, name in last.items() if name == "add_to_cart"]
    removed = {one for one, name in last.items() if name == "remove_from_cart"}
    viewed = [step.product_id for step in open_steps if step.name in ("view_item", "add_to_wishlist")]
    found = [Candidate(one, 2.0, reasons.CONTINUE_CART) for one in carted]
    found += [Candidate(one, 1.0, reasons.CONTINUE) for one in viewed if one not in removed]
    return without(found, query.exclude)[:n]


def email(query: Query, n: int) -> list[Candidate]:
    """For somebody who is not on the page: his whole past alike, without what he has just bought."""
    scorer = query.scorer
    steps = [step for step in query.behaviour if behaviour_weight(step.name) > 0]
    if scorer is None or not steps:
        return []
    just = {s.product_id for s in steps if s.name == "purchase" and query.now - s.at <= JUST_BOUGHT_DAYS * DAY}
    bought = {step.product_id for step in steps if step.name == "purchase"} | query.bought
    purchases = [step for step in steps if step.name == "purchase"]
    scored = scorer.for_customer(
        scorer.encode([step.product_id for step in steps]),
        [behaviour_weight(step.name) for step in steps],
        ages_days=ages(query, steps),
        bought=scorer.encode([step.product_id for step in purchases]),
        bought_ages_days=ages(query, purchases),
        n=n,
        exclude=encode_all(scorer, query.not_wanted() | just),
    )
    found = []
    for item, score, cause in rows(scored):
        product_id = id_of(scorer, item)
        because = id_of(scorer, cause) if cause >= 0 else ""
        if product_id in bought:
            found.append(Candidate(product_id, score, reasons.AGAIN))
        elif because:
            reason = reasons.BOUGHT if because in bought else reasons.VIEWED
            found.append(Candidate(product_id, score, reason, because))
        else:
            found.append(Candidate(product_id, score, reasons.POPULAR))
    return found


def bundle(query: Query, n: int) -> list[Candidate]:
    """The rest of the merchant's sets that hold a product of the page, then of those that customers make themselves."""
    found = builtin.in_offers(query)
    scorer = query.scorer
    if scorer is None:
        return found[:n]
    for item, product_id in known(scorer, query.product_ids):
        for made in scorer.bundles(item, n=3):
            others = [one for one in scorer.decode(list(made.items)) if one not in query.product_ids]
            found += [Candidate(one, 0.0, reasons.TOGETHER, product_id) for one in others]
    return without(found, query.not_wanted())[:n]
