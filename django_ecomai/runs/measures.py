"""Measures of models in a merchant's words: name, help, and which way is better."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

#: Measure -> (name, what it means).
MEASURES: dict[str, tuple[Any, Any]] = {
    "recall": (
        gettext_lazy("Recall"),
        gettext_lazy("of what was bought later, the share that was among the suggestions"),
    ),
    "precision": (gettext_lazy("Precision"), gettext_lazy("of the suggestions, the share that was bought later")),
    "hit_rate": (gettext_lazy("Hit rate"), gettext_lazy("customers with at least one suggestion that they bought")),
    "ndcg": (gettext_lazy("NDCG"), gettext_lazy("like recall, but a hit at the top counts more")),
    "map": (gettext_lazy("Average precision"), gettext_lazy("average precision: how early the hits come")),
    "mrr": (
        gettext_lazy("First hit"),
        gettext_lazy("how early the first hit comes (1 = always the first suggestion)"),
    ),
    "f1": (gettext_lazy("F1"), gettext_lazy("precision and recall in one number")),
    "coverage": (gettext_lazy("Coverage"), gettext_lazy("share of the catalogue that was suggested to anybody")),
    "novelty": (
        gettext_lazy("Novelty"),
        gettext_lazy("how little known the suggestions are, in bits: one more means half as many customers know them"),
    ),
    "diversity": (
        gettext_lazy("Variety"),
        gettext_lazy("how different the suggestions of one list are from each other (0 = all alike)"),
    ),
    "gini": (
        gettext_lazy("Concentration"),
        gettext_lazy("whether all products are suggested equally often (0) or always the same few (1)"),
    ),
    "long_tail": (
        gettext_lazy("Long tail"),
        gettext_lazy("share of the suggestions outside the most popular products, which make four fifths of the sales"),
    ),
    "popularity_lift": (
        gettext_lazy("Popularity lift"),
        gettext_lazy("how much more popular the suggestions are than what the same customers buy (0 = as popular)"),
    ),
    "mae": (
        gettext_lazy("Mean error"),
        gettext_lazy("how far off the stars, or the chance of a purchase, are on average (less is better)"),
    ),
    "rmse": (
        gettext_lazy("Root mean squared error"),
        gettext_lazy("like the mean error, but large errors count more (less is better)"),
    ),
    "brier": (
        gettext_lazy("Brier score"),
        gettext_lazy("squared error of the chance that a suggestion is bought (less is better)"),
    ),
    "ece": (
        gettext_lazy("Calibration error"),
        gettext_lazy("how far the forecast chances are from how often purchases follow (less is better)"),
    ),
    "rmsse": (
        gettext_lazy("Scaled error (RMSSE)"),
        gettext_lazy("error of a forecast against that of “as in the period before” (below 1: better than that)"),
    ),
    "wrmsse": (
        gettext_lazy("Weighted scaled error (WRMSSE)"),
        gettext_lazy("the scaled error, where what sells more counts more"),
    ),
    "mase": (
        gettext_lazy("Scaled absolute error (MASE)"),
        gettext_lazy("like the scaled error, but large misses count no more than small ones"),
    ),
    "wape": (
        gettext_lazy("Share missed (WAPE)"),
        gettext_lazy("sum of all misses as a share of what was sold (less is better)"),
    ),
    "bias": (
        gettext_lazy("Bias"),
        gettext_lazy("above 0: too much was forecast on the whole; below 0: too little"),
    ),
    "pinball": (
        gettext_lazy("Interval error (pinball)"),
        gettext_lazy("how well the intervals are placed and how narrow they are (less is better)"),
    ),
    "coverage_80": (
        gettext_lazy("Inside the 80 % interval"),
        gettext_lazy("share of what happened that lay inside; 0.8 would be right"),
    ),
    "coverage_95": (
        gettext_lazy("Inside the 95 % interval"),
        gettext_lazy("share of what happened that lay inside; 0.95 would be right"),
    ),
}
HEADLINES = ("recall@20", "ndcg@20", "hit_rate@10", "precision@10", "coverage@20")
#: Less is better.
ERRORS = frozenset({"mae", "rmse", "brier", "ece", "rmsse", "wrmsse", "mase", "wape", "pinball"})
#: Neither more nor less is better by itself: no value is marked as the best.
DESCRIPTIVE = frozenset(
    {"novelty", "diversity", "gini", "long_tail", "popularity_lift", "bias", "coverage_80", "coverage_95"}
)


def measure_label(name: str) -> str:
    """A measure in words, with how many suggestions were looked at; its name when it is not known."""
    measure, at, number = name.partition("@")
    known = MEASURES.get(measure)
    return f"{known[0] if known else measure} {at}{number}".strip()


def goodness(name: str, value: Any) -> float:
    """``value`` so that more is better; minus infinity when it is not a number."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    if not usable:
        return float("-inf")
    return -float(value) if name.partition("@")[0] in ERRORS else float(value)


def has_best(name: str) -> bool:
    """Whether one value of this measure can be called the best."""
    return name.partition("@")[0] not in DESCRIPTIVE
