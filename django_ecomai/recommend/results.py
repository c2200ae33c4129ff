"""What serving answers: carousels of recommendations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django_ecomai.core.template_access import TemplateAccess

from .catalogue import Card
from .config import SlotConfig


@dataclass(frozen=True)
class Recommendation(TemplateAccess):
    """One product of a carousel.

    ``object`` is the shop's own object (None without an adapter), ``card`` what the mirror knows, ``reason`` a
    sentence with its ``reason_code`` and, where it names a product or a category, ``because_id``; ``position`` counts
    from 0, ``token`` goes back with impressions and clicks.
    """

    object: Any
    card: Card
    reason: str
    position: int
    token: str
    product_id: str = ""
    reason_code: str = ""
    because_id: str = ""


@dataclass
class Carousel:
    """One rendered list: ``items`` may be empty. ``dropped`` tells the preview what was left out and why."""

    placement: str
    strategy: str
    title: str
    slot: SlotConfig
    items: list[Recommendation] = field(default_factory=list)
    recommendation_id: str = ""
    dropped: dict[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
