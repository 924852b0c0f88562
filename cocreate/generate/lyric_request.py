"""What may be asked of the lyric partner, checked, and the plan of sections and lines that follows from it.

Conventions:
    A scheme is a letter a line: equal letters rhyme, ``X`` rhymes with nothing; it is repeated with new letters when a
    section has more lines. Lines are numbered from 1 as they stand in the text, copies of the chorus left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cocreate.errors import InputError
from cocreate.music.prosody import TIERS
from cocreate.music.singing import METRES, Phrase, pattern, phrases
from cocreate.music.song import Song

LANGUAGES = ("en", "zh")
REGISTERS = ("modern", "archaic")
SECTIONS = ("verse", "prechorus", "chorus", "bridge", "outro")
MAX_CANDIDATES = 32
MOST_LINES = 64
DEFAULT_FORM = ("verse",)
DEFAULT_SYLLABLES = (8, 6, 8, 6)
DEFAULT_SCHEME = "ABCB"
FREE = "X"
# mood -> what the network is told, words it leans to, and how glad (-1..1) it should sound
MOODS: dict[str, tuple[str, tuple[str, ...], float]] = {
    "happy": ("bright", ("laughing", "dancing", "sunny", "smile", "singing"), 0.8),
    "hopeful": ("warm", ("hope", "morning", "dawn", "tomorrow", "begin"), 0.5),
    "tender": ("warm", ("gentle", "love", "kiss", "soft", "dear"), 0.5),
    "calm": ("warm", ("quiet", "still", "rest", "evening", "peace"), 0.3),
    "wistful": ("plain", ("remember", "gone", "autumn", "letter", "used"), -0.1),
    "lonely": ("sad", ("lonely", "alone", "empty", "silent", "gone"), -0.5),
    "sad": ("sad", ("tears", "sorrow", "cry", "lost", "goodbye"), -0.6),
    "dark": ("dark", ("night", "cold", "fear", "grave", "black"), -0.7),
    "angry": ("dark", ("burn", "fight", "hate", "break", "curse"), -0.7),
    "tense": ("dark", ("waiting", "storm", "fear", "running", "breath"), -0.4),
}


@dataclass(frozen=True, slots=True)
class LyricRequest:
    """What is asked for.

    Args:
        song: the tune; without one lines have ``syllables`` each, in ``metre``.
        form: sections in order, of ``SECTIONS``.
        scheme: letters such as ``ABAB``, for every section but a chorus with a scheme of its own.
        tier: the loosest rhyme that counts: perfect, family, assonance.
        theme: a few words; title: the hook, which stands in the chorus (in the first section without one).
        keep: line number -> words that stay as they are.
        words: words to add (names), perhaps with phones: ``Brightside`` or ``Cobie=K OW1 B IY0``.
        tones: for Chinese, level and oblique places of a line, ``平``, ``仄`` and ``中`` (either), repeated.
        spread: share of drafts' best to choose from; 0 takes the best line, higher is more adventurous.
    """

    song: Song | None = None
    form: tuple[str, ...] = DEFAULT_FORM
    syllables: tuple[int, ...] = DEFAULT_SYLLABLES
    metre: str = "iambic"
    scheme: str = DEFAULT_SCHEME
    tier: str = "family"
    theme: str = ""
    mood: str | None = None
    title: str = ""
    register: str = "modern"
    language: str = "en"
    keep: dict[int, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    tones: str = ""
    strong_language: bool = False
    n: int = 5
    seed: int = 0
    temperature: float = 0.85

    def __post_init__(self) -> None:
        self._check_names()
        if not re.fullmatch(r"[A-Z]{1,16}", self.scheme):
            raise InputError(f"a rhyme scheme must be 1 to 16 letters such as ABAB, got {self.scheme!r}")
        if not 1 <= self.n <= MAX_CANDIDATES:
            raise InputError(f"n must be in 1..{MAX_CANDIDATES}, got {self.n}")
        if not 0.05 <= self.temperature <= 3:  # noqa: PLR2004 - named in the message
            raise InputError(f"temperature must be in 0.05..3, got {self.temperature:g}")
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")
        if not self.syllables:
            raise InputError("syllables must name at least one line, such as 8,6,8,6")
        for count in self.syllables:
            pattern(count, metre=self.metre)

    def _check_names(self) -> None:
        _one_of("language", self.language, LANGUAGES)
        _one_of("register", self.register, REGISTERS)
        _one_of("metre", self.metre, METRES)
        _one_of("rhyme tier", self.tier, TIERS)
        if self.mood is not None:
            _one_of("mood", self.mood, tuple(MOODS))
        if not self.form:
            raise InputError("a form must name at least one section, such as verse,chorus,verse,chorus")
        for section in self.form:
            _one_of("a section", section, SECTIONS)
        if re.sub("[平仄中]", "", self.tones):
            raise InputError(f"tones must be 平, 仄 or 中, got {self.tones!r}")


@dataclass(frozen=True, slots=True)
class LinePlan:
    """One line to write: its phrase, its rhyme letter, and whether its section begins or ends with it."""

    number: int
    phrase: Phrase
    letter: str
    is_first: bool = False
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """One section: its kind, its lines, and the song bars it is sung to (0, 0 without a tune).

    ``copy_of`` is the place of the section whose words it repeats, None where it has its own.
    """

    kind: str
    lines: tuple[LinePlan, ...]
    bars: tuple[int, int] = (0, 0)
    copy_of: int | None = None


def parse_scheme(text: str) -> str:
    """A scheme in capitals."""
    return text.strip().upper().replace(" ", "").replace("-", FREE)


def parse_form(text: str) -> tuple[str, ...]:
    """Sections from "verse,chorus,verse"; V, C, B, P and O stand for their names."""
    short = {name[0]: name for name in SECTIONS}
    names = [part.strip().lower().replace("-", "") for part in text.split(",") if part.strip()]
    return tuple(short.get(name, name) for name in names)


def parse_syllables(text: str) -> tuple[int, ...]:
    """Numbers from "8,6,8,6".

    Raises:
        InputError: if one is no number.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise InputError(f"syllables must be numbers such as 8,6,8,6, got {text!r}")
    return tuple(int(part) for part in parts)


def parse_keep(texts: Sequence[str]) -> dict[int, str]:
    """Lines that stay, from "1: The rain came down".

    Raises:
        InputError: if a text does not begin with a line number.
    """
    found: dict[int, str] = {}
    for text in texts:
        number, colon, words = text.partition(":")
        if not colon or not number.strip().isdecimal() or not words.strip():
            raise InputError(f'a line to keep must look like "1: The rain came down", got {text!r}')
        found[int(number)] = words.strip()
    return found


def plan_sections(request: LyricRequest) -> tuple[SectionPlan, ...]:
    """Sections with their lines.

    Raises:
        InputError: if there are too many lines, or a line to keep has no such number.
    """
    tune = _tune_sections(request.song, request.form) if request.song is not None else None
    sections: list[SectionPlan] = []
    number = 0
    for place, kind in enumerate(request.form):
        if tune is not None:
            own, bars = tune[place]
        else:
            own, bars = tuple(pattern(n, metre=request.metre) for n in request.syllables), (0, 0)
        first = next(
            (p for p, s in enumerate(sections) if kind == s.kind == "chorus" and len(s.lines) == len(own)), None
        )
        lines: list[LinePlan] = []
        for line, letter in zip(own, letters(request.scheme, len(own)), strict=True):
            number += first is None
            at = len(lines)
            lines.append(LinePlan(number if first is None else 0, line, letter, at == 0, at + 1 == len(own)))
        sections.append(SectionPlan(kind, tuple(lines), bars, first))
    if number > MOST_LINES:
        raise InputError(
            f"a song must have at most {MOST_LINES} lines of its own, got {number}; ask for a shorter form"
        )
    for kept in request.keep:
        if not 1 <= kept <= number:
            raise InputError(f"a line to keep must be in 1..{number}, got {kept}")
    return tuple(sections)


def letters(scheme: str, count: int) -> list[str]:
    """Rhyme letters of ``count`` lines: the scheme again and again, each time with new letters.

    >>> letters("ABCB", 8), letters("ABAB", 5)
    (['A0', 'B0', 'C0', 'B0', 'A1', 'B1', 'C1', 'B1'], ['A0', 'B0', 'A0', 'B0', 'A1'])
    """
    found = [scheme[n % len(scheme)] for n in range(count)]
    return [letter if letter == FREE else f"{letter}{n // len(scheme)}" for n, letter in enumerate(found)]


def _tune_sections(song: Song, form: Sequence[str]) -> list[tuple[tuple[Phrase, ...], tuple[int, int]]]:
    """What part of the tune each section is sung to: what is named so in the file, else halves, else all of it."""
    whole = phrases(song)
    bars = len(song.bars())
    named = {section.label.strip().lower(): section.start_ticks for section in song.sections}
    kinds = sorted(set(form))
    spans: dict[str, tuple[int, int]] = dict.fromkeys(kinds, (0, bars))
    if len(kinds) > 1 and all(kind in named for kind in kinds):
        starts = sorted({song.bar_at(section.start_ticks).index for section in song.sections})
        for kind in kinds:
            first = song.bar_at(named[kind]).index
            spans[kind] = (first, next((start for start in starts if start > first), bars))
    elif len(kinds) > 1 and "chorus" in kinds and (cut := _half(song, whole)):
        spans = {kind: (cut, bars) if kind == "chorus" else (0, cut) for kind in kinds}
    found = []
    for kind in form:
        first, stop = spans[kind]
        own = tuple(p for p in whole if first <= _bar_of(song, p) < stop)
        found.append((own or whole, (first, stop)))
    return found


_LEAST_HALF = 3  # phrases that a half must have to be a section


def _half(song: Song, whole: Sequence[Phrase]) -> int | None:
    """A bar near the middle where a phrase begins and none is cut; None where the tune is too short."""
    bars = len(song.bars())
    grid = song.bars()
    for bar in sorted(range(1, bars), key=lambda b: (abs(b - bars / 2), b)):
        tick = grid[bar].start_ticks
        crossing = any(
            p.slots[0].start_ticks < tick < p.slots[-1].start_ticks + p.slots[-1].length_ticks for p in whole
        )
        before = sum(_bar_of(song, p) < bar for p in whole)
        if not crossing and min(before, len(whole) - before) >= _LEAST_HALF:
            return bar
    return None


def _bar_of(song: Song, phrase: Phrase) -> int:
    return song.bar_at(phrase.slots[0].start_ticks).index


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"{what} must be one of {', '.join(known)}, got {value!r}")
