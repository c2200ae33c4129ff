"""The limits of products as the engine takes them, and as reasons name them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from django_ecomai.ml.pricing.guardrails import CEILINGS, FLOORS, Limits

from .facts import Facts
from .rulebook import Choice

_NAMES = {
    "cost": "", "min_margin": "min_margin", "map": "", "corridor_low": "corridor_low",
    "corridor_high": "corridor_high", "max_fall_day": "max_change_day", "max_rise_day": "max_change_day",
    "max_fall_week": "max_change_week", "max_rise_week": "max_change_week",
}  # fmt: skip


def limits_build(facts: Sequence[Facts], choices: Sequence[Choice]) -> Limits:
    """Limits [n]. A margin above 0.99 counts as 0.99. Where there is no list price, what a year ago was asked stands in
    for it: else a price that is allowed a step a day could climb without end."""

    def number(value: Any) -> float:
        return float("nan") if value is None else float(value)

    def limit(name: str, otherwise: float = float("nan")) -> list[float]:
        return [one.limits[name][0] if name in one.limits else otherwise for one in choices]

    keys: dict[str, int] = {}
    family = [keys.setdefault(one.families[0], len(keys)) if one.families else -1 for one in choices]
    return Limits.build(
        price=np.array([number(one.price) for one in facts], dtype=np.float64),
        cost=np.array([number(one.cost_taxed) for one in facts], dtype=np.float64),
        list_price=np.array([number(one.list_price or one.price_year_ago) for one in facts], dtype=np.float64),
        price_week_ago=np.array([number(one.price_week_ago) for one in facts], dtype=np.float64),
        map_price=np.array([number(one.map_price[0] if one.map_price else None) for one in choices], dtype=np.float64),
        min_margin=np.array(limit("min_margin", 0.0), dtype=np.float64).clip(max=0.99),
        corridor_low=np.array(limit("corridor_low", 0.0), dtype=np.float64),
        corridor_high=np.array(limit("corridor_high", 1e6), dtype=np.float64),
        max_change_day=np.array(limit("max_change_day"), dtype=np.float64),
        max_change_week=np.array(limit("max_change_week"), dtype=np.float64),
        step=np.array(limit("step", 0.01), dtype=np.float64),
        family=np.array(family, dtype=np.int64),
    )


def problems(facts: Facts, choice: Choice) -> list[tuple[str, dict[str, Any]]]:
    """What keeps a product from having a proposal at all: codes of ``held.REASONS`` with what they name."""
    found = list(choice.codes)
    if facts.price is None or facts.price <= 0:
        found.append(("price_missing", {}))
    if "cost_currency" in facts.codes:
        found.append(("cost_currency", {}))
    if "in_test" in facts.codes:
        found.append(("in_test", {}))
    if len(choice.families) > 1:
        own = f"p{facts.parent}"
        names = ", ".join(key for key in choice.families if key != own)
        if own in choice.families:
            found.append(("variants_apart", {"parent": facts.parent_title, "names": names}))
        else:
            found.append(("two_families", {"names": names}))
    if choice.clash is not None:
        first, second = choice.clash
        found.append(("rules_contradict", {"first": first.name, "second": second.name}))
    if (
        "max_change_day" in choice.limits
        and facts.price_day_ago is not None
        and facts.price is not None
        and facts.price_day_ago != facts.price
    ):
        found.append(("changed_today", {}))
    return found


def limits_named(limits: Limits, row: int, choice: Choice) -> list[tuple[str, str, str | None]]:
    """The highest floor and the lowest ceiling of a product: names, amounts and the names of the rules that set them,
    for ``held.limits_text``."""
    floors, ceilings = limits.floors()[row], limits.ceilings()[row]
    told = []
    for names, amounts, at in ((FLOORS, floors, floors.argmax()), (CEILINGS, ceilings, ceilings.argmin())):
        name = names[int(at)]
        if np.isfinite(amounts[at]):
            amount = Decimal(str(round(float(amounts[at]), 4))).normalize()
            rule = source_of(name, choice)
            told.append((told_as(name, choice), f"{amount:f}", None if rule is None else str(rule)))
    return told


def told_as(name: str, choice: Choice) -> str:
    """What a limit of the engine is called for a product: a key of ``held.LIMITS``."""
    return "cost_taxed" if name == "cost" and choice.taxed else year_named(name, choice)


def year_named(name: str, choice: Choice) -> str:
    """The name of a limit, or of another stage of the trail, where a corridor is not around a list price."""
    return name.replace("corridor", "year") if choice.of_year else name


def source_of(limit: str, choice: Choice) -> Any:
    """The rule that set a limit; None: the shop, or the product itself."""
    if limit == "map":
        return choice.map_price[1] if choice.map_price else None
    name = _NAMES.get(limit, "")
    return choice.limits[name][1] if name in choice.limits else None
