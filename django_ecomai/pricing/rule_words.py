"""A rule as sentences: for which products, what it does, which limits it sets."""

from __future__ import annotations

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .models import PricingRule
from .rulebook import DATED
from .words import percent

Action = PricingRule.Action


def for_whom(rule: PricingRule) -> str:
    """``Category “Lanterns”, brand “Acme”``; all products where nothing narrows it."""
    found = []
    if rule.product_id is not None:
        found.append(_("product “%(name)s”") % {"name": rule.product})
    if rule.category_id is not None:
        found.append(_("category “%(name)s”") % {"name": rule.category})
    if rule.brand:
        found.append(_("brand “%(name)s”") % {"name": rule.brand})
    if rule.attribute:
        value = f" = {rule.attribute_value}" if rule.attribute_value else ""
        found.append(f"{rule.attribute}{value}")
    if rule.stock_days_min is not None:
        text = ngettext("on sale for %(days)s day or more", "on sale for %(days)s days or more", rule.stock_days_min)
        found.append(text % {"days": rule.stock_days_min})
    if rule.stock_days_max is not None:
        text = ngettext("on sale for at most %(days)s day", "on sale for at most %(days)s days", rule.stock_days_max)
        found.append(text % {"days": rule.stock_days_max})
    if rule.position:
        found.append(_("%(position)s in the market") % {"position": rule.get_position_display()})
    if rule.margin_from is not None:
        found.append(_("margin from %(share)s") % {"share": percent(rule.margin_from)})
    if rule.margin_to is not None:
        found.append(_("margin below %(share)s") % {"share": percent(rule.margin_to)})
    return ", ".join(str(one) for one in found) or _("all products")


def what_it_does(rule: PricingRule) -> str:
    """``a markup over cost: 50 %``."""
    told = str(rule.get_action_display())
    if rule.action == Action.MARKUP and rule.markup is not None:
        return f"{told}: {percent(rule.markup)}"
    if rule.action in DATED and rule.sell_until_attribute:
        return f"{told}: “{rule.sell_until_attribute}”"
    if rule.action in DATED and rule.sell_until is not None:
        return f"{told}: {date_format(rule.sell_until, 'SHORT_DATE_FORMAT')}"
    if rule.action == Action.RELATIVE:
        return f"{told}: {rule.get_reference_display()} {_offset(rule.offset)}".strip()
    if rule.action == Action.FOLLOW and rule.follows is not None:
        return f"{told}: {rule.follows} {_offset(rule.offset)}".strip()
    return told


def _offset(share: float) -> str:
    return f"{'+' if share > 0 else '−'}{number_format(round(abs(100 * share), 1), decimal_pos=1)} %" if share else ""


def limits_told(rule: PricingRule) -> str:
    """``least margin 30 %, at most 10 % per week``; empty without limits."""
    found = []
    if rule.min_margin is not None:
        found.append(_("least margin %(share)s") % {"share": percent(rule.min_margin)})
    if rule.map_attribute:
        found.append(_("not below %(attribute)s") % {"attribute": rule.map_attribute})
    if rule.corridor_low is not None or rule.corridor_high is not None:
        named = {"low": percent(rule.corridor_low or 0.0), "high": percent(rule.corridor_high)}
        found.append(_("%(low)s to %(high)s of the list price") % named)
    if rule.max_change_day is not None:
        found.append(_("at most %(share)s per day") % {"share": percent(rule.max_change_day)})
    if rule.max_change_week is not None:
        found.append(_("at most %(share)s per week") % {"share": percent(rule.max_change_week)})
    if rule.family_attribute:
        found.append(_("one price per %(attribute)s") % {"attribute": rule.family_attribute})
    return ", ".join(found)
