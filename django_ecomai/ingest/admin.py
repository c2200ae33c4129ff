"""API keys and received webhooks in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.admin import FastModelAdmin, ReadOnlyAdminMixin

from .forms import KeyForm
from .models import ApiKey, Webhook, scopes_shown
from .services.keys import key_make, key_revoke

REVOKE = "ecomai_ingest.revoke_apikey"


@admin.register(ApiKey)
class ApiKeyAdmin(FastModelAdmin):
    """Keys are made, shown once and revoked; never edited, so that nobody opens more by an old key."""

    form = KeyForm
    fields = ("name", "channel", "scopes", "expires_at")
    list_display = ("name", "prefix_shown", "state", "may_shown", "used", "channel")
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("=prefix", "=name")
    change_form_template = "ecomai/ingest/admin/key.html"

    @admin.display(description=gettext_lazy("begins with"))
    def prefix_shown(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description=gettext_lazy("state"))
    def state(self, key: ApiKey) -> str:
        """In words: valid (until when), revoked or expired (since when)."""
        if key.revoked_at:
            return _("revoked on %(day)s") % {"day": date_format(key.revoked_at, "SHORT_DATE_FORMAT")}
        if key.expires_at is None:
            return _("valid")
        day = date_format(timezone.localtime(key.expires_at), "SHORT_DATETIME_FORMAT")
        return (_("valid until %(day)s") if key.is_valid else _("expired on %(day)s")) % {"day": day}

    @admin.display(description=gettext_lazy("rights"))
    def may_shown(self, key: ApiKey) -> str:
        return "; ".join(scopes_shown(key.scopes))

    @admin.display(description=gettext_lazy("last used"))
    def used(self, key: ApiKey) -> str:
        """To the hour."""
        if key.last_used_at is None:
            return _("never")
        return date_format(timezone.localtime(key.last_used_at), "SHORT_DATETIME_FORMAT")

    class Media:
        css = {"all": ("ecomai/ingest/key.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """With a line on what keys are for: the list is empty at first."""
        note = _(
            "A key lets a shop that does not run on Django send its catalogue, orders and events here. It is shown "
            "once, when it is made; give each program a key of its own, with the rights that it needs."
        )
        return super().changelist_view(request, {"readonly_note": note, **(extra_context or {})})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a key that should open something else is another key."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: a revoked key stays in the list as the record of who could do what."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the service; the key itself goes to ``response_add`` and nowhere else."""
        data = form.cleaned_data
        made, text = key_make(
            name=data["name"], scopes=data["scopes"], channel=data["channel"], expires_at=data["expires_at"],
            user=request.user,
        )  # fmt: skip
        obj.__dict__.update(made.__dict__)
        request.ecomai_key = text  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Shown once, in the answer itself: a session or a message would be stored."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new API key"),
            "opts": self.opts,
            "key": obj,
            "text": request.ecomai_key,  # type: ignore[attr-defined]
            "may": scopes_shown(obj.scopes),
        }
        response = TemplateResponse(request, "ecomai/ingest/admin/made.html", context)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "same-origin"
        return response

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.revoke_view)
        return [path("<int:pk>/revoke/", view, name="ecomai_ingest_apikey_revoke"), *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With what a merchant wants to know of a key."""
        found = self.get_object(request, str(object_id)) if object_id else None
        context = dict(extra_context or {})
        if found is not None:
            context |= {
                "found": found,
                "state": self.state(found),
                "used": self.used(found),
                "may": scopes_shown(found.scopes),
                "may_revoke": found.revoked_at is None and request.user.has_perm(REVOKE),
            }
        return super().changeform_view(request, object_id, form_url, context)

    def revoke_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks first (GET), then revokes (POST)."""
        if not (self.has_view_permission(request) and request.user.has_perm(REVOKE)):
            raise PermissionDenied
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None:
            raise Http404(_("There is no such key."))
        page = reverse("admin:ecomai_ingest_apikey_change", args=[pk])
        if request.method == "POST":
            if key_revoke(key=found):
                self.log_change(request, found, [{"changed": {"fields": ["revoked_at"]}}])
                messages.success(request, _("The key “%(name)s” is revoked.") % {"name": found.name})
            return HttpResponseRedirect(page)
        if found.revoked_at is not None:
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke an API key"),
            "opts": self.opts,
            "found": found,
            "used": self.used(found),
            "page": page,
        }
        return TemplateResponse(request, "ecomai/ingest/admin/revoke.html", context)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """What a shop elsewhere told by webhook, and what became of it."""

    readonly_note = gettext_lazy("Webhooks of the last thirty days. Their content is in the copy of the shop's data.")
    list_display = ("received_at", "event", "outcome", "reason", "rows", "issued_at", "channel")
    list_filter = ("outcome",)
    day_field = "received_at"
    search_fields = ("=event",)
