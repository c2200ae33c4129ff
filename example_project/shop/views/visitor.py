"""Cookie banner, and the demo's "Shop as …" switcher."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_POST

from django_ecomai.events.consent import opted_out
from example_project.shop.consent import consent_forget, consent_problem, consent_set
from example_project.shop.models import Customer
from example_project.shop.selectors import demo_customers
from example_project.shop.services import persona_user
from example_project.shop.views.buying import next_url


@require_POST
def consent(request: HttpRequest) -> HttpResponse:
    """Remember the answer of the cookie banner."""
    response = redirect(next_url(request, "shop:home"))
    consent_set(response, everything=request.POST.get("choice") == "all", secure=request.is_secure())
    return response


@require_POST
def shop_as(request: HttpRequest) -> HttpResponse:
    """Become a customer of the sample, or a new visitor. Exists in the demo only: it asks for no password."""
    if not getattr(settings, "DEMO", False):
        raise Http404("Only in the demo.")
    code = request.POST.get("customer", "")
    target = next_url(request, "shop:home")
    # A new visitor has no account, and a customer sees no other customer's order.
    response = redirect("shop:home" if not code or shows_an_order(target) else target)
    if not code:
        logout(request)
        response.delete_cookie(settings.ECOMAI.get("VISITOR_COOKIE", "ecomai_visitor"))
        messages.success(request, "You are a new visitor now.")
        return response
    # Only the listed sample customers: nobody's real account can be entered this way.
    customer = Customer.objects.select_related("user").filter(code=code, code__in=demo_customers()).first()
    if customer is None:
        messages.error(request, "There is no such customer in the sample.")
        return response
    login(request, persona_user(customer=customer), backend=settings.AUTHENTICATION_BACKENDS[0])
    messages.success(request, f"You shop as customer {customer.code} now.")
    if problem := consent_problem(request):
        messages.warning(request, problem)
        if not opted_out(request):
            consent_forget(response)  # whoever said no before is asked again: there is a reason now
    return response


def shows_an_order(address: str) -> bool:
    """Whether an address of ours shows one person's order."""
    try:
        return resolve(address.partition("?")[0]).view_name in {"shop:order", "shop:confirmation", "shop:email"}
    except Resolver404:
        return False
