"""Many prices by one confirmation: choose, look at what they come to, confirm, and read what was left out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import F, QuerySet
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.core.db import without_transaction
from django_ecomai.pricing.held import why_of
from django_ecomai.pricing.high_risk_words import high_risk_words
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
from django_ecomai.pricing.worklist import Together

from .base import MOST_ROWS, PAGE, PricingView, whole
from .simulated import CostsSimulated

Kind = PriceSelection.Kind
WHAT = {Kind.APPROVE: "approve", Kind.UNDO: "take back"}
_KEY: dict[str, Any] = {"min_value": 1, "max_value": 2**63 - 1}


class ApprovalChoiceSerializer(serializers.Serializer[Any]):
    """Which open prices: all filters that are given hold together; without any all of them."""

    risk = serializers.ChoiceField(choices=PriceProposal.Risk.choices, required=False)
    direction = serializers.ChoiceField(choices=["up", "down"], required=False)
    category = serializers.CharField(required=False, max_length=64, help_text="The shop's id of a category.")
    run = serializers.IntegerField(required=False, **_KEY, help_text="Number of the run that has proposed them.")
    proposals = serializers.ListField(
        child=serializers.IntegerField(**_KEY), required=False, min_length=1, max_length=MOST_ROWS
    )


class UndoChoiceSerializer(serializers.Serializer[Any]):
    """Which prices in the shop: all filters that are given hold together; without any all that stand there."""

    category = serializers.CharField(required=False, max_length=64, help_text="The shop's id of a category.")
    run = serializers.IntegerField(required=False, **_KEY, help_text="Number of the run that has proposed them.")
    selection = serializers.IntegerField(required=False, **_KEY, help_text="What this selection has approved.")
    changes = serializers.ListField(
        child=serializers.IntegerField(**_KEY), required=False, min_length=1, max_length=MOST_ROWS,
        help_text="Keys of applied prices.",
    )  # fmt: skip
    against_limits = serializers.BooleanField(
        required=False, default=False, help_text="Even where a limit of now forbids the price before."
    )


class ConfirmSerializer(serializers.Serializer[Any]):
    """What is confirmed. ``number``: of prices that was looked at."""

    number = serializers.IntegerField(min_value=1)
    apply_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    canary_share = serializers.FloatField(required=False, allow_null=True, default=None)
    high_risk = serializers.BooleanField(
        required=False, default=False, help_text="Prices of high risk too; without it a choice with such is refused."
    )


class CameSerializer(serializers.Serializer[Any]):
    """What became of the prices until now; ``skipped``: how many were left out, by the code of the reason."""

    done = serializers.IntegerField()
    first = serializers.IntegerField(help_text="Approved by the first of two.")
    left_out = serializers.IntegerField()
    waiting = serializers.IntegerField()
    skipped = serializers.DictField(child=serializers.IntegerField())


class SelectionSerializer(CostsSimulated, serializers.ModelSerializer[PriceSelection]):
    """Prices that were chosen together."""

    action = serializers.CharField(source="kind")
    run = serializers.IntegerField(source="run_number", allow_null=True, help_text="The job that decides them.")
    sums = serializers.JSONField(
        help_text="What they come to together: number, up, down, gains, risks, high_gains of those of high risk, and "
        "market_simulated: how many stand beside simulated offers of competitors."
    )
    came = serializers.SerializerMethodField()

    class Meta:
        model = PriceSelection
        fields = (
            "id", "action", "number", "sums", "filters", "made_at", "confirmed_at", "apply_at", "canary_share",
            "against_limits", "run", "came", "costs_simulated",
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


class _View(PricingView):
    """What the addresses of both kinds share."""

    kind: ClassVar[Kind]

    def one(self, number: int) -> PriceSelection:
        """The selection of this number, of the shop and of this kind."""
        rows = PriceSelection.objects.filter(channel=ecomai.CHANNEL, kind=self.kind)
        row = rows.filter(pk=number).first() if number < 2**63 else None
        if row is None:
            raise NotFound(f"There is no selection {number}.")
        return row

    def choose(self, request: Request, form: type[serializers.Serializer[Any]]) -> Response:
        """Store what the request names."""
        asked = form(data=request.data)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        against = values.pop("against_limits", False)
        named: dict[str, Any] = {"channel": ecomai.CHANNEL, "user": request.user, "filters": values}
        try:
            if self.kind == Kind.APPROVE:
                selection = approval_select(rows=_proposals(values), **named)
            else:
                selection = undo_select(rows=_changes(values), against_limits=against, **named)
        except PricingError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(SelectionSerializer(selection).data, status=201)

    def confirm(self, request: Request, number: int) -> Response:
        """Do it, or go on with it."""
        asked = ConfirmSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        selection = self.one(number)
        user: Any = request.user
        values = dict(asked.validated_data)
        seen = values.pop("high_risk")
        if selection.confirmed_by_id != user.pk or selection.confirmed_at is None:
            if self.kind == Kind.APPROVE and not seen and (told := high_risk_words(Together(**selection.sums))):
                raise ValidationError({"high_risk": told})
            try:
                selection = selection_confirm(selection=selection, user=user, **values)
            except PricingError as error:
                raise ValidationError({"detail": str(error)}) from error
        if selection.number > AT_ONCE[selection.kind]:
            selection_start(selection)
            return Response(SelectionSerializer(selection).data, status=202)
        selection_execute(selection=selection)
        apply_what_is_due(selection)
        return Response(SelectionSerializer(selection).data)

    def skipped(self, request: Request, number: int) -> Response:
        """What was left out."""
        limit, offset = whole(request, "limit", 100, 1, MOST_ROWS), whole(request, "offset", 0, 0, 10**9)
        code = request.query_params.get("code", "")
        found = selection_skipped(self.one(number), offset=offset, limit=limit + 1, code=code)
        rows = [
            {"id": pk, "title": title, "code": reason.get("code", ""), "why": str(why_of(reason))}
            for pk, title, reason in found[:limit]
        ]
        more = offset + limit if len(found) > limit else None
        return Response({"results": SkippedSerializer(rows, many=True).data, "next_offset": more})


def _choosing(kind: Kind, request: Any) -> Any:
    return extend_schema(
        operation_id=f"ecomai_pricing_select_{kind}",
        summary=f"Choose many prices to {WHAT[kind]}; the answer says what they come to together",
        request=request,
        responses={201: SelectionSerializer, 400: OpenApiResponse(description="There is none, or a filter is wrong.")},
    )


def _reading(kind: Kind) -> Any:
    return extend_schema(
        operation_id=f"ecomai_pricing_selection_{kind}",
        summary=f"Prices that were chosen to {WHAT[kind]}, and what became of them",
        responses={200: SelectionSerializer, 404: OpenApiResponse(description="There is none of this number.")},
    )


def _confirming(kind: Kind) -> Any:
    by_job = OpenApiResponse(SelectionSerializer, description=f"More than {AT_ONCE[kind]}: a job does it.")
    return extend_schema(
        operation_id=f"ecomai_pricing_selection_{kind}_confirm",
        summary=f"Confirm a choice of many prices to {WHAT[kind]}; again: go on with it",
        request=ConfirmSerializer,
        responses={
            200: SelectionSerializer, 202: by_job, 400: OpenApiResponse(description="It cannot be decided so."),
        },
    )  # fmt: skip


def _skipping(kind: Kind) -> Any:
    return extend_schema(
        operation_id=f"ecomai_pricing_selection_{kind}_skipped",
        summary="Prices that were left out, and why",
        parameters=[
            OpenApiParameter("code", str, description="A code of `skipped`."),
            *PAGE,
        ],
        responses={200: SkippedPageSerializer, 400: OpenApiResponse(description="A parameter cannot be used.")},
    )


class ApprovalsView(_View):
    """Choose many prices to approve: ``POST``; nothing is decided by it."""

    kind = Kind.APPROVE
    needs = {"POST": ("decide_priceproposal",)}

    @_choosing(Kind.APPROVE, ApprovalChoiceSerializer)
    def post(self, request: Request) -> Response:
        """See the schema."""
        return self.choose(request, ApprovalChoiceSerializer)


class ApprovalView(_View):
    """Prices that were chosen to approve, and what became of them: ``GET``."""

    kind = Kind.APPROVE
    needs = {"GET": ("view_priceproposal",)}

    @_reading(Kind.APPROVE)
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(SelectionSerializer(self.one(number)).data)


class ApprovalConfirmView(_View):
    """Approve what was chosen: ``POST``; many by a job. Again, by the same person: goes on."""

    kind = Kind.APPROVE
    needs = {"POST": ("decide_priceproposal",)}

    @_confirming(Kind.APPROVE)
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        return self.confirm(request, number)


class ApprovalSkippedView(_View):
    """What was not approved and why: ``GET``, filtered by the code of the reason."""

    kind = Kind.APPROVE
    needs = {"GET": ("view_priceproposal",)}

    @_skipping(Kind.APPROVE)
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return self.skipped(request, number)


class UndosView(_View):
    """Choose many prices to take back: ``POST``; nothing is done by it."""

    kind = Kind.UNDO
    needs = {"POST": ("undo_pricechange",)}

    @_choosing(Kind.UNDO, UndoChoiceSerializer)
    def post(self, request: Request) -> Response:
        """See the schema."""
        return self.choose(request, UndoChoiceSerializer)


class UndoneView(_View):
    """Prices that were chosen to take back, and what became of them: ``GET``."""

    kind = Kind.UNDO
    needs = {"GET": ("view_pricechange",)}

    @_reading(Kind.UNDO)
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return Response(SelectionSerializer(self.one(number)).data)


@method_decorator(without_transaction, name="dispatch")
class UndoConfirmView(_View):
    """Take back what was chosen: ``POST``; many by a job. Again, by the same person: goes on. What was written must
    stay noted, whatever fails afterwards."""

    kind = Kind.UNDO
    needs = {"POST": ("undo_pricechange",)}

    @_confirming(Kind.UNDO)
    def post(self, request: Request, number: int) -> Response:
        """See the schema."""
        return self.confirm(request, number)


class UndoSkippedView(_View):
    """What was not taken back and why: ``GET``, filtered by the code of the reason."""

    kind = Kind.UNDO
    needs = {"GET": ("view_pricechange",)}

    @_skipping(Kind.UNDO)
    def get(self, request: Request, number: int) -> Response:
        """See the schema."""
        return self.skipped(request, number)


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
