"""Limits that a price never leaves, whatever asked for it, and the trail of what they did to it.

All limits of a product together leave an interval. Where it is empty, or holds no price that can be written on a label,
there is no proposal: the price of today stays and the trail names the limits that contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FLOORS = ("cost", "min_margin", "map", "corridor_low", "max_fall_day", "max_fall_week")
CEILINGS = ("corridor_high", "max_rise_day", "max_rise_week")
#: Why there is no proposal; the empty string: there is one.
HELD = ("price_missing", "cost_missing", "limits_contradict", "family_contradicts", "no_target", "no_price_point")
#: Prices are compared to this part of a rounding step.
_TINY = 1e-6
_DEFAULTS: dict[str, float] = {
    "cost": np.nan,
    "min_margin": 0.0,
    "map_price": np.nan,
    "list_price": np.nan,
    "corridor_low": 0.5,
    "corridor_high": 1.5,
    "max_change_day": np.nan,
    "max_change_week": np.nan,
    "price_week_ago": np.nan,
    "step": 0.01,
}


@dataclass(frozen=True, eq=False)
class Limits:
    """n products, float64 [n] each. ``build`` fills in what is not said; NaN: no such limit.

    ``price`` is today's; never below ``cost``, nor where ``(price - cost) / price < min_margin``, nor below the minimum
    advertised price ``map_price``, nor outside ``corridor_low`` .. ``corridor_high`` times ``list_price``; never
    further than the share ``max_change_day`` from ``price`` and ``max_change_week`` from ``price_week_ago`` (NaN: as
    today); a multiple of ``step`` (0.05 in Swiss francs, 1 in yen). Products of one ``family`` (-1: none) have one
    price.
    """

    price: Floats
    cost: Floats
    min_margin: Floats
    map_price: Floats
    list_price: Floats
    corridor_low: Floats
    corridor_high: Floats
    max_change_day: Floats
    max_change_week: Floats
    price_week_ago: Floats
    step: Floats
    family: NDArray[np.int64]

    @classmethod
    def build(cls, *, price: ArrayLike, family: ArrayLike = -1, **values: ArrayLike) -> Limits:
        """From lists or single numbers; raises ``ValueError`` for unknown names, lengths that differ, a margin of 1 or
        more, a step of 0 or less and negative limits."""
        unknown = set(values) - set(_DEFAULTS)
        if unknown:
            raise ValueError(f"there is no limit {', '.join(sorted(unknown))}")
        n = len(np.atleast_1d(np.asarray(price)))
        arrays: dict[str, Any] = {}
        for name, value in {**_DEFAULTS, **values, "price": price}.items():
            found = np.asarray(value, dtype=np.float64)
            if found.ndim > 1 or (found.ndim and len(found) != n):
                raise ValueError(f"{name} must be one number or [{n}]")
            arrays[name] = np.array(np.broadcast_to(found, n))
        if not (arrays["step"] > 0).all():
            raise ValueError("step must be above 0")
        if (arrays["min_margin"] >= 1).any():
            raise ValueError("min_margin is a share of the price and must be below 1")
        for name in ("corridor_low", "corridor_high", "max_change_day", "max_change_week"):
            if (arrays[name] < 0).any():
                raise ValueError(f"{name} must not be negative")
        who = np.array(np.broadcast_to(np.asarray(family, dtype=np.int64), n))
        return cls(**arrays, family=who)

    def __len__(self) -> int:
        return len(self.price)

    def only(self, rows: NDArray[np.int64]) -> Limits:
        """Those of some products."""
        return Limits(**{one.name: getattr(self, one.name)[rows] for one in fields(self)})

    def floors(self) -> Floats:
        """[n, 6] in the order of ``FLOORS``, -inf where there is none."""
        known = np.isfinite(self.cost)
        margin = np.where(known, self.cost / (1 - np.nan_to_num(self.min_margin)), np.nan)
        week = np.where(np.isfinite(self.price_week_ago), self.price_week_ago, self.price)
        found = [
            self.cost,
            margin,
            self.map_price,
            self.list_price * self.corridor_low,
            self.price * (1 - self.max_change_day),
            week * (1 - self.max_change_week),
        ]
        every = np.column_stack(found)
        return np.where(np.isnan(every), -np.inf, every)

    def ceilings(self) -> Floats:
        """[n, 3] in the order of ``CEILINGS``, inf where there is none."""
        week = np.where(np.isfinite(self.price_week_ago), self.price_week_ago, self.price)
        found = [
            self.list_price * self.corridor_high,
            self.price * (1 + self.max_change_day),
            week * (1 + self.max_change_week),
        ]
        every = np.column_stack(found)
        return np.where(np.isnan(every), np.inf, every)

    def interval(self) -> tuple[Floats, Floats]:
        """Lowest and highest allowed price [n]; a family's is what all its members allow. Empty where low > high."""
        low, high = self.floors().max(axis=1), self.ceilings().min(axis=1)
        rows, member = self._families()
        if len(rows):
            lowest, highest = np.full(member.max() + 1, -np.inf), np.full(member.max() + 1, np.inf)
            np.maximum.at(lowest, member, low[rows])
            np.minimum.at(highest, member, high[rows])
            low[rows], high[rows] = lowest[member], highest[member]
        return low, high

    def _families(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of products in a family, and the dense index of each one's family."""
        rows = np.flatnonzero(self.family >= 0)
        _, member = np.unique(self.family[rows], return_inverse=True)
        return rows, member


@dataclass(frozen=True, eq=False)
class Guarded:
    """``price`` [n], ``held`` [n] why it is today's (see ``HELD``; empty: it is the proposal), the ``binding`` limit
    [n] ("": none) and the prices [n] after each stage, for `trail`."""

    price: Floats
    held: NDArray[np.str_]
    binding: NDArray[np.str_]
    stages: dict[str, Floats]

    def trail(self, row: int) -> list[tuple[str, float, float]]:
        """``(stage, before, after)`` of each stage that moved the price of one product, in order."""
        found = []
        before = float(self.stages["target"][row])
        for name, prices in self.stages.items():
            after = float(prices[row])
            if name != "target" and not (after == before or (np.isnan(after) and np.isnan(before))):
                label = str(self.binding[row]) if name == "limit" and self.binding[row] else name
                found.append((label, before, after))
            before = after
        if self.held[row]:
            found.append((str(self.held[row]), before, float(self.price[row])))
        return found


def guard(
    target: ArrayLike, limits: Limits, *, endings: tuple[int, ...] = (), ending_base: int = 100, need_cost: bool = True
) -> Guarded:
    """The allowed price nearest to ``target`` [n].

    ``endings`` are last digits in steps within ``ending_base`` steps: ``(99, 95)`` with 100 steps of 0.01 are prices
    that end in .99 or .95. They are wishes: where none lies inside the limits, or within half a base, the nearest step
    does. A family gets one price: its members' target, or where they have several the mean of them, guarded by what all
    allow. Without ``need_cost`` a product without a known
    cost may be proposed for. Raises ``ValueError`` for endings outside the base.
    """
    if any(not 0 <= one < ending_base for one in endings):
        raise ValueError(f"endings must be between 0 and {ending_base - 1}")
    wanted = np.array(np.broadcast_to(np.asarray(target, dtype=np.float64), len(limits)))
    rows, member = limits._families()
    stages = {"target": wanted.copy()}
    own_low, own_high = limits.floors().max(axis=1), limits.ceilings().min(axis=1)
    low, high = limits.interval()
    bad_price = ~(np.isfinite(limits.price) & (limits.price > 0))
    checks = [
        bad_price,
        need_cost & ~np.isfinite(limits.cost),
        own_low > own_high + _TINY * limits.step,
        low > high + _TINY * limits.step,
        ~(np.isfinite(wanted) & (wanted > 0)),
    ]
    held = np.select(checks, HELD[:5], default="").astype("U32")
    step = limits.step
    if len(rows):
        # one price for all: rounded by the coarsest step of the family
        size = member.max() + 1
        mean = np.bincount(member, np.nan_to_num(wanted[rows]), size) / np.bincount(member, minlength=size)
        wanted[rows] = mean[member]
        coarse = np.zeros(size)
        np.maximum.at(coarse, member, step[rows])
        uneven = np.zeros(size, dtype=bool)
        np.logical_or.at(uneven, member, step[rows] != coarse[member])
        stuck = np.zeros(size, dtype=bool)
        np.logical_or.at(stuck, member, held[rows] != "")
        stuck |= uneven
        held[rows] = np.where((held[rows] == "") & stuck[member], "family_contradicts", held[rows])
    stages["family"] = wanted.copy()
    fine = held == ""
    clamped = np.where(fine, np.minimum(np.maximum(wanted, low), high), wanted)
    # a target that stands on a limit is bound by it: an optimiser that was told the limits does not ask for more
    near = _TINY * step
    below, above = fine & (wanted <= low + near), fine & (wanted >= high - near)
    binding = np.full(len(limits), "", dtype="U16")
    binding[below] = np.array(FLOORS)[limits.floors().argmax(axis=1)][below]
    binding[above] = np.array(CEILINGS)[limits.ceilings().argmin(axis=1)][above]
    stages["limit"] = clamped.copy()
    # whole steps from here on: what is inside is decided in integers
    with np.errstate(invalid="ignore"):
        least = np.ceil(np.where(fine, np.maximum(low, step), 1.0) / step - _TINY)
        most = np.floor(np.where(fine & np.isfinite(high), high, 1e12) / step + _TINY)
        at = np.where(fine, clamped, 1.0) / step
    plain = np.clip(np.round(at), least, np.maximum(most, least))
    chosen = plain.copy()
    if endings:
        best = np.full(len(limits), np.inf)
        for one in endings:
            around = np.floor((at - one) / ending_base) * ending_base + one
            for candidate in (around, around + ending_base):
                inside = (candidate >= least) & (candidate <= most) & (np.abs(candidate - at) < best)
                inside &= np.abs(candidate - at) <= ending_base / 2
                best = np.where(inside, np.abs(candidate - at), best)
                chosen = np.where(inside, candidate, chosen)
    none = fine & (most < least)
    if len(rows):
        stuck = np.zeros(member.max() + 1, dtype=bool)
        np.logical_or.at(stuck, member, none[rows])
        none[rows] |= stuck[member] & fine[rows]
    held[none] = "no_price_point"
    fine = held == ""
    decimals = 10
    rounded = np.round(np.where(fine, chosen, 0.0) * step, decimals)
    stages["ending" if endings else "rounding"] = np.where(fine, rounded, stages["limit"])
    return Guarded(np.where(fine, rounded, limits.price), held, binding, stages)


def violations(price: ArrayLike, limits: Limits) -> NDArray[np.bool_]:
    """[n] whether a price breaks a limit: what `guard` never does, to check prices that come from elsewhere."""
    asked = np.broadcast_to(np.asarray(price, dtype=np.float64), len(limits))
    slack = 2 * _TINY * limits.step
    with np.errstate(invalid="ignore"):
        off = (asked < limits.floors().max(axis=1) - slack) | (asked > limits.ceilings().min(axis=1) + slack)
        off |= ~(asked > 0)
        off |= np.abs(asked / limits.step - np.round(asked / limits.step)) > 1e-4
    rows, member = limits._families()
    if len(rows):
        size = member.max() + 1
        lowest, highest = np.full(size, np.inf), np.full(size, -np.inf)
        np.fmin.at(lowest, member, asked[rows])
        np.fmax.at(highest, member, asked[rows])
        off[rows] |= (highest - lowest > slack.max(initial=0.0))[member]
    return np.asarray(off)
