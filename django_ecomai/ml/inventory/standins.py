"""Which products are bought instead of each other: alike in words, and sold more of while the other is sold out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from ..recommend.text import tfidf, tokens

#: Days on which a product was sold out that say something about what was bought instead.
FEWEST_DAYS = 7
#: Days before and after them with which they are compared: of one season.
NEAR_DAYS = 28
#: Standard errors between the two rates from which chance is ruled out; many pairs are looked at.
LEAST_ERRORS = 3.0
LEAST_ALIKE = 0.25
MOST_CANDIDATES = 10
_ROWS = 256

#: Of the products with these numbers [k]: pieces sold, days sold out and days before they were on sale, [k, d] each.
ReadDays = Callable[[NDArray[np.int64]], tuple[ArrayLike, ArrayLike, ArrayLike]]


@dataclass(frozen=True, eq=False)
class StandIns:
    """m pairs, strongest first. ``share`` [m] of what ``product`` sells a day moves to ``substitute`` while it is out.

    ``alike`` is the cosine of their words, ``days`` on how many days the one was sold out and the other not,
    ``with_product`` and ``without`` what the substitute sold per day near these days and on them, the former corrected
    for how the whole shop sold; ``errors`` the standard errors between them.
    """

    product: NDArray[np.int64]
    substitute: NDArray[np.int64]
    share: NDArray[np.float64]
    alike: NDArray[np.float64]
    days: NDArray[np.int64]
    with_product: NDArray[np.float64]
    without: NDArray[np.float64]
    errors: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.product)


def stand_ins(
    *,
    words: Sequence[str],
    price: ArrayLike,
    sold: ArrayLike,
    sold_out: ArrayLike,
    silent: ArrayLike | None = None,
    language: str = "english",
) -> StandIns:
    """From titles and categories [n], prices [n] and the days [n, d] sold and sold out.

    Candidates are the ten products most alike in words whose price is between half and twice as much (unknown prices
    fit). A pair is found when the substitute sold more on the days on which the product was sold out than on the days
    within four weeks of them, beyond chance (three standard errors, Welch, 1947; the variance of pieces is never taken
    for less than their mean), on at least seven days. ``silent`` [n, d] marks days before a product was on sale.
    Raises ``ValueError`` for shapes that do not fit.
    """
    pieces, out = np.asarray(sold), np.asarray(sold_out, dtype=bool)
    if pieces.ndim != 2 or pieces.shape != out.shape or not len(words) == np.size(price) == len(pieces):
        raise ValueError("words and price must be [n], sold and sold_out [n, d]")
    hidden = np.zeros(out.shape, dtype=bool) if silent is None else np.asarray(silent, dtype=bool)
    return stand_ins_read(
        words=words, price=price, read=lambda rows: (pieces[rows], out[rows], hidden[rows]), language=language
    )


def stand_ins_read(
    *,
    words: Sequence[str],
    price: ArrayLike,
    read: ReadDays,
    block: int = 20_000,
    language: str = "english",
    progress: Callable[[float], None] | None = None,
) -> StandIns:
    """As ``stand_ins``, of a shop whose days do not fit into memory: ``read`` is asked for ``block`` products at once.

    First for all, then for those that were sold out and their candidates, at most 2,816 at a time; numbers ascend.
    """
    money = np.asarray(price, dtype=np.float64)
    if len(words) != len(money):
        raise ValueError("words and price must be [n]")
    shop, asked = np.zeros(0), [np.zeros(0, dtype=np.int64)]
    for start in range(0, len(money), block):
        rows = np.arange(start, min(start + block, len(money)))
        pieces, out, hidden = _days(read, rows)
        sums = pieces.sum(axis=0, dtype=np.float64)
        shop = shop + sums if start else sums
        asked.append(rows[(out & ~hidden).sum(axis=1) >= FEWEST_DAYS])
        if progress is not None:
            progress(0.5 * (start + len(rows)) / len(money))
    found: list[tuple[float, ...]] = []
    some, done = np.concatenate(asked), 0
    for near in _candidates(words, money, some, language):
        rows = np.unique(np.concatenate([np.r_[one, others] for one, others, _alike in near]))
        pieces, out, hidden = _days(read, rows)
        for one, others, alike in near:
            own, at = int(np.searchsorted(rows, one)), np.searchsorted(rows, others)
            bought = _bought(own, at, alike, pieces, out, hidden, shop)
            found += [(one, int(rows[int(row[1])]), *row[2:]) for row in bought]
        done += len(near)
        if progress is not None:
            progress(0.5 + 0.5 * done / len(some))
    found.sort(key=lambda row: (-row[2], row[0], row[1]))
    columns = np.array(found, dtype=np.float64).reshape(-1, 8).T
    return StandIns(
        columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2], columns[3],
        columns[4].astype(np.int64), columns[5], columns[6], columns[7],
    )  # fmt: skip


def _days(read: ReadDays, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    pieces, out, hidden = read(rows)
    sold = np.nan_to_num(np.asarray(pieces, dtype=np.float32), nan=0.0).clip(min=0.0)
    return sold, np.asarray(out, dtype=bool), np.asarray(hidden, dtype=bool)


def _candidates(
    words: Sequence[str], price: NDArray[np.float64], asked: NDArray[np.int64], language: str
) -> Iterator[list[tuple[int, NDArray[np.int64], NDArray[np.float64]]]]:
    """``(product, others, likeness)`` of each product asked for, some at a time."""
    if not len(asked):
        return
    rows = sparse.csr_matrix(tfidf([tokens(text, language) for text in words]))
    for start in range(0, len(asked), _ROWS):
        found = []
        part = asked[start : start + _ROWS]
        likeness = sparse.csr_matrix(rows[part] @ rows.T)
        for at, one in enumerate(part.tolist()):
            span = slice(likeness.indptr[at], likeness.indptr[at + 1])
            others, alike = likeness.indices[span].astype(np.int64), likeness.data[span]
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = price[others] / price[one]
            fits = (others != one) & (alike >= LEAST_ALIKE) & ~((ratio < 0.5) | (ratio > 2))
            others, alike = others[fits], alike[fits]
            best = np.lexsort((others, -alike))[:MOST_CANDIDATES]
            found.append((one, others[best], alike[best]))
        yield found


def _bought(
    one: int,
    others: NDArray[np.int64],
    alike: NDArray[np.float64],
    pieces: NDArray[np.float32],
    out: NDArray[np.bool_],
    hidden: NDArray[np.bool_],
    shop: NDArray[np.float64],
) -> list[tuple[float, ...]]:
    """Those of the candidates that were bought instead of one product."""
    gone = out[one] & ~hidden[one]
    near = np.convolve(gone.astype(np.int64), np.ones(2 * NEAR_DAYS + 1, dtype=np.int64), mode="same") > 0
    there = near & ~out[one] & ~hidden[one]
    usual = pieces[one, there].mean() if there.any() else 0.0
    if usual <= 0:
        return []
    found: list[tuple[float, ...]] = []
    for other, likeness in zip(others.tolist(), alike.tolist(), strict=True):
        seen = ~out[other] & ~hidden[other]
        during, beside = gone & seen, there & seen
        if during.sum() < FEWEST_DAYS or beside.sum() < FEWEST_DAYS:
            continue
        # How the rest of the shop sold on these days: a sale in the shop is no substitution.
        rest = shop - pieces[one] - pieces[other]
        level = float(rest[during].mean() / rest[beside].mean()) if rest[beside].mean() > 0 else 1.0
        a, b = pieces[other, during], pieces[other, beside] * level
        before = b.mean()
        error = np.sqrt(max(a.var(), a.mean(), 1e-9) / len(a) + max(b.var(), before, 1e-9) / len(b))
        errors = (a.mean() - before) / error
        if errors >= LEAST_ERRORS:
            share = min((a.mean() - before) / usual, 1.0)
            found.append((one, other, share, likeness, len(a), before, a.mean(), errors))
    return found
