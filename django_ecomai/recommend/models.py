"""Where recommendations appear, what fills them, and what the merchant decided about it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from .preference_models import CustomerPreference

__all__ = ["CustomerPreference", "Placement", "Slot", "SlotRule"]


class Placement(models.Model):
    """A place in the shop: home page, product page, cart, ..."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    key = models.SlugField(_("key"), max_length=64, help_text=_("The name used in the template tag."))
    label = models.CharField(_("name"), max_length=128)
    is_active = models.BooleanField(_("shown"), default=True)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        constraints = [models.UniqueConstraint(fields=["channel", "key"], name="ecomai_placement_uniq")]
        permissions = [("preview_placement", _("Can preview recommendations for a customer"))]

    def __str__(self) -> str:
        return self.label


class Slot(models.Model):
    """One carousel of a placement: a strategy with a title, a size and rules."""

    placement = models.ForeignKey(Placement, models.CASCADE, related_name="slots", verbose_name=_("placement"))
    strategy = models.CharField(_("what to show"), max_length=32)
    title = models.CharField(_("title"), max_length=128, help_text=_("The heading that shoppers read."))
    order = models.PositiveSmallIntegerField(pgettext_lazy("place in a sequence", "order"), default=0)
    size = models.PositiveSmallIntegerField(
        _("how many products"), default=8, validators=[MinValueValidator(1), MaxValueValidator(48)]
    )
    is_active = models.BooleanField(_("shown"), default=True)
    only_in_stock = models.BooleanField(_("only products in stock"), default=True)
    exclude_bought = models.BooleanField(_("leave out what the customer bought"), default=False)
    category_cap = models.PositiveSmallIntegerField(
        _("most products of one category"), null=True, blank=True, help_text=_("Leave empty for no limit.")
    )

    class Meta:
        verbose_name = _("carousel")
        verbose_name_plural = _("carousels")
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return self.title


class SlotRule(models.Model):
    """A merchant's decision about one product or category in a carousel."""

    class Action(models.TextChoices):
        PIN = "pin", _("always first")
        BOOST = "boost", _("show more")
        BURY = "bury", _("show less")
        HIDE = "hide", _("never show")

    slot = models.ForeignKey(Slot, models.CASCADE, related_name="rules", verbose_name=_("carousel"))
    action = models.CharField(_("rule"), max_length=8, choices=Action.choices)
    product = models.ForeignKey(
        "ecomai_mirror.Product", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    category = models.ForeignKey(
        "ecomai_mirror.Category", models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("category")
    )
    factor = models.FloatField(
        _("strength"), default=2.0, validators=[MinValueValidator(1.0), MaxValueValidator(100.0)],
        help_text=_("For “show more” and “show less”: 2 doubles or halves the weight."),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("to"), null=True, blank=True)

    class Meta:
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(product__isnull=False) ^ models.Q(category__isnull=False),
                name="ecomai_slotrule_one_target",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.product or self.category}"

    def clean(self) -> None:
        """Exactly one target of the placement's own shop, and an end after the beginning."""
        errors: dict[str, list[Any]] = {}
        if self.product_id and self.category_id:
            errors["category"] = [_("Choose a product or a category, not both: make two rules instead.")]
        elif not self.product_id and not self.category_id:
            errors["product"] = [_("Choose the product or the category that this rule is about.")]
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors["ends_at"] = [_("The rule would end before it begins: choose a later end.")]
        # A slot that is being added has no placement to compare with yet.
        channel = self.slot.placement.channel if self.slot_id and self.slot.placement_id else None
        for name, target in (("product", self.product), ("category", self.category)):
            if target is not None and channel is not None and target.channel != channel:
                errors.setdefault(name, []).append(_("This belongs to another shop than the placement."))
        if errors:
            raise ValidationError(errors)

    def overlaps(self, other: SlotRule) -> bool:
        """Whether both are about the same target at some common moment."""
        if (self.product_id, self.category_id) != (other.product_id, other.category_id):
            return False
        first, second = sorted((self, other), key=lambda rule: (rule.starts_at is not None, rule.starts_at))
        return first.ends_at is None or second.starts_at is None or second.starts_at < first.ends_at
