"""Spelling to sound for words that the dictionary lacks: names, slang, old forms.

Conventions:
    A word is letters and apostrophes, lower case. Each letter sounds as nought, one or two phones. What it sounds as is
    decided by the longest known context of letters around it; only contexts that say something else than their shorter
    one are kept, so the model is a decision list of a few tens of thousands of lines. Stress comes from the number of
    syllables and the ending.

Source:
    Learned from the CMU dictionary's data by ``train`` (letters and phones aligned by expectation maximisation), one
    word in twenty held out; ``python benchmarks/g2p.py`` trains, measures and writes ``data/g2p.txt.gz``.
"""

from __future__ import annotations

import gzip
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from cocreate.music.prosody import DATA, Pronunciation

# letters to the left and to the right that a context shows, from the shortest to the longest
_WINDOWS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (4, 4))
_ENDINGS = (4, 3, 2, 1, 0)  # letters of the ending that tell the stress
_EDGE = "#"
_ROUNDS = 4  # of alignment; the table stands still after three
_ALIGNED = 25_000  # words that the alignment is learned on
_MOST_PHONES = 2  # of a letter
_LEAST = 2  # words that must agree on a context
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True)
class SoundRules:
    """``letters``: context of a window -> phones; ``stress``: "syllables ending" -> pattern such as ``010``."""

    letters: Mapping[str, str]
    stress: Mapping[str, str]

    def phones(self, word: str) -> tuple[str, ...]:
        """The phones of a word, stress digits included; at least one vowel."""
        bare = [phone for place in range(len(word)) for phone in self._chunk(word, place).split()]
        vowels = [place for place, phone in enumerate(bare) if _is_vowel(phone)]
        if not vowels:  # "mm", "psst": said with a murmur
            bare.append("AH")
            vowels = [len(bare) - 1]
        pattern = self._stress(word, len(vowels))
        for place, mark in zip(vowels, pattern, strict=True):
            bare[place] += mark
        return tuple(bare)

    def _chunk(self, word: str, place: int) -> str:
        for left, right in reversed(_WINDOWS):
            found = self.letters.get(_context(word, place, left, right))
            if found is not None:
                return found
        return ""

    def _stress(self, word: str, count: int) -> str:
        for size in _ENDINGS:
            found = self.stress.get(f"{count} {word[len(word) - size :]}" if size <= len(word) else "")
            if found is not None:
                return found
        return "1" + "0" * (count - 1)


def spell_out(word: str) -> Pronunciation:
    """How a word that no dictionary knows is probably said; accents are read as the plain letter."""
    plain = unicodedata.normalize("NFD", word.lower())
    plain = "".join(letter for letter in plain if letter.isascii() and (letter.isalpha() or letter == "'"))
    return Pronunciation(_rules().phones(plain))


@cache
def _rules() -> SoundRules:
    return read_rules(gzip.decompress((DATA / "g2p.txt.gz").read_bytes()).decode("utf-8"))


def read_rules(text: str) -> SoundRules:
    """What ``write_rules`` wrote."""
    letters, _, stress = text.partition("\n\n")
    return SoundRules(
        dict(line.split("\t") for line in letters.split("\n")), dict(line.split("\t") for line in stress.split("\n"))
    )


def write_rules(rules: SoundRules) -> str:
    """The rules as text, sorted."""
    tables = (rules.letters, rules.stress)
    return "\n\n".join("\n".join(f"{key}\t{value}" for key, value in sorted(table.items())) for table in tables)


def is_held_out(word: str) -> bool:
    """True for the one word in twenty that is not learned from."""
    return zlib.crc32(f"g2p:{word}".encode()) % 20 == 0


def train(entries: Iterable[tuple[str, Sequence[str]]]) -> SoundRules:
    """Learn from words and their phones (with stress)."""
    words = [(word, [phone.rstrip("012") for phone in phones], phones) for word, phones in entries]
    table = _align_table([(word, bare) for word, bare, _ in words[:: max(1, len(words) // _ALIGNED)]])
    aligned = [(word, chunks) for word, bare, _ in words if (chunks := _align(word, bare, table))]
    stress = _learn_stress((word, "".join(p[-1] for p in phones if p[-1].isdigit())) for word, _, phones in words)
    return SoundRules(_learn_letters(aligned), stress)


def _context(word: str, place: int, left: int, right: int) -> str:
    padded = _EDGE * left + word + _EDGE * right
    return f"{padded[place : place + left]}[{word[place]}]{padded[place + left + 1 : place + left + 1 + right]}"


def _is_vowel(phone: str) -> bool:
    return phone[0] in "AEIOU"


def _align_table(words: list[tuple[str, list[str]]]) -> dict[tuple[str, str], float]:
    """Chance of each letter's phones, by counting the best alignments again and again."""
    table: dict[tuple[str, str], float] = {}
    for _ in range(_ROUNDS):
        counts: Counter[tuple[str, str]] = Counter()
        totals: Counter[str] = Counter()
        for word, phones in words:
            for letter, chunk in zip(word, _align(word, phones, table) or (), strict=False):
                counts[letter, chunk] += 1
                totals[letter] += 1
        table = {(letter, chunk): n / totals[letter] for (letter, chunk), n in counts.items()}
    return table


def _align(word: str, phones: list[str], table: Mapping[tuple[str, str], float]) -> list[str] | None:
    """The phones of each letter on the likeliest path; None where there are too many phones."""
    if len(phones) > _MOST_PHONES * len(word):
        return None
    best: list[dict[int, tuple[float, int]]] = [{0: (1.0, 0)}]
    for place, letter in enumerate(word):
        reached: dict[int, tuple[float, int]] = {}
        left = len(word) - place - 1
        for heard, (score, _) in best[-1].items():
            for count in range(min(_MOST_PHONES, len(phones) - heard) + 1):
                stop = heard + count
                if len(phones) - stop > _MOST_PHONES * left:
                    continue
                chunk = " ".join(phones[heard:stop])
                # before anything is known: one phone a letter, vowels under vowels
                alike = count == 1 and (letter in "aeiouy") == _is_vowel(phones[heard])
                chance = table.get((letter, chunk), _FLOOR) if table else (0.5 if alike else 0.1)
                if score * chance > reached.get(stop, (0.0, 0))[0]:
                    reached[stop] = (score * chance, heard)
        best.append(reached)
    stop = len(phones)
    if stop not in best[-1]:
        return None
    chunks: list[str] = []
    for place in range(len(word), 0, -1):
        heard = best[place][stop][1]
        chunks.append(" ".join(phones[heard:stop]))
        stop = heard
    return chunks[::-1]


def _learn_letters(aligned: list[tuple[str, list[str]]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for level, (left, right) in enumerate(_WINDOWS):
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        shorter: dict[str, str] = {}
        for word, chunks in aligned:
            for place, chunk in enumerate(chunks):
                context = _context(word, place, left, right)
                counts[context][chunk] += 1
                if level and context not in shorter:
                    shorter[context] = _known(word, place, level, found)
        for context, seen in counts.items():
            chunk, number = seen.most_common(1)[0]
            if not level or (number >= _LEAST and chunk != shorter[context]):
                found[context] = chunk
    return found


def _known(word: str, place: int, level: int, found: Mapping[str, str]) -> str:
    for left, right in reversed(_WINDOWS[:level]):
        chunk = found.get(_context(word, place, left, right))
        if chunk is not None:
            return chunk
    return ""


def _learn_stress(words: Iterable[tuple[str, str]]) -> dict[str, str]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for word, pattern in words:
        for size in _ENDINGS:
            if size <= len(word):
                counts[f"{len(pattern)} {word[len(word) - size :]}"][pattern] += 1
    found: dict[str, str] = {}
    for key in sorted(counts, key=len):
        pattern, number = counts[key].most_common(1)[0]
        count, _, ending = key.partition(" ")
        parents = (f"{count} {ending[cut:]}" for cut in range(1, len(ending) + 1))
        said = next((found[parent] for parent in parents if parent in found), None)
        if number >= _LEAST + 1 and pattern != said:
            found[key] = pattern
    return found
