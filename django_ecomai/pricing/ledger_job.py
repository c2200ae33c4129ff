"""The job that goes through all products: fills the ledger from the mirror's price history, and repairs it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds
from django_ecomai.mirror.models import Category, Product, Promotion
from django_ecomai.runs.services import run_start

from .histories import narrow_promotions
from .ledger_walk import walk_ask, walk_on, walks_open
from .models import LedgerWalk

KIND = "pricing.ledger"
#: Seconds that one run works; the next hour goes on where it stopped.
LONGEST = 30 * 60.0
What = LedgerWalk.What


def promoted(*, promotions: Sequence[int], channel: str, most: int, categories: Sequence[int] = ()) -> list[int]:
    """Keys of up to ``most`` products that these promotions cover, or that stand in these categories; those of
    categories below included."""
    everything = Product.objects.filter(channel=channel, removed_at=None).order_by("pk")
    if narrow_promotions(promotions) < set(promotions):
        return list(everything.values_list("pk", flat=True)[:most])
    named = Promotion.products.through.objects.filter(promotion_id__in=promotions)
    products = set(named.order_by("pk").values_list("product_id", flat=True)[:most])
    links = Promotion.categories.through.objects.filter(promotion_id__in=promotions)
    above = {*categories, *links.values_list("category_id", flat=True)}
    if above:
        parents = dict(Category.objects.filter(channel=channel).values_list("pk", "parent_id"))
        below = {pk for pk in parents if _stands_below(pk, above, parents)}
        found = everything.filter(categories__in=below).distinct()
        products.update(found.values_list("pk", flat=True)[:most])
    return sorted(products)[:most]


def _stands_below(category: int | None, above: set[int], parents: Mapping[int, int | None]) -> bool:
    seen: set[int] = set()
    while category is not None and category not in seen:
        if category in above:
            return True
        seen.add(category)
        category = parents.get(category)
    return False


@dataclass
class Filled:
    """What a run has done: products gone through (the most of both walks), rows written or corrected, and how many
    products are ``left`` for the next run."""

    products: int = 0
    written: int = 0
    left: int = 0


def ledger_fill(
    *,
    channel: str,
    afresh: bool = True,
    longest: float | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Filled:
    """Bring the reductions of a channel up to date for ``longest`` seconds at most (default: ``LONGEST``), and at least
    a part: first what runs, the products on sale before the others, then the past of what was never worked out.

    It goes on where the last call stopped, whatever ended that. ``afresh`` looks at all products where there is nothing
    to go on with.
    """
    deadline = time.monotonic() + (LONGEST if longest is None else longest)

    def heard(begin: float, end: float, text: str) -> Callable[[int, int], None] | None:
        if progress is None:
            return None

        def hear(done: int, total: int) -> None:
            numbers = {"done": format_value(done), "all": format_value(total)}
            progress(begin + (end - begin) * done / max(total, 1), text % numbers)

        return hear

    has_past = _past_walks(channel)
    running = walk_on(
        channel=channel, what=What.RUNNING, deadline=deadline, afresh=afresh,
        progress=heard(0.0, 0.3 if has_past else 1.0, _("What runs: %(done)s of %(all)s products")),
    )  # fmt: skip
    if running.left or not has_past:
        return Filled(running.products, running.written, running.left)
    past = walk_on(
        channel=channel, what=What.PAST, deadline=deadline,
        progress=heard(0.3, 1.0, _("The past: %(done)s of %(all)s products")),
    )  # fmt: skip
    return Filled(max(running.products, past.products), running.written + past.written, past.left)


def _past_walks(channel: str) -> bool:
    """Whether the past is still to be worked out. Without promotions the first walk has read all of it."""
    row = LedgerWalk.objects.filter(channel=channel, what=What.PAST).first()
    if row is None and not Promotion.objects.filter(channel=channel, kind=Promotion.Kind.DISCOUNT).exists():
        return False
    return row is None or row.walking is not None or row.filled < row.asked


def execute(context: Any) -> None:
    """Execute "pricing.ledger". Parameters: ``whole``: the whole past is worked out again; ``go_on``: only what is
    under way or was asked for."""
    whole = bool(context.parameters.get("whole"))
    if whole:
        walk_ask(channel=context.channel, what=What.PAST)
    afresh = not whole and not context.parameters.get("go_on")
    found = ledger_fill(channel=context.channel, afresh=afresh, progress=context.part(0.0, 0.98))
    context.metrics(ledger=asdict(found))
    text = ngettext(
        "%(rows)s reduction written or corrected, in the prices of %(products)s products.",
        "%(rows)s reductions written or corrected, in the prices of %(products)s products.",
        found.written,
    )
    told = text % {"rows": format_value(found.written), "products": format_value(found.products)}
    if found.left:
        more = ngettext(
            "%(number)s product follows within the next hours.",
            "%(number)s products follow within the next hours.",
            found.left,
        )
        told = f"{told} {more % {'number': format_value(found.left)}}"
    context.progress(1.0, told)


def ledger_go_on(*, channel: str) -> None:
    """Start the job where a walk has not come to its end; called every hour."""
    if walks_open(channel=channel).exists():
        run_start(kind=KIND, channel=channel, parameters={"go_on": True})


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        KIND,
        JobKind(
            execute=execute,
            label=gettext_lazy("Bring the price reductions up to date"),
            page="admin:ecomai_pricing_pricereduction_changelist",
            help=gettext_lazy(
                "Works out from the price history when each reduction began and the lowest price of the 30 days before."
            ),
            schedule="35 3 * * *",
        ),
    )
