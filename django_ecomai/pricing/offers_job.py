"""The weekly job: prices for more pieces, and how price-sensitive parts of the trade are."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds

KIND = "pricing.offers"


def execute(context: Any) -> None:
    """Execute "pricing.offers"; parameter: ``segments`` (default true), whether parts of the trade are compared too."""
    from .segments import segments_learn
    from .services.volume_offers import offers_make

    report = offers_make(channel=context.channel, run_number=context.run.pk, progress=context.part(0.0, 0.7))
    context.metrics(offers=report.as_dict())
    for code, number in sorted(report.reasons.items()):
        context.log(f"{code}: {number}")
    if context.parameters.get("segments", True):
        context.metrics(segments=segments_learn(channel=context.channel, progress=context.part(0.7, 0.99)))
    if not report.products:
        context.progress(1.0, _("No product has a price elasticity yet: work out prices first."))
        return
    named = {"breaks": format_value(report.breaks), "bundles": format_value(report.bundles)}
    context.progress(1.0, _("%(breaks)s quantity breaks and %(bundles)s bundles are suggested.") % named)


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        KIND,
        JobKind(
            execute=execute,
            label=gettext_lazy("Work out volume prices"),
            page="admin:ecomai_pricing_volumeoffer_changelist",
            help=gettext_lazy(
                "Suggests quantity breaks and bundles, and compares how price-sensitive regions, tiers and sizes of "
                "orders are."
            ),
            schedule="40 6 * * 1",
        ),
    )
