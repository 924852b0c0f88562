"""The rules of a rhythm section: where a bass line and a comping part may play in a style, and how they are voiced.

Conventions:
    Frame and steps of the piece as in ``bar_rules``. A *manner* names where notes of a bar may begin and where one
    must (*due*); which of these places are taken, and the notes, are the network's. A bass begins each chord with the
    tone that the chord names as its bass; a comping part plays tones of the chord alone, near to what it played before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cocreate.errors import InputError
from cocreate.model.bar_rules import BarLine
from cocreate.model.part_rules import MAX_NOTE_BARS, SHORTEST_STEPS, CompPen, Line, Setting, Voice
from cocreate.model.rules import BoolArray
from cocreate.model.vocabulary import STEPS_PER_QUARTER, Vocabulary
from cocreate.model.voice_rules import VoicePen

MANNERS = (
    "walking", "two", "bossa", "beats", "eighths", "sixteenths", "after", "offbeats", "pad", "charleston", "clave",
)  # fmt: skip
QUAVER = STEPS_PER_QUARTER // 2
SWUNG_QUAVER = 2 * STEPS_PER_QUARTER // 3
COMMON_BAR = 4 * STEPS_PER_QUARTER
REACH = 5  # semitones that a comping hand moves beyond where it has just played
FOUR = 4  # tones of a chord that is told without its root
APPROACH = 2  # semitones from which a walking bass steps into the next chord


@dataclass(frozen=True, slots=True)
class Manner:
    """How a part plays.

    Args:
        name: one of `MANNERS`.
        is_swung: quavers off the beat come late, on the last third of a quarter.
        least: notes that a comping part plays at once, at least, where it has as many.
        most: onsets in a bar, at most; 0 for no limit.
        is_rootless: hands leave the root of a chord of four tones or more to the bass.
    """

    name: str
    is_swung: bool = False
    least: int = 1
    most: int = 0
    is_rootless: bool = False

    def __post_init__(self) -> None:
        if self.name not in MANNERS:
            raise InputError(f"a manner must be one of {', '.join(MANNERS)}, got {self.name!r}")

    def places(self, line: BarLine) -> tuple[int, ...]:
        """Steps of a bar where notes may begin, in order."""
        found = self._common(line) if line.steps == COMMON_BAR else self._any(line)
        return tuple(sorted(step for step in found or {0} if step < line.steps))

    def _common(self, line: BarLine) -> set[int]:
        """The places of a bar of four quarters."""
        off = [beat + self._late(line) for beat in range(0, COMMON_BAR, STEPS_PER_QUARTER)]
        if self.name == "bossa":
            return {0, 3 * QUAVER, 4 * QUAVER, 7 * QUAVER}
        if self.name == "charleston":
            return {0, off[1], off[3]}
        if self.name == "clave":  # over two bars: 1, 2 and, 4 | 2, 3 and
            return {0, 3 * QUAVER, 6 * QUAVER} if line.start % (2 * COMMON_BAR) == 0 else {2 * QUAVER, 5 * QUAVER}
        return self._any(line)

    def _any(self, line: BarLine) -> set[int]:
        """The places of a bar of any metre."""
        off = {beat + self._late(line) for beat in line.beats}
        quavers = set(range(0, line.steps, QUAVER)) if line.beat_steps % (3 * QUAVER) == 0 else off
        return {
            "walking": {*line.beats, *quavers},
            "eighths": {*line.beats, *quavers},
            "sixteenths": set(range(0, line.steps, SHORTEST_STEPS)),
            "two": {*line.strong, *line.beats[-1:]},
            "pad": set(line.strong),
            "after": set(line.beats) - {0},
            "offbeats": off,
            "charleston": {0, max(off)},
            "clave": {0, max(off)},
        }.get(self.name, set(line.beats))

    def due(self, line: BarLine) -> tuple[int, ...]:
        """Steps of a bar where a note must begin, in order."""
        if line.is_pickup:
            return ()
        if self.name == "walking":
            return tuple(line.beats)
        if self.name in ("two", "bossa"):
            return line.strong
        is_free = self.name == "charleston" or (self.name in ("eighths", "sixteenths") and self.least > 1)
        return () if is_free else self.places(line)[:1]

    def _late(self, line: BarLine) -> int:
        """Steps from a beat to the quaver off it."""
        if self.is_swung and line.beat_steps == STEPS_PER_QUARTER:
            return SWUNG_QUAVER
        return QUAVER if line.beat_steps % QUAVER == 0 and line.beat_steps > QUAVER else line.beat_steps


class BassPen(VoicePen):
    """A bass line in a manner."""

    def __init__(self, voice: Voice, setting: Setting, words: Vocabulary, manner: Manner) -> None:
        super().__init__(voice, setting, words)
        self.manner = manner

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the bass may leave the bar here."""
        may_leave = super().allow(mask)
        return may_leave and self._next_due(self._free) is None

    def pool(self, step: int) -> frozenset[int]:
        """Pitch classes as for any part; a walking bass also steps into the chord of the next beat."""
        found = super().pool(step)
        following = step + self.line.beat_steps
        chord = self.setting.chord_at(following)
        if self.manner.name != "walking" or chord is None or chord.start != following:
            return found
        goal = chord.bass
        return found if goal is None else found | {(goal + n) % 12 for n in range(-APPROACH, APPROACH + 1) if n}

    def room(self, onset: int, pitch: int) -> int:
        """Steps a note may last: as any, and no longer than to where the next one is due."""
        most = super().room(onset, pitch)
        due = self._next_due(onset + 1, bars=MAX_NOTE_BARS + 1)
        return most if due is None else min(most, due - onset)

    @property
    def _free(self) -> int:
        return max(self.line.start, self._mine.ends[-1] if self._mine.ends else 0)

    def _next_due(self, step: int, *, bars: int = 1) -> int | None:
        """The next step of the piece from ``step`` on, in this bar and the ``bars`` - 1 after, where a note is due."""
        for line in self.setting.lines[self.bar : self.bar + bars]:
            for due in self.manner.due(line):
                place = line.start + due
                if place >= step and self.setting.end - place >= SHORTEST_STEPS and self._within(place):
                    return place
        return None

    def _entries(self) -> list[int]:
        """Steps of the piece in this bar where the next note may begin."""
        line, free = self.line, self._free
        if line.is_pickup:
            return []
        due = self._next_due(free)
        last = line.end if due is None else due + 1
        steps = (line.start + step for step in self.manner.places(line))
        return [s for s in steps if free <= s < last and self.setting.end - s >= SHORTEST_STEPS and self._within(s)]


class HandPen(CompPen):
    """A comping part in a manner: tones of the chord, near to those before."""

    def __init__(self, voice: Voice, setting: Setting, words: Vocabulary, manner: Manner) -> None:
        super().__init__(voice, setting, words)
        self.manner = manner

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the part may leave the bar here."""
        free = _blank(mask)
        may_leave = super().allow(free)
        if self._stage == "position":
            first, line = self.first["Position"], self.line
            places = set(self._entries())
            for step in range(line.steps):
                free[first + step] &= line.start + step in places
            more = self._together and self._together < min(self.manner.least, self.voice.together)
            if more and self._pitches(self._onset, above=self._pitch):
                free[first : first + line.steps] = False
                mask |= free
                return False
            may_leave = not (places and (self.must_sound() or self._is_due(places)))
        mask |= free
        return may_leave

    def pool(self, step: int) -> frozenset[int]:
        """Pitch classes a note may have: tones of the chord."""
        chord = self.setting.chord_at(step)
        if chord is None:
            return self.setting.scale
        is_rootless = self.manner.is_rootless and len(chord.tones) >= FOUR and chord.bass is not None
        return chord.tones - {chord.bass} if is_rootless else chord.tones

    def _is_due(self, places: Iterable[int]) -> bool:
        dues = {self.line.start + step for step in self.manner.due(self.line)}
        return any(place in dues for place in places)

    def _entries(self) -> list[int]:
        """Steps of the piece in this bar where the next notes may begin."""
        line = self.line
        begun = {onset for onset, _, _ in self.notes[-4 * self.voice.together :] if onset >= line.start}
        if line.is_pickup or (self.manner.most and len(begun) >= self.manner.most):
            return []
        first = max(line.start, self._next)
        found = [
            line.start + step
            for step in self.manner.places(line)
            if line.start + step >= first
            and self.setting.end - line.start - step >= SHORTEST_STEPS
            and self._pitches(line.start + step)
        ]
        dues = [step for step in (line.start + due for due in self.manner.due(line)) if step in found]
        return [step for step in found if step <= dues[0]] if dues else found

    def _pitches(self, step: int, *, above: int = 0) -> list[int]:
        """Chord tones that are free at a step, those in reach of the hand where there are any."""
        found = super()._pitches(step, above=above)
        here = {pitch % 12 for onset, pitch, _ in self.notes[-self.voice.together :] if onset == step}
        fresh = [pitch for pitch in found if pitch % 12 not in here]  # no tone twice before all have been played
        found = fresh if fresh or len(here) >= self.manner.least else found
        recent = [pitch for onset, pitch, _ in self.notes[-2 * self.voice.together :] if step - onset <= 2 * COMMON_BAR]
        if not recent:
            return found
        near = [pitch for pitch in found if min(recent) - REACH <= pitch <= max(recent) + REACH]
        return near or (found if not above else [])


def _blank(mask: BoolArray) -> BoolArray:
    """A mask of the same shape with nothing allowed."""
    found: BoolArray = mask.copy()
    found[:] = False
    return found


def band_pens(
    voices: Sequence[Voice], manners: Sequence[Manner], setting: Setting, words: Vocabulary
) -> list[BassPen | HandPen]:
    """The pens of a rhythm section that is written into a setting, in their order."""
    found: list[BassPen | HandPen] = []
    for voice, manner in zip(voices, manners, strict=True):
        if voice.together == 1:
            setting.voices[voice.name] = Line()
            found.append(BassPen(voice, setting, words, manner))
        else:
            found.append(HandPen(voice, setting, words, manner))
    return found
