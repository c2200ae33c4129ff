"""Copies of the shop's catalogue, and the history of what changes in it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from .base import MONEY, ShopRow, unique_in_channel


class Category(ShopRow):
    """A node of the shop's category tree."""

    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="children")
    name = models.CharField(_("name"), max_length=255)
    slug = models.CharField(_("slug"), max_length=255, default="", blank=True)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [unique_in_channel("category")]

    def __str__(self) -> str:
        return self.name


class Product(ShopRow):
    """A product, or a variant of one (``parent``)."""

    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="variants")
    sku = models.CharField(_("SKU"), max_length=64, default="", blank=True)
    title = models.CharField(_("title"), max_length=255)
    description = models.TextField(_("description"), default="", blank=True)
    brand = models.CharField(_("brand"), max_length=128, default="", blank=True)
    categories = models.ManyToManyField(Category, related_name="products", blank=True, verbose_name=_("categories"))
    # The same categories as the shop's ids, so that a page part needs no second query for them.
    category_external_ids = models.JSONField(default=list, blank=True, editable=False)
    price = models.DecimalField(_("price"), **MONEY, null=True, blank=True)
    list_price = models.DecimalField(_("list price"), **MONEY, null=True, blank=True)
    cost = models.DecimalField(_("cost"), **MONEY, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    # NULL means that the shop does not count stock: such a product is always available.
    stock = models.DecimalField(_("stock"), max_digits=14, decimal_places=3, null=True, blank=True)
    image_url = models.CharField(_("image address"), max_length=500, default="", blank=True)
    url = models.CharField(_("page address"), max_length=500, default="", blank=True)
    is_active = models.BooleanField(_("on sale"), default=True)
    # Postage, fees and vouchers: part of orders, never of recommendations or forecasts.
    is_service = models.BooleanField(_("not a product"), default=False)
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created in the shop"), null=True, blank=True)
    updated_at = models.DateTimeField(_("changed in the shop"), null=True, blank=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints = [unique_in_channel("product")]
        indexes = [
            models.Index(fields=["channel", "created_at"], name="ecomai_product_created"),
            models.Index(fields=["channel", "sku"], name="ecomai_product_sku"),
            # "New arrivals" on every home page: the newest on sale, without reading the catalogue. What has no date
            # stands last: on PostgreSQL the migration says so, the others sort so by themselves.
            models.Index(
                models.F("channel"),
                models.F("created_at").desc(),
                models.F("id").desc(),
                condition=models.Q(is_active=True, is_service=False, removed_at=None, parent=None),
                name="ecomai_product_newest",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Promotion(ShopRow):
    """A reduction or campaign that explains sales while it ran."""

    class Kind(models.TextChoices):
        DISCOUNT = "discount", _("price reduction")
        VOUCHER = "voucher", _("voucher")
        BUNDLE = "bundle", _("bundle")
        CAMPAIGN = "campaign", _("campaign")
        OTHER = "other", _("other")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.DISCOUNT)
    name = models.CharField(_("name"), max_length=255)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"), null=True, blank=True)
    percent = models.DecimalField(_("percent off"), max_digits=5, decimal_places=2, null=True, blank=True)
    amount = models.DecimalField(_("amount off"), **MONEY, null=True, blank=True)
    products = models.ManyToManyField(Product, related_name="promotions", blank=True, verbose_name=_("products"))
    categories = models.ManyToManyField(Category, related_name="promotions", blank=True, verbose_name=_("categories"))

    class Meta:
        verbose_name = _("promotion")
        verbose_name_plural = _("promotions")
        constraints = [unique_in_channel("promotion")]
        indexes = [models.Index(fields=["channel", "starts_at"], name="ecomai_promotion_start")]

    def __str__(self) -> str:
        return self.name


class PricePoint(models.Model):
    """The price of a product from a moment on; a row is written when it changes."""

    channel = models.CharField(max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="price_points", verbose_name=_("product"))
    valid_from = models.DateTimeField(_("since"))
    price = models.DecimalField(_("price"), **MONEY, null=True)
    list_price = models.DecimalField(_("list price"), **MONEY, null=True)
    cost = models.DecimalField(_("cost"), **MONEY, null=True)
    currency = models.CharField(_("currency"), max_length=3, default="")
    # "sync": recorded when a copy showed a new price; "shop": from the shop's own price history.
    source = models.CharField(_("source"), max_length=16, default="sync")

    class Meta:
        verbose_name = _("price change")
        verbose_name_plural = _("price history")
        constraints = [
            models.UniqueConstraint(fields=["product", "valid_from", "source"], name="ecomai_pricepoint_uniq"),
        ]

    def __str__(self) -> str:
        return f"{self.price} {self.currency}"


class StockPoint(models.Model):
    """The stock of a product at a location from a moment on; a row is written when it changes."""

    channel = models.CharField(max_length=32, default="", blank=True)
    product = models.ForeignKey(Product, models.CASCADE, related_name="stock_points", verbose_name=_("product"))
    location = models.CharField(_("location"), max_length=64, default="", blank=True)
    valid_from = models.DateTimeField(_("since"))
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3)

    class Meta:
        verbose_name = _("stock change")
        verbose_name_plural = _("stock history")
        constraints = [
            models.UniqueConstraint(fields=["product", "location", "valid_from"], name="ecomai_stockpoint_uniq"),
        ]

    def __str__(self) -> str:
        return str(self.quantity)


class Review(ShopRow):
    """A customer's review of a product."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="reviews", verbose_name=_("product"))
    customer = models.ForeignKey(
        "ecomai_mirror.Customer", models.SET_NULL, null=True, blank=True, related_name="reviews"
    )
    rating = models.DecimalField(_("rating"), max_digits=4, decimal_places=2, null=True, blank=True)
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    text = models.TextField(_("text"), default="", blank=True)
    created_at = models.DateTimeField(_("written"))

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        constraints = [unique_in_channel("review")]

    def __str__(self) -> str:
        return self.title or self.text[:60]
