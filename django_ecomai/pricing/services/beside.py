"""Whether prices that stand beside those of competitors, or of another product, still are what their rules ask for."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import nan

import numpy as np

from django_ecomai.pricing.facts import Facts
from django_ecomai.pricing.held import OWN_PRICE, Why, why
from django_ecomai.pricing.limits import limits_build
from django_ecomai.pricing.models import PriceProposal, PricingRule
from django_ecomai.pricing.proposing import prices_within
from django_ecomai.pricing.rulebook import Choice
from django_ecomai.pricing.targets import Beside, has_moved, target_beside
from django_ecomai.pricing.validation import followed_facts

GOALS = (PricingRule.Action.RELATIVE, PricingRule.Action.FOLLOW)
#: What is read of the proposals.
_THEN = (
    "product", "goal", "new_price", "trail", "market", "rule__name", "rule__action", "rule__reference", "rule__offset",
    "rule__follows",
)  # fmt: skip


def beside_moved(rows: Sequence[PriceProposal], facts: Sequence[Facts], choices: Sequence[Choice]) -> dict[int, Why]:
    """Why prices that stand beside others do not any more, by their proposal's key: what they stand beside is gone, or
    makes another price of its rule (``has_moved``). ``facts`` and ``choices``: those of the products and of their
    families now."""
    asked = [row.pk for row in rows if row.goal in GOALS]
    if not asked:
        return {}
    kept = PriceProposal.objects.filter(pk__in=asked).select_related("rule").only(*_THEN)
    then = {row.product_id: row for row in kept}
    rules = [row.rule for row in then.values() if row.rule is not None]
    rules += [one.rule for one in choices if one.rule is not None and one.rule.action == PricingRule.Action.FOLLOW]
    followed = followed_facts(rules)
    found: dict[int, Why] = {}
    targets = np.full(len(facts), np.nan)
    standing: list[tuple[int, PriceProposal, PricingRule]] = []
    for at, (one, choice) in enumerate(zip(facts, choices, strict=True)):
        row = then.get(one.pk)
        rule = choice.rule if row is None else row.rule or choice.rule
        if rule is None or rule.action not in GOALS:
            continue
        # nobody knows any more what it stood beside, or a person's price, which stands beside no other
        if row is not None and (rule.action != row.goal or any(stage[0] == OWN_PRICE for stage in row.trail)):
            continue
        target, problem = target_beside(rule, one, followed)
        targets[at] = nan if target is None else target
        if row is not None and problem is not None:
            found[row.pk] = why(problem[0], **problem[1])
        elif row is not None and row.new_price is not None:
            standing.append((at, row, rule))
    if not standing:
        return found
    limits = limits_build(facts, choices)
    guarded = prices_within(choices, limits, targets)
    prices = np.where(guarded.held == "", guarded.price, np.nan)
    for at, row, rule in standing:
        market, price = facts[at].market, float(row.new_price or 0)
        before = row.trail[0][1] if row.trail else None
        moved = has_moved(
            Beside(price if before is None else float(before), price, (row.market or {}).get("lowest", nan)),
            Beside(float(targets[at]), float(prices[at]), nan if market is None else float(market.lowest)),
            today=float(limits.price[at]),
            step=float(limits.step[at]),
            offers=rule.action == PricingRule.Action.RELATIVE,
        )
        if moved:
            found[row.pk] = why("target_moved", rule=rule.name, new=Decimal(str(round(float(targets[at]), 2))))
    return found
