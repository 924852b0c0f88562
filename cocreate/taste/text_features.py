"""What the words of a song are like, as named features of the same content space as its notes.

Conventions:
    A feature is a share of the words (0..1), except ``words_glad``, the mean valence (-4..4) of the words that
    have one. All are None for a song without words.
"""

from __future__ import annotations

from collections.abc import Sequence

from cocreate.music.prosody import split_words, valences
from cocreate.music.song import Part
from cocreate.music.wordlists import QUAINT, TOPICS

TEXT_FEATURES = (*(f"words_{topic}" for topic in TOPICS), "words_glad", "words_old", "words_own", "words_repeat")
_OWN = frozenset("i i'm i'll i've i'd me my mine myself 我 吾 余 侬".split())
_LINE = 3  # words in a row that make a repeat


def words_of(part: Part) -> list[str]:
    """The words of a part's first verse, syllables joined, lower case; Chinese character by character."""
    verse = min((syllable.verse for syllable in part.syllables), default=1)
    text = ""
    for syllable in part.syllables:
        if syllable.verse == verse:
            text += syllable.text.strip() + ("" if syllable.joins_next else " ")
    return plain_words(text)


def plain_words(text: str) -> list[str]:
    """Words of a text, lower case; Chinese character by character."""
    found: list[str] = []
    for word in split_words(text):
        found += list(word) if any("一" <= char <= "鿿" for char in word) else [word.lower()]
    return found


def text_features(words: Sequence[str]) -> dict[str, float | None]:
    """The features of a text, by name; see ``plain_words`` for the words."""
    if not words:
        return dict.fromkeys(TEXT_FEATURES)
    count = len(words)
    found: dict[str, float | None] = {
        f"words_{topic}": sum(word in known for word in words) / count for topic, known in TOPICS.items()
    }
    glad = [valences()[word] for word in words if word in valences()]
    found["words_glad"] = sum(glad) / len(glad) if glad else 0.0
    found["words_old"] = sum(word in QUAINT for word in words) / count
    found["words_own"] = sum(word in _OWN for word in words) / count
    runs = [tuple(words[n : n + _LINE]) for n in range(count - _LINE + 1)]
    found["words_repeat"] = 1 - len(set(runs)) / len(runs) if runs else 0.0
    return found
