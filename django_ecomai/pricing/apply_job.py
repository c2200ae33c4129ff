"""The job behind an approval of many prices: puts them into the shop, and shows how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds

from .models import PriceProposal
from .services import changes_apply

KIND = "pricing.apply"
PART = 100
APPLY = "ecomai_pricing.apply_priceproposal"


def execute(context: Any) -> None:
    """Execute "pricing.apply"; parameter: ``user``, the key of who may do it.

    Raises ``PermissionDenied`` where that is nobody who has the right: whoever may start jobs need not have it.
    """
    user = get_user_model()._default_manager.filter(pk=context.parameters.get("user")).first()
    if user is None or not user.has_perm(APPLY):
        raise PermissionDenied(_("Approve prices in their list: that puts them into the shop, if you may."))
    waiting = PriceProposal.objects.filter(channel=context.channel, state=PriceProposal.State.APPROVED)
    pks = list(waiting.order_by("pk").values_list("pk", flat=True))
    numbers = {"applied": 0, "stale": 0, "failed": 0}
    for begin in range(0, len(pks), PART):
        part = PriceProposal.objects.filter(pk__in=pks[begin : begin + PART])
        found = changes_apply(proposals=part.only("pk"), channel=context.channel, user=user)
        for name, number in found.as_dict().items():
            numbers[name] += number
        for row in [*found.stale, *found.failed]:
            context.log(f"{row.product}: {row.held_reason}")
        done = min(begin + PART, len(pks))
        named = {"done": format_value(done), "all": format_value(len(pks))}
        context.progress(0.99 * done / len(pks), _("%(done)s of %(all)s prices") % named)
    context.metrics(applied=numbers)
    text = _("%(applied)s prices are in the shop; %(stale)s were overtaken, %(failed)s failed.")
    context.progress(1.0, text % {name: format_value(number) for name, number in numbers.items()})


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        KIND,
        JobKind(
            execute=execute,
            label=gettext_lazy("Put approved prices into the shop"),
            page="admin:ecomai_pricing_pricechange_changelist",
            help=gettext_lazy("Started by approving many prices at once."),
        ),
    )
