"""The jobs of this app: thin callers; numpy and the rest are imported when they run."""

from __future__ import annotations

from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.charts import format_value
from django_ecomai.core.registry import JobKind, job_kinds

from .journal import log_text, log_why


def propose(context: Any) -> None:
    """Execute "pricing.propose"; parameters: ``dry_run``, ``learn`` (elasticities too, however young they are)."""
    from .held import reason_text
    from .models.elasticities import Reason
    from .services.propose import proposals_make

    report = proposals_make(
        channel=context.channel,
        run_number=context.run.pk,
        dry_run=bool(context.parameters.get("dry_run")),
        learn_again=bool(context.parameters.get("learn")),
        progress=context.part(0.0, 0.99),
    )
    context.metrics(pricing=report.as_dict())
    if report.learned_at is not None:
        moment = date_format(localtime(report.learned_at), "SHORT_DATETIME_FORMAT")
        context.log(_("How demand answers to prices was learned last: %(moment)s.") % {"moment": moment})
    for code, number in sorted(report.held.items()):
        named = {"number": format_value(number), "why": reason_text(code)}
        context.log(_("Held back, %(number)s: %(why)s") % named)
    labels = dict(Reason.choices)
    for code, number in sorted(report.reasons.items()):
        named = {"number": format_value(number), "why": str(labels.get(code, code))}
        context.log(_("Without a price elasticity of their own, %(number)s: %(why)s.") % named)
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


def watch(context: Any) -> None:
    """Execute "pricing.watch". Errors keep nothing else back, and fail the run at its end."""
    from django_ecomai.runs.exceptions import WorkKept

    from .ledger_job import ledger_go_on
    from .services.volume_offers_decide import offers_check
    from .services.watch import prices_watch

    found = prices_watch(channel=context.channel)
    for row in offers_check(channel=context.channel)[:100]:
        context.log(f"{row}: {row.held_reason or row.what}")
    context.metrics(watch=found.as_dict())
    for one in found.messages[:100]:
        context.log(log_why(one))
    ledger_go_on(channel=context.channel)
    named = {"applied": format_value(found.applied), "back": format_value(found.rolled_back)}
    context.progress(1.0, _("%(applied)s prices put into the shop, %(back)s rolled back.") % named)
    if found.errors:
        text = ngettext(
            "An error stopped %(n)s thing, which the log names; the rest was done.",
            "Errors stopped %(n)s things, which the log names; the rest was done.",
            found.errors,
        )
        raise WorkKept(text % {"n": format_value(found.errors)})


def play(context: Any) -> None:
    """Execute "pricing.replay"; parameter: ``weeks`` (default 4)."""
    from .replay import replay

    weeks = int(context.parameters.get("weeks") or 4)
    found = replay(channel=context.channel, weeks=weeks, progress=context.part(0.0, 0.99))
    context.metrics(replay=found.as_dict())
    named = {"changed": format_value(found.changed), "products": format_value(found.products)}
    context.progress(1.0, _("An estimate: %(changed)s of %(products)s prices would have been different.") % named)


def register() -> None:
    """Called once from ``ready()``."""
    job_kinds.register(
        "pricing.propose",
        JobKind(
            execute=propose,
            label=gettext_lazy("Work out prices"),
            page="admin:ecomai_pricing_priceproposal_changelist",
            help=gettext_lazy(
                "Proposes prices within your rules and limits, for you to decide. How demand answers to prices is "
                "learned first where that was a week ago."
            ),
            schedule="30 5 * * *",
        ),
    )
    job_kinds.register(
        "pricing.watch",
        JobKind(
            execute=watch,
            label=gettext_lazy("Watch prices"),
            page="admin:ecomai_pricing_pricechange_changelist",
            help=gettext_lazy(
                "Puts scheduled prices into the shop, takes back those that earn less than expected, and brings price "
                "tests into their next week."
            ),
            schedule="20 * * * *",
            log_words=log_text,
        ),
    )
    job_kinds.register(
        "pricing.replay",
        JobKind(
            execute=play,
            label=gettext_lazy("Look back"),
            page="admin:ecomai_pricing_priceproposal_replay",
            help=gettext_lazy("Estimates what prices as they would have been proposed would have earned."),
        ),
    )
