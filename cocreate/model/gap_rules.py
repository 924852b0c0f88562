"""The rules of a gap: which ids may come next in bars of a tune that are written anew between bars that stay.

Conventions:
    Everything is in the frame (tonic C); time is in grid steps from the first bar line of the gap. A ``Gap`` is what
    was asked and what stands around it; a ``GapScribe`` is one candidate being written, as ``rules.Scribe`` is for a
    whole melody. What is settled of a note (``Anchor``) is certain; so are bars, metres, range, chord tones on strong
    beats where there are chords, and that no note is begun while another of the line sounds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from cocreate.model.rules import (
    FREE_CHROMATIC,
    MAX_LEAP,
    MAX_NOTE_BARS,
    MAX_SILENT_BARS,
    SHORTEST_STEPS,
    BoolArray,
    Span,
    strong_steps,
)
from cocreate.model.vocabulary import DURATIONS, PITCHES, STEP_TICKS, Vocabulary, known_duration
from cocreate.music.song import Meter

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Anchor:
    """A note of which something is settled; None is free.

    Args:
        bar: the bar of the gap it begins in, from 0.
        onset, length: in steps, settled together.
        pitches: those it may have, not empty.
        move: how it goes on from the note before: 1 up, -1 down, 0 the same pitch.
        sounds: steps that it lasts as it was played, into later ones too; ``is_legato`` means that it does.
    """

    bar: int
    onset: int | None = None
    length: int | None = None
    pitches: frozenset[int] | None = None
    move: int | None = None
    sounds: int = 1
    is_legato: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A note that sounds in the gap and is not written: steps ``start`` to ``end``, and its pitch in the frame.

    ``is_under`` means the line must stay above it, where it can.
    """

    start: int
    end: int
    pitch: int
    is_under: bool = True


@dataclass(frozen=True)
class Gap:
    """What every candidate must be.

    Args:
        meters: the metre of each bar; one at least.
        marks: the ids of their bar lines, and of what ends the gap.
        low, high: lowest and highest pitch in the frame, an octave apart or more.
        scale: pitch classes of the key in the frame.
        chromatic_share: new notes outside ``scale`` may be at most this share of them, plus one.
        free: runs of steps (first, stop) in which new notes may begin beside the anchors.
        anchors: in time order; those with an onset do not overlap.
        has_all: nothing but the anchors is written.
        chords: the chords of each bar; empty where none are known.
        kept: notes that sound on beside the line.
        enter: first step where a note may begin; leave: steps the last note may ring on past the gap.
        previous, following: the pitches before and after it, if any.
        ending: pitch classes a last note may have, if the tune ends here.
    """

    meters: tuple[Meter, ...]
    marks: tuple[int, ...]
    low: int
    high: int
    scale: frozenset[int]
    chromatic_share: float
    free: tuple[tuple[int, int], ...] = ()
    anchors: tuple[Anchor, ...] = ()
    has_all: bool = False
    chords: tuple[tuple[Span, ...], ...] = ()
    kept: tuple[Kept, ...] = ()
    enter: int = 0
    leave: int = 0
    previous: int | None = None
    following: int | None = None
    ending: frozenset[int] | None = None

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """First step of each bar, and the end of the last."""
        return tuple(accumulate((meter.bar_ticks // STEP_TICKS for meter in self.meters), initial=0))

    @cached_property
    def strong(self) -> tuple[int, ...]:
        """Steps where a sounding new note must be a chord tone."""
        return tuple(
            start + step for start, meter in zip(self.edges, self.meters, strict=False) for step in strong_steps(meter)
        )

    @cached_property
    def is_free(self) -> BoolArray:
        """Mask (steps,) of ``free``."""
        mask = np.zeros(self.edges[-1], dtype=np.bool_)
        for first, stop in self.free:
            mask[max(0, first) : max(0, stop)] = True
        return mask

    def bar_of(self, step: int) -> int:
        """The bar that holds a step."""
        return bisect_right(self.edges, step) - 1

    def tones_at(self, step: int) -> frozenset[int]:
        """Chord tones at a step; empty where there is no chord."""
        bar = self.bar_of(step)
        if bar >= len(self.chords):
            return frozenset()
        here = step - self.edges[bar]
        return next((span.tones for span in self.chords[bar] if span.start <= here < span.end), frozenset())


@dataclass(frozen=True, slots=True)
class Written:
    """A note of a candidate; ``anchor`` is the place of the one it stands for, None for a new note."""

    onset: int
    pitch: int
    length: int
    anchor: int | None


class GapScribe:
    """One candidate being written."""

    def __init__(self, gap: Gap, words: Vocabulary) -> None:
        self.gap, self.words = gap, words
        self.bar = -1
        self.done = False
        self.ids: list[list[int]] = []
        self.notes: list[Written] = []
        self._free_from = gap.enter
        self._next = 0  # the anchor that comes next
        self._stage = "bar"
        self._onset = self._pitch = 0
        self._previous = gap.previous
        self._is_legato = False
        self._new = self._chromatic = self._silent = 0
        self._ended = False
        self._base = {kind: int(ids[0]) for kind, ids in words.type_ids.items()}
        self._durations = np.array(DURATIONS)
        self._end_bar, self._last_onset = self._end()

    @property
    def rings_to(self) -> int:
        """First step after what has been written."""
        return self._free_from

    def allowed(self) -> BoolArray:
        """Mask (V,) of the ids that may come next; never empty before ``done``."""
        mask = np.zeros(len(self.words), dtype=np.bool_)
        if self._stage == "bar":
            mask[self.gap.marks[0]] = True
        elif self._stage == "position":
            onsets = self._onsets()
            mask[self._base["Position"] + onsets - self.gap.edges[self.bar]] = True
            mask[self.gap.marks[self.bar + 1]] = self._may_leave(has_room=len(onsets) > 0)
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
        if kind in ("Bar", "EOS"):
            if self.bar >= 0:
                self._silent = 0 if self.ids[-1] else self._silent + 1
            self.bar += 1
            self._ended = self._ended and self.bar != self._end_bar  # an end before the last bar is none
            self.done = self.bar == len(self.gap.meters)
            if not self.done:
                self.ids.append([])
                self._stage = "position"
            return
        self.ids[-1].append(token)
        if kind == "Position":
            self._onset, self._stage = self.gap.edges[self.bar] + int(value), "pitch"
        elif kind == "Pitch":
            self._pitch, self._stage = int(value), "duration"
        else:
            self._take(int(value))

    def _take(self, length: int) -> None:
        """A whole note has been written."""
        anchor, here = self._anchor, None
        is_new, self._is_legato = True, False
        if anchor is not None and self._is_at(anchor):
            here, length = self._next, anchor.length or length
            is_new = anchor.pitches is None or len(anchor.pitches) > 1
            self._is_legato = anchor.is_legato
            self._next += 1
        if is_new:
            self._new += 1
            self._chromatic += self._pitch % 12 not in self.gap.scale | self.gap.tones_at(self._onset)
        self.notes.append(Written(self._onset, self._pitch, length, here))
        self._previous, self._free_from, self._stage = self._pitch, self._onset + length, "position"
        self._ended = here is not None or (
            self.bar == self._end_bar and self._may_end() and length >= self._shortest_end()
        )

    @property
    def _anchor(self) -> Anchor | None:
        return self.gap.anchors[self._next] if self._next < len(self.gap.anchors) else None

    def _is_at(self, anchor: Anchor) -> bool:
        """True when the note being written is the anchor's."""
        return self.gap.has_all or anchor.onset == self._onset

    def _end(self) -> tuple[int, int]:
        """The bar in which the tune ends, if it does, and the last step where a note may begin: its last beat."""
        free = np.flatnonzero(self.gap.is_free)
        if self.gap.ending is None or not len(free):
            return -1, self.gap.edges[-1]
        bar = self.gap.bar_of(int(free[-1]))
        beat = self.gap.meters[bar].beat_ticks // STEP_TICKS
        start, stop = self.gap.edges[bar : bar + 2]
        last_beat = start + (stop - start - 1) // beat * beat
        run = int(free[np.flatnonzero(np.diff(free, prepend=-2) > 1)[-1]])  # where the last free run begins
        return bar, max(last_beat, run, self.gap.enter)

    # where the next note may begin

    def _onsets(self) -> IntArray:
        start, stop = self.gap.edges[self.bar : self.bar + 2]
        steps = np.arange(max(self._free_from, start), stop)
        anchor = self._anchor
        if self.gap.has_all:
            if anchor is None or anchor.bar != self.bar:
                return steps[:0]
            return steps[steps <= stop - self._room(stop)] if anchor.onset is None else np.array([anchor.onset])
        limit = self.gap.edges[-1] if anchor is None or anchor.onset is None else anchor.onset
        new = steps[(steps < limit) & self.gap.is_free[steps]]
        if anchor is None and self._end_bar >= 0:
            left = self._last_onset - new
            new = new[(left == 0) | (left >= SHORTEST_STEPS)]
        marks = np.array([limit])
        if self.gap.chords:  # the next chord may cut a note off
            marks = np.union1d([mark for mark in self.gap.strong if mark < limit], marks)
        following = marks[np.searchsorted(marks, new, side="right")]
        new = new[following - new >= SHORTEST_STEPS]
        return new if anchor is None or not start <= limit < stop else np.append(new, limit)

    def _room(self, stop: int, *, after: int = 0) -> int:
        """Steps that the anchors still to come before ``stop``, all but the first ``after``, need at least."""
        free = []
        for anchor in self.gap.anchors[self._next :]:
            if anchor.bar != self.bar:
                break
            if anchor.onset is not None:
                stop = anchor.onset
                break
            free.append(anchor)
        each = max(1, min(SHORTEST_STEPS, (stop - max(self._free_from, self.gap.edges[self.bar])) // len(free)))
        return each * (len(free) - after) + self.gap.edges[self.bar + 1] - stop

    def _may_leave(self, *, has_room: bool) -> bool:
        """True when the bar may end here."""
        anchor = self._anchor
        if anchor is not None and anchor.bar == self.bar:
            return False
        if not has_room:
            return True
        if self.bar == self._end_bar:
            return self._ended
        if self.ids[-1] or self._free_from > self.gap.edges[self.bar]:
            return True
        is_last = self.bar == len(self.gap.meters) - 1
        return self.bar > 0 and not is_last and self._silent < MAX_SILENT_BARS

    # its pitch

    def _pitches(self) -> list[int]:
        gap, anchor = self.gap, self._anchor
        found = list(range(gap.low, gap.high + 1))
        following = self._following()
        if anchor is not None and self._is_at(anchor):
            if anchor.pitches is not None:
                found = sorted(anchor.pitches)
            if anchor.move is not None and self._previous is not None:
                moves = [pitch for pitch in found if _sign(pitch - self._previous) == anchor.move]
                found = moves or found  # a single pitch is kept, whatever came before
            if len(found) == 1:
                return found
        sounding = [note for note in gap.kept if note.start <= self._onset < note.end]
        ceiling = max((note.pitch for note in sounding if note.is_under), default=0)
        taken, wanted = self._taken(following), self._wanted()
        goals = (
            lambda pitch: pitch not in taken,
            lambda pitch: pitch % 12 in wanted,
            lambda pitch: pitch > ceiling,
            lambda pitch: self._previous is None or abs(pitch - self._previous) <= MAX_LEAP,
            lambda pitch: following is None or abs(pitch - following) <= MAX_LEAP,
        )
        for goal in goals:  # each is met where those before leave a choice
            found = [pitch for pitch in found if goal(pitch)] or found
        return found

    def _taken(self, following: int | None) -> set[int]:
        """Pitches that sound already while a note from here on does, or will be begun anew."""
        anchor, lasts = self._anchor, 1
        found = {self._previous} if self._is_legato else set()
        if anchor is not None and self._is_at(anchor):
            lasts = anchor.sounds
            found |= {following} if anchor.is_legato else set()
        found |= {note.pitch for note in self.gap.kept if note.start < self._onset + lasts and note.end > self._onset}
        return {pitch for pitch in found if pitch is not None}

    def _wanted(self) -> frozenset[int]:
        """Pitch classes for a note that begins here."""
        gap = self.gap
        tones = gap.tones_at(self._onset)
        is_last = self._next >= len(gap.anchors) - gap.has_all
        if gap.ending is not None and is_last and (self._onset == self._last_onset or gap.has_all):
            return self._ending()
        if tones and self._onset in gap.strong:
            return tones
        if self._chromatic + 1 <= gap.chromatic_share * (self._new + 1) + (gap.chromatic_share > 0) * FREE_CHROMATIC:
            return frozenset(range(12))
        return gap.scale | tones

    def _ending(self) -> frozenset[int]:
        assert self.gap.ending is not None
        tones = self.gap.tones_at(self._onset)
        return (self.gap.ending & tones or tones) if tones else self.gap.ending

    def _following(self) -> int | None:
        """The next pitch that is settled, where it may be the very next one."""
        here = self._anchor
        place = self._next + (here is not None and self._is_at(here))
        if place == len(self.gap.anchors):
            near = len(self.gap.meters) - self.bar <= 1 + MAX_SILENT_BARS
            return self.gap.following if near else None
        anchor = self.gap.anchors[place]
        if anchor.pitches is None or len(anchor.pitches) > 1 or anchor.bar - self.bar > 1 + MAX_SILENT_BARS:
            return None
        return next(iter(anchor.pitches))

    # how long it lasts

    def _lengths(self) -> BoolArray:
        gap, anchor = self.gap, self._anchor
        if anchor is not None and self._is_at(anchor):
            if anchor.length is not None:
                return np.asarray(self._durations == known_duration(anchor.length))
            stop = gap.edges[self.bar + 1]
            longest = stop - self._room(stop, after=1) - self._onset
        else:
            limit = gap.edges[-1] + gap.leave if anchor is None or anchor.onset is None else anchor.onset
            longest = min(limit - self._onset, MAX_NOTE_BARS * (gap.edges[self.bar + 1] - gap.edges[self.bar]))
            longest = min(longest, self._clash())
        taken = [note.start for note in gap.kept if note.pitch == self._pitch and note.start > self._onset]
        longest = min([longest, *(start - self._onset for start in taken)])
        if anchor is not None or self._end_bar < 0:
            return self._between(1, longest)
        mask = self._between(1, min(longest, self._last_onset - self._onset))
        to_bar_line = gap.edges[self.bar + 1] - self._onset
        if self.bar == self._end_bar and self._may_end() and (longest >= to_bar_line or not mask.any()):
            most = min(longest, to_bar_line)
            mask = mask | self._between(min(self._shortest_end(), most), most)
        return mask

    def _between(self, least: int, most: int) -> BoolArray:
        least = max(least, min(SHORTEST_STEPS, most))
        return np.asarray((self._durations >= least) & (self._durations <= most))

    def _clash(self) -> int:
        """Steps from the onset to the next strong beat whose chord lacks the pitch; many when there is none."""
        for strong in self.gap.strong if self.gap.chords else ():
            if strong > self._onset:
                tones = self.gap.tones_at(strong)
                if tones and self._pitch % 12 not in tones:
                    return strong - self._onset
        return self.gap.edges[-1] + self.gap.leave

    def _may_end(self) -> bool:
        if self._onset == self._last_onset:
            return True
        beat = self.gap.meters[self.bar].beat_ticks // STEP_TICKS
        on_beat = (self._onset - self.gap.edges[self.bar]) % beat == 0
        return on_beat and self.gap.ending is not None and self._pitch % 12 in self._ending()

    def _shortest_end(self) -> int:
        """A last note lasts a beat, or what is left of the bar where that is less."""
        beat = self.gap.meters[self.bar].beat_ticks // STEP_TICKS
        return known_duration(min(beat, self.gap.edges[self.bar + 1] - self._onset))


def reachable(
    choices: Sequence[frozenset[int]], moves: Sequence[int | None], *, previous: int | None, following: int | None
) -> tuple[frozenset[int], ...] | None:
    """Of the pitches each note may have, those from which every later ``move`` can be made; None if there are none.

    Args:
        moves: into each of the notes, and into ``following``; None is free.
    """
    found: list[frozenset[int]] = []
    later = None if following is None else frozenset({following})
    for place in range(len(choices) - 1, -1, -1):
        move = moves[place + 1]
        here = choices[place]
        if later is not None and move is not None:
            here = frozenset(pitch for pitch in here if any(_sign(after - pitch) == move for after in later))
        if place == 0 and previous is not None and moves[0] is not None:
            here = frozenset(pitch for pitch in here if _sign(pitch - previous) == moves[0])
        if not here:
            return None
        found.append(here)
        later = here
    return tuple(reversed(found))


def _sign(interval: int) -> int:
    return (interval > 0) - (interval < 0)
