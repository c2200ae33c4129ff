"""``ecomai/api/pricing/…``: competitors' offers in and out, matches to decide, and where the shop stands, for staff."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.mirror.models import Product
from django_ecomai.pricing.asked import text_asked
from django_ecomai.pricing.market import market_positions
from django_ecomai.pricing.market_rows import offer_rows, review_rows
from django_ecomai.pricing.models import CompetitorMatch, CompetitorOffer
from django_ecomai.pricing.services.competitors_deciding import MatchError, match_undo, matches_decide
from django_ecomai.pricing.services.competitors_import import offers_import
from django_ecomai.pricing.services.competitors_reading import FILE

from .base import APP, MOST_ROWS, PAGE, PricingView, paged


class CompetitorOfferSerializer(serializers.ModelSerializer[CompetitorOffer]):
    """An offer as it was seen last."""

    competitor = serializers.CharField(source="competitor.code")
    offer_id = serializers.CharField(source="external_id")
    simulated = serializers.BooleanField(source="competitor.is_simulated")
    doubt = serializers.CharField(help_text="Why it is not used: no_price, jump, far or currency; empty: nothing.")

    class Meta:
        model = CompetitorOffer
        fields = ("competitor", "offer_id", "ean", "sku", "title", "brand", "url", "price", "currency", "available",
                  "observed_at", "doubt", "simulated")  # fmt: skip


class CompetitorOffersPageSerializer(serializers.Serializer[Any]):
    """A part of the offers; ``next_offset`` is null at their end."""

    results = CompetitorOfferSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class OffersSerializer(serializers.Serializer[Any]):
    """Offers to write; every value may be text."""

    offers = serializers.ListField(
        child=serializers.DictField(), min_length=1, max_length=MOST_ROWS, help_text=f"Keys: {', '.join(FILE)}."
    )
    check_only = serializers.BooleanField(required=False, default=False, help_text="Only say what would happen.")
    add_competitors = serializers.BooleanField(required=False, default=False)


class OfferVerdictSerializer(serializers.Serializer[Any]):
    """What became of one offer."""

    line = serializers.IntegerField(help_text="Counted from 1.")
    verdict = serializers.CharField(help_text="created, updated, unchanged, history or failed.")
    column = serializers.CharField()
    value = serializers.CharField()
    message = serializers.CharField(help_text="What is wrong, or why it is shown and not used.")


class OffersOutcomeSerializer(serializers.Serializer[Any]):
    """What became of all offers."""

    read = serializers.IntegerField()
    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    history = serializers.IntegerField()
    failed = serializers.IntegerField()
    doubted = serializers.IntegerField()
    check_only = serializers.BooleanField()
    new_competitors = serializers.ListField(child=serializers.CharField())
    verdicts = OfferVerdictSerializer(many=True)


class CompetitorOffersView(PricingView):
    """Offers: ``GET`` them, ``POST`` up to 500."""

    needs = {"GET": ("view_competitoroffer",), "POST": ("add_competitoroffer", "change_competitoroffer")}

    @extend_schema(
        operation_id="ecomai_pricing_competitor_offers",
        summary="Competitors' offers",
        parameters=[OpenApiParameter("competitor", str, description="Only those of this code."), *PAGE],
        responses={200: CompetitorOffersPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = offer_rows(channel=ecomai.CHANNEL)
        if code := text_asked(request.query_params.get("competitor")):
            rows = rows.filter(competitor__code=code)
        return paged(request, rows.order_by("pk"), CompetitorOfferSerializer)

    @extend_schema(
        operation_id="ecomai_pricing_offers_write",
        summary="Write competitors' offers",
        request=OffersSerializer,
        responses={200: OffersOutcomeSerializer, 400: OpenApiResponse(description="The body cannot be read.")},
    )
    def post(self, request: Request) -> Response:
        """See the schema; a verdict for every offer, in their order."""
        asked = OffersSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data: dict[str, Any] = asked.validated_data
        user: Any = request.user
        if data["add_competitors"] and not user.has_perm(f"{APP}.add_competitor"):
            raise PermissionDenied("Adding competitors needs the permission to add a competitor.")
        found = offers_import(
            rows=data["offers"],
            channel=ecomai.CHANNEL,
            check_only=data["check_only"],
            add_competitors=data["add_competitors"],
            keep_all=True,
            user=user,
        )
        return Response(OffersOutcomeSerializer(found).data)


class CompetitorMatchSerializer(serializers.ModelSerializer[CompetitorMatch]):
    """A pair of an offer and a product."""

    product_id = serializers.CharField(source="product.external_id", help_text="The shop's own id.")
    product_title = serializers.CharField(source="product.title")
    offer = CompetitorOfferSerializer()
    state = serializers.CharField(help_text="proposed, accepted or rejected.")

    class Meta:
        model = CompetitorMatch
        fields = ("id", "product_id", "product_title", "offer", "method", "confidence", "state", "decided_at")


class CompetitorMatchesPageSerializer(serializers.Serializer[Any]):
    """A part of the review list; ``next_offset`` is null at its end."""

    results = CompetitorMatchSerializer(many=True)
    next_offset = serializers.IntegerField(allow_null=True)


class CompetitorMatchesView(PricingView):
    """The review list: pairs to decide, likeliest first."""

    needs = {"GET": ("view_competitormatch",)}

    @extend_schema(
        operation_id="ecomai_pricing_matches",
        summary="Pairs of offer and product to decide",
        parameters=[*PAGE],
        responses={200: CompetitorMatchesPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """See the schema."""
        rows = review_rows(channel=ecomai.CHANNEL).order_by("-confidence", "pk")
        return paged(request, rows, CompetitorMatchSerializer)


class MatchDecisionSerializer(serializers.Serializer[Any]):
    """What a person says about a pair."""

    action = serializers.ChoiceField(choices=["same", "other", "undo"])


class CompetitorMatchDecideView(PricingView):
    """A decision about a pair: ``POST action``."""

    needs = {"POST": ("decide_competitormatch",)}

    @extend_schema(
        operation_id="ecomai_pricing_match_decide",
        summary="The same product, another one, or undo",
        request=MatchDecisionSerializer,
        responses={200: CompetitorMatchSerializer, 400: OpenApiResponse(description="It cannot be decided so.")},
    )
    def post(self, request: Request, pk: int) -> Response:
        """See the schema."""
        asked = MatchDecisionSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        rows = CompetitorMatch.objects.filter(offer__competitor__channel=ecomai.CHANNEL)
        rows = rows.select_related("offer__competitor", "product")
        row = rows.filter(pk=pk).first() if pk < 2**63 else None
        if row is None:
            raise NotFound(f"There is no match {pk}.")
        action = asked.validated_data["action"]
        try:
            if action == "undo":
                match_undo(match=row, user=request.user)
            else:
                matches_decide(matches=[row], same=action == "same", user=request.user)
        except MatchError as error:
            raise ValidationError({"detail": str(error)}) from error
        return Response(CompetitorMatchSerializer(rows.get(pk=pk)).data)


class PositionSerializer(serializers.Serializer[Any]):
    """Where a product stands."""

    product_id = serializers.CharField()
    currency = serializers.CharField()
    lowest = serializers.DecimalField(max_digits=14, decimal_places=4)
    median = serializers.DecimalField(max_digits=18, decimal_places=6)
    highest = serializers.DecimalField(max_digits=14, decimal_places=4)
    offers = serializers.IntegerField()
    own = serializers.DecimalField(max_digits=14, decimal_places=4, allow_null=True)
    position = serializers.CharField(help_text="cheapest, average or premium; empty without a price.")
    observed_at = serializers.DateTimeField()
    simulated = serializers.BooleanField()


class MarketPositionsView(PricingView):
    """Where products stand among fresh, certain, plausible offers: ``GET ?product=…``, up to 500 times."""

    needs = {"GET": ("view_competitoroffer",)}

    @extend_schema(
        operation_id="ecomai_pricing_market",
        summary="Market positions",
        parameters=[OpenApiParameter("product", str, many=True, description="The shop's ids; may be repeated.")],
        responses={200: PositionSerializer(many=True), 400: OpenApiResponse(description="No product is asked for.")},
    )
    def get(self, request: Request) -> Response:
        """See the schema; products about which nothing is known are absent."""
        asked = [text_asked(one) for one in request.query_params.getlist("product")]
        if not 1 <= len(asked) <= MOST_ROWS:
            raise ValidationError({"product": f"Name 1 to {MOST_ROWS} products."})
        products = Product.objects.filter(channel=ecomai.CHANNEL, external_id__in=asked)
        ids = dict(products.values_list("pk", "external_id"))
        found = market_positions(channel=ecomai.CHANNEL, product_ids=list(ids))
        rows = [{"product_id": ids[pk], **vars(one)} for pk, one in found.items()]
        return Response(PositionSerializer(rows, many=True).data)
