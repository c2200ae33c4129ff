"""The job that goes through all products: fills the ledger from the mirror's price history, and repairs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds
from django_ecomai.mirror.models import Category, Product, Promotion
from django_ecomai.runs.models import Run

from .histories import narrow_promotions
from .ledger import CHUNK, price_record


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


def ledger_fill(
    *, channel: str, whole: bool = False, progress: Callable[[float, str], None] | None = None
) -> tuple[int, int]:
    """Work out the reductions of every product of a channel; returns how many products and how many rows written.
    ``whole``: see ``price_record``."""
    rows = Product.objects.filter(channel=channel, is_service=False).order_by("pk")
    total, done, written, last = rows.count(), 0, 0, 0
    while keys := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:CHUNK]):
        written += price_record(products=keys, whole=whole)
        last, done = keys[-1], done + len(keys)
        if progress is not None:
            progress(done / max(total, 1), "")
    return done, written


def execute(context: Any) -> None:
    """Execute "pricing.ledger". The first time, and with the parameter ``whole``, the whole past is worked out; later
    what can still matter."""
    before = Run.objects.filter(kind="pricing.ledger", channel=context.channel, state=Run.State.DONE)
    whole = bool(context.parameters.get("whole")) or not before.exists()
    done, written = ledger_fill(channel=context.channel, whole=whole, progress=context.part(0.0, 0.98))
    context.metrics(ledger={"products": done, "written": written})
    text = ngettext(
        "%(rows)s reduction written or corrected, in the prices of %(products)s products.",
        "%(rows)s reductions written or corrected, in the prices of %(products)s products.",
        written,
    )
    context.progress(1.0, text % {"rows": format_value(written), "products": format_value(done)})


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        "pricing.ledger",
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
