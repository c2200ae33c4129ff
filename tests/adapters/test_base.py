"""The base of every adapter."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.test import override_settings

from django_ecomai.adapters.base import AdapterError, NotSupported, NullAdapter, ShopAdapter, get_adapter
from django_ecomai.adapters.rows import Change
from django_ecomai.testing import FakeAdapter, category_row, product_row


class Small(ShopAdapter):
    def products(self, since=None):
        yield product_row(id="a")


class Other(ShopAdapter):
    pass


NOT_AN_ADAPTER = object
HERE = __name__


def test_tables_are_the_overridden_ones():
    assert Small().tables() == ("product",)
    assert ShopAdapter().tables() == ()
    assert [row.id for row in Small().rows("product")] == ["a"]
    for table in ("category", "customer", "order", "stock", "price", "review", "promotion"):
        assert list(Small().rows(table)) == []


def test_the_setting_decides_and_is_read_again_when_it_changes():
    with override_settings(ECOMAI={}):
        assert isinstance(get_adapter(), NullAdapter)
        assert get_adapter().resolve(["a"]) == {}
    with override_settings(ECOMAI={"ADAPTER": f"{HERE}.Small"}):
        assert isinstance(get_adapter(), Small) and get_adapter() is get_adapter()
    with override_settings(ECOMAI={"ADAPTER": {"b": f"{HERE}.Other", "": f"{HERE}.Small"}}):
        assert isinstance(get_adapter("b"), Other) and isinstance(get_adapter("elsewhere"), Small)


@pytest.mark.parametrize(
    ("target", "error"), [("no.such.Thing", ImportError), (f"{HERE}.NOT_AN_ADAPTER", AdapterError)]
)
def test_a_setting_that_leads_nowhere(target, error):
    with override_settings(ECOMAI={"ADAPTER": target}), pytest.raises(error):
        get_adapter()


def test_defaults_of_ids_and_writing_back():
    adapter = ShopAdapter()
    assert adapter.product_id("x") == "x" and adapter.product_id(SimpleNamespace(pk=7)) == "7"
    assert adapter.category_id("x") == "x" and adapter.category_id(SimpleNamespace(pk=7)) == "7"
    assert adapter.customer_id(None) is None
    assert adapter.customer_id(SimpleNamespace(is_authenticated=False, pk=1)) is None
    # A user's key is no customer number: customer 17 of a CSV file is not user 17.
    assert adapter.customer_id(SimpleNamespace(is_authenticated=True, pk=1)) is None
    assert adapter.count("product") is None
    with pytest.raises(NotSupported, match="apply_price"):
        adapter.apply_price("x", 1)
    with pytest.raises(NotSupported, match="apply_reorder"):
        adapter.apply_reorder([])
    adapter.connect(lambda change: None)
    adapter.disconnect()


@pytest.mark.parametrize(
    ("row", "service"),
    [
        (product_row(id="POST"), True),
        (product_row(id="1", sku="Bank Charges"), True),
        (product_row(id="1", is_service=True), True),
        (product_row(id="22423", sku="22423"), False),
        (product_row(id="1", title="POST"), False),
    ],
)
def test_services_by_code(row, service):
    assert ShopAdapter().is_service(row) is service


def test_the_fake_adapter():
    adapter = FakeAdapter(product=[product_row(id="a")])
    assert list(adapter.resolve(["a", "b"])) == ["a"]
    assert adapter.product_id(product_row(id="z")) == "z"
    assert adapter.category_id(category_row(id="z")) == "z"
    got = []
    adapter.connect(got.append)
    adapter.send(Change(table="product", id="a"))
    assert got == [Change(table="product", id="a")]
    adapter.disconnect()
    with pytest.raises(RuntimeError):
        adapter.send(Change(table="product", id="a"))
    with pytest.raises(ValueError, match="no such table: produkt"):
        FakeAdapter(produkt=[])
