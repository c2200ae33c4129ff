"""Cart and checkout."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from django_ecomai.events import signals
from django_ecomai.events.visitors import visitor_of
from django_ecomai.recommend.serving import recommendations
from example_project.shop import cart as carts
from example_project.shop.forms import CheckoutForm
from example_project.shop.models import Customer, Order, Product
from example_project.shop.services import order_place

ORDERS_KEY = "orders"  # numbers of the orders placed in this session: a guest may see his confirmation


def next_url(request: HttpRequest, default: str) -> str:
    """The address to return to, if it is one of ours."""
    target = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if target and allowed else default


def customer_of(request: HttpRequest) -> Customer | None:
    """The customer who is logged in, or None."""
    if not request.user.is_authenticated:
        return None
    return Customer.objects.filter(user=request.user).first()


def cart(request: HttpRequest) -> HttpResponse:
    """The cart."""
    return render(request, "shop/cart.html", {"cart": carts.cart_read(request)})


@require_POST
def cart_add(request: HttpRequest, sku: str) -> HttpResponse:
    """Put a product into the cart, and with it the other one of a set."""
    product = get_object_or_404(Product.objects.visible(), sku=sku)
    try:
        quantity = carts.parse_quantity(request.POST.get("quantity", "1"))
        shown = request.POST.getlist("volume")[: carts.MOST_TOKENS]
        other = Product.objects.visible().filter(sku=request.POST.get("with", "")[:32]).first()
        if other is not None and (problem := carts.stock_problem(other, quantity)):
            raise carts.CartError(problem)
        carts.cart_add(request, product=product, quantity=quantity, hold=request.POST.get("hold", ""), volume=shown)
        if other is not None:
            carts.cart_add(request, product=other, quantity=quantity)
            signals.cart_added.send(sender=Product, request=request, product=other, quantity=quantity)
            messages.success(request, f"{quantity} × {other.name} added to your cart.")
    except carts.CartError as error:
        messages.error(request, str(error))
        return redirect(next_url(request, product.get_absolute_url()))
    signals.cart_added.send(sender=Product, request=request, product=product, quantity=quantity)
    messages.success(request, f"{quantity} × {product.name} added to your cart.")
    return redirect(next_url(request, "shop:cart"))


@require_POST
def cart_change(request: HttpRequest, sku: str) -> HttpResponse:
    """Change a quantity, or remove a line."""
    product = get_object_or_404(Product, sku=sku)
    if "remove" in request.POST:
        carts.cart_remove(request, product_pk=product.pk)
        signals.cart_removed.send(sender=Product, request=request, product=product)
        messages.success(request, f"{product.name} removed.")
        return redirect("shop:cart")
    try:
        quantity = carts.parse_quantity(request.POST.get("quantity", ""))
        carts.cart_set(request, product=product, quantity=quantity)
    except carts.CartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{product.name}: {quantity} in your cart now.")
    return redirect("shop:cart")


def checkout(request: HttpRequest) -> HttpResponse:
    """Address and order; there is no payment."""
    contents = carts.cart_read(request)
    if not contents.lines or contents.problems:
        messages.error(request, contents.problems[0] if contents.problems else "Your cart is empty.")
        return redirect("shop:cart")
    if request.method == "GET":
        signals.checkout_begun.send(sender=Order, request=request, value=contents.total, currency="GBP")
    customer = customer_of(request)
    known = {"name": customer.name, "email": customer.email, "country": customer.country} if customer else {}
    form = CheckoutForm(request.POST or None, initial={key: value for key, value in known.items() if value})
    if request.method == "POST" and form.is_valid():
        try:
            order = order_place(
                lines=contents.lines,
                delivery=form.delivery(),
                customer=customer,
                tokens=carts.volume_tokens(request),
            )
        except carts.CartError as error:
            messages.error(request, str(error))
            return redirect("shop:cart")
        signals.order_placed.send(
            sender=Order,
            request=request,
            order_id=order.number,
            at=order.placed_at,
            value=order.total,
            currency="GBP",
        )
        carts.cart_clear(request)
        request.session[ORDERS_KEY] = [*request.session.get(ORDERS_KEY, []), order.number][-20:]
        return redirect("shop:confirmation", order.number)
    return render(request, "shop/checkout.html", {"form": form, "cart": contents})


def confirmation(request: HttpRequest, number: str) -> HttpResponse:
    """Thanks for an order, shown only to the session that placed it."""
    if number not in request.session.get(ORDERS_KEY, []):
        raise Http404("No such order.")
    order = get_object_or_404(Order.objects.prefetch_related("lines__product"), number=number)
    return render(request, "shop/confirmation.html", {"order": order, "bought": _bought(order)})


def email(request: HttpRequest, number: str) -> HttpResponse:
    """The e-mail that a shop would send some days after the order, shown instead of sent."""
    if number not in request.session.get(ORDERS_KEY, []):
        raise Http404("No such order.")
    order = get_object_or_404(
        Order.objects.select_related("customer").prefetch_related("lines__product"), number=number
    )
    # An e-mail has no visitor: whom it is about is said here, and only when he agreed to be advised.
    agreed = visitor_of(request).may("personalization")
    customer_id = order.customer.code if agreed and order.customer else None
    chosen = recommendations("email", customer_id=customer_id, exclude=_bought(order))
    return render(request, "shop/email.html", {"order": order, "items": [one for one in chosen if one.object]})


def _bought(order: Order) -> list[Product]:
    return [line.product for line in order.lines.all() if line.product is not None]
