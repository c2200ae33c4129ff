"""The clock that all machines share is the database's, read in UTC."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from django_ecomai.runs.models import Run
from django_ecomai.runs.services.state import database_now

pytestmark = pytest.mark.django_db
FAR = {"mysql": "SET time_zone = '-11:00'", "postgresql": "SET LOCAL TIME ZONE '-11'"}


def test_whatever_time_zone_the_database_is_set_to() -> None:
    run = Run.objects.create(kind="toy.train")
    with connection.cursor() as cursor:
        if connection.vendor in FAR:
            cursor.execute(FAR[connection.vendor])
        try:
            Run.objects.update(heartbeat_at=database_now())
            [(read, written)] = Run.objects.annotate(now=database_now()).values_list("now", "heartbeat_at")
        finally:
            if connection.vendor == "mysql":
                cursor.execute("SET time_zone = DEFAULT")  # it outlives the transaction
    assert abs(read - timezone.now()) < timedelta(hours=1)
    assert abs(written - timezone.now()) < timedelta(hours=1)
    assert abs(run.created_at - read) < timedelta(hours=1)
