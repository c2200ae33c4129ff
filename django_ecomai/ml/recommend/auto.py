"""The automatic choice: which recipe recommends best in this shop, decided on its own past.

An inner time cut is made inside the given interactions; every recipe is fitted before it and judged after it, by the
geometric mean of recall@k and NDCG@k, for items new to the customer, for repeat purchases and for their mix separately.
The budget counts evaluations, not seconds, so that the same data always give the same choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..columns import SECONDS_PER_DAY
from ..evaluate.holdout import block_split, last_item_split, session_split
from ..evaluate.split import TimeSplit, time_split
from ..frames import Catalogue, IdMap, Interactions
from .build import Built, build
from .fold import Fitted, Progress, no_progress, up_to
from .recipe import Recipe, Source
from .search import Search
from .tune import PAIRS, SEQUENCE, SESSIONS, TIME, choose_discovery, choose_mix, choose_repeat, has_text

__all__ = ["Choice", "build", "choose", "choose_and_build"]

#: Fewer validation customers than this decide nothing.
LEAST_USERS = 20
#: Most validation customers; more cost time and change no decision.
MOST_USERS = 3000
#: Most of them where each is asked for one item only: as customers of a shop, and as visits.
MOST_LAST_ITEMS, MOST_VISITS = 8000, 6000
#: Evaluations that are kept for repeat purchases and their mix with discovery.
KEPT_FOR_REPEATS = 12


@dataclass(frozen=True)
class Choice:
    """The chosen ``recipe``, every tried one (``part, name, recipe, metrics, chosen``) and how it was validated."""

    recipe: Recipe
    tried: list[dict[str, Any]]
    validation: dict[str, Any]
    #: without a clock: the split that it was validated on and the sources fitted for it, for `choose_second`
    judged: tuple[TimeSplit, Fitted] | None = field(default=None, repr=False, compare=False)


def choose(
    interactions: Interactions,
    *,
    catalogue: Catalogue | None = None,
    now: int | None = None,
    budget: int = 60,
    shape: str | None = None,
    k: int = 20,
    neighbours: int = 200,
    target_weight: float = 0.0,
    memory_mb: int = 2048,
    language: str = "english",
    random_state: int = 0,
    progress: Progress | None = None,
) -> Choice:
    """Choose a recipe with at most ``budget`` evaluations, on ``interactions`` alone.

    ``target_weight``: only interactions of at least this weight count as bought. ``memory_mb`` bounds the dense model.
    ``shape``: "time", "sequence" or "pairs", default `data_shape`; or "sessions": every user is one visit, and the
    question is what an unseen visitor does next. Its recipe may hold session neighbours, which are not served yet.
    Rows later than ``now`` are ignored. ``language`` of the product texts (snowball's name) for stemming.
    With too little data for a validation the default recipe is returned and ``validation["reason"]`` says why.
    """
    interactions = up_to(interactions, now)
    shape = data_shape(interactions) if shape is None else shape
    default = Recipe(sources=_default_sources(catalogue), neighbours=neighbours, language=language)
    split, reason = _validation(interactions, shape, target_weight, random_state)
    if split is None:
        return Choice(default, [], {"reason": reason})
    if len(split.users) < LEAST_USERS:
        few = f"only {len(split.users)} customers came back during the validation days; {LEAST_USERS} are needed"
        return Choice(default, [], {"reason": few})
    search = Search(split, catalogue, default, budget, k, target_weight, progress or no_progress, memory_mb)
    validation = {"shape": shape, "users": len(split.users)}
    if shape == TIME:
        search.limit = budget - min(KEPT_FOR_REPEATS, budget // 3)
    recipe = choose_discovery(search, default, memory_mb, shape)
    search.limit = budget
    if shape == TIME:
        recipe = choose_repeat(search, recipe)
        recipe = choose_mix(search, recipe)
        span = (int(interactions.times[-1]) - split.cut) / SECONDS_PER_DAY
        validation |= {"cut": split.cut, "days": round(span, 2)}
    counts = {"evaluations": len(search.tried), "moves": search.moves}
    judged = None if shape == TIME else (split, search.fitted)
    return Choice(recipe, search.tried, {**validation, **counts}, judged)


def choose_and_build(
    interactions: Interactions,
    *,
    item_ids: IdMap,
    catalogue: Catalogue | None = None,
    now: int | None = None,
    progress: Progress | None = None,
    target_weight: float = 0.0,
    **keywords: Any,
) -> tuple[Choice, Built]:
    """`choose`, then refit the choice on everything (`build`). ``keywords`` go to `choose`."""
    tell = progress or no_progress
    choice = choose(
        interactions,
        catalogue=catalogue,
        now=now,
        target_weight=target_weight,
        progress=lambda fraction, message: tell(0.8 * fraction, message),
        **keywords,
    )
    built = build(
        choice.recipe,
        interactions,
        item_ids=item_ids,
        catalogue=catalogue,
        now=now,
        target_weight=target_weight,
        progress=lambda fraction, message: tell(0.8 + 0.2 * fraction, message),
    )
    return choice, built


def data_shape(interactions: Interactions) -> str:
    """What the times mean: moments ("time"), places in each customer's history 0, 1, 2 ... ("sequence"), or nothing
    because all are equal ("pairs")."""
    times, users = interactions.times, interactions.users
    if len(times) > LEAST_USERS and times[0] == times[-1] == 0:
        return PAIRS
    order = np.lexsort((times, users))
    ordered = users[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered, side="left")
    return SEQUENCE if len(times) > LEAST_USERS and bool((times[order] == place).all()) else TIME


def _validation(
    interactions: Interactions, shape: str, target_weight: float, random_state: int
) -> tuple[TimeSplit | None, str]:
    options: dict[str, Any] = {"target_weight": target_weight, "random_state": random_state}
    if shape == SEQUENCE:
        return last_item_split(interactions, max_users=MOST_LAST_ITEMS, **options), ""
    if shape == SESSIONS:
        return session_split(interactions, max_users=MOST_VISITS, random_state=random_state), ""
    if shape == PAIRS:
        return block_split(interactions, max_users=MOST_USERS, **options), ""
    cut, reason = _inner_cut(interactions, target_weight)
    return (None, reason) if cut is None else (time_split(interactions, cut, max_users=MOST_USERS, **options), "")


def _inner_cut(interactions: Interactions, target_weight: float) -> tuple[int | None, str]:
    """The last fifth of the time, at most 60 days; else where four fifths of the rows lie."""
    bought = interactions.at_least(target_weight)
    if len(bought) < 2 or bought.times[0] == bought.times[-1]:
        return None, "all purchases happened at one moment, or there are none: nothing to validate on yet"
    # the first per cent is passed over: one order of 1970 must not make the shop fifty years old
    first, last = int(interactions.times[len(interactions) // 100]), int(interactions.times[-1])
    window = min((last - first) / 5, 60 * SECONDS_PER_DAY)
    cut = last - int(window)
    if len(np.intersect1d(interactions.before(cut).users, bought.after(cut).users)) < LEAST_USERS:
        cut = int(bought.times[len(bought) * 4 // 5])
    return cut, ""


def _default_sources(catalogue: Catalogue | None) -> tuple[Source, ...]:
    sources = (Source("cosine", {"half_life_days": 180.0, "item_power": 0.5}),)
    return (*sources, Source("content", {}, 0.3)) if has_text(catalogue) else sources
