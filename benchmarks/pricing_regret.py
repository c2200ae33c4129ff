"""What learning costs and earns: ``python -m benchmarks.pricing_regret --seeds 400 401 --json FILE``.

**Simulated** markets (`benchmarks.pricing_market` with costs and competitors): 52 weeks under the manager's habits,
then 26 weeks in which a policy sets every price. The oracle knows elasticity and cost and asks the best price
inside the same guardrails; the regret is the share of the oracle's expected profit that a policy does not earn. Demand
of a week is drawn by the same random numbers for every policy. All policies keep the same limits (`LIMITS`), see the
same history and the same sales, and learn again every `REFIT` weeks.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import pricing_peers as peers
from benchmarks.pricing_market import simulate
from django_ecomai.ml.pricing.elasticity import fit_elasticities
from django_ecomai.ml.pricing.explore import thompson
from django_ecomai.ml.pricing.guardrails import Limits, guard
from django_ecomai.ml.pricing.optimise import Demand, optimise
from django_ecomai.ml.pricing.panel import PricePanel

Floats = NDArray[np.float64]
HISTORY, AHEAD, REFIT = 52, 26, 4
LIMITS: dict[str, Any] = {"corridor_low": 0.7, "corridor_high": 1.3, "min_margin": 0.05, "max_change_week": 0.15}
OURS = "EcomAI, best mean over the posterior"
TRIALS, FEW_TRIALS = "EcomAI, Thompson", "EcomAI, Thompson at a third of the spread"
EPSILON, MARKUP, FEW = 0.1, 2.0, 1 / 3


class Play:
    """A market after ``history`` weeks: what happened so far, and what a week of prices earns.

    Costs are 35 to 65 % of the list price. Three competitors ask about 3 % less than the list price, give or take a
    tenth; nobody's demand depends on them, so that matching them is a habit and not a reaction.
    """

    def __init__(self, seed: int, history: int = HISTORY) -> None:
        self.seed, self.history = seed, history
        market = simulate(seed, weeks=history + AHEAD)
        self.market = market
        draw = np.random.default_rng(seed + 10_000)
        n = len(market.truth)
        self.cost = np.round(market.listed * draw.uniform(0.35, 0.65, n), 2)
        noise = draw.normal(-0.03, 0.1, (3, n, 1)) + draw.normal(0, 0.03, (3, n, AHEAD))
        self.cheapest = np.round(market.listed[:, None] * np.exp(noise).min(axis=0), 2)
        self.chance = draw.random((n, AHEAD))
        past = market.panel.rows(market.panel.period < history)
        self.rows = [past]
        self.price = np.full(n, np.nan)
        self.price[past.product] = past.price  # rows are in order of weeks: the last one stays
        self.price = np.where(np.isfinite(self.price), self.price, market.listed)

    @property
    def n(self) -> int:
        return len(self.cost)

    def panel(self) -> PricePanel:
        """All weeks so far."""
        names = ("product", "period", "units", "price", "promotion", "in_stock")
        columns: dict[str, Any] = {name: np.concatenate([getattr(one, name) for one in self.rows]) for name in names}
        return PricePanel.build(**columns, category=self.market.panel.category)

    def limits(self) -> Limits:
        """Of today."""
        return Limits.build(
            price=self.price, cost=self.cost, list_price=self.market.listed, price_week_ago=self.price, **LIMITS
        )

    def week(self, at: int, target: Floats) -> tuple[float, Floats]:
        """Expected profit of a week at the allowed prices nearest to ``target``, and these prices; what was sold is
        added to the past."""
        from scipy.stats import poisson

        price = guard(target, self.limits()).price
        mean = np.exp(self.market.base[:, self.history + at]) * (price / self.market.listed) ** self.market.truth
        stock = self.market.stock[:, self.history + at]
        asked = poisson.ppf(self.chance[:, at], mean)
        share = np.where(asked > stock, np.nan, 1.0)
        self.rows.append(
            PricePanel.build(
                product=np.arange(self.n),
                period=np.full(self.n, self.history + at),
                units=np.minimum(asked, stock),
                price=price,
                in_stock=share,
                category=self.market.panel.category,
            )
        )
        self.price = price
        return float(((price - self.cost) * np.minimum(mean, stock)).sum()), price


Answer = tuple[Floats, Floats]
#: ``(play, week, answer) -> prices wished for``; the answer is that of the last time something was learned.
Policy = Callable[[Play, int, Answer | None], Floats]


def ours(panel: PricePanel) -> Answer:
    """Shrunk elasticities; where there is none, what category and shop say: a price test in all but name."""
    found = fit_elasticities(panel)
    mean = np.where(found.accepted, found.elasticity, found.fallback)
    return mean, np.where(found.accepted, found.sd, found.fallback_sd)


def peer(name: str) -> Callable[[PricePanel], Answer]:
    """A peer's answers; where it has none, the mean of the others and their spread."""

    def learn(panel: PricePanel) -> Answer:
        mean, sd = peers.PEERS[name](panel)
        known = np.isfinite(mean)
        middle, spread = (float(mean[known].mean()), float(mean[known].std())) if known.any() else (-2.0, 1.0)
        return np.where(known, mean, middle), np.where(known & np.isfinite(sd), sd, spread)

    return learn


def best(play: Play, answer: Answer | None) -> Floats:
    """The prices that earn most if the answer is true."""
    assert answer is not None
    demand = _demand(play, (answer[0], np.zeros(play.n)))
    return optimise(demand, play.limits()).target


def _demand(play: Play, answer: Answer) -> Demand:
    return Demand.build(path=np.ones((play.n, 1)), elasticity=answer[0], sd=answer[1], cost=play.cost)


def greedy(play: Play, at: int, answer: Answer | None) -> Floats:
    return best(play, answer)


def hedged(play: Play, at: int, answer: Answer | None) -> Floats:
    """The best price over all that the elasticity may be."""
    assert answer is not None
    return optimise(_demand(play, answer), play.limits()).target


def epsilon(play: Play, at: int, answer: Answer | None) -> Floats:
    """One product in ten gets any allowed price."""
    draw = np.random.default_rng((play.seed, at))
    low, high = play.limits().interval()
    tried = low + draw.random(play.n) * (high - low)
    return np.where(draw.random(play.n) < EPSILON, tried, best(play, answer))


def sampled(play: Play, at: int, answer: Answer | None) -> Floats:
    """Thompson sampling, an elasticity drawn each week."""
    assert answer is not None
    return thompson(_demand(play, answer), play.limits(), random_state=1000 * play.seed + at).price


def few(play: Play, at: int, answer: Answer | None) -> Floats:
    """As ``sampled``, of a narrower posterior: fewer trials."""
    assert answer is not None
    return sampled(play, at, (answer[0], FEW * answer[1]))


#: Name -> how it learns (None: not at all) and what it asks.
POLICIES: dict[str, tuple[Callable[[PricePanel], Answer] | None, Policy]] = {
    "Oracle": (None, lambda play, at, answer: best(play, (play.market.truth, np.zeros(play.n)))),
    OURS: (ours, hedged),
    TRIALS: (ours, sampled),
    FEW_TRIALS: (ours, few),
    "Fixed (list price)": (None, lambda play, at, answer: play.market.listed),
    "Cost-plus": (None, lambda play, at, answer: play.cost * MARKUP),
    "Match the cheapest": (None, lambda play, at, answer: play.cheapest[:, at]),
    "Greedy OLS, each product": (peer("OLS, each product"), greedy),
    "Greedy OLS, each category": (peer("OLS, each category"), greedy),
    "Epsilon-greedy OLS, each product": (peer("OLS, each product"), epsilon),
    "Epsilon-greedy OLS, each category": (peer("OLS, each category"), epsilon),
    "Thompson, each product (OLS)": (peer("OLS, each product"), sampled),
    "Greedy EconML LinearDML, each product": (peer("EconML LinearDML, each product"), greedy),
    "Greedy EconML LinearDML, each category": (peer("EconML LinearDML, each category"), greedy),
    "Greedy DoubleML PLR, each category": (peer("DoubleML PLR, each category"), greedy),
    "Greedy DoubleML PLR (LassoCV), each category": (peer("DoubleML PLR (LassoCV), each category"), greedy),
    "Greedy DoubleML PLR, each product": (peer("DoubleML PLR, each product"), greedy),
}
NO_PEER = ("Oracle", OURS, TRIALS, FEW_TRIALS)


def earned(name: str, seed: int, history: int = HISTORY) -> float:
    """Expected profit of the 26 weeks."""
    learn, policy = POLICIES[name]
    play, answer, total = Play(seed, history), None, 0.0
    for at in range(AHEAD):
        if learn is not None and at % REFIT == 0:
            answer = learn(play.panel())
        total += play.week(at, policy(play, at, answer))[0]
    return total


def main(arguments: list[str] | None = None) -> list[dict[str, Any]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="one market each; none: print what is known")
    parser.add_argument("--models", nargs="*", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--history", type=int, default=HISTORY, help="weeks of past")
    parser.add_argument("--chunk", type=int, default=5, help="markets between two looks at the file")
    parser.add_argument("--json", type=Path, help="the rows; markets that are in it already are not played again")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        profits = [earned(options.child, seed, options.history) for seed in options.seeds]
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps([profits, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
        return []
    known: list[dict[str, Any]] = json.loads(options.json.read_text()) if options.json and options.json.exists() else []
    rows = {row["model"]: row for row in known if row["history"] == options.history}
    for start in range(0, len(options.seeds), options.chunk):
        for name in dict.fromkeys(["Oracle", *options.models]):
            played(rows, name, options.seeds[start : start + options.chunk], options.history)
            if options.json:
                kept = [row for row in known if row["history"] != options.history]
                options.json.write_text(json.dumps([*kept, *rows.values()], indent=1), encoding="utf-8")
        print(f"  {min(start + options.chunk, len(options.seeds))} of {len(options.seeds)} markets", flush=True)
    for name in [name for name in POLICIES if name in rows]:
        row = rows[name]
        if row.get("error"):
            print(f"  {name:45} failed: {row['error']}")
        if row["metrics"]:
            print(f"{'*' if row['ours'] else ' '} {name:45} regret {100 * row['metrics']['regret']:7.3f} % "
                  f"+- {100 * row['metrics']['standard_error']:.3f} on {len(row['profits']):3} markets "
                  f"{row['cpu_s'] / len(row['profits']):7.2f} CPU s each {row['peak_mb']:6.0f} MB")  # fmt: skip
    print(compared(list(rows.values())))
    return list(rows.values())


def played(rows: dict[str, dict[str, Any]], name: str, seeds: list[int], history: int) -> None:
    """Add the profits of a policy on those of ``seeds`` that its row does not have, and its regret so far."""
    blank = {"dataset": "simulated", "model": name, "history": history, "ours": name == OURS, "metrics": {}}
    row = rows.setdefault(name, blank | {"profits": {}, "cpu_s": 0.0, "wall_s": 0.0, "peak_mb": 0.0})
    missing = [str(seed) for seed in seeds if str(seed) not in row["profits"]]
    if not missing:
        return
    command = [sys.executable, "-m", "benchmarks.pricing_regret", "--child", name, "--history", str(history)]
    started = time.perf_counter()
    done = subprocess.run([*command, "--seeds", *missing], capture_output=True, text=True, check=False)
    if done.returncode:
        row["error"] = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return
    profits, cpu, memory = json.loads(done.stdout.strip().splitlines()[-1])
    row.pop("error", None)
    row["profits"] |= dict(zip(missing, profits, strict=True))
    row["cpu_s"], row["peak_mb"] = round(row["cpu_s"] + cpu, 1), round(max(row["peak_mb"], memory), 1)
    row["wall_s"] = round(row["wall_s"] + time.perf_counter() - started, 1)
    best_known = rows["Oracle"]["profits"]
    regret = np.array([1 - profit / best_known[seed] for seed, profit in row["profits"].items()])
    error = float(regret.std(ddof=1) / np.sqrt(len(regret))) if len(regret) > 1 else float("nan")
    row["metrics"] = {"regret": float(regret.mean()), "standard_error": error}


def compared(rows: list[dict[str, Any]]) -> str:
    """Ours beside the peer with the least regret, on the markets that both have played."""
    profits = {row["model"]: row["profits"] for row in rows if row["metrics"]}
    mine, top = profits.get(OURS, {}), profits.get("Oracle", {})
    found = []
    for name in [name for name in profits if name not in NO_PEER]:
        both = [seed for seed in profits[name] if seed in mine]
        if both:
            lost = [np.mean([1 - one[seed] / top[seed] for seed in both]) for one in (profits[name], mine)]
            found.append((float(lost[0]), float(lost[1] / lost[0] - 1), name, len(both)))
    if not found:
        return ""
    _, ratio, name, size = min(found)
    return f"  regret of ours {100 * ratio:+.1f} % against {name} on {size} markets"


if __name__ == "__main__":
    main(sys.argv[1:])
