"""What counts as consent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory

from django_ecomai.events.consent import PURPOSES, always, cookie, purposes_of

ROOT = Path(__file__).resolve().parents[2]


def request_with(cookies: str = "", **headers: str) -> Any:
    request = RequestFactory(headers=headers).get("/")
    if cookies:
        request.COOKIES["ecomai_consent"] = cookies
    return request


def broken(request: Any) -> set[str]:
    """A consent callable with a mistake in it."""
    raise RuntimeError("the banner's table is gone")


@pytest.mark.parametrize(
    ("value", "purposes"),
    [
        ("", set()),
        ("no", set()),
        ("analytics", {"analytics"}),
        ("analytics.personalization", {"analytics", "personalization"}),
        ("analytics.spying", {"analytics"}),
        ("ANALYTICS", set()),
    ],
)
def test_the_cookie_names_the_purposes(value: str, purposes: set[str]) -> None:
    assert cookie(request_with(value)) == purposes


def test_always_is_everything() -> None:
    assert always(request_with()) == PURPOSES


# In a process of its own: an app cannot be installed beside ours while they are running.
BANNER = """
from django.conf import settings
memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=["cookie_consent"], DATABASES={"default": memory}, USE_TZ=True)
import django
django.setup()
from cookie_consent.models import Cookie, CookieGroup
from django.core.management import call_command
from django.test import RequestFactory
from django_ecomai.events.consent import cookie_consent
call_command("migrate", verbosity=0)
def group(name, **options):
    made = CookieGroup.objects.create(varname=name, name=name, **options)
    return Cookie.objects.create(cookiegroup=made, name=name).get_version()
versions = {name: group(name) for name in ("analytics", "personalization", "marketing", "chat")}
group("security", is_required=True)
request = RequestFactory().get("/")
print(cookie_consent(request))
request.COOKIES["cookie_consent"] = f"analytics={versions['analytics']}|personalization=-1|chat={versions['chat']}"
print(cookie_consent(request))
request.COOKIES["cookie_consent"] = "analytics=2000-01-01T00:00:00"
print(cookie_consent(request))
"""


@pytest.mark.slow
def test_cookie_consent_is_asked_by_purpose() -> None:
    pytest.importorskip("cookie_consent", reason="pip install 'django-ecomai[consent]'")
    said = subprocess.run([sys.executable, "-c", BANNER], cwd=ROOT, text=True, capture_output=True)
    assert said.returncode == 0, said.stderr
    # Nothing yet; then declined, unanswered, foreign and never asked for do not count; then a cookie was added since.
    assert said.stdout.splitlines() == ["set()", "{'analytics'}", "set()"]


def test_cookie_consent_without_the_library_is_a_no_that_names_the_command(
    ecomai_setting: Any, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cookie_consent", None)
    monkeypatch.delitem(sys.modules, "cookie_consent.util", raising=False)
    ecomai_setting(CONSENT="django_ecomai.events.consent.cookie_consent")
    assert purposes_of(request_with()) == frozenset()
    assert "django-ecomai[consent]" in caplog.text


@pytest.mark.parametrize("source", [f"{__name__}.broken", "no.such.module", broken])
def test_a_broken_callable_is_a_no_and_is_logged(source: Any, ecomai_setting: Any, caplog: Any) -> None:
    ecomai_setting(CONSENT=source)
    assert purposes_of(request_with("analytics")) == frozenset()
    assert "nothing is recorded" in caplog.text


def test_a_callable_may_be_given_directly_and_may_answer_nothing(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT=lambda request: {"analytics"})
    assert purposes_of(request_with()) == {"analytics"}
    ecomai_setting(CONSENT=lambda request: None)
    assert purposes_of(request_with()) == frozenset()


@pytest.mark.parametrize(
    ("header", "value", "given"), [("Sec-GPC", "1", False), ("DNT", "1", False), ("DNT", "0", True)]
)
def test_the_browsers_own_no_comes_first(ecomai_setting: Any, header: str, value: str, given: bool) -> None:
    ecomai_setting(CONSENT="django_ecomai.events.consent.always")
    assert bool(purposes_of(request_with(**{header: value}))) is given


def test_purposes_of_the_shop_s_own_are_left_to_the_shop(ecomai_setting: Any) -> None:
    ecomai_setting(CONSENT=lambda request: {"analytics", "functional", "ads"})
    assert purposes_of(request_with()) == {"analytics"}
