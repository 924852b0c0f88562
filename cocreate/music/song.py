"""What a song is: pure values.

Conventions:
    Time is in integer ticks, 480 to a quarter note. Tick 0 is beat 1 of bar 1; a pickup is a full bar that
    begins with a rest. Pitch is a MIDI number, 0..127 (60 is C4). Velocity is 1..127. Pitch class 0 is C.
    Tuples are sorted by time; a constructor sorts for you and refuses a bad state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

from cocreate.errors import InputError

TICKS_PER_QUARTER = 480
DEFAULT_TEMPO_BPM = 120.0
MAX_BARS = 5_000  # longer than any symphony movement; stops a broken file from filling the memory

MODES = ("major", "minor", "dorian", "mixolydian", "phrygian", "lydian", "locrian")
ROLES = ("melody", "voice", "chords", "comping", "bass", "drums", "other")


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - the condition is the one argument
    if not condition:
        raise InputError(message)


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """One sounding note."""

    start_ticks: int
    pitch: int
    length_ticks: int
    velocity: int = 80

    def __post_init__(self) -> None:
        _require(self.start_ticks >= 0, f"a note must start at tick 0 or later, got {self.start_ticks}")
        _require(self.length_ticks >= 1, f"a note must last at least 1 tick, got {self.length_ticks}")
        _require(0 <= self.pitch <= 127, f"pitch must be in 0..127, got {self.pitch}")
        _require(1 <= self.velocity <= 127, f"velocity must be in 1..127, got {self.velocity}")

    @property
    def end_ticks(self) -> int:
        """First tick after the note."""
        return self.start_ticks + self.length_ticks


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord symbol that holds for a while; ``root`` is None for N.C. (no chord).

    ``root`` and ``bass`` are pitch classes 0..11; ``bass`` is None when it is the root.
    ``quality`` is a name of ``theory.QUALITIES`` ("" for N.C.).
    """

    start_ticks: int
    length_ticks: int
    root: int | None
    quality: str = "maj"
    bass: int | None = None

    def __post_init__(self) -> None:
        _require(self.start_ticks >= 0, f"a chord must start at tick 0 or later, got {self.start_ticks}")
        _require(self.length_ticks >= 1, f"a chord must last at least 1 tick, got {self.length_ticks}")
        for name, value in (("root", self.root), ("bass", self.bass)):
            _require(value is None or 0 <= value <= 11, f"chord {name} must be in 0..11, got {value}")
        if self.root is None:
            object.__setattr__(self, "quality", "")
            object.__setattr__(self, "bass", None)
        elif self.bass == self.root:
            object.__setattr__(self, "bass", None)

    @property
    def end_ticks(self) -> int:
        """First tick after the chord."""
        return self.start_ticks + self.length_ticks


@dataclass(frozen=True, slots=True)
class Syllable:
    """Words under one note: ``text`` without hyphens; ``joins_next`` when the word goes on; ``verse`` from 1."""

    start_ticks: int
    text: str
    joins_next: bool = False
    verse: int = 1

    def __post_init__(self) -> None:
        _require(self.start_ticks >= 0, f"a syllable must start at tick 0 or later, got {self.start_ticks}")
        _require(self.verse >= 1, f"verse must be 1 or more, got {self.verse}")


@dataclass(frozen=True, slots=True)
class Section:
    """A named place in the form ("A", "verse", "chorus")."""

    start_ticks: int
    label: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature from ``start_ticks`` (a bar line) on; ``denominator`` is 1, 2, 4, 8, 16, 32 or 64."""

    start_ticks: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        _require(1 <= self.numerator <= 64, f"metre must have 1..64 beats, got {self.numerator}/{self.denominator}")
        _require(
            self.denominator in (1, 2, 4, 8, 16, 32, 64),
            f"metre's lower number must be a power of 2 up to 64, got {self.numerator}/{self.denominator}",
        )

    @property
    def bar_ticks(self) -> int:
        """Length of one bar in ticks."""
        return self.numerator * TICKS_PER_QUARTER * 4 // self.denominator

    @property
    def beat_ticks(self) -> int:
        """Length of one felt beat: a dotted unit in compound metres (6/8, 9/8, 12/8), else the unit."""
        unit = TICKS_PER_QUARTER * 4 // self.denominator
        compound = self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3
        return 3 * unit if compound else unit

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True, slots=True)
class Tempo:
    """Quarter notes a minute from ``start_ticks`` on, 5..1000."""

    start_ticks: int
    bpm: float

    def __post_init__(self) -> None:
        _require(5 <= self.bpm <= 1000, f"tempo must be in 5..1000 bpm, got {self.bpm:g}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key from ``start_ticks`` on: tonic pitch class 0..11 and one of ``MODES``."""

    start_ticks: int
    tonic: int
    mode: str = "major"

    def __post_init__(self) -> None:
        _require(0 <= self.tonic <= 11, f"tonic must be in 0..11, got {self.tonic}")
        _require(self.mode in MODES, f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")


@dataclass(frozen=True, slots=True)
class Part:
    """One player: notes in time order, perhaps with words. ``program`` is General MIDI, 0..127."""

    notes: tuple[Note, ...]
    name: str = "Melody"
    role: str = "melody"
    program: int = 0
    syllables: tuple[Syllable, ...] = ()

    def __post_init__(self) -> None:
        _require(self.role in ROLES, f"role must be one of {', '.join(ROLES)}, got {self.role!r}")
        _require(0 <= self.program <= 127, f"program must be in 0..127, got {self.program}")
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))
        object.__setattr__(self, "syllables", _by_time(self.syllables))

    @property
    def is_monophonic(self) -> bool:
        """True when no note begins before the one before it ends."""
        return all(a.end_ticks <= b.start_ticks for a, b in zip(self.notes, self.notes[1:], strict=False))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a song's grid: number from 0, first tick, length, metre."""

    index: int
    start_ticks: int
    length_ticks: int
    meter: Meter

    @property
    def end_ticks(self) -> int:
        """First tick after the bar."""
        return self.start_ticks + self.length_ticks


@dataclass(frozen=True, slots=True)
class Song:
    """A whole piece; immutable. ``pickup_ticks`` is the sounding length of an incomplete first bar, 0 for none."""

    parts: tuple[Part, ...]
    meters: tuple[Meter, ...] = (Meter(0, 4, 4),)
    tempos: tuple[Tempo, ...] = (Tempo(0, DEFAULT_TEMPO_BPM),)
    keys: tuple[Key, ...] = ()
    chords: tuple[Chord, ...] = ()
    sections: tuple[Section, ...] = ()
    title: str = ""
    style: str = ""
    pickup_ticks: int = 0

    def __post_init__(self) -> None:
        for name in ("meters", "tempos", "keys", "chords", "sections"):
            object.__setattr__(self, name, _by_time(getattr(self, name)))
        _require(bool(self.meters) and self.meters[0].start_ticks == 0, "a song needs a metre at tick 0")
        _require(bool(self.tempos) and self.tempos[0].start_ticks == 0, "a song needs a tempo at tick 0")
        for before, after in zip(self.meters, self.meters[1:], strict=False):
            span = after.start_ticks - before.start_ticks
            _require(
                span > 0 and span % before.bar_ticks == 0,
                f"a metre must change on a bar line, got {after} at tick {after.start_ticks} within {before}",
            )
        _require(
            0 <= self.pickup_ticks < self.meters[0].bar_ticks,
            f"a pickup must be shorter than a bar ({self.meters[0].bar_ticks} ticks), got {self.pickup_ticks}",
        )
        _require(
            self.end_ticks <= MAX_BARS * 4 * TICKS_PER_QUARTER,
            f"a song must end within {MAX_BARS} bars, got tick {self.end_ticks}",
        )

    @property
    def end_ticks(self) -> int:
        """First tick after the last note, chord or syllable; not rounded to a bar."""
        ends = [note.end_ticks for part in self.parts for note in part.notes]
        ends += [chord.end_ticks for chord in self.chords]
        return max(ends, default=0)

    @property
    def melody(self) -> Part:
        """The part with role "melody", else the first part that is not drums.

        Raises:
            InputError: if there is no pitched part.
        """
        for role in ("melody", "voice"):
            for part in self.parts:
                if part.role == role:
                    return part
        for part in self.parts:
            if part.role != "drums":
                return part
        raise InputError("the song has no pitched part; give a file that has one")

    @property
    def meter(self) -> Meter:
        """The first metre."""
        return self.meters[0]

    @property
    def tempo_bpm(self) -> float:
        """The first tempo, quarter notes a minute."""
        return self.tempos[0].bpm

    @property
    def key(self) -> Key | None:
        """The first key, None when nobody said."""
        return self.keys[0] if self.keys else None

    def bars(self, *, at_least: int = 0) -> tuple[Bar, ...]:
        """The bar grid that covers every note and chord, and ``at_least`` so many bars."""
        found: list[Bar] = []
        end = self.end_ticks
        for bar in self._walk_bars():
            if bar.start_ticks >= end and bar.index >= at_least:
                break
            found.append(bar)
        return tuple(found)

    def bar_at(self, ticks: int) -> Bar:
        """The bar that holds tick ``ticks``, also past the end."""
        for bar in self._walk_bars():
            if ticks < bar.end_ticks:
                return bar
        raise AssertionError("the bar walk never ends")

    def chord_at(self, ticks: int) -> Chord | None:
        """The chord that holds at ``ticks``, None where there is none or N.C."""
        place = bisect_right(self.chords, ticks, key=lambda chord: chord.start_ticks) - 1
        if place < 0:
            return None
        chord = self.chords[place]
        return chord if chord.root is not None and ticks < chord.end_ticks else None

    def transpose(self, semitones: int) -> Song:
        """The song moved by ``semitones``; drums stay.

        Raises:
            InputError: if a note would leave 0..127.
        """

        def pc(value: int | None) -> int | None:
            return None if value is None else (value + semitones) % 12

        parts = tuple(
            part
            if part.role == "drums"
            else replace(part, notes=tuple(replace(n, pitch=n.pitch + semitones) for n in part.notes))
            for part in self.parts
        )
        return replace(
            self,
            parts=parts,
            keys=tuple(replace(k, tonic=(k.tonic + semitones) % 12) for k in self.keys),
            chords=tuple(replace(c, root=pc(c.root), bass=pc(c.bass)) for c in self.chords),
        )

    def slice_bars(self, first: int, stop: int) -> Song:
        """Bars ``first`` to ``stop - 1`` (from 0) as a song of its own that begins at tick 0.

        A note belongs to the bar it begins in; one that rings over the end is cut there. Metre, tempo, key and
        chord that hold at the cut are kept.

        Raises:
            InputError: if the range is empty or begins past the end.
        """
        grid = self.bars(at_least=stop)
        _require(0 <= first < stop, f"bars must be first < stop, got {first}..{stop}")
        start, end = grid[first].start_ticks, grid[stop - 1].end_ticks
        parts = tuple(
            replace(
                part,
                notes=tuple(
                    replace(n, start_ticks=n.start_ticks - start, length_ticks=min(n.end_ticks, end) - n.start_ticks)
                    for n in part.notes
                    if start <= n.start_ticks < end
                ),
                syllables=tuple(
                    replace(s, start_ticks=s.start_ticks - start)
                    for s in part.syllables
                    if start <= s.start_ticks < end
                ),
            )
            for part in self.parts
        )
        chords = tuple(
            replace(
                c,
                start_ticks=max(c.start_ticks, start) - start,
                length_ticks=min(c.end_ticks, end) - max(c.start_ticks, start),
            )
            for c in self.chords
            if c.start_ticks < end and c.end_ticks > start
        )
        return replace(
            self,
            parts=parts,
            chords=chords,
            meters=_cut(self.meters, start, end),
            tempos=_cut(self.tempos, start, end),
            keys=_cut(self.keys, start, end),
            sections=tuple(
                replace(s, start_ticks=s.start_ticks - start) for s in self.sections if start <= s.start_ticks < end
            ),
            pickup_ticks=self.pickup_ticks if first == 0 else 0,
        )

    def plot(self) -> Any:
        """The piano roll on matplotlib axes, which are returned."""
        return _at_the_door("plot")(self)

    def play(self, *, port: str | None = None) -> None:
        """Play it through the loudspeakers, or to the MIDI port called ``port``; returns when it is over."""
        _at_the_door("play")(self, port=port)

    def _repr_html_(self) -> str:
        """Piano roll and player for a notebook, without network."""
        return str(_at_the_door("song_html")(self))

    def _walk_bars(self) -> Iterator[Bar]:
        index, ticks, place = 0, 0, 0
        while True:
            while place + 1 < len(self.meters) and self.meters[place + 1].start_ticks <= ticks:
                place += 1
            meter = self.meters[place]
            yield Bar(index, ticks, meter.bar_ticks, meter)
            index, ticks = index + 1, ticks + meter.bar_ticks


def _at_the_door(name: str) -> Any:
    """What the public door has under ``name``: a song does not know how it is drawn or played, the door does."""
    return getattr(import_module("cocreate"), name)


Timed = TypeVar("Timed", Meter, Tempo, Key)
AnyTimed = TypeVar("AnyTimed", Meter, Tempo, Key, Chord, Section, Syllable)


def _by_time(values: tuple[AnyTimed, ...]) -> tuple[AnyTimed, ...]:
    return tuple(sorted(values, key=lambda value: value.start_ticks))


def _cut(values: tuple[Timed, ...], start: int, end: int) -> tuple[Timed, ...]:
    """What holds at ``start`` moved to 0, and every change before ``end``."""
    held = [v for v in values if v.start_ticks <= start][-1:]
    later = [v for v in values if start < v.start_ticks < end]
    return tuple(replace(v, start_ticks=max(0, v.start_ticks - start)) for v in held + later)
