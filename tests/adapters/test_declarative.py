"""``ModelAdapter``: mapping, streaming, looking up, and the checks that find a wrong path before a sync does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.checks import run_checks
from django.test import override_settings
from django.utils import timezone

from django_ecomai.adapters.base import AdapterError, BadRow, ShopAdapter
from django_ecomai.adapters.checks import adapter_check, adapter_messages
from django_ecomai.adapters.declarative import ModelAdapter
from django_ecomai.adapters.paths import PathError, getter, path_resolve
from django_ecomai.mirror.models import OrderLine, Product
from django_ecomai.mirror.services import shop_sync

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not apps.is_installed("example_project.shop"), reason="needs the example shop's models"),
]
AT = datetime(2026, 2, 1, tzinfo=UTC)


class Shop(ModelAdapter):
    class Meta:
        category = "shop.Category"
        product = "shop.Product"
        customer = "shop.Customer"
        order = "shop.Order"
        line = "shop.Line"
        currency = "GBP"
        chunk_size = 2

    product_fields = {
        "id": "sku",
        "title": "name",
        "price": "price",
        "brand": "category__name",
        "description": lambda p: f"{p.name}!",
        "url": "get_absolute_url",
        "attributes": None,
        "updated": "updated",
    }
    customer_fields = {"id": "code", "first_seen": "joined"}
    order_fields = {"id": "number", "placed_at": "placed_at", "status": "status", "updated": "placed_at"}
    line_fields = {"title": "title", "quantity": "quantity", "unit_price": "unit_price"}
    order_status = {"completed": "delivered"}


@pytest.fixture
def shop():
    from example_project.shop import models

    return models


def variant(name: str = "Variant", /, meta: dict | None = None, **body) -> ModelAdapter:
    attributes = {**{k: v for k, v in vars(Shop.Meta).items() if not k.startswith("__")}, **(meta or {})}
    return type(name, (Shop,), {"Meta": type("Meta", (), attributes), **body})()


def test_rows_with_paths_methods_functions_and_links_found_by_themselves(shop):
    home = shop.Category.objects.create(name="Home", slug="home")
    leaf = shop.Category.objects.create(name="Lanterns", slug="lanterns", parent=home)
    shop.Product.objects.create(sku="L1", name="Lantern", price=Decimal("4.50"), category=leaf)
    shop.Product.objects.create(sku="L2", name="Mug", price=1)
    adapter = Shop()
    assert [(c.id, c.name, c.parent_id) for c in adapter.categories()] == [
        (str(home.pk), "Home", ""),
        (str(leaf.pk), "Lanterns", str(home.pk)),
    ]
    first, second = adapter.products()
    assert (first.id, first.title, first.price, first.brand) == ("L1", "Lantern", Decimal("4.50"), "Lanterns")
    assert (first.description, first.category_ids) == ("Lantern!", (str(leaf.pk),))
    assert first.url == shop.Product.objects.get(sku="L1").get_absolute_url()
    assert (second.brand, second.category_ids) == (None, ())


def test_orders_stream_with_their_lines_in_two_queries_a_page(shop, django_assert_num_queries):
    customer = shop.Customer.objects.create(code="17850")
    product = shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    for n in range(5):
        order = shop.Order.objects.create(
            number=str(n), customer=customer if n else None, placed_at=AT, status="completed"
        )
        for _line in range(3):
            shop.Line.objects.create(order=order, product=product, sku="L1", title="Lantern", quantity=2, unit_price=1)
    shop.Order.objects.create(number="empty", placed_at=AT)
    adapter = variant(meta={"chunk_size": 10})
    with django_assert_num_queries(2):
        orders = list(adapter.orders())
    assert [(o.id, o.customer_id, o.status, len(o.lines)) for o in orders] == [
        ("0", "", "delivered", 3), ("1", "17850", "delivered", 3), ("2", "17850", "delivered", 3),
        ("3", "17850", "delivered", 3), ("4", "17850", "delivered", 3), ("empty", "", "open", 0),
    ]  # fmt: skip
    assert orders[1].lines[0].product_id == "L1"
    with django_assert_num_queries(7):  # three full pages and the look that finds no fourth
        assert [o.id for o in variant(meta={"chunk_size": 2}).orders()] == [o.id for o in orders]


def test_instances_are_read_without_a_query_per_row(shop, django_assert_num_queries):
    category = shop.Category.objects.create(name="Home", slug="home")
    for n in range(20):
        shop.Product.objects.create(sku=f"L{n}", name="x", price=1, category=category)
    with django_assert_num_queries(1):
        assert len(list(variant(meta={"chunk_size": 100}).products())) == 20


def test_since_compares_the_updated_column(shop):
    for n in range(3):
        shop.Order.objects.create(number=str(n), placed_at=AT + timedelta(days=n))
    assert [o.id for o in Shop().orders(since=AT + timedelta(days=1))] == ["1", "2"]
    shop.Product.objects.create(sku="old", name="x", price=1)
    shop.Product.objects.update(updated=AT)
    shop.Product.objects.create(sku="new", name="x", price=1)
    assert [p.id for p in Shop().products(since=AT + timedelta(days=1))] == ["new"]


def test_one_failing_function_costs_one_field_of_one_row(shop):
    def price(product):
        if product.sku == "bad":
            raise ZeroDivisionError("no price")
        return product.price

    for sku in ("bad", "good"):
        shop.Product.objects.create(sku=sku, name=sku, price=2)
    adapter = variant(product_fields={"id": "sku", "title": "name", "price": price})
    rows = list(adapter.products())
    assert [r.price for r in rows if not isinstance(r, BadRow)] == [None, 2]
    report = shop_sync(adapter=adapter)
    issue = report.issues.get(code="field_failed")
    assert (issue.column, issue.action, issue.examples[0]["value"]) == (
        "price",
        "emptied",
        "ZeroDivisionError: no price",
    )
    assert Product.objects.count() == 2


def test_a_failing_line_reaches_the_report_too(shop):
    order = shop.Order.objects.create(number="1", placed_at=AT)
    shop.Line.objects.create(order=order, sku="x", quantity=1, unit_price=1)
    adapter = variant(line_fields={"quantity": "quantity", "title": lambda line: line.nonsense})
    report = shop_sync(adapter=adapter)
    assert report.issues.get(code="field_failed").table == "line"
    assert OrderLine.objects.count() == 1


def test_resolve_is_one_query_and_keeps_to_ids_that_exist(shop, django_assert_num_queries):
    category = shop.Category.objects.create(name="Home", slug="home")
    shop.Product.objects.create(sku="L1", name="Lantern", price=1, category=category)
    adapter = variant(meta={"resolve_select_related": ("category",)})
    with django_assert_num_queries(1):
        found = adapter.resolve(["L1", "nope"])
        assert found["L1"].category.name == "Home"
    assert list(found) == ["L1"]
    with django_assert_num_queries(0):
        assert adapter.resolve([]) == {}
    by_key = variant(product_fields={"title": "name"})
    pk = shop.Product.objects.get().pk
    with django_assert_num_queries(1):
        assert list(by_key.resolve([str(pk), "not a number", "999999"])) == [str(pk)]
    with django_assert_num_queries(0):
        assert by_key.resolve(["not a number"]) == {}
    prefetching = variant(meta={"resolve_prefetch_related": ("lines",)})
    with django_assert_num_queries(2):
        assert list(prefetching.resolve(["L1"])["L1"].lines.all()) == []


def test_ids_of_objects_and_users(shop, django_assert_num_queries):
    user = get_user_model().objects.create_user("anna")
    stranger = get_user_model().objects.create_user("ben")
    shop.Customer.objects.create(code="17850", user=user)
    product = shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    adapter = Shop()
    adapter.plan("customer")
    with django_assert_num_queries(0):
        assert adapter.product_id(product) == "L1" and adapter.product_id("L9") == "L9" and adapter.product_id(5) == "5"
    with django_assert_num_queries(1):
        assert adapter.customer_id(user) == "17850"
        assert adapter.customer_id(user) == "17850"
    assert adapter.customer_id(stranger) is None
    assert adapter.customer_id(None) is None
    with django_assert_num_queries(0):
        assert variant(meta={"customer": "auth.User"}, customer_fields={}).customer_id(user) == str(user.pk)


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("customer__user", "pk"),
        ("customer__user_id", "pk"),
        ("customer__user__pk", "pk"),
        ("customer__user__username", "username"),
        ("customer", None),  # a key of another table: customer 17 is not user 17
        ("customer__code", None),
        ("number", None),
        (lambda order: order.customer_id, None),
        (None, None),
    ],
)
def test_without_a_customer_model_a_user_is_the_customer_only_where_orders_name_the_user(
    shop, django_assert_num_queries, path, column
):
    user = get_user_model().objects.create_user("anna")
    adapter = variant(meta={"customer": None}, order_fields={**Shop.order_fields, "customer_id": path})
    customer = shop.Customer.objects.create(code="17850", user=user)
    shop.Order.objects.create(number="1", customer=customer, placed_at=AT)
    with django_assert_num_queries(0):
        known = adapter.customer_id(user)
    assert known == (None if column is None else str(getattr(user, column)))
    if column is not None:
        assert [order.customer_id for order in adapter.orders()] == [known]
    assert adapter.customer_id(None) is None


def test_without_customers_and_orders_a_user_is_nobody():
    user = get_user_model()(pk=17)
    assert variant(meta={"customer": None}).customer_id(user) is None
    assert variant(meta={"customer": None, "order": None, "line": None}).customer_id(user) is None


def test_a_category_is_known_by_its_mapped_id(shop, django_assert_num_queries):
    category = shop.Category.objects.create(name="Home", slug="home")
    by_slug = variant(category_fields={"id": "slug", "name": "name"})
    by_key = variant(category_fields={"name": "name"})
    with django_assert_num_queries(0):
        assert (by_slug.category_id(category), by_slug.category_id("garden")) == ("home", "garden")
        assert by_key.category_id(category) == str(category.pk)
        assert variant(meta={"category": None}).category_id(category) == str(category.pk)


def test_a_customer_model_that_is_the_user_model(shop):
    user = get_user_model().objects.create_user("anna")
    adapter = variant(
        meta={"customer": "auth.User", "order": None, "line": None}, customer_fields={"first_seen": "date_joined"}
    )
    assert [(c.id, c.user_id) for c in adapter.customers()] == [(str(user.pk), user.pk)]


def test_fields_is_short_for_the_fields_of_products():
    short = variant(product_fields={"price": "price"}, fields={"title": "name", "price": "cost"})
    assert short.mapping("product") == {"title": "name", "price": "price"}
    assert "name" not in short.mapping("order")
    assert adapter_messages(short) == []


def test_status_words():
    adapter = Shop()
    words = ["completed", "Pending", "SHIPPED", "refunded", "canceled", "odd"]
    assert [adapter.status(w) for w in words] == ["delivered", "open", "shipped", "returned", "cancelled", "odd"]


def test_tables_and_counts(shop):
    shop.Product.objects.create(sku="L1", name="Lantern", price=1)
    adapter = Shop()
    assert adapter.tables() == ("category", "product", "customer", "order")
    assert (adapter.count("product"), adapter.count("review")) == (1, None)
    assert (
        list(adapter.reviews()) == list(adapter.prices()) == list(adapter.stock()) == list(adapter.promotions()) == []
    )
    assert (adapter.currency, variant(meta={"currency": ""}).currency) == ("GBP", "GBP")

    class Own(Shop):
        def stock(self, since=None):
            return iter(())

    assert Own().tables() == ("category", "product", "stock", "customer", "order")
    with pytest.raises(AdapterError, match="names no model for 'review'"):
        adapter.get_queryset("review")
    with pytest.raises(AdapterError, match="names no model"):
        adapter.plan("review")


def test_a_to_many_relation_is_one_query_a_page(shop, django_assert_num_queries):
    """Users stand in for products with several categories: they have a many-to-many relation."""
    from django.contrib.auth.models import Group

    adapter = variant(
        meta={"product": "auth.User", "category": "auth.Group", "order": None, "line": None, "customer": None},
        product_fields={"title": "username"},
        category_fields={"id": "name", "name": "name"},
    )
    groups = [Group.objects.create(name=n) for n in ("b", "a")]
    for name in ("anna", "ben"):
        get_user_model().objects.create_user(name).groups.set(groups if name == "anna" else [])
    adapter.Meta.chunk_size = 10
    with django_assert_num_queries(2):
        assert [(p.title, p.category_ids) for p in adapter.products()] == [("anna", ("a", "b")), ("ben", ())]
    assert adapter_messages(adapter) == [m for m in adapter_messages(adapter) if m.id == "ecomai.W011"]
    changes = []
    adapter.connect(changes.append)
    try:
        anna = get_user_model().objects.get(username="anna")
        from django.test import TestCase

        with TestCase.captureOnCommitCallbacks(execute=True):
            anna.groups.remove(groups[0])
        with TestCase.captureOnCommitCallbacks(execute=True):
            groups[0].user_set.add(anna)
    finally:
        adapter.disconnect()
    assert [c.row.category_ids for c in changes if c.table == "product"] == [("a",), ("a", "b")]


# -- paths ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "kind", "select"),
    [
        ("name", "field", ""), ("pk", "field", ""), ("category", "field", ""), ("category_id", "field", ""),
        ("category__parent__name", "field", "category__parent"), ("lines", "many", ""),
        ("picture_url", "attribute", ""),
        ("category__get_absolute_url", "attribute", "category"),
    ],
)  # fmt: skip
def test_paths_that_lead_somewhere(shop, path, kind, select):
    found = path_resolve(shop.Product, path)
    assert (found.kind, found.select) == (kind, select)


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("nam", "name"), ("prise", "price"), ("category__nme", "category__name"),
        ("get_absolut_url", "get_absolute_url"),
        ("lines__quantity", None), ("name__upper", None), ("", None), ("_meta", None), ("category_id__name", None),
    ],
)  # fmt: skip
def test_paths_that_lead_nowhere(shop, path, nearest):
    with pytest.raises(PathError) as error:
        path_resolve(shop.Product, path)
    assert error.value.nearest == nearest


def test_reading_a_path_from_an_instance(shop):
    user = get_user_model()(username="u")
    assert getter("category__name")(shop.Product(sku="x")) is None
    assert getter("data__deep")(type("O", (), {"data": {"deep": 3}})()) == 3
    assert getter("customer__code")(user) is None  # a one-to-one that nobody has


# -- checks ---------------------------------------------------------------------------------------------------------
def ids(adapter: ShopAdapter) -> list[tuple[str, str]]:
    return [(m.id, m.hint) for m in adapter_messages(adapter)]


def test_a_good_adapter_has_no_messages(shop):
    assert adapter_messages(Shop()) == []


@pytest.mark.parametrize(
    ("meta", "body", "code", "hint"),
    [
        ({"product": "shop.Prodct"}, {}, "ecomai.E011", "Did you mean 'shop.Product'?"),
        ({"product": "nonsense"}, {}, "ecomai.E011", "Write it like 'yourapp.Model'"),
        ({}, {"product_fields": {"title": "nam"}}, "ecomai.E013", "Did you mean 'name'?"),
        ({}, {"product_fields": {"titel": "name"}}, "ecomai.E012", "Did you mean 'title'?"),
        ({}, {"product_fields": {"title": 5}}, "ecomai.E013", "Use a path"),
        ({}, {"product_fields": {"title": "lines"}}, "ecomai.E013", "picks one value"),
        ({}, {"product_fields": {"title": "name", "id": lambda p: p.sku}}, "ecomai.E016", "Name the field"),
        ({}, {"product_fields": {"title": "name", "id": "picture_url"}}, "ecomai.E016", "Name the field"),
        ({}, {"product_fields": {"id": "sku"}}, "ecomai.E014", "Add 'title'"),
        ({"line_order": "ordr"}, {}, "ecomai.E015", "Set Meta.line_order"),
        ({"order": None}, {}, "ecomai.E015", "Set Meta.line_order"),
        ({"order": None, "line": None}, {}, "ecomai.W011", "Add order = "),
    ],
)
def test_what_is_wrong_is_named_with_what_to_type(shop, meta, body, code, hint):
    found = ids(variant(meta=meta, **body))
    assert code in [i for i, _hint in found]
    assert any(hint in h for i, h in found if i == code)


def test_a_plain_adapter_that_gives_nothing():
    assert [i for i, _h in ids(type("Nothing", (ShopAdapter,), {})())] == ["ecomai.E014"]


def test_the_setting_is_checked():
    with override_settings(ECOMAI={}):
        assert [m.id for m in adapter_check()] == ["ecomai.W010"]
    with override_settings(ECOMAI={"ADAPTER": "no.where.At"}):
        assert [m.id for m in adapter_check()] == ["ecomai.E010"]
    with override_settings(ECOMAI={"ADAPTER": {"": f"{__name__}.Shop", "b": f"{__name__}.AT"}}):
        assert [m.id for m in adapter_check()] == ["ecomai.E010"]
    with override_settings(ECOMAI={"ADAPTER": f"{__name__}.Shop"}):
        assert [m for m in run_checks(tags=["ecomai"]) if m.id.startswith("ecomai.E01")] == []


def test_a_wrong_declaration_raises_the_same_when_nobody_ran_the_checks(shop):
    with pytest.raises(AdapterError, match="Did you mean 'name'"):
        list(variant(product_fields={"title": "nam"}).products())
    with pytest.raises(AdapterError, match="unknown key 'titel'"):
        list(variant(product_fields={"titel": "name"}).products())


def test_the_example_shop_syncs_twice_without_a_change(shop):
    home = shop.Category.objects.create(name="Home", slug="home")
    customer = shop.Customer.objects.create(code="17850", joined=timezone.now())
    product = shop.Product.objects.create(sku="L1", name="Lantern", price=Decimal("4.50"), category=home)
    order = shop.Order.objects.create(number="536365", customer=customer, placed_at=AT)
    shop.Line.objects.create(order=order, product=product, sku="L1", title="Lantern", quantity=2, unit_price="4.50")
    shop.Line.objects.create(order=order, sku="gone", title="Gone", quantity=1, unit_price="1")
    first, second = shop_sync(), shop_sync()
    assert first.counts["order_line"]["created"] == 2
    assert {t: n for t, n in second.counts.items() if set(n) - {"seen", "unchanged"}} == {}
