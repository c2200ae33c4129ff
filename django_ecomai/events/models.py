"""The append-only log of behaviour."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventName(models.TextChoices):
    """GA4 names, and three of our own (``review``, ``dismiss``, ``undismiss``)."""

    VIEW_ITEM_LIST = "view_item_list", _("saw a list")
    SELECT_ITEM = "select_item", _("clicked in a list")
    VIEW_ITEM = "view_item", _("viewed a product")
    SEARCH = "search", _("searched")
    ADD_TO_WISHLIST = "add_to_wishlist", _("added to wish list")
    ADD_TO_CART = "add_to_cart", _("added to cart")
    REMOVE_FROM_CART = "remove_from_cart", _("removed from cart")
    VIEW_CART = "view_cart", _("viewed the cart")
    BEGIN_CHECKOUT = "begin_checkout", _("began checkout")
    PURCHASE = "purchase", _("purchased")
    REFUND = "refund", _("refunded")
    REVIEW = "review", _("reviewed")
    DISMISS = "dismiss", _("not interested")
    UNDISMISS = "undismiss", _("interested after all")
    # GA4's name for time on a page: the view itself is sent at once, its length only when the page is left.
    USER_ENGAGEMENT = "user_engagement", _("stayed on a product")


class Event(models.Model):
    """One thing that a visitor did. Never rewritten; carries external ids and no foreign keys.

    The primary key is a UUIDv7: idempotence, order in time and, on PostgreSQL, the key of the monthly partitions.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    name = models.CharField(_("event"), max_length=24, choices=EventName.choices)
    visitor_id = models.CharField(_("visitor"), max_length=32, default="", blank=True)
    session_id = models.CharField(_("visit"), max_length=32, default="", blank=True)
    customer_id = models.CharField(_("customer"), max_length=64, default="", blank=True)
    product_id = models.CharField(_("product"), max_length=64, default="", blank=True)
    order_id = models.CharField(_("order"), max_length=64, default="", blank=True)
    placement = models.CharField(_("placement"), max_length=64, default="", blank=True)
    position = models.PositiveSmallIntegerField(_("position"), null=True, blank=True)
    # Which rendered list it came from; equal for the impression and the click.
    recommendation_id = models.CharField(_("recommendation"), max_length=36, default="", blank=True)
    quantity = models.DecimalField(_("quantity"), max_digits=14, decimal_places=3, null=True, blank=True)
    value = models.DecimalField(_("value"), max_digits=14, decimal_places=4, null=True, blank=True)
    currency = models.CharField(_("currency"), max_length=3, default="", blank=True)
    query = models.CharField(_("search words"), max_length=255, default="", blank=True)
    dwell_seconds = models.FloatField(_("seconds on page"), null=True, blank=True)
    client_at = models.DateTimeField(_("browser's clock"), null=True, blank=True)
    received_at = models.DateTimeField(_("received"))
    is_bot = models.BooleanField(_("robot"), default=False)
    properties = models.JSONField(_("properties"), default=dict, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["visitor_id", "id"], name="ecomai_event_visitor"),
            models.Index(fields=["customer_id", "id"], name="ecomai_event_customer"),
            models.Index(fields=["channel", "name", "id"], name="ecomai_event_name"),
            # Impressions and clicks per placement are counted from this index alone; few events are in it.
            models.Index(
                fields=["channel", "name", "placement", "id"],
                condition=models.Q(is_bot=False) & ~models.Q(placement=""),
                name="ecomai_event_placement",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.product_id}"


class VisitorIdentity(models.Model):
    """From ``linked_at`` on, this visitor is known to be that customer. Events are never rewritten for it."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    visitor_id = models.CharField(_("visitor"), max_length=32)
    customer_id = models.CharField(_("customer"), max_length=64)
    linked_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("known visitor")
        verbose_name_plural = _("known visitors")
        constraints = [
            models.UniqueConstraint(fields=["channel", "visitor_id", "customer_id"], name="ecomai_identity_uniq"),
        ]
        indexes = [models.Index(fields=["channel", "customer_id"], name="ecomai_identity_customer")]

    def __str__(self) -> str:
        return f"{self.visitor_id[:8]} → {self.customer_id}"
