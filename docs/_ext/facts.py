"""What the code itself says about its settings, tags, commands, signals, ...: read, not written down twice.

Needs ``django.setup()`` with every capability installed.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from django.apps import apps
from django.core.management import load_command_class
from django.db import models
from django.dispatch import Signal
from django.template.library import Library
from django.urls import URLPattern, URLResolver, get_resolver

import django_ecomai

PACKAGE = Path(django_ecomai.__file__).parent


@dataclass(frozen=True)
class Fact:
    """One named thing of the code: what the reference says about it, and where it belongs."""

    name: str
    text: str = ""
    group: str = ""
    details: tuple[tuple[str, ...], ...] = ()
    extra: str = ""


def one_line(text: str | None) -> str:
    """The text with every run of white space made one space."""
    return re.sub(r"\s+", " ", str(text or "")).strip()


def ecomai_apps() -> list[Any]:
    """The app configurations of every installed capability."""
    return [config for config in apps.get_app_configs() if config.name.startswith("django_ecomai.")]


def submodules(package: str) -> Iterator[ModuleType]:
    """The modules of a package, or nothing when there is no such package."""
    try:
        found = import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return
    for info in pkgutil.iter_modules(getattr(found, "__path__", [])):
        yield import_module(f"{package}.{info.name}")


def comment_above(lines: list[str], number: int) -> str:
    """The block of ``#`` lines that ends right above line ``number`` (counted from 1)."""
    found: list[str] = []
    for line in reversed(lines[: number - 1]):
        if not line.lstrip().startswith("#"):
            break
        found.insert(0, line.lstrip().lstrip("#:"))
    return one_line(" ".join(found))


def documented_names(body: list[ast.stmt], source: str) -> Iterator[tuple[str, ast.AST, str]]:
    """``(name, assignment, text)`` for every assignment: the string literal below it, else the comment above it."""
    lines = source.splitlines()
    for index, node in enumerate(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        else:
            continue
        below = body[index + 1] if index + 1 < len(body) else None
        text = ""
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            text = one_line(below.value.value)
        yield name, node, text or comment_above(lines, node.lineno)


def settings() -> list[Fact]:
    """Keys of the ``ECOMAI`` dict: type and default, and the text below each in ``conf.Defaults``."""
    from django_ecomai.conf import Defaults

    source = (PACKAGE / "conf.py").read_text()
    tree = ast.parse(source)
    (defaults,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Defaults")
    facts = []
    for name, node, text in documented_names(defaults.body, source):
        if name.isupper() and isinstance(node, ast.AnnAssign):
            value = getattr(Defaults, name)
            facts.append(Fact(name, text, ast.unparse(node.annotation), extra=repr(value)))
    return facts


def commands() -> list[Fact]:
    """Management commands with their own arguments (not those that every Django command has)."""
    from django.core.management.base import BaseCommand

    class Plain(BaseCommand):
        def handle(self, **options: Any) -> None: ...

    common = {option for action in Plain().create_parser("", "")._actions for option in action.option_strings}
    facts = []
    owners = [*(config.name for config in ecomai_apps()), "example_project.shop"]
    for owner in owners:
        folder = Path(import_module(owner).__path__[0]) / "management" / "commands"
        for info in pkgutil.iter_modules([str(folder)]):
            if info.name.startswith("_"):
                continue
            command = load_command_class(owner, info.name)
            details = []
            for action in command.create_parser("manage.py", info.name)._actions:
                if common & set(action.option_strings):
                    continue
                shown = ", ".join(action.option_strings) or str(action.metavar or action.dest)
                if action.option_strings and action.nargs != 0:
                    shown += f" {action.metavar or action.dest.upper()}"
                details.append((shown, one_line((action.help or "") % {"default": action.default, "prog": info.name})))
            facts.append(Fact(info.name, one_line(command.help), owner, tuple(details)))
    return facts


def template_tags() -> list[Fact]:
    """Tags and filters by library, with their arguments and docstrings."""
    facts = []
    for config in ecomai_apps():
        for module in submodules(f"{config.name}.templatetags"):
            register = getattr(module, "register", None)
            if not isinstance(register, Library):
                continue
            library = module.__name__.rpartition(".")[2]
            if library.startswith("_"):
                continue  # for our own pages
            for name, function in sorted({**register.tags, **register.filters}.items()):
                plain = inspect.unwrap(function)
                arguments = [
                    parameter
                    for parameter in inspect.signature(plain).parameters
                    if parameter not in {"context", "parser", "token"}
                ]
                kind = "filter" if name in register.filters else "tag"
                facts.append(Fact(name, inspect.getdoc(plain) or "", library, (tuple(arguments),), extra=kind))
    return facts


def signals() -> list[Fact]:
    """``django.dispatch.Signal`` objects of every ``signals`` module, with the text below each."""
    facts = []
    for config in ecomai_apps():
        path = Path(config.path) / "signals.py"
        if not path.exists():
            continue
        module = import_module(f"{config.name}.signals")
        source = path.read_text()
        texts = {name: text for name, _, text in documented_names(ast.parse(source).body, source)}
        for name, value in vars(module).items():
            if isinstance(value, Signal):
                facts.append(Fact(name, texts.get(name, ""), module.__name__))
    return facts


def checks() -> list[Fact]:
    """System checks: every call in the package that carries ``id="ecomai...."``."""
    found: dict[str, Fact] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        assigned = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            identifier = keywords.get("id")
            if not (isinstance(identifier, ast.Constant) and str(identifier.value).startswith("ecomai.")):
                continue
            message = node.args[0] if node.args else keywords.get("msg")
            hint = keywords.get("hint")
            if isinstance(hint, ast.Name):
                hint = assigned.get(hint.id, hint)
            if isinstance(message, ast.Name):
                message = assigned.get(message.id, message)
            fact = Fact(str(identifier.value), template_of(message), path.parent.name, extra=template_of(hint))
            # The same id may be raised at several places: the first text stands for all.
            found.setdefault(fact.name, fact)
    return [found[name] for name in sorted(found, key=lambda name: (name[-3:], name))]


def template_of(node: ast.AST | None) -> str:
    """The text of a string expression; what is filled in at run time becomes an ellipsis."""
    if node is None:
        return ""
    if isinstance(node, ast.Constant):
        return one_line(str(node.value))
    if isinstance(node, ast.JoinedStr):
        parts = [str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values]
        return one_line("".join(parts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return one_line(f"{template_of(node.left)} {template_of(node.right)}")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return re.sub(r"%\(?\w*\)?[srd]", "…", template_of(node.left))
    if isinstance(node, ast.Call) and node.args:
        return template_of(node.args[0])
    if isinstance(node, ast.IfExp):
        return template_of(node.body)
    return "…"


def permissions() -> list[Fact]:
    """Permissions that models declare beyond Django's own four."""
    facts = []
    for config in ecomai_apps():
        for model in config.get_models():
            for codename, text in model._meta.permissions:
                facts.append(Fact(f"{config.label}.{codename}", str(text), str(model._meta.verbose_name)))
    return facts


def endpoints() -> list[Fact]:
    """Named addresses below ``django_ecomai.urls``, as ``namespace:name``."""

    def walk(patterns: list[Any], prefix: str, namespace: str) -> Iterator[Fact]:
        for entry in patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                inner = ":".join(part for part in (namespace, entry.namespace) if part)
                yield from walk(entry.url_patterns, path, inner)
            elif isinstance(entry, URLPattern) and entry.name:
                view = getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", entry.callback)
                name = f"{namespace}:{entry.name}" if namespace else entry.name
                yield Fact(name, summary(view), path)

    for entry in get_resolver().url_patterns:
        if isinstance(entry, URLResolver) and getattr(entry.urlconf_name, "__name__", "") == "django_ecomai.urls":
            return list(walk(entry.url_patterns, str(entry.pattern), ""))
    return []


def summary(thing: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    if getattr(thing, "__module__", "").startswith("django.views."):
        return "Leads on to another page."  # a view of Django's own, configured in urls.py
    return one_line((inspect.getdoc(thing) or "").split("\n\n")[0])


def job_kinds() -> list[Fact]:
    """Kinds of heavy work that ``runs`` executes."""
    from django_ecomai.core.registry import job_kinds as registry

    return [
        Fact(name, one_line(kind.help), one_line(kind.label), extra=kind.schedule) for name, kind in registry.items()
    ]


def tables() -> list[Fact]:
    """Models with their columns: what is stored."""
    facts = []
    for config in ecomai_apps():
        for model in config.get_models():
            columns = []
            for field in model._meta.get_fields():
                if not isinstance(field, models.Field) or field.auto_created:
                    continue
                kind = field.get_internal_type()
                if field.is_relation and field.related_model is not None:
                    kind = f"{kind} to {field.related_model._meta.label}"
                columns.append((field.name, kind, one_line(str(field.help_text) or str(field.verbose_name))))
            text = summary(model)
            facts.append(Fact(model._meta.object_name, text, config.label, tuple(columns), extra=model._meta.db_table))
    return facts


def row_classes() -> list[Fact]:
    """The dataclasses that an adapter yields."""
    import dataclasses

    from django_ecomai.adapters import rows

    facts = []
    for name, cls in vars(rows).items():
        if dataclasses.is_dataclass(cls) and isinstance(cls, type):
            fields = []
            for field in dataclasses.fields(cls):
                kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
                needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
                fields.append((field.name, one_line(kind), "required" if needed else ""))
            facts.append(Fact(name, summary(cls), details=tuple(fields)))
    return facts


def strategies() -> list[Fact]:
    """What a carousel may show."""
    from django_ecomai.core.registry import strategies as registry

    return [Fact(name, one_line(item.help), one_line(item.label)) for name, item in registry.items()]


def event_names() -> list[Fact]:
    """Names of events."""
    from django_ecomai.events.models import EventName

    return [Fact(str(value), one_line(label)) for value, label in EventName.choices]


def event_aliases() -> list[Fact]:
    """Names that other systems use, and the name they become."""
    from django_ecomai.events.names import ALIASES

    return [Fact(alias, str(name)) for alias, name in ALIASES.items()]


def placements() -> list[Fact]:
    """The placements that every shop starts with, and their carousels."""
    from django_ecomai.recommend.defaults import default_keys, default_placement

    facts = []
    for key in default_keys():
        placement = default_placement(key)
        if placement is not None:
            slots = "; ".join(f"{slot.title} (``{slot.strategy}``, {slot.size})" for slot in placement.slots)
            facts.append(Fact(key, slots, placement.label))
    return facts


def artifact_arrays() -> list[Fact]:
    """Arrays of a recommend artifact, from the table in the docstring of the code that serves it."""
    from django_ecomai.ml.recommend import serving

    lines = (serving.__doc__ or "").splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("====")]
    middle, end = rules[1], rules[2]
    starts = [match.start() for match in re.finditer(r"=+", lines[middle])]
    facts = []
    for line in lines[middle + 1 : end]:
        name, shape, meaning = line[: starts[1]], line[starts[1] : starts[2]], line[starts[2] :]
        facts.append(Fact(name.strip(), one_line(meaning), one_line(shape)))
    return facts


def merchant_permissions() -> list[Fact]:
    """What the ready-made group may do."""
    from django_ecomai.dashboard.roles import MERCHANT_PERMISSIONS

    return [Fact(f"{app}.{name}") for app, names in MERCHANT_PERMISSIONS.items() for name in names]
