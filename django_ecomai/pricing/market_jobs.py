"""The jobs about competitors: thin callers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds


def match(context: Any) -> None:
    """Execute "pricing.match"."""
    from .market_rows import offer_newest
    from .market_stored import market_numbers
    from .services.competitors_import import offers_fetch
    from .services.competitors_matching import matches_find

    fetched = offers_fetch(channel=context.channel)
    if fetched is not None:
        counts = {"read": format_value(fetched.read), "failed": format_value(fetched.failed)}
        context.log(_("%(read)s offers from your adapter, %(failed)s of them not usable.") % counts)
        for one in fetched.verdicts[:20]:
            context.log(f"{one.line}: {one.message}")
    newest = offer_newest(channel=context.channel)
    found = matches_find(channel=context.channel, progress=context.part(0.1, 0.95))
    context.metrics(matches=found.as_dict(), market=market_numbers(channel=context.channel).as_dict())
    context.metrics(newest_offer=newest)
    if found.learned_from:
        context.log(_("Learned from %(n)s decided pairs.") % {"n": format_value(found.learned_from)})
    accepted = found.by_ean + found.by_sku + found.by_title
    counts = {"accepted": format_value(accepted), "proposed": format_value(found.proposed)}
    context.progress(1.0, _("%(accepted)s offers matched, %(proposed)s pairs to decide.") % counts)


def tell(context: Any) -> None:
    """Execute "pricing.market": one e-mail to the addresses in ``PRICING_MARKET_ALERTS``."""
    from .market_alerts import market_digest_send

    context.progress(1.0, market_digest_send(channel=context.channel))


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        "pricing.match",
        JobKind(
            execute=match,
            label=gettext_lazy("Match competitors' offers"),
            page="admin:ecomai_pricing_competitormatch_changelist",
            help=gettext_lazy(
                "Reads your adapter's offers of competitors, finds which product each offer is, and counts for the "
                "start page where you stand."
            ),
            schedule="30 3 * * *",
        ),
    )
    job_kinds.register(
        "pricing.market",
        JobKind(
            execute=tell,
            label=gettext_lazy("Send the alerts about competitors"),
            help=gettext_lazy(
                "One e-mail with who undercuts you, who has sold out and who has become the cheapest. Only with "
                'ECOMAI["PRICING_MARKET_ALERTS"].'
            ),
            schedule="50 5 * * *",
        ),
    )
