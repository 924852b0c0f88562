"""The rules of parts under a tune: what they share, ranges, chord tones; and those of an accompaniment.

Conventions:
    Frame and steps of the piece as in ``bar_rules``. A ``Setting`` is what all tracks share: bars, chords, and the
    *lines* (one-voiced tracks) that stand already, the given ones and those that pens have written. What must hold
    always holds: range, one voice where asked, no note over its own repetition, an end with the piece, and that a
    note agrees with the chord of every strong beat it sounds on. How single voices move is in ``voice_rules``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cocreate.errors import UnmetError
from cocreate.model.bar_rules import BarLine, Pen
from cocreate.model.rules import BoolArray
from cocreate.model.vocabulary import DURATIONS, PITCHES, Vocabulary

SHORTEST_STEPS = 6  # a sixteenth: shorter notes in an accompaniment are ornaments that nobody asked for
MAX_SILENT_BARS = 1
MAX_NOTE_BARS = 2

_DURATIONS = np.array(DURATIONS)


@dataclass(frozen=True, slots=True)
class Harmony:
    """A chord: steps ``start`` to ``end`` of the piece, its pitch classes, the lowest one if it is named, its third."""

    start: int
    end: int
    tones: frozenset[int]
    bass: int | None = None
    third: int | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """What a track must be.

    Args:
        name: a track of the vocabulary.
        low, high: lowest and highest pitch in the frame.
        together: notes that may begin at once; 1 is one voice.
        sings: a voice of a choir: it sounds as long as the leading line does, and moves as voices do.

    Raises:
        UnmetError: if the range holds less than an octave of the piano.
    """

    name: str
    low: int
    high: int
    together: int = 1
    sings: bool = False

    def __post_init__(self) -> None:
        if self.low < PITCHES[0] or self.high > PITCHES[-1] or self.high - self.low < 11:  # noqa: PLR2004 - an octave
            raise UnmetError(
                f"the range of {self.name} must hold an octave of the piano, got pitches {self.low}..{self.high} once"
                " the tonic is moved to C"
            )


@dataclass(slots=True)
class Line:
    """A one-voiced track in time order: onsets, ends and pitches of its notes."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    pitches: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, notes: Iterable[tuple[int, int, int]]) -> Line:
        """The line of (onset, pitch, length) in steps."""
        line = cls()
        for onset, pitch, length in notes:
            line.add(onset, pitch, length)
        return line

    def add(self, onset: int, pitch: int, length: int) -> None:
        """One more note, after all others."""
        self.starts.append(onset)
        self.ends.append(onset + length)
        self.pitches.append(pitch)

    def place_at(self, step: int) -> int | None:
        """Which note sounds at a step."""
        place = bisect_right(self.starts, step) - 1
        return place if place >= 0 and step < self.ends[place] else None

    def pitch_at(self, step: int) -> int | None:
        """The pitch that sounds at a step."""
        place = self.place_at(step)
        return None if place is None else self.pitches[place]

    def move_at(self, step: int) -> tuple[int, int] | None:
        """(From, to) where the line goes to another pitch exactly at a step."""
        place = bisect_left(self.starts, step)
        if place == 0 or place == len(self.starts) or self.starts[place] != step:
            return None
        before, here = self.pitches[place - 1], self.pitches[place]
        return (before, here) if before != here else None

    def within(self, start: int, end: int) -> Iterable[tuple[int, int]]:
        """(Onset, pitch) of each note that sounds somewhere from ``start`` to ``end``."""
        first = max(0, bisect_right(self.starts, start) - 1)
        for place in range(first, bisect_left(self.starts, end)):
            if self.ends[place] > start:
                yield self.starts[place], self.pitches[place]


@dataclass(slots=True)
class Setting:
    """What the tracks of a piece share.

    Args:
        lines: the bars.
        chords: in time order; may be empty.
        scale: pitch classes of the key in the frame.
        voices: one-voiced tracks by name, those given and, as they are written, those wanted.
        order: names of voices from the top; none may cross its neighbours. A name that is not in it may.
        leader: the voice that singing voices sound with.
    """

    lines: Sequence[BarLine]
    chords: Sequence[Harmony]
    scale: frozenset[int]
    voices: dict[str, Line]
    order: tuple[str, ...] = ()
    leader: str = "melody"
    _starts: list[int] = field(default_factory=list)
    _marks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [chord.start for chord in self.chords]
        self._marks = sorted({*self._starts, *(line.start + step for line in self.lines for step in line.strong)})

    @property
    def end(self) -> int:
        """First step after the piece."""
        return self.lines[-1].end

    def chord_at(self, step: int) -> Harmony | None:
        """The chord that holds at a step; None for none."""
        place = bisect_right(self._starts, step) - 1
        found = self.chords[place] if place >= 0 else None
        return found if found is not None and step < found.end and found.tones else None

    def next_mark(self, step: int) -> int:
        """The next strong beat or begin of a chord after a step; the end after the last."""
        place = bisect_right(self._marks, step)
        return self._marks[place] if place < len(self._marks) else self.end

    def neighbours(self, name: str) -> tuple[list[Line], list[Line]]:
        """The lines above and those below a voice."""
        if name not in self.order:
            return [], []
        place = self.order.index(name)
        above = [self.voices[n] for n in self.order[:place] if n in self.voices]
        return above, [self.voices[n] for n in self.order[place + 1 :] if n in self.voices]


class NotePen(Pen):
    """What voices and accompaniments have in common. ``notes`` are (onset, pitch, length) in steps of the piece."""

    def __init__(self, voice: Voice, setting: Setting, words: Vocabulary) -> None:
        super().__init__(voice.name, setting.lines, words)
        self.voice, self.setting = voice, setting
        self.notes: list[tuple[int, int, int]] = []
        self._stage = "position"
        self._onset = self._pitch = 0

    def pool(self, step: int) -> frozenset[int]:
        """Pitch classes a note may have at a step: chord tones where the beat is strong or the chord new."""
        chord = self.setting.chord_at(step)
        if chord is None:
            return self.setting.scale
        if self.is_on_beat(step - self.line.start) or step == chord.start:
            return self._tones(chord, step)
        return self.setting.scale | chord.tones

    def _tones(self, chord: Harmony, step: int) -> frozenset[int]:
        """What agrees with a chord; under a slash the bass begins with the tone that is named."""
        is_named = self.name == "bass" and chord.bass is not None and step == chord.start
        return frozenset({chord.bass}) if is_named and chord.bass is not None else chord.tones

    def is_on_beat(self, here: int) -> bool:
        """True where a note must agree with the chord: strong beats; for singers every beat."""
        return here in (self.line.beats if self.voice.sings else self.line.strong)

    def room(self, onset: int, pitch: int) -> int:
        """Steps a note may last at most: to the end, or to the next strong beat whose chord lacks its pitch."""
        setting = self.setting
        most = min(setting.end - onset, MAX_NOTE_BARS * self.line.steps)
        step = setting.next_mark(onset)
        while step < onset + most:
            chord = setting.chord_at(step)
            if chord is not None and pitch % 12 not in self._tones(chord, step):
                return step - onset
            step = setting.next_mark(step)
        return most

    def allow_lengths(self, mask: BoolArray, room: int) -> None:
        """Lengths of at most ``room`` steps that leave no scrap, the longest one where there is none."""
        rest = room - _DURATIONS
        fits = (rest >= 0) & (_DURATIONS >= SHORTEST_STEPS) & ((rest == 0) | (rest >= SHORTEST_STEPS))
        if not fits.any():
            fits[np.flatnonzero(rest >= 0)[-1]] = True
        first = self.first["Duration"]
        mask[first : first + len(DURATIONS)] = fits

    def allow_pitches(self, mask: BoolArray, pitches: Iterable[int]) -> None:
        """Mark the ids of pitches."""
        mask[[self.first["Pitch"] - PITCHES[0] + pitch for pitch in pitches]] = True

    def must_sound(self) -> bool:
        """True when the track has been silent for as long as it may be, this bar included."""
        line = self.line
        since = max((onset + length for onset, _, length in self.notes[-self.voice.together :]), default=0)
        start = self.lines[max(0, self.bar - MAX_SILENT_BARS)].start
        is_overdue = since <= start and self.bar >= MAX_SILENT_BARS
        return not line.is_pickup and (is_overdue or (self.is_last_bar and since <= line.start))


class CompPen(NotePen):
    """An accompaniment: notes that begin together, from the lowest; a pitch is free again when it has ended."""

    def __init__(self, voice: Voice, setting: Setting, words: Vocabulary) -> None:
        super().__init__(voice, setting, words)
        self._ends: dict[int, int] = {}  # pitch -> where its latest note ends
        self._together = 0
        self._next = 0  # first step where the next notes may begin

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the track may leave the bar here."""
        if self._stage == "length":
            self.allow_lengths(mask, self.room(self._onset, self._pitch))
            return False
        if self._stage == "pitch":
            self.allow_pitches(mask, self._pitches(self._onset))
            return False
        line = self.line
        if self._together and self._together < self.voice.together:
            self.allow_pitches(mask, self._pitches(self._onset, above=self._pitch))
        first = max(line.start, self._next)
        steps = [
            step
            for step in range(first + -(first - line.start) % 2, line.end, 2)
            if self.setting.end - step >= SHORTEST_STEPS and self._pitches(step)
        ]
        mask[[self.first["Position"] + step - line.start for step in steps]] = True
        return not (steps and self.must_sound())

    def push(self, token: int) -> None:
        """Take the id that was chosen."""
        kind, value = self.words.types[token], int(self.words.values[token])
        if kind == "Position":
            self._onset, self._stage, self._together = self.line.start + value, "pitch", 0
            self._next = self._onset + SHORTEST_STEPS // 2
        elif kind == "Pitch":
            self._pitch, self._stage = value, "length"
        else:
            self._stage = "position"
            self._together += 1
            self._ends[self._pitch] = self._onset + value
            self.notes.append((self._onset, self._pitch, value))

    def begin(self, bar: int) -> None:
        """Bar ``bar`` comes next."""
        super().begin(bar)
        self._together = 0

    def _pitches(self, step: int, *, above: int = 0) -> list[int]:
        pool = self.pool(step)
        return [
            pitch
            for pitch in range(max(self.voice.low, above + 1), self.voice.high + 1)
            if pitch % 12 in pool and self._ends.get(pitch, 0) <= step
        ]
