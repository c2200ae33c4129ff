"""Forecasting the series of one level: backtest, blend per class of demand, bias, intervals; then the forecast itself.

`recipe_fit` learns from a panel what can be shared between series, `recipe_apply` forecasts any panel of the same shop
with it, in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from . import intervals
from .blend import blend_weights
from .demand import CLASSES, COLD, ERRATIC, OBSOLETE, SMOOTH, classify, counts, without_spikes
from .learned import GlobalBoosting
from .metrics import interval_quantiles, naive_scales, pinball
from .options import ForecastOptions
from .panel import Panel
from .registry import BELOW, CONTINUOUS, LEARNED, SPARSE, baseline_name, model_build

Floats = NDArray[np.float64]
Tell = Callable[[float, str], None]
#: Series fitted at once.
CHUNK: Final = 20_000
#: Series whose past forecasts are judged; more change no weight.
JUDGED: Final = 20_000
#: Shares of a series' own quantiles that are tried.
SHARES: Final = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
#: Series that the learned model needs.
FEWEST: Final = 8
#: Share of the history that the rolling origins' windows take at most, and periods without which there are none.
TESTED: Final = 0.5
SHORTEST: Final = 8


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What a panel's series will sell: ``mean`` [S, H], ``quantiles`` [S, H, Q], ``code`` class [S], ``scale`` [S, H]
    expected error.
    """

    mean: Floats
    quantiles: Floats
    code: NDArray[np.int8]
    scale: Floats


@dataclass(frozen=True, eq=False)
class Origin:
    """Forecasts of one rolling origin: candidates name -> [S, H], what came, and what was known of the series."""

    cutoff: int
    actual: Floats
    history: Floats
    code: NDArray[np.int8]
    candidates: Mapping[str, Floats]
    spread: intervals.Spread


@dataclass(frozen=True, eq=False)
class Recipe:
    """Shared knowledge of a level: weights class -> model -> weight, bias factors, calibration, the learned model, and
    the origins it rests on. ``rows``: places in the panel of their series, None for all of them."""

    options: ForecastOptions
    weights: Mapping[int, Mapping[str, float]]
    bias: Mapping[int, float]
    calibration: intervals.Calibration | None
    baseline: str
    learned: Any = None
    origins: Sequence[Origin] = field(default_factory=tuple)
    rows: NDArray[np.int64] | None = None


def candidate_names(code: int, options: ForecastOptions, learned: bool) -> tuple[str, ...]:
    """Models that are blended for a class of demand."""
    if code == COLD:
        return ()
    usual: tuple[str, ...] = ("zero", "tsb") if code == OBSOLETE else SPARSE
    if code in (SMOOTH, ERRATIC):
        usual = CONTINUOUS
    if options.models is not None:
        usual = tuple(options.models)
    if code in (SMOOTH, ERRATIC):
        usual += tuple(name for name in options.extra if name not in usual)
    return (*usual, LEARNED) if learned else usual


def cutoffs(length: int, options: ForecastOptions) -> tuple[list[int], int]:
    """Ends of the rolling origins' histories, oldest first, and how many periods after each are forecast.

    The windows do not overlap, so that each but the first can be judged by what was chosen on earlier ones: at least
    two, rather fewer than shorter ones, and shorter than the horizon where half of the history holds no two of them.
    """
    if length < SHORTEST or not options.windows:
        return [], 0
    room = int(TESTED * length)
    count = max(2, min(options.windows, room // options.horizon))
    width = min(options.horizon, room // count)
    return [length - width * place for place in range(count, 0, -1)], width


def statistical(y: Floats, names: Sequence[str], horizon: int, season_length: int) -> dict[str, Floats]:
    """Forecasts [S, H] of each model."""
    return {name: model_build(name).fit(y, season_length=season_length).predict(horizon) for name in names}


def candidates_of(
    panel: Panel,
    code: NDArray[np.int8],
    options: ForecastOptions,
    horizon: int,
    learned: Any,
    always: Sequence[str] = (),
) -> dict[str, Floats]:
    """Every candidate's forecast [S, H]; NaN for series whose class does not use it."""
    y = without_spikes(panel.y)
    found: dict[str, Floats] = {}
    for kind in np.unique(code):
        rows = np.flatnonzero(code == kind)
        names = list(candidate_names(int(kind), options, False))
        names += [name for name in always if name not in names]
        for name, forecast in statistical(y[rows], names, horizon, options.season).items():
            found.setdefault(name, np.full((len(panel), horizon), np.nan))[rows] = forecast
    if learned is not None:
        found[LEARNED] = learned.predict(panel, horizon)
    return found


def origins_of(panel: Panel, options: ForecastOptions, learned: Any, tell: Tell) -> list[Origin]:
    """Candidates of every rolling origin, and what they are compared with."""
    always = ("zero", baseline_name(panel.y, options.season))
    ends, horizon = cutoffs(panel.length, options)
    found = []
    for number, end in enumerate(ends):
        tell(number / max(len(ends), 1), f"backtest {number + 1} of {len(ends)}")
        past = panel.until(end)
        demand = classify(past.y)
        candidates = candidates_of(past, demand.code, options, horizon, learned, always)
        spread = intervals.history_spread(past.y, 2 * options.season, options.season)
        found.append(Origin(end, panel.y[:, end : end + horizon], past.y, demand.code, candidates, spread))
    return found


def recipe_fit(
    panel: Panel, options: ForecastOptions, *, tell: Tell | None = None, below: Sequence[Floats] | None = None
) -> Recipe:
    """Learn weights, bias and intervals from rolling origins of (a sample of) ``panel``. ``below``: per origin the sums
    [S, H] of what was forecast for the parts of its series, one more candidate."""
    say = tell or (lambda fraction, message: None)
    sample, rows = panel, None
    if len(panel) > JUDGED:
        rows = np.sort(np.random.default_rng(options.seed).permutation(len(panel))[:JUDGED])
        sample = panel.take(rows)
    ends, _width = cutoffs(panel.length, options)
    before = after = None
    if options.learned and ends and len(panel) >= FEWEST:
        # one model for all origins, from before the first: a model per origin would cost thrice and see little more
        say(0.05, "learning from all series, before the backtest")
        before = learned_fit(sample.until(ends[0]), options)
        if before is not None:  # else nothing would tell what it is worth
            say(0.3, "learning from all series")
            after = learned_fit(sample, options)
    origins = origins_of(sample, options, before, _part(say, 0.6, 1.0))
    if below is not None and rows is None:
        origins = [
            replace(origin, candidates={**origin.candidates, BELOW: sums})
            for origin, sums in zip(origins, below, strict=True)
        ]
    baseline = baseline_name(panel.y, options.season)
    return replace(from_origins(origins, options, baseline, learned=after), rows=rows)


def learned_fit(panel: Panel, options: ForecastOptions) -> GlobalBoosting | None:
    """The global model; None when there is too little to learn from."""
    model = GlobalBoosting(seed=options.seed).fit(panel, horizon=options.horizon, season_length=options.season)
    return model if model.model_ is not None else None


def _part(say: Tell, begin: float, end: float) -> Tell:
    return lambda fraction, message: say(begin + (end - begin) * fraction, message)


def from_origins(origins: Sequence[Origin], options: ForecastOptions, baseline: str, learned: Any) -> Recipe:
    """Weights, bias and calibration of these origins."""
    weights = {code: class_weights(origins, code, options, learned is not None) for code in range(len(CLASSES))}
    bias = dict.fromkeys(range(len(CLASSES)), 1.0)
    recipe = Recipe(options, weights, bias, None, baseline, learned, tuple(origins))
    if not origins:
        return recipe
    blended = [blend(recipe, origin.candidates, origin.code) for origin in origins]
    bias = bias_factors(origins, blended)
    recipe = Recipe(options, weights, bias, None, baseline, learned, tuple(origins))
    blended = [blend(recipe, origin.candidates, origin.code) for origin in origins]
    calibration = calibrated(origins, blended, options)
    return Recipe(options, weights, bias, calibration, baseline, learned, tuple(origins))


def ended(recipe: Recipe, origin: Origin) -> list[Origin]:
    """The origins whose windows had ended at this one."""
    return [other for other in recipe.origins if other.cutoff + other.actual.shape[1] <= origin.cutoff]


def honest_means(recipe: Recipe) -> list[Floats]:
    """Blend [S, H] at every origin with the weights of the windows that had ended by then: equal ones at the first."""
    found = []
    for origin in recipe.origins:
        earlier, learned = ended(recipe, origin), recipe.learned is not None
        weights = {code: class_weights(earlier, code, recipe.options, learned) for code in range(len(CLASSES))}
        bias = dict.fromkeys(range(len(CLASSES)), 1.0)
        found.append(blend(replace(recipe, weights=weights, bias=bias), origin.candidates, origin.code))
    return found


def class_weights(origins: Sequence[Origin], code: int, options: ForecastOptions, learned: bool) -> dict[str, float]:
    names = list(candidate_names(code, options, learned))
    if not names:
        return {}
    if origins and BELOW in origins[0].candidates:
        names.append(BELOW)
    columns, importance = [], []
    for origin in origins:
        rows = origin.code == code
        if not rows.any():
            continue
        actual = origin.actual[rows]
        squared = naive_scales(origin.history[rows])[1]
        stack = np.stack([origin.candidates[name][rows] for name in names])
        usable = np.isfinite(actual) & np.isfinite(squared)[:, None]
        error = stack - actual
        # mean over series of the root: the derivative of the root is the importance of a series
        together = np.where(usable, error.mean(axis=0) ** 2, 0.0).sum(axis=1) / np.maximum(usable.sum(axis=1), 1)
        root = np.sqrt(together / np.where(np.isfinite(squared), squared, np.inf))
        weight = 1 / squared / np.maximum(root, 0.3)
        columns.append(error[:, usable])
        importance.append(np.broadcast_to(weight[:, None], actual.shape)[usable])
    if not columns:
        return {name: 1 / len(names) for name in names}
    found = blend_weights(np.concatenate(columns, axis=1), np.concatenate(importance))
    return {name: float(weight) for name, weight in zip(names, found, strict=True)}


def blend(recipe: Recipe, candidates: Mapping[str, Floats], code: NDArray[np.int8]) -> Floats:
    """Blended mean [S, H]; 0 for cold series."""
    first = next(iter(candidates.values()), None)
    mean = np.zeros((len(code), recipe.options.horizon) if first is None else first.shape)
    for kind in np.unique(code):
        rows = np.flatnonzero(code == kind)
        for name, weight in recipe.weights[int(kind)].items():
            if weight > 1e-4:
                mean[rows] += weight * np.nan_to_num(candidates[name][rows])
        mean[rows] *= recipe.bias[int(kind)]
    return mean


def bias_factors(origins: Sequence[Origin], blended: Sequence[Floats]) -> dict[int, float]:
    """Demand over forecast per class, drawn towards that of all classes and, as far as it differs between origins,
    towards 1: what holds at every origin is the blend's, what comes and goes is the market's. One origin tells nothing,
    nor does a factor no larger than it differs (positive-part shrinkage: James & Stein, Fourth Berkeley Symposium,
    1961).
    """
    sold, said = np.zeros((len(origins), len(CLASSES))), np.zeros((len(origins), len(CLASSES)))
    for number, (origin, mean) in enumerate(zip(origins, blended, strict=True)):
        known = np.isfinite(origin.actual)
        for code in range(len(CLASSES)):
            rows = (origin.code == code) & (code != COLD)
            sold[number, code] = origin.actual[rows][known[rows]].sum()
            said[number, code] = mean[rows][known[rows]].sum()
    whole_sold, whole_said = sold.sum(axis=1, keepdims=True), said.sum(axis=1, keepdims=True)
    if len(origins) < 2 or not (whole_said > 0).all() or not (whole_sold > 0).all():
        return dict.fromkeys(range(len(CLASSES)), 1.0)
    whole = whole_sold / whole_said
    pull = 0.1 * whole_said
    logs = np.log(np.maximum((sold + pull * whole) / (said + pull), 1e-3))
    mean_log = logs.mean(axis=0)
    doubt = logs.var(axis=0, ddof=1) + 0.03**2
    kept = np.maximum(1 - doubt / np.maximum(mean_log**2, 1e-12), 0.0)
    factors = np.exp(np.clip(kept * mean_log, -0.35, 0.35))
    return {code: float(factors[code]) for code in range(len(CLASSES))}


def calibrated(
    origins: Sequence[Origin], blended: Sequence[Floats], options: ForecastOptions
) -> intervals.Calibration | None:
    horizon = max(origin.actual.shape[1] for origin in origins)
    parts: list[list[Floats]] = [[], [], []]
    for origin, mean in zip(origins, blended, strict=True):
        scale = intervals.error_scale(mean, origin.spread)
        # what was not yet sold says nothing of the errors of what was
        actual = np.where((origin.code != COLD)[:, None], origin.actual, np.nan)
        for part, values in zip(parts, (actual, mean, scale), strict=True):
            part.append(np.pad(values, ((0, 0), (0, horizon - values.shape[1])), constant_values=np.nan))
    actual, mean, scale = (np.concatenate(part) for part in parts)
    calibration = intervals.calibrate(actual, mean, scale, interval_quantiles(options.levels))
    if calibration is None:
        return None
    own = tuple(own_share(calibration, origins, blended, code, options) for code in range(len(CLASSES)))
    return replace(calibration, own=own)


def own_share(
    calibration: intervals.Calibration,
    origins: Sequence[Origin],
    blended: Sequence[Floats],
    code: int,
    options: ForecastOptions,
) -> float:
    """Share of a series' own quantiles that gives its class the lowest scaled pinball loss."""
    probabilities = calibration.probabilities
    loss = np.zeros(len(SHARES))
    for origin, mean in zip(origins, blended, strict=True):
        rows = np.flatnonzero(origin.code == code)[:2000]
        if not len(rows) or code == COLD:
            continue
        history, said = origin.history[rows], mean[rows]
        scale = intervals.error_scale(said, origin.spread.take(rows))
        whole = counts(history)
        pooled = intervals.quantiles(calibration, said, scale, whole, probabilities)
        own = intervals.own_quantiles(history, said, 2 * options.season, probabilities)
        for place, share in enumerate(SHARES):
            mixed = intervals.mixed(pooled, own, np.full(len(rows), share), whole)
            by_q = {q: mixed[:, :, number] for number, q in enumerate(probabilities)}
            loss[place] += np.nan_to_num(pinball(origin.actual[rows], by_q, history)) * len(rows)
    return SHARES[int(np.argmin(loss))] if loss.any() else 0.0


def spread_of(
    recipe_calibration: intervals.Calibration | None,
    y: Floats,
    mean: Floats,
    scale: Floats,
    code: NDArray[np.int8],
    options: ForecastOptions,
) -> Floats:
    """Quantiles [S, H, Q] of these series around ``mean``."""
    probabilities = interval_quantiles(options.levels)
    whole = counts(y)
    pooled = intervals.quantiles(recipe_calibration, mean, scale, whole, probabilities)
    if recipe_calibration is None or not any(recipe_calibration.own):
        return pooled
    own = intervals.own_quantiles(y, mean, 2 * options.season, probabilities)
    return intervals.mixed(pooled, own, np.array(recipe_calibration.own)[code], whole)


def recipe_apply(recipe: Recipe, panel: Panel, *, tell: Tell | None = None, below: Floats | None = None) -> Forecasts:
    """Forecasts of every series of ``panel``; ``below`` [S, H]: what is forecast for the parts of its series."""
    options = recipe.options
    probabilities = interval_quantiles(options.levels)
    shape = (len(panel), options.horizon)
    mean, scale = np.zeros(shape), np.zeros(shape)
    spread, code = np.zeros((*shape, len(probabilities))), np.zeros(len(panel), dtype=np.int8)
    for begin in range(0, len(panel), CHUNK):
        if tell:
            tell(begin / len(panel), f"forecasting {len(panel):,} series")
        rows = slice(begin, min(begin + CHUNK, len(panel)))
        part = panel.take(rows)
        code[rows] = classify(part.y).code
        candidates = candidates_of(part, code[rows], options, options.horizon, recipe.learned)
        if below is not None:
            candidates[BELOW] = below[rows]
        mean[rows] = blend(recipe, candidates, code[rows])
        known = intervals.history_spread(part.y, 2 * options.season, options.season)
        scale[rows] = intervals.error_scale(mean[rows], known)
        spread[rows] = spread_of(recipe.calibration, part.y, mean[rows], scale[rows], code[rows], options)
    return Forecasts(mean, spread, code, scale)
