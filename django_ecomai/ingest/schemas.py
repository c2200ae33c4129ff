"""What the OpenAPI schema says about deliveries, derived from the rows of the adapters."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from rest_framework import serializers

from django_ecomai.adapters.files import FLAGS, MOMENTS, NUMBERS
from django_ecomai.adapters.rows import ROW_TYPES
from django_ecomai.events.api import EventSerializer
from django_ecomai.events.consent import PURPOSES

from .shapes import KEYED_BY_PRODUCT

_TIMES = MOMENTS | {"returned_at"}


def _field(name: str, *, required: bool) -> serializers.Field[Any, Any, Any, Any]:
    more: dict[str, Any] = {"required": required, "allow_null": not required}
    if name in ("lines", "returns"):
        return _make("line" if name == "lines" else "return_line")(many=True, required=name == "lines")
    if name == "attributes":
        return serializers.DictField(**more)
    if name.endswith("_ids"):
        return serializers.ListField(child=serializers.CharField(), **more)
    if name in FLAGS:
        return serializers.BooleanField(**more)
    if name in _TIMES:
        return serializers.DateTimeField(**more)
    if name in NUMBERS:
        return serializers.DecimalField(max_digits=14, decimal_places=4, **more)
    if name == "birth_year":
        return serializers.IntegerField(**more)
    return serializers.CharField(**more)


def _make(table: str) -> type[serializers.Serializer[Any]]:
    kind = ROW_TYPES[table]
    key = "product_id" if table in KEYED_BY_PRODUCT else "id"
    needed = {key, "quantity"} if table in ("stock", "line", "return_line") else {key}
    needed -= {"id"} if table in ("line", "return_line") else set()
    found: dict[str, Any] = {
        field.name: _field(field.name, required=field.name in needed)
        for field in fields(kind)
        if field.name != "user_id"
    }
    if table not in ("line", "return_line"):
        found["deleted"] = serializers.BooleanField(required=False, help_text="The row is gone from the shop.")
        found["updated_at"] = serializers.DateTimeField(
            required=False, help_text="When the shop changed it: an older version that comes late is rejected."
        )
    if table == "customer":
        found["consent"] = _consent()
    return type(f"Delivered{kind.__name__}Serializer", (serializers.Serializer,), found)


def _consent() -> serializers.Field[Any, Any, Any, Any]:
    return serializers.MultipleChoiceField(choices=sorted(PURPOSES), required=False)


class DeliveredEventSerializer(EventSerializer):
    """An event with the consent under which it may be stored."""

    session_id = serializers.CharField(required=False, max_length=200)
    consent = _consent()


def batch_of(table: str) -> type[serializers.Serializer[Any]]:
    """``{"rows": [...]}`` of a table, or of events."""
    row = DeliveredEventSerializer if table == "event" else _make(table)
    name = "Events" if table == "event" else ROW_TYPES[table].__name__ + "s"
    return type(f"Deliver{name}Serializer", (serializers.Serializer,), {"rows": row(many=True)})


class RowVerdictSerializer(serializers.Serializer[Any]):
    """What became of one row."""

    row = serializers.IntegerField(help_text="Its number in the delivery, from 1; of NDJSON the number of the line.")
    status = serializers.CharField(help_text="accepted, duplicate or rejected.")
    reason = serializers.CharField(required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)


class DeliveredSerializer(serializers.Serializer[Any]):
    """The answer to a delivery."""

    rows = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    verdicts = RowVerdictSerializer(many=True)


class RefusedSerializer(serializers.Serializer[Any]):
    """Why a delivery was refused whole."""

    error = serializers.CharField()
    detail = serializers.CharField()
