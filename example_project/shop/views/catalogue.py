"""Pages that show goods."""

from __future__ import annotations

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.templatetags.static import static
from django.utils.cache import patch_cache_control

from django_ecomai.events import signals
from example_project.shop import selectors
from example_project.shop.forms import FilterForm
from example_project.shop.models import Category, Product, ProductQuerySet
from example_project.shop.pictures import picture_svg

PER_PAGE = 24


def page_of(request: HttpRequest, products: ProductQuerySet) -> Page:
    """The page of a list the visitor asked for; a number out of range gives the nearest page."""
    return Paginator(products, PER_PAGE).get_page(request.GET.get("page"))


def home(request: HttpRequest) -> HttpResponse:
    """The start page."""
    return render(
        request,
        "shop/home.html",
        {"hero": selectors.products_popular(limit=5)},
    )


def category(request: HttpRequest, slug: str) -> HttpResponse:
    """A department or shelf with filters."""
    shelf = get_object_or_404(Category.objects.select_related("parent"), slug=slug)
    form = FilterForm(request.GET)
    products = selectors.product_list(category=shelf, filters=form.filters())
    department = shelf.parent or shelf
    shelves = next((one["shelves"] for one in selectors.departments() if one["slug"] == department.slug), [])
    return render(
        request,
        "shop/category.html",
        {
            "category": shelf,
            "department": department,
            "shelves": shelves,
            "form": form,
            "page": page_of(request, products),
        },
    )


def search(request: HttpRequest) -> HttpResponse:
    """Products whose words contain all words of the query."""
    query = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:100]
    form = FilterForm(request.GET)
    found = selectors.product_list(words=query, filters=form.filters()) if query else Product.objects.none()
    if query and "page" not in request.GET:
        signals.searched.send(sender=Product, request=request, query=query)
    return render(request, "shop/search.html", {"query": query, "form": form, "page": page_of(request, found)})


def product(request: HttpRequest, sku: str, slug: str) -> HttpResponse:
    """One product; an old or wrong slug leads to the right address."""
    found = Product.objects.select_related("category__parent").filter(sku=sku, is_service=False).first()
    if found is None or not found.is_active:
        raise Http404("No such product.")
    if slug != (found.slug or "product"):
        return redirect(found, permanent=True)
    return render(request, "shop/product.html", {"product": found, "most": min(found.stock, 5_000)})


def favicon(request: HttpRequest) -> HttpResponse:
    """The icon browsers ask for on pages that name none, such as the admin's."""
    return redirect(static("shop/icon.svg"))


def picture(request: HttpRequest, sku: str) -> HttpResponse:
    """A product's drawing. The address carries a version, so browsers may keep it for a year."""
    found = Product.objects.filter(sku=sku).only("name").first()
    if found is None:
        raise Http404("No such product.")
    response = HttpResponse(picture_svg(found.name), content_type="image/svg+xml; charset=utf-8")
    patch_cache_control(response, public=True, max_age=365 * 24 * 3600, immutable=True)
    # The file holds shapes and words only; should anybody open it as a page, nothing in it may run.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return response
