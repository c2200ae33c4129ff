"""The jobs of this app: thin callers; numpy and the rest are imported when they run."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds


def propose(context: Any) -> None:
    """Execute "pricing.propose"; parameter: ``dry_run``."""
    from .services.propose import proposals_make

    report = proposals_make(
        channel=context.channel,
        run_number=context.run.pk,
        dry_run=bool(context.parameters.get("dry_run")),
        progress=context.part(0.0, 0.99),
    )
    context.metrics(pricing=report.as_dict())
    for code, number in sorted(report.held.items()):
        context.log(f"{code}: {number}")
    for code, number in sorted(report.reasons.items()):
        context.log(f"elasticity {code}: {number}")
    if not report.products:
        context.progress(1.0, _("No product is on sale: sync your shop first."))
        return
    text = ngettext(
        "%(number)s price of %(products)s should change.",
        "%(number)s prices of %(products)s should change.",
        report.proposals,
    )
    named = {"number": format_value(report.proposals), "products": format_value(report.products)}
    context.progress(1.0, text % named)


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        "pricing.propose",
        JobKind(
            execute=propose,
            label=gettext_lazy("Work out prices"),
            help=gettext_lazy(
                "Learns how demand answers to prices, and proposes prices within your rules and limits, for you to "
                "decide."
            ),
            schedule="30 5 * * *",
        ),
    )
