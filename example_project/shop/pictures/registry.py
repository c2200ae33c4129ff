"""The list of motifs: each is a function that draws one kind of goods on a 400 x 400 sheet."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from example_project.shop.pictures.paint import Paint

Draw = Callable[[Paint], str]


@dataclass(frozen=True)
class Motif:
    """How to recognise and draw one kind of goods."""

    name: str
    pattern: re.Pattern[str]
    draw: Draw
    spot: tuple[float, float, float] | None  # centre and scale of an ornament on it
    standing: bool  # on a table, with a shadow; otherwise it hangs on the wall
    single: bool  # a set of these is still drawn once


MOTIFS: list[Motif] = []


def motif(
    pattern: str, *, spot: tuple[float, float, float] | None = None, standing: bool = True, single: bool = False
) -> Callable[[Draw], Draw]:
    """Register the decorated function for titles (upper case) that match `pattern`."""

    def register(draw: Draw) -> Draw:
        MOTIFS.append(Motif(draw.__name__, re.compile(pattern), draw, spot, standing, single))
        return draw

    return register
