"""What a page asks for, and its carousels on their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django_ecomai.core.registry import Strategy

from .config import SlotConfig
from .narrow import NOTHING, Narrow
from .query import Candidate
from .rules import Ranked
from .viewer import Viewer


@dataclass(frozen=True)
class Ask:
    """What the page says: ids, not objects."""

    viewer: Viewer
    product_ids: tuple[str, ...] = ()
    category: str = ""
    exclude: frozenset[str] = frozenset()
    limit: int | None = None
    now: float = 0.0
    narrow: Narrow = NOTHING
    words: str = ""
    # Where the visitor seems to be from: ``country``, ``referrer``, ``device``, as far as known.
    circumstances: Mapping[str, str] = field(default_factory=dict)


class Planned(NamedTuple):
    """A candidate with the chance that it was given its place: 1 unless it was drawn to try it out."""

    candidate: Candidate
    propensity: float = 1.0


@dataclass
class Draft:
    """A carousel on its way: what its strategy proposes, and what the rules leave of it."""

    slot: SlotConfig
    strategy: Strategy
    rules: list[Any]
    limit: int
    depth: int
    candidates: list[Candidate] = field(default_factory=list)
    own: int = 0  # candidates of the strategy itself, before filling up
    ranked: Ranked = field(default_factory=Ranked)
    # What is to be shown, in order, with the chance of each; then spares for what vanishes before it is drawn.
    plan: list[Planned] = field(default_factory=list)
