"""How demand answers to the price of each product, as the last run learned it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}


class ElasticitySource(models.TextChoices):
    OWN = "own", _("its own sales")
    CATEGORY = "category", _("mostly its category")
    SHOP = "shop", _("mostly the shop")
    NONE = "none", _("not known")


class Reason(models.TextChoices):
    """Why a product has no elasticity: those of the engine, and what cannot be read."""

    NO_ROWS = "no_rows", _("it was never sold at a known price")
    TOO_FEW_PERIODS = "too_few_periods", _("on sale for fewer than eight weeks")
    TOO_FEW_SALES = "too_few_sales", _("fewer than ten pieces sold")
    PRICE_NEVER_VARIED = "price_never_varied", _("its price has never varied")
    ONLY_WITH_CONTROLS = (
        "price_moved_only_with_controls",
        _("its price moved only with the season, promotions or its whole category"),
    )
    IMPLAUSIBLE_SIGN = "implausible_sign", _("more seemed to be sold at higher prices")
    IMPLAUSIBLE_SIZE = "implausible_size", _("the effect is too large to be believed")
    MIXED_CURRENCY = "mixed_currency", _("it was sold in other currencies than its price is in")


class ProductElasticity(models.Model):
    """Per cent of demand per per cent of price, with its 95 % interval; or a reason why it has none."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.OneToOneField(Product, models.CASCADE, related_name="price_elasticity", verbose_name=_("product"))
    run_number = models.BigIntegerField(null=True, blank=True, editable=False)
    made_at = models.DateTimeField(_("worked out"))
    elasticity = models.FloatField(_("elasticity"), null=True, blank=True)
    sd = models.FloatField(_("standard deviation"), null=True, blank=True)
    low = models.FloatField(_("at least"), null=True, blank=True)
    high = models.FloatField(_("at most"), null=True, blank=True)
    reason = models.CharField(_("why there is none"), max_length=32, default="", blank=True, choices=Reason.choices)
    source = models.CharField(
        _("learned from"), max_length=8, choices=ElasticitySource.choices, default=ElasticitySource.NONE
    )
    own = models.FloatField(_("from its own sales alone"), null=True, blank=True)
    own_sd = models.FloatField(_("standard deviation of that"), null=True, blank=True)
    weight = models.FloatField(
        _("weight of its own sales"), default=0.0, help_text=_("The rest comes from its category and the shop.")
    )
    fallback = models.FloatField(_("of its category"), null=True, blank=True)
    fallback_sd = models.FloatField(_("standard deviation in its category"), null=True, blank=True)
    levels = models.PositiveIntegerField(_("prices it had"), default=0)
    periods = models.PositiveIntegerField(_("weeks on sale"), default=0)
    rate = models.FloatField(_("pieces per week"), default=0.0)
    # The variance of demand in a week is dispersion * (mean + alpha * mean2); neighbouring weeks err alike by rho.
    dispersion = models.FloatField(default=1.0, editable=False)
    alpha = models.FloatField(default=0.0, editable=False)
    rho = models.FloatField(default=0.0, editable=False)
    # The price test that would tell most, where the interval is wide.
    test_low = models.DecimalField(_("lower price of a test"), **MONEY, null=True, blank=True)
    test_high = models.DecimalField(_("higher price of a test"), **MONEY, null=True, blank=True)
    test_weeks = models.PositiveSmallIntegerField(_("weeks of the test"), null=True, blank=True)
    test_worth = models.FloatField(_("worth of the test"), null=True, blank=True)

    class Meta:
        verbose_name = _("price elasticity")
        verbose_name_plural = _("price elasticities")
        indexes = [models.Index(fields=["channel", "-test_worth"], name="ecomai_elasticity_test")]

    def __str__(self) -> str:
        return str(self.product)

    @property
    def strength(self) -> str:
        """How narrow the interval is: "strong", "fair", "weak" or "none"."""
        return strength_of(self.low, self.high)


class CrossEffect(models.Model):
    """What the price of another product, or what competitors ask, does to the sales of a product, as the last run
    learned it: per cent of demand per per cent of price. With a reason it is used for nothing."""

    class Kind(models.TextChoices):
        PRODUCT = "product", _("another product")
        COMPETITOR = "competitor", _("competitors")

    class Reason(models.TextChoices):
        PRICE_NEVER_VARIED = "price_never_varied", _("that price has hardly varied by itself")
        IMPLAUSIBLE_SIGN = "implausible_sign", _("the two sell together, or something else moves both")
        NOT_TOLD = "not_told_from_none", _("too uncertain to be told from no effect")
        TOO_FEW_SALES = "too_few_sales", _("fewer than 40 weeks with sales, or than three pieces a week")
        TOO_FEW_PRODUCTS = "too_few_products", _("its category has too few other products to compare with")
        TOO_FEW_ROWS = "too_few_rows", _("too few weeks in which competitors' prices were known")

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="cross_effects", verbose_name=_("product"))
    kind = models.CharField(_("whose price"), max_length=16, choices=Kind.choices, default=Kind.PRODUCT)
    # Empty for competitors, and where nothing can be said about any other product.
    other = models.ForeignKey(
        Product, models.CASCADE, null=True, blank=True, related_name="cross_causes", verbose_name=_("other product")
    )
    made_at = models.DateTimeField(_("worked out"))
    elasticity = models.FloatField(_("effect"), null=True, blank=True)
    sd = models.FloatField(_("standard deviation"), null=True, blank=True)
    low = models.FloatField(_("at least"), null=True, blank=True)
    high = models.FloatField(_("at most"), null=True, blank=True)
    reason = models.CharField(_("why it is not used"), max_length=32, default="", blank=True, choices=Reason.choices)

    class Meta:
        verbose_name = _("effect of another price")
        verbose_name_plural = _("effects of other prices")
        ordering = ["pk"]
        indexes = [models.Index(fields=["channel", "made_at"], name="ecomai_crosseffect_made")]

    def __str__(self) -> str:
        return f"{self.product} ← {self.other or self.get_kind_display()}"


def strength_of(low: float | None, high: float | None) -> str:
    """By the width of the 95 % interval: below 1 strong, below 2 fair, else weak; "none" without one."""
    if low is None or high is None:
        return "none"
    width = high - low
    return "strong" if width < 1 else "fair" if width < 2 else "weak"
