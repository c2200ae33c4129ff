"""From facts, rules, elasticities and forecasts to proposals of a part of the catalogue: computes, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.conf import ecomai
from django_ecomai.core.arrays import nullable
from django_ecomai.forecast.days import local_date
from django_ecomai.forecast.selectors import forecast_days

from .cross_effects import Neighbours, neighbours
from .facts import Facts, product_facts
from .learning import Learned
from .limits import limits_build, limits_named, problems, year_named
from .models import PriceProposal, PricingRule
from .models.elasticities import strength_of
from .reading import Reader, Weeks
from .row_numbers import curve_stored, grid_ends, market_json, money, number, risk_of, rounded, shares_of
from .rulebook import Choice, RuleBook, families_agree
from .supply import LONGEST, demand_build, horizon_of
from .targets import target_beside
from .validation import circles, followed_facts
from .worth import small_ones_drop

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from django_ecomai.ml.pricing.guardrails import Guarded, Limits
    from django_ecomai.ml.pricing.optimise import Demand

#: Weeks of the sparkline.
HISTORY = 26
GOALS = (PricingRule.Action.PROFIT, PricingRule.Action.REVENUE, PricingRule.Action.SELL_THROUGH)
Action = PricingRule.Action
_Held = tuple[str, dict[str, Any]]


@dataclass
class Setting:
    """What is the same for all parts of a run."""

    channel: str
    at: datetime
    book: RuleBook
    reader: Reader
    learned: Learned
    run_number: int | None = None
    horizon: int = 28
    caution: float = 0.0
    past: bool = False  # play a moment in the past: prices as they were, nothing that was not known then
    followed: dict[int, Facts] = field(default_factory=dict)
    circles: set[int] = field(default_factory=set)

    @classmethod
    def build(
        cls,
        *,
        channel: str,
        at: datetime,
        reader: Reader,
        learned: Learned,
        rules: Sequence[PricingRule] | None = None,
        run_number: int | None = None,
    ) -> Setting:
        """With the rules in use on that day, or those given."""
        book = RuleBook(channel=channel, on=local_date(at), rules=rules)
        following = [rule for rule in book.rules if rule.action == Action.FOLLOW and rule.follows_id is not None]
        return cls(
            channel=channel, at=at, book=book, reader=reader, learned=learned, run_number=run_number,
            horizon=ecomai.PRICING_HORIZON_DAYS, caution=ecomai.PRICING_CAUTION, followed=followed_facts(following),
            circles=circles(channel, following),
        )  # fmt: skip


@dataclass(eq=False)
class Part:
    """A part of the catalogue while its prices are worked out, all [n] in one order."""

    facts: list[Facts]
    choices: list[Choice]
    limits: Limits
    weeks: Weeks
    demand: Demand
    horizon: NDArray[np.int64]
    has_forecast: NDArray[np.bool_]
    held: list[_Held | None]
    near: Neighbours
    days: NDArray[np.float64]  # [n, longest horizon] pieces expected per day at today's price, 0 after the own horizon
    propensity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


def proposals_of(setting: Setting, product_ids: Sequence[int]) -> list[PriceProposal]:
    """Unsaved proposals of products (whole families among them), one for each on sale: open, or held with a reason.

    Where the price is to stay as it is, ``new_price`` is ``old_price``.
    """
    from django_ecomai.ml.pricing.optimise import outcome

    book = setting.book
    facts = product_facts(
        channel=setting.channel, product_ids=product_ids, at=setting.at, horizon_days=LONGEST,
        stock_ages=book.needs_stock_ages,
    )  # fmt: skip
    if not facts:
        return []
    if setting.past:
        _as_then(setting, facts)
    part = _part(setting, facts)
    target = _targets(setting, part)
    guarded = prices_within(part.choices, part.limits, target, drawn=np.isfinite(part.propensity))
    for row, code in enumerate(guarded.held.tolist()):
        if code and part.held[row] is None:
            part.held[row] = (code, {"limits": limits_named(part.limits, row, part.choices[row])})
    today = part.limits.price
    fine = np.array([one is None for one in part.held])
    price = np.where(fine, guarded.price, today)
    goal = np.array([one.action if one.action in GOALS else "profit" for one in part.choices])
    numbers = outcome(part.demand, part.limits, goal=goal, price=np.where(np.isfinite(price), price, 1.0))
    rows = _rows(setting, part, guarded, price, numbers)
    small_ones_drop(rows, part.choices, part.limits, book.shop)
    return rows


def _part(setting: Setting, facts: list[Facts]) -> Part:
    choices = [setting.book.of(one) for one in facts]
    families_agree(facts, choices)
    pks = [one.pk for one in facts]
    weeks = setting.reader.weeks(product_ids=pks, currencies=[one.currency for one in facts], weeks=HISTORY)
    usual, today = setting.horizon, setting.book.on
    horizon = np.array(
        [horizon_of(one, choice, usual=usual, today=today) for one, choice in zip(facts, choices, strict=True)],
        dtype=np.int64,
    )
    ahead = forecast_days(
        channel=setting.channel, product_ids=pks, days=int(horizon.max()), start=setting.reader.day
    )  # fmt: skip
    elasticity = setting.learned.column("elasticity", pks)
    limits = limits_build(facts, choices)
    known = np.asarray(ahead.has_forecast) & (not setting.past)
    days = np.where(known[:, None], ahead.mean, weeks.daily(limits.price, elasticity)[:, None])
    days = np.where(np.arange(days.shape[1])[None, :] < horizon[:, None], days, 0.0)
    demand = demand_build(
        facts, choices, days=days, horizon=horizon, start=setting.reader.day, elasticity=elasticity,
        sd=setting.learned.column("sd", pks),
    )  # fmt: skip
    near = Neighbours()
    if not setting.past:
        near = neighbours(channel=setting.channel, facts=facts, horizon=horizon, start=setting.reader.day)
        demand = replace(demand, aside=near.aside(facts))
    held = [next(iter(problems(one, choice)), None) for one, choice in zip(facts, choices, strict=True)]
    return Part(
        facts, choices, limits, weeks, demand, horizon, known, held, near, days
    )  # fmt: skip


def _as_then(setting: Setting, facts: list[Facts]) -> None:
    """Prices as they were at the end of the reader's last week; neither stock nor competitors of today."""
    weeks = setting.reader.weeks(
        product_ids=[one.pk for one in facts], currencies=[one.currency for one in facts], weeks=HISTORY
    )  # fmt: skip
    for row, one in enumerate(facts):
        last, before = weeks.price[row, -1], weeks.price[row, -2]
        one.price = money(last) if np.isfinite(last) else None
        one.price_week_ago = money(before) if np.isfinite(before) else None
        one.price_day_ago, one.stock, one.market, one.codes = None, None, None, []


def _targets(setting: Setting, part: Part) -> NDArray[np.float64]:
    """The price [n] that each product's rule asks for, NaN where there is none; fills in why."""
    from django_ecomai.ml.pricing.optimise import optimise

    goal = np.array([one.action if one.action in GOALS else "profit" for one in part.choices])
    share = np.array([0.95 if one.rule is None else one.rule.sell_share for one in part.choices])
    found = optimise(part.demand, part.limits, goal=goal, sell_through=share, caution=setting.caution)
    target = found.target.copy()
    _explore(setting, part, goal, target)
    seen = np.isfinite(part.demand.elasticity)
    seeking = np.array([one.action in GOALS for one in part.choices])
    for row, choice in enumerate(part.choices):
        if not seeking[row]:
            amount, problem = _asked(setting, part.facts[row], choice)
            target[row] = np.nan if amount is None else amount
            if part.held[row] is None:
                part.held[row] = problem
    _families_fill(part, target, seeking)
    reasons = setting.learned.texts("reason", [one.pk for one in part.facts], "no_rows")
    for row, choice in enumerate(part.choices):
        if part.held[row] is None and seeking[row] and not np.isfinite(target[row]):
            part.held[row] = _missing(choice, part, row, bool(seen[row]), reasons[row])
        if part.held[row] is not None:
            target[row] = np.nan
    return target


def _explore(setting: Setting, part: Part, goal: NDArray[np.str_], target: NDArray[np.float64]) -> None:
    """Where a rule tries prices, the best price for an elasticity that is drawn from what is believed of it, with the
    probability of that price. No endings: they would change it. A family draws as a whole or not at all, so that all of
    it has one probability. A run made again on the same day draws the same."""
    from django_ecomai.ml.pricing.explore import thompson

    part.propensity = np.full(len(part.facts), np.nan)
    groups: dict[str, list[int]] = {}
    aims = [
        one.action if one.rule and one.rule.explore and one.action in (Action.PROFIT, Action.REVENUE) else ""
        for one in part.choices
    ]
    family: list[int] = part.limits.family.tolist()
    together: dict[int, set[str]] = {}
    for key, aim in zip(family, aims, strict=True):
        together.setdefault(key, set()).add(aim)
    for row, aim in enumerate(aims):
        # of the mean of prices of which some are not drawn, or by themselves, nobody knows the probability
        if aim and (family[row] < 0 or len(together[family[row]]) == 1):
            groups.setdefault(str(goal[row]), []).append(row)
    for group, (aim, members) in enumerate(sorted(groups.items())):
        rows = np.array(members)
        # a family is drawn as one; products of different parts of the catalogue must not draw alike
        seed = [setting.book.on.toordinal(), group, part.facts[members[0]].pk]
        draws = thompson(
            part.demand.only(rows), part.limits.only(rows), goal=aim,
            random_state=int(np.random.SeedSequence(seed).generate_state(1)[0]),
        )  # fmt: skip
        free = (draws.held == "") & np.isfinite(target[rows])
        target[rows[free]] = draws.price[free]
        part.propensity[rows[free]] = draws.propensity[free]


def _missing(choice: Choice, part: Part, row: int, seen: bool, reason: str) -> _Held | None:
    """Why a goal has no target; None: its limits say it."""
    if reason == "mixed_currency":
        return "mixed_currency", {}
    if not seen:
        return "no_elasticity", {"why": reason}
    if choice.action == Action.SELL_THROUGH and not np.isfinite(part.demand.stock[row]):
        return "no_stock", {"rule": choice.rule.name if choice.rule else ""}
    return None


def _asked(setting: Setting, facts: Facts, choice: Choice) -> tuple[float | None, _Held | None]:
    """What a fixed rule asks for, or why it cannot."""
    rule = choice.rule
    if rule is None or facts.price is None:
        return None, None
    named = {"rule": rule.name}
    if rule.action == Action.HOLD:
        return float(facts.price), None
    if rule.action == Action.MARKUP:
        if facts.cost_taxed is None:
            return None, ("cost_missing", named)
        return float(facts.cost_taxed) * (1 + (rule.markup or 0.0)), None
    if rule.action == Action.FOLLOW and id(rule) in setting.circles:
        return None, ("rule_cycle", named)
    return target_beside(rule, facts, setting.followed)


def _families_fill(part: Part, target: NDArray[np.float64], seeking: NDArray[np.bool_]) -> None:
    """A member of a family that nothing is known of goes with the others, which get one price anyway."""
    family = part.limits.family
    for key in np.unique(family[(family >= 0) & seeking & ~np.isfinite(target)]).tolist():
        rows = np.flatnonzero(family == key)
        known = target[rows][np.isfinite(target[rows])]
        if len(known):
            target[rows] = np.where(seeking[rows] & ~np.isfinite(target[rows]), known.mean(), target[rows])


def prices_within(
    choices: Sequence[Choice], limits: Limits, target: NDArray[np.float64], *, drawn: NDArray[np.bool_] | None = None
) -> Guarded:
    """The targets [n] inside the limits, rounded; a family has the endings of its first member, a held price and one
    that was ``drawn`` to learn have none."""
    from django_ecomai.ml.pricing.guardrails import Guarded, guard

    n = len(choices)
    plain = np.zeros(n, dtype=bool) if drawn is None else drawn
    first: dict[int, tuple[int, ...]] = {}
    groups: dict[tuple[tuple[int, ...], int], list[int]] = {}
    for row, choice in enumerate(choices):
        endings = () if choice.action == Action.HOLD or plain[row] else choice.endings
        key = int(limits.family[row])
        endings = endings if key < 0 else first.setdefault(key, endings)
        groups.setdefault(endings_in_steps(endings, float(limits.step[row])), []).append(row)
    price, held, binding = np.full(n, np.nan), np.full(n, "", dtype="U32"), np.full(n, "", dtype="U16")
    names = ("target", "family", "limit", "rounding", "ending")
    stages = {name: np.full(n, np.nan) for name in names}
    for (endings, base), members in groups.items():
        rows = np.array(members)
        found = guard(target[rows], limits.only(rows), endings=endings, ending_base=base)
        price[rows], held[rows], binding[rows] = found.price, found.held, found.binding
        for name in names:
            # where a stage was not asked for, nothing moved
            before = stages[names[names.index(name) - 1]][rows] if name != "target" else target[rows]
            stages[name][rows] = found.stages.get(name, before)
    for row, choice in enumerate(choices):
        if choice.action == Action.HOLD and not held[row] and not binding[row] and limits.family[row] < 0:
            price[row] = limits.price[row]  # left to the letter, multiple of a step or not
    return Guarded(price, held, binding, stages)


def endings_in_steps(endings: Sequence[int], step: float) -> tuple[tuple[int, ...], int]:
    """Endings as the engine takes them, in steps, and of how many steps they are the last: hundredths of one, or with
    steps of one or more the last two digits. What is no multiple of the step is left out."""
    unit = 0.01 if step < 1 else 1.0
    base = round(100 * unit / step)
    if not endings or base < 2 or abs(base * step - 100 * unit) > 1e-6:
        return (), 100
    steps = [one * unit / step for one in endings]
    whole = tuple(round(one) for one in steps if abs(one - round(one)) < 1e-6 and round(one) < base)
    return (whole, base) if whole else ((), 100)


def _rows(
    setting: Setting, part: Part, guarded: Guarded, price: NDArray[np.float64], numbers: NDArray[np.float64]
) -> list[PriceProposal]:
    from django_ecomai.ml.pricing.curves import curves

    pks = [one.pk for one in part.facts]
    today = np.where(np.isfinite(part.limits.price) & (part.limits.price > 0), part.limits.price, np.nan)
    low, high = part.limits.interval()
    # the curve itself is worked out when somebody looks at it: what it is made of is stored
    least, most = grid_ends(today, price, low, high)
    pair = curves(part.demand, today, np.column_stack([today, price]))
    nets = 1 / (1 + np.array([float(one.tax) for one in part.facts]))
    pairs = [np.round(one, 4).tolist() for one in (pair.units, pair.revenue, pair.profit * nets[:, None])]
    bounds = {name: nullable(np.round(setting.learned.column(name, pks), 6)) for name in ("elasticity", "low", "high")}
    sources = setting.learned.texts("source", pks, "none")
    known = np.isfinite(part.demand.elasticity) & np.isfinite(today)
    # what is expected begins with the first day without data, what is watched not before today
    lag = max((setting.book.on - setting.reader.day).days, 0)
    shares = shares_of(part.days)
    pieces, paid = np.round(part.weeks.units, 2).tolist(), nullable(np.round(part.weeks.price, 4))
    rows = []
    for row, (facts, choice) in enumerate(zip(part.facts, part.choices, strict=True)):
        held = part.held[row]
        new = None if held is not None else money(price[row])
        horizon = int(part.horizon[row])
        strength = strength_of(bounds["low"][row], bounds["high"][row])
        proposal = PriceProposal(
            channel=setting.channel,
            product_id=facts.pk,
            undecided=facts.pk,
            run_number=setting.run_number,
            made_at=setting.at,
            state=PriceProposal.State.OPEN if held is None else PriceProposal.State.HELD,
            held_code="" if held is None else held[0],
            held_named={} if held is None else held[1],
            old_price=facts.price,
            new_price=new if new is None or facts.price is None or new != facts.price else facts.price,
            list_price=facts.list_price,
            cost=facts.cost,
            tax=float(facts.tax),
            currency=facts.currency,
            family=choice.families[0] if choice.families else "",
            rule=choice.rule if choice.rule is not None and choice.rule.pk else None,
            binding=year_named(str(guarded.binding[row]), choice) if held is None else "",
            trail=[]
            if held is not None
            else [[year_named(name, choice), rounded(a), rounded(b)] for name, a, b in guarded.trail(row)],
            goal=choice.action,
            elasticity=bounds["elasticity"][row],
            elasticity_low=bounds["low"][row],
            elasticity_high=bounds["high"][row],
            elasticity_source=sources[row],
            strength=strength,
            horizon_days=horizon,
            has_forecast=bool(part.has_forecast[row]),
            daily=shares[row][lag:horizon] if part.has_forecast[row] and held is None else [],
            market=market_json(facts),
            propensity=number(part.propensity[row]) if held is None else None,
            history={"units": pieces[row], "prices": paid[row]},
        )
        if known[row] and held is None:
            units, revenue, profit = (one[row] for one in pairs)
            proposal.units_old, proposal.units_new = units
            proposal.revenue_old, proposal.revenue_new = revenue
            if facts.cost is not None:
                proposal.profit_old, proposal.profit_new = profit
            gain, _sd, chance, *ends = (float(one) for one in numbers[4:, row])
            net = 1.0 if choice.action in (Action.REVENUE, Action.SELL_THROUGH) else float(nets[row])
            proposal.gain, proposal.gain_chance = round(gain * net, 4), round(chance, 4)
            proposal.gain_low, proposal.gain_high = (round(one * net, 4) for one in ends)
            proposal.cross = part.near.told(facts, float(price[row]))
            proposal.curve = curve_stored(part.demand, row, float(least[row]), float(most[row]))
        proposal.risk = risk_of(proposal)
        rows.append(proposal)
    return rows
