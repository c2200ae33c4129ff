"""Words of a search against titles: beginnings of words, and shared letter triples."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def word_list(text: str) -> list[str]:
    """The words of a text, casefolded."""
    return _WORD.findall(text.casefold())


def word_stems(words: str) -> list[str]:
    """What titles are looked through for: the first letters of each word, so that endings do not matter."""
    tokens = [token for token in word_list(words[:255]) if len(token) >= 3]
    return list(dict.fromkeys(token if len(token) <= 4 else token[: max(4, len(token) - 3)] for token in tokens))[:6]


def triples(text: str) -> frozenset[str]:
    """Three letters in a row within a word; a space stands before its first one."""
    return frozenset(f" {token} "[at : at + 3] for token in word_list(text) for at in range(len(token)))


def dice(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient: the share that both have in common, 0..1."""
    return 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0
