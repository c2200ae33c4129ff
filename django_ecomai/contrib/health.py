"""Checks for django-health-check (extra ``health``): what ``ecomai_doctor`` finds, on the shop's own status page.

``HealthCheckView.as_view(checks=["health_check.checks.Database", "django_ecomai.contrib.health.Jobs"])``.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from django_ecomai.core.registry import doctor_checks


@dataclasses.dataclass
class _Doctor(HealthCheck):
    """The checks of the doctor whose names stand in ``asks``."""

    asks: ClassVar[tuple[str, ...]] = ()

    def run(self) -> None:
        """Raise for the first finding that is an error, else for the first warning.

        Titles only: details may hold paths and names of hosts.
        """
        try:
            found = [finding for name in self.asks if name in doctor_checks for finding in doctor_checks.get(name)()]
        finally:
            connections.close_all()  # a thread of the view's own
        for level, problem in (("error", ServiceUnavailable), ("warning", ServiceWarning)):
            for finding in found:
                if finding.level == level:
                    raise problem(str(finding.title))


@dataclasses.dataclass
class Models(_Doctor):
    """The models that serve are there, whole and fresh."""

    asks = ("runs.folder", "runs.models")


@dataclasses.dataclass
class Jobs(_Doctor):
    """Jobs end well, somebody takes them, and the scheduler beats."""

    asks = ("runs.workers", "runs.scheduler", "runs.queue", "runs.jobs", "runs.clock")


@dataclasses.dataclass
class Events(_Doctor):
    """Behaviour reaches the log."""

    asks = ("events",)
