"""What the merchant decided about single products and categories."""

from __future__ import annotations

from typing import Any, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .placements import Slot


class MerchantRule(models.Model):
    """A decision about one product or one category, for a time or for good."""

    class Action(models.TextChoices):
        PIN = "pin", _("always first")
        BOOST = "boost", _("show more")
        BURY = "bury", _("show less")
        HIDE = "hide", _("never show")

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
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=models.Q(product__isnull=False) ^ models.Q(category__isnull=False),
                name="ecomai_%(class)s_one_target",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.product or self.category}"

    def own_channel(self) -> str | None:
        """The shop that the rule is made for; None while that is not known."""
        raise NotImplementedError

    def clean(self) -> None:
        """Exactly one target of the rule's own shop, and an end after the beginning."""
        errors: dict[str, list[Any]] = {}
        if self.product_id and self.category_id:
            errors["category"] = [_("Choose a product or a category, not both: make two rules instead.")]
        elif not self.product_id and not self.category_id:
            errors["product"] = [_("Choose the product or the category that this rule is about.")]
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            errors["ends_at"] = [_("The rule would end before it begins: choose a later end.")]
        channel = self.own_channel()
        for name, target in (("product", self.product), ("category", self.category)):
            if target is not None and channel is not None and target.channel != channel:
                errors.setdefault(name, []).append(_("This belongs to another shop than the placement."))
        if errors:
            raise ValidationError(errors)

    def overlaps(self, other: Self) -> bool:
        """Whether both are about the same target at some common moment."""
        if (self.product_id, self.category_id) != (other.product_id, other.category_id):
            return False
        first, second = sorted((self, other), key=lambda rule: (rule.starts_at is not None, rule.starts_at))
        return first.ends_at is None or second.starts_at is None or second.starts_at < first.ends_at


class SlotRule(MerchantRule):
    """A decision for one carousel."""

    slot = models.ForeignKey(Slot, models.CASCADE, related_name="rules", verbose_name=_("carousel"))

    class Meta(MerchantRule.Meta):
        verbose_name = _("rule")
        verbose_name_plural = _("rules")

    def own_channel(self) -> str | None:
        """A slot that is being added has no placement to compare with yet."""
        return self.slot.placement.channel if self.slot_id and self.slot.placement_id else None


class ShopRule(MerchantRule):
    """A decision for every carousel of a shop. A rule of a carousel about the same target wins over it."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)

    class Meta(MerchantRule.Meta):
        verbose_name = _("rule for all carousels")
        verbose_name_plural = _("rules for all carousels")

    def own_channel(self) -> str | None:
        return self.channel
