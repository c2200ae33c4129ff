"""What others make of pairs of offers: dedupe, set up after its example of two shops' products.

https://github.com/dedupeio/dedupe: distances of fields, by kind of field, and a logistic regression whose penalty is
chosen by cross-validation. The example (record_linkage_example of dedupeio/dedupe-examples) has title as a string and
as a text, description as a text and price. There are no descriptions here: words are weighed by titles instead, and
the maker is told as a string. Pairs are given, so it does not search for candidates, and nothing asks a person which
pair to label next: it learns from all labels. At its end the example lets each record be in one pair only, the one
with the highest score: that is a row of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Peer:
    """``features(pairs, size)`` [p, f] of pairs of which the first ``size`` may be learned from, and ``learn(x, y)``:
    what it makes of such rows after that. ``one_to_one``: an offer and a product are in one pair at most."""

    features: Callable[[pd.DataFrame, int], Floats]
    learn: Callable[[Floats, NDArray[np.bool_]], Callable[[Floats], Floats]]
    one_to_one: bool = False


def _clean(text: Any) -> str | None:
    """As the example cleans: plain letters, no marks, single spaces, no quotes around, lower case; nothing: None."""
    if not isinstance(text, str):
        return None
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"[-',]", "", re.sub(r"[/:\n]", " ", text))
    return re.sub(r" +", " ", text).strip().strip('"').lower().strip() or None


def _record(row: dict[str, Any], side: str) -> dict[str, Any]:
    price = row[f"{side}_price"]
    return {
        "title": _clean(row[f"{side}_title"]) or "none",
        "manufacturer": _clean(row[f"{side}_manufacturer"]),
        "price": float(price) if price > 0 else None,
    }


def _linker(corpus: list[str]) -> Any:
    import dedupe
    from dedupe import variables

    fields = [
        variables.String("title"),
        variables.Text("title", corpus=corpus),
        variables.String("manufacturer", has_missing=True),
        variables.Price("price", has_missing=True),
    ]
    return dedupe.RecordLink(fields, num_cores=0)


def dedupe_features(pairs: pd.DataFrame, size: int) -> Floats:
    """Title as a string and as a text, maker and price, as dedupe compares them."""
    both = [(_record(row, "left"), _record(row, "right")) for row in pairs.to_dict("records")]
    corpus = [one["title"] for pair in both[:size] for one in pair]
    return np.asarray(_linker(corpus).data_model.distances(both), dtype=np.float64)


def dedupe_learn(x: Floats, y: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """Its own classifier, on one core."""
    fitted = _linker([]).classifier.set_params(n_jobs=1).fit(x, y)
    return lambda rows: np.asarray(fitted.predict_proba(rows)[:, 1])


def forest_learn(x: Floats, y: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """The kind of classifier that ours learns, in the place that dedupe leaves for one's own."""
    from sklearn.ensemble import RandomForestClassifier

    fitted = RandomForestClassifier(300, min_samples_leaf=3, random_state=0, n_jobs=1).fit(x, y)
    return lambda rows: np.asarray(fitted.predict_proba(rows)[:, 1])


def one_to_one(score: Floats, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """Scores, below all others (in their order) where offer or product has a pair with a higher one: as dedupe's
    ``RecordLink.join`` takes pairs, from the highest score down."""
    kept, seen = np.zeros(len(score), dtype=bool), (set[int](), set[int]())
    for at in np.argsort(-score, kind="stable").tolist():
        if left[at] not in seen[0] and right[at] not in seen[1]:
            kept[at] = True
            seen[0].add(int(left[at]))
            seen[1].add(int(right[at]))
    return np.where(kept, score, score * 1e-6)


PEERS = {
    "dedupe": Peer(dedupe_features, dedupe_learn),
    "dedupe, one to one": Peer(dedupe_features, dedupe_learn, one_to_one=True),
    "dedupe with a random forest": Peer(dedupe_features, forest_learn),
    "dedupe with a random forest, one to one": Peer(dedupe_features, forest_learn, one_to_one=True),
}
