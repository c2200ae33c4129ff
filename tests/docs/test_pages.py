"""Examples can be read by the machine they are meant for, links lead somewhere, names are those of the code."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from django.template import engines

from .blocks import DOCS, PAGES, ROOT, Block, all_blocks

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")


def load(name: str) -> ModuleType:
    """A module of ``docs/_ext``."""
    folder = str(DOCS / "_ext")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def sphinx_configuration() -> ModuleType:
    """``docs/conf.py`` as a module."""
    spec = importlib.util.spec_from_file_location("ecomai_docs_conf", DOCS / "conf.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_examples_compile(block: Block) -> None:
    ast.parse(block.text, filename=str(block))


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_json_examples_are_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("html", "html+django"), ids=str)
def test_template_examples_compile(block: Block) -> None:
    # An example may show the middle of a page whose libraries were loaded at its top.
    libraries = "" if "{% load" in block.text else "{% load ecomai_recommend ecomai_events %}"
    engines["django"].from_string(libraries + re.sub(r"{% extends .*? %}", "", block.text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_files_lead_somewhere(page: Path) -> None:
    # Screenshots are taken last; docs/conf.py lists those that pages may wait for.
    waited_for = {f"docs/_static/screenshots/{name}" for name in sphinx_configuration().SCREENSHOTS}
    broken = []
    for match in LINK.finditer(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        target = match["target"].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        path = (page.parent / target).resolve()
        if not path.exists() and path.relative_to(ROOT).as_posix() not in waited_for:
            broken.append(target)
    assert broken == []


def test_every_listed_screenshot_is_shown_somewhere() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    assert [name for name in sphinx_configuration().SCREENSHOTS if f"screenshots/{name}" not in text] == []


@pytest.mark.parametrize(
    "kind",
    [
        "settings",
        "commands",
        "template_tags",
        "signals",
        "checks",
        "permissions",
        "endpoints",
        "job_kinds",
        "strategies",
        "event_names",
        "event_aliases",
        "row_classes",
        "tables",
    ],
)
def test_the_reference_names_everything(kind: str) -> None:
    reference = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    found = getattr(load("facts"), kind)()
    assert found
    missing = [fact.name for fact in found if not re.search(rf"(?<![\w.:]){re.escape(fact.name)}(?![\w:])", reference)]
    assert missing == []


@pytest.mark.parametrize("kind", ["settings", "commands", "template_tags", "signals", "endpoints", "checks"])
def test_nothing_in_the_reference_lacks_a_description(kind: str) -> None:
    assert [fact.name for fact in getattr(load("facts"), kind)() if not fact.text] == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_generated_parts_are_current(page: Path) -> None:
    text = page.read_text()
    assert load("reference").refreshed(text) == text, "type: make docs"


def test_the_pages_never_name_a_setting_that_does_not_exist() -> None:
    known = {fact.name for fact in load("facts").settings()}
    named = {
        (page.name, match) for page in PAGES for match in re.findall(r"""ECOMAI\[["'](\w+)["']\]""", page.read_text())
    }
    assert [(page, name) for page, name in sorted(named) if name not in known] == []
