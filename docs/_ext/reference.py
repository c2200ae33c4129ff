"""Writes what the code says into the pages of the reference, between ``<!-- generated: NAME -->`` and ``<!-- end -->``.

``python docs/_ext/reference.py`` writes (``make docs`` does it first); with ``--check`` it only names stale pages.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- generated: (?P<name>[a-z-]+) -->\n.*?<!-- end -->", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; bars inside a cell are escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(list(head))]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") or "–" for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def prose(text: str) -> str:
    """Docstrings mark code with two backticks; one reads better in Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", text)


def grouped(facts: list, render: Callable[[list], str], heading: str = "## ") -> str:
    """One section per group, in order of appearance."""
    groups: dict[str, list] = {}
    for fact in facts:
        groups.setdefault(fact.group, []).append(fact)
    return "\n\n".join(f"{heading}{name}\n\n{render(members)}" for name, members in groups.items())


def settings() -> str:
    """A section per setting."""
    import facts

    return "\n\n".join(
        f"## `{f.name}`\n\n{prose(f.text)}\n\nType `{f.group}`, default `{f.extra}`." for f in facts.settings()
    )


def commands() -> str:
    """A section per command with its arguments."""
    import facts

    parts = []
    for f in facts.commands():
        part = f"## `{f.name}`\n\n{prose(f.text)}"
        if f.details:
            part += "\n\n" + table(("argument", "meaning"), ((f"`{a}`", prose(h)) for a, h in f.details))
        parts.append(part)
    return "\n\n".join(parts)


def tags() -> str:
    """A section per library, in it one per tag."""
    import facts

    def render(members: list) -> str:
        parts = []
        for f in members:
            arguments = ", ".join(f"`{a}`" for a in f.details[0]) or "none"
            parts.append(f"### `{f.name}`\n\n{prose(f.text)}\n\nArguments: {arguments}.")
        return "\n\n".join(parts)

    return grouped(facts.template_tags(), render, "## Library ")


def signals() -> str:
    """A table per module."""
    import facts

    return grouped(
        facts.signals(),
        lambda members: table(("signal", "sent"), ((f"`{f.name}`", prose(f.text)) for f in members)),
    )


def checks() -> str:
    """All checks."""
    import facts

    rows = ((f"`{f.name}`", f.text, f.extra) for f in facts.checks())
    return table(("id", "says", "hint"), rows)


def permissions() -> str:
    """The permissions beyond Django's own."""
    import facts

    return table(("permission", "allows"), ((f"`{f.name}`", f.text) for f in facts.permissions()))


def endpoints() -> str:
    """The named addresses."""
    import facts

    rows = ((f"`{f.name}`", f"`{f.group}`", prose(f.text)) for f in facts.endpoints())
    return table(("name", "address", "answers"), rows)


def jobs() -> str:
    """Job kinds."""
    import facts

    rows = ((f"`{f.name}`", f.group, f"`{f.extra}`" if f.extra else "", prose(f.text)) for f in facts.job_kinds())
    return table(("kind", "name in the admin", "schedule (cron)", "does"), rows)


def tables() -> str:
    """A section per model."""
    import facts

    def render(members: list) -> str:
        return "\n\n".join(
            f"### {f.name}\n\n{prose(f.text)} Table `{f.extra}`.\n\n"
            + table(("column", "type", "meaning"), ((f"`{n}`", k, t) for n, k, t in f.details))
            for f in members
        )

    return grouped(facts.tables(), render)


def rows() -> str:
    """A section per dataclass."""
    import facts

    return "\n\n".join(
        f"### `{f.name}`\n\n{prose(f.text)}\n\n"
        + table(("field", "type", ""), ((f"`{n}`", f"`{k}`", needed) for n, k, needed in f.details))
        for f in facts.row_classes()
    )


def strategies() -> str:
    """What a carousel may show."""
    import facts

    rows = ((f"`{f.name}`", f.group, prose(f.text)) for f in facts.strategies())
    return table(("strategy", "name in the admin", "shows"), rows)


def placements() -> str:
    """The placements of a new shop."""
    import facts

    rows = ((f"`{f.name}`", f.group, prose(f.text)) for f in facts.placements())
    return table(("key", "name in the admin", "carousels"), rows)


def event_names() -> str:
    """Names of events."""
    import facts

    return table(("name", "in the admin"), ((f"`{f.name}`", f.text) for f in facts.event_names()))


def event_aliases() -> str:
    """Names of other systems."""
    import facts

    return table(("name", "becomes"), ((f"`{f.name}`", f"`{f.text}`") for f in facts.event_aliases()))


def artifact_arrays() -> str:
    """Arrays of a recommend artifact."""
    import facts

    rows = ((f"`{f.name}`", f"`{f.group}`", prose(f.text)) for f in facts.artifact_arrays())
    return table(("array", "shape and type", "holds"), rows)


def merchant() -> str:
    """Permissions of the ready-made group."""
    import facts

    return "\n".join(f"- `{f.name}`" for f in facts.merchant_permissions())


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "commands": commands,
    "tags": tags,
    "signals": signals,
    "checks": checks,
    "permissions": permissions,
    "endpoints": endpoints,
    "jobs": jobs,
    "tables": tables,
    "rows": rows,
    "merchant": merchant,
    "artifact-arrays": artifact_arrays,
    "strategies": strategies,
    "placements": placements,
    "event-names": event_names,
    "event-aliases": event_aliases,
}


def refreshed(text: str) -> str:
    """A page with every generated block written anew. Raises ``KeyError`` for a block that nothing writes."""
    return BLOCK.sub(
        lambda match: f"<!-- generated: {match['name']} -->\n{BLOCKS[match['name']]()}\n<!-- end -->", text
    )


def main(arguments: list[str]) -> int:
    """Write or check all pages; 1 when ``--check`` finds a stale one."""
    root = DOCS.parent
    sys.path[:0] = [str(root), str(Path(__file__).parent)]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.projects.everything.settings"
    import django

    django.setup()
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text()
        new = refreshed(text)
        if new != text:
            stale.append(page.relative_to(root).as_posix())
            if "--check" not in arguments:
                page.write_text(new)
    if stale:
        print(("stale, type make docs: " if "--check" in arguments else "written: ") + ", ".join(stale))
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
