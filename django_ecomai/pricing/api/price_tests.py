"""Price tests of one product or several: listed, started, decided, and what they have brought."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.apply_now import apply_now_or_start
from django_ecomai.pricing.models import PriceTest, PriceTestGroup, PriceTestWeek
from django_ecomai.pricing.price_test_export import group_state, price_tests_csv
from django_ecomai.pricing.price_test_results import VERDICTS, price_tests_result
from django_ecomai.pricing.services import (
    PricingError,
    price_test_approve,
    price_test_group_approve,
    price_test_group_start,
    price_test_group_stop,
    price_test_start,
    price_test_stop,
    price_tests_keep,
)
from django_ecomai.pricing.services.price_test_groups import MOST_PRODUCTS
from django_ecomai.runs.models import Run

from .base import APP, MOST_ROWS, PricingView, check_known, whole
from .proposals import DecidedSerializer

_MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 4}
_PAGE = [
    OpenApiParameter("limit", int, description=f"Rows, 1 to {MOST_ROWS}; default 100."),
    OpenApiParameter("offset", int, description="Rows to pass over."),
]


class PriceTestWeekSerializer(serializers.ModelSerializer[PriceTestWeek]):
    """A week of a test."""

    class Meta:
        model = PriceTestWeek
        fields = ("week", "price", "propensity", "applied_at", "is_spoiled")


class PriceTestSerializer(serializers.ModelSerializer[PriceTest]):
    """A test of one product."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    state = serializers.CharField(help_text="asked, running, done or stopped.")
    group = serializers.IntegerField(source="group_id", allow_null=True, help_text="Of a test of several products.")

    class Meta:
        model = PriceTest
        fields: tuple[str, ...] = (
            "id", "product_id", "title", "state", "base_price", "low", "high", "currency", "starts_on", "reason",
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


class PriceTestDetailSerializer(PriceTestSerializer):
    """A test with its weeks and its result."""

    weeks = PriceTestWeekSerializer(many=True)
    result = PriceTestResultSerializer()

    class Meta(PriceTestSerializer.Meta):
        fields = (*PriceTestSerializer.Meta.fields, "weeks", "result")


class PriceTestsPageSerializer(serializers.Serializer[Any]):
    """A part of the tests; ``next_offset`` is null at their end."""

    results = PriceTestSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class PriceTestGroupSerializer(serializers.ModelSerializer[PriceTestGroup]):
    """A test of several products."""

    state = serializers.SerializerMethodField(help_text="asked, running, done or stopped.")
    products = serializers.SerializerMethodField()
    left_out = serializers.DictField(child=serializers.CharField(), help_text="Title of a product, and why.")

    class Meta:
        model = PriceTestGroup
        fields: tuple[str, ...] = ("id", "name", "state", "step", "products", "starts_on", "made_at", "left_out")

    def get_state(self, row: PriceTestGroup) -> str:
        """Of its tests together."""
        return group_state(list(row.tests.all()))

    def get_products(self, row: PriceTestGroup) -> int:
        """How many take part."""
        return len(row.tests.all())


class PriceTestGroupDetailSerializer(PriceTestGroupSerializer):
    """A test of several products with those and one result."""

    tests = PriceTestSerializer(many=True)
    result = PriceTestResultSerializer()

    class Meta(PriceTestGroupSerializer.Meta):
        fields = (*PriceTestGroupSerializer.Meta.fields, "tests", "result")


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


class GroupStartSerializer(serializers.Serializer[Any]):
    """A test of several products; their price families come with them."""

    product_ids = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_PRODUCTS,
        help_text="The shop's own ids.",
    )  # fmt: skip
    step = serializers.FloatField(help_text="How far both prices are from today's: 0.05 means 5 %.")
    weeks = serializers.IntegerField()
    name = serializers.CharField(max_length=128, required=False, default="", allow_blank=True)


class TestDecisionSerializer(serializers.Serializer[Any]):
    """What becomes of a test."""

    action = serializers.ChoiceField(choices=["stop", "approve", "keep"])
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=255, help_text="For stop.")
    price = serializers.ChoiceField(choices=["high", "low"], required=False, help_text="For keep: which one stays.")


class KeptSerializer(serializers.Serializer[Any]):
    """How the proposals stand that keep a price; ``run``: the job that puts many of them into the shop."""

    proposals = DecidedSerializer(many=True)
    run = serializers.IntegerField(allow_null=True)


class PriceTestsView(PricingView):
    """Price tests of one product each: ``GET``, and ``POST`` to start one next Monday."""

    needs = {"GET": ("view_pricetest",), "POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_tests",
        summary="Price tests, the newest first",
        parameters=[
            OpenApiParameter("state", str, many=True, description="e.g. running; may be repeated."),
            OpenApiParameter("product", str, description="The shop's id of a product."),
            *_PAGE,
        ],
        responses={200: PriceTestsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        states = request.query_params.getlist("state")
        check_known("state", states, PriceTest.State.values)
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        rows = PriceTest.objects.filter(channel=ecomai.CHANNEL).select_related("product")
        if states:
            rows = rows.filter(state__in=states)
        if product := request.query_params.get("product", "").replace("\x00", ""):
            rows = rows.filter(product__external_id=product)
        found = list(rows[offset : offset + limit + 1])
        more = offset + limit if len(found) > limit else None
        return Response({"results": PriceTestSerializer(found[:limit], many=True).data, "next_offset": more})

    @extend_schema(
        operation_id="ecomai_pricing_price_test_start",
        summary="Start a price test of one product",
        request=StartSerializer,
        responses={201: PriceTestSerializer, 400: OpenApiResponse(description="It cannot be tested so; it says why.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = StartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        (product,) = _products([values.pop("product_id")], "product_id")
        test = _said(lambda: price_test_start(product=product, user=request.user, seed=_seed(), **values))
        return Response(PriceTestSerializer(test).data, status=201)


class PriceTestView(PricingView):
    """One price test with its weeks and its result: ``GET``."""

    needs = {"GET": ("view_pricetest",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test",
        summary="A price test and what it has brought",
        responses={200: PriceTestDetailSerializer, 404: OpenApiResponse(description="There is none of this number.")},
    )
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(_detail(_test(number)))


class PriceTestDecideView(PricingView):
    """Stop a test, let it begin as the second person, or keep one of its prices after its end: ``POST action``."""

    needs = {"POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_decide",
        summary="Stop a price test, approve it, or keep a price",
        request=TestDecisionSerializer,
        responses={
            200: OpenApiResponse(PriceTestDetailSerializer, description="keep answers with KeptPrices instead."),
            400: OpenApiResponse(description="It cannot be decided so; it says why."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        values, test = _decision(request), _test(number)
        if values["action"] == "keep":
            return _keep(request, [test], values)
        if values["action"] == "stop":
            _said(lambda: price_test_stop(test=test, user=request.user, reason=values["reason"]))
        else:
            _said(lambda: price_test_approve(test=test, user=request.user))
        return Response(_detail(_test(number)))


class PriceTestGroupsView(PricingView):
    """Price tests of several products: ``GET``, and ``POST`` to start one next Monday."""

    needs = {"GET": ("view_pricetest",), "POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_groups",
        summary="Price tests of several products, the newest first",
        parameters=_PAGE,
        responses={200: PriceTestGroupsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        rows = PriceTestGroup.objects.filter(channel=ecomai.CHANNEL).prefetch_related("tests")
        found = list(rows[offset : offset + limit + 1])
        more = offset + limit if len(found) > limit else None
        return Response({"results": PriceTestGroupSerializer(found[:limit], many=True).data, "next_offset": more})

    @extend_schema(
        operation_id="ecomai_pricing_price_test_group_start",
        summary="Start a price test of several products",
        request=GroupStartSerializer,
        responses={201: PriceTestGroupSerializer, 400: OpenApiResponse(description="None can be tested; it says why.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = GroupStartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        keys = [one.pk for one in _products(values.pop("product_ids"), "product_ids")]
        group = _said(
            lambda: price_test_group_start(
                channel=ecomai.CHANNEL, product_ids=keys, user=request.user, seed=_seed(), **values
            )
        )  # fmt: skip
        return Response(PriceTestGroupSerializer(group).data, status=201)


class PriceTestGroupView(PricingView):
    """One price test of several products with its result: ``GET``."""

    needs = {"GET": ("view_pricetest",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_group",
        summary="A price test of several products and what it has brought",
        responses={200: PriceTestGroupDetailSerializer, 404: OpenApiResponse(description="There is none.")},
    )
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(_group_detail(_group(number)))


class PriceTestGroupDecideView(PricingView):
    """Stop a test of several products, let it begin, or keep its higher or lower prices: ``POST action``."""

    needs = {"POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_group_decide",
        summary="Stop a price test of several products, approve it, or keep the prices",
        request=TestDecisionSerializer,
        responses={
            200: OpenApiResponse(PriceTestGroupDetailSerializer, description="keep answers with KeptPrices instead."),
            400: OpenApiResponse(description="It cannot be decided so; it says why."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        values, group = _decision(request), _group(number)
        if values["action"] == "keep":
            return _keep(request, list(group.tests.select_related("product")), values)
        if values["action"] == "stop":
            _said(lambda: price_test_group_stop(group=group, user=request.user, reason=values["reason"]))
        else:
            _said(lambda: price_test_group_approve(group=group, user=request.user))
        return Response(_group_detail(_group(number)))


class PriceTestsExportView(PricingView):
    """Price tests with their results as CSV: ``GET``."""

    needs = {"GET": ("view_pricetest",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_tests_export",
        summary="Price tests with their results as CSV",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """See the schema."""
        text = price_tests_csv(channel=ecomai.CHANNEL)
        return HttpResponse(text, content_type="text/csv; charset=utf-8")


def _seed() -> int:
    return secrets.randbelow(2**31)


def _said(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except PricingError as error:
        raise ValidationError({"detail": str(error)}) from error


def _decision(request: Request) -> dict[str, Any]:
    asked = TestDecisionSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    values: dict[str, Any] = asked.validated_data
    if values["action"] == "stop" and not values["reason"].strip():
        raise ValidationError({"reason": "Say why the test is stopped."})
    if values["action"] == "keep" and "price" not in values:
        raise ValidationError({"price": "Say which price is to stay: high or low."})
    return values


def _keep(request: Request, tests: list[PriceTest], values: dict[str, Any]) -> Response:
    user: Any = request.user
    if not user.has_perm(f"{APP}.decide_priceproposal"):
        raise PermissionDenied("Keeping a price needs the permission to decide about proposals too.")
    rows = _said(lambda: price_tests_keep(tests=tests, higher=values["price"] == "high", user=user))
    done = _said(lambda: apply_now_or_start(rows=rows, channel=ecomai.CHANNEL, user=user))
    for row in rows:
        row.refresh_from_db(fields=["state", "held_reason"])
    return Response(KeptSerializer({"proposals": rows, "run": done.pk if isinstance(done, Run) else None}).data)


def _products(ids: list[str], name: str) -> list[Product]:
    rows = Product.objects.filter(channel=ecomai.CHANNEL, external_id__in=ids, removed_at=None)
    found = list(rows.defer("description", "attributes")) if "\x00" not in "".join(ids) else []
    missing = sorted(set(ids) - {one.external_id for one in found})
    if missing:
        raise ValidationError({name: f"There is no product {', '.join(missing[:10])}."})
    return found


def _test(number: int) -> PriceTest:
    rows = PriceTest.objects.filter(channel=ecomai.CHANNEL).select_related("product").prefetch_related("weeks")
    row = rows.filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise NotFound(f"There is no price test {number}.")
    return row


def _group(number: int) -> PriceTestGroup:
    rows = PriceTestGroup.objects.filter(channel=ecomai.CHANNEL)
    row = rows.prefetch_related("tests__product", "tests__weeks").filter(pk=number).first() if number < 2**63 else None
    if row is None or not row.tests.all():
        raise NotFound(f"There is no price test {number} of several products.")
    return row


def _detail(test: PriceTest) -> Any:
    test.result = price_tests_result([test]).as_dict()  # type: ignore[attr-defined]
    return PriceTestDetailSerializer(test).data


def _group_detail(group: PriceTestGroup) -> Any:
    group.result = price_tests_result(list(group.tests.all())).as_dict()  # type: ignore[attr-defined]
    return PriceTestGroupDetailSerializer(group).data
