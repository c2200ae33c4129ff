"""Trained models of LightGBM and scikit-learn as `Trees`. Runs in a worker, where they were trained."""

from __future__ import annotations

from typing import Any

import numpy as np

from .trees import Trees


class _Nodes:
    """Nodes as they are met; one list per array of `Trees`."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.roots: list[int] = []

    def add(self, feature: int, threshold: float, value: float, missing_left: bool) -> int:
        self.rows.append([feature, threshold, -1, -1, value, missing_left])
        return len(self.rows) - 1

    def trees(self) -> Trees:
        columns = list(zip(*self.rows, strict=True)) if self.rows else [()] * 6
        feature, threshold, left, right, value, missing_left = columns
        return Trees(
            feature=np.array(feature, dtype=np.int16),
            threshold=np.array(threshold, dtype=np.float64),
            left=np.array(left, dtype=np.int32),
            right=np.array(right, dtype=np.int32),
            value=np.array(value, dtype=np.float64),
            missing_left=np.array(missing_left, dtype=np.bool_),
            roots=np.array(self.roots, dtype=np.int32),
        )


def from_lightgbm(booster: Any) -> Trees:
    """The trees of a ``lightgbm.Booster`` whose splits are all numeric. Raises ValueError for others.

    Where LightGBM saw no missing value it takes one for 0 when it predicts, and so do these trees.
    """
    nodes = _Nodes()

    def visit(node: dict[str, Any]) -> int:
        if "split_feature" not in node:
            return nodes.add(-1, 0.0, float(node["leaf_value"]), True)
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise ValueError("only numeric splits can be exported: train without categories and zero_as_missing")
        threshold = float(node["threshold"])
        missing_left = bool(node["default_left"]) if node["missing_type"] == "NaN" else threshold >= 0.0
        at = nodes.add(int(node["split_feature"]), threshold, 0.0, missing_left)
        nodes.rows[at][2] = visit(node["left_child"])
        nodes.rows[at][3] = visit(node["right_child"])
        return at

    for tree in booster.dump_model()["tree_info"]:
        nodes.roots.append(visit(tree["tree_structure"]))
    return nodes.trees()


def from_hist_gradient_boosting(model: Any) -> Trees:
    """The trees of a fitted ``HistGradientBoostingRegressor`` (or of a binary classifier: the log odds).

    The model's baseline is a tree of one leaf. Raises ValueError for categories or several outputs.
    """
    nodes = _Nodes()
    nodes.roots.append(nodes.add(-1, 0.0, float(np.ravel(model._baseline_prediction)[0]), True))
    for stage in model._predictors:
        if len(stage) != 1:
            raise ValueError("one output can be exported: train a regressor or a binary classifier")
        first = len(nodes.rows)
        nodes.roots.append(first)
        for node in stage[0].nodes:
            if node["is_leaf"]:
                nodes.add(-1, 0.0, float(node["value"]), True)
                continue
            if node["is_categorical"]:
                raise ValueError("only numeric splits can be exported: train without categories")
            at = nodes.add(
                int(node["feature_idx"]), float(node["num_threshold"]), 0.0, bool(node["missing_go_to_left"])
            )
            nodes.rows[at][2] = first + int(node["left"])
            nodes.rows[at][3] = first + int(node["right"])
    return nodes.trees()
