"""A recipe: everything that was decided about a recommender, as plain data that fits into JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .base import ItemModel
from .content import Content
from .copurchase import CoPurchase
from .cosine import Cosine
from .ease import Ease
from .gfcf import GFCF
from .local_ease import LocalEase
from .lowrank import IALS, TruncatedSVD
from .sequential import Sequential

#: Item-item models that a recipe may name as a source.
SOURCES: dict[str, type[ItemModel]] = {
    model.kind: model for model in (Cosine, Ease, Content, CoPurchase, GFCF, LocalEase, Sequential, TruncatedSVD, IALS)
}


@dataclass(frozen=True)
class Source:
    """One item-item model of a blend: its ``kind``, hyper-parameters and ``weight``."""

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0

    def model(self, neighbours: int, language: str = "english") -> ItemModel:
        """The unfitted model. Raises ValueError for an unknown kind."""
        if self.kind not in SOURCES:
            raise ValueError(f"unknown source {self.kind!r}: use one of {', '.join(sorted(SOURCES))}")
        shared = {"language": language} if self.kind == Content.kind else {}
        return SOURCES[self.kind](**{**shared, **self.params, "neighbours": neighbours})

    def key(self) -> tuple[Any, ...]:
        """Identifies the fitted model, whatever its weight in a blend."""
        return (self.kind, *sorted(self.params.items()))

    def label(self) -> str:
        """``ease(half_life_days=60, regularisation=3)``."""
        return f"{self.kind}({', '.join(f'{key}={value}' for key, value in sorted(self.params.items()))})"


@dataclass(frozen=True)
class Recipe:
    """How discovery, buy-again and their mix are computed.

    Discovery: the history (decayed by ``history_half_life_days``, and by ``history_step_decay`` for every different
    item met later) through the folded table of ``sources``. The table's rows are scaled by popularity (customers per
    item) to ``-source_power``, its columns by popularity to ``target_power`` and by the trend of the last
    ``trend_days`` to ``trend_power``. The best score counts 1, and ``prior`` times the popularity of ``trending_days``
    (most popular = 1) is added. Without sources: popularity alone.
    Buy again: personal frequency decayed by ``repeat_half_life_days`` times recent popularity to
    ``repeat_trend_power`` times how due the item is (`repeat.due`) to ``repeat_cycle``. ``repeat_share`` weighs
    buy-again against discovery where both may appear.
    ``neighbours`` are kept per item. Product texts are in ``language`` (snowball's name).
    """

    sources: tuple[Source, ...] = ()
    history_half_life_days: float | None = 180.0
    history_step_decay: float | None = None
    source_power: float = 0.0
    target_power: float = 0.0
    trend_power: float = 0.0
    trend_days: float = 30.0
    trending_days: float | None = 30.0
    prior: float = 0.0
    repeat_half_life_days: float | None = None
    repeat_trend_power: float = 0.0
    repeat_share: float = 1.0
    repeat_cycle: float = 0.0
    neighbours: int = 200
    language: str = "english"

    @property
    def name(self) -> str:
        """What a merchant reads in the metrics table."""
        parts = [
            f"{source.weight:g} x {source.label()}" if source.weight != 1 else source.label() for source in self.sources
        ]
        if not parts:
            return "popular (all time)" if self.trending_days is None else f"popular ({self.trending_days:g} days)"
        if self.trend_power:
            parts.append(f"trend^{self.trend_power:g}")
        if self.prior:
            parts.append(f"{self.prior:g} x popularity")
        if self.history_half_life_days is not None:
            parts.append(f"history half-life {self.history_half_life_days:g} d")
        if self.history_step_decay is not None:
            parts.append(f"history x {self.history_step_decay:g} per step")
        if self.source_power:
            parts.append(f"history popularity^{-self.source_power:g}")
        if self.target_power:
            parts.append(f"popularity^{self.target_power:g}")
        return " + ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {**asdict(self), "sources": [asdict(source) for source in self.sources]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """The inverse of `to_dict`; unknown keys raise ValueError (a recipe of a newer version)."""
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown recipe keys {sorted(unknown)}: it was written by another version, choose again")
        sources = tuple(Source(s["kind"], dict(s["params"]), s["weight"]) for s in values.get("sources", ()))
        return cls(**{**values, "sources": sources})
