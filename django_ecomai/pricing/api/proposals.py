"""The worklist of proposed prices, and decisions about it."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import StreamingHttpResponse
from django.utils.decorators import method_decorator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing.apply_job import AT_ONCE
from django_ecomai.pricing.apply_now import apply_now_or_start, apply_waiting_start
from django_ecomai.pricing.export import proposals_csv
from django_ecomai.pricing.high_risk_words import high_risk_words
from django_ecomai.pricing.models import PriceProposal
from django_ecomai.pricing.selectors import proposal_rows
from django_ecomai.pricing.services import (
    PricingError,
    proposals_approve,
    proposals_reject,
    proposals_reopen,
    proposals_reschedule,
)
from django_ecomai.pricing.worklist import Together, costs_simulated, together
from django_ecomai.runs.models import Run

from .base import MOST_ROWS, PAGE, PricingView, check_known, paged
from .simulated import CostsSimulated

_FIELDS = (
    "id", "product_id", "title", "state", "held_code", "held_reason", "old_price", "new_price", "list_price", "cost",
    "tax", "currency", "family", "rule", "goal", "binding", "trail", "elasticity", "elasticity_low", "elasticity_high",
    "elasticity_source", "strength", "units_old", "units_new", "revenue_old", "revenue_new", "profit_old", "profit_new",
    "expected", "gain", "gain_low", "gain_high", "gain_chance", "horizon_days", "has_forecast", "risk", "market",
    "cross", "propensity", "made_at", "apply_at", "is_canary", "decided_at", "reason", "why",
)  # fmt: skip


class ProposalSerializer(serializers.ModelSerializer[PriceProposal]):
    """A proposed price."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    title = serializers.CharField(source="product.title")
    state = serializers.CharField(
        help_text="open, approved, scheduled, writing, applied, rejected, stale, failed, undone or held."
    )
    rule = serializers.CharField(source="rule.name", default=None, allow_null=True)
    elasticity_source = serializers.CharField(help_text="own, category, shop or none: what it mostly rests on.")
    trail = serializers.JSONField(help_text="What moved the price: stage, before, after.")
    market = serializers.JSONField(help_text="Offers of competitors: lowest, median, number, position.")
    cross = serializers.JSONField(
        help_text="What it does to other products: profit, low, high (part of the gain where the goal is profit), and "
        "each of them with its effect, pieces and profit; empty where nothing is known."
    )
    expected = serializers.JSONField(
        help_text="units, revenue (with tax) and profit (without) at the new price: expected, and the ends of its 95 % "
        "interval, which holds the doubt about the elasticity and not that of the forecast; null where unknown."
    )
    held_reason = serializers.CharField(source="held_words", help_text="Why it is held back, was overtaken or failed.")
    why = serializers.CharField(help_text="The arithmetic behind it, in one line.")

    class Meta:
        model = PriceProposal
        fields: tuple[str, ...] = _FIELDS


class DetailSerializer(CostsSimulated, ProposalSerializer):
    """A proposed price with its curves."""

    curve = serializers.JSONField(
        source="curve_shown", help_text="Prices with expected units and profit, and the ends of its 95 % interval."
    )
    history = serializers.JSONField(help_text="Units and prices per week, oldest first.")

    class Meta(ProposalSerializer.Meta):
        fields = (*_FIELDS, "curve", "history", "costs_simulated")


class ProposalsPageSerializer(CostsSimulated):
    """A part of the worklist; ``next_offset`` is null at its end."""

    results = ProposalSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class PriceDecisionSerializer(serializers.Serializer[Any]):
    """A decision about proposals."""

    proposals = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), min_length=1, max_length=MOST_ROWS
    )
    action = serializers.ChoiceField(
        choices=["approve", "reject", "reschedule", "reopen"],
        help_text="reschedule: approved ones go into the shop at apply_at; without it they wait for apply/. reopen: "
        "takes the approval back.",
    )
    apply_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    canary_share = serializers.FloatField(required=False, allow_null=True, default=None)
    seen = serializers.DictField(
        child=serializers.DecimalField(max_digits=14, decimal_places=4),
        required=False,
        default=dict,
        help_text="Price that was looked at by the proposal's id; another one by now is not approved.",
    )
    high_risk = serializers.BooleanField(
        required=False, default=False, help_text="Approve prices of high risk too; without it such are refused."
    )
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=255)


class ChosenSerializer(serializers.Serializer[Any]):
    """Which approved proposals; all of them where none is named."""

    proposals = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=MOST_ROWS
    )


class DecidedSerializer(serializers.Serializer[Any]):
    """How the proposals stand now, those of their price families among them."""

    id = serializers.IntegerField(source="pk")
    product_id = serializers.CharField(source="product.external_id")
    state = serializers.CharField()
    risk = serializers.CharField(help_text="low, medium or high.")
    gain = serializers.FloatField(allow_null=True, help_text="Expected over the horizon.")
    reason = serializers.CharField(source="held_words")


class AppliedSerializer(serializers.Serializer[Any]):
    """What became of approved prices."""

    applied = serializers.IntegerField()
    stale = serializers.IntegerField()
    failed = serializers.IntegerField()
    problems = DecidedSerializer(many=True)


class ApplyingSerializer(serializers.Serializer[Any]):
    """The job that puts many prices into the shop."""

    run = serializers.IntegerField()


class ProposalsView(PricingView):
    """The worklist: ``GET`` with filters by state and risk."""

    needs = {"GET": ("view_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_proposals",
        summary="Proposed prices, the largest gain first",
        parameters=[
            OpenApiParameter("state", str, many=True, description="e.g. open; may be repeated."),
            OpenApiParameter("risk", str, description="low, medium or high."),
            *PAGE,
        ],
        responses={200: ProposalsPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        states, risk = request.query_params.getlist("state"), request.query_params.get("risk", "")
        check_known("state", states, PriceProposal.State.values)
        check_known("risk", [risk] if risk else [], PriceProposal.Risk.values)
        rows = proposal_rows(channel=ecomai.CHANNEL, states=states, risk=risk).defer("history")
        return paged(request, rows, ProposalSerializer, costs_simulated=costs_simulated(channel=ecomai.CHANNEL))


class ProposalView(PricingView):
    """One proposed price with its curves: ``GET``."""

    needs = {"GET": ("view_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_proposal",
        summary="A proposed price with its demand and profit curves",
        responses={200: DetailSerializer, 404: OpenApiResponse(description="There is none of this number.")},
    )
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(DetailSerializer(_one(number)).data)


class DecideView(PricingView):
    """Decisions about proposals: ``POST action``, for all of them or for none."""

    needs = {"POST": ("decide_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_decide",
        summary="Approve (now, later, a part first), reject, give another time or open again",
        request=PriceDecisionSerializer,
        responses={200: DecidedSerializer(many=True), 400: OpenApiResponse(description="It cannot be decided so.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = PriceDecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        user: Any = request.user
        rows = _chosen(values["proposals"])
        try:
            if values["action"] == "approve":
                if not values["high_risk"] and (told := high_risk_words(_of_high_risk(values["proposals"]))):
                    raise ValidationError({"high_risk": told})
                found = proposals_approve(
                    proposals=rows, user=user, apply_at=values["apply_at"], canary_share=values["canary_share"],
                    seen=_seen(values["seen"]),
                )  # fmt: skip
            elif values["action"] == "reschedule":
                found = proposals_reschedule(proposals=rows, user=user, apply_at=values["apply_at"])
            elif values["action"] == "reopen":
                found = proposals_reopen(proposals=rows, user=user)
            else:
                found = proposals_reject(proposals=rows, user=user, reason=values["reason"])
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(DecidedSerializer(found, many=True).data)


# Under ATOMIC_REQUESTS an error after the write would take back the record of it, but not the price.
@method_decorator(without_transaction, name="dispatch")
class ApplyView(PricingView):
    """Put approved prices into the shop: ``POST``; many of them by a job."""

    needs = {"POST": ("apply_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_apply",
        summary="Write approved prices into the shop",
        request=ChosenSerializer,
        responses={
            200: AppliedSerializer,
            202: OpenApiResponse(ApplyingSerializer, description=f"More than {AT_ONCE}: a job does it."),
            400: OpenApiResponse(description="The adapter cannot write prices."),
        },
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = ChosenSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        chosen = asked.validated_data.get("proposals")
        if chosen is None:
            if run := apply_waiting_start(channel=ecomai.CHANNEL, user=request.user):
                return Response({"run": run.pk}, status=202)
            waiting = PriceProposal.objects.filter(channel=ecomai.CHANNEL, state=PriceProposal.State.APPROVED)
            rows = list(waiting.only("pk", "family", "batch"))
        else:
            rows = _chosen(chosen)
        try:
            found = apply_now_or_start(rows=rows, channel=ecomai.CHANNEL, user=request.user, batches=chosen is None)
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        if isinstance(found, Run):
            return Response({"run": found.pk}, status=202)
        return Response(AppliedSerializer({**found.as_dict(), "problems": found.problems}).data)


class ExportView(PricingView):
    """Proposals as CSV: ``GET``, by default what is approved."""

    needs = {"GET": ("view_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_export",
        summary="Proposed prices as CSV",
        parameters=[OpenApiParameter("state", str, many=True, description="Default: approved and scheduled.")],
        responses={(200, "text/csv"): OpenApiTypes.STR, 400: OpenApiResponse(description="There is no such state.")},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """See the schema."""
        states = request.query_params.getlist("state")
        check_known("state", states, PriceProposal.State.values)
        pieces = proposals_csv(channel=ecomai.CHANNEL, states=states)
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")


def _of_high_risk(numbers: list[int]) -> Together:
    """What the open ones of high risk come to, with those of their price families, which are approved too."""
    rows = PriceProposal.objects.filter(channel=ecomai.CHANNEL)
    families = rows.filter(pk__in=numbers).exclude(family="").values("family")
    chosen = rows.filter(Q(pk__in=numbers) | Q(family__in=families))
    chosen = chosen.filter(state=PriceProposal.State.OPEN, risk=PriceProposal.Risk.HIGH)
    return together(
        chosen.only(
            "risk", "gain", "gain_low", "gain_high", "goal", "currency", "horizon_days", "old_price", "new_price"
        )
    )


def _seen(given: dict[str, Any]) -> dict[int, Any]:
    if wrong := [key for key in given if not (key.isascii() and key.isdigit() and len(key) < 19)]:
        raise ValidationError({"seen": f"{wrong[0]!r} is no proposal's id."})
    return {int(key): price for key, price in given.items()}


def _one(number: int) -> PriceProposal:
    row = proposal_rows(channel=ecomai.CHANNEL).filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise NotFound(f"There is no proposal {number}.")
    return row


def _chosen(numbers: list[int]) -> list[PriceProposal]:
    rows = list(PriceProposal.objects.filter(channel=ecomai.CHANNEL, pk__in=numbers).only("pk"))
    missing = sorted(set(numbers) - {row.pk for row in rows})
    if missing:
        raise ValidationError({"proposals": f"There is no proposal {', '.join(map(str, missing[:10]))}."})
    return rows
