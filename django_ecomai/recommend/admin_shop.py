"""What holds for a whole shop in the admin: rules for all carousels, sets of products, and the changes made."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import ChannelFilter, FastModelAdmin, ReadOnlyAdminMixin
from django_ecomai.core.undo import UndoConflict
from django_ecomai.mirror.models import Category, Product

from .auditing import UNDO, AuditedAdmin, undo_as, undoable
from .forms import ShopRuleForm
from .models import Bundle, BundleItem, Revision, ShopRule


def _searchable(model_admin: Any, **models: Any) -> tuple[str, ...]:
    """Search as one types, where the site has the catalogue; else ids are typed."""
    return tuple(name for name, model in models.items() if model_admin.admin_site.is_registered(model))


@admin.register(ShopRule)
class ShopRuleAdmin(AuditedAdmin, FastModelAdmin):
    """Decisions about a product or a category wherever it might be recommended."""

    form = ShopRuleForm
    change_list_template = "ecomai/recommend/admin/shoprule_list.html"
    list_display = ("rule", "target", "factor", "starts_at", "ends_at")
    list_filter = ("action", ChannelFilter)
    list_select_related = ("product", "category")
    sortable_by = ()
    ordering = ("-pk",)
    raw_id_fields = ("product", "category")

    def get_fields(self, request: HttpRequest, obj: ShopRule | None = None) -> list[Any]:
        """The shop is asked for only when a rule is made."""
        fields: list[Any] = [("action", "factor"), ("product", "category"), ("starts_at", "ends_at")]
        return fields if obj else [*fields, "channel"]

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return _searchable(self, product=Product, category=Category)

    @admin.display(description=gettext_lazy("rule"))
    def rule(self, rule: ShopRule) -> str:
        return rule.get_action_display()

    @admin.display(description=gettext_lazy("about"))
    def target(self, rule: ShopRule) -> str:
        return str(rule.product or rule.category)


class BundleItemInline(admin.TabularInline):
    """The products of a set, in their order."""

    model = BundleItem
    extra = 2
    raw_id_fields = ("product",)

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return _searchable(self, product=Product)


@admin.register(Bundle)
class BundleAdmin(AuditedAdmin, FastModelAdmin):
    """Products that are offered together."""

    change_list_template = "ecomai/recommend/admin/bundle_list.html"
    list_display = ("title", "number", "discount_text", "is_active", "starts_at", "ends_at")
    list_filter = ("is_active", ChannelFilter)
    search_fields = ("title",)
    sortable_by = ()
    ordering = ("-pk",)
    inlines = (BundleItemInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Bundle]:
        """With the number of products."""
        return super().get_queryset(request).annotate(item_count=Count("items"))

    def get_fields(self, request: HttpRequest, obj: Bundle | None = None) -> list[Any]:
        """The shop is asked for only when a set is made."""
        fields: list[Any] = ["title", "discount_text", "is_active", ("starts_at", "ends_at")]
        return fields if obj else [*fields, "channel"]

    @admin.display(description=gettext_lazy("products"))
    def number(self, bundle: Bundle) -> int:
        return int(getattr(bundle, "item_count", 0))


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdminMixin, FastModelAdmin):
    """Every change with its old and new values; the selected ones can be undone."""

    readonly_note = gettext_lazy(
        "Every change of a placement, carousel, rule or set: who made it, when, and the old → new values. Undo puts "
        "the old values back; where something was changed again since, undo the later change first."
    )
    list_display = ("at", "user", "label", "values", "undo_link")
    list_display_links = None
    list_filter = (ChannelFilter,)
    list_select_related = ("user", "undone_by")
    sortable_by = ()
    ordering = ("-pk",)
    fields = ("at", "user", "label", "values", "undone_at", "undone_by")
    readonly_fields = ("values",)
    actions = ("undo",)
    change_list_template = "ecomai/recommend/admin/revision_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("<int:pk>/undo/", view, name="ecomai_recommend_revision_undo"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Under its own name: there is nothing to select and view."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each row knows whether this user may undo it."""
        changes: Any = super().get_changelist_instance(request)
        allowed = undoable(request, self.admin_site, changes.result_list)
        for revision in changes.result_list:
            revision.may_undo = revision.pk in allowed
        return changes

    @admin.display(description=gettext_lazy("old → new"))
    def values(self, revision: Revision) -> str:
        """One line per value."""
        return format_html_join(mark_safe("<br>"), "{}", [(line,) for line in revision.summary.splitlines()])

    @admin.display(description=gettext_lazy("undo"))
    def undo_link(self, revision: Revision) -> str:
        """The button for those who may, or that it was undone."""
        if revision.undone_at is not None:
            when = date_format(timezone.localtime(revision.undone_at), "SHORT_DATETIME_FORMAT")
            if revision.undone_by is None:
                return _("undone %(when)s") % {"when": when}
            return _("undone %(when)s by %(who)s") % {"when": when, "who": revision.undone_by}
        if not getattr(revision, "may_undo", False):
            return "–"
        url = reverse("admin:ecomai_recommend_revision_undo", args=[revision.pk], current_app=self.admin_site.name)
        return format_html('<a class="button" href="{}">{}</a>', url, _("Undo…"))

    def get_list_display(self, request: HttpRequest) -> Any:
        """The buttons for those who may."""
        return [name for name in self.list_display if name != "undo_link" or request.user.has_perm(UNDO)]

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Whether the action is offered."""
        return request.user.has_perm(UNDO)

    @admin.action(description=gettext_lazy("Undo the selected changes"), permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Revision]) -> None:
        """The newest first, as they stand on each other."""
        done = sum(self._undo_one(request, revision) for revision in queryset.order_by("-pk"))
        if done:
            text = ngettext("%(number)d change was undone.", "%(number)d changes were undone.", done)
            messages.success(request, text % {"number": done})

    def undo_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Asks before one change is undone; a POST does it and says so."""
        revision = self.get_queryset(request).select_related("user").filter(pk=pk).first()
        if revision is None:
            raise Http404(_("There is no such change."))
        if not self.has_view_permission(request, revision) or not undoable(request, self.admin_site, [revision]):
            raise PermissionDenied
        back = reverse("admin:ecomai_recommend_revision_changelist", current_app=self.admin_site.name)
        if request.method == "POST":
            if self._undo_one(request, revision):
                messages.success(request, _("The change was undone."))
            return HttpResponseRedirect(back)
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "title": _("Undo this change?"),
            "opts": self.opts,
            "revision": revision,
            "lines": revision.summary.splitlines(),
            "back_url": back,
        }
        return TemplateResponse(request, "ecomai/recommend/admin/undo.html", context)

    def _undo_one(self, request: HttpRequest, revision: Revision) -> bool:
        try:
            undo_as(request, self.admin_site, revision)
        except PermissionDenied:
            messages.error(request, _("You may not change this: %(label)s.") % {"label": revision.label})
            return False
        except UndoConflict as conflict:
            messages.error(request, f"{revision.label}: {conflict}")
            return False
        return True
