"""What templates read by name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.template import Context, Engine

from django_ecomai.core.template_access import TemplateAccess


@dataclass(slots=True)
class Lantern(TemplateAccess):
    title: str

    @property
    def length(self) -> int:
        return len(self.title)


def test_attributes_and_properties_are_read_by_name() -> None:
    lantern = Lantern("Red")
    assert (lantern["title"], lantern["length"]) == ("Red", 3)


@pytest.mark.parametrize("name", ["colour", 0, "__dict__"])
def test_what_is_not_there_is_missing_as_in_a_dict(name: object) -> None:
    with pytest.raises(KeyError):
        Lantern("Red")[name]


def test_a_template_shows_the_same_as_without_it() -> None:
    template = Engine().from_string("{{ one.title }}|{{ one.length }}|{{ one.colour }}")
    assert template.render(Context({"one": Lantern("<b>")})) == "&lt;b&gt;|3|"
