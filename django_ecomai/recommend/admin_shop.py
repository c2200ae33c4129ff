"""What holds for a whole shop in the admin: rules for all carousels, sets of products, and the changes made."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from django_ecomai.core.admin import ChannelFilter, FastModelAdmin
from django_ecomai.core.admin_undo import ChangeLogAdmin
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
class RevisionAdmin(ChangeLogAdmin):
    """Every change with its old and new values; the selected ones can be undone."""

    readonly_note = gettext_lazy(
        "Every change of a placement, carousel, rule or set: who made it, when, and the old → new values. Undo puts "
        "the old values back; where something was changed again since, undo the later change first."
    )
    list_filter = (ChannelFilter,)
    actions = ("undo",)
    change_list_template = "ecomai/recommend/admin/revision_list.html"

    def undoable(self, request: HttpRequest, changes: Iterable[Any]) -> Collection[Any]:
        """Those of whose rows this user may change each."""
        return undoable(request, self.admin_site, list(changes))

    def undo_change(self, request: HttpRequest, change: Revision) -> None:
        undo_as(request, self.admin_site, change)

    def get_list_display(self, request: HttpRequest) -> Any:
        """The buttons for those who may."""
        return [name for name in self.list_display if name != "undo_link" or request.user.has_perm(UNDO)]

    def has_undo_permission(self, request: HttpRequest) -> bool:
        """Whether the action is offered."""
        return request.user.has_perm(UNDO)

    @admin.action(description=gettext_lazy("Undo the selected changes"), permissions=["undo"])
    def undo(self, request: HttpRequest, queryset: QuerySet[Revision]) -> None:
        """The newest first, as they stand on each other."""
        done = sum(self.undo_and_say(request, revision) for revision in queryset.order_by("-pk"))
        if done:
            text = ngettext("%(number)d change was undone.", "%(number)d changes were undone.", done)
            messages.success(request, text % {"number": done})
