"""Price tests of one product or several: listed, started, decided, and what they have brought."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.apply_now import apply_now_or_start
from django_ecomai.pricing.models import PriceProposal, PriceTest, PriceTestGroup
from django_ecomai.pricing.price_test_export import price_tests_csv
from django_ecomai.pricing.price_test_pages import Plan, plan_told, plan_warned
from django_ecomai.pricing.price_test_power import group_told
from django_ecomai.pricing.price_test_results import price_tests_result
from django_ecomai.pricing.price_test_several import group_rows
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
from django_ecomai.pricing.services.price_test_groups import group_plan
from django_ecomai.pricing.services.price_test_starting import check_start, price_test_check
from django_ecomai.runs.models import Run

from .base import APP, PAGE, PricingView, check_known, paged
from .price_test_shapes import (
    DecidedGroupSerializer,
    DecidedTestSerializer,
    GroupPlanSerializer,
    GroupStartSerializer,
    PlanSerializer,
    PriceTestDetailSerializer,
    PriceTestGroupDetailSerializer,
    PriceTestGroupSerializer,
    PriceTestGroupsPageSerializer,
    PriceTestSerializer,
    PriceTestsPageSerializer,
    StartSerializer,
    TestDecisionSerializer,
)


class PriceTestsView(PricingView):
    """Price tests of one product each: ``GET``, and ``POST`` to start one next Monday."""

    needs = {"GET": ("view_pricetest",), "POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_tests",
        summary="Price tests, the newest first",
        parameters=[
            OpenApiParameter("state", str, many=True, description="e.g. running; may be repeated."),
            OpenApiParameter("product", str, description="The shop's id of a product."),
            *PAGE,
        ],
        responses={200: PriceTestsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        states = request.query_params.getlist("state")
        check_known("state", states, PriceTest.State.values)
        rows = PriceTest.objects.filter(channel=ecomai.CHANNEL).select_related("product")
        if states:
            rows = rows.filter(state__in=states)
        if product := request.query_params.get("product", "").replace("\x00", ""):
            rows = rows.filter(product__external_id=product)
        return paged(request, rows, PriceTestSerializer)

    @extend_schema(
        operation_id="ecomai_pricing_price_test_start",
        summary="Start a price test of one product, or see what it would teach",
        request=StartSerializer,
        responses={
            200: PlanSerializer,
            201: PriceTestSerializer,
            400: OpenApiResponse(description="It cannot be tested so; it says why."),
        },
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = StartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        (product,) = _products([values.pop("product_id")], "product_id")
        if values.pop("preview"):
            _said(lambda: price_test_check(product=product, user=request.user, **values))
            plan = Plan(**values)
            teaches, warning = plan_told(product=product, plan=plan)[-1][1], plan_warned(product=product, plan=plan)
            return Response(PlanSerializer({"teaches": teaches, "warning": warning}).data)
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
        return Response(_told(PriceTestDetailSerializer, _test(number)))


@method_decorator(without_transaction, name="dispatch")
class PriceTestDecideView(PricingView):
    """Stop a test, let it begin as the second person, or keep one of its prices after its end: ``POST action``."""

    needs = {"POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_decide",
        summary="Stop a price test, approve it, or keep a price",
        request=TestDecisionSerializer,
        responses={
            200: DecidedTestSerializer,
            400: OpenApiResponse(description="It cannot be decided so; it says why."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        values, test, kept = _decision(request), _test(number), _Kept()
        if values["action"] == "keep":
            kept = _keep(request, [test], values)
        elif values["action"] == "stop":
            _said(lambda: price_test_stop(test=test, user=request.user, reason=values["reason"]))
        else:
            _said(lambda: price_test_approve(test=test, user=request.user))
        return Response(_told(DecidedTestSerializer, _test(number), kept))


class PriceTestGroupsView(PricingView):
    """Price tests of several products: ``GET``, and ``POST`` to start one next Monday."""

    needs = {"GET": ("view_pricetest",), "POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_groups",
        summary="Price tests of several products, the newest first",
        parameters=[*PAGE],
        responses={200: PriceTestGroupsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = group_rows(PriceTestGroup.objects.filter(channel=ecomai.CHANNEL))
        return paged(request, rows, PriceTestGroupSerializer)

    @extend_schema(
        operation_id="ecomai_pricing_price_test_group_start",
        summary="Start a price test of several products, or see what it would teach",
        request=GroupStartSerializer,
        responses={
            200: GroupPlanSerializer,
            201: PriceTestGroupSerializer,
            400: OpenApiResponse(description="None can be tested; it says why."),
        },
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = GroupStartSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        keys = [one.pk for one in _products(values.pop("product_ids"), "product_ids")]
        if values.pop("preview"):
            return Response(_said(lambda: _group_plan(keys, values["step"], values["weeks"], request.user)))
        group = _said(
            lambda: price_test_group_start(
                channel=ecomai.CHANNEL, product_ids=keys, user=request.user, seed=_seed(), **values
            )
        )  # fmt: skip
        return Response(PriceTestGroupSerializer(_group(group.pk)).data, status=201)


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
        return Response(_told(PriceTestGroupDetailSerializer, _group(number)))


@method_decorator(without_transaction, name="dispatch")
class PriceTestGroupDecideView(PricingView):
    """Stop a test of several products, let it begin, or keep its higher or lower prices: ``POST action``."""

    needs = {"POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_price_test_group_decide",
        summary="Stop a price test of several products, approve it, or keep the prices",
        request=TestDecisionSerializer,
        responses={
            200: DecidedGroupSerializer,
            400: OpenApiResponse(description="It cannot be decided so; it says why."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        values, group, kept = _decision(request), _group(number), _Kept()
        if values["action"] == "keep":
            kept = _keep(request, list(group.tests.all()), values)
        elif values["action"] == "stop":
            _said(lambda: price_test_group_stop(group=group, user=request.user, reason=values["reason"]))
        else:
            _said(lambda: price_test_group_approve(group=group, user=request.user))
        return Response(_told(DecidedGroupSerializer, _group(number), kept))


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


@dataclass
class _Kept:
    proposals: list[Any] = field(default_factory=list)
    run: int | None = None


def _keep(request: Request, tests: list[PriceTest], values: dict[str, Any]) -> _Kept:
    user: Any = request.user
    if not user.has_perm(f"{APP}.decide_priceproposal"):
        raise PermissionDenied("Keeping a price needs the permission to decide about proposals too.")
    rows = _said(lambda: price_tests_keep(tests=tests, higher=values["price"] == "high", user=user))
    approved = [row for row in rows if row.state == PriceProposal.State.APPROVED]
    done = _said(lambda: apply_now_or_start(rows=approved, channel=ecomai.CHANNEL, user=user)) if approved else None
    for row in rows:
        row.refresh_from_db(fields=["state", "held_reason"])
    return _Kept(rows, done.pk if isinstance(done, Run) else None)


def _products(ids: list[str], name: str) -> list[Product]:
    rows = Product.objects.filter(channel=ecomai.CHANNEL, external_id__in=ids, removed_at=None)
    found = list(rows.defer("description", "attributes")) if "\x00" not in "".join(ids) else []
    missing = sorted(set(ids) - {one.external_id for one in found})
    if missing:
        raise ValidationError({name: f"There is no product {', '.join(missing[:10])}."})
    return found


def _group_plan(keys: list[int], step: float, weeks: int, user: Any) -> Any:
    check_start(channel=ecomai.CHANNEL, weeks=weeks, user=user)
    plan = group_plan(channel=ecomai.CHANNEL, product_ids=keys, step=step)
    teaches, warning = group_told(plan, weeks=weeks)
    units = [
        {"product_ids": [one.external_id for one in unit.facts], "low": unit.low, "high": unit.high}
        for unit in plan.units
    ]
    left_out = {title: str(reason) for title, reason in plan.left_out.items()}
    return GroupPlanSerializer({"units": units, "left_out": left_out, "teaches": teaches, "warning": warning}).data


def _test(number: int) -> PriceTest:
    rows = PriceTest.objects.filter(channel=ecomai.CHANNEL).select_related("product").prefetch_related("weeks")
    row = rows.filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise NotFound(f"There is no price test {number}.")
    return row


def _group(number: int) -> PriceTestGroup:
    rows = group_rows(PriceTestGroup.objects.filter(channel=ecomai.CHANNEL))
    row = rows.prefetch_related("tests__product", "tests__weeks").filter(pk=number).first() if number < 2**63 else None
    if row is None or not row.tests.all():
        raise NotFound(f"There is no price test {number} of several products.")
    return row


def _told(kind: type[serializers.ModelSerializer[Any]], row: Any, kept: _Kept | None = None) -> Any:
    """A test, or one of several products, with its result and with what was kept."""
    tests = [row] if isinstance(row, PriceTest) else list(row.tests.all())
    row.result = price_tests_result(tests).as_dict()
    if kept is not None:
        row.proposals, row.run = kept.proposals, kept.run
    return kind(row).data
