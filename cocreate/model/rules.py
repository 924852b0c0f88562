"""The rules of form: which ids may come next, so that bars, metre, key, range, chords and ending are certain.

Conventions:
    Everything is in the frame (tonic C) and in grid steps. A ``Form`` is what was asked; a ``Scribe`` is one
    candidate being written: ``allowed()`` gives the ids that may come, ``push()`` takes the one that did. By
    construction there is always at least one allowed id, and every path ends in a melody that meets the form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cocreate.errors import UnmetError
from cocreate.model.tokens import SheetBar
from cocreate.model.vocabulary import DURATIONS, MAX_BAR_STEPS, MAX_BARS_LEFT, PITCHES, STEP_TICKS, Vocabulary
from cocreate.music.song import Meter

MAX_SILENT_BARS = 1  # an idea never rests for more than one whole bar in a row
MAX_LEAP = 16  # semitones; a tenth
MAX_NOTE_BARS = 2
SHORTEST_STEPS = 2  # nobody plays faster, and some readers take notes that begin closer together for one chord
FREE_CHROMATIC = 1  # so that a short idea may have one passing note, where its style has any

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Steps = TypeVar("Steps", int, IntArray)


@dataclass(frozen=True, slots=True)
class Span:
    """A chord in a bar: steps ``start`` to ``end`` of that bar, and its pitch classes in the frame (none for N.C.)."""

    start: int
    end: int
    tones: frozenset[int]


@dataclass(frozen=True, slots=True)
class Form:
    """What every candidate must be.

    Args:
        bars: bars to write.
        meter: the metre of each of them; its bar must be at most 8 quarters, on the grid.
        meter_word: the vocabulary's word for it.
        low, high: lowest and highest pitch in the frame.
        scale: pitch classes of the key in the frame.
        chromatic_share: notes outside ``scale`` may be at most this share of all, plus one.
        chords: the chords of each bar; empty when none were given.
        ending: pitch classes a last note may have.

    Raises:
        UnmetError: if the metre does not fit the grid, or no note fits the range.
    """

    bars: int
    meter: Meter
    meter_word: str
    low: int
    high: int
    scale: frozenset[int]
    chromatic_share: float
    chords: tuple[tuple[Span, ...], ...] = ()
    ending: frozenset[int] = frozenset({0, 4, 7})

    def __post_init__(self) -> None:
        off_grid = self.meter.bar_ticks % STEP_TICKS or self.meter.beat_ticks % STEP_TICKS
        if off_grid or self.bar_steps > MAX_BAR_STEPS:
            raise UnmetError(
                f"a melody's bar must last at most 8 quarters, its beats on a grid of 1/24 quarter, got {self.meter};"
                " ask for another --meter"
            )
        if self.low < PITCHES[0] or self.high > PITCHES[-1] or self.high - self.low < 7:  # noqa: PLR2004 - a fifth
            raise UnmetError(
                "a range must lie on the piano's keys and span a fifth in the key asked for; widen --range"
            )

    @property
    def bar_steps(self) -> int:
        """Steps in a bar."""
        return self.meter.bar_ticks // STEP_TICKS

    @property
    def beat_steps(self) -> int:
        """Steps in a felt beat."""
        return self.meter.beat_ticks // STEP_TICKS

    @property
    def last_onset(self) -> int:
        """Last step of the last bar where a note may begin: its last beat."""
        return (self.bar_steps - 1) // self.beat_steps * self.beat_steps

    def tones_at(self, bar: int, step: int) -> frozenset[int]:
        """Chord tones at a step of a bar; empty where there is no chord."""
        if not self.chords:
            return frozenset()
        bar, step = bar + step // self.bar_steps, step % self.bar_steps
        if bar >= len(self.chords):
            return frozenset()
        return next((span.tones for span in self.chords[bar] if span.start <= step < span.end), frozenset())

    def strong_steps(self) -> tuple[int, ...]:
        """Steps of a bar where a sounding note must be a chord tone: the downbeat and, in even metres, the middle."""
        return strong_steps(self.meter)

    def ending_at(self, bar: int, step: int) -> frozenset[int]:
        """Pitch classes a last note may have there: the ending's, of the chord if one sounds, that are in range."""
        tones = self.tones_at(bar, step)
        in_range = {pitch % 12 for pitch in range(self.low, self.high + 1)}  # a fifth does not hold every pitch class
        return (self.ending & tones & in_range or tones) if tones else self.ending


def strong_steps(meter: Meter) -> tuple[int, ...]:
    """Steps of a bar that is strong on its downbeat and, in even metres, in its middle."""
    bar_steps, beats = meter.bar_ticks // STEP_TICKS, meter.bar_ticks // meter.beat_ticks
    return (0, bar_steps // 2) if beats % 2 == 0 and bar_steps % 2 == 0 else (0,)


class Scribe:
    """One melody being written under a form; ``previous`` is the pitch in the frame that it goes on from, if any."""

    def __init__(self, form: Form, words: Vocabulary, *, previous: int | None = None) -> None:
        self.form, self.words = form, words
        self.bar = -1
        self.done = False
        self.ids: list[list[int]] = []
        self._free_from = 0  # first step of this bar where a note may begin
        self._stage = "bar"
        self._onset = self._pitch = 0
        self._previous = previous
        self._notes = self._chromatic = self._silent = 0
        self._ended = False
        self._base = {kind: int(ids[0]) for kind, ids in words.type_ids.items()}
        self._durations = np.array(DURATIONS)

    @property
    def bars(self) -> tuple[SheetBar, ...]:
        """The bars written so far."""
        return tuple(SheetBar(self.form.meter_word, tuple(ids)) for ids in self.ids)

    def allowed(self) -> BoolArray:
        """Mask (V,) of the ids that may come next; never empty before ``done``."""
        mask = np.zeros(len(self.words), dtype=np.bool_)
        if self._stage == "bar":
            mask[self._bar_id(self.form.bars - 1)] = True
        elif self._stage == "position":
            self._allow_positions(mask)
        elif self._stage == "pitch":
            first = self._base["Pitch"] - PITCHES[0]
            mask[[first + pitch for pitch in self._pitches()]] = True
        else:
            first = self._base["Duration"]
            mask[first : first + len(DURATIONS)] = self._lengths()
        return mask

    def push(self, token: int) -> None:
        """Take the id that was chosen; it must have been allowed."""
        kind, value = self.words.types[token], self.words.values[token]
        if kind == "EOS":
            self.done = True
            return
        if kind == "Bar":
            if self.bar >= 0:
                self._free_from = max(0, self._free_from - self.form.bar_steps)
                self._silent = 0 if self.ids[-1] else self._silent + 1
            self.bar += 1
            self.ids.append([])
            self._stage = "position"
            return
        self.ids[-1].append(token)
        if kind == "Position":
            self._onset, self._stage = int(value), "pitch"
        elif kind == "Pitch":
            self._pitch, self._stage = int(value), "duration"
            self._notes += 1
            outside = self._pitch % 12 not in self.form.scale | self.form.tones_at(self.bar, self._onset)
            self._chromatic += outside
            self._previous = self._pitch
        else:
            self._free_from = self._onset + int(value)
            self._stage = "position"
            self._ended = self._is_last_bar and self._may_end(self._onset) and int(value) >= self._shortest_end()

    @property
    def _is_last_bar(self) -> bool:
        return self.bar == self.form.bars - 1

    def _bar_id(self, following: int) -> int:
        return self._base["Bar"] + min(following, MAX_BARS_LEFT)

    def _allow_positions(self, mask: BoolArray) -> None:
        form, first = self.form, self._base["Position"]
        steps = np.arange(self._free_from, form.bar_steps)
        left = self._left_in_piece(steps)
        mask[first + steps[(left == 0) | ((left >= SHORTEST_STEPS) & self._has_room(steps))]] = True
        if self._is_last_bar:
            mask[self.words.id("EOS")] = self._ended
            return
        sounds = bool(self.ids[-1]) or self._free_from > 0  # a note begins here or rings in
        if sounds or (self.bar > 0 and self._silent < MAX_SILENT_BARS):
            mask[self._bar_id(form.bars - 2 - self.bar)] = True

    def _pitches(self) -> list[int]:
        form = self.form
        tones = form.tones_at(self.bar, self._onset)
        if self._is_last_bar and self._onset == form.last_onset:
            wanted = form.ending_at(self.bar, self._onset)
        elif tones and self._onset in form.strong_steps():
            wanted = tones
        elif (
            self._chromatic + 1
            <= form.chromatic_share * (self._notes + 1) + (form.chromatic_share > 0) * FREE_CHROMATIC
        ):
            wanted = frozenset(range(12))
        else:
            wanted = form.scale | tones
        found = [pitch for pitch in range(form.low, form.high + 1) if pitch % 12 in wanted]
        if self._previous is None:
            return found
        near = [pitch for pitch in found if abs(pitch - self._previous) <= MAX_LEAP]
        return near or found

    def _lengths(self) -> BoolArray:
        form = self.form
        longest = min(MAX_NOTE_BARS * form.bar_steps, int(self._left_in_piece(self._onset)))
        clash = self._next_clash()
        if clash is not None:
            longest = min(longest, clash)
        mask = (self._durations >= SHORTEST_STEPS) & (self._durations <= longest)
        if self._is_last_bar and self._may_end(self._onset):
            to_bar_line = form.bar_steps - self._onset
            if clash is None or clash >= to_bar_line:
                mask = mask | ((self._durations >= self._shortest_end()) & (self._durations <= to_bar_line))
        return np.asarray(mask)

    def _left_in_piece(self, onset: Steps) -> Steps:
        """Steps from an onset in this bar to the last place where a note may begin."""
        return (self.form.bars - 1 - self.bar) * self.form.bar_steps + self.form.last_onset - onset

    def _has_room(self, onsets: IntArray) -> BoolArray:
        """Which onsets leave the shortest note room before the next strong beat, where a chord may cut it off."""
        if not self.form.chords:
            return np.ones(len(onsets), dtype=np.bool_)
        marks = np.array([*self.form.strong_steps(), self.form.bar_steps])
        following = marks[np.searchsorted(marks, onsets, side="right")]
        return np.asarray(following - onsets >= SHORTEST_STEPS)

    def _may_end(self, onset: int) -> bool:
        return onset % self.form.beat_steps == 0 and self._pitch % 12 in self.form.ending_at(self.bar, onset)

    def _shortest_end(self) -> int:
        """A last note lasts a beat, or what is left of the bar where that is less."""
        room = min(self.form.beat_steps, self.form.bar_steps - self._onset)
        return int(self._durations[self._durations <= room][-1])

    def _next_clash(self) -> int | None:
        """Steps from the onset to the next strong beat whose chord lacks the pitch; None when none is in reach."""
        form = self.form
        if not form.chords:
            return None
        for bar in range(MAX_NOTE_BARS + 1):
            for strong in form.strong_steps():
                distance = bar * form.bar_steps + strong - self._onset
                if distance <= 0:
                    continue
                tones = form.tones_at(self.bar, self._onset + distance)
                if tones and self._pitch % 12 not in tones:
                    return distance
        return None
