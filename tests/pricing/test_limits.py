"""Limits of the whole shop: who sets them, who sees them, what they would change, and what is worth a proposal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from django_ecomai.forecast.models import Forecast
from django_ecomai.mirror.models import PricePoint, Product
from django_ecomai.pricing.checks import check_pricing
from django_ecomai.pricing.limits_preview import LimitsPreview, limits_preview
from django_ecomai.pricing.models import PriceLimits, PriceProposal, PricingRule
from django_ecomai.pricing.offering import OfferSetting, priced_products
from django_ecomai.pricing.proposing import Setting
from django_ecomai.pricing.services import PricingError, changes_apply, price_test_start
from django_ecomai.pricing.services.allowed import restoring_forbidden
from django_ecomai.pricing.services.propose import proposals_make, proposals_preview
from django_ecomai.pricing.shop_limits import DEFAULT_LIMITS, shop_limits
from tests.clients import clerk

from .adapters import PricedShop
from .factories import elasticity_make, priced_product, proposal_make, rule_make
from .shop import NOW, sales_make

pytestmark = pytest.mark.django_db
PAGE = "admin:ecomai_pricing_pricelimits_changelist"
SEEN = {"_preview": "1", "seen": "0"}


def known(slope: float = -1.6, rate: float = 70.0, **fields: Any) -> Any:
    product = priced_product(**fields)
    sales_make(product, rate=rate, levels=(float(product.price or 10),))
    elasticity_make(product, elasticity=slope, low=slope - 0.4, high=slope + 0.4)
    return product


def proposed(product: Any) -> PriceProposal:
    rules = list(PricingRule.objects.filter(is_active=True))
    found = proposals_preview(rules=rules, product_ids=[product.pk], now=NOW)
    return next(row for row in found if row.product_id == product.pk)


def text_of(response: Any) -> str:
    return str(response.content.decode())


class TestWhoSetsThem:
    def test_the_page_before_the_setting_before_the_defaults(self, settings: LazySettings) -> None:
        assert shop_limits(channel="") == DEFAULT_LIMITS
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS": {"max_change_day": 0.05, "corridor_high": None}}
        held = {**DEFAULT_LIMITS, "max_change_day": 0.05, "corridor_high": None}
        assert shop_limits(channel="") == held
        PriceLimits.objects.create(max_change_day=0.3, max_change_week=0.4)
        PriceLimits.objects.create(max_change_day=0.15)
        PriceLimits.objects.create(channel="b2b", max_change_day=0.01)
        # The newest row counts by itself: the week of the one before it is gone.
        assert shop_limits(channel="") == {**held, "max_change_day": 0.15}

    @pytest.mark.parametrize(("locked", "day", "week"), [(["max_change_day"], 0.1, 0.5), (True, 0.1, 0.2)])
    def test_what_a_developer_has_locked_stays(
        self, locked: Any, day: float, week: float, settings: LazySettings, boss: Client
    ) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS_LOCKED": locked}
        assert check_pricing(None) == []
        PriceLimits.objects.create(max_change_day=0.3, max_change_week=0.5)
        found = shop_limits(channel="")
        assert (found["max_change_day"], found["max_change_week"]) == (day, week)
        assert "set by your developer: 10 %" in text_of(boss.get(reverse(PAGE)))

    @pytest.mark.parametrize("locked", [["margin"], "min_margin", 3])
    def test_a_lock_that_is_none_is_told(self, locked: Any, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS_LOCKED": locked}
        assert [one.id for one in check_pricing(None)] == ["ecomai.E120"]


class TestWhoSeesThem:
    """A least margin of 65 % lets no price below 11.43 for what costs 4.00."""

    def test_the_run_follows_them(self) -> None:
        product = known()
        assert proposed(product).new_price == Decimal("10.67")
        PriceLimits.objects.create(max_change_day=0.02)
        row = proposed(product)
        assert (row.new_price, row.binding) == (Decimal("10.20"), "max_rise_day")
        PriceLimits.objects.create(max_change_day=0.5, max_change_week=0.5, min_margin=0.65)
        row = proposed(product)
        assert (row.new_price, row.binding) == (Decimal("11.43"), "min_margin")

    def test_applying_follows_them(self, shop: PricedShop) -> None:
        row = proposal_make(state="approved")
        PriceLimits.objects.create(min_margin=0.65)
        found = changes_apply(proposals=[row])
        assert (found.changes, shop.written) == ([], [])
        row.refresh_from_db()
        assert "at least 11.4286 EUR (the least margin)" in row.held_words

    def test_taking_back_follows_them(self) -> None:
        product = priced_product()
        restored = {product.pk: Decimal(10)}
        assert restoring_forbidden(restored, channel="", now=timezone.now()) == {}
        PriceLimits.objects.create(min_margin=0.65)
        found = restoring_forbidden(restored, channel="", now=timezone.now())
        assert "at least 11.4286 EUR (the least margin)" in str(found[product.pk])

    def test_a_price_test_follows_them(self, shop: PricedShop) -> None:
        values: dict[str, Any] = {"low": Decimal("9.80"), "high": Decimal("10.20"), "weeks": 4, "seed": 1}
        PriceLimits.objects.create(max_change_day=0.03)
        with pytest.raises(PricingError, match="the largest change per day"):
            price_test_start(product=priced_product(), **values)
        PriceLimits.objects.create(max_change_day=0.05)
        assert price_test_start(product=priced_product(), **values).low == Decimal("9.80")

    def test_volume_prices_follow_them(self) -> None:
        product = known()
        PriceLimits.objects.create(min_margin=0.2)
        (found,), _reasons = priced_products(OfferSetting.build(channel="", at=NOW), {product.pk: (-1.6, 0.2)})
        assert found.lowest == 5.0

    def test_a_replay_follows_them(self) -> None:
        PriceLimits.objects.create(max_change_day=0.02)
        setting = Setting.build(channel="", at=NOW, reader=None, learned=None)  # type: ignore[arg-type]
        assert setting.book.shop["max_change_day"] == 0.02

    def test_each_shop_has_its_own(self) -> None:
        product = known(channel="b2b")
        PriceLimits.objects.create(max_change_day=0.02)
        found = proposals_preview(channel="b2b", rules=[], product_ids=[product.pk], now=NOW)
        assert [row.new_price for row in found] == [Decimal("10.67")]


class TestThePage:
    def test_from_a_look_to_a_change_and_back(self, boss: Client) -> None:
        html = text_of(boss.get(reverse(PAGE)))
        assert "empty: 10 %" in html and "Nothing has been changed here yet" in html
        data = {"max_change_day": "15", "min_gain": "2.5", "seen": "0"}
        html = text_of(boss.post(reverse(PAGE), {**data, "_preview": "1"}))
        assert "With these limits 0 of today’s 0 open proposals" in html
        assert not PriceLimits.objects.exists()
        html = text_of(boss.post(reverse(PAGE), {**data, "_save": "1"}, follow=True))
        row = PriceLimits.objects.get()
        assert (row.max_change_day, row.min_gain, row.max_change_week) == (0.15, 2.5, None)
        told = "largest change per day: 10 % (preset) → 15 %; least gain of a proposal: 1 (preset) → 2.50"
        entry = LogEntry.objects.get()
        assert (entry.get_change_message(), entry.object_id) == (told, str(row.pk))
        assert "The limits are saved" in html and 'max_change_day" value="15"' in html
        # Undoing fills the form with what stood before; it holds when that is saved.
        assert f"{reverse(PAGE)}?from=0" in html
        html = text_of(boss.get(reverse(PAGE) + "?from=0"))
        assert 'max_change_day" value="15"' not in html and f'name="seen" value="{row.pk}"' in html
        boss.post(reverse(PAGE), {"seen": row.pk, "_save": "1"})
        assert shop_limits(channel="") == DEFAULT_LIMITS and PriceLimits.objects.count() == 2
        html = text_of(boss.get(reverse(PAGE) + f"?from={row.pk}"))
        assert 'max_change_day" value="15"' in html and "largest change per day: 15 % → 10 % (preset)" in html

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"max_change_day": "0"}, "At least 0.1 per cent."),
            ({"max_change_day": "101"}, "At most 100 per cent."),
            ({"min_margin": "99.5"}, "At most 95 per cent."),
            ({"corridor_high": "90"}, "At least 100 per cent."),
            # above the week's 20 %, which is not typed here
            ({"max_change_day": "25"}, "Must not be below the largest change per day."),
            ({"min_gain": "-1"}, "greater than or equal to 0"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, boss: Client, typed: dict[str, str], told: str) -> None:
        html = text_of(boss.post(reverse(PAGE), {**typed, "seen": "0", "_save": "1"}))
        assert told in html and not PriceLimits.objects.exists()

    def test_nobody_writes_over_what_he_has_not_seen(self, boss: Client) -> None:
        PriceLimits.objects.create(max_change_day=0.05)
        html = text_of(boss.post(reverse(PAGE), {"max_change_day": "15", "seen": "0", "_save": "1"}))
        assert "Somebody else has changed the limits" in html and PriceLimits.objects.count() == 1

    def test_saving_the_same_adds_nothing(self, boss: Client) -> None:
        html = text_of(boss.post(reverse(PAGE), {"seen": "0", "_save": "1"}, follow=True))
        assert "Nothing was changed" in html and not PriceLimits.objects.exists()

    def test_who_may_only_look(self) -> None:
        client = clerk("view_pricelimits")
        html = text_of(client.get(reverse(PAGE)))
        assert "What holds today" in html and "_save" not in html
        assert client.post(reverse(PAGE), {"seen": "0", "_save": "1"}).status_code == 403

    def test_a_locked_limit_is_not_changed_by_a_form(self, boss: Client, settings: LazySettings) -> None:
        settings.ECOMAI = {**settings.ECOMAI, "PRICING_LIMITS_LOCKED": ["min_margin"]}
        boss.post(reverse(PAGE), {"min_margin": "5", "max_change_day": "5", "seen": "0", "_save": "1"})
        row = PriceLimits.objects.get()
        assert (row.min_margin, row.max_change_day) == (None, 0.05)

    def test_an_entry_of_the_log_leads_to_the_page(self, boss: Client) -> None:
        row = PriceLimits.objects.create(channel="b2b")
        url = reverse("admin:ecomai_pricing_pricelimits_change", args=[row.pk])
        assert boss.get(url).url == f"{reverse(PAGE)}?channel=b2b"  # type: ignore[attr-defined]

    def test_in_german(self, boss: Client) -> None:
        with translation.override("de"):
            html = text_of(boss.get(reverse(PAGE), headers={"Accept-Language": "de"}))
            assert "Preisgrenzen" in html
            html = text_of(boss.post(reverse(PAGE), {"min_margin": "99.5", "seen": "0"}))
        assert "Höchstens 95 Prozent." in html


class TestWhatTheyWouldChange:
    def preview(self, **values: float) -> LimitsPreview:
        return limits_preview(channel="", before=DEFAULT_LIMITS, after={**DEFAULT_LIMITS, **values})

    def test_counted_by_three_queries(self, django_assert_max_num_queries: Any) -> None:
        # 10.00 → 10.50 with a list price of 10.00 and a cost of 4.00, each.
        proposal_make(gain=5.0)
        proposal_make(gain=5.0, binding="max_rise_day", new_price=Decimal(11))
        proposal_make(gain=1.5, profit_old=400.0)
        proposal_make(gain=None, goal="markup")
        proposal_make(state="approved", new_price=Decimal(11))
        assert self.preview() == LimitsPreview(open=4)
        assert self.preview(max_change_day=0.04) == LimitsPreview(open=4, changed=4, outside=4, waiting=1)
        assert self.preview(max_change_day=0.06) == LimitsPreview(open=4, changed=1, outside=1, waiting=1)
        assert self.preview(max_change_day=0.2) == LimitsPreview(open=4, changed=1, further=1)
        assert self.preview(corridor_high=1.07) == LimitsPreview(open=4, changed=1, outside=1, waiting=1)
        assert self.preview(corridor_low=1.0) == LimitsPreview(open=4)
        assert self.preview(min_margin=0.62) == LimitsPreview(open=4, changed=3, outside=3)
        assert self.preview(min_gain=2.0) == LimitsPreview(open=4, changed=1, small=1)
        assert self.preview(min_gain_share=0.005) == LimitsPreview(open=4, changed=1, small=1)
        assert self.preview(min_gain=0.5) == LimitsPreview(open=4, more=True)
        with django_assert_max_num_queries(3):
            self.preview(max_change_day=0.06, min_gain=2.0)

    def test_a_family_goes_by_what_it_gains_together(self) -> None:
        for gain in (0.9, 0.9):
            proposal_make(gain=gain, family="p1")
        for gain in (0.9, 3.0):
            proposal_make(gain=gain, family="p2")
        assert self.preview(min_gain=2.0) == LimitsPreview(open=4, changed=2, small=2)


class TestWhatIsWorthProposing:
    """At an elasticity of −1.6 and a cost of 4.00 the best price is 10.67; 28 pieces in four weeks gain 0.43 by it."""

    def test_too_little_is_not_proposed(self, settings: LazySettings) -> None:
        product = known(rate=7.0)
        row = proposed(product)
        assert (row.new_price, row.too_small, row.binding, row.gain) == (10, True, "", 0.0)
        report = proposals_make(now=NOW, product_ids=[product.pk])
        assert (report.proposals, report.unchanged, report.too_small) == (0, 1, 1)
        PriceLimits.objects.create(min_gain=0.4)
        assert proposed(product).new_price == Decimal("10.67")
        # 0.43 of a profit of 168: 0.25 %.
        PriceLimits.objects.create(min_gain=0.4, min_gain_share=0.003)
        assert proposed(product).too_small
        PriceLimits.objects.create(min_gain=0.4, min_gain_share=0.002)
        assert proposed(product).new_price == Decimal("10.67")

    def test_what_nobody_buys_keeps_its_price(self) -> None:
        # With no demand every price earns nothing, and the lowest one was as good as any.
        PriceLimits.objects.create(min_gain=0.0)
        product = known()
        Forecast.objects.create(
            product=product, key=product.external_id, starts_on=NOW.date(), mean=[0.0] * 8, made_on=NOW.date()
        )
        row = proposed(product)
        assert (row.new_price, row.gain, row.too_small) == (10, 0.0, True)

    def test_what_a_limit_demands_is_proposed_and_says_so(self) -> None:
        PriceLimits.objects.create(max_change_day=0.5, max_change_week=0.5)
        product = known(list_price=Decimal(22), rate=7.0)
        row = proposed(product)
        # Half of the list price: above the best one.
        assert (row.new_price, row.binding, row.too_small) == (11, "corridor_low", False)
        assert row.gain is not None and row.gain < 1
        row.gain = -0.5
        assert "no gain is expected: today’s price lies outside of its limits (the lowest share of the list" in row.why

    def test_what_a_rule_demands_is_proposed(self) -> None:
        rule_make(action="markup", markup=1.55)
        row = proposed(known(rate=7.0))
        assert (row.new_price, row.too_small) == (Decimal("10.20"), False)

    def test_a_family_is_worth_what_it_gains_together(self) -> None:
        parent = priced_product(external_id="parent")
        first = known(parent=parent, rate=7.0)
        assert proposed(first).too_small
        known(parent=parent, rate=70.0)
        row = proposed(first)
        assert (row.new_price, row.too_small) == (Decimal("10.67"), False)
        assert row.gain is not None and row.gain < 1

    def test_a_price_that_is_drawn_to_learn_is_proposed(self) -> None:
        rule_make(action="profit", explore=True)
        row = proposed(known(rate=0.7))
        assert row.propensity is not None and not row.too_small

    def test_the_list_is_narrowed_by_the_gain(self, boss: Client) -> None:
        for gain in (0.5, 5.0, 20.0, None):
            proposal_make(priced_product(title=f"gains {gain}"), gain=gain)
        html = text_of(boss.get(reverse("admin:ecomai_pricing_priceproposal_changelist"), {"gain": "5"}))
        assert [f"gains {gain}" in html for gain in (0.5, 5.0, 20.0, None)] == [False, True, True, False]


class TestHighRisk:
    URL = "admin:ecomai_pricing_priceproposal_approve"

    def test_prices_of_high_risk_need_a_second_tick(self, boss: Client, shop: PricedShop) -> None:
        risky = [proposal_make(risk="high", gain=-0.5), proposal_make(risk="high", gain=-0.41)]
        calm = proposal_make(risk="low", gain=20.0)
        data = {"ids": ",".join(str(row.pk) for row in (*risky, calm)), "when": "now"}
        html = text_of(boss.post(reverse(self.URL), data, follow=True))
        assert "2 prices are of high risk: expected gain of these together −0.91 EUR." in html
        assert "Some of these prices are of high risk: tick" in html
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"open"} and shop.written == []
        boss.post(reverse(self.URL), {**data, "high_risk_seen": "on"})
        assert set(PriceProposal.objects.values_list("state", flat=True)) == {"applied"}

    def test_others_do_not(self, boss: Client, shop: PricedShop) -> None:
        row = proposal_make(risk="medium")
        url = reverse("admin:ecomai_pricing_priceproposal_decide", args=[row.pk])
        assert "high_risk_seen" not in text_of(boss.post(url, {"action": "approve"}))
        boss.post(reverse(self.URL), {"ids": str(row.pk), "when": "now"})
        row.refresh_from_db()
        assert row.state == "applied"


class TestRulesBesideThem:
    ADD = "admin:ecomai_pricing_pricingrule_add"
    PREVIEW = "admin:ecomai_pricing_pricingrule_preview"

    def data(self, **values: Any) -> dict[str, Any]:
        usual = {"channel": "", "name": "R", "is_active": "on", "order": "100", "action": "profit", "sell_share": "95"}
        return {**usual, "left_worth": "100", "reference": "lowest", "offset": "0", **values}

    def test_a_looser_limit_has_no_effect_and_says_so(self, boss: Client) -> None:
        data = self.data(max_change_day="50", min_margin="30")
        told = "No effect: the shop’s 10 % is stricter."
        preview = text_of(boss.post(reverse(self.PREVIEW), data, headers={"X-Requested-With": "fetch"}))
        assert f"Largest change per day: {told}" in preview and preview.count("No effect") == 1
        html = text_of(boss.post(reverse(self.ADD), data, follow=True))
        assert told in html
        rule = PricingRule.objects.get()
        html = text_of(boss.get(reverse("admin:ecomai_pricing_pricingrule_change", args=[rule.pk])))
        assert f'<strong id="id_max_change_day_no_effect" role="status">{told}</strong>' in html
        assert "The shop’s: 0 %." in html and html.count('role="status" hidden>') == 4
        PriceLimits.objects.create(max_change_day=0.6, max_change_week=0.7)
        html = text_of(boss.get(reverse("admin:ecomai_pricing_pricingrule_change", args=[rule.pk])))
        assert html.count('role="status" hidden>No effect') == 5 and "The shop’s: 60 %." in html

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ({"min_margin": "99.5"}, "At most 99 per cent."),
            ({"min_margin": "150"}, "At most 99 per cent."),
            ({"offset": "-200"}, "At least -90 per cent."),
            ({"markup": "9e99", "action": "markup"}, "At most 10000 per cent."),
            ({"sell_share": "1"}, "At least 5 per cent."),
            ({"corridor_high": "2000"}, "At most 1000 per cent."),
        ],
    )
    def test_wrong_per_cent_are_told_in_per_cent(self, boss: Client, typed: dict[str, str], told: str) -> None:
        html = text_of(boss.post(reverse(self.ADD), self.data(**typed)))
        assert told in html and "equal to" not in html and not PricingRule.objects.exists()

    def test_saving_a_rule_that_another_contradicts_warns_with_a_link(self, boss: Client) -> None:
        other = rule_make(name="Up & away", action="markup", markup=2.0)
        same = self.data(action="hold")
        priced_product()
        html = text_of(boss.post(reverse(self.ADD), same, follow=True))
        link = reverse("admin:ecomai_pricing_pricingrule_change", args=[other.pk])
        assert f'<a href="{link}">Up &amp; away</a> are equally specific' in html and "101 is free" in html

    @pytest.mark.parametrize(
        "values",
        [
            {"order": "101", "action": "hold"},
            {"action": "limits", "min_margin": "30"},
            {"action": "hold", "brand": "Acme"},
            {"action": "markup", "markup": "200"},
            {"action": "hold", "is_active": ""},
            {"action": "hold", "ends_on": "2020-01-31"},
        ],
    )
    def test_others_are_saved_without_a_word(self, boss: Client, values: dict[str, Any]) -> None:
        rule_make(name="Up", action="markup", markup=2.0)
        priced_product()
        html = text_of(boss.post(reverse(self.ADD), self.data(**values), follow=True))
        assert PricingRule.objects.count() == 2 and "equally specific, have the same order" not in html

    def test_two_attributes_contradict_only_where_a_product_has_both(self, boss: Client) -> None:
        rule_make(name="Red", action="markup", markup=2.0, attribute="color", attribute_value="red")
        product = priced_product(attributes={"color": "red"})
        data = self.data(action="hold", attribute="season")
        assert "equally specific, have" not in text_of(boss.post(reverse(self.ADD), data, follow=True))
        product.attributes = {"color": "red", "season": "winter"}
        product.save()
        assert "equally specific, have" in text_of(boss.post(reverse(self.ADD), data, follow=True))

    def test_a_new_rule_stands_behind_the_others(self, boss: Client) -> None:
        assert 'name="order" value="100"' in text_of(boss.get(reverse(self.ADD)))
        rule_make(order=120)
        assert 'name="order" value="121"' in text_of(boss.get(reverse(self.ADD)))

    def test_a_rule_that_is_over_says_so(self, boss: Client) -> None:
        yesterday = timezone.localdate() - timedelta(days=1)
        rule_make(name="Sale", action="sell_through", sell_until=yesterday)
        with translation.override("en"):
            html = text_of(boss.get(reverse("admin:ecomai_pricing_pricingrule_changelist")))
        assert "(over since " in html

    def test_products_without_a_date_are_counted(self, boss: Client) -> None:
        priced_product(created_at=None)
        priced_product(created_at=None)
        priced_product(created_at=timezone.now() - timedelta(days=90))
        html = text_of(boss.post(reverse(self.PREVIEW), self.data(stock_days_min="30")))
        assert "It is for 1 of 3 products on sale." in html and "2 products have no known date" in html
        assert "no known date" not in text_of(boss.post(reverse(self.PREVIEW), self.data()))


class TestWithoutAListPrice:
    """The corridor is around what was asked a year ago: a step a day would else climb without end."""

    def climbing(self, **fields: Any) -> Product:
        product = known(-0.5, cost=Decimal(1), **{"list_price": None, **fields})
        PricePoint.objects.filter(product=product).delete()
        for days, price in ((800, 8), (400, 10), (8, "14.90")):
            PricePoint.objects.create(
                product=product, price=price, currency="EUR", valid_from=NOW - timedelta(days=days), source="shop"
            )
        Product.objects.filter(pk=product.pk).update(price="14.90")
        product.refresh_from_db()
        return product

    def test_no_price_goes_beyond_half_as_much_again_within_a_year(self) -> None:
        row = proposed(self.climbing())
        assert (row.old_price, row.new_price, row.binding) == (Decimal("14.90"), Decimal("15.00"), "year_high")
        assert "the highest share of the price a year ago, as it has no list price" in row.why

    def test_with_a_list_price_that_counts(self) -> None:
        row = proposed(self.climbing(list_price=Decimal(20)))
        assert (row.new_price, row.binding) == (Decimal("16.39"), "max_rise_day")

    def test_of_a_younger_product_its_first_price_counts(self) -> None:
        product = self.climbing()
        PricePoint.objects.filter(product=product, price__lte=10).delete()
        PricePoint.objects.create(
            product=product, price=12, currency="EUR", valid_from=NOW - timedelta(days=30), source="shop"
        )
        assert (proposed(product).new_price, proposed(product).binding) == (Decimal("16.39"), "max_rise_day")
        Product.objects.filter(pk=product.pk).update(price="17.50")
        PricePoint.objects.create(
            product=product, price="17.50", currency="EUR", valid_from=NOW - timedelta(days=7), source="shop"
        )
        assert (proposed(product).new_price, proposed(product).binding) == (Decimal("18.00"), "year_high")
