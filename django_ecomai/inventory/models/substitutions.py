"""Which product stands in for which."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from django_ecomai.mirror.models import Product


class Substitution(models.Model):
    """What part of a product's demand another one takes while it is sold out; the way back is a row of its own."""

    class Source(models.TextChoices):
        DECLARED = "declared", _("declared")
        SUGGESTED = "suggested", _("found in the data")

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("substitution", "to decide")
        USED = "used", pgettext_lazy("substitution", "in use")
        DISMISSED = "dismissed", pgettext_lazy("substitution", "dismissed")

    product = models.ForeignKey(Product, models.CASCADE, related_name="+", verbose_name=_("product"))
    substitute = models.ForeignKey(Product, models.CASCADE, related_name="+", verbose_name=_("substitute"))
    share = models.FloatField(
        _("share"), default=0.5, validators=[MinValueValidator(0.01), MaxValueValidator(1)],
        help_text=_("Of those who miss the product, how many take the substitute: 0.5 means half of them."),
    )  # fmt: skip
    source = models.CharField(_("source"), max_length=16, choices=Source.choices, default=Source.DECLARED)
    # What was found in the data counts only once somebody has said so; what was dismissed is not found again.
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.USED)
    note = models.CharField(_("note"), max_length=255, default="", blank=True)
    # What it was found by: likeness, days sold out, pieces a day with and without the product, pieces more.
    evidence = models.JSONField(default=dict, blank=True, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("substitute")
        verbose_name_plural = _("substitutes")
        constraints = [
            models.UniqueConstraint(fields=["product", "substitute"], name="ecomai_substitution_uniq"),
            models.CheckConstraint(
                condition=~models.Q(product=models.F("substitute")), name="ecomai_substitution_other"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} → {self.substitute}"

    def clean(self) -> None:
        """A product is no substitute of itself, nor of one of another shop."""
        product, other = self._told("product"), self._told("substitute")
        if product is not None and product == other:
            raise ValidationError({"substitute": _t("A product does not stand in for itself.")})
        if product is not None and other is not None and product.channel != other.channel:
            raise ValidationError({"substitute": _t("Both must be of the same shop.")})

    def _told(self, name: str) -> Any:
        return getattr(self, name) if getattr(self, f"{name}_id") is not None else None
