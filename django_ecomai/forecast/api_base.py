"""What the forecast endpoints share: permissions of staff, throttle, CSV bodies, messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import StreamingHttpResponse
from rest_framework import status
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from django_ecomai.conf import ecomai
from django_ecomai.core.paging import channels_of
from django_ecomai.core.staff_api import StaffView
from django_ecomai.events.throttling import ApiThrottle
from django_ecomai.mirror.models import Product

from .csv_files import BadFile, Imported, csv_stream, file_lines

MOST_BYTES = 5 * 1024 * 1024


class ForecastThrottle(ApiThrottle):
    """``ApiThrottle``, counted apart from other endpoints."""

    scope = "ecomai_forecast"


class CsvParser(BaseParser):
    """The bytes of a CSV body."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The body as it came. Raises ``ParseError`` for one that is too large."""
        content = bytes(stream.read(MOST_BYTES + 1))
        if len(content) > MOST_BYTES:
            raise ParseError("The file is larger than 5 MB: split it.")
        return content


class ForecastView(StaffView):
    """A view for staff, of one shop."""

    app = "ecomai_forecast"
    throttle_classes = (ForecastThrottle,)
    parser_classes = (JSONParser, CsvParser)

    def channel(self, request: Request) -> str:
        """The shop that is asked about. Raises ``ValidationError`` for one that is not there."""
        asked = request.query_params.get("channel")
        if asked is None or asked == ecomai.CHANNEL:
            return ecomai.CHANNEL
        if asked not in channels_of(Product):
            raise ValidationError({"channel": [f"There is no shop {asked!r} in this installation."]})
        return asked


def checked(error: DjangoValidationError) -> ValidationError:
    """A service's complaint as DRF's."""
    return ValidationError(error.message_dict if hasattr(error, "error_dict") else {"detail": error.messages})


def imported(result: Imported) -> Response:
    """What became of a CSV body: 200, or 400 with a sentence per wrong line."""
    body = {"written": result.written, "duplicates": result.duplicates, "errors": result.errors}
    if result.more_errors:
        body["more_errors"] = result.more_errors
    return Response(body, status=status.HTTP_400_BAD_REQUEST if result.errors else status.HTTP_200_OK)


def from_csv(content: bytes, read: Callable[[Iterable[str]], Imported]) -> Response:
    """Import a CSV body. Raises ``ValidationError`` for one that is no such file at all."""
    try:
        return imported(read(file_lines(content)))
    except BadFile as error:
        raise ValidationError({"detail": [str(error)]}) from error


def csv_response(header: Any, rows: Iterable[Any], name: str) -> StreamingHttpResponse:
    """Rows as a CSV file."""
    return StreamingHttpResponse(
        csv_stream(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
