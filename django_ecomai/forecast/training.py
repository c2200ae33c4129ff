"""Make the forecasts: read, fit, test beside the simple forecast, store what is better. Runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import format_value
from django_ecomai.runs.services import GateVerdict, gate_decide

from .days import period_of, period_start
from .fitting import Fit, SeriesForecast, add_up_to, fit_frames
from .frames import (
    NO_CATEGORY,
    Demand,
    category_names,
    demand_build,
    product_frames,
)
from .ledger import Ledger, ledger_read, ledger_until
from .models import Forecast
from .money import ledger_of_one_currency
from .periods import period_label
from .sales_frames import NO_SEGMENT, OTHER, country_frames, money_frames, segment_frames
from .storing import forecast_rows, forecasts_replace, forecasts_update, past_fill, past_record, series_fingerprints
from .train_options import TrainOptions, options_read, recipe_of, with_recipe

if TYPE_CHECKING:
    from django_ecomai.runs.services import RunContext

METRIC = "rmsse"
#: Periods without which nothing can be tested.
LEAST_PERIODS = 8
#: From this share of changed series on, everything is made anew.
MANY = 0.3
#: Series that stand beside the changed ones, so that the blend is chosen from more than a few.
COMPANY = 1_000
#: What the run's page shows of a metric row.
SHOWN = ("rmsse", "wape", "bias", "mase", "wrmsse", "pinball", "coverage_80", "coverage_95")


def forecast_train(context: RunContext) -> None:
    """Forecast every product, category and the shop, in pieces and in money, and store it if it beats the baseline.

    Parameters: see ``TrainOptions``. Raises ``BadParameter``, ``BadCountry`` and ``MissingExtra`` (holidays).
    """
    options = options_read(context.parameters)
    clock = time.process_time()
    context.progress(0.01, _("reading the orders"))
    until = ledger_until(channel=context.channel)
    ledger = ledger_read(channel=context.channel, since=_since(until, options), until=until, trim=True)
    ledger, currency, foreign = ledger_of_one_currency(ledger, channel=context.channel)
    demand = demand_build(ledger, channel=context.channel, frequency=options.frequency, horizon=options.horizon)
    context.metrics(counts=_counts(ledger, demand), missing=_missing(ledger, demand, currency, foreign))
    context.metrics(data_until=until.isoformat(), seconds={"read": round(time.process_time() - clock, 2)})
    if demand.length < LEAST_PERIODS or not demand.facts:
        context.progress(1.0, _("Nothing to forecast yet: too few periods with orders."))
        return
    prints = series_fingerprints(demand)
    changed = None if options.full or options.dry_run else _changed(context, demand, prints, options)
    if changed is None:
        _everything(context, ledger, demand, prints, options)
    else:
        _some(context, demand, prints, changed, options)


def _since(until: date, options: TrainOptions) -> date:
    """The first day of the period in which the history begins."""
    wanted = until - timedelta(days=options.history_days)
    return period_start(period_of(wanted, options.frequency) + 1, options.frequency)


def _everything(
    context: RunContext, ledger: Ledger, demand: Demand, prints: Mapping[str, str], options: TrainOptions
) -> None:
    clock = time.process_time()
    in_use = with_recipe(options, _live_recipe(context.channel))
    pieces, verdict = _gated(
        context, product_frames(demand), options, bottom="product", part=(0.1, 0.7),
        in_use=None if in_use == options else in_use,
    )  # fmt: skip
    options = pieces.options or options
    seconds = {"pieces": round(time.process_time() - clock, 2)}
    clock = time.process_time()
    sales = money_frames(demand, ledger, channel=context.channel)
    money, _verdict = _gated(context, sales, options, bottom="category", part=(0.7, 0.8), quiet=True)
    whole = next((one for one in money.series if one.level == "shop"), None)
    beside: list[SeriesForecast] = []
    countries = country_frames(demand, ledger, channel=context.channel)
    for part in (*([countries] if countries else []), *segment_frames(demand, ledger, channel=context.channel)):
        fit, _verdict = _gated(context, part.frames, options, bottom=part.level, part=(0.8, 0.85), quiet=True)
        found = [one for one in fit.series if one.level == part.level]
        beside += add_up_to(found, whole) if part.whole and whole is not None else found
    context.metrics(evaluation=[*_evaluation(pieces, "pieces"), *_evaluation(money, "money")])
    context.gate(verdict)
    tested = bool(_all(pieces, "product", "ours"))
    serve = tested and (verdict.passed or bool(context.parameters.get("no_gate")) or pieces.options is not None)
    context.metrics(models_serve=serve, recipe=recipe_of(options))
    seconds["money"] = round(time.process_time() - clock, 2)
    if options.dry_run:
        context.metrics(seconds={**context.run.metrics.get("seconds", {}), **seconds})
        context.metrics(preview=_preview(pieces, money))
        context.progress(1.0, _("Tried out only: nothing was stored."))
        return
    clock = time.process_time()
    _store(context, demand, prints, options, pieces=pieces.series, money=[*money.series, *beside])
    seconds["store"] = round(time.process_time() - clock, 2)
    context.metrics(seconds={**context.run.metrics.get("seconds", {}), **seconds}, full=True)
    number = format_value(len([one for one in pieces.series if one.level == "product"]))
    context.progress(1.0, _("%(number)s products were forecast.") % {"number": number})


def _gated(
    context: RunContext,
    frames: dict[str, Any],
    options: TrainOptions,
    *,
    bottom: str,
    part: tuple[float, float],
    quiet: bool = False,
    in_use: TrainOptions | None = None,
) -> tuple[Fit, GateVerdict]:
    """The fit that may be stored: ours where it beats the simple forecast and the recipe that is ``in_use``, fitted
    before the same cuts (None: it is the same one), else the better of those two.
    """
    tell = context.part(*part)
    words = {
        "product": _("forecasting the products"),
        "category": _("forecasting sales in money"),
        "country": _("forecasting sales per country"),
        "segment": _("forecasting sales per customer segment"),
    }[bottom]

    def heard(fraction: float, message: str) -> None:
        tell(fraction, words)

    fit = fit_frames(frames, options=options, bottom=bottom, tell=heard)
    ours, naive = _all(fit, bottom, "ours"), _all(fit, bottom, "baseline")
    if not ours:
        # Too short to be tested: the simple forecast is all that can be answered for.
        fit = fit_frames(frames, options=options, bottom=bottom, tell=heard, baseline_only=True)
        reason = _("The history is too short for a test. The simple forecast is used until there is more.")
        return fit, GateVerdict(True, reason, metric=METRIC)
    rival = None if in_use is None else fit_frames(frames, options=in_use, bottom=bottom, tell=heard)
    live = None if rival is None else _all(rival, bottom, "ours")
    verdict = gate_decide(challenger=ours, live=live, baseline=naive, metric=METRIC, higher_is_better=False)
    if bottom != "product" and _loses(fit, "shop"):  # sales are read as a sum first
        verdict = replace(verdict, passed=False)
    if verdict.passed or context.parameters.get("no_gate"):
        return fit, verdict
    if rival is not None and _beats(rival):
        context.log(_("The recipe in use is better in this shop than the new one: it stays, with today's data."))
        return replace(rival, options=in_use), verdict
    simple = fit_frames(frames, options=options, bottom=bottom, tell=heard, baseline_only=True)
    if not quiet:
        context.log(_("No model beats the simple forecast in this shop: that is what is used."))
    return Fit(simple.series, fit.metrics, False), verdict


def _beats(fit: Fit) -> bool:
    """Whether a fit beats the simple forecast."""
    return fit.beats_baseline


def _loses(fit: Fit, level: str) -> bool:
    """Whether a fit misses by more than the simple forecast on a level."""
    ours, naive = _all(fit, level, "ours"), _all(fit, level, "baseline")
    return METRIC in ours and METRIC in naive and ours[METRIC] > naive[METRIC]


def _all(fit: Fit, level: str, which: str) -> dict[str, Any]:
    for row in fit.metrics:
        if row["level"] == level and row["demand_class"] == "all" and row[which]:
            return dict(row["metrics"])
    return {}


def _store(
    context: RunContext,
    demand: Demand,
    prints: Mapping[str, str],
    options: TrainOptions,
    *,
    pieces: list[SeriesForecast],
    money: list[SeriesForecast],
) -> None:
    context.progress(0.88, _("storing the forecasts"))
    starts_on = period_start(int(demand.periods[demand.length]), demand.frequency)
    made_on = ledger_until(channel=context.channel)
    common: dict[str, Any] = {
        "channel": context.channel,
        "frequency": demand.frequency,
        "starts_on": starts_on,
        "made_on": made_on,
        "titles": _titles(context.channel, demand),
        "products": {one.key: one.pk for one in demand.facts},
        "run_id": context.run.pk,
    }
    for measure, series in (("pieces", pieces), ("money", money)):
        filled = past_fill(
            series, channel=context.channel, measure=measure, frequency=demand.frequency, starts_on=starts_on
        )
        rows = forecast_rows(
            series, measure=measure, fingerprints=prints if measure == "pieces" else None,
            weekdays=demand.weekdays, **common,
        )  # fmt: skip
        levels = ["product", "category", "shop"] if measure == "pieces" else ["category", "shop", "country", "segment"]
        forecasts_replace(rows, channel=context.channel, measure=measure, levels=levels)
        naive = {(one.level, "" if one.level == "shop" else one.key): one.naive for one in series}
        past_record(rows, naive={name: values for name, values in naive.items() if values is not None})
        if filled:
            context.log(_("%(number)s past forecasts can be judged now.") % {"number": format_value(filled)})


def _titles(channel: str, demand: Demand) -> dict[tuple[str, str], str]:
    titles = {("product", one.key): one.title for one in demand.facts}
    titles |= {("category", key): name for key, name in category_names(channel=channel).items()}
    titles[("category", NO_CATEGORY)] = _("without a category")
    titles[("country", OTHER)] = _("other countries")
    titles[("segment", NO_SEGMENT)] = _("in no segment")
    titles[("shop", "")] = _("Whole shop")
    return titles


# -- only what has changed --------------------------------------------------------------------------------------------


def _changed(context: RunContext, demand: Demand, prints: Mapping[str, str], options: TrainOptions) -> list[int] | None:
    """Rows of the products that must be forecast anew; None: everything must."""
    stored = Forecast.objects.filter(channel=context.channel, measure="pieces", level="product")
    first = stored.order_by("pk").values_list("starts_on", "frequency", "mean", "run__created_at").first()
    starts_on = period_start(int(demand.periods[demand.length]), demand.frequency)
    if first is None or (first[0], first[1], len(first[2])) != (starts_on, demand.frequency, options.horizon):
        return None
    whole = Forecast.objects.filter(channel=context.channel, measure="pieces", level="shop").first()
    if whole is None or timezone.now() - whole.created_at > timedelta(days=_full_days()):
        return None
    known = dict(stored.values_list("key", "fingerprint").iterator(chunk_size=5000))
    rows = [row for row, one in enumerate(demand.facts) if known.get(one.key) != prints[one.key]]
    return None if len(rows) > MANY * len(demand.facts) else rows


def _full_days() -> float:
    return float(ecomai.FORECAST_FULL_DAYS)


def _some(
    context: RunContext, demand: Demand, prints: Mapping[str, str], changed: list[int], options: TrainOptions
) -> None:
    """Forecast a few products beside others, so that the blend is chosen from enough; store the few."""
    stored = Forecast.objects.filter(channel=context.channel, measure="pieces", level="product")
    _delete_gone(stored, set(prints))
    until = ledger_until(channel=context.channel)
    options = with_recipe(options, _live_recipe(context.channel))
    context.metrics(counts={**context.run.metrics.get("counts", {}), "changed": len(changed)}, full=False)
    if not changed:
        stored.update(made_on=until)  # a fit to today's data would be the same
        context.progress(1.0, _("Nothing has changed: the forecasts stand."))
        return
    others = np.setdiff1d(np.arange(len(demand.facts)), changed)
    company = np.random.default_rng(options.seed).permutation(others)[:COMPANY]
    rows = np.sort(np.concatenate([np.array(changed, dtype=np.int64), company]))
    frames = {**product_frames(demand, rows), "groups": None}
    tell, words = context.part(0.1, 0.85), _("forecasting the products")
    fit = fit_frames(
        frames, options=options, bottom="product", tell=lambda done, text: tell(done, words),
        baseline_only=not _model_is_live(context.channel),
    )  # fmt: skip
    context.metrics(evaluation=_evaluation(fit, "pieces"))
    wanted = {demand.facts[row].key for row in changed}
    series = [one for one in fit.series if one.level == "product" and one.key in wanted]
    starts_on = period_start(int(demand.periods[demand.length]), demand.frequency)
    rows_new = forecast_rows(
        series, channel=context.channel, measure="pieces", frequency=demand.frequency, starts_on=starts_on,
        made_on=until, titles=_titles(context.channel, demand),
        products={one.key: one.pk for one in demand.facts}, fingerprints=prints, run_id=context.run.pk,
    )  # fmt: skip
    with transaction.atomic():
        forecasts_update(rows_new)
        stored.update(made_on=until)  # nothing that the others rest on has changed since they were made
    number = format_value(len(rows_new))
    context.progress(1.0, _("%(number)s changed products were forecast.") % {"number": number})


def _live_recipe(channel: str) -> Mapping[str, Any] | None:
    """The recipe of the forecasts that are shown; None where no model of ours serves."""
    whole = Forecast.objects.filter(channel=channel, measure="pieces", level="shop").select_related("run").first()
    metrics: Mapping[str, Any] = (whole.run.metrics or {}) if whole is not None and whole.run is not None else {}
    recipe = metrics.get("recipe")
    return recipe if metrics.get("models_serve") and isinstance(recipe, dict) else None


def _model_is_live(channel: str) -> bool:
    """Whether the last full run let the models serve: a sample decides nothing anew."""
    whole = Forecast.objects.filter(channel=channel, measure="pieces", level="shop").select_related("run").first()
    metrics: Mapping[str, Any] = (whole.run.metrics or {}) if whole is not None and whole.run is not None else {}
    if "models_serve" in metrics:
        return bool(metrics["models_serve"])
    gate = metrics.get("gate")
    return bool(gate.get("passed", True)) if isinstance(gate, dict) else True


def _delete_gone(rows: Any, known: set[str]) -> None:
    gone = [pk for pk, key in rows.values_list("pk", "key").iterator(chunk_size=5000) if key not in known]
    for begin in range(0, len(gone), 900):
        rows.filter(pk__in=gone[begin : begin + 900]).delete()


# -- what the run's page shows ----------------------------------------------------------------------------------------


def _evaluation(fit: Fit, measure: str) -> list[dict[str, Any]]:
    """Rows of the backtest per level and class, ours beside the simple forecasts and every model."""
    rows = []
    for row in fit.metrics:
        if row["demand_class"] != "all" and row["level"] != "product":
            continue
        split = f"{measure}: {row['level']}" + ("" if row["demand_class"] == "all" else f", {row['demand_class']}")
        metrics = {name: row["metrics"][name] for name in SHOWN if name in row["metrics"]}
        model = "blend" if row["ours"] else f"{row['model']} (baseline)" if row["baseline"] else row["model"]
        rows.append({"split": split, "model": model, "ours": row["ours"], "metrics": metrics})
    return rows


def _counts(ledger: Ledger, demand: Demand) -> dict[str, int]:
    return {
        "order lines": len(ledger),
        "products": len(demand.facts),
        "periods": demand.length,
        "cancelled within minutes": ledger.void_lines,
        "orders in the future": ledger.future_lines,
        "periods sold out": demand.censored,
        "periods without any order, unknown": int(demand.hole.sum()),
        "order lines with price 0": ledger.free_lines,
    }


def _missing(ledger: Ledger, demand: Demand, currency: str, foreign: int) -> list[str]:
    """What would make the forecasts better, or was odd, in sentences for the merchant."""
    found = []
    if not len(ledger):
        found.append(_("There are no orders: nothing can be forecast."))
    elif demand.length < 2 * {"D": 7, "W": 52, "M": 12}[demand.frequency]:
        found.append(_("There are fewer than two years of orders: the seasons of the year cannot be learned yet."))
    if ledger.void_lines:
        words = _("%(lines)s order lines (%(pieces)s pieces) were cancelled within two hours and are left out.")
        found.append(words % {"lines": ledger.void_lines, "pieces": format_value(ledger.void_pieces)})
    if foreign:
        words = _("%(lines)s order lines are not in %(currency)s: they count in pieces, not in money.")
        found.append(words % {"lines": foreign, "currency": currency})
    if currency and currency != ecomai.CURRENCY:
        words = _('Most orders are in %(currency)s, but ECOMAI["CURRENCY"] is %(set)s: amounts carry the wrong name.')
        found.append(words % {"currency": currency, "set": ecomai.CURRENCY})
    if demand.hole.any():
        words = _(
            "Nobody ordered anything in %(span)s: that is taken for a hole in the data, not for days without demand."
        )
        found.append(words % {"span": _spans(demand)})
    if ledger.free_lines:
        words = _("%(number)s order lines have a price of 0 (gifts, samples) and are left out.")
        found.append(words % {"number": ledger.free_lines})
    if ledger.future_lines:
        words = _("%(number)s order lines are dated in the future and are left out.")
        found.append(words % {"number": ledger.future_lines})
    if len(ledger) and ledger.until < timezone.localdate() - timedelta(days=14):
        words = _("The last order is of %(day)s: forecasts begin where the data ends.")
        found.append(words % {"day": (ledger.until - timedelta(days=1)).isoformat()})
    return found


def _spans(demand: Demand) -> str:
    """The holes in words: ``week 2/2024 – week 52/2024``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], demand.hole.astype(np.int8), [0]])))
    spans = []
    for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        first, last = (
            period_label(period_start(int(demand.periods[place]), demand.frequency), demand.frequency)
            for place in (begin, end - 1)
        )
        spans.append(f"{first} – {last}")
    return ", ".join(spans)


def _preview(pieces: Fit, money: Fit) -> dict[str, Any]:
    """The whole shop's forecast, for a dry run."""
    found = {}
    for name, fit in (("pieces", pieces), ("money", money)):
        for one in fit.series:
            if one.level == "shop":
                found[name] = {"mean": np.round(one.mean, 2).tolist(), "lo-80": np.round(one.ends["lo-80"], 2).tolist(),
                               "hi-80": np.round(one.ends["hi-80"], 2).tolist()}  # fmt: skip
    return found
