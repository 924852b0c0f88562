"""How well words sit on a tune, rhyme, and stay fresh: counts, each beside what people do and what chance does.

Conventions:
    Everything is counted on finished lyrics (``music.lyric``). Rates lie in 0..1. Downbeats are slots of strength 4.

Metrics:
    syllables_exact     share of lines with as many syllables as slots, in some pronunciation of each word
    stress_match        share of polysyllables whose primary stress lies on a slot as strong as any they cover
    stress_strict       the same, on a slot stronger than all others
    unstressed_down     share of unstressed syllables among the polysyllables' syllables on downbeats
    content_down        share of content words among the monosyllables on downbeats
    rhyme_kept          share of rhymes asked for that hold in the family tier or better
    rhyme_same          share of them that are one word with itself
    distinct_2          different pairs of words among all pairs, copies of the chorus left out
    cliches             worn-out words a hundred words
    repeated_lines      share of own lines that stood before
    tones_kept          share of neighbouring Chinese syllables whose tones go with the tune, where there is one

Source:
    Human values: songs of OpenScore Lieder in English and 5,545 pop lyrics (see the README); chance: words shuffled
    over the same slots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cocreate.music.lyric import Lyric, LyricLine
from cocreate.music.prosody import TIERS, is_function_word, syllable_counts, words_rhyme
from cocreate.music.singing import DOWNBEAT, place_of_stress
from cocreate.music.wordlists import BLOCKED, CLICHE_PHRASES, CLICHES, STRONG

# metric -> what people do, what chance does; None where nobody has measured it
REFERENCE: dict[str, tuple[float | None, float | None]] = {
    "syllables_exact": (0.9955, 0.077),
    "stress_match": (0.978, 0.502),
    "stress_strict": (0.942, None),
    "unstressed_down": (0.030, 0.5),
    "content_down": (0.83, 0.47),
    "rhyme_kept": (0.831, 0.02),
    "rhyme_same": (None, None),
    "distinct_2": (0.69, None),
    "cliches": (None, None),
    "repeated_lines": (0.21, 0.0),
    "tones_kept": (None, 0.59),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A metric's value over so many cases; None where there was no case."""

    name: str
    value: float | None
    cases: int

    def as_dict(self) -> dict[str, object]:
        """With the human and the chance value beside it."""
        human, chance = REFERENCE[self.name]
        value = None if self.value is None else round(self.value, 4)
        return {"metric": self.name, "value": value, "cases": self.cases, "human": human, "chance": chance}


@dataclass(slots=True)
class _Tally:
    hits: float = 0
    cases: int = 0

    def add(self, hit: float, cases: int = 1) -> None:
        self.hits += hit
        self.cases += cases


def judge(lyrics: Iterable[Lyric], *, count: Callable[[str], frozenset[int]] = syllable_counts) -> tuple[Finding, ...]:
    """All metrics over some lyrics.

    Args:
        count: the numbers of syllables that a word may have; give another counter than the writer's to check it.
    """
    tallies = {name: _Tally() for name in REFERENCE}
    for lyric in lyrics:
        lines = lyric.own_lines
        for line in lines:
            _count_line(line, tallies, count)
        _count_rhymes(lines, tallies)
        _count_freshness(lines, tallies)
    return tuple(Finding(name, t.hits / t.cases if t.cases else None, t.cases) for name, t in tallies.items())


def flagged(text: Sequence[str]) -> dict[str, list[str]]:
    """Words of a text on the lists of what is not written, by tier; whole words only."""
    words = [word.lower() for word in text]
    return {"blocked": [w for w in words if w in BLOCKED], "strong": [w for w in words if w in STRONG]}


def can_have(words: Sequence[str], syllables: int, count: Callable[[str], frozenset[int]]) -> bool:
    """Whether some way of saying the words has exactly so many syllables."""
    reached = {0}
    for word in words:
        reached = {total + more for total in reached for more in count(word) if total + more <= syllables}
    return syllables in reached


def _count_line(line: LyricLine, tallies: dict[str, _Tally], count: Callable[[str], frozenset[int]]) -> None:
    if line.language == "zh":  # a character is a syllable
        tallies["syllables_exact"].add(len(line.words) == len(line.phrase))
        if line.tones is not None:
            tallies["tones_kept"].add(line.tones * (len(line.words) - 1), len(line.words) - 1)
        return
    tallies["syllables_exact"].add(can_have([word.text for word in line.words], len(line.phrase), count))
    place = 0
    for word in line.words:
        under = line.phrase.strengths[place : place + len(word.stresses)]
        place += len(word.stresses)
        if len(word.stresses) == 1:
            if under and under[0] == DOWNBEAT:
                tallies["content_down"].add(not is_function_word(word.text))
            continue
        if len(under) < len(word.stresses):
            continue
        top = under[place_of_stress(word.stresses)]
        tallies["stress_match"].add(top == max(under))
        tallies["stress_strict"].add(top == max(under) and list(under).count(top) == 1)
        for stress, strength in zip(word.stresses, under, strict=True):
            if strength == DOWNBEAT:
                tallies["unstressed_down"].add(stress == 0)


def _count_rhymes(lines: Sequence[LyricLine], tallies: dict[str, _Tally]) -> None:
    by_number = {line.number: line for line in lines}
    for line in lines:
        if line.asked_rhyme and line.partner in by_number:
            first, second = by_number[line.partner].words[-1].text, line.words[-1].text
            tier = line.tier if line.language == "zh" else words_rhyme(first, second)
            tallies["rhyme_kept"].add(tier in TIERS[:2])
            tallies["rhyme_same"].add(first.lower() == second.lower())


def _count_freshness(lines: Sequence[LyricLine], tallies: dict[str, _Tally]) -> None:
    seen: set[str] = set()
    pairs: list[tuple[str, str]] = []
    for line in lines:
        words = [word.text.lower() for word in line.words]
        tallies["repeated_lines"].add(line.text.lower() in seen)
        seen.add(line.text.lower())
        pairs += pairwise(words)
        worn = sum(word in CLICHES for word in words)
        worn += sum(tuple(words[n : n + len(p)]) == p for p in CLICHE_PHRASES for n in range(len(words) - len(p) + 1))
        tallies["cliches"].add(100 * worn, len(words))
    tallies["distinct_2"].add(len(set(pairs)), len(pairs))
