"""The jobs of this app: thin callers; numpy and the rest are imported when they run."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds


def replenish(context: Any) -> None:
    """Execute "inventory.replenish"; parameter: ``dry_run``."""
    from .models import Suggestion
    from .services.replenish import suggestions_make

    report = suggestions_make(
        channel=context.channel,
        run_number=context.run.pk,
        dry_run=bool(context.parameters.get("dry_run")),
        progress=context.part(0.0, 0.95),
    )
    context.metrics(replenishment=report.as_dict())
    for status, number in sorted(report.statuses.items()):
        context.log(f"{Suggestion.Status(status).label}: {number}")
    if report.without_forecast:
        context.log(
            ngettext(
                "%(number)d product has no forecast yet: its average of the last eight weeks stands in.",
                "%(number)d products have no forecast yet: their averages of the last eight weeks stand in.",
                report.without_forecast,
            )
            % {"number": report.without_forecast}
        )
    if not report.products:
        context.progress(1.0, _("No product with a counted stock: map `stock` in your adapter, then sync."))
        return
    named = {"orders": format_value(report.to_order), "products": format_value(report.products)}
    context.progress(1.0, _("%(orders)s of %(products)s products should be ordered.") % named)


def find_substitutes(context: Any) -> None:
    """Execute "inventory.substitutes"."""
    from .services.substitutions import substitutions_find

    found = substitutions_find(channel=context.channel, progress=context.part(0.0, 0.95))
    context.metrics(substitutes=found.as_dict())
    text = ngettext(
        "%(new)s new pair of products that stand in for each other, %(open)s to decide.",
        "%(new)s new pairs of products that stand in for each other, %(open)s to decide.",
        found.new,
    )
    context.progress(1.0, text % {"new": format_value(found.new), "open": format_value(found.open)})


def alert(context: Any) -> None:
    """Execute "inventory.alert": one e-mail to the addresses in ``INVENTORY_ALERTS``."""
    from .digest import digest_send

    sent = digest_send(channel=context.channel)
    context.progress(1.0, sent)


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        "inventory.replenish",
        JobKind(
            execute=replenish,
            label=gettext_lazy("Work out what to order"),
            page="admin:ecomai_inventory_suggestion_changelist",
            help=gettext_lazy("Compares stock, forecast and lead times, and renews the replenishment worklist."),
            schedule="15 5 * * *",
        ),
    )
    job_kinds.register(
        "inventory.substitutes",
        JobKind(
            execute=find_substitutes,
            label=gettext_lazy("Look for substitutes"),
            page="admin:ecomai_inventory_substitution_changelist",
            help=gettext_lazy(
                "Looks for products that were bought instead of each other while one was sold out, for you to decide."
            ),
            schedule="30 4 * * 0",
        ),
    )
    job_kinds.register(
        "inventory.alert",
        JobKind(
            execute=alert,
            label=gettext_lazy("Send the stock alerts"),
            help=gettext_lazy(
                "One e-mail with what sold out, piled up, suddenly sells, or does not sell although it is in stock. "
                'Only with ECOMAI["INVENTORY_ALERTS"].'
            ),
            schedule="45 5 * * *",
        ),
    )
