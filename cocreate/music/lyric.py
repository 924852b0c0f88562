"""A finished lyric: sections of lines on their phrases, each line with the proof that it fits.

Conventions:
    Slots are counted from 1 in what people read. ``tier`` is how the line rhymes with ``partner`` (a line number);
    both are empty where nothing is asked of it. ``relaxed`` names every wish that had to be given up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cocreate.errors import InputError
from cocreate.music.chinese import is_han, readings
from cocreate.music.hyphens import split_syllables
from cocreate.music.prosody import pronounce, split_words
from cocreate.music.singing import Phrase, place_of_stress


@dataclass(frozen=True, slots=True)
class SungWord:
    """A word as it is written and the stresses it is sung with."""

    text: str
    stresses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LyricLine:
    """A line on its phrase.

    Args:
        nats: how surprising the model finds it, a word.
        worth: what its writer makes of it, wishes included; higher is better, comparable within one request.
        tones: how well Chinese tones go with the tune, 0..1; None for other languages and without a tune.
    """

    number: int
    words: tuple[SungWord, ...]
    phrase: Phrase
    letter: str = ""
    tier: str = ""
    partner: int = 0
    nats: float = 0.0
    relaxed: tuple[str, ...] = ()
    language: str = "en"
    tones: float | None = None
    worth: float = 0.0

    @property
    def asked_rhyme(self) -> bool:
        """True when an earlier line of its letter was there to rhyme with."""
        return bool(self.partner)

    @property
    def text(self) -> str:
        """The line as it is read."""
        return ("" if self.language == "zh" else " ").join(word.text for word in self.words)

    @property
    def syllables(self) -> list[tuple[str, bool]]:
        """Each slot's text and whether the word goes on."""
        found: list[tuple[str, bool]] = []
        for word in self.words:
            pieces = split_syllables(word.text, len(word.stresses))
            pieces = (*pieces, *[""] * (len(word.stresses) - len(pieces)))
            found += [(piece, place + 1 < len(pieces)) for place, piece in enumerate(pieces)]
        return found

    @property
    def ending(self) -> str:
        """What the line rhymes by: the sounds from its last stressed vowel on, in Chinese the group of its final."""
        last = self.words[-1]
        if self.language == "zh":
            return next((said.group for said in readings(last.text)), "")
        ways = pronounce(last.text)
        return next((way for way in ways if way.stresses == last.stresses), ways[0]).rhyme.perfect

    def certificate(self) -> dict[str, Any]:
        """What a person can check: slots, pronunciation, stress over strength, rhyme, what was relaxed."""
        stresses = [stress for word in self.words for stress in word.stresses]
        return {
            "line": self.number,
            "text": self.text,
            "slots": len(self.phrase),
            "syllables": len(stresses),
            "said": " ".join("".join(str(s) for s in word.stresses) for word in self.words),
            "strengths": "".join(str(s) for s in self.phrase.strengths),
            "stress_kept": all(ok for _, ok in self.stress_map()),
            "rhyme": {"letter": self.letter.rstrip("0123456789"), "tier": self.tier, "with_line": self.partner,
                      "class": self.ending},
            "relaxed": list(self.relaxed),
            **({} if self.tones is None else {"tones": round(self.tones, 3)}),
        }  # fmt: skip

    def stress_map(self) -> list[tuple[SungWord, bool]]:
        """Each word of several syllables and whether its stress is on the strongest of its slots."""
        found: list[tuple[SungWord, bool]] = []
        place = 0
        for word in self.words:
            under = self.phrase.strengths[place : place + len(word.stresses)]
            place += len(word.stresses)
            if len(word.stresses) > 1 and under:
                found.append((word, under[min(place_of_stress(word.stresses), len(under) - 1)] == max(under)))
        return found


def fit_words(text: str, phrase: Phrase, *, number: int, language: str = "en") -> tuple[SungWord, ...]:
    """The words of a line that a person wrote, in the pronunciations that fill the phrase and keep the beat best.

    Raises:
        InputError: if no pronunciation has as many syllables as the phrase has slots.
    """
    if language == "zh":
        characters = [char for char in text if is_han(char)]
        if len(characters) != len(phrase):
            raise InputError(f"line {number} must have {len(phrase)} characters, got {len(characters)} in {text!r}")
        return tuple(SungWord(char, (1,)) for char in characters)
    words = split_words(text)
    if not words:
        raise InputError(f"line {number} must have words, got {text!r}")
    best: dict[int, tuple[float, tuple[SungWord, ...]]] = {0: (0.0, ())}
    for word in words:
        reached: dict[int, tuple[float, tuple[SungWord, ...]]] = {}
        for used, (cost, said) in best.items():
            for rank, way in enumerate(pronounce(word)):
                stop = used + way.syllables
                under = phrase.strengths[used:stop]
                off = len(under) > 1 and under[min(way.primary, len(under) - 1)] < max(under)
                total = cost + 1.0 * off + 0.1 * rank
                if stop not in reached or total < reached[stop][0]:
                    reached[stop] = (total, (*said, SungWord(word, way.stresses)))
        best = reached
    if len(phrase) not in best:
        counts = ", ".join(str(n) for n in sorted(best))
        raise InputError(f"line {number} must have {len(phrase)} syllables, got {counts} in {text!r}")
    return best[len(phrase)][1]


@dataclass(frozen=True, slots=True)
class LyricSection:
    """A section: its kind, its lines, the bars of the tune it is sung to, and whether its words were heard before."""

    kind: str
    lines: tuple[LyricLine, ...]
    bars: tuple[int, int] = (0, 0)
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class Lyric:
    """The words of a song."""

    title: str
    sections: tuple[LyricSection, ...]
    language: str = "en"
    scheme: str = ""
    theme: str = ""

    @property
    def lines(self) -> tuple[LyricLine, ...]:
        """Every line as it is sung, copies included."""
        return tuple(line for section in self.sections for line in section.lines)

    @property
    def own_lines(self) -> tuple[LyricLine, ...]:
        """Every line once."""
        return tuple(line for section in self.sections if not section.is_copy for line in section.lines)

    @property
    def text_only(self) -> str:
        """The lines alone."""
        return "\n".join(line.text for line in self.lines)

    @property
    def text(self) -> str:
        """Sections with their names, a blank line between."""
        blocks = ["\n".join([f"[{section.kind}]", *(line.text for line in section.lines)]) for section in self.sections]
        return "\n\n".join(blocks) + "\n"
