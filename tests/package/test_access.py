"""Who may do what, for every address and every action that exists: a new one without an entry here fails.

The addresses come from the URLconf and the actions from the admin's registry, so that nothing can be forgotten.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from django_ecomai.ingest.models import Scope
from django_ecomai.ingest.services import key_make

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
#: Stands for whatever an address wants to know.
ARGUMENTS = {
    "int": "1",
    "slug": "x",
    "str": "x",
    "path": "1",
    "uuid": str(uuid.UUID(int=1)),
}


@dataclass(frozen=True)
class Permitted:
    """Per method the permissions that open it; every other method is closed."""

    needs: dict[str, tuple[str, ...]]
    staff: bool = False


@dataclass(frozen=True)
class Keyed:
    """Only an API key with the scope opens the one method; a person is refused, whatever he may."""

    method: str
    scope: str


@dataclass(frozen=True)
class Open:
    """Everybody may call it; ``proof`` is the test that shows that nobody gets, or does, what is not his."""

    methods: tuple[str, ...]
    proof: str


def forecasts(**needs: str) -> Permitted:
    return Permitted({method: (f"ecomai_forecast.{name}",) for method, name in needs.items()}, staff=True)


def inventory(**needs: tuple[str, ...]) -> Permitted:
    return Permitted(
        {method: tuple(f"ecomai_inventory.{name}" for name in names) for method, names in needs.items()}, staff=True
    )


def pricing(**needs: tuple[str, ...]) -> Permitted:
    return Permitted(
        {method: tuple(f"ecomai_pricing.{name}" for name in names) for method, names in needs.items()}, staff=True
    )


PRIVACY = "tests/privacy/test_pages.py"
ACCESS: dict[str, Permitted | Open | Keyed] = {
    "ecomai_runs:live": Open(("GET",), "tests/runs/test_health.py::TestProbes::test_only_to_be_read"),
    "ecomai_runs:ready": Open(("GET",), "tests/runs/test_health.py::TestProbes::test_without_the_database_it_is_not"),
    "ecomai_runs:metrics": Permitted({"GET": ("ecomai_runs.view_run",)}, staff=True),
    "ecomai_events:capture": Open(("POST",), "tests/events/test_capture.py"),
    "ecomai_events:token": Open(("GET",), "tests/events/test_capture.py"),
    "ecomai_events:api-events": Open(("POST",), "tests/events/test_api.py"),
    "ecomai_recommend:fragment": Open(("GET",), "tests/recommend/test_tags.py"),
    "ecomai_recommend:api-recommendations": Open(("GET",), "tests/recommend/test_api.py"),
    "ecomai_privacy:why": Open(("GET",), PRIVACY),
    "ecomai_privacy:suggestions": Open(("POST",), PRIVACY),
    "ecomai_privacy:request-new": Open(("GET", "POST"), PRIVACY),
    "ecomai_privacy:request": Open(("GET",), PRIVACY),
    "ecomai_privacy:archive": Open(("GET",), PRIVACY),
    "ecomai_privacy:cancel": Open(("POST",), PRIVACY),
    "ecomai_privacy:api-overview": Open(("GET",), PRIVACY),
    "ecomai_privacy:api-requests": Open(("GET", "POST"), PRIVACY),
    "ecomai_dashboard:start": Open(("GET", "POST"), "tests/package/test_access.py::TestAdmin"),  # leads into the admin
    "ecomai_forecast:api-forecasts": forecasts(GET="view_forecast"),
    "ecomai_forecast:api-past-forecasts": forecasts(GET="view_forecast"),
    "ecomai_forecast:api-overrides": forecasts(GET="view_forecastoverride", POST="add_forecastoverride"),
    "ecomai_forecast:api-override-state": forecasts(POST="change_forecastoverride"),
    "ecomai_forecast:api-targets": forecasts(GET="view_salestarget", POST="add_salestarget"),
    "ecomai_forecast:api-target": forecasts(DELETE="delete_salestarget"),
    "ecomai_forecast:api-changes": forecasts(GET="view_forecastchange"),
    "ecomai_forecast:api-change-undo": forecasts(POST="view_forecastchange"),
    "ecomai_forecast:api-signals": forecasts(GET="view_signal", POST="add_signal"),
    "ecomai_forecast:api-signal": forecasts(PATCH="change_signal", DELETE="delete_signal"),
    "ecomai_forecast:api-signal-values": forecasts(GET="view_signal", POST="change_signal"),
    "ecomai_ingest:saleor": Open(("POST",), "tests/ingest/test_saleor.py::test_who_is_not_the_shop_is_refused"),
    "ecomai_ingest:api-categories": Keyed("POST", "catalogue:write"),
    "ecomai_ingest:api-products": Keyed("POST", "catalogue:write"),
    "ecomai_ingest:api-prices": Keyed("POST", "catalogue:write"),
    "ecomai_ingest:api-stock": Keyed("POST", "catalogue:write"),
    "ecomai_ingest:api-promotions": Keyed("POST", "catalogue:write"),
    "ecomai_ingest:api-customers": Keyed("POST", "customers:write"),
    "ecomai_ingest:api-orders": Keyed("POST", "orders:write"),
    "ecomai_ingest:api-reviews": Keyed("POST", "orders:write"),
    "ecomai_ingest:api-events": Keyed("POST", "events:write"),
    "ecomai_ingest:api-recommendations": Keyed("GET", "recommendations:read"),
    "ecomai_ingest:api-ledger": Keyed("GET", "prices:hold"),
    "ecomai_ingest:api-holds": Keyed("POST", "prices:hold"),
    "ecomai_ingest:api-holds-check": Keyed("POST", "prices:hold"),
    "ecomai_pricing:api-competitor-offers": pricing(
        GET=("view_competitoroffer",), POST=("add_competitoroffer", "change_competitoroffer")
    ),
    "ecomai_pricing:api-matches": pricing(GET=("view_competitormatch",)),
    "ecomai_pricing:api-match-decide": pricing(POST=("decide_competitormatch",)),
    "ecomai_pricing:api-market": pricing(GET=("view_competitoroffer",)),
    "ecomai_inventory:api-suggestions": inventory(GET=("view_suggestion",)),
    "ecomai_inventory:api-decide": inventory(POST=("decide_suggestion",)),
    "ecomai_inventory:api-orders": inventory(
        GET=("view_purchaseorder",), POST=("decide_suggestion", "add_purchaseorder")
    ),
    "ecomai_inventory:api-stage": inventory(POST=("change_purchaseorder",)),
    "ecomai_inventory:api-substitutions": inventory(
        GET=("view_substitution",), POST=("add_substitution", "change_substitution")
    ),
    "ecomai_inventory:api-suppliers": inventory(GET=("view_supplier",)),
    "ecomai_inventory:api-what-if": inventory(GET=("view_suggestion",)),
    "ecomai_inventory:api-table": inventory(GET=("view_supplier",), POST=("add_supplier", "change_supplier")),
    "ecomai_pricing:api-proposals": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-proposal": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-own-price": pricing(POST=("decide_priceproposal",)),
    "ecomai_pricing:api-decide": pricing(POST=("decide_priceproposal",)),
    "ecomai_pricing:api-apply": pricing(POST=("apply_priceproposal",)),
    "ecomai_pricing:api-export": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-changes": pricing(GET=("view_pricechange",)),
    "ecomai_pricing:api-undo": pricing(POST=("undo_pricechange",)),
    "ecomai_pricing:api-approvals": pricing(POST=("decide_priceproposal",)),
    "ecomai_pricing:api-approval": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-approval-confirm": pricing(POST=("decide_priceproposal",)),
    "ecomai_pricing:api-approval-skipped": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-undos": pricing(POST=("undo_pricechange",)),
    "ecomai_pricing:api-undone": pricing(GET=("view_pricechange",)),
    "ecomai_pricing:api-undo-confirm": pricing(POST=("undo_pricechange",)),
    "ecomai_pricing:api-undo-skipped": pricing(GET=("view_pricechange",)),
    "ecomai_pricing:api-elasticities": pricing(GET=("view_productelasticity",)),
    "ecomai_pricing:api-offers": pricing(GET=("view_volumeoffer",)),
    "ecomai_pricing:api-offers-export": pricing(GET=("view_volumeoffer",)),
    "ecomai_pricing:api-offers-decide": pricing(POST=("view_volumeoffer",)),
    "ecomai_pricing:api-volume-prices": Open(
        ("GET",), "tests/pricing/test_volume_prices.py::test_everybody_reads_by_rest_what_the_shop_shows_and_no_more"
    ),
    "ecomai_pricing:api-segments": pricing(GET=("view_volumeoffer",)),
    "ecomai_pricing:api-ledger": Open(("GET",), "tests/pricing/test_api_more.py::TestLedger"),
    "ecomai_pricing:api-offer-history": pricing(GET=("view_competitoroffer",)),
    "ecomai_pricing:api-category-positions": pricing(GET=("view_competitoroffer",)),
    "ecomai_pricing:api-alerts": pricing(GET=("view_competitoroffer",)),
    "ecomai_pricing:api-rules": pricing(GET=("view_pricingrule",)),
    "ecomai_pricing:api-replay": pricing(GET=("view_priceproposal",)),
    "ecomai_pricing:api-price-tests": pricing(GET=("view_pricetest",), POST=("apply_priceproposal",)),
    "ecomai_pricing:api-price-tests-export": pricing(GET=("view_pricetest",)),
    "ecomai_pricing:api-price-test": pricing(GET=("view_pricetest",)),
    "ecomai_pricing:api-price-test-decide": pricing(POST=("apply_priceproposal",)),
    "ecomai_pricing:api-price-test-groups": pricing(GET=("view_pricetest",), POST=("apply_priceproposal",)),
    "ecomai_pricing:api-price-test-group": pricing(GET=("view_pricetest",)),
    "ecomai_pricing:api-price-test-group-decide": pricing(POST=("apply_priceproposal",)),
}
SUBSTITUTES = {"ecomai_inventory:api-table": {"table": "suppliers"}}


def walk(patterns: list[Any], path: str = "/", namespace: str = "") -> Iterator[tuple[str, str]]:
    """Every address with its full name."""
    for one in patterns:
        whole = path + str(one.pattern)
        if isinstance(one, URLResolver):
            inner = f"{namespace}{one.namespace}:" if one.namespace else namespace
            yield from walk(one.url_patterns, whole, inner)
        elif isinstance(one, URLPattern):
            yield f"{namespace}{one.name or ''}", whole


def filled(name: str, path: str) -> str:
    """The address with something in every place."""
    given = SUBSTITUTES.get(name, {})
    return re.sub(r"<(?:(\w+):)?(\w+)>", lambda match: given.get(match[2], ARGUMENTS[match[1] or "str"]), path)


ALL = list(walk(get_resolver("tests.projects.everything.urls").url_patterns))
OURS = {name: filled(name, path) for name, path in ALL if path.startswith("/ecomai/")}
ADMIN = [(name, filled(name, path)) for name, path in ALL if path.startswith("/admin/ecomai_") and name != "admin:"]
PERMITTED = [name for name, rule in ACCESS.items() if isinstance(rule, Permitted)]
KEYED = [name for name, rule in ACCESS.items() if isinstance(rule, Keyed)]


def client_of(*permissions: str, staff: bool = False) -> Client:
    """Logged in with exactly these permissions."""
    user = User.objects.create_user(f"user{User.objects.count()}", is_staff=staff)
    for permission in permissions:
        app, codename = permission.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def with_key(text: str) -> Client:
    """A program that sends this key."""
    return Client(raise_request_exception=False, headers={"authorization": f"Bearer {text}"})


def status(client: Client, method: str, path: str) -> int:
    return client.generic(method, path, b"{}", content_type="application/json").status_code


def test_every_address_has_a_rule_and_every_rule_an_address() -> None:
    assert sorted(OURS) == sorted(ACCESS)


def test_every_proof_exists() -> None:
    root = Path(__file__).parents[2]
    for rule in ACCESS.values():
        if isinstance(rule, Open):
            file, _colons, inside = rule.proof.partition("::")
            text = (root / file).read_text()
            assert all(re.search(rf"(class|def) {part}\b", text) for part in inside.split("::") if part), rule.proof


@pytest.mark.parametrize("name", PERMITTED)
def test_without_permission_no_method_answers(name: str) -> None:
    callers = [Client(raise_request_exception=False), client_of(), client_of(staff=True)]
    for method in METHODS:
        found = {status(client, method, OURS[name]) for client in callers}
        assert found <= {401, 403, 405}, method
        if method in ACCESS[name].needs:  # type: ignore[union-attr]
            assert 405 not in found


@pytest.mark.parametrize("name", PERMITTED)
def test_with_exactly_its_permissions_a_method_answers(name: str) -> None:
    rule = ACCESS[name]
    assert isinstance(rule, Permitted)
    for method, permissions in rule.needs.items():
        answer = status(client_of(*permissions, staff=rule.staff), method, OURS[name])
        assert answer not in (401, 403, 405), method
        assert answer < 500, method
        for missing in permissions:
            others = [one for one in permissions if one != missing]
            assert status(client_of(*others, staff=rule.staff), method, OURS[name]) in (401, 403), method


@pytest.mark.parametrize("name", [name for name, rule in ACCESS.items() if isinstance(rule, Open)])
def test_open_addresses_answer_their_methods_only(name: str) -> None:
    rule = ACCESS[name]
    assert isinstance(rule, Open)
    client = Client(raise_request_exception=False)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        found = status(client, method, OURS[name])
        assert found < 500, method
        if name != "ecomai_dashboard:start":
            assert (found in (401, 403, 405)) >= (method not in rule.methods), method
            assert found != 405 or method not in rule.methods, method


@pytest.mark.parametrize("name", KEYED)
def test_only_a_key_of_the_scope_opens_its_one_method(name: str) -> None:
    rule = ACCESS[name]
    assert isinstance(rule, Keyed)
    boss = Client(raise_request_exception=False)
    boss.force_login(User.objects.create_superuser("boss"))
    others = [scope for scope in Scope.values if scope != rule.scope]
    callers = {
        "nobody": Client(raise_request_exception=False),
        "superuser": boss,
        "unknown key": with_key("ecomai_00000000_" + "a" * 43),
        "other scopes": with_key(key_make(name="Other", scopes=others)[1]),
    }
    for method in METHODS:
        wanted = {"other scopes": {403}}
        found = {who: status(client, method, OURS[name]) for who, client in callers.items()}
        assert all(code in wanted.get(who, {401}) for who, code in found.items()), (method, found)
    right = with_key(key_make(name="Right", scopes=[rule.scope])[1])
    answers = {method: status(right, method, OURS[name]) for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    opened = answers.pop(rule.method)
    assert opened < 500 and opened not in (401, 403, 405)
    assert set(answers.values()) == {405}


class TestAdmin:
    """Every page of the admin, those that we added to Django's own as well."""

    def test_there_are_pages(self) -> None:
        assert len(ADMIN) > 150

    def test_strangers_and_customers_are_sent_to_the_login(self) -> None:
        for client in (Client(raise_request_exception=False), client_of()):
            for name, path in ADMIN:
                for method in ("GET", "POST"):
                    answer = client.generic(method, path)
                    told = (name, method, answer.status_code)
                    assert answer.status_code in (302, 403, 405), told
                    if answer.status_code == 302:
                        assert answer["Location"].startswith("/admin/login/"), told

    def test_staff_without_permissions_see_and_do_nothing(self) -> None:
        client = client_of(staff=True)
        for name, path in ADMIN:
            for method in ("GET", "POST"):
                answer = client.generic(method, path)
                # Django leads from the history of a row that is not there to the start page.
                nowhere = answer.status_code == 302 and answer["Location"] == "/admin/"
                assert nowhere or answer.status_code in (403, 404, 405), (name, method, answer.status_code)


ACTIONS = [
    (model, action)
    for model, model_admin in admin.site._registry.items()
    if model._meta.app_label.startswith("ecomai_")
    for action in model_admin.actions or ()
]


@pytest.mark.parametrize(("model", "action"), ACTIONS, ids=[f"{m._meta.label}.{a}" for m, a in ACTIONS])
def test_every_action_names_its_permissions_and_is_offered_to_nobody_else(model: Any, action: str) -> None:
    model_admin = admin.site._registry[model]
    found = model_admin.get_action(action)
    assert found is not None
    wanted = getattr(found[0], "allowed_permissions", ())
    assert wanted, "write @admin.action(permissions=[...])"
    label = model._meta.app_label
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(
        Permission.objects.get(content_type__app_label=label, codename=f"view_{model._meta.model_name}")
    )
    # Some are offered where approved prices are shown.
    requests = [RequestFactory().get(address) for address in ("/", "/?show=waiting")]
    for request in requests:
        request.user = User.objects.get(pk=viewer.pk)
    assert any(action in model_admin.get_actions(one) for one in requests) == (list(wanted) == ["view"])
    boss = User.objects.create_superuser("boss")
    for request in requests:
        request.user = boss
    assert any(action in model_admin.get_actions(one) for one in requests)


def test_there_are_actions() -> None:
    assert len(ACTIONS) >= 12
