"""The words that the lyric model knows: control words, whole words, and what is known of each.

Conventions:
    A token is ``Type_Value`` as everywhere; a sung word is ``Word_rain``. A line is written back to front, so that the
    rhyme is drawn first: ``Syl_8`` or ``Mask_wsws Mask_wsws`` (weak and strong places, from the line's beginning),
    ``Rhyme_1stop`` (rhymes with the line one before, ends a sentence), perhaps ``Class_AY T``, then its words from the
    last to the first, then ``Line_None``. For Chinese a word is one character.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cocreate.model.lyric_corpus import ENDS, KINDS, REGISTERS, STRONGLY_ARCHAIC, Poem
from cocreate.model.vocabulary import TASTE_TOKENS, Vocabulary
from cocreate.music.prosody import is_function_word, look_up

WORDS = 10_000
CLASSES = 240  # rhyme classes that have a word of their own
MOST_SYLLABLES = 20
MASK_CHUNK = 4
MOODS = ("dark", "sad", "plain", "warm", "bright")
SECTIONS = ("verse", "chorus", "bridge")
SCHEMES = ("AABB", "ABAB", "ABCB", "AAAA", "ABBA", "AABA", "AAA", "AA", "other")
BACK = 4  # a line may rhyme with one so many lines before it
NEW, FREE = "new", "free"
_WEIGHTS = {"song": 3.0, "verse": 1.0, "prose": 1.5}
_ARCHAIC_WEIGHT = 0.15
_UNKNOWN = "<unk>"


def _by_length(mask: str) -> tuple[int, str]:
    return len(mask), mask


def control_words(classes: Sequence[str]) -> list[str]:
    """All words that are not sung, in id order."""
    masks = [""]
    for _ in range(MASK_CHUNK):
        masks += [mask + mark for mask in masks for mark in "ws"]
    chunks: list[str] = sorted(set(masks) - {""}, key=_by_length)
    groups: list[tuple[str, Iterable[object]]] = [
        ("PAD", ["None"]), ("BOS", ["None"]), ("EOS", ["None"]),
        ("Taste", range(TASTE_TOKENS)),
        ("Kind", KINDS), ("Register", REGISTERS), ("Mood", MOODS), ("Theme", ["None"]),
        ("Section", SECTIONS), ("Scheme", SCHEMES), ("Lines", range(1, 17)),
        ("Syl", range(1, MOST_SYLLABLES + 1)), ("Mask", chunks),
        ("Rhyme", [f"{back}{end}" for back in (NEW, FREE, *range(1, BACK + 1)) for end in ENDS]),
        ("Class", classes), ("Line", ["None"]),
    ]  # fmt: skip
    return [f"{kind}_{value}" for kind, values in groups for value in values]


def choose_words(poems: Iterable[Poem], *, count: int = WORDS) -> Vocabulary:
    """The vocabulary of a corpus: the most frequent words that can be pronounced, songs and plain talk first."""
    weights: Counter[str] = Counter()
    for poem in poems:
        if poem.split == "train":
            weight = _WEIGHTS[poem.kind] * (_ARCHAIC_WEIGHT if poem.register == "archaic" else 1)
            for line in poem.lines:
                for word in line.words:
                    weights[word] += weight  # type: ignore[assignment]
    known = [word for word, _ in weights.most_common(2 * count) if look_up(word)][:count]
    known += sorted(STRONGLY_ARCHAIC - set(known))
    classes: Counter[str] = Counter()
    for word in known:
        classes[look_up(word)[0].rhyme.perfect if look_up(word) else ""] += 1
    classes.pop("", None)
    common = [name for name, _ in classes.most_common(CLASSES)]
    return Vocabulary((*control_words(common), f"Word_{_UNKNOWN}", *(f"Word_{word}" for word in sorted(known))))


@dataclass(frozen=True)
class WordTable:
    """What prosody says of each id; control words and words nobody can say have no syllables."""

    words: Vocabulary

    @cached_property
    def text(self) -> tuple[str, ...]:
        """Each id's word, "" for controls."""
        return tuple(
            value if kind == "Word" and value != _UNKNOWN else ""
            for kind, value in zip(self.words.types, self.words.values, strict=True)
        )

    @cached_property
    def ids(self) -> dict[str, int]:
        """Word -> id."""
        return {word: place for place, word in enumerate(self.text) if word}

    @cached_property
    def unknown(self) -> int:
        """Id of what the vocabulary lacks."""
        return self.words.id("Word", _UNKNOWN)

    @cached_property
    def stresses(self) -> tuple[tuple[int, ...], ...]:
        """Stress of each syllable of the usual pronunciation."""
        return tuple(look_up(word)[0].stresses if word and look_up(word) else () for word in self.text)

    @cached_property
    def content(self) -> npt.NDArray[np.bool_]:
        """Which ids are words that mean something by themselves. Shape (V,)."""
        return np.array([bool(word) and not is_function_word(word) for word in self.text])

    def id(self, word: str) -> int:
        """Id of a word, that of the unknown where the vocabulary lacks it."""
        return self.ids.get(word, self.unknown)
