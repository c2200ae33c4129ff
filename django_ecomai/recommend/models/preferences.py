"""What is derived about a customer: from which category he is likely to buy next."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class CustomerPreference(models.Model):
    """Probability that a customer's next order is mainly from a category. Written anew by every run of the job.

    Ids are the shop's; ``run`` is the number of the run that worked it out.
    """

    channel = models.CharField(_("channel"), max_length=32, default="", blank=True)
    customer_id = models.CharField(_("customer"), max_length=64)
    category_id = models.CharField(_("category"), max_length=64)
    probability = models.FloatField(_("probability"))
    run = models.PositiveBigIntegerField(_("run"), default=0)

    class Meta:
        verbose_name = _("category preference")
        verbose_name_plural = _("category preferences")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "customer_id", "category_id"], name="ecomai_customerpreference_uniq"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.category_id} {self.probability:.0%}"
