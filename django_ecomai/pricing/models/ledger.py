"""Announced price reductions. The prices themselves are in the mirror's ``PricePoint``, which nothing rewrites."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from django_ecomai.mirror.models import Product
from django_ecomai.mirror.models.base import MONEY


class PriceReduction(models.Model):
    """From when to when a product was reduced, and the lowest price of the thirty days before.

    One row per reduction: a page reads its products' rows in one query, whatever the length of their history.
    A reduction that is still to come (a planned promotion) has its row already.
    """

    channel = models.CharField(max_length=32, default="", blank=True)
    # No index of its own: the constraint below begins with it.
    product = models.ForeignKey(
        Product, models.CASCADE, related_name="reductions", db_index=False, verbose_name=_("product")
    )
    currency = models.CharField(_("currency"), max_length=3, default="")
    began_at = models.DateTimeField(_("reduced from"))
    ended_at = models.DateTimeField(_("until"), null=True, blank=True)
    price = models.DecimalField(_("reduced price"), **MONEY)
    list_price = models.DecimalField(_("list price"), **MONEY, null=True, blank=True)
    # Empty: no price before it is known.
    lowest_before = models.DecimalField(_("lowest price of the 30 days before"), **MONEY, null=True, blank=True)
    known_since = models.DateTimeField(_("prices known since"))
    recorded_at = models.DateTimeField(_("recorded"), auto_now=True)

    class Meta:
        verbose_name = _("price reduction")
        verbose_name_plural = _("price reductions")
        constraints = [
            models.UniqueConstraint(fields=["product", "began_at"], name="ecomai_reduction_uniq"),
        ]
        indexes = [models.Index(fields=["channel", "began_at"], name="ecomai_reduction_began")]

    def __str__(self) -> str:
        return f"{self.product}: {self.price.normalize():f} {self.currency}"

    def runs_at(self, moment: datetime) -> bool:
        """Whether the reduction is announced at a moment."""
        return self.began_at <= moment and (self.ended_at is None or moment < self.ended_at)


class LedgerWalk(models.Model):
    """How far a job has gone through the catalogue of a channel to bring the ledger up to date.

    There are two: what runs today, which pages tell, and the whole past. Each goes through the products on sale first,
    then the others, by ascending key, and notes where it is after each part: a run that ends early or is killed has
    lost one part at most, and the next one goes on behind it.
    """

    class What(models.TextChoices):
        RUNNING = "running", _("what runs")
        PAST = "past", _("the whole past")

    channel = models.CharField(max_length=32, default="", blank=True)
    what = models.CharField(max_length=8, choices=What.choices)
    # How often it was asked for, how often that had been when the present walk began (none: NULL), and when the last
    # one began that has come to its end: numbers, since machines' clocks differ.
    asked = models.PositiveIntegerField(default=1)
    walking = models.PositiveIntegerField(null=True, blank=True)
    filled = models.PositiveIntegerField(default=0)
    # Of the present walk: whether it still goes through the products on sale, and the last key that is done.
    on_sale = models.BooleanField(default=True)
    after = models.BigIntegerField(default=0)
    products = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("walk through the price ledger")
        verbose_name_plural = _("walks through the price ledger")
        constraints = [models.UniqueConstraint(fields=["channel", "what"], name="ecomai_ledgerwalk_uniq")]

    def __str__(self) -> str:
        return f"{self.get_what_display()} {self.channel}".strip()
