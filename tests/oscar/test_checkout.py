"""Whatever is broken on our side, a checkout in Oscar ends with an order and a thank-you page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from celery import current_app
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import Q
from django.test import Client
from oscar.core.loading import get_class

from django_ecomai.adapters.oscar import listening
from django_ecomai.events.models import Event
from django_ecomai.mirror.models import Order
from django_ecomai.mirror.services import shop_reconcile

from . import shop


@pytest.fixture(scope="module", autouse=True)
def committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Everything is really committed here. Emptied once at the end: Oscar's hundred tables take their time."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", interactive=False, verbosity=0)


class Broken(Exception):
    """An error that nobody has thought of."""


def fail(*args: Any, **kwargs: Any) -> Any:
    raise Broken


@contextmanager
def tables_away(*names: str) -> Iterator[None]:
    """Rename tables for a while: for every query they are missing."""
    with connection.schema_editor() as editor:
        for name in names:
            editor.execute(f"ALTER TABLE {name} RENAME TO {name}_away")
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for name in names:
                editor.execute(f"ALTER TABLE {name}_away RENAME TO {name}")


def our_tables() -> list[str]:
    """Every table of ours that is one."""
    existing = connection.introspection.table_names()
    models = (model for config in apps.get_app_configs() for model in config.get_models(include_auto_created=True))
    names = {model._meta.db_table for model in models if model._meta.app_label.startswith("ecomai_")}
    return sorted(names & set(existing))


@contextmanager
def patched(target: str, value: Any = fail) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(target, value)
        yield


@contextmanager
def dead_services(settings: Any) -> Iterator[None]:
    """A broker and a cache where nobody answers."""
    settings.ECOMAI = {**settings.ECOMAI, "DISPATCH": "celery", "RECENT_CACHE": "ecomai"}
    settings.CACHES = {
        **settings.CACHES,
        "ecomai": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(current_app.conf, "broker_url", "amqp://guest@127.0.0.1:1//")
        yield


FAULTS: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda settings: ExitStack(),
    "the adapter cannot read": lambda settings: patched("django_ecomai.adapters.plan.Plan.page"),
    "the mirror cannot write": lambda settings: patched("django_ecomai.mirror.services.change_apply"),
    "a change cannot be noted": lambda settings: patched("django_ecomai.adapters.live.getter"),
    "a signal cannot be understood": lambda settings: patched(
        "django_ecomai.adapters.oscar.listening._HEARD", dict.fromkeys(listening.SIGNALS, fail)
    ),
    "an event cannot be tracked": lambda settings: patched("django_ecomai.events.receivers.event_track"),
    "an event cannot be stored": lambda settings: patched("django_ecomai.events.purchases.events_write"),
    "the visitor cannot be told": lambda settings: patched("django_ecomai.events.receivers._placed_by"),
    "the recommender fails": lambda settings: patched("django_ecomai.recommend.serving.external_ids"),
    "the broker and the cache are dead": dead_services,
    "the copied orders are missing": lambda settings: tables_away("ecomai_mirror_order"),
    "the copied products are missing": lambda settings: tables_away("ecomai_mirror_product"),
    "the events are missing": lambda settings: tables_away("ecomai_events_event"),
    "all of our tables are missing": lambda settings: tables_away(*our_tables()),
}


@pytest.mark.parametrize(
    ("fault", "atomic"),
    [*((fault, True) for fault in FAULTS), ("nothing", False), ("all of our tables are missing", False)],
)
def test_a_checkout_goes_through(
    fault: str, atomic: bool, agreed: None, settings: Any, shopper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    lantern = shop.product("Lantern", "4.50", 10)

    with FAULTS[fault](settings):
        assert shopper.get(lantern.get_absolute_url()).status_code == 200
        answer = shop.buy(shopper, lantern, quantity=2)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/checkout/thank-you/")
        assert shopper.get("/checkout/thank-you/").status_code == 200

    placed = shop.Order.objects.get(lines__product=lantern)
    line = placed.lines.get()
    assert (line.quantity, line.stockrecord.num_allocated, placed.basket.status) == (2, 2, "Submitted")
    # What did not arrive is found again.
    shop_reconcile()
    assert Order.objects.filter(external_id=str(placed.pk)).count() == 1
    if fault == "nothing":
        seen = Event.objects.filter(Q(product_id=str(lantern.pk)) | Q(order_id=str(placed.pk)))
        assert list(seen.order_by("id").values_list("name", flat=True)) == ["view_item", "add_to_cart", "purchase"]


def test_an_order_that_the_shop_takes_back_is_no_order(
    agreed: None, shopper: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    view = get_class("checkout.views", "PaymentDetailsView")
    post = view.post

    def post_and_fail(self: Any, *args: Any, **kwargs: Any) -> Any:
        post(self, *args, **kwargs)
        assert shop.Order.objects.filter(lines__product=lantern).exists()
        raise Broken

    monkeypatch.setattr(view, "post", post_and_fail)
    shopper.raise_request_exception = False
    lantern, purchases = shop.product(), Event.objects.filter(name="purchase").count()

    assert shop.buy(shopper, lantern).status_code == 500

    assert not shop.Order.objects.filter(lines__product=lantern).exists()
    assert not Order.objects.filter(lines__product_external_id=str(lantern.pk)).exists()
    assert Event.objects.filter(name="purchase").count() == purchases


def test_without_consent_an_order_is_an_order_and_nothing_else(shopper: Client) -> None:
    lantern, before = shop.product(), Event.objects.count()

    shopper.get(lantern.get_absolute_url())
    shopper.get("/search/", {"q": "lantern"})
    shop.buy(shopper, lantern)

    assert Event.objects.count() == before
    assert Order.objects.filter(lines__product_external_id=str(lantern.pk)).count() == 1
    assert "ecomai_visitor" not in shopper.cookies
