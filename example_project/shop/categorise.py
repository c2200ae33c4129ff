"""Put products on shelves by the words of their titles: the source has no categories.

Each rule is a shelf and the words that belong there. A rule's score is where its last matching word ends, because an
English title ends with the thing itself ("RED RETROSPOT MUG"; "LUNCH BAG VINTAGE DOILY DESIGN" is the exception that
`FIRST` settles). Rules in `FIRST` are tried in order before all others; `LAST` catches what names only a motif.

    python -m example_project.shop.categorise          prints how many titles each shelf receives
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable

OTHER = "Everything Else"

# (department, shelf): the tree in the order in which the shop shows it.
SHELVES: tuple[tuple[str, str], ...] = (
    ("Lanterns & Candles", "T-Light Holders"),
    ("Lanterns & Candles", "Candles & Scents"),
    ("Lanterns & Candles", "Lanterns & Lights"),
    ("Kitchen & Dining", "Tea & Coffee"),
    ("Kitchen & Dining", "Baking & Cakes"),
    ("Kitchen & Dining", "Tableware & Napkins"),
    ("Kitchen & Dining", "Tins, Jars & Cookware"),
    ("Bags & Travel", "Shoppers & Totes"),
    ("Bags & Travel", "Lunch Bags & Boxes"),
    ("Bags & Travel", "Purses & Travel"),
    ("Home Decor", "Clocks, Frames & Mirrors"),
    ("Home Decor", "Signs & Wall Art"),
    ("Home Decor", "Cushions & Doormats"),
    ("Home Decor", "Hooks, Knobs & Furniture"),
    ("Home Decor", "Hearts & Ornaments"),
    ("Home Decor", "Boxes, Baskets & Drawers"),
    ("Christmas", "Tree & Hanging Decorations"),
    ("Christmas", "Christmas Gifts & Table"),
    ("Cards & Paper", "Cards, Wrap & Ribbons"),
    ("Cards & Paper", "Notebooks, Pens & Craft"),
    ("Party & Easter", "Bunting & Party"),
    ("Party & Easter", "Easter"),
    ("Toys & Children", "Toys & Games"),
    ("Toys & Children", "Children's Room & Mealtime"),
    ("Garden", "Plants, Pots & Tools"),
    ("Jewellery", "Necklaces & Bracelets"),
    ("Jewellery", "Earrings & Hair"),
    ("Bath & Comfort", "Hot Water Bottles & Warmers"),
    ("Bath & Comfort", "Bath & Beauty"),
)

_FIRST: tuple[tuple[str, str], ...] = (
    ("Cards, Wrap & Ribbons", r"^WRAP\b|WRAP$|(GREETING|BIRTHDAY|BLANK) CARD|^CARD |^SET \d+ CARDS"),
    ("Notebooks, Pens & Craft", r"NOTEBOOK|SKETCHBOOK|PENCILS?\b|\bPENS?\b"),
    ("Hot Water Bottles & Warmers", r"HOT WATER BOT|HOTTIE|HAND ?WARMER|HEAT ?PACK|EYE MASK|SLEEP MASK"),
    ("Easter", r"EASTER|FELT EGG|CHICKS?\b|PAINTED EGG|EGG (CUP|COSY|FLORAL)"),
    (
        "Tree & Hanging Decorations",
        r"BAUBLE|TREE (DEC|HANG|TOP)|"
        r"(CHRISTMAS|XMAS).*(DECO|DEC\b|DECS|HANGING|GARLAND|WREATH|TREE|STAR|BELL|HEART|ANGEL|LIGHT|STOCKING)|"
        r"TREE DECORATION|ADVENT|JINGLE|SLEIGH BELL|GISELA|MISTLETOE",
    ),
    ("Christmas Gifts & Table", r"CHRISTMAS|XMAS|SANTA|REINDEER|SNOWMAN|NOEL|RUDOLPH|HOLLY|SNOWFLAKE|NATIVITY"),
    ("Lunch Bags & Boxes", r"LUNCH ?B(AG|OX)|SNACK BOX|PICNIC|SANDWICH|HAMPER|COOL ?BAG"),
    (
        "Shoppers & Totes",
        r"JUMBO.*(BAG|SHOPPER)|SHOPPER|CHARLOTTE BAG|RECYCLING BAG|STORAGE BAG|TOTE|SHOULDER BAG|LAUNDRY|"
        r"BEACH BAG|\bBAG FOR",
    ),
    ("Cushions & Doormats", r"DOOR ?MAT|KNEELING (PAD|MAT)"),
    ("Toys & Games", r"PLAYING CARDS|SNAP CARDS|CARD GAME"),
    ("Purses & Travel", r"PHONE CHAR|BAG CHARM|LUGGAGE|PASSPORT"),
    (
        "T-Light Holders",
        r"\bT-? ?LIGHT|TEA ?LIGHT|CANDLE ?HOLDER|VOTIVE|CANDLE (POT|PLATE)|CANDLE ?STICK|CANDELABRA|HURRICANE",
    ),
    (
        "Necklaces & Bracelets",
        r"NECKLACE|NECKL|BRACELET|PENDANT|BANGLE|LARIAT|CHOKER|(?<!KEY )RING\b|BRELOCK|BROOCH|NECKLET|BRACLET",
    ),
    ("Earrings & Hair", r"EARRING|HAIR|CUFFLINK|TIARA|SCARF|SARONG|GLOVES|\bSOCKS|PONCHO"),
    (
        "Signs & Wall Art",
        r"\bSIGNS?\b|DOORSIGN|PLAQUE|WALL ART|BLOCK (WORD|LETTER)|BUILDING BLOCK|WOOD(EN)? LETTERS|"
        r"DOOR HANGER|CHALK ?BOARD|BLACK ?BOARD|MEMO|NOTICE|CALENDAR|POSTER|TILE\b|METAL LETTER|"
        r"LETTER \"|CANVAS|STENCIL",
    ),
    ("Children's Room & Mealtime", r"CHILD(REN)?S? |\bKIDS\b|BABY BIB|PIGGY BANK|MONEY ?BOX"),
    (
        "Baking & Cakes",
        r"CAKE ?STAND|CAKE (CASE|TIN|SLICE|FRILL|PLATE|MOULD|CANDLE|TOWEL)|COOKIE|BAKING|CUPCAKE|MUFFIN|"
        r"JELLY|MOULD|RECIPE|ROLLING PIN|PASTRY|FAIRY CAKE|PETIT FOUR|WHISK|MEASURING|CAKE",
    ),
    (
        "Tea & Coffee",
        r"TEA ?CUP|TEA ?POT|TEA (SET|FOR|COSY|BAG|TOWEL|STRAINER|PARTY|TIME|GLASS|LEAVES)|TEA,COFFEE|"
        r"COFFEE|\bMUGS?\b|SAUCER|SUGAR|MILK|CREAMER|TEASPOON|\bTEA\b|EGG CUP|HOT CHOC",
    ),
    (
        "Bunting & Party",
        r"BUNTING|GARLAND|PARTY|BALLOON|BIRTHDAY|PAPER (CHAIN|PLATE|CUP|LANTERN|PARASOL)|CONFETTI|"
        r"STREAMER|COCKTAIL|STRAWS|POPCORN|PENNANT|WEDDING|\bFLAGS?$",
    ),
)

_LATER: tuple[tuple[str, str], ...] = (
    (
        "Candles & Scents",
        r"CANDLES?|CHOCOLATECANDLE|INCENSE|SCENT(ED)?|POT ?POURRI|WAX|SACHET|OIL BURNER|MATCHES|SNUFFER|"
        r"ASH ?TRAY|LAVENDER|FRAGRANCE",
    ),
    ("Lanterns & Lights", r"LANTERNS?|LAMPS?|LAMPSHADE|LIGHTS?|NIGHT LIGHT|CHANDELIER|TORCH|\bLED\b|SHADE"),
    (
        "Tableware & Napkins",
        r"PLATES?|BOWLS?|DISH(ES)?|NAPKINS?|TRAYS?|COASTERS?|CUTLERY|SPOONS?|PLACE ?MATS?|PLACE SETTING|"
        r"GLASS(ES)? (JUG|TUMBLER)|JUGS?|TUMBLERS?|BEAKERS?|DOIL(Y|IES|EY)|TABLE ?CLOTH|WINE|DECANTER|"
        r"PLATTER|CHOPSTICKS|TOAST|TISSUES?|SERVIETTE|GOBLET|CRUET|SALT|PEPPER|PARFAIT|CARAFE|GLASS SET|"
        r"CHILLI|TANKARD|PITCHER|SUNDAE|CUP\b",
    ),
    (
        "Tins, Jars & Cookware",
        r"TINS?|JARS?|PANS?|APRONS?|OVEN|TRIVET|SCALES|KITCHEN|PANTRY|COLANDER|BREAD|BISCUIT|STORAGE JAR|"
        r"CONTAINER|JAM|SPICE|BOTTLE(S)?|CASSEROLE|SAUCEPAN|FRYING|LADLE|GRATER|TEA ?TOWELS?|FRIDGE|"
        r"WASHING UP|FOOD COVER|SPATULA|TIMER|FLASK|DUSTPAN|BRUSH|OPENER|CORKSCREW|UTENSIL|ICE CREAM|"
        r"LOLLY|CLOCHE|PEGS?|TOASTRACK|TOASTER|CAN\b|CADDY|KNIFE",
    ),
    ("Shoppers & Totes", r"BAGS?|SACK|BASKET BAG|SATCHEL|HOLDALL"),
    (
        "Purses & Travel",
        r"PURSES?|WALLETS?|HAND ?BAG|LUGGAGE|PASSPORT|UMBRELLAS?|TRAVEL|WASH ?BAG|COSMETIC|MAKE ?UP|"
        r"KEY ?RINGS?|KEY ?FOBS?|TRAVELOGUE|RUCKSACK|PHONE|CLUTCH|CARD HOLDER|GLASSES CASE|COIN|PARASOL|"
        r"CIGAR|KEY CHAIN|SUITCASE|BAG CHARM|MONEY BELT|HAT\b|FAN\b",
    ),
    ("Clocks, Frames & Mirrors", r"CLOCKS?|FRAMES?|MIRRORS?|PHOTO|PICTURE|ALBUM|CORNICE|WATCH|THERMOMETER"),
    (
        "Signs & Wall Art",
        r"MAGNETS?|DECORATIVE PLATE|STICKERS?|WALL|PINBOARD|LETTERS?\b|ALPHABET LETTER|PRINT\b|PAINTING",
    ),
    (
        "Cushions & Doormats",
        r"CUSHIONS?|THROW|QUILT|BLANKET|DOOR ?STOPS?|RUG|MAT|CURTAIN|BEAN ?BAG|PILLOW|DRAUGHT|BEDSPREAD|"
        r"FABRIC|TABLE RUNNER|RUNNER|PADS?|HAMMOCK|SUKI.*COVER|FOOTSTOOL|COVER\b",
    ),
    (
        "Hooks, Knobs & Furniture",
        r"HOOKS?|HANGERS?|RACK|KNOBS?|SHELF|SHELVES|CHAIR|STOOL|TABLE|CHEST OF|BIRDCAGE|BIRD CAGE|"
        r"WARDROBE|DOORBELL|DOOR BELL|STAND|CAGE|COAT|MAGAZINE|LADDER|BENCH|BELL|KEY CABINET|KEY BOX|"
        r"KEY\b|KEYS|CROZIER|BOOKENDS?|TOILET|LETTER ?BOX|DOOR\b|SCREEN|FIRE ?PLACE",
    ),
    (
        "Hearts & Ornaments",
        r"ORNAMENTS?|DECORATIONS?|DECO\b|DECS?\b|WREATH|FILIGRE?E|FILIGRIS|HANGING|MOBILE|FIGURE|STATUE|"
        r"BIRDS?|DUCKS?|WICKER HEART|HEART OF|TRELLIS|STRING|SUNCATCHER|WIND ?CHIME|PAPERWEIGHT|FEATHER|"
        r"CRYSTAL|ANGEL|CHERUB|BUDDHA|HORSE|FLYING|GLOBE|DOVE|OWL|DANGLER|ON STICK|CHARMS?|BABUSHKA|"
        r"CURIO|DROPS?|MURANO|VASE",
    ),
    (
        "Cards, Wrap & Ribbons",
        r"CARDS?|WRAP|RIBBONS?|GIFT ?TAGS?|TAGS?|ENVELOPES?|POSTCARD|BOWS?|TAPE|INVIT|PAPER\b|GIFT TAPE|"
        r"LABELS?|PACKING",
    ),
    (
        "Notebooks, Pens & Craft",
        r"NOTE ?BOOKS?|NOTEPADS?|BOOKS?|JOURNAL|PENS?|PENCILS?|CRAYONS?|CHALKS?|ERASERS?|RUBBER|"
        r"STATIONERY|WRITING SET|SKETCHBOOK|RULERS?|STAMPS?|CRAFT|FELTCRAFT|KNITTING|SEWING|REELS?|"
        r"CROCHET|BUTTONS?|STICKY|CALCULATOR|PAPERCLIP|CLIPS?|TAPES?|GLUE|PAINT|DRAWING|SHARPENER|"
        r"ORGANI[SZ]ER|DIARY|JOTTER|MEASURE|PATCHES|BEADS|THREAD|WOOL\b|NANCY|SCISSORS|POMPOM|DECOUPAGE|"
        r"FELT\b|ORIGAMI",
    ),
    (
        "Bunting & Party",
        r"FANCY DRESS|CROWN|FLAG|FAIRY WAND|HEN PARTY|FEATHER BOA|HULA|LEI\b|DISCO|PINATA|SPARKLER|PARADE.*WRAP",
    ),
    (
        "Toys & Games",
        r"TOYS?|GAMES?|JIGSAW|PUZZLE|DOLLS?|TEDDY|BEAR\b|PLAYHOUSE|DOMINOE?S?|SKITTLES|HARMONICA|SNAKES|"
        r"LUDO|BINGO|GLIDER|RECORDER|SKIPPING|YO ?YO|SPINNING|DICE|SNAP|MARBLES|SOLDIER|ROBOT|TRAIN|"
        r"CARS?\b|TRUMPET|WHISTLE|KALEIDOSCOPE|KITE|PUPPET|BALLS?|FARM|TATTOO|MODELLING|COLOURING|"
        r"NAUGHTS|CROQUET|ROUNDERS|QUOITS|MAGIC|JUMPING|DINOSAURS?|ZOO|ANT ?FARM|ROCKET|HELICOPTER|"
        r"INFLATABLE|SKIP+ING|CRAWLIE|SNAKE|TAMBOURINE|MARACA|CASTANET|GUITAR|DRUM\b|XYLOPHONE|CATAPULT|"
        r"GUM ?BALL|HOOPLA|HOOP|TRADITIONAL|COWBOY|COWGIRL|FORTUNE|WIND ?UP|TOP\b|SOFT|MONKEY|FROG|"
        r"PIRATE|SLIME",
    ),
    (
        "Children's Room & Mealtime",
        r"CHILD(REN)?S?|KIDS|BABY|BOYS?|GIRLS?|NURSERY|BIB|MONEY ?BOX|MONEY BANK|PIGGY|DOLLY GIRL|TOOTH|PLASTERS?",
    ),
    (
        "Plants, Pots & Tools",
        r"GARDEN(ERS)?|PLANTS?|PLANTERS?|POTS?\b|WATERING|WINDMILL|BIRD ?(HOUSE|BOX|FEEDER|TABLE|BATH)|"
        r"HERB|SEEDS?|GROW|TROWEL|SECATEURS|TRUG|SPADE|BUCKET|ARTIFICIAL|FLOWERS?$|SHED|TULIP|DAFFODIL|"
        r"HYACINTH|ORCHID|BLOSSOM|BRANCH|FORK\b|HANGING BASKET|ALLOTMENT|WELLY|BOOT|NEST|LEAF\b|URN\b|"
        r"FOXGLOVE|DELPHINIUM|TREE\b|FOUNTAIN|FLORAL (SPRAY|STEM)|STEM\b|TWIG|BERRY|BERRIES|SUNFLOWER|"
        r"FLY SWAT|GNOME",
    ),
    ("Earrings & Hair", r"DIAMANTE|GRIPS?|SLIDES?|BAND\b|JEWEL(LED|RY|LERY)?|PINS?\b"),
    (
        "Bath & Beauty",
        r"SOAP|BATH(ROOM|S)?|TOWELS?|FLANNEL|SPONGE|LIP GLOSS|PERFUME|NAIL|SHOWER|BEAUTY|MANICURE|LOOFAH|"
        r"PAMPER|TALC|LOTION|BUBBLE|TISSUE BOX|SLIPPERS|MASSAGE|SLIPPER|SHAMPOO|COMB\b|COMPACT",
    ),
    (
        "Boxes, Baskets & Drawers",
        r"BOX(ES)?|BASKETS?|DRAWERS?|CABINET|CRATES?|BINS?|TRINKET|CASES?|CHEST|TIDY|STORAGE|WICKER|"
        r"HOLDER|CUBES?|CUPBOARD|TRUNK|PAIL|RECYCLING|TREASURE|SAFE\b",
    ),
)

_LAST: tuple[tuple[str, str], ...] = (
    ("Children's Room & Mealtime", r"SPACE|CIRCUS|SCHOOL|BUNN(Y|IES)|FAIRY|PRINCESS|CHARLIE|LOLA|RABBIT|DOLLY"),
    (
        "Hearts & Ornaments",
        r"HEARTS?|STARS?|BUTTERFL|GLITTER|FELT|GLASS|ZINC|CERAMIC|PORCELAIN|ANTIQUE|CHARM|WOOD(EN)?|SILVER|ENAMEL",
    ),
    ("Tins, Jars & Cookware", r"SET OF|RETROSPOT"),
)


def _compiled(rules: Iterable[tuple[str, str]]) -> list[tuple[str, re.Pattern[str]]]:
    return [(shelf, re.compile(rf"(?<![A-Z])(?:{words})")) for shelf, words in rules]


FIRST, LATER, LAST = _compiled(_FIRST), _compiled(_LATER), _compiled(_LAST)


def shelf_for(title: str) -> str:
    """The shelf a title belongs to; `Everything Else` when no word says."""
    words = " ".join(title.upper().split())
    for shelf, pattern in FIRST:
        if pattern.search(words):
            return shelf
    # What follows WITH or IN is an extra ("TIN WITH LID"), so the thing itself stands before it.
    for part in (re.split(r"\b(?:WITH|IN)\b|\bW/", words)[0], words):
        ends = [(max((m.end() for m in pattern.finditer(part)), default=0), shelf) for shelf, pattern in LATER]
        end, shelf = max(ends, key=lambda pair: pair[0])
        if end:
            return shelf
    for shelf, pattern in LAST:
        if pattern.search(words):
            return shelf
    return OTHER


def coverage(titles: Iterable[str]) -> Counter[str]:
    """How many titles each shelf receives."""
    return Counter(shelf_for(title) for title in titles)


def main() -> None:
    from example_project.shop.load import read_source, source_products

    counts = coverage(product.title for product in source_products(read_source()).values() if not product.is_service)
    total = sum(counts.values())
    departments = {shelf: department for department, shelf in SHELVES}
    for shelf, count in counts.most_common():
        sys.stdout.write(f"{count:5d} {count / total:6.1%}  {departments.get(shelf, '-')} / {shelf}\n")


if __name__ == "__main__":
    main()
