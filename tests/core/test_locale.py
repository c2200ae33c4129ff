"""The German catalogues: compiled, complete, and with every placeholder in its place."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils.translation import override
from django.utils.translation.template import templatize

import django_ecomai

PACKAGE = Path(django_ecomai.__file__).parent
CATALOGUES = sorted(PACKAGE.glob("*/locale/de/LC_MESSAGES/django.po"))
APPS = [path.relative_to(PACKAGE).parts[0] for path in CATALOGUES]
MARKS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}|%[%}]|`[^`]*`")
ENTRY = re.compile(
    r'^(?:msgctxt (?P<context>".*")\n)?msgid (?P<id>".*")\n'
    r'(?:msgid_plural (?P<plural>".*")\nmsgstr\[0\]|msgstr) (?P<to>".*")'
    r'(?:\nmsgstr\[1\] (?P<many>".*"))?$',
    re.MULTILINE,
)


def entries(path: Path) -> Iterator[dict[str, str]]:
    """The entries of a catalogue in source form, without its header."""
    for match in ENTRY.finditer(path.read_text()):
        found = {name: ast.literal_eval(text) for name, text in match.groupdict().items() if text}
        if found["id"]:
            yield found


def marked(folder: Path) -> set[str]:
    """Every string that an app marks for translation, in code and in templates."""
    found: set[str] = set()
    sources = [path.read_text() for path in folder.rglob("*.py") if "migrations" not in path.parts]
    for template in folder.rglob("templates/**/*.html"):
        # Django's own extraction: a template becomes calls of gettext between filler.
        calls = re.findall(
            r"\bn?p?gettext\(.*?\)|_\((?:u?'.*?'|u?\".*?\")\)", templatize(template.read_text()), re.DOTALL
        )
        sources += calls
    for source in sources:
        try:
            tree = ast.parse(source.strip())
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in MARKS:
                continue
            index = 1 if node.func.id.startswith("pgettext") else 0
            text = node.args[index] if len(node.args) > index else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found.add(text.value)
    return found


@pytest.mark.parametrize("path", CATALOGUES, ids=APPS)
def test_the_compiled_catalogue_is_that_of_the_source(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    count = 0
    for entry in entries(path):
        count += 1
        if "plural" in entry:
            assert compiled.ngettext(entry["id"], entry["plural"], 1) == entry["to"]
            assert compiled.ngettext(entry["id"], entry["plural"], 2) == entry["many"]
        elif "context" in entry:
            assert compiled.pgettext(entry["context"], entry["id"]) == entry["to"]
        else:
            assert compiled.gettext(entry["id"]) == entry["to"]
    assert count > 10


@pytest.mark.parametrize("path", CATALOGUES, ids=APPS)
def test_placeholders_and_commands_survive_translation(path: Path) -> None:
    for entry in entries(path):
        assert sorted(PLACEHOLDER.findall(entry["to"])) == sorted(PLACEHOLDER.findall(entry["id"])), entry["id"]
        assert re.findall(r"manage\.py \w+", entry["to"]) == re.findall(r"manage\.py \w+", entry["id"])


@pytest.mark.parametrize("app", ["core", "dashboard", "forecast", "ingest", "inventory", "pricing"])
def test_everything_is_translated(app: str) -> None:
    words = marked(PACKAGE / app)
    assert len(words) > 15
    known = {entry["id"] for entry in entries(PACKAGE / app / "locale/de/LC_MESSAGES/django.po")}
    assert words - known == set()


@pytest.mark.parametrize("app", ["runs", "mirror", "events", "recommend"])
def test_nearly_everything_is_translated(app: str) -> None:
    words = marked(PACKAGE / app)
    known = {entry["id"] for entry in entries(PACKAGE / app / "locale/de/LC_MESSAGES/django.po")}
    assert len(words & known) >= 0.9 * len(words), sorted(words - known)


def test_words_with_two_meanings_have_two_translations() -> None:
    from django_ecomai.mirror.models import Order
    from django_ecomai.recommend.models import Slot
    from django_ecomai.runs.models import Run

    with override("de"):
        assert str(Order.Status.CANCELLED.label) == "storniert"
        assert str(Run.State.CANCELLED.label) == "abgebrochen"
        assert str(Order._meta.verbose_name) == "Bestellung"
        assert str(Slot._meta.get_field("order").verbose_name) == "Reihenfolge"
