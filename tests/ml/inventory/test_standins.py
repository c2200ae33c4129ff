"""Who is bought instead of whom: what was planted is found, what looks like it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from django_ecomai.ml.inventory.standins import StandIns, stand_ins, stand_ins_read

DAYS = 120
OUT = slice(50, 70)
WORDS = ["blue ceramic mug", "red ceramic mug", "ceramic mug with saucer", "garden hose green", "garden hose long"]
PRICE = [5.0, 6.0, 5.5, 20.0, 22.0]


def shop(**sells: int) -> dict[str, Any]:
    """Every product sells 4 a day, but for the first, which is sold out for 20 days, and what ``sells`` then."""
    sold, out = np.full((5, DAYS), 4.0), np.zeros((5, DAYS), dtype=bool)
    sold[0, OUT], out[0, OUT] = 0, True
    for name, pieces in sells.items():
        sold[int(name[1:]), OUT] = pieces
    return {"words": WORDS, "price": PRICE, "sold": sold, "sold_out": out}


def pairs(found: StandIns) -> list[tuple[int, int]]:
    return list(zip(found.product.tolist(), found.substitute.tolist(), strict=True))


def test_what_sells_more_while_the_other_is_sold_out_stands_in_for_it() -> None:
    found = stand_ins(**shop(p1=7))
    assert pairs(found) == [(0, 1)]
    # 3 more a day where 4 a day were missed.
    assert (found.share[0], found.days[0], found.with_product[0], found.without[0]) == (0.75, 20, 4, 7)
    assert found.alike[0] > 0.25 and found.errors[0] > 3


def test_what_is_no_substitution_is_not_found() -> None:
    # Unlike in words; sold less; the whole shop sold more; too few days.
    assert pairs(stand_ins(**shop(p3=20))) == []
    assert pairs(stand_ins(**shop(p1=1))) == []
    assert pairs(stand_ins(**shop(p1=8, p2=8, p3=8, p4=8))) == []
    few = shop(p1=9)
    few["sold_out"][0, 56:70] = False
    assert pairs(stand_ins(**few)) == []
    # Three times the price; sold out as well; not yet on sale.
    assert pairs(stand_ins(**{**shop(p1=9), "price": [5, 15.5, 5.5, 20, 22]})) == []
    both = shop(p1=9)
    both["sold_out"][1, OUT] = True
    assert pairs(stand_ins(**both)) == []
    silent = np.zeros((5, DAYS), dtype=bool)
    silent[1, : OUT.start] = True
    silent[1, OUT.stop :] = True
    assert pairs(stand_ins(**shop(p1=9), silent=silent)) == []


def test_noise_is_rarely_taken_for_it() -> None:
    random = np.random.default_rng(0)
    sold, out = random.poisson(1.0, (200, DAYS)).astype(float), np.zeros((200, DAYS), dtype=bool)
    for row in range(200):
        start = random.integers(0, DAYS - 10)
        out[row, start : start + 10] = True
    sold[out] = 0
    words = [f"mug {number % 20} of {number % 7} colours" for number in range(200)]
    found = stand_ins(words=words, price=np.full(200, 5.0), sold=sold, sold_out=out)
    assert len(found) <= 2  # of some 2,000 pairs


def test_nothing_sold_out_means_nothing_found_and_shapes_are_checked() -> None:
    calm = shop()
    calm["sold_out"][:] = False
    assert len(stand_ins(**calm)) == 0
    assert len(stand_ins(words=[], price=[], sold=np.zeros((0, 5)), sold_out=np.zeros((0, 5), dtype=bool))) == 0
    with pytest.raises(ValueError, match="words and price"):
        stand_ins(words=["one"], price=[1, 2], sold=np.zeros((1, 5)), sold_out=np.zeros((1, 5), dtype=bool))


def test_days_are_read_in_blocks_and_then_of_candidates_alone() -> None:
    told, asked = shop(p1=7), []
    silent = np.zeros((5, DAYS), dtype=bool)

    def read(rows: np.ndarray) -> Any:
        asked.append(rows.tolist())
        return told["sold"][rows], told["sold_out"][rows], silent[rows]

    found = stand_ins_read(words=WORDS, price=PRICE, read=read, block=2)
    # All two at a time; then the mug that was sold out and the two that are like it, without the hoses.
    assert asked == [[0, 1], [2, 3], [4], [0, 1, 2]]
    assert pairs(found) == [(0, 1)] and found.share[0] == 0.75
    whole = stand_ins(**told)
    assert [getattr(found, name).tolist() for name in vars(found)] == [getattr(whole, n).tolist() for n in vars(whole)]
