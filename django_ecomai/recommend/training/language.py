"""The language of the product texts."""

from __future__ import annotations

from django.conf import settings

# Language codes to snowball's names.
_STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian",
    "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def text_language() -> str:
    """The shop's language as the stemmer names it, from ``LANGUAGE_CODE``; empty (no stemming) when it has none."""
    import snowballstemmer

    code = settings.LANGUAGE_CODE.lower().replace("_", "-").split("-")[0]
    name = _STEMMERS.get(code, "")
    return name if name in snowballstemmer.algorithms() else ""
