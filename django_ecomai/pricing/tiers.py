"""Which attribute of customers is their tier: names of the trade pass, what is of a person never does.

A name is read word by word. It passes when all its words are of the trade (`TRADE`, with `NEUTRAL` ones beside them).
Any other needs ``PRICING_TIER_CHECKED`` as well, and one with a word of a person (`PROTECTED`), or of what stands in
for one, is refused whatever the settings say.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from django_ecomai.conf import ecomai


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Channel, region (larger than an address), tier and volume of the trade, in English and German.
TRADE = _set(
    """
    channel channels sales vertrieb vertriebsweg vertriebskanal kanal kanaele outlet filiale branch marketplace
    region regions gebiet vertriebsgebiet verkaufsgebiet territory zone area tier tiers level stufe klasse class
    group groups gruppe gruppen kundengruppe kundengruppen kundenklasse kundentyp kundenart kundensegment
    kundenkategorie kundenstufe segment segments rank rang category kategorie type typ art status customergroup
    customertype customertier customerclass customersegment pricegroup preisgruppe pricelist preisliste price
    preis prices preise list liste discount rabatt rabattgruppe rabattstufe rebate condition conditions
    kondition konditionen volume volumen menge mengen mengenstufe mengenklasse quantity quantities umsatz
    umsatzklasse umsatzstufe turnover trade handel wholesale grosshandel grosshaendler retail einzelhandel
    haendler dealer reseller wiederverkaeufer distributor distribution partner b2b b2c business gewerbe
    gewerblich company firma industry branche sector sektor contract vertrag account konto framework
    rahmenvertrag
    """
)
#: Say nothing by themselves.
NEUTRAL = _set(
    """
    customer customers client clients buyer kunde kunden kaeufer user member membership code key of der des shop
    """
)
#: Words of a person, and of what stands in for one.
PROTECTED = _set(
    """
    age ages agegroup ageband agerange ageclass alter jahrgang young old senior seniors junior minor adult
    erwachsene kind kinder child children jung alt rentner pension retired student students schueler dob sex
    sexes gender male female man woman men women boy girl mann frau herr maennlich weiblich divers nonbinary mr
    mrs ms miss salutation anrede title titel name names surname firstname lastname forename vorname nachname
    familienname mail email phone mobile telefon handy fax ip ipaddress device devices geraet browser os
    platform cookie street strasse city town ort stadt wohnort country land state bundesland county district
    stadtteil quartier neighbourhood neighborhood address adresse zip zipcode plz postleitzahl postcode postal
    postalcode latitude longitude lat lng lon geo location standort coordinates nation nationality nationalitaet
    citizenship passport race rasse ethnic ethnicity ethnie colour color skin haut hautfarbe origin herkunft
    migration immigrant language sprache mother tongue muttersprache locale accent religion religious confession
    konfession glaube faith church kirche kirchensteuer belief union gewerkschaft partei political politics vote
    health gesundheit krankheit disease disability disabled behinderung schwerbehindert pregnant pregnancy
    schwanger schwangerschaft genetic marital married divorced widowed ledig verheiratet geschieden verwitwet
    familienstand household haushalt family orientation gay lesbian income einkommen salary gehalt lohn wage
    wealth vermoegen credit score schufa bonitaet job profession beruf occupation employer education bildung
    school degree schulabschluss
    """
)
#: Values that tell a person, whatever the attribute is called.
OF_PERSONS = _set(
    """
    male female man woman men women mann frau herr maennlich weiblich divers mr mrs ms miss
    """
)
#: Found anywhere in a word, as German joins words: "Kundengeschlecht", "customergender".
STEMS = (
    "gender", "geschlecht", "birth", "geburt", "religi", "konfession", "nationalit", "staatsang", "staatsbuerger",
    "herkunft", "ethni", "postleitzahl", "postcode", "zipcode", "postalcode", "einkommen", "familienstand", "marital",
    "behinder", "disabilit", "sexual", "sexuell", "schwanger", "pregnan", "muttersprach", "hautfarb", "gewerkschaft",
    "vorname", "nachname", "firstname", "lastname", "surname", "anrede", "salutation", "citizenship", "immigra",
    "migrationshintergrund", "ipaddress", "useragent", "salary", "gesundheit", "krankheit",
)  # fmt: skip
#: At either end of a word: "Altersgruppe", "Lebensalter", "Wohnadresse", "customerage".
BEGINNINGS = ("alters", "income", "einkomm", "adress", "address", "sprach", "telefon", "strasse", "wohn", "bonitaet")
ENDINGS = ("alter", "plz", "adresse", "address", "sprache", "language", "einkommen", "income", "wohnort", "customerage")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_WORD = re.compile(r"(?i:b2[bc])(?![A-Za-z0-9])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, small and without accents (umlauts as two letters): it is cut at whatever is no letter,
    and where camelCase begins a word. Digits say nothing."""
    composed = unicodedata.normalize("NFKC", str(name)).translate(_UMLAUTS)
    plain = "".join(one for one in unicodedata.normalize("NFKD", composed) if not unicodedata.combining(one))
    return tuple(one.casefold() for one in _WORD.findall(plain))


def is_protected(name: str) -> bool:
    """Whether a name has a word of a person, or of what stands in for one."""
    words = words_of(name)
    joined = "".join(words)
    if any(stem in joined for stem in STEMS):
        return True
    return any(word in PROTECTED or word.startswith(BEGINNINGS) or word.endswith(ENDINGS) for word in words)


def is_of_the_trade(name: str) -> bool:
    """Whether all words of a name are of the trade, one of them not neutral, and none of a person."""
    words = set(words_of(name))
    return bool(words & TRADE) and words <= TRADE | NEUTRAL and not is_protected(name)


def tier_attribute() -> str:
    """The attribute of the settings; empty where it is of a person, or where nobody has said that it is not."""
    name = str(ecomai.PRICING_TIER_ATTRIBUTE or "")
    return "" if not name or tier_problem() else name


def tier_problem() -> str:
    """What is wrong with ``PRICING_TIER_ATTRIBUTE``: "person", "unchecked", or "" for nothing."""
    name = str(ecomai.PRICING_TIER_ATTRIBUTE or "")
    if not name:
        return ""
    if is_protected(name):
        return "person"
    return "" if is_of_the_trade(name) or name == ecomai.PRICING_TIER_CHECKED else "unchecked"


def are_of_persons(values: Iterable[str]) -> bool:
    """Whether the values of an attribute tell what its name does not: salutations, sexes."""
    return any(OF_PERSONS & set(words_of(value)) for value in values)
