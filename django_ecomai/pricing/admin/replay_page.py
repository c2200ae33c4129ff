"""The page "what would last month have earned": the result of the last replay, and the button for another."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import bar_chart, format_value
from django_ecomai.pricing import words
from django_ecomai.pricing.asked import channel_asked, of_channel
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.worklist import costs_simulated
from django_ecomai.runs.models import Run
from django_ecomai.runs.services import run_start

from .base import LOOK_BACK, START

KIND = "pricing.replay"
WEEKS = (4, 8, 13)
SHOWN = 20


class ReplayPage:
    """Mixed into the worklist's admin."""

    admin_site: Any
    opts: Any
    link: Any
    price_links: Any

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """GET: the last result. POST ``weeks``: start another."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        channel = channel_asked(request)
        here = of_channel(self.link("ecomai_pricing_priceproposal_replay"), channel)
        if request.method == "POST":
            if not request.user.has_perm(START):
                raise PermissionDenied
            asked = request.POST.get("weeks", "")
            weeks = int(asked) if asked in {str(one) for one in WEEKS} else WEEKS[0]
            run = run_start(kind=KIND, channel=channel, parameters={"weeks": weeks}, user=request.user)
            return HttpResponseRedirect(self.link("ecomai_runs_run_change", run.pk) or here)
        runs = Run.objects.filter(kind=KIND, channel=channel).order_by("-pk")
        last = runs.filter(state=Run.State.DONE).first()
        found = (last.metrics or {}).get("replay") if last is not None else None
        context = {
            **self.admin_site.each_context(request),
            "title": LOOK_BACK,
            "price_links": self.price_links(request),
            "opts": self.opts,
            "found": found,
            "span": _span(found) if found else "",
            "changed": _changed(found) if found else "",
            "money": [_money(currency, sums, found or {}) for currency, sums in (found or {}).get("money", {}).items()],
            "busy": runs.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING]).first(),
            "weeks": WEEKS,
            "simulated": costs_simulated(channel=channel),
            "may_start": request.user.has_perm(START),
            "here": here,
            "list_url": of_channel(self.link("ecomai_pricing_priceproposal_changelist"), channel),
        }
        return TemplateResponse(request, "ecomai/pricing/admin/replay.html", context)


def _span(found: dict[str, Any]) -> tuple[date | None, date | None]:
    return parse_date(str(found.get("since", ""))), parse_date(str(found.get("until", "")))


def _changed(found: dict[str, Any]) -> str:
    return _("%(changed)s of %(products)s products would have had another price.") % {
        "changed": format_value(found.get("changed", 0)),
        "products": format_value(found.get("products", 0)),
    }


def _shown(number: int, changed: int) -> str:
    text = ngettext(
        "The %(shown)s largest difference, gains and losses, of %(all)s changed price.",
        "The %(shown)s largest differences, gains and losses, of %(all)s changed prices.",
        changed,
    )
    return text % {"shown": format_value(number), "all": format_value(changed)}


def _money(currency: str, sums: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """One currency: figures, a picture of the largest differences, and their table."""
    between = _("%(low)s to %(high)s") % {
        "low": words.signed_money(sums["gain_low"], ""), "high": words.signed_money(sums["gain_high"], "")
    }  # fmt: skip
    rows = sums.get("rows", [])[:SHOWN]
    changed = max(int(found.get("changed", 0)), len(rows))
    best = [(row[1], row[4]) for row in rows if row[4] > 0][:10]
    return {
        "currency": currency,
        "figures": [
            (_("Profit as it was, of these products"), words.money(sums["profit"], currency), ""),
            (_("More profit with the proposed prices"), words.signed_money(sums["gain"], currency), between),
            (_("More revenue"), words.signed_money(sums["revenue_gain"], currency), ""),
        ],
        "picture": bar_chart(
            best,
            title=_("The largest gains of profit (%(currency)s)") % {"currency": currency},
            width=640,
            label_width=300,
            unit=currency,
        )
        if best
        else "",
        "shown": _shown(len(rows), changed),
        "rows": [
            {
                "title": title,
                "old": exact_amount(old, currency, named=False),
                "new": exact_amount(new, currency),
                "gain": words.signed_money(gain, currency),
            }
            for _ident, title, old, new, gain in rows
        ],
    }
