"""The context of the start page: everything that its template shows, decided here."""

from __future__ import annotations

import logging
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils import formats, timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import CHART_SCRIPTS, canvas_chart, format_value
from django_ecomai.core.registry import Finding, Period, dashboard_cards, job_kinds
from django_ecomai.runs.models import LiveArtifact

from . import selectors
from .periods import period_choices, period_title
from .setup import SYNC, Step, setup_steps, train_kinds

logger = logging.getLogger("django_ecomai.dashboard")


def page_context(request: HttpRequest, *, period: Period, channels: list[str], admin_site: AdminSite) -> dict[str, Any]:
    """Context for ``ecomai/dashboard/start.html``."""
    links = Links(request, admin_site)
    steps = setup_steps(channel=period.channel)
    runs = selectors.latest_runs()
    stamp = selectors.runs_stamp(runs)
    shown = [links.finding(finding) for finding in selectors.findings(stamp=stamp)]
    may_start = request.user.has_perm("ecomai_runs.start_run")
    sales = selectors.sales(period=period, stamp=stamp)
    facts = selectors.shop_facts(channel=period.channel, stamp=stamp)
    return {
        "period": period,
        "period_title": period_title(period.days),
        "periods": period_choices(current=period),
        "channels": channels if len(channels) > 1 else [],
        "steps": steps if not all(step.done for step in steps) else [],
        "steps_folded": LiveArtifact.objects.filter(channel=period.channel).exists(),
        "steps_done": sum(step.done for step in steps),
        "next_step": _next_step(steps, shown),
        "problems": [entry for entry in shown if entry["level"] in ("error", "warning")],
        "checks": shown,
        "tiles": _tiles(period, facts, links),
        "sales": sales,
        "sales_chart": _sales_chart(sales, period),
        "sales_text": _sales_text(sales, facts),
        "cards": _cards(request),
        "runs": [{**row, "url": links.change("ecomai_runs", "run", row["run"].pk)} for row in runs],
        "runs_url": links.changelist("ecomai_runs", "run"),
        "report": _report(period.channel, links),
        "may_sync": may_start and SYNC in job_kinds and steps[0].done,
        "may_train": may_start and bool(train_kinds()) and steps[1].done,
        "chart_scripts": CHART_SCRIPTS,
    }


class Links:
    """Addresses in this admin site that this user may open; empty for the others."""

    def __init__(self, request: HttpRequest, admin_site: AdminSite) -> None:
        self.request = request
        self.site = admin_site

    def _allowed(self, app_label: str, model_name: str) -> bool:
        try:
            model = apps.get_model(app_label, model_name)
        except LookupError:
            return False
        registered = self.site._registry.get(model)
        return registered is not None and registered.has_view_permission(self.request)

    def _reverse(self, name: str, *args: Any) -> str:
        try:
            return reverse(name, args=args, current_app=self.site.name)
        except NoReverseMatch:
            return ""

    def changelist(self, app_label: str, model_name: str) -> str:
        """The list of a model."""
        allowed = self._allowed(app_label, model_name)
        return self._reverse(f"admin:{app_label}_{model_name}_changelist") if allowed else ""

    def change(self, app_label: str, model_name: str, pk: Any) -> str:
        """The page of a row."""
        allowed = self._allowed(app_label, model_name)
        return self._reverse(f"admin:{app_label}_{model_name}_change", pk) if allowed else ""

    def finding(self, finding: Finding) -> dict[str, Any]:
        """A finding ready to show: its level in words, its next step in prose and commands, its link."""
        words = {"error": _("Problem"), "warning": _("Warning"), "info": _("Note"), "ok": _("Fine")}
        level = finding.level if finding.level in words else "info"
        return {
            "level": level,
            "word": words[level],
            "title": finding.title,
            "detail": finding.detail,
            "steps": selectors.command_parts(finding.next_step),
            "url": self._page(finding.url_name) if finding.url_name else "",
        }

    def _page(self, name: str) -> str:
        """A page by its name; empty when it belongs to a model that this user may not see."""
        url = self._reverse(name)
        if not url:
            return ""
        try:
            owner = getattr(resolve(url).func, "model_admin", None)
        except Resolver404:  # a script prefix of the server's own
            return url
        return "" if owner is not None and not owner.has_view_permission(self.request) else url


def _next_step(steps: list[Step], findings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The worst finding. ``None``: all is well, or the steps of the installation say themselves what is next."""
    installed = all(step.done for step in steps[:2])
    levels = ("error", "warning") if all(step.done for step in steps) else ("error",) if installed else ()
    return next((entry for entry in findings if entry["level"] in levels), None)


def _tiles(period: Period, facts: dict[str, Any], links: Links) -> list[dict[str, Any]]:
    tiles = [
        {
            "label": _("Products"),
            "value": facts["products"],
            "url": links.changelist("ecomai_mirror", "product"),
            "detail": _("without fees and postage"),
        },
        {"label": _("Customers"), "value": facts["customers"], "url": links.changelist("ecomai_mirror", "customer")},
        {"label": _("Orders"), "value": facts["orders"], "url": links.changelist("ecomai_mirror", "order")},
    ]
    for tile in tiles:
        tile["quiet"], tile["value"] = not tile["value"], format_value(tile["value"])
    if facts["first"] and facts["last"]:
        tiles[2]["detail"] = _("%(first)s to %(last)s, without cancelled ones") % {
            "first": formats.date_format(timezone.localtime(facts["first"]), "SHORT_DATE_FORMAT"),
            "last": formats.date_format(timezone.localtime(facts["last"]), "SHORT_DATE_FORMAT"),
        }
    seen = selectors.last_event_at(channel=period.channel)
    tiles.append(
        {
            "label": _("Last visit recorded"),
            "value": _ago(seen) if seen else _("none yet"),
            "url": links.changelist("ecomai_events", "event") if seen else "",
            "quiet": seen is None,
            "words": True,
        }
    )
    models = selectors.live_models(channel=period.channel)
    newest = max((live.artifact.created_at for live in models), default=None)
    until = max((live.artifact.data_until for live in models if live.artifact.data_until), default=None)
    tiles.append(
        {
            "label": _("Model trained"),
            "value": _ago(newest) if newest else _("not yet"),
            "url": links.changelist("ecomai_runs", "artifact") if newest else "",
            "quiet": newest is None,
            "words": True,
            "detail": _("with data until %(date)s")
            % {"date": formats.date_format(timezone.localtime(until), "SHORT_DATE_FORMAT")}
            if until
            else "",
        }
    )
    return tiles


def _ago(moment: Any) -> str:
    if (timezone.now() - moment).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


def _sales_chart(sales: dict[str, Any], period: Period) -> SafeString | str:
    if not sales["count"]:
        return ""
    return canvas_chart(
        kind="bar",
        labels=sales["labels"],
        series=[(_("Orders"), sales["orders"])],
        title=_("Orders per day") if period.days else _("Orders per month"),
        label_heading=_("Day") if period.days else _("Month"),
    )


def _sales_text(sales: dict[str, Any], facts: dict[str, Any]) -> str:
    if sales["count"]:
        orders = ngettext("%(number)s order", "%(number)s orders", sales["count"])
        parts = [orders % {"number": format_value(sales["count"])}]
        parts += [selectors.money(amount, currency) for amount, currency in sales["revenue"][:3]]
        return " · ".join(parts)
    if facts["last"]:
        date = formats.date_format(timezone.localtime(facts["last"]), "DATE_FORMAT")
        return _("No orders in this period. The last one is from %(date)s.") % {"date": date}
    return _("No orders have been copied yet.")


def _report(channel: str, links: Links) -> dict[str, Any] | None:
    found = selectors.latest_report(channel=channel)
    if found:
        found["url"] = links.change("ecomai_mirror", "syncreport", found["report"].pk)
        found["ago"] = _ago(found["report"].finished_at)
    return found


def _cards(request: HttpRequest) -> list[dict[str, Any]]:
    """What other capabilities show here. One that fails says so in its place and hurts nothing else."""
    shown = []
    for name, card in sorted(dashboard_cards.items(), key=lambda item: item[1].order):
        if card.permission and not request.user.has_perm(card.permission):
            continue
        body = ""
        try:
            with transaction.atomic():  # its database error must not end the shop's own transaction
                body = render_to_string(card.template, card.context(request), request=request)
        except Exception:  # other apps' code on a page that shows many of them
            logger.exception("The start page's card %s failed.", name)
        shown.append({"name": name.replace(".", "-"), "title": card.title, "body": body, "of_period": card.of_period})
    return shown
