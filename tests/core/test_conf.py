"""The settings dict: defaults, laziness, unknown keys, and the checks that name what to type."""

from __future__ import annotations

import ast
import inspect
from typing import Any, get_type_hints

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

import django_ecomai
from django_ecomai import conf, ecomai_apps
from django_ecomai.conf import Defaults, ecomai, setting_names, unknown_settings
from django_ecomai.core.checks import check_settings


def ids(**ecomai_settings: Any) -> list[str]:
    with override_settings(ECOMAI=ecomai_settings):
        return [str(message.id) for message in check_settings(None)]


# -- values -----------------------------------------------------------------------------------------------------------


def test_settings_are_read_when_asked() -> None:
    with override_settings(ECOMAI={"CURRENCY": "GBP"}):
        assert ecomai.CURRENCY == "GBP"
        assert ecomai.RECENT_ITEMS == Defaults.RECENT_ITEMS
    with override_settings(ECOMAI={}):
        assert ecomai.CURRENCY == "EUR"


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_settings_at_all_mean_the_defaults(nothing: Any) -> None:
    with override_settings(ECOMAI=nothing):
        assert {name: getattr(ecomai, name) for name in setting_names()} == {
            name: getattr(Defaults, name) for name in setting_names()
        }
        assert unknown_settings() == []


def test_a_project_without_the_dict_has_the_defaults(settings: Any) -> None:
    del settings.ECOMAI
    assert ecomai.CURRENCY == "EUR"
    assert check_settings(None) == []


def test_a_name_that_is_no_setting_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        ecomai.NO_SUCH_SETTING  # noqa: B018


def test_false_zero_and_none_are_values() -> None:
    with override_settings(ECOMAI={"CAPTURE_RATE": 0, "HASH_KEY": None, "COLLECT_DEMOGRAPHICS": False}):
        assert (ecomai.CAPTURE_RATE, ecomai.HASH_KEY, ecomai.COLLECT_DEMOGRAPHICS) == (0, None, False)


def test_load_imports_a_path_and_passes_a_callable_on() -> None:
    with override_settings(ECOMAI={"CONSENT": "django_ecomai.conf.setting_names"}):
        assert ecomai.load("CONSENT") is setting_names
    with override_settings(ECOMAI={"CONSENT": len}):
        assert ecomai.load("CONSENT") is len
    with override_settings(ECOMAI={"CONSENT": "nowhere.at.all"}), pytest.raises(ImportError):
        ecomai.load("CONSENT")


def test_every_setting_has_a_type_a_default_of_it_and_a_text() -> None:
    hints = get_type_hints(Defaults)
    body = ast.parse(inspect.getsource(conf)).body
    (defaults,) = [node for node in body if isinstance(node, ast.ClassDef) and node.name == "Defaults"]
    texts = {}
    for node, following in zip(defaults.body, defaults.body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(following, ast.Expr):
            texts[node.target.id] = ast.literal_eval(following.value)  # type: ignore[union-attr]
    for name in setting_names():
        assert name in hints, f"{name} has no type"
        assert len(texts.get(name, "")) > 20, f"{name} has no text"


# -- unknown keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("CURENCY", "CURRENCY"), ("currency", "CURRENCY"), ("ADAPTOR", "ADAPTER"), ("zzzzzz", None), (3, None)],
)
def test_an_unknown_key_is_reported_with_the_nearest_name(key: Any, nearest: str | None) -> None:
    with override_settings(ECOMAI={key: 1, "CURRENCY": "GBP"}):
        assert unknown_settings() == [(str(key), nearest)]
        (message,) = check_settings(None)
    assert message.id == "ecomai.W001"
    assert message.hint == (
        f"Did you mean {nearest!r}?" if nearest else "Remove it; docs/reference/settings lists every setting."
    )


@given(st.dictionaries(st.text(max_size=30), st.integers(1, 9), max_size=4))
def test_only_unknown_keys_are_reported(keys: dict[str, int]) -> None:
    with override_settings(ECOMAI=keys):
        assert {key for key, _nearest in unknown_settings()} == set(keys) - set(setting_names())


# -- checks -----------------------------------------------------------------------------------------------------------


def test_the_defaults_pass() -> None:
    assert ids() == []


@pytest.mark.parametrize("value", [0, -1, "7", None, True, [], -0.5])
def test_numbers_must_be_above_zero(value: Any) -> None:
    assert ids(ATTRIBUTION_DAYS=value) == ["ecomai.E003"]


@pytest.mark.parametrize("value", [1, 0.5, 10**9])
def test_numbers_above_zero_pass(value: Any) -> None:
    assert ids(LIVE_CHECK_SECONDS=value) == []


def test_the_hint_names_the_default() -> None:
    with override_settings(ECOMAI={"ARTIFACTS_KEPT": 0}):
        (message,) = check_settings(None)
    assert message.hint == "The default is 5; delete the key to use it."
    assert message.msg == "ECOMAI['ARTIFACTS_KEPT'] is 0; it must be a number above zero."


@pytest.mark.parametrize("value", ["thread", "", None, "CELERY"])
def test_dispatch_is_one_of_its_choices(value: Any) -> None:
    assert ids(DISPATCH=value) == ["ecomai.E002"]


@pytest.mark.parametrize("value", ["auto", "inline", "process", "celery"])
def test_every_way_of_dispatching_passes(value: str) -> None:
    assert ids(DISPATCH=value) == []


def test_several_mistakes_are_all_told() -> None:
    assert ids(DISPATCH="x", RECENT_ITEMS=0, NOPE=1) == ["ecomai.W001", "ecomai.E002", "ecomai.E003"]


def test_manage_check_runs_it() -> None:
    with override_settings(ECOMAI={"DISPATCH": "x"}):
        assert "ecomai.E002" in [message.id for message in run_checks(tags=["ecomai"])]


# -- ecomai_apps ------------------------------------------------------------------------------------------------------


def test_all_apps_or_some_always_with_the_required_ones_first() -> None:
    required = [f"django_ecomai.{name}" for name in ("core", "runs", "mirror", "events")]
    assert ecomai_apps()[:4] == required
    assert "django_ecomai.dashboard" in ecomai_apps()
    assert ecomai_apps("recommend") == [*required, "django_ecomai.recommend"]
    assert ecomai_apps("events") == required
    assert ecomai_apps("recommend", "recommend", "dashboard") == [
        *required,
        "django_ecomai.recommend",
        "django_ecomai.dashboard",
    ]


def test_prerequisites_come_along_and_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        django_ecomai, "_CAPABILITIES", {"pricing": ("inventory",), "inventory": ("forecast",), "forecast": ()}
    )
    assert ecomai_apps("pricing")[4:] == [f"django_ecomai.{name}" for name in ("forecast", "inventory", "pricing")]


def test_a_wrong_name_is_told_with_the_right_ones() -> None:
    with pytest.raises(ValueError, match=r"'recomend' is not a capability\. Choose from: .*recommend"):
        ecomai_apps("recomend")


def test_no_app_stands_twice_in_the_list() -> None:
    assert len(set(ecomai_apps())) == len(ecomai_apps())
