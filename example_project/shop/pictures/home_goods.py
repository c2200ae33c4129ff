"""Motifs for light, walls and rooms."""

from __future__ import annotations

from example_project.shop.pictures.paint import Paint
from example_project.shop.pictures.registry import motif
from example_project.shop.pictures.table_goods import shine

FLAME = '<path d="M{x} {y}c-22-24-4-40 0-62c6 22 24 38 0 62z" fill="#f2b33d"/><path d="M{x} {y}c-10-12-2-20 0-32c4 12 11 20 0 32z" fill="#fff1b8"/>'


def flame(x: int, y: int) -> str:
    return FLAME.format(x=x, y=y)


def glow(x: int, y: int, radius: int) -> str:
    return f'<circle cx="{x}" cy="{y}" r="{radius}" fill="#ffe9a8" opacity=".45"/><circle cx="{x}" cy="{y}" r="{radius * 0.62:.0f}" fill="#ffe9a8" opacity=".55"/>'


@motif(r"CANDLES?\b|CANDLE ?STICK|\bWAX\b|TAPER", spot=(200, 262, 0.68))
def candle(p: Paint) -> str:
    return (
        f'{glow(200, 106, 86)}<path d="M197 128h6v34h-6z" fill="#4a3328"/>{flame(200, 138)}'
        f'<path d="M136 172V322H264V172Z" fill="{p.fill}"/><path d="M136 172v34q12 22 22 0t22 4 24 10 20-14 40-2V172Z" fill="{p.light}"/>'
        f'<ellipse cx="200" cy="172" rx="64" ry="14" fill="{p.light}"/><ellipse cx="200" cy="324" rx="98" ry="15" fill="{p.dark}"/>{shine("M152 226V300", 8)}'
    )


@motif(
    r"\bT-? ?LIGHTS?\b|TEA ?LIGHTS?\b|CANDLE ?HOLDERS?|CANDLEHOLDERS?|VOTIVE|CANDLE POT|CANDLE PLATE|HURRICANE",
    spot=(200, 256, 0.95),
)
def tlight(p: Paint) -> str:
    lit = f'<ellipse cx="200" cy="172" rx="90" ry="17" fill="#fff0bf"/><path d="M197 150h6v24h-6z" fill="#4a3328"/>{flame(200, 158)}'
    rim = f'<ellipse cx="200" cy="168" rx="104" ry="24" fill="{p.dark}"/>'
    shape = p.seed // 16 % 3
    if shape == 0:  # a tumbler
        body = f'<path d="M96 168H304L280 318Q278 332 262 332H138Q122 332 120 318Z" fill="{p.fill}" opacity=".93"/>{rim}{lit}{shine("M124 208 136 298")}'
    elif shape == 1:  # a round bowl on a foot
        body = f'<path d="M96 168H304C322 262 268 306 228 308V320H262V334H138V320H172V308C132 306 78 262 96 168Z" fill="{p.fill}" opacity=".93"/>{rim}{lit}{shine("M112 204Q116 252 144 278")}'
    else:  # a jar on a wire
        body = (
            f'<path d="M104 176Q104 34 200 34T296 176" fill="none" stroke="{p.deep}" stroke-width="6"/><path d="M108 168H292V190Q312 204 312 232V300Q312 332 280 332H120Q88 332 88 300V232Q88 204 108 190Z" fill="{p.fill}" opacity=".93"/>'
            f'{rim}{lit}<path d="M98 192H302" stroke="{p.deep}" stroke-opacity=".5" stroke-width="6"/>{shine("M110 230V298")}'
        )
    return glow(200, 158, 108) + body


@motif(r"LANTERNS?\b", spot=(200, 318, 0.32))
def lantern(p: Paint) -> str:
    return (
        f'<circle cx="200" cy="56" r="24" fill="none" stroke="{p.dark}" stroke-width="9"/><path d="M112 140 162 84H238L288 140Z" fill="{p.main}"/><path d="M100 138H300V156H100Z" fill="{p.dark}"/>'
        f'<path d="M116 156H284V296H116Z" fill="#fdf3cf"/>{glow(200, 216, 66)}<path d="M172 244H228V296H172Z" fill="#fffaf0" stroke="{p.dark}" stroke-opacity=".2" stroke-width="3"/>'
        f'<path d="M197 228h6v18h-6z" fill="#4a3328"/>{flame(200, 236)}<path d="M122 156V296M278 156V296M158 156V296M242 156V296" stroke="{p.main}" stroke-width="10"/>'
        f'<path d="M100 294H300V334H100Z" fill="{p.fill}"/><path d="M100 294H300V304H100Z" fill="{p.dark}"/>'
    )


@motif(r"\bLAMPS?\b|LAMP ?SHADES?|CHANDELIER", spot=(200, 148, 0.75))
def lamp(p: Paint) -> str:
    return (
        f'{glow(200, 172, 128)}<path d="M192 196h16v120h-16z" fill="{p.deep}"/><path d="M176 226Q164 262 186 300H214Q236 262 224 226Z" fill="{p.accent}"/>'
        f'<ellipse cx="200" cy="320" rx="68" ry="14" fill="{p.deep}"/><path d="M142 76H258L312 206H88Z" fill="{p.fill}"/><path d="M88 206H312L308 194H92Z" fill="{p.dark}" opacity=".7"/>'
    )


@motif(r"NIGHT ?LIGHTS?|LED LIGHT", spot=(200, 226, 1.8))
def nightlight(p: Paint) -> str:
    return f'{glow(200, 216, 146)}<ellipse cx="200" cy="322" rx="88" ry="16" fill="{p.dark}"/>'


@motif(
    r"FAIRY LIGHTS?|LIGHT STRING|STRING (OF )?LIGHTS?|CHILLI LIGHTS|\bLIGHTS\b|LIGHT GARLAND",
    standing=False,
    single=True,
)
def stringlights(p: Paint) -> str:
    bulbs = "".join(
        f'<circle cx="{x}" cy="{y + 30}" r="34" fill="#ffe9a8" opacity=".5"/><path d="M{x - 7} {y}h14v12h-14z" fill="#4a3328"/>'
        f'<path d="M{x - 14} {y + 12}h28q4 24-14 42q-18-18-14-42z" fill="{c}"/>'
        for x, y, c in (
            (66, 122, p.main), (124, 156, p.accent), (186, 168, "#eec04f"), (250, 156, p.main), (318, 120, p.accent),
            (92, 262, "#eec04f"), (160, 290, p.main), (232, 292, p.accent), (300, 266, "#eec04f"),
        )
    )  # fmt: skip
    return (
        '<path d="M20 84Q90 168 190 168T380 80M30 214Q110 290 200 290T376 210" fill="none" stroke="#4a3328" stroke-width="5"/>'
        f"{bulbs}"
    )


@motif(r"CLOCKS?\b|\bTIMER\b|\bWATCH\b", single=True)
def clock(p: Paint) -> str:
    ticks = "".join(f'<path d="M200 136v14" transform="rotate({a} 200 222)"/>' for a in range(0, 360, 30))
    return (
        f'<g fill="{p.dark}"><ellipse cx="136" cy="106" rx="44" ry="26" transform="rotate(-36 136 106)"/><ellipse cx="264" cy="106" rx="44" ry="26" transform="rotate(36 264 106)"/>'
        f'<path d="M118 300 96 334H122L146 314ZM282 300 304 334H278L254 314Z"/></g><path d="M186 70h28v36h-28z" fill="{p.deep}"/><circle cx="200" cy="222" r="118" fill="{p.fill}"/>'
        f'<circle cx="200" cy="222" r="92" fill="#fffaf0"/><g stroke="#4a3328" stroke-width="6">{ticks}</g>'
        f'<path d="M200 222V164M200 222 240 246" stroke="#4a3328" stroke-width="9" stroke-linecap="round"/><circle cx="200" cy="222" r="8" fill="{p.accent}"/>'
    )


@motif(r"FRAMES?\b|PHOTO|PICTURE|CANVAS|POSTER|\bPRINTS\b|WALL ART|ALBUM", spot=(200, 196, 1.35), standing=False)
def frame(p: Paint) -> str:
    return (
        f'<path d="M200 36 130 84M200 36 270 84" stroke="#8a6a4c" stroke-width="5"/><path d="M84 84H324V324H84Z" fill="#000" opacity=".1"/><path d="M76 76H324V320H76Z" fill="{p.fill}"/>'
        f'<path d="M76 76 112 112H288L324 76M76 320 112 284H288L324 320" fill="none" stroke="{p.dark}" stroke-width="4"/><path d="M108 108H292V288H108Z" fill="#fffaf0"/>'
        f'<path d="M122 122H278V274H122Z" fill="{p.backdrop}"/><circle cx="246" cy="156" r="17" fill="#f3cf6b"/><path d="M122 232Q164 190 206 226T278 214V274H122Z" fill="#a9bf95"/>'
        '<path d="M122 256Q186 222 278 252V274H122Z" fill="#84a476"/>'
    )


@motif(r"MIRRORS?\b", standing=False)
def mirror(p: Paint) -> str:
    rim = "".join(f'<circle cx="200" cy="66" r="17" transform="rotate({a} 200 196)"/>' for a in range(0, 360, 18))
    return (
        f'<g fill="{p.dark}">{rim}</g><circle cx="200" cy="196" r="126" fill="{p.fill}"/><circle cx="200" cy="196" r="96" fill="#dcebef"/>'
        f'<path d="M132 226 226 120M150 250 264 128M200 262 272 184" stroke="#fff" stroke-width="13" stroke-linecap="round" opacity=".85"/>'
    )


@motif(
    r"\bSIGNS?\b|PLAQUE|DOOR HANGER|BLOCK WORD|LETTERS? ?RACK|NOTICE|MEMO ?BOARD|CALENDAR", standing=False, single=True
)
def sign(p: Paint) -> str:
    return (
        f'<path d="M200 46 112 122M200 46 288 122" stroke="#8a6a4c" stroke-width="6"/><circle cx="200" cy="46" r="9" fill="#6b4431"/>'
        f'<rect x="50" y="122" width="308" height="176" rx="14" fill="#000" opacity=".1"/><rect x="44" y="114" width="312" height="176" rx="14" fill="{p.main}"/>'
        f'<rect x="58" y="128" width="284" height="148" rx="8" fill="none" stroke="{p.deep}" stroke-opacity=".6" stroke-width="4"/>'
        f'<g fill="{p.deep}" opacity=".6"><circle cx="74" cy="144" r="5"/><circle cx="326" cy="144" r="5"/><circle cx="74" cy="260" r="5"/><circle cx="326" cy="260" r="5"/></g>'
    )


@motif(r"CHALK ?BOARD|BLACK ?BOARD|\bSLATE\b", spot=(200, 190, 1.2))
def chalkboard(p: Paint) -> str:
    return (
        '<path d="M120 306 92 338M280 306 308 338" stroke="#8a6a4c" stroke-width="13" stroke-linecap="round"/><rect x="68" y="66" width="264" height="248" rx="12" fill="#b98a5c"/>'
        '<rect x="86" y="84" width="228" height="212" fill="#474d50"/><path d="M112 274h92" stroke="#fffaf0" stroke-opacity=".5" stroke-width="5" stroke-linecap="round"/>'
        '<path d="M246 300h44" stroke="#fffaf0" stroke-width="9" stroke-linecap="round"/>'
    )


@motif(r"CUSHIONS?\b|PILLOW|BEAN ?BAG|PADS? |KNEELING PAD|THROW\b|QUILT|BLANKET|DOOR ?STOP", spot=(200, 212, 1.2))
def cushion(p: Paint) -> str:
    return (
        f'<path d="M70 96Q200 126 330 96Q306 212 330 326Q200 300 70 326Q96 212 70 96Z" fill="{p.fill}" stroke="{p.dark}" stroke-width="6" stroke-linejoin="round"/>'
        f'<g fill="{p.accent}"><circle cx="70" cy="96" r="13"/><circle cx="330" cy="96" r="13"/><circle cx="70" cy="326" r="13"/><circle cx="330" cy="326" r="13"/></g>'
        f'<path d="M88 120q24 26 36 34M312 120q-24 26-36 34" stroke="{p.dark}" stroke-opacity=".4" stroke-width="5" fill="none"/>'
    )


@motif(r"DOOR ?MATS?|\bRUGS?\b|BATH MAT", spot=(200, 214, 0.9), single=True)
def doormat(p: Paint) -> str:
    fringe = "".join(f'<path d="M{x} 300v18M{x} 128v-18"/>' for x in range(64, 346, 14))
    return (
        f'<g stroke="{p.deep}" stroke-width="5">{fringe}</g><path d="M54 126H346V302H54Z" fill="{p.fill}"/>'
        f'<path d="M72 144H328V284H72Z" fill="none" stroke="{p.accent}" stroke-width="8"/>'
    )


@motif(
    r"HOOKS?\b|HANGERS?\b|COAT RACK|\bRACK\b|KNOBS?\b|KEY RINGS?|\bKEYS?\b|KEY FOB|DOOR BELL|WINDMILL",
    spot=None,
    standing=False,
)
def hooks(p: Paint) -> str:
    hook = "".join(
        f'<path d="M{x} 176v58q0 34 30 34t30-30" fill="none" stroke="{p.deep}" stroke-width="13" stroke-linecap="round"/><circle cx="{x}" cy="172" r="17" fill="{p.accent}"/>'
        for x in (96, 186, 276)
    )
    return f'<rect x="40" y="134" width="328" height="82" rx="16" fill="#000" opacity=".1"/><rect x="36" y="126" width="328" height="82" rx="16" fill="{p.fill}"/>{hook}'


@motif(
    r"DRAWERS?\b|CABINET|CUPBOARD|\bSHELF|SHELVES|\bTABLE\b|CHAIR|STOOL|\bCHEST\b|BEDSIDE|STAND\b|BIRDCAGE|TIDY|ORGANISER",
    single=True,
)
def cabinet(p: Paint) -> str:
    rows = "".join(
        f'<rect x="104" y="{y}" width="192" height="58" rx="6" fill="{p.light}" stroke="{p.dark}" stroke-width="5"/><circle cx="200" cy="{y + 29}" r="9" fill="{p.deep}"/>'
        for y in (100, 170, 240)
    )
    return f'<path d="M96 300v34M304 300v34" stroke="{p.dark}" stroke-width="19"/><rect x="84" y="82" width="232" height="232" rx="12" fill="{p.fill}"/><rect x="72" y="68" width="256" height="24" rx="8" fill="{p.dark}"/>{rows}'


@motif(r"BASKETS?\b|TRUG|\bBINS?\b|BUCKET|HEART OF WICKER|WICKER HEART", spot=(200, 258, 0.8))
def basket(p: Paint) -> str:
    weave = "".join(
        f'<path d="M{94 + i * 4} {212 + i * 30}H{306 - i * 4}" stroke-dasharray="20 12" stroke-dashoffset="{i * 16}"/>'
        for i in range(4)
    )
    return (
        f'<path d="M104 190Q104 62 200 62T296 190" fill="none" stroke="{p.dark}" stroke-width="17"/><path d="M82 190H318L290 332H110Z" fill="{p.fill}"/>'
        f'<g stroke="{p.dark}" stroke-opacity=".5" stroke-width="9" fill="none">{weave}</g><rect x="72" y="176" width="256" height="28" rx="14" fill="{p.dark}"/>'
    )


@motif(r"WATERING CAN", spot=(218, 254, 0.8))
def wateringcan(p: Paint) -> str:
    return (
        f'<path d="M140 268 62 176" stroke="{p.dark}" stroke-width="21"/><path d="M36 190 84 148 92 160 46 202Z" fill="{p.deep}"/><path d="M296 210q70 0 60 54t-66 40" fill="none" stroke="{p.dark}" stroke-width="15"/>'
        f'<path d="M138 180H298V306Q298 330 274 330H162Q138 330 138 306Z" fill="{p.fill}"/><ellipse cx="218" cy="180" rx="80" ry="17" fill="{p.dark}"/>'
        f'<path d="M160 172Q218 78 276 172" fill="none" stroke="{p.dark}" stroke-width="13"/>'
    )


@motif(
    r"PLANT|\bPOTS?\b|PLANTER|VASE|URN\b|GROW YOUR|HERB MARKER|FLOWER ?POT|ARTIFICIAL|HYACINTH|DAFFODIL|\bTULIPS?\b|SUNFLOWER|ORCHID",
    spot=(200, 286, 0.6),
)
def plant(p: Paint) -> str:
    return (
        '<g fill="#6d9a62"><path d="M200 236Q132 216 124 136Q196 150 200 236ZM200 236Q268 216 276 136Q204 150 200 236Z"/><path d="M200 240Q164 160 200 92Q236 160 200 240Z" fill="#84ad74"/></g>'
        f'<g fill="{p.accent}"><circle cx="200" cy="84" r="22"/><circle cx="120" cy="130" r="17"/><circle cx="280" cy="130" r="17"/></g><g fill="#f0c75a"><circle cx="200" cy="84" r="8"/><circle cx="120" cy="130" r="6"/><circle cx="280" cy="130" r="6"/></g>'
        f'<path d="M124 252H276L256 332H144Z" fill="{p.fill}"/><rect x="112" y="228" width="176" height="34" rx="8" fill="{p.dark}"/>'
    )
