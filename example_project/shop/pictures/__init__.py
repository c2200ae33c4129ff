"""Product pictures drawn as SVG from the words of a title: no binary assets, and every new product has one at once.

`picture_svg("RED RETROSPOT MUG")` draws a red mug with dots. The words choose colours and cloth (`paint`), the kind of goods
(`registry` and the three `*_goods` modules) and an ornament on it (`emblems`). The same title always gives the same drawing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from xml.sax.saxutils import escape

from example_project.shop.pictures import gift_goods, home_goods, table_goods
from example_project.shop.pictures.emblems import EMBLEMS
from example_project.shop.pictures.paint import CREAM, Paint, brightness, cloth, mix, paint_for, seed_of
from example_project.shop.pictures.registry import MOTIFS, Motif

STYLE = 2  # raise when the drawings change, so that browsers fetch them anew
MOTIF_MODULES = (gift_goods, home_goods, table_goods)  # importing them fills MOTIFS
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SMALL_WORDS = {
    "METAL",
    "SIGN",
    "SIGNS",
    "WOODEN",
    "WOOD",
    "DESIGN",
    "SET",
    "OF",
    "HANGING",
    "PLAQUE",
    "BLOCK",
    "WORD",
    "BUILDING",
    "ASSORTED",
}
# Goods that name themselves wherever they stand: JUMBO BAG VINTAGE DOILY is a bag, not a doily.
_HEADS = ("handwarmer", "paperchain", "hotwater", "lunchbag", "lunchbox", "doormat", "tlight", "cakestand", "bag")
_FRUIT = re.compile(r"STRAWBERR|CHERR|\bAPPLES?\b|\bPEARS?\b|FRUIT|TOADSTOOL")
_SET = re.compile(r"\b(?:SET|PACK|BOX|PKT|S)\s*(?:OF)?\s*/?\s*(\d+)|^(\d+)\s")


def picture_version(name: str) -> str:
    """Short text that changes when the drawing of this title changes; goes into the picture's address."""
    return f"{STYLE}-{seed_of(name):08x}"


def motif_for(words: str) -> Motif | None:
    """The kind of goods a title in upper case names: in English the last noun before WITH or IN."""
    head = [found for found in MOTIFS if found.name in _HEADS and found.pattern.search(words)]
    if head:
        return min(head, key=lambda found: _HEADS.index(found.name))
    for part in (re.split(r"\b(?:WITH|IN|W)\b|W/", words)[0], words):
        best: tuple[int, int, Motif] | None = None
        for candidate in MOTIFS:
            for match in candidate.pattern.finditer(part):
                # At the same end the longer name wins: CAKE STAND before STAND, HOT WATER BOTTLE before BOTTLE.
                rank = (match.end(), match.end() - match.start())
                if best is None or rank > best[:2]:
                    best = (*rank, candidate)
        if best:
            return best[2]
    return None


def ornament(words: str, paint: Paint, colour: str) -> str:
    """The first ornament named in the title, drawn around the origin; empty when there is none."""
    hits = [(match.start(), draw) for pattern, draw in EMBLEMS if (match := pattern.search(words))]
    return min(hits, key=lambda hit: hit[0])[1](colour, paint) if hits else ""


def lettering(words: str, paint: Paint) -> str:
    """Up to three lines of a sign's own words."""
    kept = [word for word in re.findall(r"[\w&'+!?]+", words) if word not in _SMALL_WORDS][:6]
    lines: list[str] = []
    for word in kept:
        if lines and len(lines[-1]) + len(word) < 12:
            lines[-1] += f" {word}"
        elif len(lines) < 3:
            lines.append(word[:14])
    if not lines:
        return ""
    size = min(58, 110 // len(lines), int(430 / max(map(len, lines))))
    ink = CREAM if brightness(paint.main) < 0.55 else paint.deep
    top = 202 - (len(lines) - 1) * size * 0.58 + size * 0.34
    rows = "".join(
        f'<tspan x="200" y="{top + index * size * 1.16:.0f}">{escape(line)}</tspan>' for index, line in enumerate(lines)
    )
    return f'<text font-family="Georgia,serif" font-weight="bold" font-size="{size}" text-anchor="middle" fill="{ink}">{rows}</text>'


def goods(words: str, paint: Paint) -> tuple[str, Motif | None]:
    """The drawing without backdrop, and which motif it is (None: only an ornament)."""
    found = motif_for(words)
    if found is None:
        body = ornament(words, paint, paint.main)
        if not body:
            found = next(motif for motif in MOTIFS if motif.name == "giftbox")
            return found.draw(paint), found
        return (
            f'<circle cx="200" cy="200" r="138" fill="{paint.light}" opacity=".7"/><g transform="translate(200 200) scale(2.1)">{body}</g>',
            None,
        )
    body = found.draw(paint)
    if found.name == "sign":
        return body + lettering(words, paint), found
    if found.spot and found.spot[2]:
        x, y, scale = found.spot
        on_cloth = bool(paint.pattern or _FRUIT.search(words)) and found.name not in {
            "nightlight",
            "cutter",
            "frame",
            "chalkboard",
            "plate",
        }
        plain = CREAM if brightness(paint.main) < 0.62 else paint.accent
        colour = paint.main if on_cloth and brightness(paint.main) < 0.8 else plain
        if found.name == "frame" and ornament(words, paint, plain):
            body += f'<path d="M112 116H288V284H112Z" fill="{paint.backdrop}"/>'
        if found.name in {"frame", "nightlight", "card", "plate", "cutter", "bottle", "jar"}:
            colour = paint.main if brightness(paint.main) < 0.75 else paint.accent
        if found.name == "chalkboard":
            colour = CREAM
        shape = ornament(words, paint, colour)
        if not shape and found.name in {"nightlight", "cutter"}:
            shape = EMBLEMS[1][1](colour, paint)
        if shape:
            patch = (
                f'<circle cx="{x}" cy="{y}" r="{58 * scale:.0f}" fill="{CREAM}" opacity=".95"/>'
                if on_cloth and found.name not in {"card", "jar", "bottle"}
                else ""
            )
            factor = scale * (0.8 if patch else 1)
            body += f'{patch}<g transform="translate({x} {y}) scale({factor:.2f})">{shape}</g>'
    return body, found


@lru_cache(maxsize=2048)
def picture_svg(name: str) -> str:
    """A complete SVG document (400 x 400) for a product title. The title itself appears escaped, as `<title>`."""
    words = _UNPRINTABLE.sub("", name).upper()
    paint = paint_for(words)
    body, found = goods(words, paint)
    standing = found is None or found.standing
    pieces = _SET.search(words)
    count = int((pieces.group(1) or pieces.group(2))[:3]) if pieces else 1
    if count > 1 and found and not found.single:
        # A set: three pieces, the front one largest.
        body = (
            f'<g transform="translate(18 86) scale(.56)">{body}</g><g transform="translate(158 86) scale(.56)">{body}</g>'
            f'<g transform="translate(70 92) scale(.7)">{body}</g>'
        )
    ground = (
        f'<path d="M0 296H400V400H0Z" fill="{paint.table}"/><ellipse cx="200" cy="334" rx="150" ry="17" fill="#000" opacity=".1"/>'
        if standing
        else ""
    )
    halo = f'<circle cx="200" cy="190" r="172" fill="{mix(paint.backdrop, "#ffffff", 0.42)}"/>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" role="img">'
        f"<title>{escape(_UNPRINTABLE.sub('', name))}</title><defs>{cloth(paint)}</defs>"
        f'<path d="M0 0H400V400H0Z" fill="{paint.backdrop}"/>{halo}{ground}{body}</svg>'
    )
