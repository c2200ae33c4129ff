"""Which product an offer is: ``python -m benchmarks.matching --data DIR --json FILE``.

Amazon products and Google offers, 6,874 labelled pairs to learn from and 2,293 to validate on. The catalogue and the
offers are those of both files, without labels, as a shop has them before anything is decided. Each model chooses its
threshold by F1 on held-out folds of the training pairs (by Amazon product) and is scored once on the validation pairs;
weights of words are learned from titles of the training file. The baseline is the cosine of TF-IDF weights of words.
The named peer is dedupe (``benchmarks.matching_peers``), which sees the same pairs, title, maker and price.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import matching_peers as peers
from benchmarks.harness import Outcome, run
from django_ecomai.ml.pricing.matching.blocking import candidates
from django_ecomai.ml.pricing.matching.features import FEATURES, Listings, TextSpace, pair_features, said
from django_ecomai.ml.pricing.matching.model import MatchModel, rule_probability

Floats = NDArray[np.float64]
OURS, ALONE, RULE = "EcomAI, learned", "EcomAI, learned, each pair alone", "EcomAI, rule of thumb (as shipped)"
BASELINE, LETTERS = "TF-IDF cosine of words", "TF-IDF cosine of letters"
MODELS = {OURS: True, ALONE: False, RULE: False, BASELINE: False, LETTERS: False, **dict.fromkeys(peers.PEERS, False)}
SHOWN = ("f1", "precision", "recall", "average_precision", "brier")
FOLDS, CONTEXT = 5, 4


def listings(frames: list[pd.DataFrame], side: str) -> tuple[Listings, dict[int, int]]:
    """All of a side, and the row of each id."""
    both = pd.concat(frames).drop_duplicates(f"{side}_id")
    made = Listings.build(
        title=both[f"{side}_title"].fillna("").tolist(),
        brand=both[f"{side}_manufacturer"].fillna("").tolist(),
        price=both[f"{side}_price"].to_numpy(),
    )
    return made, {ident: row for row, ident in enumerate(both[f"{side}_id"])}


@dataclass(frozen=True, eq=False)
class Labelled:
    """All pairs, the training ones first: rows of the offer (``left``) and of the product, and whether they are the
    ``same``; the first ``size`` of them train."""

    frames: list[pd.DataFrame]
    products: Listings
    offers: Listings
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    same: NDArray[np.bool_]
    size: int

    @classmethod
    def read(cls, folder: Path) -> Labelled:
        frames = [pd.read_csv(folder / "product-matching" / f"{name}.csv") for name in ("train", "validation")]
        products, product_row = listings(frames, "left")
        offers, offer_row = listings(frames, "right")
        pairs = pd.concat(frames)
        left = pairs["right_id"].map(offer_row).to_numpy(np.int64)
        right = pairs["left_id"].map(product_row).to_numpy(np.int64)
        return cls(frames, products, offers, left, right, pairs["label"].to_numpy() == 1, len(frames[0]))


def table(data: Labelled) -> tuple[Floats, dict[str, Any]]:
    """Features of all pairs, and facts."""
    learned = [said(listings(data.frames[:1], side)[0]) for side in ("left", "right")]
    space = TextSpace().fit([*learned[0], *learned[1]])
    near = candidates(space, data.offers, data.products)
    key = data.left * len(data.products) + data.right
    other = near[0] * len(data.products) + near[1]
    more = ~np.isin(other, key)
    left, right = np.r_[data.left, near[0][more]], np.r_[data.right, near[1][more]]
    every = pair_features(space, data.offers, data.products, left, right)
    facts = {
        "offers": len(data.offers),
        "products": len(data.products),
        "candidates": len(other),
        "blocking_recall": float(np.isin(key[data.same], other).mean()),
    }
    return every[: len(key)], facts


def scores(model: str, x: Floats, y: NDArray[np.bool_]) -> Callable[[Floats], Floats]:
    """What a model makes of pairs after it has learned from some."""
    if model in peers.PEERS:
        return peers.PEERS[model].learn(x, y)
    if model == BASELINE:
        return lambda rows: rows[:, FEATURES.index("words")]
    if model == LETTERS:
        return lambda rows: rows[:, FEATURES.index("letters")]
    if model == RULE:
        return rule_probability
    mask = np.ones(len(FEATURES))
    mask[-CONTEXT:] = 0.0 if model == ALONE else 1.0
    fitted = MatchModel().fit(x * mask, y)
    return lambda rows: fitted.probability(rows * mask)


def settled(model: str, score: Floats, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
    """Scores once pairs have competed with each other, where the model lets them."""
    return peers.one_to_one(score, left, right) if model in peers.PEERS and peers.PEERS[model].one_to_one else score


def best_threshold(score: Floats, same: NDArray[np.bool_]) -> float:
    """The score with the highest F1."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, threshold = precision_recall_curve(same, score)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(threshold[f1[:-1].argmax()])


def evaluate(dataset: str, model: str, folder: Path) -> Outcome:
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import GroupKFold

    data = Labelled.read(folder)
    facts: dict[str, Any] = {}
    if model in peers.PEERS:
        features = peers.PEERS[model].features(pd.concat(data.frames), data.size)
    else:
        features, facts = table(data)
    same, product, size = data.same, data.right, data.size
    x, y = features[:size], same[:size]
    held = np.empty(size)
    for fit, out in GroupKFold(FOLDS).split(x, y, product[:size]):
        held[out] = settled(model, scores(model, x[fit], y[fit])(x[out]), data.left[:size][out], product[:size][out])
    threshold = best_threshold(held, y)
    found, truth = scores(model, x, y)(features[size:]), same[size:]
    found = settled(model, found, data.left[size:], product[size:])
    said_same = found >= threshold
    hits = float((said_same & truth).sum())
    precision, recall = hits / max(said_same.sum(), 1), hits / truth.sum()
    metrics = {
        "f1": 2 * precision * recall / max(precision + recall, 1e-12),
        "precision": float(precision),
        "recall": float(recall),
        "average_precision": float(average_precision_score(truth, found)),
        "brier": float(np.mean((found - truth) ** 2)),
    }
    return metrics, {**facts, "threshold": threshold}


def compared(rows: list[dict[str, Any]], dataset: str, shown: Any) -> str:
    known = {row["model"]: row["metrics"] for row in rows if row["metrics"]}
    others = {name: known[name]["f1"] for name in (BASELINE, LETTERS, *peers.PEERS) if name in known}
    if OURS not in known or not others:
        return ""
    best = max(others, key=lambda name: others[name])
    return f"  {dataset}: f1 {known[OURS]['f1']:.4f} against {others[best]:.4f} of {best}"


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    return run(
        __doc__, ("amazon_google",), MODELS, evaluate, SHOWN, arguments, module="benchmarks.matching", compare=compared
    )


if __name__ == "__main__":
    main(sys.argv[1:])
