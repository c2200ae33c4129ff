"""The job behind an approval of many prices: puts these into the shop, and no others; shows how far it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds

from .journal import log_about, log_text
from .models import PriceProposal
from .services.apply import proposals_apply
from .services.decide import reason_of

KIND = "pricing.apply"
#: More prices than this are written by the job, not within a request.
AT_ONCE = 30
APPLY = "ecomai_pricing.apply_priceproposal"


def execute(context: Any) -> None:
    """Execute "pricing.apply"; parameters: ``user``, the key of who may do it, and what: ``batches`` of approvals or
    the keys of ``proposals``. Others that are approved wait on.

    Raises ``PermissionDenied`` where nobody who has the right is named, or who has started it has it not: whoever may
    start jobs need not have it; and where nothing is named.
    """
    user = get_user_model()._default_manager.filter(pk=context.parameters.get("user")).first()
    # Whoever repeats the job of somebody else needs the right himself.
    asking = [user, *([] if context.run.started_by is None else [context.run.started_by])]
    if not all(one is not None and one.is_active and one.has_perm(APPLY) for one in asking):
        raise PermissionDenied(_("Approve prices in their list: that puts them into the shop, if you may."))

    def progress(done: int, number: int) -> None:
        told = {"done": format_value(done), "all": format_value(number)}
        context.progress(0.99 * done / max(number, 1), _("%(done)s of %(all)s prices") % told)

    found = proposals_apply(pks=_named(context), channel=context.channel, user=user, progress=progress)
    numbers = found.as_dict()
    for row in found.problems:
        context.log(log_about(row.product, reason_of(row)))
    context.metrics(applied=numbers)
    text = _("%(applied)s prices are in the shop; %(stale)s were overtaken, %(failed)s failed.")
    told = text % {name: format_value(number) for name, number in numbers.items()}
    if left := found.counts["unread"]:
        told += " " + _("%(unread)s wait: the log says for what.") % {"unread": format_value(left)}
    context.progress(1.0, told)


def apply_parameters(*, user: Any, rows: Iterable[PriceProposal], batches: bool = True) -> dict[str, Any]:
    """Parameters of a job that puts these rows into the shop: all approvals of their ``batches`` (one is one
    confirmation), else these alone."""
    if not batches:
        return {"user": user.pk, "proposals": [row.pk for row in rows]}
    return {"user": user.pk, "batches": sorted({row.batch for row in rows})}


def _named(context: Any) -> set[int]:
    """Keys of the approved rows that the parameters name."""
    batches, keys = context.parameters.get("batches"), context.parameters.get("proposals")
    if not isinstance(batches, list) and not isinstance(keys, list):
        raise PermissionDenied(_("Approve prices in their list: that puts them into the shop, if you may."))
    waiting = PriceProposal.objects.filter(channel=context.channel, state=PriceProposal.State.APPROVED)
    found: set[int] = set()
    for column, values in (("batch__in", batches or []), ("pk__in", keys or [])):
        for begin in range(0, len(values), 900):
            found |= set(waiting.filter(**{column: values[begin : begin + 900]}).values_list("pk", flat=True))
    return found


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        KIND,
        JobKind(
            execute=execute,
            label=gettext_lazy("Put approved prices into the shop"),
            page="admin:ecomai_pricing_pricechange_changelist",
            help=gettext_lazy("Started by approving many prices at once."),
            log_words=log_text,
        ),
    )
