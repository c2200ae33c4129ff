"""The learned order of the blend's best candidates, as it is served: numpy over the arrays of an artifact."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..neighbours import FloatArray, NeighbourTable, strongest
from .facts import ItemFacts
from .features import CANDIDATES, FeatureMaker, History
from .trees import Trees

#: Added to both ranks before they are joined: the first places do not outweigh everything else.
RANK_OFFSET = 9.0
#: Every array of the ranker begins with this.
PREFIX = "ranker_"
#: The manifest's key, absent without a ranker: ``{"format", "sources", "weights", "content", "features",
#: "blend_share"}``.
KEY = "ranker"
FORMAT = 1


class SecondStage:
    """Orders the first `CANDIDATES` of the blend by its own rank and that of learned trees (`joined_order`).

    The blend's scores stay, in the new order.

    So what was tuned on the scale of these scores (the mix with buy-again, boosts of rules) means the same as before.
    """

    def __init__(self, maker: FeatureMaker, trees: Trees, *, blend_share: float = 0.0) -> None:
        """Raises ValueError when the trees look at more than the maker makes."""
        if trees.n_features > len(maker.names):
            raise ValueError(f"trees over {trees.n_features} features for {len(maker.names)} columns")
        self.maker = maker
        self.trees = trees
        self.blend_share = blend_share

    def permuted(
        self,
        found: NDArray[np.integer],
        scores: FloatArray,
        history: History,
        *,
        allowed: NDArray[np.bool_],
        popularity: NDArray[np.floating],
        others: NDArray[np.float64] | None = None,
    ) -> FloatArray:
        """``scores`` [m] of the candidates ``found`` [m], exchanged among the best `CANDIDATES` ``allowed`` ones.

        ``others`` [sources, m]: what the sources without a table say (`FeatureMaker.make`).
        """
        at = np.flatnonzero(allowed)
        items = found[at]
        top = at[strongest(scores[at], CANDIDATES, popularity[items], -items.astype(np.int64))]
        if len(top) < 2:
            return scores
        said = None if others is None else others[:, top]
        learned = self.trees.predict(self.maker.make(found[top], scores[top], history, others=said))
        result = scores.copy()
        result[top[joined_order(learned, self.blend_share)]] = scores[top]
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What `from_artifact` reads, for `persist.save_arrays`."""
        arrays = {**self.trees.arrays(PREFIX), **self.maker.facts.arrays(PREFIX)}
        for place, table in enumerate(self.maker.tables):
            arrays[f"{PREFIX}source{place}_indices"] = table.indices
            arrays[f"{PREFIX}source{place}_scores"] = table.scores
        return arrays

    def manifest(self) -> dict[str, Any]:
        """JSON values for the artifact's manifest under `KEY`."""
        return {
            "format": FORMAT,
            "sources": list(self.maker.source_names),
            "weights": self.maker.weights.tolist(),
            "content": self.maker.content,
            "features": list(self.maker.names),
            "blend_share": self.blend_share,
        }

    @classmethod
    def from_artifact(cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self | None:
        """The ranker of an artifact, None when it has none or one of another version (then the blend serves).

        Raises KeyError or ValueError when its arrays are missing or do not fit together.
        """
        facts = manifest.get(KEY)
        if not facts or facts.get("format") != FORMAT:
            return None
        names = list(facts["sources"])
        tables = [
            NeighbourTable(arrays[f"{PREFIX}source{place}_indices"], arrays[f"{PREFIX}source{place}_scores"])
            for place in range(len(names))
        ]
        price, category = np.asarray(arrays["price"]), np.asarray(arrays["category"])
        if {table.n_items for table in tables} != {len(price)}:
            raise ValueError("the tables of the ranker are not about the items of the artifact")
        about = ItemFacts.from_arrays(arrays, PREFIX, price=price, category=category)
        maker = FeatureMaker(names, tables, facts["weights"], about, content=int(facts["content"]))
        if list(maker.names) != list(facts["features"]):
            return None
        return cls(maker, Trees.from_arrays(arrays, PREFIX), blend_share=float(facts["blend_share"]))


def joined_order(learned: NDArray[np.floating], blend_share: float) -> NDArray[np.int64]:
    """Positions from best to worst of candidates that stand in the blend's order and have ``learned`` scores [m].

    By the weighted sum of reciprocal ranks (Cormack et al. 2009); ``blend_share`` 1 keeps the blend's order, 0 takes
    that of the trees. Ties stay in the blend's order.
    """
    place = np.arange(1.0, len(learned) + 1)
    rank = np.empty(len(learned))
    rank[np.argsort(-learned, kind="stable")] = place
    joined = blend_share / (RANK_OFFSET + place) + (1 - blend_share) / (RANK_OFFSET + rank)
    return np.argsort(-joined, kind="stable")
