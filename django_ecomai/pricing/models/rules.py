"""What is to become of prices, and within which limits: rules that a merchant orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Category, Product

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}
#: Wide bounds, against slips of the hand.
_MARGIN = [MinValueValidator(-10.0), MaxValueValidator(1.0)]
_SHARE = [MinValueValidator(0.0), MaxValueValidator(10.0)]
_WEEKDAYS = RegexValidator(r"^[1-7]*$", _("Write days as digits: 1 is Monday, 7 is Sunday."))
_ENDINGS = RegexValidator(r"^(\d{1,4}(\s*,\s*\d{1,4})*)?$", _("Write endings like 99, 95."))


class PricingRule(models.Model):
    """Which products it is for, what it does with their prices, and which limits it sets.

    An empty condition holds for all. Of several rules that want a price, the most specific counts, then the order.
    Limits of all rules that fit count together: the strictest of each kind.
    """

    class Action(models.TextChoices):
        LIMITS = "limits", _("only limits")
        PROFIT = "profit", _("the most profit")
        REVENUE = "revenue", _("the most revenue")
        SELL_THROUGH = "sell_through", _("sell the stock until a date")
        MARKUP = "markup", _("a markup over cost")
        RELATIVE = "relative", _("beside competitors")
        FOLLOW = "follow", _("follow another product")
        HOLD = "hold", _("leave the price")

    class Position(models.TextChoices):
        CHEAPEST = "cheapest", pgettext_lazy("market", "cheapest")
        AVERAGE = "average", pgettext_lazy("market", "average")
        PREMIUM = "premium", pgettext_lazy("market", "premium")

    class Reference(models.TextChoices):
        LOWEST = "lowest", _("the lowest offer")
        MEDIAN = "median", _("the median of the offers")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    name = models.CharField(_("name"), max_length=128)
    order = models.PositiveIntegerField(
        pgettext_lazy("place in a sequence", "order"),
        default=100,
        help_text=_("Of rules that are equally specific, the lower number counts."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    # For which products; all conditions must hold.
    product = models.ForeignKey(
        Product, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("product"),
        help_text=_("With its variants."),
    )  # fmt: skip
    category = models.ForeignKey(
        Category, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("category"),
        help_text=_("With those below it."),
    )  # fmt: skip
    brand = models.CharField(_("brand"), max_length=128, default="", blank=True)
    attribute = models.CharField(_("attribute or tag"), max_length=64, default="", blank=True)
    attribute_value = models.CharField(
        _("value of the attribute"), max_length=128, default="", blank=True,
        help_text=_("Empty: any product that has the attribute."),
    )  # fmt: skip
    stock_days_min = models.PositiveIntegerField(
        _("on sale for at least so many days"), null=True, blank=True,
        help_text=_("Since the product was made, or came into stock again after it was sold out."),
    )  # fmt: skip
    stock_days_max = models.PositiveIntegerField(_("on sale for at most so many days"), null=True, blank=True)
    position = models.CharField(
        _("position in the market"), max_length=16, default="", blank=True, choices=Position.choices
    )
    margin_from = models.FloatField(
        _("margin from"), null=True, blank=True, validators=_MARGIN,
        help_text=_("Share of the price without tax: 0.3 means 30 %."),
    )  # fmt: skip
    margin_to = models.FloatField(_("margin below"), null=True, blank=True, validators=_MARGIN)
    starts_on = models.DateField(_("from"), null=True, blank=True)
    ends_on = models.DateField(_("until"), null=True, blank=True, help_text=_("The last day."))
    weekdays = models.CharField(
        _("weekdays"), max_length=7, default="", blank=True, validators=[_WEEKDAYS],
        help_text=_("Digits: 1 is Monday, 7 is Sunday. Empty: every day."),
    )  # fmt: skip

    # What it does.
    action = models.CharField(_("what it does"), max_length=16, choices=Action.choices, default=Action.PROFIT)
    sell_until = models.DateField(_("end date"), null=True, blank=True, help_text=_("Nothing is sold after it."))
    sell_until_attribute = models.CharField(
        _("attribute with the end date"), max_length=64, default="", blank=True,
        help_text=_("The end date of each product is what stands there, such as 2026-12-24; else the one above."),
    )  # fmt: skip
    sell_share = models.FloatField(
        _("share of the stock to sell"), default=0.95, validators=[MinValueValidator(0.05), MaxValueValidator(1.0)]
    )
    left_worth = models.FloatField(
        _("worth of what is left"), default=1.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_("Share of its cost that a piece is worth at the end: 0 for what spoils."),
    )  # fmt: skip
    explore = models.BooleanField(
        _("try prices to learn"), default=False,
        help_text=_("Other prices within the limits, more often where little is known. For profit or revenue."),
    )  # fmt: skip
    markup = models.FloatField(
        _("markup over cost"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(100.0)],
        help_text=_("0.5 means cost and half of it; tax comes on top."),
    )
    reference = models.CharField(
        _("beside which offer"), max_length=8, default=Reference.LOWEST, choices=Reference.choices
    )
    offset = models.FloatField(
        _("distance"), default=0.0, validators=[MinValueValidator(-0.9), MaxValueValidator(9.0)],
        help_text=_("From the offer, or from the product that is followed: −0.02 means 2 % below."),
    )  # fmt: skip
    follows = models.ForeignKey(
        Product, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("followed product")
    )

    # Limits; they win over everything above.
    min_margin = models.FloatField(
        _("least margin"), null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(0.99)],
        help_text=_("Share of the price without tax: 0.3 means 30 %."),
    )  # fmt: skip
    map_attribute = models.CharField(
        _("attribute with the least advertised price"), max_length=64, default="", blank=True,
        help_text=_("No price below what stands in this attribute of the product."),
    )  # fmt: skip
    corridor_low = models.FloatField(_("lowest share of the list price"), null=True, blank=True, validators=_SHARE)
    corridor_high = models.FloatField(_("highest share of the list price"), null=True, blank=True, validators=_SHARE)
    max_change_day = models.FloatField(
        _("largest change per day"), null=True, blank=True, validators=_SHARE, help_text=_("0.1 means 10 %.")
    )
    max_change_week = models.FloatField(_("largest change per week"), null=True, blank=True, validators=_SHARE)
    family_attribute = models.CharField(
        _("one price per value of"), max_length=64, default="", blank=True,
        help_text=_("Products with the same value of this attribute have one price. Variants of a product always do."),
    )  # fmt: skip
    step = models.DecimalField(
        _("smallest step"), **MONEY, null=True, blank=True, validators=[MinValueValidator(Decimal("0.0001"))],
        help_text=_("Prices are multiples of it. Empty: what is usual in the currency."),
    )  # fmt: skip
    endings = models.CharField(
        _("endings"), max_length=64, default="", blank=True, validators=[_ENDINGS],
        help_text=_("Last digits that are preferred, such as 99, 95. A wish, no limit."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("price rule")
        verbose_name_plural = _("price rules")
        ordering = ["order", "pk"]
        indexes = [models.Index(fields=["channel", "is_active", "order"], name="ecomai_pricingrule_used")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        from django_ecomai.pricing.validation import rule_problems

        if problems := rule_problems(self):
            raise ValidationError(problems)


#: What a position in the market is called, wherever it is told.
POSITION_WORDS: dict[str, Any] = dict(PricingRule.Position.choices)
