"""The price ledger, and the effects of other prices, on the product's page in the admin."""

from __future__ import annotations

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.registry import ProductPanel, product_panels
from django_ecomai.mirror.models import Product

from .cross_words import effects_shown
from .held import exact_amount
from .models import PriceReduction

SHOWN = 20


def ledger_shown(product: Product) -> SafeString:
    """A table of its announced reductions, newest first; one query. Empty where it never was reduced."""
    rows = list(PriceReduction.objects.filter(product=product).order_by("-began_at")[:SHOWN])
    if not rows:
        return SafeString("")
    head = format_html_join(
        "",
        '<th scope="col">{}</th>',
        ((one,) for one in (_("From"), _("Until"), _("Price"), _("List price"), _("Lowest of the 30 days before"))),
    )
    body = format_html_join(
        "",
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        (
            (
                _moment(row.began_at),
                _("still running") if row.ended_at is None else _moment(row.ended_at),
                exact_amount(row.price, row.currency),
                exact_amount(row.list_price, row.currency),
                exact_amount(row.lowest_before, row.currency),
            )
            for row in rows
        ),
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)


def _moment(at: object) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")  # type: ignore[arg-type]


def register() -> None:
    """Called once from ``ready()``."""
    product_panels.register("pricing.ledger", ProductPanel(label=gettext_lazy("Price reductions"), shown=ledger_shown))
    product_panels.register(
        "pricing.cross", ProductPanel(label=gettext_lazy("What other prices do to its sales"), shown=effects_shown)
    )
