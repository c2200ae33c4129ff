"""Substitutes in use, as the planning reads them: pairs of products, kept together however many are planned at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import Q

from django_ecomai.ml.inventory.substitution import Substitutes

from .models import Substitution

if TYPE_CHECKING:
    from .positions import Facts

#: product, substitute (primary keys), share
Link = tuple[int, int, float]


def links_used(*, channel: str = "", product_ids: Iterable[int] | None = None) -> list[Link]:
    """Pairs in use, of all products or those that ``product_ids`` stand in at either end; one query."""
    rows = Substitution.objects.filter(product__channel=channel, state=Substitution.State.USED)
    if product_ids is not None:
        pks = list(product_ids)
        rows = rows.filter(Q(product__in=pks) | Q(substitute__in=pks))
    return list(rows.order_by("pk").values_list("product", "substitute", "share"))


def with_substitutes(*, channel: str, product_ids: Sequence[int], most: int) -> list[int]:
    """The products and ``most`` others at most that stand in for them or they for, the greatest shares first."""
    found = dict.fromkeys(product_ids)
    links = links_used(channel=channel, product_ids=product_ids)
    for product, substitute, _share in sorted(links, key=lambda link: -link[2]):
        found |= dict.fromkeys((product, substitute))
    return list(found)[: len(dict.fromkeys(product_ids)) + most]


def parts(facts: list[Facts], links: list[Link], size: int) -> Iterator[list[Facts]]:
    """The products ``size`` at a time; those that are tied by pairs stand in one part, which may be larger for it."""
    group = _groups(links)
    facts = sorted(facts, key=lambda one: (group.get(one.pk, one.pk), one.pk)) if group else facts
    start = 0
    while start < len(facts):
        end = min(start + size, len(facts))
        while 0 < end < len(facts) and _same(group, facts[end - 1].pk, facts[end].pk):
            end += 1
        yield facts[start:end]
        start = end


def _same(group: dict[int, int], one: int, other: int) -> bool:
    return one in group and group.get(one) == group.get(other)


def _groups(links: list[Link]) -> dict[int, int]:
    """The least key of all that a product is tied to, directly or by others."""
    parent: dict[int, int] = {}

    def root(pk: int) -> int:
        while parent.setdefault(pk, pk) != pk:
            parent[pk] = parent[parent[pk]]
            pk = parent[pk]
        return pk

    for product, substitute, _share in links:
        low, high = sorted((root(product), root(substitute)))
        parent[high] = low
    return {pk: root(pk) for pk in list(parent)}


def links_between(facts: list[Facts], links: list[Link]) -> Substitutes:
    """The pairs whose two ends are among the products and priced in one currency: sums of two cannot be compared."""
    place = {one.pk: row for row, one in enumerate(facts)}
    near = [
        (place[product], place[substitute], share)
        for product, substitute, share in links
        if product in place
        and substitute in place
        and facts[place[product]].currency == facts[place[substitute]].currency
    ]
    of, to, part = zip(*near, strict=True) if near else ((), (), ())
    return Substitutes.build(of, to, np.clip(part, 0.0, 1.0), n=len(facts))
