"""What the forecast pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import CHART_SCRIPTS

from ..csv_files import BadFile, Imported, file_lines
from ..models import ForecastChange

START = "ecomai_runs.start_run"


class PageMixin:
    """Pages of our own inside the stock admin."""

    admin_site: Any
    opts: Any

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """A page with the site's context."""
        request.current_app = self.admin_site.name
        base = {**self.admin_site.each_context(request), "opts": self.opts, "chart_scripts": CHART_SCRIPTS}
        return TemplateResponse(request, template, {**base, **context})

    def url(self, name: str, *args: Any) -> str:
        """Address of a page of this app; empty where this site leaves it out."""
        try:
            return reverse(f"admin:ecomai_forecast_{name}", args=args, current_app=self.admin_site.name)
        except NoReverseMatch:
            return ""

    def train_context(self, request: HttpRequest, channel: str) -> dict[str, Any]:
        """Where "Make forecasts now" is posted to, for those who may."""
        if not request.user.has_perm(START):
            return {}
        try:
            return {
                "train_url": reverse("admin:ecomai_runs_run_start", current_app=self.admin_site.name),
                "train_channel": channel,
            }
        except NoReverseMatch:
            return {}


def undo_message(request: HttpRequest, site: Any, change: ForecastChange | None, text: str = "") -> None:
    """Say what was done (``text``), with the way back."""
    if change is None:
        if text:
            messages.success(request, text)
        return
    try:
        url = reverse("admin:ecomai_forecast_forecastchange_undo", args=[change.pk], current_app=site.name)
    except NoReverseMatch:
        return
    link = format_html('<a href="{}">{}</a>', url, _("Undo…"))
    messages.success(request, format_html("{} {}", text or change.label, link))


def upload_read(request: HttpRequest, site: Any, file: Any, read: Callable[[Iterable[str]], Imported]) -> bool:
    """Import an uploaded file and say what became of it; whether it was written."""
    try:
        result = read(file_lines(file.read()))
    except BadFile as error:
        messages.error(request, str(error))
        return False
    for text in result.errors:
        messages.error(request, text)
    if result.errors:
        more = result.more_errors
        text = _("Nothing was written: correct these lines and upload the file again.")
        if more:
            text += " " + ngettext("%(number)d more line is wrong.", "%(number)d more lines are wrong.", more) % {
                "number": more
            }
        messages.error(request, text)
        return False
    text = ngettext("%(number)d line was read.", "%(number)d lines were read.", result.written)
    undo_message(request, site, result.change, text % {"number": result.written})
    if result.duplicates:
        text = ngettext(
            "%(number)d line stood twice; it was taken once.", "%(number)d lines stood twice; they were taken once.",
            result.duplicates,
        )  # fmt: skip
        messages.warning(request, text % {"number": result.duplicates})
    return True
