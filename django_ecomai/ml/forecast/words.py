"""Titles as vectors: hashed words, weighted by rarity (numpy only)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BUCKETS = 1024
_WORD = re.compile(r"[^\W\d_]{2,}")


def word_matrix(titles: Sequence[str]) -> Floats:
    """Unit rows [n, `BUCKETS`] of tf-idf over hashed words; a title without words is a row of zeros."""
    counts = np.zeros((len(titles), BUCKETS))
    for row, title in enumerate(titles):
        for word in _WORD.findall(str(title).lower()):
            counts[row, zlib.crc32(word.encode()) % BUCKETS] = 1.0
    weights = counts * np.log((1 + len(titles)) / (1 + counts.sum(axis=0)))
    return np.asarray(weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12))


def word_axes(matrix: Floats, count: int, *, sample: int = 3000, seed: int = 0) -> Floats:
    """The ``count`` strongest directions [`BUCKETS`, count] of (a sample of) the rows."""
    rows = np.random.default_rng(seed).permutation(len(matrix))[:sample]
    part = matrix[rows]
    _, vectors = np.linalg.eigh(part.T @ part)
    return np.asarray(vectors[:, ::-1][:, :count])
