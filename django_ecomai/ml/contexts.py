"""Under which circumstances a product was met: coarse classes only, never who."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

COUNTRY: Final = "country"
REFERRER: Final = "referrer"
DEVICE: Final = "device"
LANDING: Final = "category"
#: What may be known about a cold visitor, in this order.
DIMENSIONS: Final = (COUNTRY, REFERRER, DEVICE, LANDING)


@dataclass(frozen=True, eq=False)
class Contexts:
    """One row per meeting: ``items`` int32, ``times`` int64 epoch seconds, ``weights`` float32 > 0; ``codes`` int32
    [m, 4] holds positions in ``names`` per dimension of `DIMENSIONS`, -1 = unknown.
    """

    items: NDArray[np.int32]
    times: NDArray[np.int64]
    weights: NDArray[np.float32]
    codes: NDArray[np.int32]
    names: tuple[tuple[str, ...], ...]

    @classmethod
    def build(
        cls,
        items: ArrayLike,
        times: ArrayLike,
        *,
        weights: ArrayLike | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
        codes: NDArray[np.integer] | None = None,
        names: Sequence[Sequence[str]] | None = None,
    ) -> Contexts:
        """From text ``columns`` by dimension ("" = unknown), or from ``codes`` and ``names`` as they are kept.

        Raises ValueError for an unknown dimension and for unequal lengths. Rows whose weight is not a positive finite
        number are dropped.
        """
        item = np.asarray(items, dtype=np.int64).astype(np.int32)
        time = np.asarray(times, dtype=np.int64)
        with np.errstate(over="ignore"):
            weight = (np.ones(len(item)) if weights is None else np.asarray(weights, dtype=np.float64)).astype(
                np.float32
            )
        if columns is not None:
            codes, names = _numbered(columns, len(item))
        if codes is None or names is None:
            codes, names = np.full((len(item), len(DIMENSIONS)), -1), ((),) * len(DIMENSIONS)
        if not len(item) == len(time) == len(weight) == len(codes):
            raise ValueError("items, times, weights and context columns need one value per row")
        keep = np.isfinite(weight) & (weight > 0) & (item >= 0)
        return cls(
            item[keep],
            time[keep],
            weight[keep],
            np.asarray(codes, dtype=np.int32)[keep],
            tuple(tuple(one) for one in names),
        )

    @classmethod
    def empty(cls) -> Contexts:
        """No meeting whose circumstances are known."""
        return cls.build([], [])

    def __len__(self) -> int:
        return len(self.items)

    def dimension(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Codes and names of one dimension."""
        at = DIMENSIONS.index(name)
        return self.codes[:, at], self.names[at]


def _numbered(columns: Mapping[str, Sequence[str]], rows: int) -> tuple[NDArray[np.int32], tuple[tuple[str, ...], ...]]:
    unknown = set(columns) - set(DIMENSIONS)
    if unknown:
        raise ValueError(f"unknown context {sorted(unknown)}: use {', '.join(DIMENSIONS)}")
    codes = np.full((rows, len(DIMENSIONS)), -1, dtype=np.int32)
    names: list[tuple[str, ...]] = []
    for at, dimension in enumerate(DIMENSIONS):
        values = columns.get(dimension, ("",) * rows)
        if len(values) != rows:
            raise ValueError(f"context {dimension!r} has {len(values)} values for {rows} rows")
        known = sorted({value for value in values if value})
        place = {value: number for number, value in enumerate(known)}
        codes[:, at] = [place.get(value, -1) for value in values]
        names.append(tuple(known))
    return codes, tuple(names)
