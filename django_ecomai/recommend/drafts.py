"""What a page asks for, and its carousels on their way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django_ecomai.core.registry import Strategy

from .config import SlotConfig
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
