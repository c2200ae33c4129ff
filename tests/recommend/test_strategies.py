"""The strategies over a model that is written down here."""

from __future__ import annotations

import numpy as np

from django_ecomai.ml.recommend.serving import Scored
from django_ecomai.recommend import reasons
from django_ecomai.recommend.query import Behaviour, Query
from django_ecomai.recommend.strategies.builtin import for_you

IDS = [f"p{i}" for i in range(12)]


class FixedScorer:
    """Answers with what it was given, and remembers what it was asked. p0..p11 are its products."""

    def __init__(self, found: dict[str, str] | None = None, recipe: dict[str, object] | None = None) -> None:
        self.found = found or {}
        self.recipe = recipe or {}
        self.asked: dict[str, float] = {}

    def encode(self, ids: list[str]) -> np.ndarray:
        return np.array([IDS.index(one) if one in IDS else -1 for one in ids], dtype=np.int32)

    def decode(self, items: list[int]) -> list[str]:
        return [IDS[item] for item in items]

    def for_history(self, items: np.ndarray, weights: list[float], **rest: object) -> Scored:
        for item, weight in zip(items.tolist(), weights, strict=True):
            self.asked[IDS[item]] = max(weight, self.asked.get(IDS[item], 0.0))
        wanted = self.encode(list(self.found))
        return Scored(wanted, np.ones(len(wanted), dtype=np.float32), self.encode(list(self.found.values())))

    def for_customer(self, items: np.ndarray, weights: list[float], **rest: object) -> Scored:
        return self.for_history(items, weights)


def query(*steps: Behaviour, scorer: FixedScorer, now: float = 1_000_000.0) -> Query:
    return Query(behaviour=steps, scorer=scorer, now=now)  # type: ignore[arg-type]


def test_the_reason_is_the_step_that_spoke_loudest_and_popularity_where_none_did() -> None:
    scorer = FixedScorer({"p3": "p1", "p4": "p2", "p5": ""})

    found = for_you(query(Behaviour("p1", "view_item", 1), Behaviour("p2", "purchase", 1), scorer=scorer), 5)

    assert [(one.product_id, one.reason, one.because) for one in found] == [
        ("p3", reasons.VIEWED, "p1"),
        ("p4", reasons.BOUGHT, "p2"),
        ("p5", reasons.POPULAR, ""),
    ]
