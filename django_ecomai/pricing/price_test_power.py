"""What a planned test of several products can tell by its end, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value

from . import words
from .models import ProductElasticity
from .price_test_pages import answers_of, narrowed_warned, verdict_when
from .price_test_results import LEAST_DF, left_over
from .services.price_test_groups import GroupPlan

if TYPE_CHECKING:
    from django_ecomai.ml.pricing.joint_power import JointPower


def group_told(plan: GroupPlan, *, weeks: int) -> tuple[list[str], str]:
    """Sentences about what a test of so many weeks teaches, and what speaks against it: "" where nothing does.

    Against it speaks that it is too short for a verdict, that it makes what is known of the demand for all products
    together less than 10 % more exact, or that not even the largest difference that this leaves open would show.
    """
    if not plan.units:
        return [], ""
    power, known = _power(plan, weeks)
    if power is None:
        return [_("What it can tell is not known before these products have sold.")], ""
    currency, short = plan.units[0].facts[0].currency, weeks < power.least_periods
    named = {
        "low": words.signed_money(power.low, ""), "high": words.signed_money(power.high, currency),
        "least": "" if short else words.money(power.least, currency), "share": words.percent(power.narrowed),
        "most": words.money(max(abs(power.low), abs(power.high)), currency),
        "known": format_value(known), "products": format_value(plan.products),
    }  # fmt: skip
    when = verdict_when(weeks, power.least_periods)
    text = _("As far as we know, a week at the higher prices brings %(low)s to %(high)s more profit than at the lower.")
    lines = [text % named]
    if not short:
        lines.append(_("At the end a difference shows from about %(least)s of profit a week on.") % named)
    problem = narrowed_warned(power.narrowed)
    if not problem:
        lines.append(_("What we know of the demand becomes about %(share)s more exact.") % named)
    if known < plan.products:
        lines.append(_("Of %(known)s of the %(products)s products the demand is known: only those count here.") % named)
    if short:
        return lines, when
    lines.append(when)
    if problem or power.tells:
        return lines, problem
    warned = _(
        "This test will hardly tell which price earns more: a difference shows from about %(least)s of profit a week "
        "on, and more than %(most)s is not to be expected. Take more weeks, more products or a larger step."
    )
    return lines, warned % named


def _power(plan: GroupPlan, weeks: int) -> tuple[JointPower | None, int]:
    """Of all products together whose demand is known, and how many these are; None where it is of none."""
    from django_ecomai.ml.pricing.joint_power import TwoPrices, joint_power

    members = [(number, unit, one) for number, unit in enumerate(plan.units) for one in unit.facts]
    rows = ProductElasticity.objects.filter(product__in=[one.pk for _number, _unit, one in members])
    found = {row.product_id: row for row in rows}
    columns = []
    for number, unit, one in members:
        row = found.get(one.pk)
        answers = answers_of(row)
        if row is None or answers is None or not answers.sd or not row.rate or not one.price or one.cost is None:
            continue
        columns.append(
            (
                float(unit.low / one.price), float(unit.high / one.price), left_over(unit.low, one.cost, one.tax),
                left_over(unit.high, one.cost, one.tax), row.rate, row.dispersion, row.alpha, row.rho, answers.middle,
                answers.sd, number,
            )
        )  # fmt: skip
    if not columns:
        return None, 0
    arrays = [np.array(each) for each in zip(*columns, strict=True)]
    return joint_power(TwoPrices(*arrays), periods=weeks, wanted_df=LEAST_DF), len(columns)
