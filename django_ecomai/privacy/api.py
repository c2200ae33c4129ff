"""``api/privacy/``: the shopper's own page and requests for shops whose front end is not made of Django templates."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_ecomai.events.throttling import ApiThrottle
from django_ecomai.events.visitors import visitor_of

from .models import SubjectRequest
from .selectors import nothing_kept, overview, requests_of
from .services import RequestError, request_make
from .subjects import subject_complete, subject_of_browser


class PrivacyThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_privacy"


class PartSerializer(serializers.Serializer[Any]):
    """One kind of data about the person."""

    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    explanation = serializers.CharField()
    purpose = serializers.CharField()
    kept = serializers.CharField(help_text="How long, in words.")
    count = serializers.IntegerField()


class OverviewSerializer(serializers.Serializer[Any]):
    """What is known of whoever asks."""

    purposes = serializers.ListField(child=serializers.CharField(), help_text="What he has agreed to.")
    browser_refuses = serializers.CharField(help_text="gpc, dnt or empty.")
    objected = serializers.BooleanField()
    erased = serializers.BooleanField()
    parts = PartSerializer(many=True)


class NewRequestSerializer(serializers.Serializer[Any]):
    """What is asked for."""

    # Texts here and below: other endpoints have kinds and states of their own, and a schema names each set but once.
    kind = serializers.CharField(max_length=16, help_text="export, erase or object")
    sure = serializers.BooleanField(default=False, help_text="Must be true for an erasure, which cannot be undone.")

    def validate_kind(self, value: str) -> str:
        """One of the three."""
        if value not in SubjectRequest.Kind.values:
            raise serializers.ValidationError(f"Choose one of: {', '.join(SubjectRequest.Kind.values)}.")
        return value


class RequestSerializer(serializers.ModelSerializer[SubjectRequest]):
    """How a request stands; it names nobody."""

    kind = serializers.CharField(read_only=True)
    status = serializers.CharField(read_only=True)

    class Meta:
        model = SubjectRequest
        fields = (
            "reference", "kind", "status", "requested_at", "due_at", "carried_out_at", "models_due_at", "finished_at",
            "outcome",
        )  # fmt: skip
        read_only_fields = fields


class _PrivacyView(APIView):
    """Everybody sees his own only: the person is taken from the login and the cookie, never from a parameter."""

    permission_classes = (AllowAny,)
    throttle_classes = (PrivacyThrottle,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """DRF may know the user by a key that Django's own middleware does not read."""
        super().initial(request, *args, **kwargs)
        if request.user.is_authenticated:
            request._request.user = request.user
            context = visitor_of(request._request)
            context.forget_customer()
            context.consent_look_again()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Nothing of it may be cached."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response["Cache-Control"] = "private, no-store"
        return response


class OverviewView(_PrivacyView):
    """What is known of the person who asks."""

    @extend_schema(
        operation_id="ecomai_privacy_overview",
        summary="What is known about me",
        responses={200: OverviewSerializer},
        tags=["privacy"],
    )
    def get(self, request: Request) -> Response:
        """Kinds of data with their counts, consents and objections of the person who asks."""
        found = overview(request._request)
        return Response(
            {
                "purposes": sorted(found.purposes),
                "browser_refuses": found.browser_refuses,
                "objected": found.objected,
                "erased": found.erased,
                "parts": PartSerializer(found.parts, many=True).data,
            }
        )


class RequestsView(_PrivacyView):
    """Requests of the person who asks: a copy of his data, their erasure, an objection."""

    @extend_schema(
        operation_id="ecomai_privacy_requests",
        summary="My requests",
        responses={200: RequestSerializer(many=True)},
        tags=["privacy"],
    )
    def get(self, request: Request) -> Response:
        """The person's requests, newest first."""
        mine = requests_of(subject_complete(subject_of_browser(request._request)))
        return Response(RequestSerializer(mine[:50], many=True).data)

    @extend_schema(
        operation_id="ecomai_privacy_request",
        summary="Ask for a copy or the erasure of my data, or object to suggestions",
        request=NewRequestSerializer,
        responses={
            201: RequestSerializer,
            400: OpenApiResponse(description="Nobody is known, nothing is kept, or not sure."),
        },
        tags=["privacy"],
    )
    def post(self, request: Request) -> Response:
        """Make a request; the archive of an export is fetched from ``privacy/requests/<reference>/archive/``."""
        asked = NewRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        kind = asked.validated_data["kind"]
        if kind == SubjectRequest.Kind.ERASE and not asked.validated_data["sure"]:
            raise serializers.ValidationError({"sure": ["An erasure cannot be undone: send true."]})
        subject = subject_of_browser(request._request)
        if subject and kind != SubjectRequest.Kind.OBJECT and nothing_kept(subject):
            raise serializers.ValidationError({"detail": "Nothing is kept about this browser."})
        try:
            made = request_make(subject=subject, kind=kind)
        except RequestError as error:
            raise serializers.ValidationError({"detail": str(error)}) from None
        visitor_of(request._request).consent_look_again()
        return Response(RequestSerializer(made).data, status=status.HTTP_201_CREATED)
