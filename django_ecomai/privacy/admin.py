"""Requests of persons in the admin, the refusals, and the ledger of consents."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.runs.services import run_start

from .forms import RequestForm
from .model_care import models_retrain
from .models import ConsentRecord, ListRelease, Refusal, SubjectRequest
from .refusing import UNDER_WAY, refusals_lift
from .scanning import Leftover, leftovers_told
from .selectors import outcome_lines
from .services import JOB, RequestError, request_archive, request_cancel, request_confirm, request_make

CARRY_OUT = "ecomai_privacy.carry_out_subjectrequest"
DOWNLOAD = "ecomai_privacy.download_subjectrequest"
_LIST = "admin:ecomai_privacy_subjectrequest_changelist"
_PAGE = "admin:ecomai_privacy_subjectrequest_change"
Kind, Status = SubjectRequest.Kind, SubjectRequest.Status
_NOT_BEGUN = (Status.UNCONFIRMED, Status.OPEN, Status.FAILED)


@admin.register(SubjectRequest)
class SubjectRequestAdmin(FastModelAdmin):
    """Persons ask for a copy, for the erasure or against the use of their data."""

    form = RequestForm
    fields = ("kind", "customer_id", "email", "visitor", "channel", "due_at")
    list_display = ("name", "status_shown", "who", "made", "due", "finished")
    list_filter = ("status", "kind")
    search_fields = ("=reference", "=customer_id", "=digest")
    search_help_text = gettext_lazy("Exact reference or customer id. Finished requests name nobody.")
    sortable_by = ()
    ordering = ("-pk",)
    change_form_template = "ecomai/privacy/admin/request.html"

    @admin.display(description=gettext_lazy("request"))
    def name(self, request: SubjectRequest) -> str:
        return str(request)

    @admin.display(description=gettext_lazy("status"))
    def status_shown(self, request: SubjectRequest) -> str:
        return str(request.get_status_display())

    @admin.display(description=gettext_lazy("person"))
    def who(self, request: SubjectRequest) -> str:
        """The customer or visitor while the request is open, then only a fingerprint."""
        if request.customer_id:
            return _("customer %(id)s") % {"id": request.customer_id}
        if request.visitor_ids:
            return _("visitor %(id)s…") % {"id": str(request.visitor_ids[0])[:8]}
        return f"#{request.digest[:8]}" if request.digest else "–"

    @admin.display(description=gettext_lazy("made"))
    def made(self, request: SubjectRequest) -> str:
        return date_format(request.requested_at, "SHORT_DATE_FORMAT")

    @admin.display(description=gettext_lazy("finished"))
    def finished(self, request: SubjectRequest) -> str:
        return date_format(request.finished_at, "SHORT_DATE_FORMAT") if request.finished_at else ""

    @admin.display(description=gettext_lazy("due"))
    def due(self, request: SubjectRequest) -> Any:
        """The day, marked when it has passed."""
        day = date_format(request.due_at, "SHORT_DATE_FORMAT")
        return format_html("<strong>{} {}</strong>", day, _("late")) if request.is_late else day

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Requests are not edited: they are carried out or withdrawn."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """They are the proof that the law was followed; retention deletes them."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service; an erasure waits until somebody confirms it on its page."""
        made = request_make(
            subject=form.subject(),
            kind=obj.kind,
            origin=SubjectRequest.Origin.ADMIN,
            user=request.user,
            confirmed=False,
        )
        SubjectRequest.objects.filter(pk=made.pk).update(due_at=form.cleaned_data["due_at"])
        made.refresh_from_db(fields=["due_at"])
        obj.__dict__.update(made.__dict__)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """An objection holds at once, so entering one is carrying it out."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.may_object = request.user.has_perm(CARRY_OUT)
        return form

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """On to its page, where it is carried out."""
        return HttpResponseRedirect(reverse(_PAGE, args=[obj.pk]))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "ecomai_privacy_subjectrequest"
        return [
            path("<int:pk>/do/<slug:what>/", view(require_POST(self.do_view)), name=f"{name}_do"),
            path("<int:pk>/erase/", view(self.confirm_view), name=f"{name}_erase"),
            path("<int:pk>/archive/", view(self.archive_view), name=f"{name}_archive"),
            *super().get_urls(),
        ]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With what was done and what can be done now."""
        found = self.get_object(request, str(object_id)) if object_id else None
        context = dict(extra_context or {})
        if found is not None:
            left = found.outcome.get("scan", {}).get("left")
            may = request.user.has_perm(CARRY_OUT)
            context |= {
                "found": found,
                "who": self.who(found),
                "lines": outcome_lines(found),
                "models": found.outcome.get("models", []),
                "left": None if left is None else leftovers_told(Leftover(**one) for one in left),
                "may_carry_out": may and found.kind == Kind.ERASE and found.status in _NOT_BEGUN,
                "may_download": request.user.has_perm(DOWNLOAD) and found.kind == Kind.EXPORT and not found.is_over,
                "may_retrain": may and found.status == Status.MODELS,
                "may_cancel": may and found.status in _NOT_BEGUN and found.begun_at is None,
            }
        return super().changeform_view(request, object_id, form_url, context)

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """A button of the page."""
        found = self._found(request, pk, CARRY_OUT)
        try:
            if what == "carry-out":
                request_confirm(request=found, user=request.user)
                self.log_change(request, found, [{"changed": {"fields": ["status"]}}])
                messages.success(request, _("The erasure has been started. This page shows how it stands."))
            elif what == "cancel":
                request_cancel(request=found, user=request.user)
                self.log_change(request, found, [{"changed": {"fields": ["status"]}}])
                messages.success(request, _("Withdrawn."))
            elif what == "retrain" and found.carried_out_at is not None:
                runs = models_retrain(channel=found.channel, erased_at=found.carried_out_at, user=request.user)
                run_start(kind=JOB, user=request.user)  # looks whether they are through: too much for a page
                told = ngettext("%(count)d training was started.", "%(count)d trainings were started.", len(runs))
                messages.success(request, told % {"count": len(runs)})
            else:
                raise Http404
        except RequestError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse(_PAGE, args=[pk]))

    def confirm_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What an erasure means, before it is done."""
        found = self._found(request, pk, CARRY_OUT)
        if found.kind != Kind.ERASE or found.status not in _NOT_BEGUN:
            return HttpResponseRedirect(reverse(_PAGE, args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Erase a person"),
            "found": found,
            "who": self.who(found),
            "opts": self.opts,
        }
        return TemplateResponse(request, "ecomai/privacy/admin/confirm.html", context)

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """The copy of the person's data, to be handed over to him."""
        found = self._found(request, pk, DOWNLOAD)
        try:
            made = request_archive(request=found, user=request.user)
        except RequestError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse(_PAGE, args=[pk]))
        self.log_change(request, found, [{"changed": {"fields": ["archive"]}}])
        name = f"request-{str(found.reference)[:8]}.zip"
        response = FileResponse(made, as_attachment=True, filename=name, content_type="application/zip")
        response["Cache-Control"] = "private, no-store"
        return response

    def _found(self, request: HttpRequest, pk: int, permission: str) -> SubjectRequest:
        if not (self.has_view_permission(request) and request.user.has_perm(permission)):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(_("There is no such request."))
        return found


@admin.register(Refusal)
class RefusalAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Who must not be stored or followed, as keyed hashes."""

    readonly_note = gettext_lazy(
        "Keyed hashes of persons who were erased or objected. Every import asks this list. Nobody can be read off it."
    )
    list_display = ("kind", "fingerprint", "purpose_shown", "created_at", "lifted_at", "channel")
    list_filter = ("kind", "purpose")
    actions = ("lift",)
    sortable_by = ()

    @admin.display(description=gettext_lazy("person"))
    def fingerprint(self, refusal: Refusal) -> str:
        return f"#{refusal.digest[:8]}"

    @admin.display(description=gettext_lazy("purpose"))
    def purpose_shown(self, refusal: Refusal) -> str:
        return refusal.purpose or _("everything")

    def has_carry_out_permission(self, request: HttpRequest) -> bool:
        """Lifting undoes what a request has brought about."""
        return request.user.has_perm(CARRY_OUT)

    @admin.action(
        description=gettext_lazy("Lift: the person may be stored and followed again"), permissions=["carry_out"]
    )
    def lift(self, request: HttpRequest, queryset: QuerySet[Refusal]) -> None:
        """Only with the permission to carry out requests."""
        chosen = queryset.filter(lifted_at=None)
        busy = chosen.filter(UNDER_WAY).count()
        whole = Refusal.objects.filter(lifted_at=None).filter(
            Q(pk__in=chosen.values("pk")) | Q(request__in=chosen.exclude(request=None).values("request"))
        )
        rows = list(whole.exclude(UNDER_WAY))  # a person stands there under several ids: all or none
        lifted = refusals_lift(rows=rows)
        for row in rows:
            self.log_change(request, row, [{"changed": {"fields": ["lifted_at"]}}])
        if busy:
            messages.warning(
                request, _("An erasure is still under way: such entries can be lifted when it is finished.")
            )
        messages.success(
            request, ngettext("%(count)d entry lifted.", "%(count)d entries lifted.", lifted) % {"count": lifted}
        )


@admin.register(ConsentRecord)
class ConsentRecordAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """What was agreed to and withdrawn."""

    readonly_note = gettext_lazy("A ledger: lines are added when somebody agrees or withdraws, and never changed.")
    list_display = ("at", "purpose", "given", "person", "origin", "version", "channel")
    list_filter = ("purpose", "given")
    search_fields = ("=visitor_digest", "=customer_digest")
    sortable_by = ()

    @admin.display(description=gettext_lazy("person"))
    def person(self, line: ConsentRecord) -> str:
        return f"#{(line.customer_digest or line.visitor_digest)[:8]}"


@admin.register(ListRelease)
class ListReleaseAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Lists that left the shop."""

    readonly_note = gettext_lazy(
        "Lists made by ecomai_release_list, and how much of the privacy budget each has used. Never changed."
    )
    list_display = ("number", "kind", "epsilon", "delta", "most", "at", "made_by", "channel")
    list_filter = ("kind",)
    list_select_related = ("made_by",)
    sortable_by = ()
