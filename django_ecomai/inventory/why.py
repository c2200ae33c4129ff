"""The reason of a suggestion as one line of arithmetic, in the language of who reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import capfirst
from django.utils.translation import gettext as _

from django_ecomai.core.charts import format_value

if TYPE_CHECKING:
    from .models import Suggestion


def why_line(row: Suggestion) -> str:
    """Status and quantity, worked out in front of the reader."""
    codes = set((row.notes or {}).get("codes", ()))
    parts = [_line(row)]
    texts = {
        "moq_over_cover": _("the least order costs more to keep than it saves: nothing is ordered"),
        "shelf_life": _("cut to what sells within its shelf life"),
        "negative_stock": _("the shop's stock is below 0 and counts as 0"),
        "no_pack_size": _("the pack size is missing and counts as 1"),
        "no_forecast": _("no forecast yet: the average of the last eight weeks"),
        "mixed_currency": _("cost and price are in different currencies: no margin is worked out"),
        "no_supplier": _("no supplier offers it"),
    }
    parts += [text for code, text in texts.items() if code in codes]
    if (fill := (row.notes or {}).get("fill")) is not None:
        parts.append(
            _("its part of the shared target: %(fill)s %% of its demand") % {"fill": format_value(round(100 * fill, 1))}
        )
    parts += _stand_ins(row)
    return str(capfirst("; ".join(parts)))


def _stand_ins(row: Suggestion) -> list[str]:
    """What substitutes could give, what they earn meanwhile, and what this product takes over from others."""
    facts = row.notes or {}
    told = []
    for one in (
        facts.get("substitutes", ()) if row.quantity > 0 or row.status in ("stocked_out", "will_stock_out") else ()
    ):
        named = {
            "title": one["title"],
            "hand": format_value(one["hand"]),
            "spare": format_value(round(one["spare"])),
            "share": format_value(round(100 * one["share"])),
            "days": format_value(round(one["days"] or 0)),
        }
        if one["spare"] >= 0.5 and one["days"]:
            told.append(
                _(
                    "“%(title)s” stands in for %(share)s %%: %(spare)s of %(hand)s on hand and on order are to spare, "
                    "enough for %(days)s days"
                )
                % named
            )
        else:
            told.append(_("“%(title)s” stands in for %(share)s %%, but has nothing to spare") % named)
    if facts.get("saved"):
        money = f"{format_value(round(facts['saved'], 2))} {row.currency}".strip()
        told.append(_("substitutes save %(money)s of the margin at stake") % {"money": money})
    if facts.get("moved_in"):
        pieces = format_value(round(facts["moved_in"], 1))
        told.append(_("%(pieces)s of the demand come from what is sold out") % {"pieces": pieces})
    return told


def _line(row: Suggestion) -> str:
    named = {
        "hand": format_value(row.on_hand),
        "order": format_value(row.on_order),
        "reserved": format_value(row.reserved),
        "target": format_value(round(row.order_up_to)),
        "point": format_value(round(row.reorder_point)),
        "position": format_value(row.on_hand + row.on_order - row.reserved),
        "raw": format_value(round(row.raw_quantity)),
        "days": format_value(round(row.protection_days)),
        "service": format_value(round(100 * row.service)),
        "cover": format_value(round(row.cover_days or 0)),
        "p50": format_value(round(row.p50)),
        "p90": format_value(round(row.p90)),
        "daily": format_value(round(row.demand_day, 2)),
    }
    lot = (row.notes or {}).get("lot")
    if row.raw_quantity > 0 and lot:  # policy (R,Q)
        named |= {"lot": format_value(lot), "times": format_value(round(row.raw_quantity / lot))}
        text = _(
            "%(position)s on hand and on order are not above the reorder point %(point)s: %(times)s × %(lot)s = %(raw)s"
        )
        return text % named + _rounding(row) + _bridged(named)
    if row.raw_quantity > 0:
        minus = [_("%(hand)s on hand") % named]
        if row.on_order:
            minus.append(_("%(order)s on order") % named)
        sum_text = " − ".join([_("target level %(target)s") % named, *minus])
        if row.reserved:
            sum_text += _(" + %(reserved)s reserved") % named
        text = _("%(sum)s = %(raw)s") % {**named, "sum": sum_text}
        return text + _rounding(row) + _bridged(named)
    if row.status in ("surplus", "obsolete"):
        return _("%(hand)s on hand last %(cover)s days at %(daily)s a day; the target level is %(target)s") % named
    if row.status == "phantom":
        return _("%(hand)s on hand, but no sale for longer than chance explains: count it") % named
    return _("%(position)s on hand and on order are above the reorder point %(point)s") % named


def _bridged(named: dict[str, str]) -> str:
    return _(" (%(days)s days to bridge, enough in %(service)s %% of cases)") % named


def _rounding(row: Suggestion) -> str:
    facts = row.notes or {}
    quantity = float(row.quantity)
    if round(quantity) == round(row.raw_quantity):
        return ""
    named = {
        "quantity": format_value(quantity),
        "pack": format_value(facts.get("pack")),
        "moq": format_value(facts.get("moq")),
    }
    codes = facts.get("codes", ())
    if "price_break" in codes:
        return _(" → %(quantity)s, where a lower price begins") % named
    if "moq" in codes:
        return _(" → %(quantity)s, the least order being %(moq)s") % named
    if "pack" in codes:
        return _(" → %(quantity)s in packs of %(pack)s") % named
    return f" → {named['quantity']}"
