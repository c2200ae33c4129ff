"""Functions of the reference have the parameters that it says."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any

import pytest

from .blocks import DOCS

PAGE = (DOCS / "reference" / "python.md").read_text()
CALL = re.compile(r"`(?P<name>[A-Za-z_][\w.]*)\((?P<given>[^`]*)\)`", re.DOTALL)


def documented() -> list[tuple[str, str]]:
    """Dotted names with what stands in their parentheses; a name without dots is of the module named before it."""
    found, module = [], ""
    for match in CALL.finditer(PAGE):
        name, given = match["name"], " ".join(match["given"].split())
        if name.startswith("django_ecomai."):
            module = name.rpartition(".")[0]
            found.append((name, given))
        elif "." not in name and module and _has(module, name):
            found.append((f"{module}.{name}", given))
    return found


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:
        return False


def told(value: Any) -> str:
    """A default as the page writes it."""
    if isinstance(value, tuple):
        return f"({', '.join(map(told, value))}{',' if len(value) == 1 else ''})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def signature(function: Any) -> str:
    """Names, defaults and the star before those that must be named; no types."""
    found, starred = [], False
    for one in inspect.signature(function).parameters.values():
        if one.kind is one.KEYWORD_ONLY and not starred:
            found.append("*")
            starred = True
        starred = starred or one.kind is one.VAR_POSITIONAL
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        found.append(f"{mark}{one.name}" + ("" if one.default is one.empty else f"={told(one.default)}"))
    return ", ".join(found)


def function_of(name: str) -> Any:
    """The function, method or class of a dotted name."""
    module, _dot, last = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), last)
    except ImportError:
        return getattr(function_of(module), last)


@pytest.mark.parametrize(("name", "given"), documented(), ids=lambda one: one[:80])
def test_the_page_and_the_code_say_the_same(name: str, given: str) -> None:
    code, page = signature(function_of(name)).split(", "), given.split(", ")
    left = [one for one in page if one != "..."]
    if "..." in page:  # some are left out; what is named stands in the order of the code
        code = [one for one in code if one in left]
    assert [one for one in left if one] == [one for one in code if one]


def test_the_services_of_prices_are_all_there() -> None:
    from django_ecomai.pricing import services

    functions = {name for name in services.__all__ if inspect.isfunction(getattr(services, name))}
    assert functions - {name.rpartition(".")[2] for name, _given in documented()} == set()
