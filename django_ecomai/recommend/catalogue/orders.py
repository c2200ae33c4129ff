"""In which order the products that came back are listed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from .cards import Card
from .words import dice, triples, word_list, word_stems


def newest_order(cards: dict[str, Card], category: str) -> tuple[str, ...]:
    """Ids of what is available, of a category where one is given, the newest first."""

    def key(card: Card) -> tuple[bool, float, int]:
        return (card.created_at is None, -card.created_at.timestamp() if card.created_at else 0.0, -card.pk)

    wanted = [card for card in cards.values() if card.available and (not category or category in card.lineage)]
    return tuple(card.product_id for card in sorted(wanted, key=key))


def beside_order(cards: dict[str, Card], beside: Collection[str]) -> tuple[str, ...]:
    """Products with a category in common, newest first."""
    about = {owner for one in beside if one in cards for owner in (one, cards[one].parent_id)}
    shelves = {one for product_id in about if product_id in cards for one, _name in cards[product_id].categories}
    order = newest_order(cards, "")
    return tuple(one for one in order if one not in about and shelves.intersection(dict(cards[one].categories)))


def popular_order(cards: dict[str, Card], sales: dict[str, int], category: str) -> tuple[str, ...]:
    """Ids of what was sold lately, the most first."""
    wanted = [
        card for card in cards.values() if card.available and sales.get(card.product_id) and
        (not category or category in card.lineage)
    ]  # fmt: skip
    return tuple(card.product_id for card in sorted(wanted, key=lambda card: (-sales[card.product_id], card.pk)))


def reduced_order(cards: dict[str, Card], category: str) -> tuple[str, ...]:
    """Ids of what is reduced, the deepest reduction first."""
    wanted = [
        card for card in cards.values()
        if card.available and card.percent_off > 0 and (not category or category in card.lineage)
    ]  # fmt: skip

    def left(card: Card) -> tuple[Decimal, int]:
        return ((card.price or Decimal()) / (card.list_price or Decimal(1)), -card.pk)

    return tuple(card.product_id for card in sorted(wanted, key=left))


def worded_order(cards: dict[str, Card], words: str) -> tuple[str, ...]:
    """Titles that hold the most of the words' beginnings, twice as much where a word of the title begins so ("lant" is
    meant for lanterns, not for plants); among equals those that share the most letter triples with the words (Dice's
    coefficient), then the newest.
    """
    asked = triples(words)
    close = {card.product_id: dice(asked, triples(card.title)) for card in cards.values() if card.available}
    stems = word_stems(words)
    titles = {one: f" {' '.join(word_list(cards[one].title))}" for one in close}
    hits = {one: sum((stem in title) + (f" {stem}" in title) for stem in stems) for one, title in titles.items()}
    order = [one for one in newest_order(cards, "") if hits[one]]
    return tuple(sorted(order, key=lambda one: (-hits[one], -close[one])))
