"""What shoppers read is there in German. (The catalogues themselves are tested in ``tests/core/test_locale.py``.)"""

from __future__ import annotations

from pathlib import Path

import pytest
from django.template import engines
from django.utils.translation import override

from django_ecomai.recommend import reasons
from django_ecomai.recommend.defaults import default_keys, default_placement

LOCALE = Path(__file__).resolve().parents[2] / "django_ecomai" / "recommend" / "locale"
CODES = [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]


@pytest.mark.parametrize("because", ["", "Laterne"])
@pytest.mark.parametrize("code", CODES)
def test_every_reason_is_translated(code: str, because: str) -> None:
    english = reasons.reason_text(code, because=because)
    with override("de"):
        german = reasons.reason_text(code, because=because)
    assert english and german and english != german
    assert (because in german) == (because in english)


@pytest.mark.parametrize("key", default_keys())
def test_every_heading_of_a_new_shop_is_translated(key: str) -> None:
    placement = default_placement(key)
    assert placement is not None
    english = [placement.label, *(str(slot.title) for slot in placement.slots)]
    with override("de"):
        placement = default_placement(key)
        assert placement is not None
        german = [placement.label, *(str(slot.title) for slot in placement.slots)]
    assert all(one != other for one, other in zip(english, german, strict=True))


def test_the_card_is_translated() -> None:
    item = {"card": {"title": "Laterne", "url": "/laterne/", "price": None}, "reason": ""}
    # The package's own card: the example shop has one of its own in front of it.
    card = LOCALE.parent / "templates" / "ecomai" / "recommend" / "card.html"
    with override("de"):
        html = engines["django"].from_string(card.read_text()).render({"item": item})
    assert 'aria-label="Kein Interesse an Laterne"' in html
    assert 'title="Kein Interesse"' in html
