"""A price that is proposed, with what is expected of it and why."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Product

from .elasticities import MONEY, ElasticitySource
from .rules import PricingRule


class PriceProposal(models.Model):
    """Old price, new price, and the arithmetic between them. Every run renews what nobody has decided yet."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("proposal", "open")
        APPROVED = "approved", _("approved")
        SCHEDULED = "scheduled", _("approved for later")
        WRITING = "writing", _("being put into the shop")
        APPLIED = "applied", _("in the shop")
        REJECTED = "rejected", _("rejected")
        STALE = "stale", _("overtaken")
        FAILED = "failed", _("failed")
        UNDONE = "undone", _("undone")
        HELD = "held", _("held back")

    class Risk(models.TextChoices):
        LOW = "low", pgettext_lazy("risk", "low")
        MEDIUM = "medium", pgettext_lazy("risk", "medium")
        HIGH = "high", pgettext_lazy("risk", "high")

    class Strength(models.TextChoices):
        STRONG = "strong", _("strong")
        FAIR = "fair", _("fair")
        WEAK = "weak", _("weak")
        NONE = "none", pgettext_lazy("evidence", "none")

    #: States that a run may write over: nobody has decided.
    UNDECIDED = (State.OPEN, State.HELD)
    #: Approved and not yet in the shop.
    WAITING = (State.APPROVED, State.SCHEDULED)
    #: The same, and those that a worker is writing right now.
    UNDER_WAY = (*WAITING, State.WRITING)

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="price_proposals", verbose_name=_("product"))
    # The product's key while nobody has decided, NULL afterwards: at most one undecided row per product.
    undecided = models.BigIntegerField(null=True, blank=True, unique=True, editable=False)
    run_number = models.BigIntegerField(null=True, blank=True, editable=False)
    # A price of a price test that is to stay: no run writes over it while it waits for the second of two people.
    from_test = models.BooleanField(default=False, editable=False)
    made_at = models.DateTimeField(_("worked out"))
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.OPEN)
    held_code = models.CharField(max_length=32, default="", blank=True, editable=False)
    held_named = models.JSONField(default=dict, blank=True, editable=False)  # what the code's sentence names
    # Where there is no code: what the shop answered, or why it was overtaken.
    held_reason = models.CharField(_("why it is held back"), max_length=500, default="", blank=True)

    old_price = models.DecimalField(_("price"), **MONEY, null=True, blank=True)
    new_price = models.DecimalField(_("proposed price"), **MONEY, null=True, blank=True)
    list_price = models.DecimalField(_("list price"), **MONEY, null=True, blank=True)
    cost = models.DecimalField(_("cost"), **MONEY, null=True, blank=True, help_text=_("Without tax."))
    tax = models.FloatField(_("tax"), default=0.0, help_text=_("In the prices, as a share of the net price."))
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    # Products with one price: "p" and the parent's key, or an attribute and its value.
    family = models.CharField(_("price family"), max_length=160, default="", blank=True)

    rule = models.ForeignKey(
        PricingRule, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("rule")
    )
    binding = models.CharField(_("limit that it stands at"), max_length=32, default="", blank=True)
    # [[stage, before, after], ...]: what moved the price from the target to the proposal.
    trail = models.JSONField(_("what moved it"), default=list, blank=True, editable=False)
    goal = models.CharField(_("goal"), max_length=16, choices=PricingRule.Action.choices, default="profit")

    elasticity = models.FloatField(_("elasticity"), null=True, blank=True)
    elasticity_low = models.FloatField(_("elasticity at least"), null=True, blank=True)
    elasticity_high = models.FloatField(_("elasticity at most"), null=True, blank=True)
    elasticity_source = models.CharField(
        _("elasticity from"), max_length=8, choices=ElasticitySource.choices, default=ElasticitySource.NONE
    )
    strength = models.CharField(_("evidence"), max_length=8, choices=Strength.choices, default=Strength.NONE)

    # With which probability this price was drawn, where its rule tries prices to learn; empty: the best one was taken.
    propensity = models.FloatField(_("probability of this price"), null=True, blank=True)

    # Expected over the horizon, at the price of today and at the proposed one.
    units_old = models.FloatField(_("pieces at the price"), null=True, blank=True)
    units_new = models.FloatField(_("pieces at the proposed price"), null=True, blank=True)
    revenue_old = models.FloatField(
        _("revenue at the price"), null=True, blank=True, help_text=_("As shoppers pay it, with tax.")
    )
    revenue_new = models.FloatField(
        _("revenue at the proposed price"), null=True, blank=True, help_text=_("As shoppers pay it, with tax.")
    )
    profit_old = models.FloatField(_("profit at the price"), null=True, blank=True, help_text=_("Without tax."))
    profit_new = models.FloatField(
        _("profit at the proposed price"), null=True, blank=True, help_text=_("Without tax.")
    )
    gain = models.FloatField(
        _("gain"), null=True, blank=True,
        help_text=_("Of the goal, over the horizon: profit without tax, revenue with it."),
    )  # fmt: skip
    gain_low = models.FloatField(_("gain at least"), null=True, blank=True)
    gain_high = models.FloatField(_("gain at most"), null=True, blank=True)
    gain_chance = models.FloatField(_("probability of a gain"), null=True, blank=True)
    horizon_days = models.PositiveSmallIntegerField(_("days"), default=28)
    risk = models.CharField(_("risk"), max_length=8, choices=Risk.choices, default=Risk.MEDIUM)
    has_forecast = models.BooleanField(
        _("rests on a forecast"), default=False, help_text=_("Else on the average of the last eight weeks.")
    )

    # What it does to other products: {"profit", "low", "high", "products": [{"product", "elasticity", "low", "high",
    # "units", "profit"}]}; empty where nothing is known. It is part of the gain where the goal is profit.
    cross = models.JSONField(default=dict, blank=True, editable=False)
    # {"lowest", "median", "offers", "position"}, and "simulated" where they are; empty without offers of competitors.
    market = models.JSONField(_("market"), default=dict, blank=True, editable=False)
    # {"low", "high", "path", "stock", "left", "elasticity", "sd"}, and "arrivals" [[pieces, asked for from then on],
    # ...] where goods are on order: what the curve and ``expected`` are made of, see ``row_numbers.curve_of``; an older
    # row may hold the curve itself.
    curve = models.JSONField(default=dict, blank=True, editable=False)
    # Which share of the pieces is expected on each day from that of the run until the horizon ends; empty without a
    # forecast: all days alike.
    daily = models.JSONField(default=list, blank=True, editable=False)
    # {"units": [...], "prices": [...]} per week, oldest first.
    history = models.JSONField(default=dict, blank=True, editable=False)

    apply_at = models.DateTimeField(_("to be applied at"), null=True, blank=True)
    # Since when a worker has been writing it; it says so again while the shop is slow.
    writing_since = models.DateTimeField(null=True, blank=True, editable=False)
    # Approved together: canaries go first, the others follow when those have earned what was expected.
    batch = models.CharField(max_length=32, default="", blank=True, editable=False)
    is_canary = models.BooleanField(_("goes first"), default=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    # The first of two with PRICING_FOUR_EYES.
    seconded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+",
        verbose_name=_("first approved by"),
    )  # fmt: skip
    reason = models.CharField(_("reason"), max_length=255, default="", blank=True)

    #: Not stored: the price stays because another one would gain too little (``worth.small_ones_drop``).
    too_small = False

    class Meta:
        verbose_name = _("price proposal")
        verbose_name_plural = _("price proposals")
        ordering = [models.F("gain").desc(nulls_last=True), "pk"]
        indexes = [
            # on PostgreSQL by gain DESC NULLS LAST and id (0010)
            models.Index(fields=["channel", "state", "-gain"], name="ecomai_proposal_work"),
            models.Index(fields=["state", "apply_at"], name="ecomai_proposal_due"),
            models.Index(fields=["batch"], name="ecomai_proposal_batch"),
            models.Index(fields=["channel", "family"], name="ecomai_proposal_family"),
            models.Index(fields=["channel", "run_number"], name="ecomai_proposal_run"),
        ]
        permissions = [
            ("decide_priceproposal", _("Can decide about price proposals")),
            ("apply_priceproposal", _("Can put approved prices into the shop")),
        ]

    def __str__(self) -> str:
        return str(self.product)

    @property
    def market_simulated(self) -> bool:
        """Whether offers of competitors that stand beside it are simulated."""
        return bool((self.market or {}).get("simulated"))

    @property
    def change(self) -> float | None:
        """By which share the price would change."""
        if not self.old_price or self.new_price is None:
            return None
        return float(self.new_price / self.old_price) - 1

    @property
    def curve_shown(self) -> dict[str, Any]:
        """What each of 21 prices would bring: ``prices``, ``units``, ``profit``, ``profit_low``, ``profit_high``."""
        from django_ecomai.pricing.row_numbers import curve_of

        return curve_of(self)

    @property
    def expected(self) -> dict[str, list[float] | None]:
        """``units``, ``revenue`` and ``profit`` at the new price: expected, and the ends of its 95 % interval."""
        from django_ecomai.pricing.row_numbers import expected_of

        return expected_of(self)

    @property
    def held_words(self) -> str:
        """Why it is held back, was overtaken or failed, in the reader's language; empty when it is none of these."""
        from django_ecomai.pricing.held import held_words

        return held_words(self)

    @property
    def why(self) -> str:
        """The arithmetic behind the price as one line in the reader's language."""
        from django_ecomai.pricing.why import why_line

        return why_line(self)
