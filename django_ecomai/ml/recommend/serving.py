"""Serve a recommend artifact: numpy over memory-mapped arrays, nothing else. The web process imports this module.

Recommend artifact format 1
---------------------------
n items, K neighbours (may differ per table and may be 0), C categories. Indices are positions in ``item_ids``.

==================== ============ ==================================================================================
array                shape, dtype meaning
==================== ============ ==================================================================================
item_ids             [n] S        external ids, UTF-8, sorted (`IdMap`)
popularity           [n] float32  different customers ever
trending             [n] float32  the same in the last ``trending_days`` (longer in a quiet shop), by strongest weight
neighbours_indices   [n, K] int32 discovery: row = item in the history, values = candidates, strongest first, -1 padded
neighbours_scores    [n, K] f32   their scores; the trend is folded in
similar_indices      [n, K] int32 alike by content and by company, for product pages
similar_scores       [n, K] f32
together_indices     [n, K] int32 bought together with a lift above 1, significant
together_scores      [n, K] f32   root of the log-likelihood ratio
together_support     [n, K] int32 baskets that hold both
together_lift        [n, K] f32   P(both) / (P(one) P(other))
repeat_boost         [n] float32  factor of an item when it is offered again
category             [n] int32    position in ``category_names``, -1 unknown
category_names       [C] S        sorted
price                [n] float32  NaN unknown
created              [n] int64    epoch seconds, -1 unknown
active               [n] bool     for sale when trained; others are never returned
repeat_interval      [n] f32      usual days between two purchases; may be absent, as all that follow
complement_indices   [n, K] int32 bought with, rarely instead of
complement_scores    [n, K] f32   root of the log-likelihood ratio times one minus the substitute share
better_indices       [n, K] int32 the same need, better (margin, reviews, price) within a band, best first
better_scores        [n, K] f32   1 / rank: no margin can be read off it
bundle_items         [n,3,2] i32  the others of sets of two or three that share baskets, -1 padded
bundle_support       [n, 3] int32 baskets that hold the whole set
bundle_lift          [n, 3] f32   P(all) / product of P(each)
bundle_scores        [n, 3] f32   root of the log-likelihood ratio of the weakest link
context_names        [G] S        kept circumstances such as "country=DE|device=mobile", sorted
context_items        [G, k] int32 what is wanted there now, best first, -1 padded
context_scores       [G, k] f32   smoothed probabilities
context_meetings     [G] f32      decayed meetings behind each
margin               [n] f32      price minus cost, NaN unknown; for ranking, never shown to shoppers
==================== ============ ==================================================================================

Manifest keys: ``kind`` "recommend", ``recommend_format`` 1, ``recipe``, ``recipe_name``, ``n_items``,
``n_interactions``, ``n_users``, ``now``, ``random_state``. Nothing in an artifact is about a person.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..frames import IdMap
from ..persist import ArtifactCorrupt, ArtifactFormat, load_arrays
from .blend import blend
from .fallback import fallback_chain
from .intents import Bundle, Intents
from .neighbours import FloatArray, IntArray, NeighbourTable, as_indices, at_least, is_in, strongest
from .prior import HEAD, add_prior, popular_head, unit_popularity
from .ranking.features import History
from .ranking.second_stage import SecondStage
from .repeat import repeat_scores
from .shelves import Shelves
from .weighing import steps_back as steps_back
from .weighing import weigh_history

KIND = "recommend"
FORMAT = 1

__all__ = ["Bundle", "Scored", "Scorer"]

Items = int | Iterable[int] | NDArray[np.integer]
Categories = str | Sequence[str] | None


def _no_items() -> IntArray:
    return np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Scored:
    """Recommended items, best first. ``because``: the item of the history that spoke loudest for each, -1 = none."""

    items: IntArray = field(default_factory=_no_items)
    scores: FloatArray = field(default_factory=lambda: np.empty(0, dtype=np.float32))
    because: IntArray = field(default_factory=_no_items)

    def __len__(self) -> int:
        return len(self.items)


class Scorer(Intents):
    """Reads one artifact. Every method takes and returns indices; -1 (unknown) in the input is ignored, ``exclude``
    and inactive items are never returned, nothing is returned twice, and fewer than ``n`` come back if there are fewer.
    """

    def __init__(self, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raises ArtifactFormat for another kind or format, ArtifactCorrupt when an array is missing or misshaped."""
        if manifest.get("kind") != KIND or manifest.get("recommend_format") != FORMAT:
            raise ArtifactFormat(
                f"not a {KIND} artifact of format {FORMAT} but {manifest.get('kind')!r} of format "
                f"{manifest.get('recommend_format')!r}: train again"
            )
        self.manifest = dict(manifest)
        self.recipe: dict[str, Any] = dict(manifest["recipe"])
        try:
            # Plain views of the mapped pages, shared by all workers: no copy, and no `numpy.memmap` per access.
            self.ids = IdMap(np.asarray(arrays["item_ids"]))
            self.n_items = len(self.ids)
            self.categories = IdMap(np.asarray(arrays["category_names"]))
            self._neighbours = NeighbourTable(arrays["neighbours_indices"], arrays["neighbours_scores"])
            self._similar = NeighbourTable(arrays["similar_indices"], arrays["similar_scores"])
            self._together = NeighbourTable(arrays["together_indices"], arrays["together_scores"])
            per_item = ("popularity", "trending", "repeat_boost", "category", "price", "created", "active")
            self._vectors = {name: np.asarray(arrays[name]) for name in per_item}
            self._load_intents(arrays)
            self._second = SecondStage.from_artifact(manifest, arrays)
        except (KeyError, ValueError) as error:
            raise ArtifactCorrupt(f"the artifact is incomplete ({error}): train again or roll back") from error
        tables = (self._neighbours, self._similar, self._together)
        sizes = {len(vector) for vector in self._vectors.values()} | {table.n_items for table in tables}
        if sizes != {self.n_items}:
            raise ArtifactCorrupt(f"arrays of the artifact have {sorted(sizes)} items: train again or roll back")
        if self._vectors["category"].max(initial=-1) >= len(self.categories):
            raise ArtifactCorrupt("category names categories that there are not: train again or roll back")
        self.support: NDArray[np.int32] = np.asarray(arrays["together_support"])
        self.lift: FloatArray = np.asarray(arrays["together_lift"])
        self._shelves = Shelves(self._vectors["category"], self._vectors["active"], self.popularity)
        self._popular = unit_popularity(np.where(self._vectors["active"], self._vectors["trending"], np.float32(-1)))
        self._head = np.empty(0, dtype=np.int64)
        if self.recipe.get("prior"):
            self._head = popular_head(self._order("trending", None, HEAD)[0], self._popular)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, mmap: bool = True, verify: bool = False) -> Self:
        """Open the artifact in ``folder``. Raises the exceptions of `persist.load_arrays` and of ``__init__``."""
        return cls(*load_arrays(folder, mmap=mmap, verify=verify))

    @property
    def popularity(self) -> FloatArray:
        """Different customers per item, float32 [n]."""
        return self._vectors["popularity"]

    @property
    def prices(self) -> FloatArray:
        """Price per item when trained, float32 [n], NaN unknown."""
        return self._vectors["price"]

    def category_of(self, item: int) -> str:
        """Name of the item's category when trained; empty for an unknown item and for one without a category."""
        code = int(self._vectors["category"][item]) if 0 <= item < self.n_items else -1
        return self.categories.decode([code])[0] if code >= 0 else ""

    def encode(self, ids: Sequence[str]) -> IntArray:
        """Indices of external ids, -1 for unknown ones."""
        return self.ids.encode(ids)

    def decode(self, indices: ArrayLike) -> list[str]:
        """External ids of indices."""
        return self.ids.decode(indices)

    def for_history(
        self,
        items: Items,
        weights: ArrayLike | None = None,
        *,
        ages_days: ArrayLike | None = None,
        n: int = 20,
        exclude: Items = (),
    ) -> Scored:
        """Discovery for whoever has this history (views, carts, purchases): a customer or a visitor of one minute.

        ``weights`` and ``ages_days`` follow ``items``; without ages the last item is the newest; of several events with
        one item the strongest counts. Items that popularity alone brought in have ``because``
        -1. Without a known item in the history nothing comes back.
        """
        history = as_indices(items)
        found, scores, because = self._discovery(history, weights, ages_days)
        scores = self._ranked(found, scores, history, weights, ages_days, exclude)
        return self._best(found, scores, because, n, exclude)

    def buy_again(
        self,
        items: Items,
        *,
        ages_days: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        n: int = 20,
        exclude: Items = (),
    ) -> Scored:
        """What of their purchases (``items``: one entry per purchase) they will want again."""
        found, scores = self._repeat(as_indices(items), weights, ages_days)
        return self._best(found, scores, found, n, exclude)

    def for_customer(
        self,
        items: Items,
        weights: ArrayLike | None = None,
        *,
        ages_days: ArrayLike | None = None,
        bought: Items | None = None,
        bought_ages_days: ArrayLike | None = None,
        n: int = 20,
        exclude: Items = (),
    ) -> Scored:
        """Discovery and buy-again in one list, in the proportion that validation chose.

        ``bought`` (default: ``items``) are the purchases, one entry each.
        """
        history = as_indices(items)
        again = history if bought is None else as_indices(bought)
        again_ages = ages_days if bought is None else bought_ages_days
        found, scores, because = self._discovery(history, weights, ages_days)
        scores = self._ranked(found, scores, history, weights, ages_days, np.concatenate([again, as_indices(exclude)]))
        repeat, repeat_values = self._repeat(again, None, again_ages)
        share = float(self.recipe.get("repeat_share", 1.0))
        mixed, total = blend([(found, scores, 1.0), (repeat, repeat_values, share)])
        return self._best(mixed, total, _reasons(mixed, (repeat, repeat), (found, because)), n, exclude)

    def similar(self, item: int, *, n: int = 20, exclude: Items = ()) -> Scored:
        """Products like this one; never itself."""
        found, scores = self._similar.row(int(item))
        return self._best(found, scores, np.full(len(found), item, dtype=np.int32), n, exclude)

    def bought_together(self, items: Items, *, n: int = 20, exclude: Items = ()) -> Scored:
        """What is bought in one basket with these products; never one of them."""
        basket = as_indices(items)
        found, scores, because = self._together.score_history(np.unique(basket))
        return self._best(found, scores, because, n, np.concatenate([basket, as_indices(exclude)]))

    def beside(
        self,
        items: Items,
        *,
        history: Items = (),
        weights: ArrayLike | None = None,
        ages_days: ArrayLike | None = None,
        n: int = 20,
        exclude: Items = (),
    ) -> tuple[Scored, NDArray[np.bool_]]:
        """For a cart or a product page: `bought_together` and discovery, the best of each counting 1; never an item of
        the page. The second array says of each whether baskets hold it beside the page's, which ``because`` then names.

        Discovery looks at the visitor's ``history`` (one entry per event, as for `for_history`; default weight 1) and
        at the page's ``items``, which count as purchases of this moment.
        """
        basket = np.unique(as_indices(items))
        past = as_indices(history)
        now = np.zeros(len(basket))
        ages = None if ages_days is None else np.concatenate([np.asarray(ages_days, dtype=np.float64).ravel(), now])
        weight = np.ones(len(past)) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
        found, scores, because = self._discovery(
            np.concatenate([past, basket]), np.concatenate([weight, np.ones(len(basket))]), ages
        )
        together, together_scores, partner = self._together.score_history(basket)
        mixed, total = blend([(together, together_scores, 1.0), (found, scores, 1.0)])
        reasons = _reasons(mixed, (found, because), (together, partner))
        best = self._best(mixed, total, reasons, n, np.concatenate([basket, as_indices(exclude)]))
        return best, is_in(best.items, together)

    def trending(self, *, n: int = 20, category: Categories = None, country: str = "", exclude: Items = ()) -> Scored:
        """Most customers lately, in the shop, in one category (its name as in the catalogue) or in several together.

        With ``country`` what is wanted there comes first, as far as enough people came from it.
        """
        shop = self._shelf("trending", n, category, exclude)
        items, scores = self._in_country(country)
        if category is not None and len(items):
            inside = is_in(self._vectors["category"][items], np.array(self._codes(category), dtype=np.int32))
            items, scores = items[inside], scores[inside]
        if not len(items):
            return shop
        there = self._picked(items, scores, np.full(len(items), -1, dtype=np.int32), n, exclude)
        return self.fill(there, n, shop, exclude=exclude)

    def popular(self, *, n: int = 20, category: Categories = None, exclude: Items = ()) -> Scored:
        """Most customers ever."""
        return self._shelf("popularity", n, category, exclude)

    def newest(self, *, n: int = 20, category: Categories = None, exclude: Items = ()) -> Scored:
        """Latest additions; products of unknown age are left out."""
        return self._shelf("created", n, category, exclude)

    def fill(self, first: Scored, n: int, *others: Scored, exclude: Items = ()) -> Scored:
        """``first``, filled up to ``n`` from ``others`` in turn, without repetition."""
        sources = (first, *others)
        chained = fallback_chain(n, *((s.items, s.scores) for s in sources), exclude=exclude)
        items, scores, origin = chained
        reasons = [dict(zip(s.items.tolist(), s.because.tolist(), strict=True)) for s in sources]
        because = [reasons[o][i] for o, i in zip(origin.tolist(), items.tolist(), strict=True)]
        return Scored(items, scores, np.array(because, dtype=np.int32))

    def _ranked(
        self,
        found: IntArray,
        scores: FloatArray,
        items: IntArray,
        weights: ArrayLike | None,
        ages_days: ArrayLike | None,
        exclude: Items,
    ) -> FloatArray:
        """The scores of discovery's candidates in the learned order of those that may be returned."""
        if self._second is None:
            return scores
        unique, weight = weigh_history(
            items,
            weights,
            ages_days,
            half_life_days=self.recipe.get("history_half_life_days"),
            step_decay=self.recipe.get("history_step_decay"),
        )
        ages = np.full(len(unique), np.nan)
        if ages_days is not None:
            np.fmin.at(ages, np.searchsorted(unique, items), np.maximum(np.asarray(ages_days, dtype=np.float64), 0.0))
        known = (unique >= 0) & (unique < self.n_items)
        history = History.of(unique[known], weight[known], ages[known])
        allowed = self._vectors["active"][found] & ~is_in(found, as_indices(exclude))
        return self._second.permuted(found, scores, history, allowed=allowed, popularity=self.popularity)

    def _discovery(
        self, items: IntArray, weights: ArrayLike | None, ages_days: ArrayLike | None
    ) -> tuple[IntArray, FloatArray, IntArray]:
        unique, weight = weigh_history(
            items,
            weights,
            ages_days,
            half_life_days=self.recipe.get("history_half_life_days"),
            step_decay=self.recipe.get("history_step_decay"),
        )
        return add_prior(
            *self._neighbours.score_history(unique, weight),
            popular=self._popular,
            head=self._head,
            prior=float(self.recipe.get("prior", 0.0)),
        )

    def _repeat(
        self, items: IntArray, weights: ArrayLike | None, ages_days: ArrayLike | None
    ) -> tuple[IntArray, FloatArray]:
        return repeat_scores(
            items,
            ages_days=ages_days,
            weights=weights,
            half_life_days=self.recipe.get("repeat_half_life_days"),
            boost=self._vectors["repeat_boost"],
            n_items=self.n_items,
            interval=self._interval,
            cycle=float(self.recipe.get("repeat_cycle", 0.0)),
        )

    def _best(self, found: IntArray, scores: FloatArray, because: IntArray, n: int, exclude: Items) -> Scored:
        active = self._vectors["active"][found]
        if not active.all():
            found, scores, because = found[active], scores[active], because[active]
        blocked = as_indices(exclude)
        # So many that enough are left without what is excluded: cheaper than asking that of every candidate.
        near = at_least(scores, n + len(blocked)) if n > 0 else np.empty(0, dtype=np.int64)
        if len(blocked) and len(near):
            near = near[~is_in(found[near], blocked)]
        found, scores, because = found[near], scores[near], because[near]
        best = strongest(scores, n, self.popularity[found], -found.astype(np.int64))
        return Scored(found[best], scores[best], because[best])

    def _codes(self, category: str | Sequence[str]) -> list[int]:
        """The numbers of the categories that the model knows."""
        wanted = [category] if isinstance(category, str) else list(dict.fromkeys(category))
        return [int(code) for code in self.categories.encode(wanted) if code >= 0] if wanted else []

    def _shelf(self, name: str, n: int, category: Categories, exclude: Items) -> Scored:
        blocked = as_indices(exclude)
        # only the head of the order is looked at: n plus what may be excluded
        n = max(n, 0)
        codes = [None] if category is None else self._codes(category)
        heads = [self._order(name, code, n + len(blocked)) for code in codes]
        if not heads:
            return Scored()
        items, scores = heads[0]
        if len(heads) > 1:
            items, scores = (np.concatenate(parts) for parts in zip(*heads, strict=True))
            best = strongest(scores, n + len(blocked), self.popularity[items], -items.astype(np.int64))
            items, scores = items[best], scores[best]
        if len(blocked) and len(items):
            keep = ~is_in(items, blocked)
            items, scores = items[keep], scores[keep]
        items = items[:n]
        return Scored(items, scores[:n], np.full(len(items), -1, dtype=np.int32))

    def _order(self, name: str, code: int | None, n: int) -> tuple[IntArray, FloatArray]:
        """The first ``n`` active items by a vector, and its values; a time of -1 is unknown and left out."""
        at_least = 0 if name == "created" else None
        return self._shelves.head(name, self._vectors[name], code, n, at_least=at_least)


def _reasons(items: IntArray, *sources: tuple[IntArray, IntArray]) -> IntArray:
    """What each of ``items`` (ascending) is there for, by ``(items, because)`` of sources; later ones overrule."""
    reason = np.full(len(items), -1, dtype=np.int32)
    for found, because in sources:
        if len(items) and len(found):
            at = np.minimum(np.searchsorted(items, found), len(items) - 1)
            hit = items[at] == found
            reason[at[hit]] = because[hit]
    return reason
