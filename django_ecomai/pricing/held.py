"""Why a price is held back, was overtaken, failed or was left out: stored as a code with what it names, told in words.

Whoever writes a reason is a worker with a language of its own, so a row keeps no sentence of ours. What a shop itself
answered is kept as it said it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_ecomai.core.currencies import currency_digits

from .price_test_words import REASONS_OF_TESTS

REASONS: Mapping[str, Any] = {
    "price_missing": gettext_lazy("It has no price above 0: give it one in the shop."),
    "cost_missing": gettext_lazy("Its cost is not known: map `cost` in your adapter, or add a supplier's offer."),
    "cost_currency": gettext_lazy("Its cost is in another currency than its price: nothing can be compared."),
    "mixed_currency": gettext_lazy("It was sold in other currencies than its price is in: nothing can be learned."),
    "limits_contradict": gettext_lazy(
        "Its limits contradict each other: %(limits)s. Loosen one of them: in its rule, or on the page “Price limits”."
    ),
    "family_contradicts": gettext_lazy("No price fits all products of its family: another one is held back."),
    "family_currencies": gettext_lazy(
        "The products of its price family have prices in several currencies (%(names)s): one price for all is not "
        "possible."
    ),
    "two_families": gettext_lazy("It is in two price families, %(names)s: take it out of one."),
    "variants_apart": gettext_lazy(
        "The variants of “%(parent)s” have one price, but not all of them are in the price family %(names)s: give them "
        "the same value of its attribute, or leave it out of the rule."
    ),
    "rules_contradict": gettext_lazy(
        "The rules “%(first)s” and “%(second)s” are equally specific and want different things: give one a lower order."
    ),
    "rule_cycle": gettext_lazy("The rule “%(rule)s” leads back to the product itself: break the circle."),
    "no_target": gettext_lazy("The rule “%(rule)s” says no price for it."),
    "no_market": gettext_lazy("There is no fresh offer of a competitor that the rule “%(rule)s” could follow."),
    "no_followed": gettext_lazy("The product that the rule “%(rule)s” follows has no price in the same currency."),
    "no_stock": gettext_lazy("Its stock is not counted: the rule “%(rule)s” cannot sell it through."),
    "no_price_point": gettext_lazy("No multiple of the smallest step lies between its limits: %(limits)s."),
    "no_elasticity": gettext_lazy("How demand answers to its price is not known: %(why)s."),
    "map_unreadable": gettext_lazy("Its least advertised price, %(value)s, is no number."),
    "tax_unreadable": gettext_lazy("Its tax rate, %(value)s, is no number of per cent from 0 to 100."),
    "end_date_missing": gettext_lazy(
        "It has no end date in the attribute “%(value)s” that the rule “%(rule)s” takes it from."
    ),
    "end_date_unreadable": gettext_lazy("Its end date, %(value)s, is no date such as 2026-12-24."),
    "end_date_past": gettext_lazy("Its end date, %(value)s, has passed: take it off sale, or correct the date."),
    "changed_today": gettext_lazy("Its price changed within the last day, and changes per day are limited."),
    "in_test": gettext_lazy("It is in a price test."),
    # -- overtaken
    "off_sale": gettext_lazy("The product is not on sale any more."),
    "currency_changed": gettext_lazy("The currency of its price has changed to %(currency)s."),
    "price_changed": gettext_lazy("The shop has changed the price to %(price)s since it was worked out."),
    "target_moved": gettext_lazy("What its rule “%(rule)s” follows has moved: that asks for %(new)s now."),
    "newer_price": gettext_lazy("A newer price of this product is approved."),
    "limits_forbid": gettext_lazy("Its limits do not allow this price any more: %(limits)s."),
    "family_changed": gettext_lazy("The price of another product of its family has changed since."),
    "family_refused": gettext_lazy("Another product of its family cannot have this price."),
    "family_new": gettext_lazy("It is in a price family by now: wait for the next run."),
    "family_differs": gettext_lazy("The approved prices of its family differ."),
    "family_member": gettext_lazy("“%(product)s” of the same family costs %(price)s and has no approved price."),
    # -- of a person's price, why it has no numbers
    "no_demand": gettext_lazy("Nothing is known of its demand."),
    "beyond_curve": gettext_lazy(
        "Its demand curve goes from %(low)s to %(high)s %(currency)s: nobody knows what a price beyond it brings."
    ),
    # -- failed
    "shop_said": "%(told)s",
    "shop_silent": gettext_lazy("The shop could not tell its price of now."),
    "not_taken": gettext_lazy("The shop still has the price %(price)s after it was written."),
    "rounded": gettext_lazy("The shop made %(price)s of %(new)s. %(because)s"),
    "rounded_apart": gettext_lazy("The shop made %(price)s of %(new)s, and its family would have two prices."),
    "left_unclear": gettext_lazy(
        "A worker stopped while it wrote %(new)s, and the shop has %(price)s now: nobody knows who wrote that. Set the "
        "price that you want in the shop."
    ),
    "left_unread": gettext_lazy(
        "A worker stopped while it wrote %(new)s, and the shop does not say whether it has that price. It is asked "
        "again every hour. %(because)s"
    ),
    "not_set_back": "%(back)s %(because)s",
    **REASONS_OF_TESTS,
    # -- stopped, since those that went first did not do well
    "canary_below": gettext_lazy("Those that went first earned less than expected."),
    "canary_few": gettext_lazy("Of those that went first too few are still in the shop."),
    "followers_released": gettext_lazy(
        "Those that went first have done well: the prices that follow are in the CSV file now (%(number)s)."
    ),
    # -- waiting for those that went first
    "canary_untold": gettext_lazy(
        "Of those that go first so few pieces are expected (%(units)s in %(days)s days) that it would not show if they "
        "sold none: this price waits until you let it go or reject it."
    ),
    "no_orders_since": gettext_lazy(
        "No order has reached EcomAI since %(day)s, though many are usual: how prices do is looked at when orders come "
        "again. Look whether the copy of your shop is kept up."
    ),
    # -- left out of an approval of many
    "gone": gettext_lazy("It does not exist any more."),
    "not_open": gettext_lazy("It is not open any more, but %(state)s."),
    "other_price": gettext_lazy("A later run proposes %(new)s, not the %(seen)s that was looked at."),
    "same_person": gettext_lazy("It has the approval of the same person already: somebody else must approve it too."),
    "family_left_out": gettext_lazy("Another product of its family was left out, and they have one price."),
    "error": gettext_lazy("An error stopped it, and the next attempt tries it again: %(told)s"),
    # -- not taken back
    "undone_before": gettext_lazy("This price was taken back before."),
    "not_undoable": gettext_lazy("Only a price that was put into the shop can be taken back."),
    "being_written": gettext_lazy(
        "Another price of “%(product)s” is being put into the shop: try again in some minutes."
    ),
    "being_undone": gettext_lazy("The price of “%(product)s” is being taken back: try again in some minutes."),
    "younger_stands": gettext_lazy(
        "The price %(price)s of “%(product)s” came with a later change: take that one back first."
    ),
    "second_needed": gettext_lazy(
        "Your confirmation of “%(product)s” is noted. Somebody else must confirm it too: then the price before comes "
        "back."
    ),
    "costs_by_now": gettext_lazy("“%(product)s” costs %(price)s by now, not %(new)s: nothing was changed."),
    "other_currency": gettext_lazy("The price of “%(product)s” is in %(currency)s by now: nothing was changed."),
    "against_limits": gettext_lazy("“%(product)s” does not get %(price)s back. %(because)s"),
    "product_said": "%(product)s: %(because)s",
    "shop_refused": gettext_lazy("The shop did not take the price: %(because)s"),
    "cannot_write": gettext_lazy("The adapter of this shop cannot write prices."),
    # -- what the watch says
    "sold_too_little": gettext_lazy(
        "“%(product)s” sold %(units)s pieces in %(days)s days, less than the %(floor)s it should at least"
    ),
    "family_too_little": gettext_lazy(
        "The %(number)s products of the price family of “%(product)s” sold %(units)s pieces in %(days)s days, less "
        "than the %(floor)s they should at least"
    ),
    "step_failed": gettext_lazy("An error stopped a part of the hourly work, the rest went on: %(told)s"),
    "take_back_yourself": gettext_lazy(
        "Take it back in your shop: give “%(product)s” the price %(price)s again. The adapter cannot write prices."
    ),
    "wait_for_csv": gettext_lazy(
        "The adapter cannot write prices: scheduled ones stay until you download them as CSV."
    ),
}

LIMITS: Mapping[str, Any] = {
    "cost": gettext_lazy("its cost"),
    "cost_taxed": gettext_lazy("its cost with tax"),
    "min_margin": gettext_lazy("the least margin"),
    "map": gettext_lazy("the least advertised price"),
    "corridor_low": gettext_lazy("the lowest share of the list price"),
    "corridor_high": gettext_lazy("the highest share of the list price"),
    "year_low": gettext_lazy("the lowest share of the price a year ago, as it has no list price"),
    "year_high": gettext_lazy("the highest share of the price a year ago, as it has no list price"),
    "max_fall_day": gettext_lazy("the largest change per day"),
    "max_rise_day": gettext_lazy("the largest change per day"),
    "max_fall_week": gettext_lazy("the largest change per week"),
    "max_rise_week": gettext_lazy("the largest change per week"),
}

#: The same in few words, where many are counted that name different things; the sentence itself names nothing.
SHORT: Mapping[str, Any] = {
    "currency_changed": gettext_lazy("The currency of its price has changed."),
    "price_changed": gettext_lazy("The shop has changed the price since it was worked out."),
    "limits_forbid": gettext_lazy("Its limits do not allow this price any more."),
    "family_member": gettext_lazy("Another product of its family has another price and none that is approved."),
    "not_open": gettext_lazy("It is not open any more."),
    "other_price": gettext_lazy("A later run proposes another price than was looked at."),
    "error": gettext_lazy("An error stopped it, and the next attempt tries it again."),
    "costs_by_now": gettext_lazy("The shop has another price by now."),
    "being_written": gettext_lazy("Another price of it is being put into the shop right now."),
    "being_undone": gettext_lazy("It is being taken back right now."),
    "younger_stands": gettext_lazy("A later change brought today’s price: take that one back first."),
    "second_needed": gettext_lazy("Noted: somebody else must confirm it too."),
    "other_currency": gettext_lazy("The currency of its price has changed."),
    "against_limits": gettext_lazy("A limit of now forbids the price before."),
    "product_said": gettext_lazy("The shop did not tell its price, or did not change it."),
    "shop_refused": gettext_lazy("The shop did not take the price."),
    "not_set_back": gettext_lazy("The shop did not take the price, nor another one back."),
    "shop_said": gettext_lazy("The shop has refused."),
    "left_unread": gettext_lazy("A worker stopped while it wrote it, and the shop does not say whether it has it."),
    "limits_contradict": gettext_lazy("Its limits contradict each other."),
    "canary_untold": gettext_lazy("Of those that go first so little is expected that nothing can be told."),
    "no_orders_since": gettext_lazy("No order has reached EcomAI for days, though many are usual."),
}

#: What sentences name.
NAMES = (
    "parent", "rule", "first", "second", "names", "limits", "why", "value", "currency", "price", "new", "seen",
    "product", "told", "because", "back", "state", "units", "days", "floor", "number", "amount", "low", "high", "day",
)  # fmt: skip

#: The step of the trail by which a person has put a price of his own in place of the proposed one.
OWN_PRICE = "own_price"
#: Limits that a price may not exceed; under the others it may not fall.
CEILINGS = ("corridor_high", "year_high", "max_rise_day", "max_rise_week")

STAGES: Mapping[str, Any] = {
    **LIMITS,
    "family": gettext_lazy("one price for its family"),
    "rounding": gettext_lazy("the smallest step"),
    "ending": gettext_lazy("a preferred ending"),
    "limit": gettext_lazy("its limits"),
}


@dataclass(frozen=True)
class Why:
    """A reason as rows store it: its code and what the sentence names, as JSON; false where there is none."""

    code: str = ""
    named: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.code)

    def __str__(self) -> str:
        """In the language of who reads it."""
        return reason_text(self.code, **self.named) if self.code else ""

    def as_json(self) -> dict[str, Any]:
        """For a column."""
        return {"code": self.code, "named": dict(self.named)}


NONE = Why()


def why(code: str, **named: Any) -> Why:
    """A reason whose names are made JSON: amounts without idle zeros, other reasons as data, rows as their titles."""
    return Why(code, {name: _plain(value) for name, value in named.items()})


def said(text: str) -> Why:
    """What the shop answered, in its own words."""
    return Why("shop_said", {"told": text[:500]})


def why_of(stored: Any) -> Why:
    """The reason that ``as_json`` gave; none for whatever else is stored."""
    if not isinstance(stored, Mapping) or not stored.get("code"):
        return NONE
    return Why(str(stored["code"]), dict(stored.get("named") or {}))


def _plain(value: Any) -> Any:
    if isinstance(value, Why):
        return value.as_json()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | dict) else str(value)


def reason_text(code: str, *, currency: str = "", **named: Any) -> str:
    """The sentence of a code, in the language of who reads it; what is not named is left blank.

    ``limits`` are those of ``limits_named``, they and ``amount`` in ``currency``; ``day`` is one as ISO 8601; ``why``
    is a code of ``Reason``, ``state`` one of a proposal, ``because`` another reason as data, and ``back`` prices that
    could not be set back (product, price, what the shop said): all are put into words too.
    """
    if code not in REASONS:
        return code
    told = {"currency": currency or None, **named}
    fill = {**dict.fromkeys(NAMES, "–"), **{name: "–" if value is None else value for name, value in told.items()}}
    if not isinstance(fill["limits"], str):
        fill["limits"] = limits_text(fill["limits"], currency)
    fill["amount"] = exact_amount(named.get("amount"), currency)
    if not isinstance(fill["because"], str):
        fill["because"] = str(why_of(fill["because"]))
    if not isinstance(fill["back"], str):
        text = _("“%(product)s” could not be set back to %(price)s: %(problem)s.")
        fill["back"] = " ".join(
            text % dict(zip(("product", "price", "problem"), one, strict=True)) for one in fill["back"]
        )
    if day := parse_date(str(fill["day"])):
        fill["day"] = date_format(day, "SHORT_DATE_FORMAT")
    return str(REASONS[code]) % {**fill, "why": _unlearned(fill["why"]), "state": _state(fill["state"])}


def held_words(row: Any) -> str:
    """Why a row is held back, was overtaken or failed, in the reader's language; empty when it is none of these."""
    if row.held_reason or not row.held_code:
        return str(row.held_reason)
    return reason_text(row.held_code, **{"currency": row.currency, **row.held_named})


def reason_short(code: str) -> str:
    """A reason of many rows, without what it names in each."""
    return str(SHORT[code]) if code in SHORT else reason_text(code)


def limits_text(limits: Sequence[Sequence[Any]], currency: str) -> str:
    """Limits with their amounts and the rules that set them: each a name, an amount and a rule's name or None."""
    return "; ".join(limit_text(code, value, currency, *rule) for code, value, *rule in limits)


def _state(code: str) -> str:
    from .models import PriceProposal

    return str(PriceProposal.State(code).label) if code in PriceProposal.State.values else code


def _unlearned(code: str) -> str:
    from .models.elasticities import Reason

    return str(Reason(code).label) if code in Reason.values else code


def exact_amount(value: Any, currency: str, *, named: bool = True) -> str:
    """``2.288 GBP``, ``12.50 EUR``, ``900 JPY``: a price as it is charged, with all of its digits and no fewer than its
    currency has. ``named``: with the currency."""
    if value is None:
        return "–"
    digits = f"{Decimal(str(value)).quantize(Decimal('0.0001')).normalize():f}"
    places = max(currency_digits(currency), len(digits.partition(".")[2]))
    told = number_format(digits, decimal_pos=places, force_grouping=True)
    return f"{told} {currency}".strip() if named else told


def limit_text(code: str, value: Any, currency: str, rule: Any = None) -> str:
    """``at least 10.50 EUR (the least margin, rule “All”)``: a limit with its amount and the rule that set it."""
    named = {"limit": str(LIMITS.get(code, code)), "value": exact_amount(value, currency), "rule": rule}
    if code in CEILINGS:
        text = (
            _("at most %(value)s (%(limit)s)") if rule is None else _("at most %(value)s (%(limit)s, rule “%(rule)s”)")
        )
    else:
        text = (
            _("at least %(value)s (%(limit)s)")
            if rule is None
            else _("at least %(value)s (%(limit)s, rule “%(rule)s”)")
        )
    return text % named
