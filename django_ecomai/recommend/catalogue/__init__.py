"""The one query that brings the products of a page: what is shown of them and whether they may be shown now."""

from .cards import NOTHING, Card, Page, Wanted
from .reading import catalogue_page
from .words import word_stems

__all__ = ["NOTHING", "Card", "Page", "Wanted", "catalogue_page", "word_stems"]
