"""Django's own log of what staff did; nothing is written where the admin is not installed or nobody is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db import models


def change_log(*, objects: Sequence[models.Model], user: Any, lines: Sequence[str], added: bool = False) -> None:
    """One ``LogEntry`` per object, in one statement. ``lines``: one text for all, or one per object."""
    if not objects or getattr(user, "pk", None) is None or not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
    from django.contrib.contenttypes.models import ContentType

    kind = ContentType.objects.get_for_model(objects[0])
    texts = list(lines) if len(lines) == len(objects) else [lines[0]] * len(objects)
    LogEntry.objects.bulk_create(
        [
            LogEntry(
                user_id=user.pk,
                content_type=kind,
                object_id=str(obj.pk),
                object_repr=str(obj)[:200],
                action_flag=ADDITION if added else CHANGE,
                change_message=text,
            )
            for obj, text in zip(objects, texts, strict=True)
        ]
    )
