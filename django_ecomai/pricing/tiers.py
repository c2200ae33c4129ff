"""Which attribute of customers is their tier, and which attributes are never looked at."""

from __future__ import annotations

from django_ecomai.conf import ecomai

#: Never taken for a tier, whatever the settings say: attributes of a person, and what stands in for them.
PROTECTED = frozenset(
    [
        "age",
        "birth",
        "birthday",
        "birth_date",
        "birth_year",
        "birthdate",
        "city",
        "colour",
        "confession",
        "country",
        "dateofbirth",
        "device",
        "disability",
        "dob",
        "email",
        "ethnicity",
        "first_name",
        "gender",
        "health",
        "ip",
        "language",
        "last_name",
        "marital_status",
        "name",
        "nationality",
        "origin",
        "phone",
        "postal_code",
        "postcode",
        "race",
        "religion",
        "sex",
        "sexual_orientation",
        "street",
        "surname",
        "title",
        "union",
        "zip",
        "zip_code",
    ]
)


def tier_attribute() -> str:
    """The attribute of the settings, empty where it is one that is never looked at."""
    name = str(ecomai.PRICING_TIER_ATTRIBUTE or "")
    return "" if is_protected(name) else name


def is_protected(name: str) -> bool:
    """Whether an attribute is of a person."""
    return name.strip().casefold().replace("-", "_").replace(" ", "_") in PROTECTED
