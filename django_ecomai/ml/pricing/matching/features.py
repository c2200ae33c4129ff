"""Numbers that tell how much alike two listings are: text, codes, numbers, units, brand and price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from .text import plain, read

Floats = NDArray[np.float64]
#: Columns of `pair_features`, in their order.
FEATURES = (
    "words", "letters", "offer_told", "product_told", "offer_rest", "product_rest", "same_order",
    "codes_shared", "codes_differ", "numbers_shared", "numbers_differ", "offer_numbers", "product_numbers",
    "units_agree", "units_differ", "brand_same", "brand_differs", "brand_named", "price_known", "price_apart",
    "offer_length", "product_length", "offer_gap", "offer_rank", "product_gap", "product_rank",
)  # fmt: skip
_CHUNK, _CONTEXT, _MOST_RANK = 50_000, 4, 10.0


@dataclass(frozen=True, eq=False)
class Listings:
    """n offers or products: ``title`` and ``brand`` (empty: not known) as texts, ``price`` [n] (NaN: not known, or in
    another currency)."""

    title: Sequence[str]
    brand: Sequence[str]
    price: Floats

    @classmethod
    def build(
        cls, *, title: Sequence[str], brand: Sequence[str] | None = None, price: ArrayLike | None = None
    ) -> Listings:
        """Raises ``ValueError`` for lengths that differ."""
        n = len(title)
        brands = [""] * n if brand is None else list(brand)
        prices = np.full(n, np.nan) if price is None else np.array(price, dtype=np.float64)
        if len(brands) != n or prices.shape != (n,):
            raise ValueError(f"brand and price must be [{n}], as title is")
        prices[~(prices > 0)] = np.nan
        return cls(list(title), brands, prices)

    def __len__(self) -> int:
        return len(self.title)

    def only(self, rows: NDArray[np.int64]) -> Listings:
        """Those rows."""
        return Listings([self.title[at] for at in rows], [self.brand[at] for at in rows], self.price[rows])


def said(listings: Listings) -> list[str]:
    """Title with the brand before it, unless the title names it."""
    found = []
    for title, brand in zip(listings.title, listings.brand, strict=True):
        whole, maker = plain(title), plain(brand)
        found.append(whole if not maker or maker in whole else f"{maker} {whole}")
    return found


def words_of(text: str) -> list[str]:
    """Words of a text, for a vectorizer."""
    return list(read(text).words)


class TextSpace:
    """TF-IDF weights of words and of runs of three and four letters, learned from titles without labels."""

    def fit(self, texts: Sequence[str]) -> TextSpace:
        """Learn how rare words are; raises ``ValueError`` when there is no word at all."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        # letters run over the gaps between words, so that "print shop" is "printshop"
        self.words_ = TfidfVectorizer(tokenizer=words_of, preprocessor=None, lowercase=False, token_pattern=None,
                                      sublinear_tf=True)  # fmt: skip
        self.letters_ = TfidfVectorizer(analyzer=runs_of, sublinear_tf=True)
        self.words_.fit(texts)
        self.letters_.fit(texts)
        return self

    def words(self, texts: Sequence[str]) -> Any:
        """[n, v] rows of length 1."""
        return self.words_.transform(texts).tocsr()

    def letters(self, texts: Sequence[str]) -> Any:
        """[n, v] rows of length 1."""
        return self.letters_.transform(texts).tocsr()

    def rarity(self) -> tuple[Floats, float]:
        """The weight of each known word, and that of one that is not known."""
        idf = np.asarray(self.words_.idf_, dtype=np.float64)
        return idf, float(idf.max())


def runs_of(text: str) -> list[str]:
    """Runs of three and four letters of a text without gaps."""
    whole = "".join(read(text).words)
    return [whole[at : at + size] for size in (3, 4) for at in range(len(whole) - size + 1)] or [whole or "-"]


def pair_features(
    space: TextSpace,
    offers: Listings,
    products: Listings,
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    source: NDArray[np.int64] | None = None,
) -> Floats:
    """[m, len(FEATURES)] of the pairs ``offers[left]``, ``products[right]``.

    The last four columns compare a pair with the others that are given: give all candidates at once. ``source`` [n] is
    whose offers they are: two offers of one competitor are hardly the same product (default: all of one).
    """
    sides = []
    for one in (offers, products):
        texts = said(one)
        sides.append((texts, space.words(texts), space.letters(texts)))
    out = np.zeros((len(left), len(FEATURES)))
    for start in range(0, len(left), _CHUNK):
        some = slice(start, min(start + _CHUNK, len(left)))
        out[some, :-_CONTEXT] = _features(space, offers, products, sides, left[some], right[some])
    likeness = (out[:, 0] + out[:, 1]) / 2
    whose = np.zeros(len(offers), dtype=np.int64) if source is None else source
    rival = right * (whose.max(initial=0) + 1) + whose[left]
    out[:, -4], out[:, -3] = _beside(left, likeness)
    out[:, -2], out[:, -1] = _beside(rival, likeness)
    return out


def _beside(group: NDArray[np.int64], value: Floats) -> tuple[Floats, Floats]:
    """How far each value lies above the best other one of its group (all of it where there is none), and its rank."""
    order = np.lexsort((-value, group))
    begins = np.r_[True, np.diff(group[order]) != 0] if len(order) else np.zeros(0, dtype=bool)
    first = np.flatnonzero(begins)
    size = np.diff(np.r_[first, len(order)])
    sorted_value = value[order]
    best = np.repeat(sorted_value[first], size)
    second = np.repeat(np.where(size > 1, sorted_value[np.minimum(first + 1, len(order) - 1)], 0.0), size)
    gap, rank = np.empty(len(order)), np.empty(len(order))
    gap[order] = sorted_value - np.where(begins, second, best)
    rank[order] = np.minimum(np.arange(len(order)) - np.repeat(first, size), _MOST_RANK)
    return gap, rank


def _features(
    space: TextSpace,
    offers: Listings,
    products: Listings,
    sides: list[tuple[list[str], Any, Any]],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> Floats:
    (texts_a, words_a, letters_a), (texts_b, words_b, letters_b) = sides
    columns = [_dot(words_a[left], words_b[right]), _dot(letters_a[left], letters_b[right])]
    table = space.words_.vocabulary_
    idf, unknown = space.rarity()

    def rarity(word: str) -> float:
        at = table.get(word)
        return unknown if at is None else float(idf[at])

    rows = np.empty((len(left), len(FEATURES) - 2 - _CONTEXT))
    known: dict[tuple[str, int], Any] = {}

    def side(kind: str, at: int, text: str, brand: str) -> Any:
        found = known.get((kind, at))
        if found is None:
            told = read(text)
            weights = {word: rarity(word) for word in told.words}
            found = known[kind, at] = told, weights, sum(weights.values()) or 1.0, frozenset(read(brand).words)
        return found

    for row, (a, b) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        one, weight_a, sum_a, brand_a = side("offer", a, texts_a[a], offers.brand[a])
        two, weight_b, sum_b, brand_b = side("product", b, texts_b[b], products.brand[b])
        shared = sum(weight for word, weight in weight_a.items() if word in weight_b)
        joined_a, joined_b = "".join(one.words), "".join(two.words)
        # a word counts as told when the other side writes it together with its neighbour
        rest_a = [w for word, w in weight_a.items() if word not in weight_b and word not in joined_b]
        rest_b = [w for word, w in weight_b.items() if word not in weight_a and word not in joined_a]
        kinds_a, kinds_b = dict(one.quantities), dict(two.quantities)
        both = kinds_a.keys() & kinds_b.keys()
        agree = len(one.quantities & two.quantities)
        price_a, price_b = offers.price[a], products.price[b]
        prices = price_a > 0 and price_b > 0
        brands = bool(brand_a and brand_b)
        order = [word for word in one.words if word in weight_b]
        other = [word for word in two.words if word in weight_a]
        rows[row] = (
            shared / sum_a,
            shared / sum_b,
            sum(rest_a),
            sum(rest_b),
            float(order[:2] == other[:2] and bool(order)),
            len(one.codes & two.codes),
            float(bool(one.codes and two.codes and not one.codes & two.codes)),
            len(one.numbers & two.numbers),
            float(bool(one.numbers and two.numbers and not one.numbers & two.numbers)),
            len(one.numbers - two.numbers),
            len(two.numbers - one.numbers),
            agree,
            float(bool(both) and not agree),
            float(brands and bool(brand_a & brand_b)),
            float(brands and not brand_a & brand_b),
            _named(brand_a, two.words) + _named(brand_b, one.words),
            float(prices),
            min(abs(np.log(price_a / price_b)), 5.0) if prices else 0.0,
            len(one.words),
            len(two.words),
        )
    return np.column_stack([*columns, rows])


def _named(brand: frozenset[str], words: Sequence[str]) -> float:
    """The part of a brand's words that a title has."""
    return len(brand & set(words)) / len(brand) if brand else 0.0


def _dot(a: Any, b: Any) -> Floats:
    """Products of rows with rows."""
    return np.asarray(sparse.csr_matrix(a).multiply(b).sum(axis=1), dtype=np.float64).ravel()
