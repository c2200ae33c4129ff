"""Whether those that go first can tell anything: said when they are approved, before weeks of waiting."""

from __future__ import annotations

from django_ecomai.conf import ecomai
from django_ecomai.core.mysql import locked_rows
from django_ecomai.pricing.facts import in_parts
from django_ecomai.pricing.held import NONE, Why, why
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.watching import LOOKS, foreseen

State = PriceProposal.State
#: Of what follows: those that went first sell too little to tell how they do.
UNTOLD = "canary_untold"


def watched_days() -> int:
    """For how long those that go first are looked at."""
    return max(LOOKS[-1], ecomai.PRICING_CANARY_DAYS)


def followers_warn(*, channel: str, batch: str, new: int) -> Why:
    """Note on what follows in a batch, of which ``new`` were just approved, that it will wait for a person, if so
    little is expected of those that go first that it would not show if they sold nothing; returns that reason, or none.

    Parts of a large batch come one by one: what more of them can tell is noted on all. Four queries, and none of them
    reads those that go first once they are known to be enough.
    """
    rows = PriceProposal.objects.filter(channel=channel, batch=batch)
    waiting = rows.filter(is_canary=False, state=State.SCHEDULED)
    if not batch or waiting.filter(held_code="").count() > new:
        return NONE
    names = (
        "product", "family", "made_at", "units_new", "horizon_days", "daily", "old_price", "new_price",
        "elasticity_low", "elasticity_high", "cost", "tax",
    )  # fmt: skip
    first = list(rows.filter(is_canary=True, units_new__isnull=False).only(*names).order_by("pk"))
    days = watched_days()
    everything = foreseen(first, days=days)
    reason = NONE if everything.enough else why(UNTOLD, units=round(everything.expected), days=days)
    # Rows of other parts that somebody is deciding right now are left to him: who holds two parts must not wait here.
    told = locked_rows(waiting.filter(held_code__in=("", UNTOLD)).order_by("pk"), skip=True)
    for part in in_parts(list(told.values_list("pk", flat=True))):
        PriceProposal.objects.filter(pk__in=part).update(held_code=reason.code, held_named=dict(reason.named))
    return reason
