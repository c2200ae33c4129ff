"""Motifs for bags, gifts, paper, toys, jewellery and feasts."""

from __future__ import annotations

from example_project.shop.pictures.emblems import HEART, star_path
from example_project.shop.pictures.paint import Paint
from example_project.shop.pictures.registry import motif
from example_project.shop.pictures.table_goods import shine


@motif(
    r"\bBAGS?\b|SHOPPER|TOTE|HOLDALL|SATCHEL|RUCKSACK|BACKPACK|SACK\b|LUGGAGE|PASSPORT|WASH ?BAG", spot=(200, 244, 1.25)
)
def bag(p: Paint) -> str:
    return (
        f'<path d="M136 150Q136 48 200 48T264 150" fill="none" stroke="{p.dark}" stroke-width="15"/><path d="M84 140H316L338 332H62Z" fill="{p.fill}"/>'
        f'<path d="M84 140H316L319 164H81Z" fill="{p.dark}"/><path d="M316 140 338 332H296Z" fill="#000" opacity=".1"/>'
    )


@motif(r"PURSES?\b|WALLET|HAND ?BAG|CLUTCH|MAKE ?UP BAG|COSMETIC|COIN", spot=(200, 250, 0.95))
def purse(p: Paint) -> str:
    return (
        f'<path d="M98 168H302Q348 330 286 330H114Q52 330 98 168Z" fill="{p.fill}"/><path d="M90 172Q90 132 200 132T310 172L304 190H96Z" fill="#d3a53f"/>'
        f'<path d="M186 140Q170 104 196 108M214 140Q230 104 204 108" stroke="#b88a2c" stroke-width="9" fill="none"/><circle cx="190" cy="108" r="13" fill="#e5bd62"/><circle cx="212" cy="108" r="13" fill="#b88a2c"/>{shine("M104 226Q94 268 110 298")}'
    )


@motif(r"UMBRELLAS?\b|PARASOLS?\b|BROLLY", standing=False, single=True)
def umbrella(p: Paint) -> str:
    return (
        f'<path d="M200 60V310Q200 344 170 344T140 314" fill="none" stroke="#8a5a3c" stroke-width="13" stroke-linecap="round"/><path d="M44 220Q60 74 200 74T356 220Q330 192 304 220 278 192 252 220 226 192 200 220 174 192 148 220 122 192 96 220 70 192 44 220Z" fill="{p.fill}"/>'
        f'<path d="M200 74Q136 120 148 220M200 74Q264 120 252 220M200 74Q84 130 96 220M200 74Q316 130 304 220" fill="none" stroke="{p.dark}" stroke-opacity=".4" stroke-width="4"/>'
    )


@motif(r"HOT WATER BOTTLE|HOTTIE|WARMERS?\b|HEAT ?PACK", spot=(200, 238, 1.1))
def hotwater(p: Paint) -> str:
    return (
        f'<path d="M176 60H224V112H176Z" fill="{p.deep}"/><path d="M164 54H236V74H164Z" fill="{p.deep}"/><path d="M170 104H230Q232 134 262 140 302 146 302 190V292Q302 332 262 332H138Q98 332 98 292V190Q98 146 138 140 168 134 170 104Z" fill="{p.fill}"/>'
        f'<path d="M166 118Q200 132 234 118" fill="none" stroke="{p.accent}" stroke-width="15" stroke-linecap="round"/>{shine("M118 198V280")}'
    )


@motif(r"BOTTLES?\b|PERFUME|SHAMPOO|LOTION|CORKSCREW|\bWINE\b|OPENER", spot=(200, 254, 0.72))
def bottle(p: Paint) -> str:
    return (
        f'<path d="M176 66H224V138Q224 156 246 172 262 184 262 210V302Q262 332 232 332H168Q138 332 138 302V210Q138 184 154 172 176 156 176 138Z" fill="{p.fill}"/>'
        f'<path d="M170 52H230V88H170Z" fill="{p.deep}"/><path d="M138 214H262V294H138Z" fill="#fffaf0" opacity=".88"/>{shine("M158 194Q150 204 150 214", 7, 0.8)}'
    )


@motif(r"BABUSHKA|\bDOLLS?\b|DOLLY GIRL|NESTING|ANNABELLE", spot=None)
def doll(p: Paint) -> str:
    return (
        f'<path d="M200 60C258 60 272 108 258 150 318 186 314 332 200 332S82 186 142 150C128 108 142 60 200 60Z" fill="{p.fill}"/><ellipse cx="200" cy="124" rx="43" ry="44" fill="#f6d8bd"/>'
        '<path d="M157 120Q160 78 200 80T243 120Q216 112 200 92Q184 112 157 120Z" fill="#6b4431"/><g fill="#3a2a24"><circle cx="184" cy="128" r="5"/><circle cx="216" cy="128" r="5"/></g>'
        f'<path d="M188 146q12 12 24 0" stroke="#c8373c" stroke-width="4" fill="none" stroke-linecap="round"/><g fill="#e9a0a0"><circle cx="172" cy="142" r="8"/><circle cx="228" cy="142" r="8"/></g>'
        f'<ellipse cx="200" cy="252" rx="62" ry="66" fill="#fffaf0" opacity=".92"/><g transform="translate(200 250) scale(.85)"><path d="{HEART}" fill="{p.accent}"/></g>'
    )


@motif(r"NECKLACES?|NECKL\b|PENDANT|LARIAT|\bBEADS?\b|CHOKER|NECKLET", standing=False, single=True)
def necklace(p: Paint) -> str:
    beads = "".join(
        f'<circle cx="{200 + 112 * x:.0f}" cy="{y}" r="{r}" fill="{c}"/>'
        for x, y, r, c in (
            (-1, 156, 11, p.light), (-0.94, 190, 12, p.main), (-0.8, 222, 13, p.accent), (-0.57, 248, 14, p.main), (-0.28, 264, 15, p.light),
            (0.28, 264, 15, p.light), (0.57, 248, 14, p.main), (0.8, 222, 13, p.accent), (0.94, 190, 12, p.main), (1, 156, 11, p.light),
        )
    )  # fmt: skip
    return (
        '<path d="M200 40C120 40 72 110 90 170 108 240 160 268 200 270 240 268 292 240 310 170 328 110 280 40 200 40Z" fill="none" stroke="#c8a550" stroke-width="5"/>'
        f'{beads}<g transform="translate(200 304) scale(.95)"><path d="{HEART}" fill="{p.main}"/></g>{shine("M178 290q2-12 12-14", 6, 0.8)}'
    )


@motif(r"BRACELETS?|BANGLE|\bRINGS?\b|CHARMS\b|WRISTBAND", single=True)
def bracelet(p: Paint) -> str:
    gems = "".join(
        f'<g transform="rotate({a} 200 210)"><path d="M200 84 220 106 200 132 180 106Z" fill="{c}"/><path d="M200 84 220 106H180Z" fill="#fff" opacity=".45"/></g>'
        for a, c in zip(range(0, 360, 30), [p.main, p.accent, p.light] * 4, strict=True)
    )
    return f'<ellipse cx="200" cy="210" rx="102" ry="102" fill="none" stroke="#c8a550" stroke-width="11"/>{gems}'


@motif(r"EARRINGS?|CUFFLINK|BROOCH|DIAMANTE", standing=False, single=True)
def earrings(p: Paint) -> str:
    return "".join(
        f'<path d="M{x} 128q-28-4-22-34t34-12" fill="none" stroke="#c8a550" stroke-width="6" stroke-linecap="round"/><circle cx="{x}" cy="146" r="15" fill="{p.accent}"/>'
        f'<path d="M{x} 164C{x + 56} 226 {x + 44} 292 {x} 296S{x - 56} 226 {x} 164Z" fill="{p.main}"/><path d="M{x - 20} 246q4-26 14-40" stroke="#fff" stroke-opacity=".7" stroke-width="7" fill="none" stroke-linecap="round"/>'
        for x in (138, 262)
    )


@motif(r"HAIR|\bGRIPS?\b|\bBAND\b|SCARF|SOCKS|GLOVES|\bHAT\b|TIARA", standing=False)
def bow(p: Paint) -> str:
    return (
        f'<path d="M190 216 120 330 166 316 184 340 214 226ZM210 216 280 330 234 316 216 340 186 226Z" fill="{p.dark}"/><path d="M200 196C140 110 56 116 58 150V246C56 280 140 286 200 200 260 286 344 280 342 246V150C344 116 260 110 200 196Z" fill="{p.fill}"/>'
        f'<rect x="172" y="166" width="56" height="66" rx="18" fill="{p.dark}"/>'
    )


@motif(r"\bBOX(ES)?\b|TRINKET|GIFT|PRESENT|TREASURE|\bCASE\b|PARTY BAG", spot=(200, 262, 0.0))
def giftbox(p: Paint) -> str:
    return (
        f'<path d="M84 182H316V332H84Z" fill="{p.fill}"/><path d="M68 140H332V190H68Z" fill="{p.dark}"/><path d="M178 140H222V332H178Z" fill="{p.accent}"/>'
        f'<path d="M200 138C150 40 80 86 124 122 146 138 180 140 200 138ZM200 138C250 40 320 86 276 122 254 138 220 140 200 138Z" fill="none" stroke="{p.accent}" stroke-width="17"/>{shine("M100 206V306", 8)}'
    )


@motif(
    r"\bCARDS?\b(?! (GAME|HOLDER|CASE))|ENVELOPE|POSTCARD|INVIT|NOTELET|GREETING", spot=(214, 172, 1.15), standing=False
)
def card(p: Paint) -> str:
    return (
        f'<g transform="rotate(-7 200 200)"><path d="M58 150H318V334H58Z" fill="{p.dark}"/><path d="M58 150 188 256 318 150" fill="none" stroke="{p.light}" stroke-width="7"/></g>'
        f'<g transform="rotate(5 200 200)"><path d="M112 54H316V296H112Z" fill="#fffaf0" stroke="{p.dark}" stroke-opacity=".25" stroke-width="3"/><path d="M128 70H300V280H128Z" fill="{p.fill}" opacity=".55"/>'
        f'<path d="M160 246H268M180 264H248" stroke="{p.deep}" stroke-width="6" stroke-linecap="round"/></g>'
    )


@motif(
    r"NOTE ?BOOKS?|\bBOOKS?\b|JOURNAL|DIARY|SKETCHBOOK|NOTEPAD|JOTTER|PLANNER|ORGANIZER|ADDRESS", spot=(212, 190, 1.1)
)
def notebook(p: Paint) -> str:
    rings = "".join(
        f'<path d="M90 {y}h40" stroke="#8d959b" stroke-width="8" stroke-linecap="round"/>' for y in range(96, 310, 34)
    )
    return (
        f'<path d="M116 70H312Q324 70 324 82V332H116Z" fill="#fffaf0" stroke="{p.dark}" stroke-opacity=".4" stroke-width="4"/><path d="M104 62H296Q310 62 310 76V306Q310 322 296 322H104Z" fill="{p.fill}"/>'
        f'<path d="M104 62H140V322H104Z" fill="{p.dark}" opacity=".75"/>{rings}<path d="M258 62h22v84l-11-12-11 12z" fill="{p.accent}"/>'
    )


@motif(r"PENCILS?|\bPENS?\b|CRAYONS?|CHALK\b|ERASER|RUBBER|STATIONERY|PAINT|MARKER|DRAWING|SHARPENER", single=True)
def pencils(p: Paint) -> str:
    def pencil(x: int, top: int, c: str) -> str:
        return (
            f'<path d="M{x} {top + 50}H{x + 36}V236H{x}Z" fill="{c}"/><path d="M{x} {top + 50} {x + 18} {top} {x + 36} {top + 50}Z" fill="#f0d5b0"/>'
            f'<path d="M{x + 11} {top + 20} {x + 18} {top} {x + 25} {top + 20}Z" fill="{c}"/><path d="M{x + 12} {top + 50}V236" stroke="#fff" stroke-opacity=".4" stroke-width="5"/>'
        )

    return (
        f"{pencil(118, 84, p.accent)}{pencil(160, 56, p.main)}{pencil(204, 78, '#eec04f')}{pencil(246, 98, '#6d9a62')}"
        f'<path d="M98 212H302L288 332H112Z" fill="{p.fill}"/><path d="M98 212H302L300 232H100Z" fill="{p.dark}"/>'
    )


@motif(r"\bWRAP\b|GIFT ?WRAP|WRAPPING|PAPER\b(?! (CHAIN|PLATE|CUP|NAPKIN|BUNTING|LANTERN))|DECOUPAGE", spot=None)
def wrap(p: Paint) -> str:
    return (
        f'<g transform="rotate(-24 200 200)"><rect x="34" y="200" width="332" height="62" rx="31" fill="{p.dark}"/><circle cx="346" cy="231" r="23" fill="#fffaf0"/><circle cx="346" cy="231" r="12" fill="{p.dark}" opacity=".6"/></g>'
        f'<g transform="rotate(-24 200 200)"><path d="M70 104H340V206Q204 226 70 206Z" fill="{p.fill}"/><rect x="40" y="82" width="330" height="66" rx="33" fill="{p.fill}"/>'
        f'<circle cx="340" cy="115" r="25" fill="#fffaf0"/><circle cx="340" cy="115" r="13" fill="{p.dark}" opacity=".6"/><path d="M178 80H220V216H178Z" fill="{p.accent}"/></g>'
    )


@motif(
    r"RIBBONS?\b|\bTAPE\b|\bREELS?\b|SEWING|\bBUTTONS?\b|THREAD|KNITTING|CRAFT KIT|FELTCRAFT|CROCHET|NEEDLE|\bWOOL\b",
    single=True,
)
def ribbon(p: Paint) -> str:
    return (
        f'<path d="M252 236Q352 226 336 296T232 326" fill="none" stroke="{p.main}" stroke-width="19"/><ellipse cx="178" cy="316" rx="106" ry="21" fill="#a57b55"/><path d="M92 150H264V312H92Z" fill="{p.fill}"/>'
        f'<path d="M92 182H264M92 214H264M92 246H264M92 278H264" stroke="{p.dark}" stroke-opacity=".45" stroke-width="5"/><ellipse cx="178" cy="142" rx="106" ry="23" fill="#c2925f"/><ellipse cx="178" cy="138" rx="28" ry="8" fill="#6b4431"/>'
    )


@motif(
    r"BUNTING|GARLANDS?\b|PENNANT|PAPER CHAIN|STREAMER|CURTAIN|\bFLAGS?\b|LETTER GARLAND", standing=False, single=True
)
def bunting(p: Paint) -> str:
    fills = [p.fill, p.accent, p.light, p.fill, p.accent]
    upper = "".join(
        f'<path d="M{x} {y}l58 {d}l-32 74z" fill="{c}"/>'
        for (x, y, d), c in zip(
            ((30, 104, 20), (98, 128, 9), (170, 138, 0), (240, 136, -12), (308, 120, -20)), fills, strict=True
        )
    )
    lower = "".join(
        f'<path d="M{x} {y}l58 {d}l-32 74z" fill="{c}"/>'
        for (x, y, d), c in zip(
            ((30, 232, 20), (98, 256, 9), (170, 266, 0), (240, 264, -12), (308, 248, -20)), reversed(fills), strict=True
        )
    )
    return f'{upper}{lower}<path d="M8 90Q200 190 392 90M8 218Q200 318 392 218" fill="none" stroke="#6b4431" stroke-width="6"/>'


@motif(r"CHRISTMAS TREE|\bTREES?\b|ADVENT", single=True)
def tree(p: Paint) -> str:
    balls = "".join(
        f'<circle cx="{x}" cy="{y}" r="11" fill="{c}"/>'
        for x, y, c in (
            (184, 142, "#c8373c"),
            (226, 176, "#eec04f"),
            (164, 206, "#f5e6c8"),
            (214, 232, "#c8373c"),
            (148, 276, "#eec04f"),
            (258, 280, "#f5e6c8"),
            (204, 290, "#c8373c"),
        )
    )
    return (
        '<path d="M184 300h32v34h-32z" fill="#7b5236"/><path d="M200 62 268 168H240L300 242H268L324 314H76L132 242H100L160 168H132Z" fill="#5c8a5b"/>'
        f'<path d="M150 168Q200 190 250 150M116 242Q200 272 280 216" stroke="#fffaf0" stroke-opacity=".7" stroke-width="5" fill="none"/>{balls}<g transform="translate(200 58)"><path d="{star_path(5, 28, 12)}" fill="#eec04f"/></g>'
    )


@motif(
    r"BAUBLES?|DECORATIONS?\b|ORNAMENTS?\b|HANGING (STAR|HEART|BALL|BELL)|\bBALLS?\b|DECS\b|MOBILE|STOCKING",
    spot=(200, 222, 1.35),
    standing=False,
)
def bauble(p: Paint) -> str:
    return (
        f'<path d="M200 20V84" stroke="#8a6a4c" stroke-width="4"/><rect x="178" y="82" width="44" height="28" rx="6" fill="#d3a53f"/><circle cx="200" cy="80" r="12" fill="none" stroke="#d3a53f" stroke-width="5"/>'
        f'<circle cx="200" cy="222" r="118" fill="{p.fill}"/><path d="M88 186Q200 226 312 186M88 258Q200 298 312 258" stroke="{p.accent}" stroke-opacity=".6" stroke-width="7" fill="none"/>{shine("M112 218Q116 160 160 132", 12)}'
    )


@motif(r"WREATH|\bHOOP\b", spot=None, standing=False, single=True)
def wreath(p: Paint) -> str:
    leaves = "".join(
        f'<g transform="rotate({a} 200 196)"><path d="M200 46q32 22 0 58q-32-36 0-58z" fill="{"#5c8a5b" if i % 2 else "#7ba46e"}"/><circle cx="222" cy="98" r="8" fill="{p.accent if i % 3 else "#c8373c"}"/></g>'
        for i, a in enumerate(range(0, 360, 24))
    )
    return f'<circle cx="200" cy="196" r="106" fill="none" stroke="#7b5236" stroke-width="22"/>{leaves}<path d="M200 300C160 258 120 286 130 316 150 334 186 316 200 302 214 316 250 334 270 316 280 286 240 258 200 300Z" fill="{p.main}"/>'


@motif(r"\bBELLS?\b|JINGLE|CHIME", standing=False)
def bell(p: Paint) -> str:
    return (
        f'<path d="M200 96C130 96 118 170 112 228Q106 270 78 290H322Q294 270 288 228C282 170 270 96 200 96Z" fill="{p.fill}"/><path d="M78 290H322V308H78Z" fill="{p.dark}"/><circle cx="200" cy="322" r="23" fill="{p.deep}"/>'
        f'<path d="M200 96C150 30 100 60 124 86 146 100 180 100 200 96ZM200 96C250 30 300 60 276 86 254 100 220 100 200 96Z" fill="{p.accent}"/>{shine("M140 222Q146 156 172 130")}'
    )


@motif(r"\bEGGS?\b|EASTER", spot=(200, 222, 0.9))
def egg(p: Paint) -> str:
    return (
        f'<path d="M200 72C270 72 314 188 300 254 288 310 250 332 200 332S112 310 100 254C86 188 130 72 200 72Z" fill="{p.fill}"/>'
        f'<path d="M114 178 142 158 170 178 200 158 230 178 258 158 286 178M104 274 134 254 166 274 200 254 234 274 266 254 296 274" fill="none" stroke="{p.accent}" stroke-width="9" stroke-linejoin="round"/>{shine("M132 190Q142 136 170 108", 10)}'
    )


@motif(
    r"(SNAP|PLAYING) CARDS|JIGSAW|PUZZLE|\bGAMES?\b|DOMINO|\bTOYS?\b|SKITTLES|SNAP|DICE|BUILDING BLOCK|BLOCKS\b|SOLDIER|SKIPPING|YO ?YO|HARMONICA|SPINNING|\bPLAYING|MARBLES|TRAIN\b|KIDS",
    single=True,
)
def blocks(p: Paint) -> str:
    def block(x: int, y: int, c: str, letter: str) -> str:
        return (
            f'<rect x="{x}" y="{y}" width="108" height="108" rx="12" fill="{c}"/><rect x="{x + 12}" y="{y + 12}" width="84" height="84" rx="8" fill="#fffaf0"/>'
            f'<text x="{x + 54}" y="{y + 78}" font-family="Georgia,serif" font-weight="bold" font-size="68" text-anchor="middle" fill="{c}">{letter}</text>'
        )

    return (
        block(88, 224, p.main, "A")
        + block(206, 224, p.deep, "B")
        + f'<g transform="rotate(-6 200 160)">{block(146, 106, "#d9a037", "C")}</g>'
    )


@motif(r"MAGNETS?|STICKERS?|\bBADGE|\bTAGS?\b|LABELS?|PLASTERS|TATTOO|STENCIL", spot=(200, 200, 1.7), standing=False)
def sticker(p: Paint) -> str:
    return (
        f'<g transform="translate(204 208)"><path d="{star_path(16, 148, 128)}" fill="#000" opacity=".1"/></g><g transform="translate(200 200)"><path d="{star_path(16, 148, 128)}" fill="{p.fill}"/></g>'
        f'<circle cx="200" cy="200" r="108" fill="none" stroke="{p.light}" stroke-width="5" stroke-dasharray="11 9"/>'
    )


@motif(r"SOAP|INCENSE|BATH SALT|SCENT|POT ?POURRI|SPONGE|\bBATHS?\b(?! MAT)|TOILET", spot=(200, 226, 0.6))
def soap(p: Paint) -> str:
    return (
        f'<g fill="#fff" opacity=".8"><circle cx="118" cy="128" r="21"/><circle cx="162" cy="92" r="14"/><circle cx="286" cy="112" r="26"/><circle cx="244" cy="72" r="12"/></g><rect x="84" y="168" width="232" height="118" rx="46" fill="{p.fill}"/>'
        f'<rect x="112" y="192" width="176" height="68" rx="30" fill="none" stroke="{p.dark}" stroke-opacity=".5" stroke-width="5"/><path d="M60 280H340Q330 332 280 332H120Q70 332 60 280Z" fill="{p.dark}"/>'
    )


@motif(r"BIRD ?HOUSE|BIRD (BOX|FEEDER|TABLE)|NESTBOX|NEST BOX|DOLLS HOUSE|\bHOUSE\b|CUCKOO|SHED\b|COTTAGE", single=True)
def birdhouse(p: Paint) -> str:
    return (
        f'<path d="M190 300h20v40h-20z" fill="#7b5236"/><path d="M106 170H294V310H106Z" fill="{p.fill}"/><path d="M200 62 332 182 312 204 200 104 88 204 68 182Z" fill="{p.dark}"/>'
        f'<circle cx="200" cy="214" r="34" fill="{p.deep}"/><path d="M200 262v34" stroke="#7b5236" stroke-width="11" stroke-linecap="round"/><g transform="translate(200 140) scale(.3)"><path d="{HEART}" fill="{p.accent}"/></g>'
    )


@motif(r"BALLOONS?|PARTY|BIRTHDAY", standing=False, single=True)
def balloons(p: Paint) -> str:
    return (
        '<path d="M128 214Q150 290 200 350M276 190Q250 290 200 350M200 240V350" fill="none" stroke="#6b4431" stroke-width="4"/>'
        f'<ellipse cx="124" cy="144" rx="62" ry="76" fill="{p.main}"/><ellipse cx="280" cy="122" rx="62" ry="76" fill="{p.accent}"/><ellipse cx="202" cy="168" rx="64" ry="78" fill="#eec04f"/>{shine("M168 160q4-38 24-50", 9)}{shine("M92 138q4-32 20-44", 9)}'
    )


@motif(r"HAND ?WARMERS?\b|EYE MASK|MITTENS?\b", spot=(200, 214, 1.2), single=True)
def handwarmer(p: Paint) -> str:
    return (
        f'<path d="M84 150Q84 92 142 92H258Q316 92 316 150V268Q316 330 254 330H146Q84 330 84 268Z" fill="{p.fill}"/>'
        f'<path d="M102 154Q102 110 146 110H254Q298 110 298 154V264Q298 312 250 312H150Q102 312 102 264Z" fill="none" stroke="{p.light}" stroke-width="5" stroke-dasharray="12 9"/>'
        f'<path d="M186 92V70H214V92" fill="none" stroke="{p.accent}" stroke-width="10" stroke-linejoin="round"/>'
    )


@motif(r"PAPER CHAINS?", standing=False, single=True)
def paperchain(p: Paint) -> str:
    colours = [p.main, p.accent, "#6d9a62", "#eec04f"]
    rings = (
        (44, 110),
        (104, 146),
        (166, 164),
        (234, 164),
        (296, 146),
        (356, 110),
        (76, 236),
        (138, 270),
        (200, 282),
        (262, 270),
        (324, 236),
    )
    return "".join(
        f'<ellipse cx="{x}" cy="{y}" rx="38" ry="28" fill="none" stroke="{colours[i % 4]}" stroke-width="17"/>'
        for i, (x, y) in enumerate(rings)
    )


@motif(r"POPCORN", single=True)
def popcorn(p: Paint) -> str:
    puffs = "".join(
        f'<circle cx="{x}" cy="{y}" r="30" fill="#fff3d0" stroke="#efd896" stroke-width="3"/>'
        for x, y in ((128, 136), (176, 106), (230, 106), (276, 138), (200, 140), (152, 156), (248, 158))
    )
    stripes = "".join(
        f'<path d="M{x} 150H{x + 32}L{200 + (x + 32 - 200) * 0.72:.0f} 332H{200 + (x - 200) * 0.72:.0f}Z" fill="{p.main}"/>'
        for x in (104, 168, 232)
    )
    return f'{puffs}<path d="M100 150H300L272 332H128Z" fill="#fffaf0"/>{stripes}'


@motif(r"TEDDY|\bBEARS?\b|SOFT TOY", single=True)
def teddy(p: Paint) -> str:
    return (
        f'<g fill="{p.main}"><circle cx="136" cy="92" r="32"/><circle cx="264" cy="92" r="32"/><ellipse cx="200" cy="262" rx="86" ry="74"/><circle cx="200" cy="144" r="82"/><circle cx="106" cy="236" r="34"/><circle cx="294" cy="236" r="34"/><circle cx="142" cy="318" r="34"/><circle cx="258" cy="318" r="34"/></g>'
        f'<g fill="{p.light}"><circle cx="136" cy="92" r="15"/><circle cx="264" cy="92" r="15"/><ellipse cx="200" cy="172" rx="36" ry="28"/><ellipse cx="200" cy="268" rx="48" ry="42"/></g>'
        '<g fill="#3a2a24"><circle cx="170" cy="134" r="8"/><circle cx="230" cy="134" r="8"/><path d="M186 158h28l-14 14z"/></g>'
        f'<path d="M200 214C166 186 132 204 150 232 164 244 190 236 200 222 210 236 236 244 250 232 268 204 234 186 200 214Z" fill="{p.accent}"/>'
    )
