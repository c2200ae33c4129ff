"""Colours, materials and fabric patterns, chosen from a product's words."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

# First entry of each row is the colour, the rest are the words that mean it.
COLOURS: dict[str, str] = {
    "RED": "#c8373c",
    "PINK": "#e58ba3",
    "FUSCHIA": "#cf3f86",
    "FUCHSIA": "#cf3f86",
    "ROSE": "#d9768c",
    "CHERRY": "#b8283f",
    "STRAWBERRY": "#d8404f",
    "RUBY": "#a3203c",
    "CRANBERRY": "#9e2a45",
    "BLUE": "#4f84b8",
    "NAVY": "#2f4468",
    "SKY": "#86b9d9",
    "TURQUOISE": "#3fa7a6",
    "TURQ": "#3fa7a6",
    "AQUA": "#58b3b4",
    "TEAL": "#2f8583",
    "GREEN": "#6d9a62",
    "MINT": "#9cccb0",
    "OLIVE": "#868a45",
    "SAGE": "#93a98a",
    "YELLOW": "#eec04f",
    "LEMON": "#f0d35c",
    "ORANGE": "#e38a42",
    "AMBER": "#d9963a",
    "GINGER": "#c57a3a",
    "PURPLE": "#82629f",
    "LILAC": "#b29bcb",
    "LAVENDER": "#a694c8",
    "AMETHYST": "#8a66ab",
    "PLUM": "#71395f",
    "BROWN": "#8c5f43",
    "CHOCOLATE": "#6b4431",
    "COFFEE": "#80593f",
    "BLACK": "#3a3638",
    "JET": "#33302f",
    "GREY": "#9a989a",
    "GRAY": "#9a989a",
    "WHITE": "#fbf7ee",
    "IVORY": "#f6ecd6",
    "CREAM": "#f5e6c8",
    "PEARL": "#f0e9df",
    "NATURAL": "#d9b98c",
    "GOLD": "#d3a53f",
    "COPPER": "#bf7347",
    "BRONZE": "#a5763f",
    "SILVER": "#c3c8cd",
}
MATERIALS: dict[str, str] = {
    "WICKER": "#c99f68",
    "WOODEN": "#c2925f",
    "WOOD": "#c2925f",
    "WOODLAND": "#8fa468",
    "BAMBOO": "#cdb06a",
    "SLATE": "#5a6168",
    "CHALKBOARD": "#4a5054",
    "BLACKBOARD": "#4a5054",
    "ZINC": "#b3bcc1",
    "METAL": "#aab4bb",
    "TIN": "#b5bfc4",
    "STEEL": "#b9c2c8",
    "GLASS": "#a9cfd2",
    "CRYSTAL": "#bcd8e2",
    "CHRISTMAS": "#b8383c",
    "XMAS": "#b8383c",
    "HOLLY": "#4d7c52",
    "RETROSPOT": "#c8373c",
    "SPOTTY": "#c8373c",
    "POPPY": "#cc4038",
    "APPLE": "#8fb157",
    "APPLES": "#8fb157",
    "PEAR": "#b3b45a",
    "PEARS": "#b3b45a",
    "SUKI": "#bb4468",
    "SPACEBOY": "#5b8fbf",
    "DOLLY": "#e08fa8",
    "PANTRY": "#8fb0a2",
    "REGENCY": "#d7879a",
    "VINTAGE": "#c98a78",
    "SKULL": "#4b464a",
    "SKULLS": "#4b464a",
}
FALLBACKS = ("#cf6f5e", "#6f98b5", "#83a37a", "#d9a455", "#c77c96", "#8b7fb0", "#5fa39c", "#b98560")
BACKDROPS = ("#dfe6d8", "#ecd9d2", "#d7e3e8", "#eadfc6", "#e3dbe8", "#dce5df")
INK = "#4a3328"
CREAM = "#fffaf0"

PATTERN_WORDS = (
    (r"RETRO ?SPOT|POLKA ?DOT|SPOTT?Y?S?\b|SPOTS\b|DOTTY|DOTS\b", "dots"),
    (r"GINGHAM|CHECK\b|TARTAN", "gingham"),
    (r"STRIPES?|STRIPEY|STRIPED|CANDY STRIPE", "stripes"),
    (r"UNION (JACK|FLAG)", "union"),
    (r"PAISLEY|BAROQUE|MOROCCAN|FILIGREE|LACE|DOILY|DOILEY|CROCHET", "lace"),
    (r"FLORAL|FLOWERS?|ROSES?\b|DAISY|DAISIES|BLOSSOM|BOTANICAL|REGENCY|POPPY|MORRIS|PANSY", "floral"),
    (r"LEAF|LEAVES|WOODLAND|FOREST|FERN", "leaves"),
    (r"STARS\b|SPACEBOY|CONSTELLATION", "stars"),
    (r"KNITTED|WOOLLY|WOOLLEN|CHUNKY KNIT", "knit"),
)


def seed_of(text: str) -> int:
    """A number that depends on the text only, equal in every process."""
    return zlib.crc32(text.encode("utf-8", "replace"))


def mix(first: str, second: str, share: float) -> str:
    """`first` blended with `second`; share 0 gives the first, 1 the second."""
    a = [int(first[i : i + 2], 16) for i in (1, 3, 5)]
    b = [int(second[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b, strict=True))


def brightness(colour: str) -> float:
    """Perceived brightness from 0 (black) to 1 (white)."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


@dataclass(frozen=True)
class Paint:
    """What a motif may draw with; every value is a colour or a pattern reference, never text of the shop."""

    fill: str
    main: str
    dark: str
    light: str
    accent: str
    deep: str
    backdrop: str
    table: str
    pattern: str
    seed: int


def colours_in(words: str) -> list[str]:
    """Colours named in upper-case words, in order of appearance, without repeats."""
    found: list[str] = []
    for word in re.findall(r"[A-Z]+", words):
        colour = COLOURS.get(word)
        if colour and colour not in found:
            found.append(colour)
    return found


def paint_for(words: str) -> Paint:
    """Choose colours and pattern for a title in upper case."""
    seed = seed_of(words)
    named = colours_in(words)
    materials = [MATERIALS[word] for word in re.findall(r"[A-Z]+", words) if word in MATERIALS]
    main = (named or materials or [FALLBACKS[seed % len(FALLBACKS)]])[0]
    others = [colour for colour in named[1:] + materials if colour != main]
    accent = others[0] if others else FALLBACKS[(seed // 8) % len(FALLBACKS)]
    if abs(brightness(accent) - brightness(main)) < 0.12:
        accent = CREAM if brightness(main) < 0.62 else "#b5524a"
    pattern = next((name for words_of, name in PATTERN_WORDS if re.search(words_of, words)), "")
    if brightness(main) > 0.82:
        backdrop = BACKDROPS[(seed // 64) % len(BACKDROPS)]
    else:
        backdrop = mix(mix(main, "#e9c9a5", 0.35), "#fffaf2", 0.8)
    return Paint(
        fill="url(#cloth)" if pattern else main,
        main=main,
        dark=mix(main, INK, 0.3),
        light=mix(main, "#ffffff", 0.5),
        accent=accent,
        deep=mix(main, INK, 0.72),
        backdrop=backdrop,
        table=mix(backdrop, "#8a6a4c", 0.16),
        pattern=pattern,
        seed=seed,
    )


def cloth(paint: Paint) -> str:
    """The `<pattern id="cloth">` of a paint, or nothing for plain goods."""
    if not paint.pattern:
        return ""
    main, light, dark = paint.main, mix(paint.main, "#ffffff", 0.72), paint.dark
    on = light if brightness(main) < 0.75 else paint.accent
    size, body = {
        "dots": (36, f'<g fill="{on}"><circle cx="9" cy="9" r="6"/><circle cx="27" cy="27" r="6"/></g>'),
        "gingham": (32, f'<path d="M0 0h16v32H0z M0 0h32v16H0z" fill="{on}" opacity=".55"/>'),
        "stripes": (28, f'<path d="M0 0h12v28H0z" fill="{on}"/>'),
        "union": (
            120,
            '<path d="M0 0h120v120H0z" fill="#34507c"/><path d="M0 0 120 120M120 0 0 120" stroke="#fff" stroke-width="20"/>'
            '<path d="M0 0 120 120M120 0 0 120" stroke="#c8373c" stroke-width="8"/>'
            '<path d="M60 0v120M0 60h120" stroke="#fff" stroke-width="34"/>'
            '<path d="M60 0v120M0 60h120" stroke="#c8373c" stroke-width="20"/>',
        ),
        "lace": (
            44,
            f'<g fill="none" stroke="{on}" stroke-width="3"><path d="M10 30c-8-10 2-22 12-16s4 18-4 16-4-10 0-10"/>'
            f'<circle cx="34" cy="9" r="5"/><circle cx="36" cy="36" r="3"/></g>',
        ),
        "floral": (
            52,
            f'<g fill="{on}"><circle cx="14" cy="8" r="6"/><circle cx="8" cy="15" r="6"/><circle cx="20" cy="15" r="6"/>'
            f'<circle cx="11" cy="22" r="6"/><circle cx="18" cy="22" r="6"/></g><circle cx="14" cy="15.500" r="4" fill="{dark}"/>'
            f'<path d="M40 30q10 6 0 18q-10-10 0-18z" fill="{dark}" opacity=".5"/>'
            f'<circle cx="40" cy="8" r="3" fill="{on}"/><circle cx="16" cy="42" r="3" fill="{on}"/>',
        ),
        "leaves": (
            44,
            f'<g fill="{on}"><path d="M12 4q12 8 0 24q-12-12 0-24z"/><path d="M34 20q10 8 0 22q-10-10 0-22z" opacity=".7"/></g>',
        ),
        "stars": (
            48,
            f'<g fill="{on}"><path d="m14 4 3 7 7 1-5 5 1 7-6-4-6 4 1-7-5-5 7-1z"/><circle cx="38" cy="34" r="3"/></g>',
        ),
        "knit": (
            20,
            f'<path d="M0 4l10 8 10-8M0 14l10 8 10-8" fill="none" stroke="{on}" stroke-width="3" opacity=".6"/>',
        ),
    }[paint.pattern]
    return (
        f'<pattern id="cloth" width="{size}" height="{size}" patternUnits="userSpaceOnUse">'
        f'<path d="M0 0h{size}v{size}H0z" fill="{main}"/>{body}</pattern>'
    )
