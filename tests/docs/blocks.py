"""Fenced code blocks of the Markdown pages, with the marks in the comment above them.

``<!-- file: shop/ecomai.py -->`` says which file a block is, ``<!-- append: shop/settings.py -->`` that it goes to the
end of that file, and ``<!-- run -->`` that it is executed in the shop that the tutorial has built.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*(page for page in DOCS.rglob("*.md") if "_build" not in page.parts), *ROOT.glob("*.md")],
    key=lambda page: page.relative_to(ROOT).as_posix(),
)
FENCE = re.compile(
    r"^(?:(?P<indent>[ ]*)<!--[ ]*(?P<mark>[a-z]+)(?::[ ]*(?P<value>[^\n]*?))?[ ]*-->\n+)?"
    r"^(?P<in>[ ]*)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=in)```[ ]*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it stands, its language, the mark above it and its text."""

    page: Path
    line: int
    language: str
    mark: str
    value: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def page_blocks(page: Path) -> list[Block]:
    """The fenced blocks of one page in order."""
    text = page.read_text()
    return [
        Block(
            page=page,
            line=text.count("\n", 0, match.start("in")) + 1,
            language=match["language"].strip(),
            mark=match["mark"] or "",
            value=match["value"] or "",
            text=textwrap.dedent(match["text"]),
        )
        for match in FENCE.finditer(text)
    ]


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of every page in these languages."""
    return [block for page in PAGES for block in page_blocks(page) if block.language in languages]
