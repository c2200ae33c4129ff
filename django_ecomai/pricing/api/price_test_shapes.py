"""What the endpoints of price tests take and answer."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from django_ecomai.pricing.models import PriceTest, PriceTestGroup, PriceTestWeek
from django_ecomai.pricing.price_test_results import VERDICTS
from django_ecomai.pricing.services.price_test_groups import MOST_PRODUCTS

from .proposals import DecidedSerializer
from .simulated import CostsSimulated

_MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}
_PREVIEW: dict[str, Any] = {
    "required": False, "default": False, "help_text": "Start nothing: only say what the test would teach."
}  # fmt: skip


class PriceTestWeekSerializer(serializers.ModelSerializer[PriceTestWeek]):
    """A week of a test."""

    class Meta:
        model = PriceTestWeek
        fields = ("week", "price", "stored_price", "propensity", "applied_at", "is_spoiled")


class PriceTestSerializer(serializers.ModelSerializer[PriceTest]):
    """A test of one product."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    state = serializers.CharField(help_text="asked, running, done or stopped.")
    group = serializers.IntegerField(source="group_id", allow_null=True, help_text="Of a test of several products.")
    reason = serializers.CharField(
        source="reason_words", help_text="Why it was stopped, and what is not as it was before it."
    )
    waits_for = serializers.CharField(source="waits_words", help_text="What the shop answered, while it waits for it.")

    class Meta:
        model = PriceTest
        fields: tuple[str, ...] = (
            "id", "product_id", "title", "state", "base_price", "low", "high", "currency", "starts_on", "reason",
            "ending", "waits_for",
            "group", "family", "made_at",
        )  # fmt: skip


class PriceTestResultSerializer(serializers.Serializer[Any]):
    """Profits are per week and without tax; the difference is that of the higher price less that of the lower one."""

    weeks = serializers.IntegerField(help_text="That have ended and count.")
    planned = serializers.IntegerField()
    low_units = serializers.FloatField(allow_null=True, help_text="Pieces per week at the lower price.")
    high_units = serializers.FloatField(allow_null=True)
    low_profit = serializers.FloatField(allow_null=True, help_text="Profit per week at the lower price.")
    high_profit = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)
    difference_low = serializers.FloatField(allow_null=True, help_text="The lower end of its 95 % interval.")
    difference_high = serializers.FloatField(allow_null=True)
    pairs = serializers.IntegerField(help_text="Pairs of weeks that it rests on.")
    units = serializers.IntegerField(help_text="Products that count; a price family is one.")
    all_units = serializers.IntegerField()
    verdict = serializers.CharField(help_text=f"{', '.join(VERDICTS)}.")
    weeks_more = serializers.IntegerField(help_text="It takes at least so many, where it is too early.")
    sold_out_days = serializers.IntegerField()
    currency = serializers.CharField()
    sentence = serializers.CharField(help_text="The verdict in words.")


class PriceTestDetailSerializer(CostsSimulated, PriceTestSerializer):
    """A test with its weeks and its result."""

    weeks = PriceTestWeekSerializer(many=True)
    result = PriceTestResultSerializer()

    class Meta(PriceTestSerializer.Meta):
        fields = (*PriceTestSerializer.Meta.fields, "weeks", "result", "costs_simulated")


class PriceTestsPageSerializer(serializers.Serializer[Any]):
    """A part of the tests; ``next_offset`` is null at their end."""

    results = PriceTestSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class PriceTestGroupSerializer(serializers.ModelSerializer[PriceTestGroup]):
    """A test of several products."""

    state = serializers.CharField(help_text="asked, running, done or stopped.")
    products = serializers.IntegerField(help_text="How many take part.")
    left_out = serializers.DictField(
        source="left_out_words", child=serializers.CharField(), help_text="Title of a product, and why."
    )

    class Meta:
        model = PriceTestGroup
        fields: tuple[str, ...] = ("id", "name", "state", "step", "products", "starts_on", "made_at", "left_out")


class PriceTestGroupDetailSerializer(CostsSimulated, PriceTestGroupSerializer):
    """A test of several products with those and one result."""

    tests = PriceTestSerializer(many=True)
    result = PriceTestResultSerializer()

    class Meta(PriceTestGroupSerializer.Meta):
        fields = (*PriceTestGroupSerializer.Meta.fields, "tests", "result", "costs_simulated")


class PriceTestGroupsPageSerializer(serializers.Serializer[Any]):
    """A part of the tests of several products; ``next_offset`` is null at their end."""

    results = PriceTestGroupSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class StartSerializer(serializers.Serializer[Any]):
    """A test of one product."""

    product_id = serializers.CharField(max_length=64, help_text="The shop's own id.")
    low = serializers.DecimalField(**_MONEY)
    high = serializers.DecimalField(**_MONEY)
    weeks = serializers.IntegerField(help_text="Even; a verdict needs 6 or more.")
    preview = serializers.BooleanField(**_PREVIEW)


class GroupStartSerializer(serializers.Serializer[Any]):
    """A test of several products; their price families come with them."""

    product_ids = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_PRODUCTS,
        help_text="The shop's own ids.",
    )  # fmt: skip
    step = serializers.FloatField(help_text="How far both prices are from today's: 0.05 means 5 %.")
    weeks = serializers.IntegerField()
    name = serializers.CharField(max_length=128, required=False, default="", allow_blank=True)
    preview = serializers.BooleanField(**_PREVIEW)


class PlanSerializer(serializers.Serializer[Any]):
    """A preview: what the test of one product would teach."""

    teaches = serializers.ListField(child=serializers.CharField(), help_text="Sentences.")
    warning = serializers.CharField(help_text="Why it would teach next to nothing, or tell nothing; else empty.")


class PlannedUnitSerializer(serializers.Serializer[Any]):
    """Products that have the same price at the same time: one, or a price family."""

    product_ids = serializers.ListField(child=serializers.CharField(), help_text="The shop's own ids.")
    low = serializers.DecimalField(**_MONEY)
    high = serializers.DecimalField(**_MONEY)


class GroupPlanSerializer(PlanSerializer):
    """A preview: which products would take part, at which prices, and what the test would teach."""

    units = PlannedUnitSerializer(many=True)
    left_out = serializers.DictField(child=serializers.CharField(), help_text="Title of a product, and why.")


class TestDecisionSerializer(serializers.Serializer[Any]):
    """What becomes of a test."""

    action = serializers.ChoiceField(choices=["stop", "approve", "keep"])
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=255, help_text="For stop.")
    price = serializers.ChoiceField(choices=["high", "low"], required=False, help_text="For keep: which one stays.")


class DecidedTestSerializer(PriceTestDetailSerializer):
    """How a test stands after a decision; where a price was kept, with its proposals and the job that applies many."""

    proposals = DecidedSerializer(many=True)
    run = serializers.IntegerField(allow_null=True, help_text="The job that puts more than 30 prices into the shop.")

    class Meta(PriceTestDetailSerializer.Meta):
        fields = (*PriceTestDetailSerializer.Meta.fields, "proposals", "run")


class DecidedGroupSerializer(PriceTestGroupDetailSerializer):
    """The same for a test of several products."""

    proposals = DecidedSerializer(many=True)
    run = serializers.IntegerField(allow_null=True, help_text="The job that puts more than 30 prices into the shop.")

    class Meta(PriceTestGroupDetailSerializer.Meta):
        fields = (*PriceTestGroupDetailSerializer.Meta.fields, "proposals", "run")
