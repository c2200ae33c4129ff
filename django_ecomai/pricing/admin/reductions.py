"""The price ledger: announced reductions with the lowest price before."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.conf import ecomai
from django_ecomai.core.admin import ReadOnlyAdminMixin
from django_ecomai.core.charts import format_value
from django_ecomai.mirror.admin.base import day_format
from django_ecomai.mirror.models import Promotion
from django_ecomai.pricing.asked import channel_asked
from django_ecomai.pricing.held import exact_amount
from django_ecomai.pricing.ledger_walk import products_walked, walks_open
from django_ecomai.pricing.models import LedgerWalk, PriceReduction

from .base import PricingAdmin, labelled


@admin.register(PriceReduction)
class PriceReductionAdmin(ReadOnlyAdminMixin, PricingAdmin):
    """Worked out from the mirror's price history; nobody writes here by hand."""

    readonly_note = gettext_lazy(
        "Worked out from the price history of the copy: when each reduction began, and the lowest price of the 30 days "
        "before it, which must be told beside a reduced price in the European Union."
    )
    list_display = ("product", "began", "until", "reduced_price", "struck_out", "lowest")
    list_select_related = ("product",)
    search_fields = ("=product__external_id", "=product__sku", "product__title")
    search_help_text = gettext_lazy("Shop's id, SKU, or a word of the title")
    day_field = "began_at"
    sortable_by = ()

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {
            "note": self.unfinished(request) or self.unsaid(request),
            "cards_on_phones": True,
            "is_nav_sidebar_enabled": False,  # the table needs the room
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    @staticmethod
    def unfinished(request: HttpRequest) -> str:
        """How much of the past is not in the list yet; empty where all of it is."""
        channel = channel_asked(request)
        walk = walks_open(channel=channel).filter(what=LedgerWalk.What.PAST).first()
        if walk is None:
            return ""
        done = walk.products if walk.walking is not None else 0
        return _(
            "Of reductions that are over, those of %(done)s of %(all)s products have been worked out: the rest follows "
            "within the next hours. What runs now is told on your pages all the same."
        ) % {"done": format_value(done), "all": format_value(products_walked(channel).count())}

    @staticmethod
    def unsaid(request: HttpRequest) -> str:
        """What follows from not saying how the shop promotes; empty where it is said, or makes no difference."""
        promotions = Promotion.objects.filter(channel=channel_asked(request), kind=Promotion.Kind.DISCOUNT)
        if ecomai.PRICING_PRICES_INCLUDE_PROMOTIONS is not None or not promotions.filter(removed_at=None).exists():
            return ""
        return _(
            "Your shop runs promotions and has not said whether its prices have them already. It is told from how each "
            "price moved; where both are possible the lower price counts. Say it with "
            'ECOMAI["PRICING_PRICES_INCLUDE_PROMOTIONS"].'
        )

    @admin.display(description=gettext_lazy("from"))
    def began(self, row: PriceReduction) -> SafeString:
        return labelled(day_format(row.began_at), _("from"))

    @admin.display(description=gettext_lazy("until"))
    def until(self, row: PriceReduction) -> SafeString:
        if row.ended_at is not None:
            return labelled(day_format(row.ended_at), _("until"))
        return labelled(_("still running") if row.began_at <= timezone.now() else _("open"), "")

    @admin.display(description=gettext_lazy("reduced price"))
    def reduced_price(self, row: PriceReduction) -> SafeString:
        return labelled(exact_amount(row.price, row.currency), _("reduced price"))

    @admin.display(description=gettext_lazy("list price"))
    def struck_out(self, row: PriceReduction) -> SafeString:
        return labelled(exact_amount(row.list_price, row.currency), _("list price"))

    @admin.display(description=gettext_lazy("lowest price of the 30 days before"))
    def lowest(self, row: PriceReduction) -> SafeString:
        known = row.lowest_before is not None
        told = exact_amount(row.lowest_before, row.currency) if known else _("no price before is known")
        return labelled(told, _("lowest price of the 30 days before"))
