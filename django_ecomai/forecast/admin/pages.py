"""What the forecast pages share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_ecomai.core.charts import CHART_SCRIPTS
from django_ecomai.core.undo import Row, rows_of

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


class RecordedMixin:
    """Saving and deleting are changes that are kept, and said with their way back."""

    admin_site: Any
    model: Any

    def keep_changed(self, obj: Any, *, before: list[Row], user: Any) -> ForecastChange | None:
        """Keep that ``obj`` was made or changed, with how it stood ``before``."""
        raise NotImplementedError

    def keep_deleted(self, obj: Any, *, user: Any) -> ForecastChange | None:
        """Delete ``obj`` so that it can be brought back."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With how it stood before."""
        before = rows_of(self.model.objects.filter(pk=obj.pk)) if change else []
        super().save_model(request, obj, form, change)  # type: ignore[misc]
        made = self.keep_changed(obj, before=before, user=request.user)
        if change:
            undo_message(request, self.admin_site, made)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Can be undone."""
        undo_message(request, self.admin_site, self.keep_deleted(obj, user=request.user))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one, so that each can be undone by itself; all or none."""
        with transaction.atomic():
            for obj in queryset:
                self.keep_deleted(obj, user=request.user)


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
