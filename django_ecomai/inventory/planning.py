"""From stock, forecast and lead times to what should be ordered: reads, computes, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from django_ecomai.forecast.days import local_date, midnight
from django_ecomai.forecast.ledger import ledger_until
from django_ecomai.forecast.selectors import DemandDays, demand_days, forecast_days
from django_ecomai.ml.inventory.assortment import SharedTarget, steered_fill
from django_ecomai.ml.inventory.chain import Slip, margin_at_risk
from django_ecomai.ml.inventory.classes import abc_xyz
from django_ecomai.ml.inventory.leadtime import LeadTimes
from django_ecomai.ml.inventory.pooling import PooledSpread
from django_ecomai.ml.inventory.protection import ProtectionDemand, Sales, protection_demand
from django_ecomai.ml.inventory.substitution import Substitutes
from django_ecomai.ml.inventory.suggest import StockPosition, Suggestions, suggest

from .models import StockPolicy, Suggestion
from .positions import (
    Facts,
    Policies,
    Receipts,
    first_sales,
    offer_numbers,
    promised_days,
    receipts_read,
    stock_facts,
    turnover,
)
from .substitutes import Link, links_between, links_used, parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

HISTORY_DAYS = 364
FORECAST_DAYS = 84
#: Without a forecast the mean of so many last days stands in.
AVERAGE_DAYS = 56
PATHS = 256
SEED = 7
CHUNK = 20_000
WEEKS = 26
#: How slow a supplier is taken to be when it slips: slower than nine of ten of its deliveries.
SLIP_QUANTILE = 0.9
#: Fewer weeks than this say nothing about how even demand is.
FEWEST_WEEKS = 4


@dataclass(frozen=True, eq=False)
class Plan:
    """n products: facts, stock, simulated demand, suggestions, classes and policies, all in the same order.

    ``substitutes`` [m] are the pairs among them that are in use, ``spread`` what was learned of the spread of demand.
    """

    facts: list[Facts]
    as_of: date
    stock: StockPosition
    demand: ProtectionDemand
    suggestions: Suggestions
    abc: NDArray[np.str_]
    xyz: NDArray[np.str_]
    policies: list[StockPolicy]
    lead_times: NDArray[np.float32]
    mean: NDArray[np.float32]
    history: NDArray[np.float32]
    censored: NDArray[np.bool_]
    has_forecast: NDArray[np.bool_]
    substitutes: Substitutes
    spread: PooledSpread
    slip: Slip
    codes: list[set[str]] = field(default_factory=list)

    def shares_target(self, row: int) -> bool:
        """Whether a product has its part of one fill target for many."""
        return self.policies[row].target_kind == StockPolicy.Target.SHARED

    def weeks(self) -> NDArray[np.float64]:
        """Pieces sold in each of the last 26 weeks [n, 26], oldest first."""
        days = self.history[:, -7 * WEEKS :]
        return np.asarray(days.reshape(len(days), -1, 7).sum(axis=2, dtype=np.float64))


def plans(
    *,
    channel: str = "",
    product_ids: list[int] | None = None,
    chunk: int = CHUNK,
    progress: Callable[[float], None] | None = None,
) -> Iterator[Plan]:
    """Plans of all products whose stock is counted (or of ``product_ids``), ``chunk`` products at a time.

    Stands for the first day without data (``Plan.as_of``), however old the forecast is. Lead times of a product
    are the same whichever others are asked for; the spread of demand is pooled over all products, or as the last run of
    the job learned it where only some are asked for. Products that stand in for each other are in one plan. Yields
    nothing when there is no product.
    """
    as_of = ledger_until(channel=channel)
    facts = stock_facts(channel=channel, as_of=as_of, product_ids=product_ids)
    if not facts:
        return
    since = as_of - timedelta(days=HISTORY_DAYS)
    abc = _classes(channel, since) if product_ids is None else _known_classes(channel, product_ids)
    receipts = receipts_read(
        channel=channel,
        until=midnight(as_of),
        products=product_ids,
        suppliers={one.offer.supplier_id for one in facts if one.offer is not None},
    )
    begun = first_sales(channel=channel, product_ids=product_ids)
    policies = Policies(channel=channel)
    links = links_used(channel=channel, product_ids=product_ids)
    learned = None if product_ids is None else _learned(channel, product_ids)
    done = 0
    for part in parts(facts, links, chunk):
        yield _plan(
            part,
            channel=channel,
            as_of=as_of,
            abc=abc,
            receipts=receipts,
            begun=begun,
            policies=policies,
            links=links,
            learned=learned,
        )
        done += len(part)
        if progress is not None:
            progress(done / len(facts))


def _classes(channel: str, since: date) -> dict[int, str]:
    """ABC by turnover: compares all products of the shop."""
    money = turnover(channel=channel, since=midnight(since))
    ranked = sorted(money)
    letters, _xyz = abc_xyz([money[pk] for pk in ranked], np.zeros((len(ranked), 1)))
    return dict(zip(ranked, letters.tolist(), strict=True))


def _known_classes(channel: str, product_ids: list[int]) -> dict[int, str]:
    """As the last run of the job found them."""
    rows = Suggestion.objects.filter(channel=channel, product__in=product_ids).exclude(abc="")
    return dict(rows.values_list("product_id", "abc"))


@dataclass(frozen=True)
class Learned:
    """What the last run of the job learned from all products: the spread of demand, and the fill rates of products
    that share a target."""

    spread: PooledSpread
    fills: dict[int, float]


def _learned(channel: str, product_ids: list[int]) -> Learned:
    rows = Suggestion.objects.filter(channel=channel, product__in=product_ids).order_by("pk")
    notes = {pk: told or {} for pk, told in rows.values_list("product_id", "notes")}
    known = next((told["spread"] for told in notes.values() if "spread" in told), ())
    return Learned(PooledSpread.known(*known), {pk: told["fill"] for pk, told in notes.items() if "fill" in told})


def _shared_fills(
    pks: list[int],
    stock: StockPosition,
    demand: ProtectionDemand,
    chosen: list[StockPolicy],
    past: DemandDays,
    learned: Learned | None,
) -> NDArray[np.float64]:
    """Fill target per product [n]: that of its policy, and where products share one, the part that costs least.

    What was not served in the last eight weeks (the usual sales of days without stock) is asked for on top in the next
    four.
    """
    fills = stock.fill_target.copy()
    groups: dict[int | None, list[int]] = {}
    for row, policy in enumerate(chosen):
        if policy.target_kind == StockPolicy.Target.SHARED:
            groups.setdefault(policy.pk, []).append(row)
    clean = stock.cleaned() if groups else stock
    for group in groups.values():
        rows = np.array(group)
        target = chosen[group[0]].target
        if learned is not None:  # a few products do not tell what all need
            fills[rows] = [learned.fills.get(pks[row], target) for row in group]
            continue
        sold = past.quantity[rows, -AVERAGE_DAYS:]
        out = past.censored[rows, -AVERAGE_DAYS:]
        rate = sold.sum(axis=1) / np.maximum((~out).sum(axis=1), 1)
        served = float(sold.sum())
        asked = served + float((rate * out.sum(axis=1)).sum())
        shared = SharedTarget(
            demand.only(rows),
            unit_cost=clean.unit_cost[rows],
            holding_rate=clean.holding_rate[rows],
            order_cost=clean.order_cost[rows],
            least_lot=np.maximum(clean.moq, clean.pack_size)[rows],
            keep_all=True,
        )
        # Upwards alone: what was served beyond the target is no reason to let customers down now.
        plan = shared.reach(max(target, steered_fill(target, asked=asked, served=served, usual=asked / 2)))
        fills[rows] = np.where(demand.daily[rows] > 0, plan.fill.clip(0.01, 0.9999), target)
    return fills


def _plan(
    facts: list[Facts],
    *,
    channel: str,
    as_of: date,
    abc: dict[int, str],
    receipts: Receipts,
    begun: dict[int, datetime],
    policies: Policies,
    links: list[Link],
    learned: Learned | None,
) -> Plan:
    pks = [one.pk for one in facts]
    past = demand_days(channel=channel, product_ids=pks, since=as_of - timedelta(days=HISTORY_DAYS), until=as_of)
    ahead = forecast_days(channel=channel, product_ids=pks, days=FORECAST_DAYS, start=as_of)
    # Before its first sale a product says as little as while it is sold out.
    hidden = past.censored | _not_begun(pks, begun, past.since)
    mean = np.where(ahead.has_forecast[:, None], ahead.mean, _average(past.quantity, hidden)[:, None])
    weeks = _weeks_seen(past.quantity, hidden)[:, -WEEKS:]
    _abc, xyz = abc_xyz(np.zeros(len(facts)), weeks)
    xyz = np.where(np.isfinite(weeks).sum(axis=1) < FEWEST_WEEKS, "Z", xyz)
    classes = np.array([abc.get(pk, "C") for pk in pks], dtype="U1")
    chosen = [policies.of(pk, a, x) for pk, a, x in zip(pks, classes.tolist(), xyz.tolist(), strict=True)]
    lead_times = lead_time_samples(facts, receipts)
    stock = _stock(facts, chosen, mean, past.quantity, past.censored, as_of)
    codes = [set(one.codes) for one in facts]
    for row in np.flatnonzero(~ahead.has_forecast):
        codes[row].add("no_forecast")
    demand = protection_demand(
        Sales(mean, past.quantity, hidden, seed=SEED),
        lead_time_samples=lead_times,
        review_days=stock.review_days,
        on_hand=stock.on_hand - stock.reserved,
        slip_days=np.quantile(lead_times, SLIP_QUANTILE, axis=1),
    )
    # What one bulk order in a product's past says about the next is asked of all products.
    spread = PooledSpread().fit(demand) if learned is None else learned.spread
    demand = spread.transform(demand)
    stock = replace(stock, fill_target=_shared_fills(pks, stock, demand, chosen, past, learned))
    substitutes = links_between(facts, links)
    return Plan(
        facts=facts,
        as_of=as_of,
        stock=stock,
        demand=demand,
        suggestions=suggest(stock, demand, substitutes=substitutes),
        abc=classes,
        xyz=xyz,
        policies=chosen,
        lead_times=lead_times,
        mean=mean.astype(np.float32),
        history=past.quantity,
        censored=hidden,
        has_forecast=ahead.has_forecast,
        substitutes=substitutes,
        spread=spread,
        slip=margin_at_risk(
            stock.on_hand + stock.on_order - stock.reserved, stock.unit_price - stock.unit_cost, demand
        ),
        codes=codes,
    )


def _not_begun(pks: list[int], begun: dict[int, datetime], since: date) -> NDArray[np.bool_]:
    """Days before the first sale, bool [n, days]; all of them for what was never sold."""
    never = HISTORY_DAYS
    first = [(local_date(begun[pk]) - since).days if pk in begun else never for pk in pks]
    return np.asarray(np.arange(HISTORY_DAYS)[None, :] < np.array(first, dtype=np.int64)[:, None])


def _average(quantity: NDArray[np.float32], hidden: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean per day [n] of the last weeks, days on which less than the demand was seen left out."""
    seen = ~hidden[:, -AVERAGE_DAYS:]
    sold = np.where(seen, quantity[:, -AVERAGE_DAYS:], 0.0).sum(axis=1)
    return np.asarray(sold / np.maximum(seen.sum(axis=1), 1), dtype=np.float32)


def _weeks_seen(quantity: NDArray[np.float32], hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pieces per week [n, weeks], from the days that were seen; NaN where they are fewer than four."""
    seen = (~hidden).reshape(len(hidden), -1, 7)
    days = seen.sum(axis=2)
    sold = np.where(seen, quantity.reshape(seen.shape), 0.0).sum(axis=2, dtype=np.float64)
    return np.where(days >= 4, sold * 7 / np.maximum(days, 1), np.nan)


def lead_time_samples(facts: list[Facts], receipts: Receipts, *, size: int = PATHS) -> NDArray[np.float32]:
    """Lead times in days [n, size], drawn from what the offer's supplier delivered, else from what was agreed.

    All receipts of a supplier count, also those of products that are not asked for, and the luck is the product's own:
    so it makes no difference which others are asked for.
    """
    suppliers = [-1 if one.offer is None else one.offer.supplier_id for one in facts]
    numbers = {pk: number for number, pk in enumerate(sorted({*suppliers, *receipts.suppliers} - {-1, 0}))}
    place = {one.pk: row for row, one in enumerate(facts)}
    model = LeadTimes().fit(
        receipts.days,
        np.array([place.get(product, -1) for product in receipts.products], dtype=np.int64),
        suppliers=[numbers.get(pk, -1) for pk in suppliers],
        promised_days=promised_days(facts),
        receipt_suppliers=[numbers.get(pk, -1) for pk in receipts.suppliers],
    )
    return model.sample(size, seed=SEED, keys=[one.pk for one in facts])


def _stock(
    facts: list[Facts],
    chosen: list[StockPolicy],
    mean: NDArray[Any],
    quantity: NDArray[np.float32],
    censored: NDArray[np.bool_],
    as_of: date,
) -> StockPosition:
    sold = quantity > 0
    # Only days on which it could be bought tell anything: what has just come back is not silent.
    after = np.cumsum(sold[:, ::-1], axis=1)[:, ::-1] == 0
    last = (after & ~censored).sum(axis=1).astype(np.float64)
    # From the first sale on.
    begun = np.cumsum(sold, axis=1) > 0
    open_days = (begun & ~censored).sum(axis=1)
    rate = np.where(open_days > 0, sold.sum(axis=1) / np.maximum(open_days, 1), np.nan)
    due = [one.next_receipt for one in facts]
    target = [policy.target for policy in chosen]
    kinds = [policy.target_kind for policy in chosen]
    kind = StockPolicy.Target
    return StockPosition.build(
        on_hand=[one.on_hand for one in facts],
        on_order=[one.on_order for one in facts],
        reserved=[one.reserved for one in facts],
        unit_cost=[one.unit_cost for one in facts],
        unit_price=[one.price for one in facts],
        demand_daily=mean.mean(axis=1),
        moq=offer_numbers(facts, "moq", 1.0),
        pack_size=offer_numbers(facts, "pack_size", 1.0),
        shelf_life_days=offer_numbers(facts, "shelf_life_days", float("nan")),
        review_days=[float(policy.review_days) for policy in chosen],
        order_cost=[float(policy.order_cost) for policy in chosen],
        holding_rate=[policy.holding_rate for policy in chosen],
        service_target=[t if k == kind.SERVICE else float("nan") for t, k in zip(target, kinds, strict=True)],
        fill_target=[t if k == kind.FILL else float("nan") for t, k in zip(target, kinds, strict=True)],
        days_since_sale=last,
        sale_rate=rate,
        receipt_in_days=[float("nan") if day is None else float((day - as_of).days) for day in due],
        policy=[policy.policy for policy in chosen],
        price_breaks=[None if one.offer is None else _breaks(one.offer.price_breaks) for one in facts],
    )


def _breaks(rows: Any) -> list[tuple[float, float]] | None:
    return [(float(least), float(cost)) for least, cost in rows] if rows else None
