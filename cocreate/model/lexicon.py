"""What a line may be made of: every word's syllables, stress, ending and manners, as arrays over the vocabulary.

Conventions:
    Arrays run over ids; a control word has no pattern and never stands in a line. A *pattern* is a row of stresses
    (1 primary, 2 secondary, 0 none). Ending codes are numbers, -1 for none; equal codes rhyme in that tier unless the
    sounds before them (``onset``) are equal too. Words that somebody brings (names) are added at the end and keep their
    own pronunciation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cocreate.model.lyric_words import WordTable
from cocreate.music.prosody import TIERS, Pronunciation, look_up, pronounce

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]

_MOST_PATTERNS = 4
_SUFFIXES = ("'s", "ness", "ing", "ed", "es", "s", "er", "ly", "y", "d", "n", "e")
_LEAST_STEM = 3


@dataclass(frozen=True)
class Lexicon:
    """The words of one language under the vocabulary of one checkpoint.

    Args:
        text: each id's word, "" for what is not sung.
        patterns: each id's possible stress patterns, the usual one first.
        endings: (V, 3) codes of the usual pronunciation, one a tier; ``weak`` (V,) the code of an ending that a strong
            note lifts, comparable with the first column.
        onset: (V,) code of what stands before the rhyme; ``sound`` (V,) equal for homophones; ``stem`` (V,) equal for
            forms of one word.
        content: (V,) true for words that mean something by themselves.
    """

    text: tuple[str, ...]
    patterns: tuple[tuple[tuple[int, ...], ...], ...]
    endings: IntArray
    weak: IntArray
    onset: IntArray
    sound: IntArray
    stem: IntArray
    content: BoolArray
    names: frozenset[str] = field(default_factory=frozenset)

    def __len__(self) -> int:
        return len(self.text)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Word -> id."""
        return {word: place for place, word in enumerate(self.text) if word}

    @cached_property
    def sung(self) -> BoolArray:
        """Which ids are words that can be sung. Shape (V,)."""
        return np.array([bool(p) for p in self.patterns])

    @cached_property
    def known_patterns(self) -> tuple[tuple[int, ...], ...]:
        """Every pattern that occurs."""
        return tuple(sorted({p for own in self.patterns for p in own}, key=lambda p: (len(p), p)))

    @cached_property
    def has_pattern(self) -> BoolArray:
        """(patterns, V): which words can be said in which pattern."""
        place = {pattern: n for n, pattern in enumerate(self.known_patterns)}
        found = np.zeros((len(place), len(self)), dtype=np.bool_)
        for word, own in enumerate(self.patterns):
            for pattern in own:
                found[place[pattern], word] = True
        return found

    @cached_property
    def single(self) -> BoolArray:
        """Words that can be said in one syllable. Shape (V,)."""
        return np.array([any(len(p) == 1 for p in own) for own in self.patterns])

    @cached_property
    def is_ambiguous(self) -> BoolArray:
        """Words whose number of syllables depends on who says them (fire, every). Shape (V,)."""
        return np.array([len({len(p) for p in own}) > 1 for own in self.patterns])

    def rhymes_with(self, word: int, *, tier: str = "family") -> IntArray:
        """(V,): the tier (0 perfect, 1 family, 2 assonance) in which each word rhymes with ``word``; -1 for none.

        No word rhymes with itself, with what sounds the same, or with another form of itself.
        """
        found = np.full(len(self), -1, dtype=np.int64)
        if self.endings[word, 0] < 0:
            return found
        most = TIERS.index(tier)
        for place in range(most, -1, -1):
            alike = self.endings[:, place] == self.endings[word, place]
            found[alike & (self.endings[:, place] >= 0)] = place
        if most >= 1:
            lifted = (self.weak == self.endings[word, 0]) & (self.weak >= 0)
            if self.weak[word] >= 0:
                lifted |= (self.endings[:, 0] == self.weak[word]) | ((self.weak == self.weak[word]) & (self.weak >= 0))
            found[lifted & (found != 0)] = 1
        same = (self.endings[:, 0] == self.endings[word, 0]) & (self.onset == self.onset[word])
        found[same | (self.sound == self.sound[word]) | (self.stem == self.stem[word])] = -1
        found[~self.sung] = -1
        return found


@dataclass(frozen=True, slots=True)
class Addition:
    """A word that somebody brings. ``said``: phones such as ``K OW1 B IY0``; by default dictionary or model decide."""

    word: str
    said: tuple[Pronunciation, ...] = ()

    @property
    def pronunciations(self) -> tuple[Pronunciation, ...]:
        """How it is said."""
        return self.said or pronounce(self.word)


def english_lexicon(table: WordTable, additions: Sequence[Addition] = (), *, names: Iterable[str] = ()) -> Lexicon:
    """The lexicon of an English vocabulary with words added at its end.

    Args:
        names: words that are written with a capital.
    """
    new = [one for one in additions if one.word.lower() not in table.ids]
    said: list[tuple[Pronunciation, ...]] = [look_up(word) if word else () for word in table.text]
    given = {one.word.lower(): one.pronunciations for one in additions}
    for word, own in given.items():
        if word in table.ids:
            said[table.ids[word]] = own
    said += [given[one.word.lower()] for one in new]
    text = (*table.text, *(one.word.lower() for one in new))
    codes: list[dict[str, int]] = [{} for _ in range(6)]

    def code(kind: int, name: str) -> int:
        return codes[kind].setdefault(name, len(codes[kind]))

    count = len(text)
    endings = np.full((count, 3), -1, dtype=np.int64)
    weak, onset = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
    sound, stem = np.arange(count) + 10**6, np.arange(count) + 10**6
    patterns: list[tuple[tuple[int, ...], ...]] = []
    for place, own in enumerate(said):
        patterns.append(tuple(dict.fromkeys(p.stresses for p in own[:_MOST_PATTERNS])))
        if own:
            rhyme, lifted = own[0].rhyme, own[0].weak_rhyme
            endings[place] = code(0, rhyme.perfect), code(1, rhyme.family), code(2, rhyme.assonance)
            weak[place] = code(0, lifted.perfect) if lifted else -1
            onset[place] = code(3, rhyme.onset)
            sound[place] = code(4, " ".join(own[0].phones))
            stem[place] = code(5, stem_of(text[place]))
    content = np.concatenate([table.content, np.ones(len(new), dtype=np.bool_)])
    capitals = {one.word.lower() for one in additions if one.word[:1].isupper()}
    return Lexicon(text, tuple(patterns), endings, weak, onset, sound, stem, content, frozenset({*names, *capitals}))


def stem_of(word: str) -> str:
    """A rough stem: enough to see that ``sings``, ``singing`` and ``sing`` are one word."""
    plain = re.sub(r"in'$", "ing", word)
    for suffix in _SUFFIXES:
        cut = plain.removesuffix(suffix)
        if cut != plain and len(cut) >= _LEAST_STEM:
            plain = cut
            break
    if len(plain) > _LEAST_STEM and plain[-1] == plain[-2] and plain[-1] not in "ls":
        plain = plain[:-1]
    return plain.removesuffix("e") if len(plain) > _LEAST_STEM else plain


def new_rows(embedding: FloatArray, lexicon: Lexicon, known: int) -> FloatArray:
    """Embedding rows of the words added after id ``known``: the mean of the names with its stress pattern."""
    rows = np.zeros((len(lexicon) - known, embedding.shape[1]), dtype=np.float32)
    capital = np.array([word in lexicon.names for word in lexicon.text[:known]])
    for place in range(known, len(lexicon)):
        same = np.array([own[:1] == lexicon.patterns[place][:1] for own in lexicon.patterns[:known]])
        near = np.flatnonzero(same & capital).tolist() or np.flatnonzero(capital).tolist()
        rows[place - known] = embedding[near or np.flatnonzero(lexicon.sung[:known]).tolist()].mean(axis=0)
    return rows
