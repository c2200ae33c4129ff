"""How a product, or a class of products, is to be replenished."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product


class StockPolicy(models.Model):
    """For one product, or for all of an ABC/XYZ class; an empty class means any. The narrower row counts."""

    class Policy(models.TextChoices):
        S_S = "sS", _("(s,S): below the reorder point up to the target level")
        R_S = "RS", _("(R,S): every review up to the target level")
        R_Q = "RQ", _("(R,Q): below the reorder point an economic quantity")
        NEWSVENDOR = "newsvendor", _("newsvendor: one buy for a season")

    class Target(models.TextChoices):
        SERVICE = "service", _("service level: share of cycles without a stock-out")
        FILL = "fill", _("fill rate: share of demand served from stock")
        PAYS = "pays", _("what pays: lost margin against holding cost")
        SHARED = "shared", _("fill rate over all products of the row, reached where it costs least")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(
        Product, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("product")
    )
    abc = models.CharField(
        _("ABC class"), max_length=1, default="", blank=True,
        choices=[("A", _("A: most of the value")), ("B", _("B: the middle")), ("C", _("C: the long tail"))],
    )  # fmt: skip
    xyz = models.CharField(
        _("XYZ class"), max_length=1, default="", blank=True,
        choices=[("X", _("X: steady")), ("Y", _("Y: varying")), ("Z", _("Z: erratic"))],
    )  # fmt: skip
    policy = models.CharField(_("policy"), max_length=16, choices=Policy.choices, default=Policy.S_S)
    target_kind = models.CharField(_("target"), max_length=8, choices=Target.choices, default=Target.SERVICE)
    target = models.FloatField(
        _("target value"), default=0.95, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)],
        help_text=_("0.95 means 95 %. Not used by “what pays”."),
    )  # fmt: skip
    review_days = models.PositiveSmallIntegerField(
        _("days between reviews"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    order_cost = models.DecimalField(
        _("cost of an order line"), max_digits=10, decimal_places=2, default=5, validators=[MinValueValidator(0)],
        help_text=_("What ordering and receiving one product costs, whatever the quantity."),
    )  # fmt: skip
    holding_rate = models.FloatField(
        _("holding cost per year"), default=0.25, validators=[MinValueValidator(0), MaxValueValidator(5)],
        help_text=_("Share of a product's cost: 0.25 means that a year in stock costs a quarter of it."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("stock policy")
        verbose_name_plural = _("stock policies")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "product"], condition=models.Q(product__isnull=False), name="ecomai_policy_product"
            ),
            models.UniqueConstraint(
                fields=["channel", "abc", "xyz"], condition=models.Q(product__isnull=True), name="ecomai_policy_class"
            ),
        ]

    def __str__(self) -> str:
        if self.product_id is not None:
            return str(self.product)
        return f"{self.abc or '*'}{self.xyz or '*'}"
