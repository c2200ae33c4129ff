"""What machines ask: does it live, can it serve, and its figures.

Never in a transaction of the request, which nobody could begin while the database is away.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from django_ecomai.conf import ecomai
from django_ecomai.core import metrics
from django_ecomai.core.db import without_transaction
from django_ecomai.core.extras import MissingExtra

from .health import FAILED, readiness

PERMISSION = "ecomai_runs.view_run"


@without_transaction
@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """For a liveness probe: 200 as long as this process answers; it asks neither database nor cache."""
    return JsonResponse({"status": "ok"})


@without_transaction
@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """For a readiness probe: 200, or 503 without the database. Other parts are named: pages go on without them."""
    parts = readiness()
    status = FAILED if FAILED in parts.values() else "degraded" if "degraded" in parts.values() else "ok"
    return JsonResponse({"status": status, "checks": parts}, status=503 if status == FAILED else 200)


@without_transaction
@require_safe
@never_cache
def figures(request: HttpRequest) -> HttpResponse:
    """Figures in Prometheus's format, for `Authorization: Bearer <METRICS_TOKEN>` or staff who may see runs."""
    if not _may_read(request):
        return HttpResponse("401\n", status=401, content_type="text/plain", headers={"WWW-Authenticate": "Bearer"})
    try:
        body, content_type = metrics.exposition()
    except MissingExtra as error:
        return HttpResponse(f"{error}\n", status=501, content_type="text/plain")
    return HttpResponse(body, content_type=content_type)


def _may_read(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if ecomai.METRICS_TOKEN and scheme.lower() == "bearer":
        return constant_time_compare(token.strip(), ecomai.METRICS_TOKEN)
    user: Any = getattr(request, "user", None)
    return user is not None and user.is_active and user.is_staff and user.has_perm(PERMISSION)
