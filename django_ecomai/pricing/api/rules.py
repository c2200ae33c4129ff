"""Rules of prices as they stand, and the last replay: to read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.pricing.models import PricingRule
from django_ecomai.pricing.replay_stored import replay_latest

from .base import PAGE, PricingView, paged
from .simulated import CostsSimulated


class RuleSerializer(serializers.ModelSerializer[PricingRule]):
    """A rule: its conditions, what it does, and its limits."""

    product_id = serializers.CharField(source="product.external_id", default=None, allow_null=True)
    category_id = serializers.CharField(source="category.external_id", default=None, allow_null=True)
    follows_id = serializers.CharField(source="follows.external_id", default=None, allow_null=True)
    # no choices: the schema has them under the name of the proposals' goal
    action = serializers.CharField(help_text=f"{', '.join(PricingRule.Action.values)}.")

    class Meta:
        model = PricingRule
        exclude = ("channel", "product", "category", "follows")


class RulesPageSerializer(serializers.Serializer[Any]):
    """A part of the rules; ``next_offset`` is null at their end."""

    results = RuleSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class ReplaySerializer(CostsSimulated):
    """The last replay; an estimate."""

    run = serializers.IntegerField()
    finished_at = serializers.DateTimeField(allow_null=True)
    replay = serializers.JSONField(help_text="What prices as they would have been proposed would have earned.")


class RulesView(PricingView):
    """Rules, in their order: ``GET``. They are edited in the admin."""

    needs = {"GET": ("view_pricingrule",)}

    @extend_schema(
        operation_id="ecomai_pricing_rules",
        summary="Pricing rules",
        parameters=[
            OpenApiParameter("active", bool, description="Only those in use."),
            *PAGE,
        ],
        responses={200: RulesPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = PricingRule.objects.filter(channel=ecomai.CHANNEL).select_related("product", "category", "follows")
        if request.query_params.get("active", "") in ("1", "true"):
            rows = rows.filter(is_active=True)
        return paged(request, rows.order_by("order", "pk"), RuleSerializer)


class ReplayView(PricingView):
    """What proposed prices would have earned in the last weeks, as the last run of the job found: ``GET``."""

    needs = {"GET": ("view_priceproposal",)}

    @extend_schema(
        operation_id="ecomai_pricing_replay",
        summary="Result of the last replay, an estimate",
        responses={200: ReplaySerializer, 404: OpenApiResponse(description="There has been none yet.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        run = replay_latest(channel=ecomai.CHANNEL)
        if run is None:
            raise NotFound("There has been no replay yet: start the job pricing.replay.")
        told = {"run": run.pk, "finished_at": run.finished_at, "replay": run.metrics["replay"]}
        return Response(ReplaySerializer(told).data)
