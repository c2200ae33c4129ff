"""Many prices by one confirmation: choose, look at what they come to, confirm, and read what was left out."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.pricing.held import why_of
from django_ecomai.pricing.models import PriceChange, PriceProposal, PriceSelection
from django_ecomai.pricing.selection_job import AT_ONCE, apply_what_is_due, selection_start
from django_ecomai.pricing.services import (
    PricingError,
    approval_select,
    selection_came,
    selection_confirm,
    selection_execute,
    selection_skipped,
    undo_select,
)

from .base import APP, MOST_ROWS, PricingView, whole

Kind = PriceSelection.Kind
VIEW = {Kind.APPROVE: "view_priceproposal", Kind.UNDO: "view_pricechange"}
MAY = {Kind.APPROVE: "decide_priceproposal", Kind.UNDO: "undo_pricechange"}


class ChoiceSerializer(serializers.Serializer[Any]):
    """Which prices: all filters that are given hold together; without any all that are open, or stand in the shop."""

    action = serializers.ChoiceField(choices=Kind.choices)
    risk = serializers.ChoiceField(choices=PriceProposal.Risk.choices, required=False, help_text="Of what is approved.")
    direction = serializers.ChoiceField(choices=["up", "down"], required=False, help_text="Of what is approved.")
    category = serializers.CharField(required=False, max_length=64, help_text="The shop's id of a category.")
    run = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Number of the run that has proposed them."
    )
    proposals = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=MOST_ROWS
    )
    selection = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Take back what this selection has approved."
    )
    changes = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), required=False, max_length=MOST_ROWS,
        help_text="Keys of applied prices to take back.",
    )  # fmt: skip
    against_limits = serializers.BooleanField(
        required=False, default=False, help_text="Take back even where a limit of now forbids the price before."
    )


class ConfirmSerializer(serializers.Serializer[Any]):
    """What is confirmed. ``number``: of prices that was looked at."""

    number = serializers.IntegerField(min_value=1)
    apply_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    canary_share = serializers.FloatField(required=False, allow_null=True, default=None)


class CameSerializer(serializers.Serializer[Any]):
    """What became of the prices until now; ``skipped``: how many were left out, by the code of the reason."""

    done = serializers.IntegerField()
    first = serializers.IntegerField(help_text="Approved by the first of two.")
    left_out = serializers.IntegerField()
    waiting = serializers.IntegerField()
    skipped = serializers.DictField(child=serializers.IntegerField())


class SelectionSerializer(serializers.ModelSerializer[PriceSelection]):
    """Prices that were chosen together."""

    action = serializers.CharField(source="kind")
    run = serializers.IntegerField(source="run_number", allow_null=True, help_text="The job that decides them.")
    sums = serializers.JSONField(help_text="What they come to together: number, up, down, gains, risks.")
    came = serializers.SerializerMethodField()

    class Meta:
        model = PriceSelection
        fields = (
            "id", "action", "number", "sums", "filters", "made_at", "confirmed_at", "apply_at", "canary_share",
            "against_limits", "run", "came",
        )  # fmt: skip

    def get_came(self, row: PriceSelection) -> dict[str, Any]:
        """See ``CameSerializer``."""
        return selection_came(row).as_dict()


class SkippedSerializer(serializers.Serializer[Any]):
    """A price that was left out."""

    id = serializers.IntegerField(help_text="Of the proposal, or of the applied price.")
    title = serializers.CharField()
    code = serializers.CharField()
    why = serializers.CharField(help_text="In the language of who asks.")


class SkippedPageSerializer(serializers.Serializer[Any]):
    """A part of what was left out; ``next_offset`` is null at the end."""

    results = SkippedSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class SelectionsView(PricingView):
    """Choose prices to approve or to take back: ``POST``; nothing is decided by it."""

    needs = {"POST": ()}

    @extend_schema(
        operation_id="ecomai_pricing_select",
        summary="Choose many prices; the answer says what they come to together",
        request=ChoiceSerializer,
        responses={201: SelectionSerializer, 400: OpenApiResponse(description="There is none, or a filter is wrong.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema."""
        asked = ChoiceSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        kind = Kind(values.pop("action"))
        against = values.pop("against_limits")
        user: Any = request.user
        _check(user, MAY[kind], VIEW[kind])
        named: dict[str, Any] = {"channel": ecomai.CHANNEL, "user": user, "filters": values}
        try:
            if kind == Kind.APPROVE:
                selection = approval_select(rows=_proposals(values), **named)
            else:
                selection = undo_select(rows=_changes(values), against_limits=against, **named)
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(SelectionSerializer(selection).data, status=201)


class SelectionView(PricingView):
    """What was chosen, and what became of it: ``GET``."""

    needs = {"GET": ()}

    @extend_schema(
        operation_id="ecomai_pricing_selection",
        summary="Prices that were chosen together, and what became of them",
        responses={200: SelectionSerializer, 404: OpenApiResponse(description="There is none of this number.")},
    )
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(SelectionSerializer(_one(request, number, VIEW)).data)


class SelectionConfirmView(PricingView):
    """Approve what was chosen, or take it back: ``POST``; many by a job. Again, by the same person: goes on."""

    needs = {"POST": ()}

    @extend_schema(
        operation_id="ecomai_pricing_selection_confirm",
        summary="Confirm a choice of many prices",
        request=ConfirmSerializer,
        responses={
            200: SelectionSerializer,
            202: OpenApiResponse(
                SelectionSerializer,
                description=f"More than {AT_ONCE['approve']} to approve, {AT_ONCE['undo']} to take back: a job.",
            ),
            400: OpenApiResponse(description="It cannot be decided so."),
        },
    )
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        asked = ConfirmSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        selection = _one(request, number, MAY)
        user: Any = request.user
        if selection.confirmed_by_id != user.pk or selection.confirmed_at is None:
            try:
                selection = selection_confirm(selection=selection, user=user, **asked.validated_data)
            except PricingError as error:
                raise ValidationError({"detail": str(error)}) from error
        if selection.number > AT_ONCE[selection.kind]:
            selection_start(selection)
            return Response(SelectionSerializer(selection).data, status=202)
        selection_execute(selection=selection)
        apply_what_is_due(selection)
        return Response(SelectionSerializer(selection).data)


class SelectionSkippedView(PricingView):
    """What was left out and why: ``GET``, filtered by the code of the reason."""

    needs = {"GET": ()}

    @extend_schema(
        operation_id="ecomai_pricing_selection_skipped",
        summary="Prices that were left out, and why",
        parameters=[
            OpenApiParameter("code", str, description="A code of `skipped`."),
            OpenApiParameter("limit", int, description=f"Rows, 1 to {MOST_ROWS}; default 100."),
            OpenApiParameter("offset", int, description="Rows to pass over."),
        ],
        responses={200: SkippedPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        code = request.query_params.get("code", "")
        found = selection_skipped(_one(request, number, VIEW), offset=offset, limit=limit + 1, code=code)
        rows = [
            {"id": pk, "title": title, "code": reason.get("code", ""), "why": str(why_of(reason))}
            for pk, title, reason in found[:limit]
        ]
        more = offset + limit if len(found) > limit else None
        return Response({"results": SkippedSerializer(rows, many=True).data, "next_offset": more})


def _proposals(values: dict[str, Any]) -> QuerySet[PriceProposal]:
    rows = PriceProposal.objects.all()
    if "proposals" in values:
        rows = rows.filter(pk__in=values["proposals"])
    if "run" in values:
        rows = rows.filter(run_number=values["run"])
    if "risk" in values:
        rows = rows.filter(risk=values["risk"])
    if "category" in values:
        rows = rows.filter(product__categories__external_id=values["category"].replace("\x00", ""))
    if direction := values.get("direction"):
        rows = rows.filter(**{f"new_price__{'gt' if direction == 'up' else 'lt'}": F("old_price")})
    return rows


def _changes(values: dict[str, Any]) -> QuerySet[PriceChange]:
    rows = PriceChange.objects.all()
    if "changes" in values:
        rows = rows.filter(pk__in=values["changes"])
    if "run" in values:
        rows = rows.filter(proposal__run_number=values["run"])
    if "category" in values:
        rows = rows.filter(product__categories__external_id=values["category"].replace("\x00", ""))
    if "selection" in values:
        found = PriceSelection.objects.filter(pk=values["selection"], kind=Kind.APPROVE, channel=ecomai.CHANNEL).first()
        if found is None:
            raise ValidationError({"selection": f"There is no selection {values['selection']} that approved prices."})
        rows = rows.filter(batch=found.batch)
    return rows


def _one(request: Request, number: int, needed: dict[Kind, str]) -> PriceSelection:
    rows = PriceSelection.objects.filter(channel=ecomai.CHANNEL)
    row = rows.filter(pk=number).first() if number < 2**63 else None
    if row is None:
        raise NotFound(f"There is no selection {number}.")
    _check(request.user, needed[Kind(row.kind)])
    return row


def _check(user: Any, *needed: str) -> None:
    if not all(user.has_perm(f"{APP}.{one}") for one in needed):
        raise PermissionDenied
