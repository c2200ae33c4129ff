"""The example shop's own tables: what any small shop has. Nothing here knows django_ecomai."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify


class Category(models.Model):
    """One shelf of the shop; two levels deep."""

    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=100, unique=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "name"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("shop:category", args=[self.slug])


class ProductQuerySet(models.QuerySet["Product"]):
    def visible(self) -> ProductQuerySet:
        """What the storefront may show: real goods that are switched on."""
        return self.filter(is_active=True, is_service=False)


class Product(models.Model):
    """One article. Prices are pounds including tax."""

    sku = models.CharField("SKU", max_length=32, unique=True)
    name = models.CharField(max_length=160)
    slug = models.SlugField(max_length=180, blank=True)
    description = models.TextField(blank=True)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True, related_name="products")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal("0"))])
    list_price = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="The usual price, if it is higher.",
    )
    cost = models.DecimalField(
        max_digits=10,
        decimal_places=2,
        null=True,
        blank=True,
        help_text="What one unit costs us. Simulated here.",
    )
    stock = models.PositiveIntegerField(default=0, help_text="Units on hand. Simulated in the sample data.")
    times_ordered = models.PositiveIntegerField(
        default=0, help_text="Orders with it in the last 90 days of trading; sorts the lists."
    )
    is_active = models.BooleanField(default=True)
    is_service = models.BooleanField(
        default=False, help_text="Postage, fees, discounts: on invoices, never in the storefront."
    )
    created = models.DateTimeField(default=timezone.now)
    updated = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [
            models.Index(fields=["is_active", "is_service", "-times_ordered"], name="shop_product_popular"),
            models.Index(fields=["category", "is_active", "-times_ordered"], name="shop_product_shelf"),
            models.Index(fields=["-created"], name="shop_product_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        if not self.slug:
            self.slug = slugify(self.name)[:180] or "product"
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def get_absolute_url(self) -> str:
        return reverse("shop:product", args=[self.sku, self.slug or "product"])

    @property
    def picture_url(self) -> str:
        """Address of the drawing; changes with the name, so that it may be cached for a year."""
        from example_project.shop.pictures import picture_version

        return f"{reverse('shop:picture', args=[self.sku])}?v={picture_version(self.name)}"

    @property
    def in_stock(self) -> bool:
        return self.stock > 0

    @property
    def is_reduced(self) -> bool:
        """Whether the usual price is struck out beside it, however little it is lower."""
        return self.list_price is not None and self.list_price > self.price

    @property
    def saving_percent(self) -> int:
        """How much lower the price is than the usual one, in whole per cent; 0 for less than one, too."""
        if self.list_price is None or not self.is_reduced:
            return 0
        return int((1 - self.price / self.list_price) * 100)


class Customer(models.Model):
    """Who bought: with a login, or known only by the code of the old invoices."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    country = models.CharField(max_length=60, blank=True)
    joined = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["code"]
        indexes = [models.Index(fields=["-joined"], name="shop_customer_newest")]

    def __str__(self) -> str:
        return self.name or f"Customer {self.code}"


class Order(models.Model):
    """One invoice. A guest's order has no customer."""

    class Status(models.TextChoices):
        PLACED = "placed", "Placed"
        SHIPPED = "shipped", "Shipped"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"

    number = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey(Customer, models.SET_NULL, null=True, blank=True, related_name="orders")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLACED)
    placed_at = models.DateTimeField(default=timezone.now)
    name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    address = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=80, blank=True)
    postcode = models.CharField(max_length=16, blank=True)
    country = models.CharField(max_length=60, blank=True)
    total = models.DecimalField(max_digits=12, decimal_places=2, default=Decimal("0"))
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-placed_at", "-pk"]
        indexes = [
            models.Index(fields=["-placed_at"], name="shop_order_newest"),
            models.Index(fields=["customer", "-placed_at"], name="shop_order_history"),
        ]

    def __str__(self) -> str:
        return f"Order {self.number}"


class Line(models.Model):
    """One line of an invoice; keeps SKU and title, because products are renamed and deleted."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="lines")
    sku = models.CharField("SKU", max_length=32)
    title = models.CharField(max_length=160, blank=True)
    quantity = models.IntegerField(help_text="Negative when goods came back.")
    unit_price = models.DecimalField(max_digits=12, decimal_places=3)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.title or self.sku}"

    @property
    def total(self) -> Decimal:
        return (self.quantity * self.unit_price).quantize(Decimal("0.01"))
