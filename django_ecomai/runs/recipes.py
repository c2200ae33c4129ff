"""Recipes of recommendation models in words that a merchant reads. Plain data in, nothing of ``ml`` is imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

#: What a source looks at, with the name by which specialists know it.
SOURCES: dict[str, Any] = {
    "cosine": gettext_lazy("same customers (cosine)"),
    "ease": gettext_lazy("same customers, linear weights (EASE)"),
    "local_ease": gettext_lazy("same customers, linear weights of close company (local EASE)"),
    "gfcf": gettext_lazy("same customers, over several corners (low-pass filter)"),
    "svd": gettext_lazy("tastes (truncated SVD)"),
    "ials": gettext_lazy("tastes (iALS)"),
    "content": gettext_lazy("titles, categories and attributes (content)"),
    "sequential": gettext_lazy("what came soon after (sequential rules)"),
    "session_knn": gettext_lazy("visits alike (session neighbours)"),
    "copurchase": gettext_lazy("shared orders (lift)"),
}
#: Parameters of sources.
PARAMETERS: dict[str, Any] = {
    "regularisation": gettext_lazy("regularisation"),
    "item_power": gettext_lazy("damping of popular products"),
    "user_power": gettext_lazy("damping of busy customers"),
    "damping": gettext_lazy("damping of popular products"),
    "backward": gettext_lazy("share of the reverse order"),
    "window": gettext_lazy("steps apart at most"),
    "rank": gettext_lazy("dimensions"),
    "gram": gettext_lazy("weight of direct company"),
    "low_pass": gettext_lazy("weight of the filter"),
    "companions": gettext_lazy("companions per product"),
    "neighbours": gettext_lazy("neighbours"),
    "sample": gettext_lazy("visits compared"),
    "idf": gettext_lazy("weight of rare products"),
}
_REPEAT, _ALL = "repeat_items", "all"


def recipe_words(recipe: Any, part: str = "") -> tuple[str, str]:
    """Name and details of a recipe as it is stored (`Recipe.to_dict`), of the ``part`` that was judged.

    Two empty strings for what is no recipe.
    """
    if not isinstance(recipe, Mapping) or not isinstance(recipe.get("sources"), list | tuple):
        return "", ""
    try:
        if part == _REPEAT:
            return _("the customer's own habit"), _joined(_habit(recipe))
        name, details = _discovery(recipe)
        if part == _ALL:
            share = _number(recipe.get("repeat_share", 1.0))
            name = _("%(discovery)s, and the customer's own habit × %(share)s") % {"discovery": name, "share": share}
            details += _habit(recipe)
        return name, _joined(details)
    except (AttributeError, KeyError, TypeError, ValueError):  # of another version, or written by hand
        return "", ""


def _discovery(recipe: Mapping[str, Any]) -> tuple[str, list[str]]:
    sources = recipe["sources"]
    if not sources:
        days = recipe.get("trending_days")
        return (_("popular (all time)") if days is None else _days(_("popular (%s)"), days)), []
    total = sum(float(source["weight"]) for source in sources)
    names, details = [], []
    for source in sorted(sources, key=lambda one: -float(one["weight"])):
        label = str(SOURCES.get(source["kind"], source["kind"]))
        percent = _("%(share)d %% %(source)s")
        share = {"share": round(100 * float(source["weight"]) / total), "source": label}
        names.append(percent % share if len(sources) > 1 else label)
        said = _source(source["params"])
        if said:
            details.append(f"{label}: {', '.join(said)}" if len(sources) > 1 else ", ".join(said))
    return capfirst(" + ".join(names)), [*details, *_shape(recipe)]


def _source(params: Mapping[str, Any]) -> list[str]:
    said = []
    for name, value in params.items():
        if name == "half_life_days":
            said.append(_("old data count in full") if value is None else _days(_("data fade by half in %s"), value))
        else:
            said.append(f"{PARAMETERS.get(name, name.replace('_', ' '))} {_number(value)}")
    return said


def _shape(recipe: Mapping[str, Any]) -> list[str]:
    """How the visitor's past is weighed, and what is done to the scores."""
    said = []
    half_life = recipe.get("history_half_life_days")
    said.append(
        _("the whole past of a visitor counts alike")
        if half_life is None
        else _days(_("a visitor's past fades by half in %s"), half_life)
    )
    if recipe.get("history_step_decay") is not None:
        said.append(_("each step back counts × %s") % _number(recipe["history_step_decay"]))
    for name, words in (
        ("trend_power", _("what sells now, to the power of %s")),
        ("prior", _("popularity added × %s")),
        ("source_power", _("popular products of the past count less, to the power of %s")),
        ("target_power", _("popular products preferred, to the power of %s")),
    ):
        if recipe.get(name):
            said.append(words % _number(recipe[name]))
    return said


def _habit(recipe: Mapping[str, Any]) -> list[str]:
    half_life = recipe.get("repeat_half_life_days")
    said = [
        _("old purchases count in full") if half_life is None else _days(_("purchases fade by half in %s"), half_life)
    ]
    if recipe.get("repeat_trend_power"):
        said.append(_("what sells now, to the power of %s") % _number(recipe["repeat_trend_power"]))
    if recipe.get("repeat_cycle"):
        said.append(_("what is due, to the power of %s") % _number(recipe["repeat_cycle"]))
    return said


def _days(words: str, days: Any) -> str:
    number = float(days)
    said = ngettext("%(number)s day", "%(number)s days", round(number)) % {"number": _number(number)}
    return words % said


def _number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return number_format(f"{value:g}" if abs(value) < 1e6 else round(value))


def _joined(said: list[str]) -> str:
    return "; ".join(said)
