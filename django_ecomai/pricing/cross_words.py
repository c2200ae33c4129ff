"""What other prices do to sales, in words: of a proposal, and of a product."""

from __future__ import annotations

from math import expm1, log
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from django_ecomai.mirror.models import Product

from . import words
from .models import CrossEffect, PriceProposal

SHOWN = 20
#: The change of a price that an effect is told by.
EXAMPLE = 0.9


def cross_lines(row: PriceProposal) -> list[str]:
    """``“Tea”: about −3 % of its pieces (−5 % to −1 %), −12 EUR``, the largest effect first; one query, none where
    nothing is known."""
    each = (row.cross or {}).get("products") or []
    if not each or not row.old_price or row.new_price is None:
        return []
    titles = dict(Product.objects.filter(pk__in=[one["product"] for one in each]).values_list("pk", "title"))
    ratio = log(float(row.new_price) / float(row.old_price))
    text = _("“%(product)s”: about %(change)s of its pieces (%(between)s), %(profit)s")
    return [
        text % {
            "product": titles.get(one["product"], "–"),
            "change": words.signed_percent(expm1(one["elasticity"] * ratio)),
            "between": _between(one["low"], one["high"], ratio),
            "profit": words.signed_money(one["profit"], row.currency),
        }
        for one in sorted(each, key=lambda one: -abs(one["profit"]))
    ]  # fmt: skip


def cross_figure(row: PriceProposal) -> tuple[Any, str, str] | None:
    """What the price does to the profit of other products: label, value and range; None where nothing is known."""
    cross = row.cross or {}
    if not cross.get("products"):
        return None
    between = _("%(low)s to %(high)s") % {
        "low": words.signed_money(cross["low"], ""), "high": words.signed_money(cross["high"], "")
    }  # fmt: skip
    beside = _("part of the gain") if row.goal == "profit" else _("not part of the gain")
    return _("Profit of other products"), words.signed_money(cross["profit"], row.currency), f"{between}, {beside}"


def effects_shown(product: Product) -> SafeString:
    """What other prices do to the sales of a product, and its price to those of others; empty where nothing was looked
    at. Two queries."""
    rows = list(CrossEffect.objects.filter(product=product).select_related("other")[:SHOWN])
    rows += CrossEffect.objects.filter(other=product, reason="").select_related("product", "other")[:SHOWN]
    if not rows:
        return SafeString("")
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", ((effect_words(row),) for row in rows)))


def effect_words(row: CrossEffect) -> str:
    """One effect, or why it is not known, as a sentence."""
    if row.kind == CrossEffect.Kind.COMPETITOR:
        cause = _("competitors")
    else:
        cause = _("other products of its category") if row.other is None else f"“{row.other}”"
    if row.reason or row.elasticity is None or row.low is None or row.high is None:
        text = _("What the prices of %(cause)s do to sales of “%(product)s” is not known: %(reason)s.")
        return text % {"cause": cause, "product": row.product, "reason": row.get_reason_display()}
    text = _("If %(cause)s cost 10 %% less, “%(product)s” sells about %(change)s pieces (%(between)s).")
    change = words.signed_percent(expm1(row.elasticity * log(EXAMPLE)))
    between = _between(row.low, row.high, log(EXAMPLE))
    return text % {"cause": cause, "product": row.product, "change": change, "between": between}


def _between(low: float, high: float, ratio: float) -> str:
    ends = sorted(expm1(one * ratio) for one in (low, high))
    return _("%(low)s to %(high)s") % dict(zip(("low", "high"), map(words.signed_percent, ends), strict=True))
