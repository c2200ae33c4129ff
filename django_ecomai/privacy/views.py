"""Pages of the shopper: why he sees what he sees, what is known, and how to have it switched off, copied or erased."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from django_ecomai.events.limits import seconds_to_wait
from django_ecomai.events.visitors import visitor_of

from .models import SubjectRequest
from .selectors import nothing_kept, outcome_lines, overview, requests_of
from .services import RequestError, objection_lift, request_archive, request_cancel, request_make
from .subjects import subject_complete, subject_of_browser


def _limited(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Not more often than ``API_THROTTLE`` says: everybody can press these buttons, and some start work of hours."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        wait = seconds_to_wait(request, scope="privacy")
        if not wait:
            return view(request, *args, **kwargs)
        told = _("Too many requests. Try again in %(seconds)d seconds.") % {"seconds": wait}
        answer = HttpResponse(told, status=429, content_type="text/plain; charset=utf-8")
        answer["Retry-After"] = str(wait)
        return answer

    return limited


@require_GET
@never_cache
@_limited
def why(request: HttpRequest) -> HttpResponse:
    """“Why am I seeing this?”: what is known, where it came from, and the switches."""
    return render(request, "ecomai/privacy/why.html", {"overview": overview(request)})


@require_POST
@never_cache
@_limited
def suggestions(request: HttpRequest) -> HttpResponse:
    """Switch suggestions of one's own off (an objection) or on again."""
    subject = subject_of_browser(request)
    if request.POST.get("on") == "1":
        try:
            objection_lift(subject=subject)
        except RequestError as error:
            return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
    elif subject:
        request_make(subject=subject, kind=SubjectRequest.Kind.OBJECT)
    visitor_of(request).consent_look_again()
    return redirect("ecomai_privacy:why")


@require_http_methods(["GET", "POST"])
@never_cache
@_limited
def request_new(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask for a copy or for the erasure of one's data; an erasure is confirmed on a page that says what it means."""
    if kind not in (SubjectRequest.Kind.EXPORT, SubjectRequest.Kind.ERASE):
        raise Http404
    subject = subject_of_browser(request)
    sure = kind == SubjectRequest.Kind.EXPORT or request.POST.get("sure") == "yes"
    nothing = request.method == "POST" and bool(subject) and nothing_kept(subject)
    if request.method == "POST" and subject and sure and not nothing:
        made = request_make(subject=subject, kind=kind)
        visitor_of(request).consent_look_again()
        return redirect("ecomai_privacy:request", reference=made.reference)
    context = {"kind": kind, "known": bool(subject), "nothing": nothing, "asked": request.method == "POST"}
    return render(request, "ecomai/privacy/request_new.html", context)


@require_GET
@never_cache
def request_show(request: HttpRequest, reference: UUID) -> HttpResponse:
    """How a request stands. The reference cannot be guessed and the page names nobody, so a link is enough."""
    found = get_object_or_404(SubjectRequest, reference=reference)
    context: dict[str, Any] = {
        "found": found,
        "lines": outcome_lines(found),
        "mine": _is_mine(request, found),
        "models": found.outcome.get("models", []),
        "left": _certain(found.outcome.get("scan", {}).get("left")),
        "late": found.is_late,
        "now": timezone.now(),
    }
    return render(request, "ecomai/privacy/request.html", context)


@require_GET
@never_cache
@_limited
def archive(request: HttpRequest, reference: UUID) -> HttpResponseBase:
    """The copy of the data as a zip file, for the person himself only. The request notes that it was fetched."""
    found = _own(request, reference)
    try:
        made = request_archive(request=found)
    except RequestError as error:
        return HttpResponse(str(error), status=410, content_type="text/plain; charset=utf-8")
    return FileResponse(made, as_attachment=True, filename="my-data.zip", content_type="application/zip")


@require_POST
@never_cache
@_limited
def cancel(request: HttpRequest, reference: UUID) -> HttpResponse:
    """Withdraw a request that has not been carried out."""
    found = _own(request, reference)
    try:
        request_cancel(request=found)
    except RequestError as error:
        return HttpResponse(str(error), status=409, content_type="text/plain; charset=utf-8")
    visitor_of(request).consent_look_again()
    return redirect("ecomai_privacy:why")


def _certain(left: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    return None if left is None else [one for one in left if one["certain"]]


def _own(request: HttpRequest, reference: UUID) -> SubjectRequest:
    found = get_object_or_404(SubjectRequest, reference=reference)
    if not _is_mine(request, found):
        raise Http404
    return found


def _is_mine(request: HttpRequest, found: SubjectRequest) -> bool:
    return requests_of(subject_complete(subject_of_browser(request))).filter(pk=found.pk).exists()
