"""Small ornaments printed on the goods, drawn in a box from -50 to 50; large and alone when a title names no object."""

from __future__ import annotations

import math
import re

from example_project.shop.pictures.paint import INK, Paint


def star_path(points: int, outer: float, inner: float) -> str:
    """Path of a star around the origin with its first point upwards."""
    steps = []
    for index in range(points * 2):
        radius = inner if index % 2 else outer
        angle = math.pi * index / points - math.pi / 2
        steps.append(f"{radius * math.cos(angle):.1f} {radius * math.sin(angle):.1f}")
    return "M" + "L".join(steps) + "Z"


HEART = "M0 42C-62 2-46-44-18-40-6-38 0-28 0-22 0-28 6-38 18-40 46-44 62 2 0 42Z"
EYES = '<circle cx="-12" cy="-6" r="4" fill="#3a2a24"/><circle cx="12" cy="-6" r="4" fill="#3a2a24"/>'


def heart(c: str, p: Paint) -> str:
    return f'<path d="{HEART}" fill="{c}"/>'


def star(c: str, p: Paint) -> str:
    return f'<path d="{star_path(5, 46, 21)}" fill="{c}" stroke="{c}" stroke-width="6" stroke-linejoin="round"/>'


def flower(c: str, p: Paint) -> str:
    petals = "".join(f'<ellipse cx="0" cy="-27" rx="15" ry="20" transform="rotate({a})"/>' for a in range(0, 360, 60))
    return f'<g fill="{c}">{petals}</g><circle r="13" fill="#f0c75a"/>'


def rose(c: str, p: Paint) -> str:
    return (
        f'<path d="M-44 20q-8-22 16-20q-6 18-16 20zM44 20q8-22-16-20q6 18 16 20z" fill="#6d9a62"/><circle r="34" fill="{c}"/>'
        '<g fill="none" stroke="#fff" stroke-opacity=".75" stroke-width="4" stroke-linecap="round">'
        '<path d="M-6 2c0-8 12-8 12 1s-16 13-20 2 6-22 18-20 20 16 14 28"/><path d="M-26-8c4-16 20-22 34-18M-22 18c10 12 28 10 36 2"/></g>'
    )


def bird(c: str, p: Paint) -> str:
    return (
        f'<path d="M-48-2C-34-4-30-30-4-32 14-34 20-22 26-20L44-14 28-8C30 20 4 34-14 28L-46 34-28 14C-40 10-46 6-48-2Z" fill="{c}"/>'
        f'<path d="M-18-4Q8-10 10 10Q-12 22-18-4Z" fill="{p.deep}" opacity=".35"/><circle cx="14" cy="-18" r="3.500" fill="{INK}"/>'
    )


def butterfly(c: str, p: Paint) -> str:
    return (
        f'<g fill="{c}"><path d="M-3 0C-20-50-56-40-46-8-42 6-20 6-3 0ZM3 0C20-50 56-40 46-8 42 6 20 6 3 0Z"/>'
        '<path d="M-3 3C-34 6-40 40-20 40-8 40-4 18-3 3ZM3 3C34 6 40 40 20 40 8 40 4 18 3 3Z" opacity=".8"/></g>'
        f'<path d="M0-20V30M0-20-10-38M0-20 10-38" stroke="{INK}" stroke-width="4" stroke-linecap="round" fill="none"/>'
    )


def strawberry(c: str, p: Paint) -> str:
    seeds = "".join(
        f'<circle cx="{x}" cy="{y}" r="2.500"/>' for x, y in ((-16, 0), (0, -4), (16, 0), (-8, 14), (8, 14), (0, 28))
    )
    return (
        '<path d="M0 46C-30 32-48-4-30-20-16-30 16-30 30-20 48-4 30 32 0 46Z" fill="#d3404c"/>'
        f'<g fill="#fbe3a0">{seeds}</g><path d="M-28-22Q-10-26 0-40Q10-26 28-22Q10-10 0-14Q-10-10-28-22Z" fill="#5d8f52"/>'
    )


def cherry(c: str, p: Paint) -> str:
    return (
        '<path d="M-18 14C-14-14 0-30 20-42C14-20 18-6 20 10" fill="none" stroke="#5d8f52" stroke-width="5"/>'
        '<circle cx="-20" cy="24" r="18" fill="#c22f43"/><circle cx="20" cy="26" r="18" fill="#d3404c"/>'
        '<path d="M20-42q22-4 26 12q-20 4-26-12z" fill="#6d9a62"/>'
    )


def apple(c: str, p: Paint) -> str:
    return (
        '<path d="M0-22C-14-34-46-26-42 8-38 38-14 50 0 42 14 50 38 38 42 8 46-26 14-34 0-22Z" fill="#8fb157"/>'
        '<path d="M0-20Q0-36 8-46" fill="none" stroke="#6b4431" stroke-width="5"/><path d="M4-34q18-16 30-4q-16 14-30 4z" fill="#5d8f52"/>'
        '<path d="M-26-4q2-12 12-12" stroke="#fff" stroke-opacity=".7" stroke-width="5" fill="none" stroke-linecap="round"/>'
    )


def pear(c: str, p: Paint) -> str:
    return (
        '<path d="M0-34C14-34 14-16 20-4 40 16 30 46 0 46S-40 16-20-4C-14-16-14-34 0-34Z" fill="#c3bf5e"/>'
        '<path d="M0-34q0-8 6-14" stroke="#6b4431" stroke-width="5" fill="none"/><path d="M4-38q16-12 26-2q-14 12-26 2z" fill="#6d9a62"/>'
    )


def skull(c: str, p: Paint) -> str:
    return (
        '<path d="M0-44C-40-44-48-4-28 14V36H28V14C48-4 40-44 0-44Z" fill="#fffaf0"/><g fill="#4b464a"><circle cx="-15" cy="-6" r="10"/>'
        '<circle cx="15" cy="-6" r="10"/><path d="m0 8 5 9h-10zM-11 26h4v10h-4zM-2 26h4v10h-4zM7 26h4v10h-4z"/></g>'
        '<path d="M-30-30q12-16 26-6q-12 14-26 6z" fill="#e58ba3"/>'
    )


def owl(c: str, p: Paint) -> str:
    return (
        f'<path d="M-36-44Q-20-30 0-32Q20-30 36-44Q46 0 32 30Q16 48 0 46Q-16 48-32 30Q-46 0-36-44Z" fill="{c}"/>'
        '<g fill="#fffaf0"><circle cx="-15" cy="-12" r="14"/><circle cx="15" cy="-12" r="14"/><path d="M0 10q24 12 0 34q-24-22 0-34z" opacity=".7"/></g>'
        '<g fill="#3a2a24"><circle cx="-14" cy="-12" r="6"/><circle cx="14" cy="-12" r="6"/></g><path d="m0-4 6 10h-12z" fill="#e9a23b"/>'
    )


def dog(c: str, p: Paint) -> str:
    return (
        f'<path d="M-44 6C-44-6-34-8-24-8H12L20-26 28-12 44-8Q46 4 30 6L26 12V40H14V22H-22V40H-34V14Q-44 14-44 6ZM-38 2Q-50-8-44-24L-32-6Z" fill="{c}"/>'
        f'<circle cx="28" cy="-4" r="3" fill="{INK}"/><path d="M14-8 26 10" stroke="#c8373c" stroke-width="6"/>'
    )


def cat(c: str, p: Paint) -> str:
    return (
        f'<path d="M-34-44-14-28H14L34-44 38-2Q38 34 0 36T-38-2Z" fill="{c}" stroke="{c}" stroke-width="4" stroke-linejoin="round"/>'
        f'{EYES}<path d="M-5 6H5L0 12ZM0 12q-8 10-14 4M0 12q8 10 14 4M-20 8-44 4M-20 14-44 18M20 8 44 4M20 14 44 18" stroke="#3a2a24" stroke-width="2.500" fill="none"/>'
    )


def rabbit(c: str, p: Paint) -> str:
    return (
        f'<g fill="{c}"><ellipse cx="-15" cy="-28" rx="10" ry="26" transform="rotate(-10 -15 -28)"/><ellipse cx="15" cy="-28" rx="10" ry="26" transform="rotate(10 15 -28)"/>'
        '<circle cy="16" r="31"/></g><g fill="#f0b5bd"><ellipse cx="-15" cy="-28" rx="4" ry="17" transform="rotate(-10 -15 -28)"/>'
        '<ellipse cx="15" cy="-28" rx="4" ry="17" transform="rotate(10 15 -28)"/><path d="M-5 18H5L0 25Z"/></g>'
        '<g fill="#3a2a24"><circle cx="-12" cy="10" r="4"/><circle cx="12" cy="10" r="4"/></g>'
    )


def snowflake(c: str, p: Paint) -> str:
    arm = '<path d="M0 0V-44M0-26-12-38M0-26 12-38M0-12-10-22M0-12 10-22"/>'
    arms = "".join(f'<g transform="rotate({a})">{arm}</g>' for a in range(0, 360, 60))
    return f'<g fill="none" stroke="{c}" stroke-width="5" stroke-linecap="round">{arms}</g>'


def leaf(c: str, p: Paint) -> str:
    return (
        f'<path d="M-36 40C-50-20 0-46 44-44 46 4 20 46-36 40Z" fill="{c}"/>'
        '<path d="M-42 46Q-10 10 28-28M-20 22V-4M-20 22H8M2 0V-22M2 0H24" stroke="#fff" stroke-opacity=".7" stroke-width="4" fill="none"/>'
    )


def rocket(c: str, p: Paint) -> str:
    return (
        '<g transform="rotate(30)"><path d="M-20 16Q-22-30 0-48Q22-30 20 16Z" fill="#fffaf0"/><path d="M-20 4-36 28-18 20ZM20 4 36 28 18 20ZM-13-28Q-8-40 0-48Q8-40 13-28Z" fill="#c8373c"/>'
        '<circle cy="-8" r="9" fill="#5b8fbf"/><path d="M-10 20Q0 56 10 20Z" fill="#eec04f"/></g>'
    )


def toadstool(c: str, p: Paint) -> str:
    return (
        '<path d="M-13 2Q-18 40-22 44H22Q18 40 13 2Z" fill="#fff3dc"/><path d="M-48 6Q-44-42 0-42T48 6Q0 18-48 6Z" fill="#cb3a3f"/>'
        '<g fill="#fffaf0"><circle cx="-22" cy="-10" r="8"/><circle cx="4" cy="-26" r="9"/><circle cx="26" cy="-8" r="7"/><circle cx="2" r="6"/></g>'
    )


def crown(c: str, p: Paint) -> str:
    return (
        f'<path d="M-40 28-46-20-22 4 0-32 22 4 46-20 40 28Z" fill="{c}" stroke="{c}" stroke-width="4" stroke-linejoin="round"/>'
        f'<g fill="{c}"><circle cy="-38" r="7"/><circle cx="-46" cy="-24" r="6"/><circle cx="46" cy="-24" r="6"/></g><path d="M-40 34H40" stroke="{c}" stroke-width="8"/>'
    )


def car(c: str, p: Paint) -> str:
    return (
        f'<path d="M-46 18V2Q-44-6-30-6L-18-26H14L28-6Q46-6 46 8V18Z" fill="{c}"/><path d="M-12-20H-2V-6H-20ZM4-20H12L20-6H4Z" fill="#fffaf0"/>'
        '<g fill="#3a2a24"><circle cx="-24" cy="18" r="11"/><circle cx="26" cy="18" r="11"/></g><g fill="#fffaf0"><circle cx="-24" cy="18" r="4"/><circle cx="26" cy="18" r="4"/></g>'
    )


def elephant(c: str, p: Paint) -> str:
    return (
        f'<path d="M-40 36V2C-40-28-14-34 4-30 10-42 40-44 44-18 46 0 40 20 46 28L36 32C28 22 32 8 28 4L16 8V36H2V18H-24V36Z" fill="{c}"/>'
        f'<path d="M6-24Q24-30 24-10Q12 2 6-10Z" fill="{p.deep}" opacity=".35"/><circle cx="32" cy="-18" r="3" fill="{INK}"/>'
    )


def dinosaur(c: str, p: Paint) -> str:
    return (
        f'<path d="M-48 26C-40 0-24-10-6-10 6-10 10-20 12-30 14-44 40-46 44-30 46-20 32-18 28-16 28 0 24 14 16 20V40H4V24H-12V40H-24V20Q-36 30-48 26Z" fill="{c}"/>'
        f'<circle cx="30" cy="-32" r="3" fill="{INK}"/><path d="m-26-8 4-10 6 8 4-10 6 8" fill="{p.deep}" opacity=".5"/>'
    )


def fish(c: str, p: Paint) -> str:
    return f'<path d="M-46-18-26-2-46 16Q-14 34 16 20 36 12 46 0 36-14 16-20-14-32-46-18Z" fill="{c}"/><circle cx="24" cy="-6" r="4" fill="{INK}"/>'


def angel(c: str, p: Paint) -> str:
    return (
        f'<path d="M-6-6C-40-36-54-4-44 12-30 8-14 8-6-6ZM6-6C40-36 54-4 44 12 30 8 14 8 6-6Z" fill="#fffaf0"/><path d="M-8-14H8L28 44H-28Z" fill="{c}"/>'
        '<circle cy="-24" r="13" fill="#f3d3b6"/><ellipse cy="-42" rx="15" ry="4" fill="none" stroke="#d3a53f" stroke-width="4"/>'
    )


EMBLEMS = [
    (re.compile(pattern), draw)
    for pattern, draw in (
        (r"\bHEARTS?\b|\bLOVE\b|SWEETHEART", heart),
        (r"\bSTARS?\b", star),
        (r"BUTTERFL", butterfly),
        (r"STRAWBERR", strawberry),
        (r"CHERR", cherry),
        (r"\bAPPLES?\b|FRUIT", apple),
        (r"\bPEARS?\b", pear),
        (r"SKULLS?", skull),
        (r"\bOWLS?\b", owl),
        (r"\bDOGS?\b|SCOTTIE|SCOTTY|\bPUPPY", dog),
        (r"\bCATS?\b|KITTEN|KITTY", cat),
        (r"RABBITS?|BUNNY|BUNNIES|\bHARE\b", rabbit),
        (r"SPACEBOY|SPACE|ROBOT", rocket),
        (r"TOADSTOOL|MUSHROOM", toadstool),
        (r"KEEP CALM|CROWN|PRINCESS|QUEEN|\bKING\b|ROYAL", crown),
        (r"\bCARS?\b|CAMPER", car),
        (r"ELEPHANT", elephant),
        (r"DINOSAUR", dinosaur),
        (r"\bFISH", fish),
        (r"ANGEL|CHERUB|\bFAIRY\b(?! (CAKE|LIGHT))", angel),
        (r"BIRDS?\b|DOVE|LOVEBIRD|ROBIN\b|CHICKS?\b|\bHENS?\b|DUCK|PARROT|COCKEREL", bird),
        (r"SNOWFLAKE|CHRISTMAS|XMAS|SNOW|REINDEER|NOEL|HOLLY|SANTA", snowflake),
        (r"ROSES?\b|REGENCY|PEONY", rose),
        (r"FLOWERS?|DAISY|DAISIES|FLORAL|BLOSSOM|POPPY|PANSY|PRIMROSE|GARDEN|VINTAGE", flower),
        (r"LEAF|LEAVES|WOODLAND|HERB|LAVENDER|BOTANICAL", leaf),
    )
]
