"""The jobs behind one confirmation of many prices: approve them, or take them back."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds
from django_ecomai.runs.exceptions import WorkKept
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .apply_job import KIND as APPLY_KIND
from .journal import log_line, log_text
from .models import PriceSelection
from .services.selections import Came, selection_applies, selection_execute

KINDS = {PriceSelection.Kind.APPROVE.value: "pricing.approve", PriceSelection.Kind.UNDO.value: "pricing.undo"}
#: Prices that are decided within a request at most; more are a job's.
AT_ONCE = {PriceSelection.Kind.APPROVE.value: 5_000, PriceSelection.Kind.UNDO.value: 30}


def execute(context: Any) -> None:
    """Execute "pricing.approve" or "pricing.undo"; parameter: ``selection``, the key of what was confirmed.

    Raises ``PermissionDenied`` where nothing confirmed is named, and when who confirmed it may not do it any more:
    whoever starts or repeats the job decides nothing by that.
    """
    rows = PriceSelection.objects.select_related("confirmed_by")
    key = context.parameters.get("selection")
    selection = rows.filter(pk=key, channel=context.channel).first() if isinstance(key, int) else None
    if selection is None or selection.confirmed_at is None or KINDS[selection.kind] != context.run.kind:
        raise PermissionDenied(_("Choose prices in their list and confirm what is to be done: that starts this job."))

    def progress(done: int, number: int) -> None:
        told = {"done": format_value(done), "all": format_value(number)}
        context.progress(0.99 * done / max(number, 1), _("%(done)s of %(all)s prices") % told)

    try:
        came = selection_execute(selection=selection, progress=progress)
    except PermissionDenied as error:
        raise WorkKept(str(error)) from error
    for code, number in sorted(came.skipped.items()):
        context.log(log_line("left_out", number=format_value(number), short=code))
    context.metrics(decided=came.as_dict())
    apply_what_is_due(selection)
    context.progress(1.0, came_words(selection, came))


def selection_start(selection: PriceSelection) -> Run:
    """Start the job of a confirmed selection; once more, where it was cancelled or has failed. A second start while it
    runs gives the same run."""
    run = run_start(
        kind=KINDS[selection.kind], channel=selection.channel, parameters={"selection": selection.pk},
        user=selection.confirmed_by,
    )  # fmt: skip
    PriceSelection.objects.filter(pk=selection.pk).update(run_number=run.pk)
    selection.run_number = run.pk
    return run


def apply_what_is_due(selection: PriceSelection) -> Run | None:
    """Start the job that puts what was approved into the shop, if that may be."""
    if not selection_applies(selection):
        return None
    parameters = {"user": selection.confirmed_by_id, "batches": [selection.batch]}
    return run_start(kind=APPLY_KIND, channel=selection.channel, parameters=parameters, user=selection.confirmed_by)


def came_words(selection: PriceSelection, came: Came) -> str:
    """What became of it in one sentence."""
    named = {name: format_value(value) for name, value in (
        ("done", came.done), ("first", came.first), ("left", came.left_out), ("waiting", came.waiting)
    )}  # fmt: skip
    if selection.kind == PriceSelection.Kind.UNDO:
        text = _("%(done)s prices were taken back, %(left)s were left out.") % named
    elif came.first:
        text = _("%(done)s approved, %(first)s have their first approval, %(left)s were left out.") % named
    else:
        text = _("%(done)s approved, %(left)s were left out.") % named
    return f"{text} {_('%(waiting)s were not looked at.') % named}" if came.waiting else text


def register() -> None:
    """Called once from ``ready()``."""
    page = "admin:ecomai_pricing_priceproposal_selections"
    job_kinds.register(
        KINDS["approve"],
        JobKind(
            execute=execute,
            label=gettext_lazy("Approve many prices"),
            page=page,
            help=gettext_lazy("Started by approving more prices at once than a page can."),
            log_words=log_text,
        ),
    )
    job_kinds.register(
        KINDS["undo"],
        JobKind(
            execute=execute,
            label=gettext_lazy("Take back many prices"),
            page=page,
            help=gettext_lazy("Started by taking back more prices at once than a page can."),
            log_words=log_text,
        ),
    )
