"""What to order now, and why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Product

from .orders import PurchaseOrderLine
from .suppliers import MONEY, QUANTITY, Supplier


class Suggestion(models.Model):
    """One row per product: how its stock stands and what to do. Every run of the job refreshes the numbers."""

    class Status(models.TextChoices):
        STOCKED_OUT = "stocked_out", _("sold out")
        WILL_STOCK_OUT = "will_stock_out", _("running out")
        REORDER = "reorder", _("reorder")
        OK = "ok", _("enough")
        SURPLUS = "surplus", _("surplus")
        OBSOLETE = "obsolete", _("no demand any more")
        PHANTOM = "phantom", _("stock doubtful")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("suggestion", "open")
        ACCEPTED = "accepted", _("accepted")
        EDITED = "edited", _("accepted with another quantity")
        SNOOZED = "snoozed", _("later")
        REJECTED = "rejected", _("rejected")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="+", verbose_name=_("product"))
    supplier = models.ForeignKey(
        Supplier, models.SET_NULL, null=True, blank=True, related_name="suggestions", verbose_name=_("supplier")
    )
    # The job that wrote it; a number, since runs are pruned long before suggestions are forgotten.
    run_number = models.BigIntegerField(null=True, blank=True, editable=False)
    made_at = models.DateTimeField(_("worked out"))
    as_of = models.DateField(_("stands for"), help_text=_("The first day of the forecast that it rests on."))

    status = models.CharField(_("status"), max_length=16, choices=Status.choices)
    state = models.CharField(_("decision"), max_length=16, choices=State.choices, default=State.OPEN)
    abc = models.CharField(_("ABC class"), max_length=1, default="", blank=True)
    xyz = models.CharField(_("XYZ class"), max_length=1, default="", blank=True)

    on_hand = models.FloatField(_("on hand"), default=0)
    on_order = models.FloatField(_("on order"), default=0)
    reserved = models.FloatField(_("reserved"), default=0)
    demand_day = models.FloatField(_("demand per day"), default=0)
    p50 = models.FloatField(_("demand until then, P50"), default=0)
    p90 = models.FloatField(_("demand until then, P90"), default=0)
    lead_time_days = models.FloatField(_("lead time in days"), default=0)
    protection_days = models.FloatField(_("days to bridge"), default=0)
    cover_days = models.FloatField(_("cover in days"), null=True, blank=True)
    stock_out_on = models.DateField(_("sold out on"), null=True, blank=True)
    stock_out_probability = models.FloatField(_("probability of selling out"), default=0)
    reorder_point = models.FloatField(_("reorder point"), default=0)
    order_up_to = models.FloatField(_("target level"), default=0)
    quantity = models.DecimalField(_("suggested quantity"), **QUANTITY, default=0)
    unit_cost = models.DecimalField(_("unit cost"), **MONEY, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    value = models.DecimalField(_("value of the order"), **MONEY, null=True, blank=True)
    lost_margin = models.DecimalField(_("margin lost if skipped"), **MONEY, null=True, blank=True)
    holding_cost = models.DecimalField(_("holding cost if ordered"), **MONEY, null=True, blank=True)
    planned_loss = models.DecimalField(
        _("margin lost until the next receipt, as planned"), **MONEY, null=True, blank=True
    )
    slipped_loss = models.DecimalField(_("the same if the receipt slips to its P90"), **MONEY, null=True, blank=True)
    service = models.FloatField(_("probability that the target level suffices"), default=0)
    raw_quantity = models.FloatField(_("quantity before packs and least order"), default=0)
    # What the words of ``why`` need besides the columns: codes, and the pack and least order of the offer.
    notes = models.JSONField(default=dict, blank=True, editable=False)
    # Pieces sold per week, oldest first, then the forecast: what the sparkline shows without another query.
    history = models.JSONField(default=list, blank=True, editable=False)
    alerts = models.JSONField(_("alerts"), default=list, blank=True, editable=False)

    decided_quantity = models.DecimalField(_("quantity to order"), **QUANTITY, null=True, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    reason = models.CharField(_("reason"), max_length=255, default="", blank=True)
    snoozed_until = models.DateField(_("later: not before"), null=True, blank=True)
    order_line = models.ForeignKey(
        PurchaseOrderLine, models.SET_NULL, null=True, blank=True, related_name="suggestions", verbose_name=_("order")
    )

    class Meta:
        verbose_name = _("replenishment suggestion")
        verbose_name_plural = _("replenishment worklist")
        constraints = [models.UniqueConstraint(fields=["channel", "product"], name="ecomai_suggestion_uniq")]
        indexes = [
            models.Index(fields=["channel", "state", "status"], name="ecomai_suggestion_work"),
            models.Index(fields=["channel", "status", "-demand_day"], name="ecomai_suggestion_steer"),
        ]
        permissions = [("decide_suggestion", _("Can decide about replenishment suggestions"))]

    def __str__(self) -> str:
        return str(self.product)

    @property
    def why(self) -> str:
        """The arithmetic behind status and quantity, as one line in the reader's language."""
        from django_ecomai.inventory.why import why_line

        return why_line(self)

    @property
    def substitutes(self) -> list[dict[str, Any]]:
        """The strongest products that stand in for it, as of the last run: share, pieces to spare, days they last."""
        return list((self.notes or {}).get("substitutes", ()))

    @property
    def to_order(self) -> Decimal:
        """Pieces that are put into an order when it is approved now."""
        return self.quantity if self.decided_quantity is None else self.decided_quantity
