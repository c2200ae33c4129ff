"""What would make the recommendations better."""

from __future__ import annotations

from django.utils.translation import gettext as _

from django_ecomai.recommend.dataset import Dataset


def missing_data(data: Dataset) -> list[str]:
    """What would make the recommendations better, in sentences for the merchant."""
    counts = data.counts
    found = []
    if not counts["products"]:
        found.append(_("There are no products: set ECOMAI['ADAPTER'] and run a sync."))
    elif not counts["products_on_sale"]:
        found.append(_("No product is on sale, so nothing can be recommended."))
    elif counts["products"] == 1:
        found.append(_("The catalogue holds one product: there is nothing to recommend beside it."))
    if not counts["order_lines"]:
        found.append(_("There are no orders: recommendations rest on descriptions and on what visitors look at."))
    elif not counts["customers"]:
        found.append(_("No order names a customer: nothing can be learned about what one person buys over time."))
    if not counts["events"]:
        found.append(
            _(
                "No visit has been recorded yet. If the shop has visitors: "
                "put {% ecomai_beacon %} into its base template, so that what they look at is counted."
            )
        )
    return found
