"""Login, registration and order history."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from example_project.shop import selectors
from example_project.shop.forms import RegisterForm
from example_project.shop.models import Order
from example_project.shop.services import customer_register
from example_project.shop.views.buying import customer_of

ORDERS_PER_PAGE = 15


def register(request: HttpRequest) -> HttpResponse:
    """A new account, logged in at once."""
    if request.user.is_authenticated:
        return redirect("shop:account")
    form = RegisterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        customer = customer_register(**form.cleaned_data)
        login(request, customer.user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return redirect("shop:account")
    return render(request, "shop/register.html", {"form": form})


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The customer's orders."""
    customer = customer_of(request)
    orders = selectors.customer_orders(customer=customer) if customer else []
    page = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "shop/account.html", {"customer": customer, "page": page})


@login_required
def order(request: HttpRequest, number: str) -> HttpResponse:
    """One of the customer's own orders."""
    customer = customer_of(request)
    found = get_object_or_404(
        Order.objects.filter(customer__isnull=False, customer=customer).prefetch_related("lines__product"),
        number=number,
    )
    return render(request, "shop/order.html", {"order": found})
