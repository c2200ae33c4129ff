"""What a strategy is asked and what it answers. Plain values: nothing here touches the database."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.serving import Scorer

DAY = 86400.0


class Candidate(NamedTuple):
    """A product that a strategy proposes. ``because`` is the product that explains it, when the reason names one."""

    product_id: str
    score: float
    reason: str = ""
    because: str = ""
    # Words of the merchant that stand instead of the reason's sentence.
    note: str = ""


class Behaviour(NamedTuple):
    """One thing the visitor did with a product, ``at`` in epoch seconds."""

    product_id: str
    name: str
    at: float


@dataclass(frozen=True)
class Offer:
    """A set of products that the merchant offers together now."""

    id: int
    title: str
    text: str
    product_ids: tuple[str, ...]


@dataclass(frozen=True)
class Query:
    """Who asks, about what. ``behaviour`` is newest first; ``scorer`` is None while no model is live.

    ``product_ids`` are what the page is about (the product viewed, the products in the cart); ``exclude`` may never
    be answered.
    """

    channel: str = ""
    product_ids: Sequence[str] = ()
    category: str = ""
    behaviour: Sequence[Behaviour] = ()
    bought: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    exclude_bought: bool = False
    # ``exclude`` is made of what the page or the visitor refused and of what seems to lie in the cart.
    refused: frozenset[str] = frozenset()
    in_cart: frozenset[str] = frozenset()
    # The part of ``refused`` that the visitor waved away.
    dismissed: frozenset[str] = frozenset()
    offers: Sequence[Offer] = ()
    # What was searched for, and where the visitor seems to be from (empty: unknown).
    words: str = ""
    country: str = ""
    referrer: str = ""
    device: str = ""
    scorer: Scorer | None = None
    # Parent of every category (external ids), as known when the model was trained.
    category_parents: Mapping[str, str] = field(default_factory=dict)
    now: float = field(default_factory=time.time)

    def with_parents(self, parents: Mapping[str, str]) -> Query:
        """The same question with variants (keys) replaced by the products they belong to: those are recommended."""

        def owners(ids: Iterable[str]) -> frozenset[str]:
            return frozenset(parents.get(one, one) for one in ids)

        return replace(
            self,
            product_ids=tuple(dict.fromkeys(parents.get(one, one) for one in self.product_ids)),
            behaviour=tuple(step._replace(product_id=parents.get(step.product_id, step.product_id))
                            for step in self.behaviour),
            bought=owners(self.bought),
            exclude=owners(self.exclude),
            refused=owners(self.refused),
            in_cart=owners(self.in_cart),
            dismissed=owners(self.dismissed),
            offers=tuple(
                replace(offer, product_ids=tuple(dict.fromkeys(parents.get(one, one) for one in offer.product_ids)))
                for offer in self.offers
            ),
        )  # fmt: skip

    def with_cart(self) -> Query:
        """The same question for a list that may show what lies in the cart."""
        return replace(self, exclude=self.refused)

    def mentioned(self) -> frozenset[str]:
        """Every product that the page and the visitor's past name."""
        steps = (step.product_id for step in self.behaviour)
        return self.bought | self.exclude | self.in_cart | frozenset(self.product_ids) | frozenset(steps)

    def not_wanted(self) -> frozenset[str]:
        """Products that must not be proposed: excluded, and bought ones when the carousel leaves them out."""
        return self.exclude | self.bought if self.exclude_bought else self.exclude

    def categories_below(self) -> list[str]:
        """The category asked for and all of its descendants."""
        if not self.category:
            return []
        children: dict[str, list[str]] = {}
        for child, parent in self.category_parents.items():
            children.setdefault(parent, []).append(child)
        found, queue = [self.category], [self.category]
        while queue:
            for child in sorted(children.get(queue.pop(), [])):
                if child not in found:  # a shop's tree may hold a loop
                    found.append(child)
                    queue.append(child)
        return found
