"""Where recommendations appear and what fills them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]


class Placement(models.Model):
    """A place in the shop: home page, product page, cart, ..."""

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    key = models.SlugField(_("key"), max_length=64, help_text=_("The name used in the template tag."))
    label = models.CharField(_("name"), max_length=128)
    is_active = models.BooleanField(_("shown"), default=True)
    order_by_value = models.BooleanField(
        _("best carousel first"), default=False,
        help_text=_(
            "Puts the carousel on top that is expected to earn most: chance of a click × chance of a purchase × price. "
            "Off: your own order."
        ),
    )  # fmt: skip

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
    diversity = models.FloatField(
        _("variety"), default=0.0, validators=SHARE,
        help_text=_("0: the best matches, however alike. 1: as different from each other as possible."),
    )  # fmt: skip
    novelty = models.FloatField(
        _("lesser-known products"), default=0.0, validators=SHARE,
        help_text=_("0: as the model ranks. 1: what everybody buys anyway steps far back."),
    )  # fmt: skip
    taste = models.FloatField(
        _("the customer's own mix"), default=0.0, validators=SHARE,
        help_text=_("1: categories come in the proportion in which the customer looks at and buys them."),
    )  # fmt: skip
    explore = models.PositiveSmallIntegerField(
        _("places for trying out"), default=0, validators=[MaxValueValidator(48)],
        help_text=_("So many places at the end show products drawn by chance from further down, to learn about them."),
    )  # fmt: skip
    frequency_cap = models.PositiveSmallIntegerField(
        _("rest after so many views"), null=True, blank=True, validators=[MinValueValidator(1)],
        help_text=_("A product that a visitor was shown this often without a click is left out. Empty: never."),
    )  # fmt: skip
    frequency_days = models.PositiveSmallIntegerField(
        _("counted over days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_("Older views do not count, so the product comes back after a while."),
    )  # fmt: skip
    fill_filtered = models.BooleanField(
        _("fill up after a filter"), default=False,
        help_text=_("When a page's filter leaves too few products, the best others follow. Off: a shorter list."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("carousel")
        verbose_name_plural = _("carousels")
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return self.title
