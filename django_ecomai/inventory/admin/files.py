"""The page on which CSV files come in and go out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.urls.resolvers import URLPattern
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.conf import ecomai
from django_ecomai.inventory.tables_in import COLUMNS, MOST_BYTES, NEEDED, FileError, table_import
from django_ecomai.inventory.tables_out import table_csv

TABLES = {
    "suppliers": gettext_lazy("Suppliers"),
    "supplier_products": gettext_lazy("Suppliers' products"),
    "receipts": gettext_lazy("Receipts"),
    "substitutions": gettext_lazy("Substitutes"),
}
# What a file of each table may need: adding and changing rows of its model.
PERMISSIONS = {
    "suppliers": ("add_supplier", "change_supplier"),
    "supplier_products": ("add_supplierproduct", "change_supplierproduct"),
    "receipts": ("add_receipt",),
    "substitutions": ("add_substitution", "change_substitution"),
}
VIEW = {"suppliers": "view_supplier", "supplier_products": "view_supplierproduct", "receipts": "view_receipt",
        "substitutions": "view_substitution", "suggestions": "view_suggestion"}  # fmt: skip


class FileForm(forms.Form):
    """Which table, and the file."""

    table = forms.ChoiceField(label=gettext_lazy("Table"), choices=list(TABLES.items()))
    file = forms.FileField(label=gettext_lazy("CSV file"))
    check_only = forms.BooleanField(label=gettext_lazy("Only check, write nothing"), required=False, initial=True)

    def clean_file(self) -> Any:
        """Refused by its size before it is read."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB: split it."))
        return file


class FilesMixin:
    """Mix in before the admin's base class: adds the page and the downloads."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("files/", view(self.files_view), name="ecomai_inventory_supplier_files"),
            path("files/<slug:table>.csv", view(self.download_view), name="ecomai_inventory_supplier_download"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def files_view(self, request: HttpRequest) -> HttpResponse:
        """The form, and after it what became of the file."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]
            raise PermissionDenied
        form = FileForm(request.POST or None, request.FILES or None)
        outcome, error = None, ""
        if request.method == "POST" and form.is_valid():
            table = form.cleaned_data["table"]
            if not all(request.user.has_perm(f"ecomai_inventory.{name}") for name in PERMISSIONS[table]):
                raise PermissionDenied
            try:
                outcome = table_import(
                    table=table,
                    content=form.cleaned_data["file"].read(),
                    channel=ecomai.CHANNEL,
                    check_only=form.cleaned_data["check_only"],
                    user=request.user,
                )
            except FileError as problem:
                error = str(problem)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Suppliers, products, receipts and substitutes as files"),
            "opts": self.opts,
            "form": form,
            "outcome": outcome,
            "error": error,
            "summary": _summary(outcome) if outcome else "",
            "tables": [
                (name, label, COLUMNS[name], NEEDED[name])
                for name, label in TABLES.items()
                if request.user.has_perm(f"ecomai_inventory.{VIEW[name]}")
            ],
        }
        return TemplateResponse(request, "ecomai/inventory/admin/files.html", context)

    def download_view(self, request: HttpRequest, table: str) -> HttpResponse:
        """A table as CSV."""
        if table not in VIEW:
            raise Http404(_("There is no such table."))
        if not request.user.has_perm(f"ecomai_inventory.{VIEW[table]}"):
            raise PermissionDenied
        response = HttpResponse(table_csv(table=table, channel=ecomai.CHANNEL), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{table}.csv"'
        return response


def _summary(outcome: Any) -> str:
    written = outcome.created + outcome.updated
    text = ngettext("%(read)d row read.", "%(read)d rows read.", outcome.read) % {"read": outcome.read} + " "
    if outcome.check_only:
        text += ngettext("%(n)d row could be written.", "%(n)d rows could be written.", written) % {"n": written}
    else:
        text += ngettext("%(n)d row was written.", "%(n)d rows were written.", written) % {"n": written}
    if outcome.failed:
        failed = ngettext("%(n)d row has a problem:", "%(n)d rows have problems:", outcome.failed)
        text += " " + failed % {"n": outcome.failed}
    return text
