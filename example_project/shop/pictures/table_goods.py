"""Motifs for the kitchen and the table."""

from __future__ import annotations

from example_project.shop.pictures.paint import Paint
from example_project.shop.pictures.registry import motif

STEAM = '<path d="M170 118q-14-18 0-34t0-32M210 118q-14-18 0-34t0-32" fill="none" stroke="#fff" stroke-opacity=".85" stroke-width="7" stroke-linecap="round"/>'


def shine(d: str, width: int = 9, opacity: float = 0.5) -> str:
    """A white reflection along a path."""
    return f'<path d="{d}" fill="none" stroke="#fff" stroke-opacity="{opacity}" stroke-width="{width}" stroke-linecap="round"/>'


@motif(r"\bMUGS?\b|BEAKER|TUMBLER|HOT CHOC", spot=(188, 232, 0.95))
def mug(p: Paint) -> str:
    return (
        f'{STEAM}<path d="M268 180h30q40 0 40 44t-52 52h-20" fill="none" stroke="{p.dark}" stroke-width="20"/>'
        f'<path d="M100 142H276V286Q276 328 236 328H140Q100 328 100 286Z" fill="{p.fill}"/>'
        f'<ellipse cx="188" cy="142" rx="88" ry="17" fill="{p.dark}"/><ellipse cx="188" cy="145" rx="74" ry="11" fill="#6b4431"/>{shine("M120 182V272")}'
    )


@motif(r"TEA ?CUPS?\b|CUPS? (AND|&) SAUCERS?|\bCUPS?\b|SAUCERS?\b|CUP OF TEA", spot=(188, 222, 0.72))
def teacup(p: Paint) -> str:
    return (
        f'{STEAM}<ellipse cx="195" cy="312" rx="142" ry="24" fill="{p.dark}"/><ellipse cx="195" cy="305" rx="142" ry="24" fill="{p.light}"/>'
        f'<ellipse cx="195" cy="304" rx="86" ry="12" fill="{p.dark}" opacity=".3"/>'
        f'<path d="M288 186q50-18 50 24t-74 48" fill="none" stroke="{p.dark}" stroke-width="13"/>'
        f'<path d="M92 160H292Q288 282 226 300H158Q96 282 92 160Z" fill="{p.fill}"/>'
        f'<ellipse cx="192" cy="160" rx="100" ry="18" fill="{p.light}"/><ellipse cx="192" cy="163" rx="86" ry="12" fill="#a8693b"/>'
        f'<path d="M92 160H292" stroke="#d3a53f" stroke-width="0"/>{shine("M116 196Q122 244 146 272", 8)}'
    )


@motif(r"TEA ?POTS?\b|TEA SET|TEA FOR ONE|KETTLE|COFFEE ?POT|COSY", spot=(196, 240, 0.85))
def teapot(p: Paint) -> str:
    return (
        f'<path d="M286 196q66-10 58 50t-78 40" fill="none" stroke="{p.dark}" stroke-width="17"/>'
        f'<path d="M112 274Q70 250 58 188L38 178Q58 162 84 176 96 210 124 224Z" fill="{p.dark}"/>'
        f'<path d="M196 156C276 156 306 206 300 254 294 308 258 328 196 328S98 308 92 254C86 206 116 156 196 156Z" fill="{p.fill}"/>'
        f'<path d="M138 168Q196 130 254 168Q196 186 138 168Z" fill="{p.light}"/><circle cx="196" cy="136" r="15" fill="{p.dark}"/>{shine("M122 222Q114 254 130 286")}'
    )


@motif(r"\bJUGS?\b|PITCHER|CREAMER|MILK (JUG|BOTTLE)|DECANTER|CARAFE", spot=(190, 240, 0.85))
def jug(p: Paint) -> str:
    return (
        f'<path d="M252 150q76-6 66 66t-64 66" fill="none" stroke="{p.dark}" stroke-width="17"/>'
        f'<path d="M136 104L108 82Q190 70 256 96 240 150 262 190 298 256 266 328H120Q90 256 124 190 146 150 136 104Z" fill="{p.fill}"/>'
        f'<path d="M108 82Q190 70 256 96Q190 112 136 104Z" fill="{p.dark}"/>{shine("M140 196Q112 250 130 302")}'
    )


@motif(r"CAKE ?STANDS?\b|CAKESTANDS?\b|\bTIERS?\b|CAKE PLATE", single=True)
def cakestand(p: Paint) -> str:
    def bun(x: int, y: int, c: str) -> str:
        return (
            f'<path d="M{x - 20} {y}h40l-6-26h-28z" fill="{p.dark}"/><path d="M{x - 24} {y - 24}q0-26 24-26t24 26z" fill="{c}"/>'
            f'<circle cx="{x}" cy="{y - 50}" r="6" fill="#c8373c"/>'
        )

    plates = "".join(
        f'<path d="M{200 - w} {y}H{200 + w}Q{190 + w} {y + 20} {160 + w} {y + 20}H{240 - w}Q{210 - w} {y + 20} {200 - w} {y}Z" fill="{p.fill}"/>'
        for w, y in ((72, 128), (106, 206), (144, 290))
    )
    return (
        f'<path d="M194 60h12v262h-12z" fill="{p.dark}"/><circle cx="200" cy="52" r="15" fill="none" stroke="{p.dark}" stroke-width="8"/>'
        f"{bun(166, 128, '#f7d9df')}{bun(234, 128, '#fbf1d4')}{bun(132, 206, '#fbf1d4')}{bun(268, 206, '#d9b08c')}{bun(106, 290, '#f7d9df')}"
        f'{bun(160, 290, "#d9b08c")}{bun(240, 290, "#fbf1d4")}{bun(294, 290, "#f7d9df")}{plates}<path d="M140 326H260L236 308H164Z" fill="{p.dark}"/>'
    )


@motif(r"CAKE CASES?|CUP ?CAKES?|MUFFIN|FAIRY CAKE|\bCAKES?\b|BAKING CASES|\bBUNS?\b", spot=(200, 262, 0.62))
def cupcake(p: Paint) -> str:
    folds = "".join(
        f'<path d="M{x} 226L{200 + (x - 200) * 0.74:.0f} 328" stroke="{p.dark}" stroke-opacity=".45" stroke-width="4"/>'
        for x in range(124, 290, 25)
    )
    return (
        f'<path d="M98 222H302L270 330H130Z" fill="{p.fill}"/>{folds}'
        '<path d="M84 226C66 190 96 172 112 172 108 134 146 122 160 126 168 88 232 88 240 126 262 122 294 138 288 172 306 172 334 190 316 226Z" fill="#fdf0e2"/>'
        f'<path d="M112 172Q190 206 288 172M160 126Q200 150 240 126" fill="none" stroke="{p.accent}" stroke-opacity=".45" stroke-width="7" stroke-linecap="round"/>'
        '<circle cx="200" cy="86" r="19" fill="#c8373c"/><path d="M200 70q4-22 20-28" fill="none" stroke="#5d8f52" stroke-width="5"/>'
    )


@motif(
    r"CAKE TINS?|\bTINS?\b|CANISTER|BISCUIT|\bCADDY|TEA,COFFEE|FOOD CONTAINER|BREAD BIN|STORAGE JAR",
    spot=(200, 246, 0.95),
)
def tin(p: Paint) -> str:
    return (
        f'<path d="M92 158V300Q92 332 200 332T308 300V158Z" fill="{p.fill}"/><path d="M84 132V166Q84 190 200 190T316 166V132Z" fill="{p.dark}"/>'
        f'<ellipse cx="200" cy="132" rx="116" ry="27" fill="{p.light}"/><ellipse cx="200" cy="130" rx="92" ry="19" fill="{p.main}" opacity=".6"/>'
        f'<ellipse cx="200" cy="122" rx="15" ry="9" fill="{p.dark}"/>{shine("M112 212V296", 10)}'
    )


@motif(r"\bJARS?\b|JAM MAKING|\bJAM\b|PRESERV|SPICE", spot=(200, 254, 0.8))
def jar(p: Paint) -> str:
    return (
        f'<path d="M128 136H272Q300 152 300 190V296Q300 330 266 330H134Q100 330 100 296V190Q100 152 128 136Z" fill="#e4eef0" stroke="{p.dark}" stroke-opacity=".3" stroke-width="4"/>'
        '<path d="M112 204H288V296Q288 318 266 318H134Q112 318 112 296Z" fill="#b3384c"/>'
        f'<path d="M140 212H260V296H140Z" fill="#fffaf0"/><path d="M98 130Q200 168 302 130L282 96Q200 78 118 96Z" fill="{p.fill}"/>'
        f'<path d="M116 138Q200 164 284 138" fill="none" stroke="{p.accent}" stroke-width="8"/>{shine("M122 190V286", 8, 0.8)}'
    )


@motif(r"\bBOWLS?\b|\bDISH(ES)?\b|COLANDER|BASIN|PUDDING", spot=(200, 262, 0.75))
def bowl(p: Paint) -> str:
    return (
        f'<path d="M70 196H330Q326 292 248 318H152Q74 292 70 196Z" fill="{p.fill}"/><path d="M150 314H250L258 332H142Z" fill="{p.dark}"/>'
        f'<ellipse cx="200" cy="196" rx="130" ry="30" fill="{p.light}"/><ellipse cx="200" cy="199" rx="112" ry="22" fill="{p.dark}" opacity=".45"/>{shine("M96 230Q106 270 138 292")}'
    )


@motif(
    r"\bPLATES?\b|PLATTER|\bTRAYS?\b|COASTERS?|PLACE ?MATS?|TRIVET|HEATPAD|\bTILES?\b",
    spot=(200, 196, 1.05),
    standing=False,
)
def plate(p: Paint) -> str:
    return (
        f'<circle cx="204" cy="208" r="138" fill="#000" opacity=".09"/><circle cx="200" cy="198" r="138" fill="{p.fill}"/>'
        f'<circle cx="200" cy="198" r="132" fill="none" stroke="{p.accent}" stroke-width="5"/><circle cx="200" cy="198" r="90" fill="{p.light}"/>'
        f'<circle cx="200" cy="198" r="90" fill="none" stroke="{p.dark}" stroke-opacity=".3" stroke-width="4"/>'
    )


@motif(r"CUTLERY|\bSPOONS?\b|\bFORKS?\b|KNIFE|SPATULA|WHISK|\bSERVERS?\b|TONGS", standing=False)
def cutlery(p: Paint) -> str:
    return (
        f'<path d="M66 60H334V340H66Z" fill="{p.fill}" opacity=".32"/><g fill="#c3c8cd" stroke="#8d959b" stroke-width="3">'
        '<path d="M104 84V148Q104 170 122 174V214H138V174Q156 170 156 148V84H146V140H136V84H124V140H114V84Z"/>'
        '<ellipse cx="200" cy="124" rx="26" ry="40"/><path d="M193 160h14v54h-14z"/><path d="M252 84Q286 110 280 190L268 214H252Z"/></g>'
        f'<g fill="{p.main}" stroke="{p.dark}" stroke-width="3"><rect x="120" y="212" width="21" height="104" rx="10"/><rect x="190" y="212" width="21" height="104" rx="10"/>'
        '<rect x="250" y="212" width="21" height="104" rx="10"/></g>'
    )


@motif(r"\bAPRONS?\b|PINNY|TABARD", spot=(200, 250, 0.95), standing=False)
def apron(p: Paint) -> str:
    return (
        f'<path d="M150 108Q200 10 250 108" fill="none" stroke="{p.accent}" stroke-width="11"/><path d="M106 196 54 226M294 196 346 226" stroke="{p.accent}" stroke-width="10" stroke-linecap="round"/>'
        f'<path d="M146 104H254Q254 160 300 192V316Q300 340 276 340H124Q100 340 100 316V192Q146 160 146 104Z" fill="{p.fill}"/>'
        f'<path d="M142 226H258V288Q200 312 142 288Z" fill="{p.accent}" opacity=".85"/>'
    )


@motif(
    r"TEA ?TOWELS?|\bTOWELS?\b|FLANNEL|NAPKINS?|SERVIETTES?|TABLE ?CLOTH|DOIL(Y|IES|EY)|TISSUES?|OVEN GLOVE|\bRUNNER",
    spot=(200, 232, 1.0),
    standing=False,
)
def linen(p: Paint) -> str:
    return (
        f'<path d="M48 92H352" stroke="#a57b55" stroke-width="12" stroke-linecap="round"/><path d="M100 92H300V316H100Z" fill="{p.fill}"/>'
        f'<path d="M100 278H300M100 294H300" stroke="{p.accent}" stroke-width="8"/><path d="M100 92H300V128Q200 146 100 128Z" fill="#000" opacity=".1"/>'
        f'<path d="M106 316v16M124 316v16M142 316v16M160 316v16M178 316v16M196 316v16M214 316v16M232 316v16M250 316v16M268 316v16M290 316v16" stroke="{p.dark}" stroke-width="5"/>'
    )


@motif(r"SCALES\b", single=True)
def scales(p: Paint) -> str:
    return (
        f'<path d="M92 150Q200 196 308 150Z" fill="{p.light}" stroke="{p.dark}" stroke-width="5"/><path d="M188 168h24v34h-24z" fill="{p.dark}"/>'
        f'<path d="M132 196H268L304 332H96Z" fill="{p.fill}"/><circle cx="200" cy="262" r="52" fill="#fffaf0" stroke="{p.dark}" stroke-width="7"/>'
        '<path d="M200 222v10M200 292v10M160 262h10M230 262h10" stroke="#4a3328" stroke-width="5"/><path d="M200 262 226 236" stroke="#c8373c" stroke-width="6" stroke-linecap="round"/>'
    )


@motif(r"COOKIE CUTTERS?|\bMOULDS?\b|JELLY", spot=(200, 210, 2.1))
def cutter(p: Paint) -> str:
    return f'<rect x="62" y="80" width="276" height="252" rx="34" fill="{p.light}" stroke="{p.dark}" stroke-width="9"/>'


@motif(r"FRYING PAN|SAUCEPAN|\bPANS?\b|CASSEROLE|COOKER", spot=None)
def pan(p: Paint) -> str:
    return (
        f'<path d="M276 196 372 142" stroke="{p.deep}" stroke-width="22" stroke-linecap="round"/><ellipse cx="178" cy="252" rx="136" ry="72" fill="{p.dark}"/>'
        f'<ellipse cx="178" cy="238" rx="136" ry="70" fill="{p.fill}"/><ellipse cx="178" cy="240" rx="108" ry="52" fill="{p.deep}" opacity=".55"/>'
        '<path d="M112 236q10-40 60-34t74 24-16 42-66 6-52-38z" fill="#fffaf0"/><circle cx="176" cy="238" r="21" fill="#eeb63f"/>'
    )


@motif(r"LUNCH ?BOX(ES)?|SNACK BOX(ES)?|BENTO|PICNIC|HAMPER", spot=(200, 242, 1.1))
def lunchbox(p: Paint) -> str:
    return (
        f'<path d="M142 138V104Q142 82 166 82H234Q258 82 258 104V138" fill="none" stroke="{p.dark}" stroke-width="17"/>'
        f'<rect x="72" y="136" width="256" height="194" rx="30" fill="{p.fill}"/><path d="M72 184V166Q72 136 102 136H298Q328 136 328 166V184Z" fill="{p.dark}"/>'
        f'<rect x="178" y="168" width="44" height="32" rx="8" fill="{p.accent}"/>{shine("M94 212V290", 9)}'
    )


@motif(r"LUNCH BAG|SANDWICH BAG|COOL ?BAG", spot=(200, 238, 1.15))
def lunchbag(p: Paint) -> str:
    return (
        f'<path d="M150 118Q150 62 200 62T250 118" fill="none" stroke="{p.dark}" stroke-width="15"/><path d="M94 130H306L322 332H78Z" fill="{p.fill}"/>'
        f'<path d="M88 112H312L308 156H92Z" fill="{p.dark}"/><path d="M92 134H308" stroke="{p.light}" stroke-width="4" stroke-dasharray="9 7"/>'
        f'<rect x="186" y="126" width="28" height="17" rx="5" fill="{p.accent}"/><path d="M306 156 322 332H286Z" fill="#000" opacity=".1"/>'
    )
