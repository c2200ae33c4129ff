"""Forecasts in charts, tables and words that a merchant reads. No writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Abs
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.conf import ecomai
from django_ecomai.core.charts import canvas_chart, format_value
from django_ecomai.mirror.models import Category

from .days import SEASON, period_of, period_start
from .final import Effects, override_effects
from .models import Forecast, ForecastOverride, PastForecast
from .overriding import overrides_current
from .periods import period_heading, period_labels, span_words
from .selectors import forecast_days

#: History before the forecast that a chart shows.
SHOWN = {"D": 60, "W": 78, "M": 30}
#: Periods that a list adds up.
NEAR = {"D": 28, "W": 4, "M": 3}
PAST_ROWS = 12
#: An 80 % range that held less often than this in the test has failed it.
RANGE_LEAST = 0.65
#: A forecast this near to an end of its range, as a share of its width, runs along the edge.
EDGE = 0.1
_JUDGED = ("naive_value", "model_value", "final_value")


def effects_of(row: Forecast) -> Effects | None:
    """What overrides do from the first period of a forecast on."""
    return override_effects(
        channel=row.channel, starts_on=row.starts_on, frequency=row.frequency, periods=len(row.mean)
    )


def final_mean(row: Forecast, effects: Effects | None) -> list[float]:
    """The forecast with overrides, per period."""
    mean = np.array([0.0 if one is None else one for one in row.mean], dtype=np.float64)
    if effects is None:
        return [float(one) for one in mean]
    factors = effects.factors(level=row.level, key=row.key, measure=row.measure)[: len(mean)]
    final = mean * factors
    if row.level == "product":
        final = np.where(mean > 0, final, effects.added(key=row.key)[: len(mean)])
    return [round(float(one), 2) for one in final]


def final_ends(row: Forecast, final: Sequence[float]) -> tuple[list[float], list[float]]:
    """The 80 % interval moved as overrides move the forecast."""
    lows, highs = [], []
    for now, mean, low, high in zip(final, row.mean, row.lo_80, row.hi_80, strict=True):
        factor = now / mean if mean else 1.0
        lows.append(round(min((low or 0.0) * factor, now), 2))
        highs.append(round(max((high or 0.0) * factor, now), 2))
    return lows, highs


def forecast_chart(row: Forecast, effects: Effects | None) -> SafeString:
    """Past, forecast and its interval; the model's own line where overrides change it."""
    past = row.history[-SHOWN[row.frequency] :]
    ahead = len(row.mean)
    first = period_start(period_of(row.starts_on, row.frequency) - len(past), row.frequency)
    labels = period_labels(first, len(past) + ahead, row.frequency)
    gap: list[Any] = [None] * len(past)
    final = final_mean(row, effects)
    series: list[tuple[Any, Sequence[Any]]] = [
        (_("sold"), [*past, *[None] * ahead]),
        (_("forecast"), [*gap, *final]),
    ]
    low, high = final_ends(row, final)
    changed = any(abs(a - (b or 0)) > 0.005 for a, b in zip(final, row.mean, strict=True))
    if changed:
        series.append((_("forecast without overrides"), [*gap, *row.mean]))
    return canvas_chart(
        kind="line",
        labels=labels,
        series=series,
        band=(_("likely at least"), [*gap, *low], _("likely range"), [*gap, *high]),
        title=_("Sales in %(currency)s") % {"currency": ecomai.CURRENCY} if row.measure == "money" else _("Pieces"),
        label_heading=period_heading(row.frequency),
    )


def drivers_chart(row: Forecast) -> SafeString | str:
    """The parts that the regression sees in the past and ahead; empty where it sees none beside the trend."""
    if not row.components or row.components_start is None:
        return ""
    length = max(len(values) for values in row.components.values())
    labels = period_labels(row.components_start, length, row.frequency)
    keep = slice(-(SHOWN[row.frequency] + len(row.mean)), None)
    names = {
        "trend": _("trend"), "season": _("season"), "holiday": _("holidays"), "price": _("price"),
        "promotion": _("promotions"),
    }  # fmt: skip
    series = [(name, row.components[part][keep]) for part, name in names.items() if part in row.components]
    if not any(part in row.components for part in names if part != "trend"):
        return ""  # a trend alone says no more than the chart above
    return canvas_chart(
        kind="line", labels=labels[keep], series=series, title=_("What moves it"),
        label_heading=period_heading(row.frequency),
    )  # fmt: skip


def driver_sentences(row: Forecast) -> list[str]:
    """What the drivers add up to in the forecast span, the largest first."""
    if not row.components:
        return []
    ahead = len(row.mean)
    names = {"season": _("season"), "holiday": _("holidays"), "price": _("price"), "promotion": _("promotions")}
    found = []
    for part, name in names.items():
        values = row.components.get(part)
        if values:
            total = float(np.sum(values[-ahead:]))
            if abs(total) >= 0.5:
                found.append((abs(total), f"{name}: {'+' if total > 0 else '−'}{format_value(abs(total))}"))
    return [text for _size, text in sorted(found, reverse=True)]


def accuracy_facts(row: Forecast) -> list[tuple[str, str, str]]:
    """Name, value and meaning of the measures of the test."""
    facts = row.accuracy or {}
    found = []

    def add(name: str, label: str, help_text: str, *, percent: bool = True) -> None:
        value = facts.get(name)
        if isinstance(value, int | float):
            text = f"{format_value(round(100 * value))} %".replace("-", "−") if percent else format_value(value)
            found.append((label, text, help_text))

    add("wape", _("Missed by"), _("all misses together, as a share of what was sold"))
    add("naive_wape", _("The simple forecast missed by"), _("“as in the last season”, or the mean of the last periods"))
    add("bias", _("Too much or too little"), _("above 0: on the whole it forecast too much; below 0: too little"))
    add("coverage_80", _("Inside the likely range"), _("four times out of five (80 %) would be right"))
    if row.demand_class in ("intermittent", "lumpy"):
        label = {"D": _("Days per sale"), "W": _("Weeks per sale"), "M": _("Months per sale")}[row.frequency]
        add("adi", label, _("how many pass from one sale to the next, on average"), percent=False)
    return found


def accuracy_verdict(row: Forecast) -> str:
    """One sentence about the test."""
    ours, naive = (row.accuracy or {}).get("wape"), (row.accuracy or {}).get("naive_wape")
    if ours is None or naive is None:
        return _("Too little was sold in the test to judge this forecast.")
    if naive <= 0:
        return ""
    gain = (naive - ours) / naive
    words = {"gain": format_value(round(abs(gain) * 100))}
    if gain > 0.005:
        return _("In the test it missed %(gain)s %% less than the simple forecast.") % words
    if gain < -0.005:
        text = _("In the test it missed %(gain)s %% more than the simple forecast.") % words
        gate = (row.run.metrics or {}).get("gate") if row.run is not None else None
        if row.measure == "pieces" and isinstance(gate, dict) and gate.get("passed"):
            text += " " + _("Over all products it missed less, which is why it is used here as well.")
        return text
    return _("In the test it was as good as the simple forecast.")


def range_words(row: Forecast) -> str:
    """What the shade of the chart is, and how often it held in the test."""
    held = (row.accuracy or {}).get("coverage_80")
    if not isinstance(held, int | float):
        return _("The shade is the likely range: four times out of five what is sold should fall into it.")
    return _(
        "The shade is the likely range: four times out of five (80 %%) what is sold should fall into it; in the test "
        "it held %(share)s %% of the time."
    ) % {"share": format_value(round(100 * held))}


def range_failed(row: Forecast) -> bool:
    """Whether the likely range held clearly less often in the test than it should."""
    held = (row.accuracy or {}).get("coverage_80")
    return isinstance(held, int | float) and held < RANGE_LEAST


def range_note(row: Forecast, effects: Effects | None) -> str:
    """What to know before trusting the range: that it failed its test, and why the forecast runs along its edge.

    A range is made of the errors of the test on series of like size, above and below apart, and not added up from
    those of the levels below: where nearly all errors went one way, it lies to that side of the forecast.
    """
    told = []
    if range_failed(row):
        told.append(_("The likely range failed its test: expect sales outside it more often than it says."))
    final = final_mean(row, effects)
    low, high = final_ends(row, final)
    places = [(now - a) / (b - a) for now, a, b in zip(final, low, high, strict=True) if b > a]
    middle = float(np.median(places)) if places else 0.5
    if middle < EDGE:
        told.append(
            _(
                "The likely range lies above the forecast: in the test, forecasts of this size were nearly always too "
                "low. More may be sold than the line says."
            )
        )
    if middle > 1 - EDGE:
        told.append(
            _(
                "The likely range lies below the forecast: in the test, forecasts of this size were nearly always too "
                "high. Less may be sold than the line says."
            )
        )
    return " ".join(told)


def past_table(row: Forecast) -> dict[str, Any]:
    """Past forecasts beside what happened, the newest first, and the value that was added to the simple forecast."""
    rows = list(
        PastForecast.objects.filter(
            channel=row.channel, measure=row.measure, level=row.level, key=row.key, frequency=row.frequency, lag=1
        ).order_by("-period")[: 4 * PAST_ROWS]
    )
    judged = [one for one in rows if one.actual is not None]
    return {
        "rows": [
            {
                "label": period_labels(one.period, 1, row.frequency)[0],
                "actual": _("not yet") if one.actual is None else format_value(one.actual),
                "final": format_value(one.final_value),
                "model": format_value(one.model_value),
                "naive": format_value(one.naive_value),
                "inside": None
                if one.actual is None or one.lo_80 is None or one.hi_80 is None
                else one.lo_80 <= one.actual <= one.hi_80,
            }
            for one in rows[:PAST_ROWS]
        ],
        "sentence": value_added(judged),
    }


def value_added(judged: Sequence[PastForecast]) -> str:
    """Forecast value added (Gilliland, 2010): the error of the simple forecast against that of the model and of what
    people made of it, in percent of what was sold."""
    sold = sum(one.actual or 0.0 for one in judged)
    misses = [sum(abs((getattr(one, name) or 0.0) - (one.actual or 0.0)) for one in judged) for name in _JUDGED]
    return _value_added(len(judged), sold, misses)


def value_added_shop(*, channel: str) -> str:
    """The same over all products and their last periods, in one query; empty while nothing can be judged."""
    last = PastForecast.objects.filter(channel=channel).order_by("-period").values_list("period", "frequency").first()
    if last is None:
        return ""
    frequency = last[1]
    since = period_start(period_of(last[0], frequency) - 3 * NEAR[frequency], frequency)
    rows = PastForecast.objects.filter(
        channel=channel, measure="pieces", level="product", frequency=frequency, lag=1, period__gte=since,
        actual__isnull=False, naive_value__isnull=False,
    )  # fmt: skip
    found = rows.aggregate(
        sold=Sum("actual"),
        periods=Count("period", distinct=True),
        **{name: Sum(Abs(F(name) - F("actual"))) for name in _JUDGED},
    )
    return _value_added(found["periods"], found["sold"] or 0.0, [found[name] or 0.0 for name in _JUDGED])


def _value_added(count: int, sold: float, misses: Sequence[float]) -> str:
    if not count or sold <= 0:
        return ""
    naive, model, final = (format_value(round(100 * miss / sold)) for miss in misses)
    return _(
        "Over %(count)s ended periods the simple forecast missed by %(naive)s %%, the model by %(model)s %%, "
        "with overrides %(final)s %%."
    ) % {"count": count, "naive": naive, "model": model, "final": final}


def overrides_of(row: Forecast) -> QuerySet[ForecastOverride]:
    """Overrides that touch a forecast and have not ended before it, withdrawn ones included."""
    about = Q(level="shop")
    if row.level == "product" and row.product_id is not None:
        categories = _with_parents(row.channel, list(row.product.categories.values_list("pk", flat=True)))  # type: ignore[union-attr]
        about |= Q(product_id=row.product_id) | Q(category_id__in=categories)
    elif row.level == "category":
        about |= Q(category__external_id=row.key)
    found = ForecastOverride.objects.filter(about, channel=row.channel, ends_on__gte=row.starts_on)
    return found.select_related("product", "category", "author", "withdrawn_by").order_by("-pk")


def _with_parents(channel: str, categories: list[int]) -> list[int]:
    parents = dict(Category.objects.filter(channel=channel).values_list("pk", "parent_id")) if categories else {}
    found: list[int] = []
    for one in categories:
        place: int | None = one
        while place is not None and place not in found:
            found.append(place)
            place = parents.get(place)
    return found


def near_total(row: Forecast, mean: Sequence[float] | None = None) -> tuple[float, float | None]:
    """Sum of the next few periods (of ``mean``, where overrides were applied), and of as many before (None where they
    are not known)."""
    count = NEAR[row.frequency]
    ahead = float(sum(one or 0.0 for one in (row.mean if mean is None else mean)[:count]))
    past = [one for one in row.history[-count:] if one is not None]
    return ahead, float(sum(past)) if len(past) == count else None


def near_finals(rows: Sequence[Forecast]) -> None:
    """Put ``near_final``, the sum of the next few periods with overrides, on rows of one shop; few queries."""
    if not rows:
        return
    first = rows[0]
    end = period_start(period_of(first.starts_on, first.frequency) + NEAR[first.frequency], first.frequency)
    if not overrides_current(channel=first.channel, on=first.starts_on, until=end):
        return
    here = [row for row in rows if (row.channel, row.starts_on) == (first.channel, first.starts_on)]
    products = [row for row in here if row.level == "product" and row.product_id is not None]
    if products:
        found = forecast_days(
            channel=first.channel, product_ids=[row.product_id or 0 for row in products],
            days=(end - first.starts_on).days, start=first.starts_on,
        )  # fmt: skip
        for row, total in zip(products, found.mean.sum(axis=1).tolist(), strict=True):
            row.near_final = total  # type: ignore[attr-defined]
    others = [row for row in here if row.level != "product"]
    effects = effects_of(first) if others else None
    for row in others:
        row.near_final = near_total(row, final_mean(row, effects))[0]  # type: ignore[attr-defined]


def near_change(row: Forecast) -> tuple[float, str]:
    """Sum of the next few periods (with overrides, where ``near_finals`` found them) and the change against before."""
    model, before = near_total(row)
    now = float(getattr(row, "near_final", model))
    return now, change_words(now, before)


def class_words(demand_class: str) -> str:
    """What a kind of demand means, in a few words."""
    return {
        "smooth": _("often, steady amounts"),
        "erratic": _("often, amounts vary"),
        "intermittent": _("now and then, steady amounts"),
        "lumpy": _("now and then, amounts vary"),
        "cold": _("as similar products sell"),
        "obsolete": _("not for a long time"),
    }.get(demand_class, "")


def before_words(frequency: str) -> str:
    """``against the 4 weeks before``."""
    return _("against the %(span)s before") % {"span": span_words(NEAR[frequency], frequency)}


def near_words(frequency: str) -> str:
    """``next 4 weeks``."""
    return _("next %(span)s") % {"span": span_words(NEAR[frequency], frequency)}


def change_words(now: float, before: float | None) -> str:
    """``+12 %`` against the periods before."""
    if not before:
        return "–"
    change = round(100 * (now - before) / before)
    return f"{'+' if change > 0 else '−' if change < 0 else '±'}{format_value(abs(change))} %"


def override_words(override: ForecastOverride) -> str:
    """``+20 %`` or ``900 pieces``."""
    number = format_value(float(override.value))
    if override.kind == ForecastOverride.Kind.PERCENT:
        return f"{'+' if override.value > 0 else ''}{number} %"
    return _("%(number)s pieces") % {"number": number}


def override_state(override: ForecastOverride, on: date) -> str:
    """Whether it holds on a day."""
    if override.withdrawn_at is not None:
        return _("withdrawn")
    if override.expires_on is not None and override.expires_on <= on:
        return _("expired")
    if override.ends_on < on:
        return _("over")
    return _("begins later") if override.starts_on > on else _("holds")


def model_words(row: Forecast) -> str:
    """The blend in words: ``exponential smoothing 60 %, theta 40 %``."""
    names = {
        "learned": _("learned from all products"), "moving_average": _("moving average"),
        "seasonal_naive": _("as in the last season"), "ses": _("exponential smoothing"),
        "damped_trend": _("damped trend"), "holt_winters": _("season and trend (Holt-Winters)"),
        "theta": _("theta method"), "zero": _("none"),
        "croston": _("Croston"), "sba": _("Croston (SBA)"), "tsb": _("Croston (TSB)"), "adida": _("ADIDA"),
        "imapa": _("IMAPA"), "regression": _("regression"), "analogues": _("similar products"),
        "products": _("sum of the products"), "statsforecast_ets": "AutoETS",
        "statsforecast_theta": "AutoTheta", "statsforecast_ces": "AutoCES",
        "statsforecast_arima": "AutoARIMA",
    }  # fmt: skip
    return re.sub(r"[a-z][a-z_]+", lambda found: str(names.get(found[0], found[0])), row.model)


def season_note(row: Forecast) -> str:
    """A warning where the history is shorter than two seasons."""
    if len(row.history) >= 2 * SEASON[row.frequency]:
        return ""
    if row.frequency == "D":
        return _("There are fewer than two weeks of orders, so the forecast cannot know the days of the week yet.")
    return _(
        "There are fewer than two years of orders, so the forecast cannot know the seasons yet: it goes on as of late, "
        "also over Christmas or the summer. Where you know better, change it."
    )


def day_words(day: date) -> str:
    """A day in the active language."""
    return str(formats.date_format(day, "DATE_FORMAT"))


def last_day(row: Forecast) -> date:
    """The last day with data."""
    return row.made_on - timedelta(days=1)
