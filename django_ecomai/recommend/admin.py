"""Placements in the admin: carousels, rules, a live preview, and what each placement brought."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.urls.resolvers import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import FastModelAdmin
from django_ecomai.core.registry import strategies
from django_ecomai.mirror.models import Category, Product

from .admin_shop import BundleAdmin, RevisionAdmin, ShopRuleAdmin
from .admin_train import TrainPageMixin
from .auditing import AuditedAdmin
from .defaults import default_keys, default_placement
from .forms import PreviewForm, RuleFormSet, SlotForm
from .models import Placement, Slot, SlotRule
from .preview import preview_carousels, preview_example
from .selectors import default_placements_missing, slider_costs
from .services import placements_add

__all__ = ["BundleAdmin", "PlacementAdmin", "RevisionAdmin", "ShopRuleAdmin", "SlotAdmin"]

PREVIEW = "ecomai_recommend.preview_placement"
BASIC_FIELDS: Any = (
    ("title", "strategy", "size"),
    ("order", "is_active", "only_in_stock", "exclude_bought"),
)
FINE_TUNING: Any = (
    gettext_lazy("Fine tuning"),
    {
        "classes": ("collapse",),
        "fields": (
            "diversity",
            "novelty",
            "taste",
            ("category_cap", "explore"),
            ("frequency_cap", "frequency_days"),
            "fill_filtered",
        ),
        "description": gettext_lazy(
            "Beside each slider stands what it did at the last training, against the slider at 0. Hits: how many of "
            "the products that customers bought next stood among the first 20 (recall@20)."
        ),
    },
)


class SlotInline(admin.StackedInline):
    """The carousels of a placement, top to bottom."""

    model = Slot
    form = SlotForm
    extra = 0
    fieldsets = ((None, {"fields": (*BASIC_FIELDS, "rule_link")}), FINE_TUNING)
    readonly_fields = ("rule_link",)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """With what the sliders cost in the placement's shop."""
        formset: Any = super().get_formset(request, obj, **kwargs)
        formset.form.slider_costs = slider_costs(channel=obj.channel if obj else ecomai.CHANNEL)
        return formset

    def get_queryset(self, request: HttpRequest) -> QuerySet[Slot]:
        """With the number of rules."""
        return super().get_queryset(request).annotate(rule_count=Count("rules"))

    @admin.display(description=gettext_lazy("rules"))
    def rule_link(self, slot: Slot) -> str:
        """The way to the rules, which have a page of their own."""
        if slot.pk is None:
            return _("Save first; then single products and categories can be pinned, shown more or less, or hidden.")
        number = int(getattr(slot, "rule_count", 0))
        text = ngettext("%(number)d rule: edit", "%(number)d rules: edit", number) % {"number": number}
        url = reverse("admin:ecomai_recommend_slot_change", args=[slot.pk], current_app=self.admin_site.name)
        return format_html(
            '<a href="{}">{}</a>', url, text if number else _("No rules yet: pin, boost or hide products")
        )


class RuleInline(admin.StackedInline):
    """What the merchant decided about single products and categories."""

    model = SlotRule
    formset = RuleFormSet
    extra = 0
    fields = (("action", "factor"), ("product", "category"), ("starts_at", "ends_at"))
    raw_id_fields = ("product", "category")

    def get_autocomplete_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Search as one types, where the site has the catalogue; else ids are typed."""
        models = {"product": Product, "category": Category}
        return tuple(name for name, model in models.items() if self.admin_site.is_registered(model))


@admin.register(Placement)
class PlacementAdmin(TrainPageMixin, AuditedAdmin, FastModelAdmin):
    """Where recommendations appear."""

    list_display = ("label", "preview", "is_active", "carousels", "tag")
    list_filter = ("is_active",)
    search_fields = ("^key", "label")
    sortable_by = ()
    ordering = ("channel", "key")
    inlines = (SlotInline,)
    change_form_template = "ecomai/recommend/admin/placement.html"
    change_list_template = "ecomai/recommend/admin/placement_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Placement]:
        """With the number of carousels that are shown."""
        return super().get_queryset(request).annotate(shown=Count("slots", filter=Q(slots__is_active=True)))

    def get_fields(self, request: HttpRequest, obj: Placement | None = None) -> list[Any]:
        """The shop is asked for only when a placement is made."""
        shared = ["is_active", "order_by_value"]
        return ["label", "key", *shared] if obj else ["label", "key", *shared, "channel"]

    def get_readonly_fields(self, request: HttpRequest, obj: Placement | None = None) -> list[str]:
        """The shop's templates name the key: changing it would empty their pages."""
        return ["key"] if obj else []

    @admin.display(description=gettext_lazy("in your template"))
    def tag(self, placement: Placement) -> str:
        return format_html("<code>{{% recommend_carousel &quot;{}&quot; %}}</code>", placement.key)

    @admin.display(description=gettext_lazy("carousels shown"))
    def carousels(self, placement: Placement) -> int:
        return int(getattr(placement, "shown", 0))

    @admin.display(description=gettext_lazy("preview"))
    def preview(self, placement: Placement) -> str:
        return format_html('<a href="{}">{}</a>', self._url("placement_preview", placement.pk), _("Preview"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "add-missing/", view(require_POST(self.add_missing_view)), name="ecomai_recommend_placement_add_missing"
            ),
            path("<int:pk>/preview/", view(self.preview_view), name="ecomai_recommend_placement_preview"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The list, with "Train now" and the defaults that a newer version brought, for those who may."""
        context = {**self.train_context(request), **self._missing(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def add_missing_view(self, request: HttpRequest) -> HttpResponse:
        """Add the default placements that are missing; what exists stays as it is."""
        if not self._may_add(request):
            raise PermissionDenied
        channel = ecomai.CHANNEL
        made = placements_add(keys=default_placements_missing(channel=channel).new, channel=channel, user=request.user)
        for placement in made:
            admin.ModelAdmin.log_addition(self, request, placement, [{"added": {}}])  # the change is kept already
        names = ", ".join(placement.label for placement in made)
        if made:
            messages.success(request, _("Added: %(names)s.") % {"names": names})
        else:
            messages.info(request, _("No default placement is missing."))
        return HttpResponseRedirect(self._url("placement_changelist"))

    def _may_add(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and request.user.has_perm("ecomai_recommend.add_slot")

    def _missing(self, request: HttpRequest) -> dict[str, Any]:
        if not self._may_add(request):
            return {}
        missing = default_placements_missing(channel=ecomai.CHANNEL).new
        labels = [default.label for key in missing if (default := default_placement(key)) is not None]
        total = len(default_keys())
        return {
            "missing_defaults": labels,
            "existing_defaults": total - len(labels),
            "all_defaults": total,
            "add_missing_url": self._url("placement_add_missing"),
        }

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form, with what each strategy does and the way to the preview."""
        context: dict[str, Any] = {
            "strategies": [(strategy.label, strategy.help) for _name, strategy in strategies.items()],
            **self.train_context(request),
        }
        if object_id and request.user.has_perm(PREVIEW):
            context["preview_url"] = self._url("placement_preview", object_id)
        return super().changeform_view(request, object_id, form_url, {**context, **(extra_context or {})})

    def preview_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What a chosen customer (or an unknown visitor) sees in this placement right now, and why."""
        placement = self.get_queryset(request).filter(pk=pk).first()
        if placement is None:
            raise Http404(_("There is no such placement."))
        if not request.user.has_perm(PREVIEW) or not self.has_view_permission(request, placement):
            raise PermissionDenied
        example = {} if request.GET else preview_example(placement=placement)
        data = {name: self._picked(obj) for name, obj in example.items()} if example else request.GET
        form = PreviewForm(data, placement=placement, admin_site=self.admin_site)
        valid = form.is_valid()
        chosen = {name: form.cleaned_data.get(name) for name in ("customer", "product", "category")} if valid else {}
        words = form.cleaned_data.get("words", "") if valid else ""
        tune = form.tune if valid else {}
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            **self.train_context(request),
            "title": _("Preview: %(placement)s") % {"placement": placement.label},
            "opts": self.opts,
            "original": placement,
            "placement": placement,
            "form": form,
            "media": self.media + form.media,
            "tuned": bool(tune),
            "carousels": preview_carousels(placement=placement, tune=tune, words=words, **chosen) if valid else [],
            "example": bool(example),
            "change_url": self._url("placement_change", placement.pk),
        }
        return TemplateResponse(request, "ecomai/recommend/admin/preview.html", context)

    def _picked(self, obj: Any) -> Any:
        """How the preview's form names a product or category: by key, or by the shop's id where that is typed."""
        return obj.pk if self.admin_site.is_registered(type(obj)) else obj.external_id

    def _url(self, name: str, *args: Any) -> str:
        return reverse(f"admin:ecomai_recommend_{name}", args=args, current_app=self.admin_site.name)


@admin.register(Slot)
class SlotAdmin(AuditedAdmin, FastModelAdmin):
    """One carousel with its rules; reached from its placement, not listed on its own."""

    form = SlotForm
    list_display = ("title", "placement", "strategy", "is_active")
    list_select_related = ("placement",)
    sortable_by = ()
    ordering = ("placement", "order")
    inlines = (RuleInline,)
    fieldsets = ((None, {"fields": BASIC_FIELDS}), FINE_TUNING)
    change_form_template = "ecomai/recommend/admin/slot.html"

    def get_form(self, request: HttpRequest, obj: Slot | None = None, change: bool = False, **kwargs: Any) -> Any:
        """With what the sliders cost in the placement's shop."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.slider_costs = slider_costs(channel=obj.placement.channel if obj else ecomai.CHANNEL)
        return form

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Not on the index page: a merchant starts at the placement."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Carousels are added on the page of their placement."""
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Warns of products that were put first and cannot be shown."""
        super().save_related(request, form, formsets, change)
        slot: Slot = form.instance
        pinned = slot.rules.filter(action=SlotRule.Action.PIN, product__isnull=False).select_related("product")
        for rule in pinned:
            product: Any = rule.product
            if not product.is_active or product.removed_at is not None:
                text = _("“%(product)s” is put first but is not on sale: it will not be shown.")
            elif slot.only_in_stock and product.stock is not None and product.stock <= 0:
                text = _("“%(product)s” is put first but is sold out: it is shown when it is in stock again.")
            else:
                continue
            messages.warning(request, text % {"product": product})

    def response_post_save_change(self, request: HttpRequest, obj: Slot) -> HttpResponseRedirect:
        """Back to the placement."""
        return HttpResponseRedirect(
            reverse(
                "admin:ecomai_recommend_placement_change",
                args=[obj.placement_id],
                current_app=self.admin_site.name,
            )
        )
