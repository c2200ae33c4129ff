"""What products are, as numbers: words, category tree, brand and attributes as one sparse matrix. Needs scipy."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..frames import Catalogue
from ..threads import one_blas_thread
from .spectrum import right_vectors
from .text import tfidf, tokens, unit_rows

#: An ancestor counts this part of the category below it.
ANCESTOR = 0.5
#: Attributes with such names identify a product or point somewhere; they say nothing about what it is like.
_IDENTIFIER = re.compile(r"(?:^|[_\-. ])(?:ids?|sku|ean|gtin|upc|asin|isbn|uuid|guid|url|href|image|slug|hash)$", re.I)
#: Longer values are texts or data, not properties; more of them per product are noise.
MAX_LENGTH, MAX_VALUES = 80, 64
#: Numbers of one attribute are told apart by so many bins of equal frequency.
BINS = 6
#: Rounds of the latent dimensions' decomposition: likeness of contents wants them exact.
ROUNDS = 5


def item_features(
    catalogue: Catalogue,
    *,
    title_weight: float = 2.0,
    category_weight: float = 0.5,
    brand_weight: float = 0.3,
    attribute_weight: float = 0.5,
    language: str = "english",
) -> sparse.csr_matrix:
    """Items x features: unit rows of words, then category, brand and attributes (each a unit row times its weight).

    The dot product of two rows is their likeness.
    """
    words = unit_rows(
        sparse.csr_matrix(
            sparse.hstack(
                [
                    title_weight * tfidf([tokens(text, language) for text in catalogue.title]),
                    tfidf([tokens(text, language) for text in catalogue.description]),
                ]
            )
        )
    )
    parts = [words]
    if category_weight > 0:
        parts.append(category_weight * weighted_labels(category_labels(catalogue)))
    if brand_weight > 0:
        parts.append(brand_weight * weighted_labels([_one_label(brand) for brand in catalogue.brand]))
    if attribute_weight > 0:
        parts.append(attribute_weight * weighted_labels(attribute_labels(catalogue.attributes)))
    return sparse.csr_matrix(sparse.hstack(parts))


def category_labels(catalogue: Catalogue) -> list[dict[str, float]]:
    """Per item its category with weight 1 and each ancestor with `ANCESTOR` times the weight below it."""
    labels = []
    for leaf, path in zip(catalogue.category, catalogue.category_path, strict=True):
        own = _one_label(leaf)
        for level, name in enumerate(path, start=1):
            label = name.strip().casefold()
            if label and label not in own:
                own[label] = ANCESTOR**level
        labels.append(own)
    return labels


def attribute_labels(attributes: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Per item the labels of its attributes: ``colour=red``, each value of a list, ``weight#3`` for a number's bin.

    Left out: identifiers, empty values, NaN, texts longer than `MAX_LENGTH`, what goes beyond `MAX_VALUES` per item,
    and anything nested deeper than one level. Numbers (and texts that are one) are put into `BINS` bins with equally
    many products each, half-overlapping, so that neighbours across a border still share a label.
    """
    flat = [list(_flattened(one))[:MAX_VALUES] for one in attributes]
    numbers: dict[str, list[float]] = {}
    for own in flat:
        for key, value in own:
            if isinstance(value, float):
                numbers.setdefault(key, []).append(value)
    steps = np.arange(1, 2 * BINS) / (2 * BINS)
    edges = {key: np.unique(np.quantile(values, steps)) for key, values in numbers.items()}
    labels: list[dict[str, float]] = []
    for own in flat:
        found: dict[str, float] = {}
        for key, value in own:
            if isinstance(value, str):
                found[f"{key}={value}"] = 1.0
            else:
                at = int(np.searchsorted(edges[key], value, side="right"))
                found[f"{key}#{at}"] = found[f"{key}#{at + 1}"] = 0.5**0.5
        labels.append(found)
    return labels


def _flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str | float]]:
    found: list[tuple[str, str | float]] = []
    for key in sorted(values, key=str):
        value, name = values[key], f"{prefix}{key}".strip().casefold()
        if not name or len(name) > MAX_LENGTH or _IDENTIFIER.search(name):
            continue
        if isinstance(value, Mapping):
            if not prefix:
                found += _flattened(value, f"{name}.")
        elif isinstance(value, (list, tuple, set, frozenset)):  # its numbers are labels: sizes, codes
            texts = sorted({_text(one) for one in value if not isinstance(one, (Mapping, list, tuple, set))})
            found += [(name, text) for text in texts if text]
        else:
            number = _number(value)
            if number is not None:
                found.append((name, number))
            elif _text(value):
                found.append((name, _text(value)))
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value) if isinstance(value, (int, float)) or _NUMERIC.fullmatch(str(value).strip()) else math.nan
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


_NUMERIC = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,9})?")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    text = " ".join(str(value).split()).casefold()
    return text if len(text) <= MAX_LENGTH else ""


def _one_label(text: str) -> dict[str, float]:
    label = text.strip().casefold()
    return {label: 1.0} if label else {}


def weighted_labels(documents: Sequence[Mapping[str, float]]) -> sparse.csr_matrix:
    """Rows of unit length: weight x ``ln(1 + (1 + n) / df)``; labels of one item only connect nothing and are dropped.

    A label that everybody carries (df = n) tells nothing apart beyond its small idf.
    """
    frequency = Counter(label for document in documents for label in document)
    vocabulary = {label: at for at, label in enumerate(sorted(x for x, df in frequency.items() if df >= 2))}
    rows, columns, values = [], [], []
    for row, document in enumerate(documents):
        for label, weight in document.items():
            column = vocabulary.get(label)
            if column is not None:
                rows.append(row)
                columns.append(column)
                values.append(weight * np.log((1 + len(documents)) / frequency[label] + 1))
    shape = (len(documents), len(vocabulary))
    return unit_rows(sparse.csr_matrix((values, (rows, columns)), shape=shape, dtype=np.float64))


def latent(features: sparse.csr_matrix, rank: int) -> NDArray[np.float64]:
    """The features' first ``rank`` latent dimensions: float64 [n, at most rank], rows as long as what they explain.

    Truncated SVD (latent semantic analysis) from a fixed start, signs fixed: the same input gives the same output.
    Source: Deerwester et al., "Indexing by latent semantic analysis", 1990.
    """
    rank = min(rank, min(features.shape) - 1)
    if rank < 1 or not features.nnz:
        return np.zeros((features.shape[0], 0))
    with one_blas_thread():
        left = right_vectors(sparse.csr_matrix(features.T), rank, dtype=np.float64, rounds=ROUNDS)
    values = np.linalg.norm(features.T @ left, axis=0)
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    return np.asarray(left * np.where(signs == 0, 1, signs) * values)
