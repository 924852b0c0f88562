"""Chords under a melody by a checkpoint, where it is known when chords change.

Conventions:
    A ``Slot`` is a place for a chord that is not known yet; a ``Chord`` in its stead is kept as it is. Time is in
    ticks. The model hears the melody one bar ahead (task "under" of ``tokens``) and writes root and quality; every
    position is forced to where the slots say, and so is the chord that rings over a bar line. No bass is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.decoder import Cache, Decoder
from cocreate.model.tokens import Controls, Sheet, bar_id, controls_of, sheet_of
from cocreate.model.vocabulary import MAX_BARS_LEFT, STEP_TICKS, Vocabulary
from cocreate.music.song import Chord, Song

BEAM = 4  # sequences that are followed; more is slower and no better
_HEAD_TOKENS = 24  # at most, controls and the first Ahead
_BAR_TOKENS = 4  # Ahead, Bar, TimeSig, and one to spare
_CHORD_TOKENS = 4

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a chord is asked for; ``length_ticks`` >= 1.

    Raises:
        InputError: if it begins before tick 0 or is empty.
    """

    start_ticks: int
    length_ticks: int

    def __post_init__(self) -> None:
        if self.start_ticks < 0 or self.length_ticks < 1:
            raise InputError(
                f"a chord slot must begin at tick 0 or later and last at least 1 tick, got {self.start_ticks}"
                f" and {self.length_ticks}"
            )

    @property
    def end_ticks(self) -> int:
        """First tick after the slot."""
        return self.start_ticks + self.length_ticks


def slots_of(song: Song) -> tuple[Slot, ...]:
    """Where the song has chords; N.C. is no slot."""
    return tuple(Slot(chord.start_ticks, chord.length_ticks) for chord in song.chords if chord.root is not None)


def written_repeats(songs: Iterable[Song]) -> float:
    """How often a chord that goes on over a bar line is written again there, in (0, 1); a half where none goes on."""
    written = silent = 1
    for song in songs:
        begun = {chord.start_ticks: chord for chord in song.chords}
        for bar in song.bars():
            before = song.chord_at(bar.start_ticks - 1)
            here = song.chord_at(bar.start_ticks)
            if before is None or here is None or (here.root, here.quality) != (before.root, before.quality):
                continue
            written, silent = written + (bar.start_ticks in begun), silent + (bar.start_ticks not in begun)
    return written / (written + silent)


def harmonise_slots(
    net: Decoder,
    song: Song,
    places: Sequence[Slot | Chord],
    *,
    controls: Controls | None = None,
    repeats: float = 1.0,
    beam: int = BEAM,
) -> tuple[Chord, ...]:
    """The likeliest chords under the song's melody, one for each of ``places``; its own chords are not looked at.

    A piece that is longer than the context is written in windows, each with the end of the one before in its view.

    Args:
        net: a network that has learned the task "under".
        song: melody, bars, tempo and key; without a key, the melody's estimated one is taken.
        places: in time order, none over another; a ``Chord`` is kept.
        controls: what is asked beside; whatever is None there is measured on the melody.
        repeats: how often a chord that goes on over a bar line gets a slot of its own, in (0, 1] (`written_repeats`).
            The model restates chords at bar lines and cannot tell; a small share says that a slot means a change.
        beam: sequences that are followed side by side, >= 1.

    Raises:
        InputError: if places overlap or are out of order, ``beam`` or ``repeats`` is out of range, or the melody does
            not fit the grid.
    """
    if beam < 1:
        raise InputError(f"beam must be 1 sequence or more, got {beam}")
    if not 0 < repeats <= 1:
        raise InputError(f"repeats must be a share above 0 and up to 1, got {repeats:g}")
    for before, after in pairwise(places):
        if after.start_ticks < before.end_ticks:
            raise InputError(
                f"chord slots must come in order without overlap, got one at tick {after.start_ticks} before the end"
                f" of another at tick {before.end_ticks}"
            )
    marks = tuple(Chord(place.start_ticks, place.length_ticks, None) for place in places)  # bars must reach under all
    marked = replace(song, chords=marks)
    sheet = sheet_of(marked, net.words)
    chart = _chart(places, [bar.start_ticks for bar in marked.bars()], [bar.end_ticks for bar in marked.bars()])
    known = {
        number: kept_ids(place, sheet.shift, net.words)
        for number, place in enumerate(places)
        if isinstance(place, Chord)
    }
    for first, stop in _windows(sheet, chart, net.context):
        asked = controls_for(sheet, first, stop, net.words, controls)
        rows = _Beam(net, beam, known)
        _write(rows, sheet, chart, (first, stop), net.words, controls=asked, log_repeats=math.log(repeats))
        known = rows.best()
    return tuple(
        place if isinstance(place, Chord) else _chord(place, known[number], sheet.shift, net.words)
        for number, place in enumerate(places)
    )


def controls_for(sheet: Sheet, first: int, stop: int, words: Vocabulary, asked: Controls | None) -> Controls:
    """Controls of bars ``first`` to ``stop - 1``: what is asked, and the rest as the melody measures."""
    measured = controls_of(sheet.bars[first:stop], sheet, words, styles=(), mood=None)
    measured = replace(measured, bars=min(MAX_BARS_LEFT + 1, len(sheet.bars) - first))
    given = {field.name: getattr(asked, field.name) for field in fields(Controls)} if asked else {}
    known_styles = tuple(style for style in given.get("styles", ()) if f"Style_{style}" in words.ids)
    return replace(
        measured, **{name: value for name, value in given.items() if value is not None} | {"styles": known_styles}
    )


@dataclass(frozen=True, slots=True)
class _Event:
    """A chord that begins in a bar or rings into it: the step of that bar, and the number of its place."""

    step: int
    place: int


def _chart(places: Sequence[Slot | Chord], starts: Sequence[int], ends: Sequence[int]) -> list[list[_Event]]:
    """The events of each bar, as ``tokens.chord_ids`` counts them."""
    chart: list[list[_Event]] = []
    first = 0
    for start, end in zip(starts, ends, strict=True):
        bar_start, bar_end = start // STEP_TICKS, end // STEP_TICKS
        events: list[_Event] = []
        while first < len(places) and _end_step(places[first]) <= bar_start:
            first += 1
        for number in range(first, len(places)):
            onset = round(places[number].start_ticks / STEP_TICKS)
            if onset >= bar_end:
                break
            events.append(_Event(max(onset, bar_start) - bar_start, number))
        chart.append(events)
    return chart


def _end_step(place: Slot | Chord) -> int:
    """Step after a place; even the shortest lasts one."""
    return max(round(place.end_ticks / STEP_TICKS), round(place.start_ticks / STEP_TICKS) + 1)


def _windows(sheet: Sheet, chart: Sequence[Sequence[_Event]], context: int) -> Iterator[tuple[int, int]]:
    """(First bar in view, bar to stop before); windows after the first see half a context back."""
    costs = [
        _BAR_TOKENS + len(bar.melody) + _CHORD_TOKENS * len(events)
        for bar, events in zip(sheet.bars, chart, strict=True)
    ]
    fresh = 0
    while fresh < len(costs):
        first, room = fresh, (context - _HEAD_TOKENS) // 2
        while first > 0 and (room := room - costs[first - 1]) >= 0:
            first -= 1
        stop, room = first, context - _HEAD_TOKENS
        while stop < len(costs) and (room := room - costs[stop]) >= _melody_tokens(sheet, stop + 1):
            stop += 1
        stop = max(stop, fresh + 1)
        yield first, stop
        fresh = stop


def _melody_tokens(sheet: Sheet, bar: int) -> int:
    return len(sheet.bars[bar].melody) + 1 if bar < len(sheet.bars) else 0


def _write(
    rows: _Beam,
    sheet: Sheet,
    chart: Sequence[Sequence[_Event]],
    window: tuple[int, int],
    words: Vocabulary,
    *,
    controls: Controls,
    log_repeats: float,
) -> None:
    """Write a window (see ``_windows``) as ``tokens.lay_out`` lays it out, choosing what is not chosen yet."""
    roots, qualities = words.type_ids["ChordRoot"][:12], words.type_ids["ChordQuality"]
    rows.say([*controls.ids("under", words), words.id("Ahead"), *sheet.bars[window[0]].melody])
    meter = controls.meter
    for number in range(*window):
        bar = sheet.bars[number]
        if number + 1 < len(sheet.bars):
            rows.say([words.id("Ahead"), *sheet.bars[number + 1].melody])
        rows.say([bar_id(len(sheet.bars) - 1 - number, 0, words, is_pickup=sheet.has_pickup and number == 0)])
        if bar.meter != meter:
            meter = bar.meter
            rows.say([words.id("TimeSig", meter)])
        for event in chart[number]:
            rows.say([words.id("Position", event.step)])
            if not rows.has_chosen(event.place):
                rows.choose(event.place, roots)
                rows.choose(event.place, qualities, log_repeats=0.0 if event.step else log_repeats)
            else:
                rows.say_chosen(event.place)


class _Beam:
    """Sequences side by side in one cache: what each has chosen, and the ids that wait to be fed."""

    def __init__(self, net: Decoder, size: int, known: Mapping[int, tuple[int, ...]]) -> None:
        self._cache: Cache = net.start(size)
        self._scores: FloatArray = np.full(size, -np.inf)
        self._scores[0] = 0.0  # all begin alike: the others are ghosts until the first choice
        self._chosen: list[dict[int, tuple[int, ...]]] = [dict(known) for _ in range(size)]
        self._waiting: list[list[int]] = [[] for _ in range(size)]
        self._begun: list[tuple[int, int]] = []  # places in order, each with the tokens before its chord
        self._agreed = 0  # all sequences have the same chords at this many of the first places

    def say(self, ids: Sequence[int]) -> None:
        """Ids that are the same for all."""
        for row in self._waiting:
            row.extend(ids)

    def has_chosen(self, place: int) -> bool:
        """True when the chord of the place stands."""
        return place in self._chosen[0]

    def say_chosen(self, place: int) -> None:
        """The chord that each has chosen for a place, once more."""
        for row, chosen in zip(self._waiting, self._chosen, strict=True):
            row.extend(chosen[place])

    def choose(self, place: int, options: IntArray, *, log_repeats: float = 0.0) -> None:
        """Go on with the likeliest of all sequences and ``options``, as the next id of the chord of a place.

        ``log_repeats`` is added where that makes it the chord of the place before.
        """
        logits = self._cache.feed(np.array(self._waiting, dtype=np.int64))[:, options].astype(np.float64)
        table = self._scores[:, None] + logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        for row, chosen in zip(table, self._chosen, strict=True):
            so_far = chosen.get(place, ())
            row[[(*so_far, token) == chosen.get(place - 1) for token in options.tolist()]] += log_repeats
        totals = table.ravel()
        best = np.argsort(-totals, kind="stable")[: len(self._scores)]
        rows, picks = np.divmod(best, len(options))
        self._cache.take(rows, since=self._parting())
        self._scores = totals[best]
        ids = options[picks].tolist()
        self._chosen = [
            self._chosen[row] | {place: (*self._chosen[row].get(place, ()), token)}
            for row, token in zip(rows.tolist(), ids, strict=True)
        ]
        if not self._begun or self._begun[-1][0] != place:
            self._begun.append((place, self._cache.length))
        self._waiting = [[token] for token in ids]

    def best(self) -> dict[int, tuple[int, ...]]:
        """Ids of the chord of each place, in the likeliest sequence."""
        return self._chosen[int(self._scores.argmax())]

    def _parting(self) -> int:
        """Tokens that all sequences share: what lies before need not be moved."""
        while self._agreed < len(self._begun):
            place, length = self._begun[self._agreed]
            if len({chosen[place] for chosen in self._chosen}) > 1 or place == self._begun[-1][0]:
                return length
            self._agreed += 1
        return self._cache.length


def kept_ids(chord: Chord, shift: int, words: Vocabulary) -> tuple[int, ...]:
    """Ids of a chord in a frame that lies ``shift`` semitones above the song, without its position."""
    if chord.root is None:
        return (words.id("ChordRoot", "N"),)
    ids = (words.id("ChordRoot", (chord.root + shift) % 12), words.id("ChordQuality", chord.quality))
    return ids if chord.bass is None else (*ids, words.id("ChordBass", (chord.bass + shift) % 12))


def _chord(slot: Slot, ids: tuple[int, ...], shift: int, words: Vocabulary) -> Chord:
    root, quality = (words.values[i] for i in ids)
    return Chord(slot.start_ticks, slot.length_ticks, (int(root) - shift) % 12, quality)
