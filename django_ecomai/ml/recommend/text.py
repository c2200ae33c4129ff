"""Product words: unicode tokens, stemmed, weighted by TF-IDF."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from scipy import sparse

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)


def tokens(text: str, language: str = "english") -> list[str]:
    """Lower-case, compatibility-normalised, stemmed words of ``text``; numbers are kept.

    ``language`` is one of snowball's; an unknown one means no stemming.
    """
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return [_stem(word.split("'")[0].split("’")[0], language) for word in words]


@lru_cache(maxsize=200_000)
def _stem(word: str, language: str) -> str:
    stemmer = _stemmer(language)
    return word if stemmer is None else str(stemmer.stemWord(word))


#: A stemmer holds the word that it works on, so every thread has its own.
_OWN = threading.local()


def _stemmer(language: str):  # type: ignore[no-untyped-def]  # snowballstemmer has no types
    import snowballstemmer

    known = _OWN.__dict__
    if language not in known:
        found = language in snowballstemmer.algorithms()
        known[language] = snowballstemmer.stemmer(language) if found else None
    return known[language]


def tfidf(documents: Sequence[Iterable[str]], *, max_share: float = 0.5) -> sparse.csr_matrix:
    """Rows of unit length (zero for an empty document): ``(1 + ln tf) * ln(1 + (1 + n) / df)``.

    Words in more than ``max_share`` of more than ten documents say nothing and are dropped, as are words that stand in
    one document only: they cannot connect two products.
    """
    counted = [Counter(document) for document in documents]
    frequency = Counter(word for document in counted for word in document)
    most = max_share * len(counted) if len(counted) > 10 else len(counted)
    vocabulary = {word: at for at, word in enumerate(sorted(w for w, df in frequency.items() if 2 <= df <= most))}
    rows, columns, values = [], [], []
    for row, document in enumerate(counted):
        for word, count in document.items():
            column = vocabulary.get(word)
            if column is not None:
                rows.append(row)
                columns.append(column)
                values.append((1 + np.log(count)) * np.log((1 + len(counted)) / frequency[word] + 1))
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(len(counted), len(vocabulary)), dtype=np.float64)
    return unit_rows(matrix)


def unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows scaled to length one; zero rows stay zero."""
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1 / np.where(length > 0, length, 1.0)) @ matrix)
