"""Numpy over the live model: what the strategies share when they ask it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django_ecomai.recommend.query import DAY, Behaviour, Candidate, Query

if TYPE_CHECKING:
    from django_ecomai.ml.recommend.serving import Scored, Scorer


def ages(query: Query, steps: Sequence[Behaviour]) -> list[float]:
    """Age in days of each step; a clock that runs ahead counts as now."""
    return [max(query.now - step.at, 0.0) / DAY for step in steps]


def encode_all(scorer: Scorer, ids: Iterable[str]) -> list[int]:
    """Indices of the products that the model knows."""
    wanted = sorted(ids)
    return [int(item) for item in scorer.encode(wanted) if item >= 0] if wanted else []


def known(scorer: Scorer, ids: Sequence[str]) -> list[tuple[int, str]]:
    """Pairs of index and id of the products that the model knows."""
    items: Iterable[Any] = scorer.encode(list(ids)) if ids else ()
    return [(int(item), product_id) for item, product_id in zip(items, ids, strict=True) if item >= 0]


def id_of(scorer: Scorer, item: int) -> str:
    """The external id of an index."""
    return scorer.decode([item])[0]


def rows(scored: Scored) -> Iterator[tuple[int, float, int]]:
    """``(item, score, because)`` of each."""
    yield from zip(scored.items.tolist(), scored.scores.tolist(), scored.because.tolist(), strict=True)


def named(scorer: Scorer, scored: Scored, reason: str, because: str) -> Iterator[Candidate]:
    """All of them with one reason."""
    ids = scorer.decode(scored.items)
    for product_id, score in zip(ids, scored.scores.tolist(), strict=True):
        yield Candidate(product_id, float(score), reason, because)


def caused(scorer: Scorer, scored: Scored, about: Sequence[tuple[int, str]], reason: str) -> list[Candidate]:
    """Each with the product of ``about`` that brought it in; the only one there is when the model does not say."""
    titles = dict(about)
    alone = about[0][1] if len(about) == 1 else ""
    return [
        Candidate(id_of(scorer, item), score, reason, titles.get(because, alone))
        for item, score, because in rows(scored)
    ]


def in_turn(lists: list[list[Candidate]], n: int) -> list[Candidate]:
    """Merge several lists: the best of each, then the second best of each, without duplicates."""
    found: dict[str, Candidate] = {}
    for rank in range(max((len(one) for one in lists), default=0)):
        for one in lists:
            if rank < len(one):
                found.setdefault(one[rank].product_id, one[rank])
    return list(found.values())[:n]


def without(candidates: Iterable[Candidate], unwanted: Collection[str]) -> list[Candidate]:
    """In order, each product once, and none that is unwanted."""
    found: dict[str, Candidate] = {}
    for one in candidates:
        if one.product_id not in unwanted:
            found.setdefault(one.product_id, one)
    return list(found.values())
