"""``ecomai_adapter``: the draft for the example shop passes its own checks and syncs."""

from __future__ import annotations

import importlib.util
import io

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from django_ecomai.adapters.checks import adapter_messages
from django_ecomai.adapters.draft import candidates, draft_make, words
from django_ecomai.mirror.models import Order, Product
from django_ecomai.mirror.services import shop_sync

needs_shop = pytest.mark.skipif(not apps.is_installed("example_project.shop"), reason="needs the example shop's models")


def command(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("ecomai_adapter", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@needs_shop
def test_it_finds_the_models_of_the_example_shop():
    draft = draft_make()
    assert {role: model.__name__ for role, model in draft.found.items()} == {
        "category": "Category", "product": "Product", "customer": "Customer", "order": "Order", "line": "Line",
    }  # fmt: skip
    assert draft.messages == []
    assert draft.mapping["product"]["title"] == "name"
    assert draft.mapping["product"]["updated"] == "updated"
    assert draft.mapping["line"] == {"title": "title", "sku": "sku", "quantity": "quantity", "unit_price": "unit_price"}
    assert draft.statuses == {
        "placed": "open",
        "shipped": "shipped",
        "completed": "delivered",
        "cancelled": "cancelled",
    }
    assert '# "email": "email",  # optional' in draft.text


@needs_shop
@pytest.mark.django_db
def test_the_draft_passes_its_own_checks_and_syncs(tmp_path):
    from example_project.shop import models

    path = tmp_path / "ecomai.py"
    _out, err = command("--output", str(path))
    assert "Wrote" in err and "python manage.py check" in err
    spec = importlib.util.spec_from_file_location("drafted", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    adapter = module.ShopAdapter()
    assert adapter_messages(adapter) == []
    product = models.Product.objects.create(sku="L1", name="Lantern", price="4.50")
    order = models.Order.objects.create(
        number="1", status="completed", customer=models.Customer.objects.create(code="k")
    )
    models.Line.objects.create(order=order, product=product, sku="L1", quantity=2, unit_price="4.50")
    shop_sync(adapter=adapter)
    assert Product.objects.get().title == "Lantern"
    mirrored = Order.objects.get()
    assert (mirrored.status, mirrored.lines.get().product.sku) == ("delivered", "L1")


@needs_shop
def test_it_prints_and_never_overwrites_by_accident(tmp_path):
    out, err = command()
    compile(out, "draft", "exec")
    assert "product   shop.Product" in err
    path = tmp_path / "ecomai.py"
    path.write_text("mine")
    with pytest.raises(CommandError, match="--force"):
        command("--output", str(path))
    assert path.read_text() == "mine"
    command("--output", str(path), "--force")
    assert path.read_text() == out
    with pytest.raises(CommandError, match="does not exist"):
        command("--output", str(tmp_path / "no" / "ecomai.py"))


def test_a_project_without_shop_models_is_told_so(monkeypatch):
    monkeypatch.setattr("django_ecomai.adapters.draft.candidates", lambda: [])
    with pytest.raises(CommandError, match="looks like a product"):
        command()


def test_candidates_are_the_projects_own_models():
    labels = {m._meta.app_label for m in candidates()}
    assert not {label for label in labels if label.startswith("ecomai_")}
    assert "auth" not in labels


@pytest.mark.parametrize(
    ("name", "parts"),
    [("OrderLine", ["order", "line"]), ("order_line", ["order", "line"]), ("SKUItem", ["sku", "item"])],
)
def test_words(name, parts):
    assert words(name) == parts


def test_other_names_for_the_same_things():
    """Models as other shops have them, never put into a database."""
    from django.apps.registry import Apps
    from django.db import models

    registry = Apps()
    user = get_user_model()

    def model(name, /, **fields):
        meta = type("Meta", (), {"apps": registry, "app_label": "bookshop"})
        return type(name, (models.Model,), {"__module__": "bookshop.models", "Meta": meta, **fields})

    genre = model(
        "Genre", name=models.CharField(max_length=50), parent=models.ForeignKey("self", models.CASCADE, null=True)
    )
    book = model(
        "Book",
        title=models.CharField(max_length=50),
        isbn=models.CharField(max_length=13),
        unit_price=models.DecimalField(max_digits=8, decimal_places=2),
        genres=models.ManyToManyField(genre),
        published=models.BooleanField(default=True),
    )
    purchase = model(
        "Purchase",
        user=models.ForeignKey(user, models.CASCADE, related_name="+"),
        created_at=models.DateTimeField(),
        state=models.CharField(max_length=9, choices=[("new", "New"), ("zzz", "Resting")]),
        grand_total=models.DecimalField(max_digits=8, decimal_places=2),
    )
    item = model(
        "PurchaseItem",
        purchase=models.ForeignKey(purchase, models.CASCADE),
        book=models.ForeignKey(book, models.CASCADE),
        qty=models.IntegerField(),
        price=models.DecimalField(max_digits=8, decimal_places=2),
    )
    note = model("OrderNote", purchase=models.ForeignKey(purchase, models.CASCADE), text=models.TextField())
    from django_ecomai.adapters.draft import mapping_find, roles_find

    found, scores = roles_find([genre, book, purchase, item, note])
    assert found == {"category": genre, "product": book, "order": purchase, "line": item, "customer": user}
    assert scores["product"][0][0] == "bookshop.Book"
    mapping = mapping_find(found)
    assert mapping["product"]["sku"] == "isbn" and mapping["product"]["price"] == "unit_price"
    assert mapping["product"]["is_active"] == "published"
    assert mapping["line"]["quantity"] == "qty" and mapping["line"]["unit_price"] == "price"
    assert mapping["order"] == {"placed_at": "created_at", "status": "state", "total": "grand_total"}
