"""Chords by the chord network: the likeliest ones where it is known when chords change, or drawn under a chart's rules.

Conventions:
    A ``Slot`` is a place for a chord that is not known yet; a ``Chord`` in its stead is kept as it is. Time is in
    ticks; places, classes and symbols are those of ``chord_clues``. What is longer than the network hears at once is
    written in windows, each with the end of the one before in its view.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.chord_clues import (
    ABSENT,
    HOLD,
    NO_CHORD,
    PRESENT,
    UNKNOWN_RICHNESS,
    Clues,
    Told,
    age_of,
    chord_of,
    class_of,
    clues_of,
)
from cocreate.model.chord_rules import ChordRules
from cocreate.model.chord_writer import WINDOW, ChordWriter, Writing
from cocreate.model.sample import Sampling, draw
from cocreate.model.tokens import Controls, Sheet, controls_of
from cocreate.model.vocabulary import MAX_BARS_LEFT, Vocabulary
from cocreate.music.song import Chord, Song

BEAM = 6  # sequences that are followed; more is slower and no better
HINDSIGHT = WINDOW // 3  # places of the window before that a window sees again

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


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
class Manner:
    """How chords are to be: ``styles`` and ``richness`` as in ``chord_clues.Told``; ``tastes`` are taken in turn."""

    styles: tuple[str, ...] = ()
    richness: int = UNKNOWN_RICHNESS
    tastes: tuple[tuple[float, ...], ...] = ()


@dataclass(slots=True)
class _Hand:
    """What one candidate has written: class and bass of each place, what sounds, and the cost of what was free."""

    chord: IntArray
    bass: IntArray
    nats: float = 0.0
    drawn: int = 0
    now: int = HOLD
    low: int = 0
    since: int = 0

    @classmethod
    def blank(cls, places: int) -> _Hand:
        """Nothing written yet."""
        return cls(np.full(places, HOLD), np.zeros(places, dtype=np.int64))

    def copy(self) -> _Hand:
        """The same, to go on with on its own."""
        return replace(self, chord=self.chord.copy(), bass=self.bass.copy())

    def draw(self, scores: FloatArray, allowed: BoolArray, rng: np.random.Generator, sampling: Sampling) -> int:
        """A class among those allowed: first whether the chord changes at all, then to which."""
        chord = allowed.copy()
        chord[HOLD] = False
        if not chord.any():
            return HOLD
        if allowed[HOLD]:
            # one change against one hold: else a hold would hide a change that many chords share
            change = float(np.logaddexp.reduce(scores[chord].astype(np.float64)))
            pair = np.array([scores[HOLD], change], dtype=np.float32)
            does_change, nats = draw(pair, np.ones(2, dtype=np.bool_), rng, sampling)
            self.nats, self.drawn = self.nats + nats, self.drawn + 1
            if not does_change:
                return HOLD
        found, nats = draw(scores, chord, rng, sampling)
        self.nats, self.drawn = self.nats + nats, self.drawn + 1
        return found

    def age(self, clues: Clues, place: int) -> int:
        """Id of how long the chord that sounds has sounded."""
        return age_of(int(clues.starts[place]) - self.since, is_sounding=self.now != HOLD)

    def put(self, clues: Clues, place: int, chord: int, bass: int) -> None:
        """Write a class and a bass; what sounds already goes on."""
        if (chord, bass) != (self.now, self.low):
            self.chord[place], self.bass[place] = chord, bass
            self.recall(clues, place)

    def recall(self, clues: Clues, place: int) -> None:
        """Let what is written at a place sound."""
        if self.chord[place] != HOLD:
            self.now, self.low, self.since = int(self.chord[place]), int(self.bass[place]), int(clues.starts[place])

    def chord_at(self, clues: Clues, place: int, length_ticks: int) -> Chord:
        """What sounds from a place on, without its bass."""
        written = place - int(np.argmax(self.chord[place::-1] != HOLD))
        return chord_of(int(self.chord[written]), 0, int(clues.starts[place]), length_ticks, clues.shift)

    def chords(self, clues: Clues) -> tuple[Chord, ...]:
        """All that is written, in ticks and in the song's key; each lasts until the next."""
        found: list[Chord] = []
        end = int(clues.ends[-1])
        for place in np.flatnonzero(self.chord != HOLD)[::-1].tolist():
            start = int(clues.starts[place])
            found.append(chord_of(int(self.chord[place]), int(self.bass[place]), start, end - start, clues.shift))
            end = start
        return tuple(found[::-1])


def draw_chords(
    net: ChordWriter,
    clues: Clues,
    rules: ChordRules,
    *,
    n: int,
    seed: int,
    sampling: Sampling | None = None,
    manner: Manner | None = None,
) -> list[tuple[tuple[Chord, ...], float]]:
    """``n`` rows of chords under a song, and how surprising the network finds each, nats a free choice.

    A row draws from its own generator, seeded by (seed, row). Guidance is that of ``model.sample``.

    Args:
        clues: of the song; their own chords are not looked at.
        rules: which may be written where; what they keep is kept.
    """
    sampling = sampling or Sampling()
    band = _Band(
        net, clues, rules.symbols(len(clues)), rules.kept,
        manner=manner or Manner(), size=n, guidance=sampling.guidance,
    )  # fmt: skip
    generators = [np.random.default_rng([seed, row]) for row in range(n)]
    for window in _windows(clues):
        for place in band.open(window):
            scores = band.scores(place)
            for row, hand in enumerate(band.hands):
                if place in rules.kept:
                    hand.put(clues, place, *rules.kept[place])
                    continue
                allowed = rules.allowed(place, hand.now, hand.low)
                found = hand.draw(scores[row], allowed, generators[row], sampling)
                if found != HOLD:
                    basses = rules.basses(place, found)
                    bass = draw(band.bass_scores(row, found), basses, generators[row], sampling)[0]
                    hand.put(clues, place, found, bass)
    return [(hand.chords(clues), hand.nats / max(1, hand.drawn)) for hand in band.hands]


def harmonise_slots(
    net: ChordWriter,
    song: Song,
    places: Sequence[Slot | Chord],
    *,
    styles: Sequence[str] = (),
    beam: int = BEAM,
    seed: int | None = None,
) -> tuple[Chord, ...]:
    """The likeliest chords under the song's melody, one for each of ``places``; its own chords are not looked at.

    No bass is written.

    Args:
        song: melody, bars and key; without a key, the melody's estimated one is taken.
        places: in time order, none over another; a ``Chord`` is kept.
        styles: words of the vocabulary.
        beam: sequences that are followed side by side, >= 1.
        seed: draw them by chance instead, as people choose, from a generator of its own.

    Raises:
        InputError: if places overlap or are out of order, or ``beam`` is out of range.
    """
    if beam < 1:
        raise InputError(f"beam must be 1 sequence or more, got {beam}")
    if seed is not None:
        beam = 1
    for before, after in pairwise(places):
        if after.start_ticks < before.end_ticks:
            raise InputError(
                f"chord slots must come in order without overlap, got one at tick {after.start_ticks} before the end"
                f" of another at tick {before.end_ticks}"
            )
    marks = tuple(Chord(place.start_ticks, place.length_ticks, None) for place in places)  # bars must reach under all
    points = [place.start_ticks for place in places]
    clues = clues_of(replace(song, chords=marks), styles=styles, chords=(), points=points)
    numbers = {int(start): number for number, start in enumerate(clues.starts)}
    kept = {numbers[one.start_ticks]: class_of(one, clues.shift) for one in places if isinstance(one, Chord)}
    symbol = np.full(len(clues), ABSENT, dtype=np.int64)
    symbol[[numbers[point] for point in points]] = PRESENT
    band = _Band(net, clues, symbol, kept, manner=Manner(styles=tuple(styles)), size=beam)
    costs = np.full(beam, np.inf)
    costs[0] = 0.0  # all begin alike: the others are ghosts until the first choice
    rng = None if seed is None else np.random.default_rng(seed)
    for window in _windows(clues):
        for place in band.open(window):
            scores = band.scores(place)
            if place in kept:
                for hand in band.hands:
                    hand.put(clues, place, *kept[place])
            elif symbol[place] == PRESENT:
                costs = _choose(band, place, scores, costs, rng)
    best = band.hands[int(costs.argmin())]
    return tuple(
        one if isinstance(one, Chord) else best.chord_at(clues, numbers[one.start_ticks], one.length_ticks)
        for one in places
    )


def _choose(
    band: _Band,
    place: int,
    scores: FloatArray,
    costs: npt.NDArray[np.float64],
    rng: np.random.Generator | None,
) -> npt.NDArray[np.float64]:
    """Let the likeliest of all hands and classes go on at a place, or one by chance; their costs in nats."""
    logs = scores.astype(np.float64)
    logs[:, NO_CHORD] = -np.inf
    for row, hand in enumerate(band.hands):
        if hand.now < NO_CHORD:
            logs[row, hand.now] = -np.inf  # to say it again is to hold it
        else:
            logs[row, HOLD] = -np.inf
    logs -= np.logaddexp.reduce(logs, axis=1, keepdims=True)
    totals = (costs[:, None] - logs).ravel()
    if rng is None:
        best = np.argsort(totals, kind="stable")[: len(costs)]
    else:
        best = np.array([draw(-totals.astype(np.float32), np.isfinite(totals), rng, Sampling())[0]])
    rows, picks = np.divmod(best, logs.shape[1])
    band.take(rows)
    for hand, pick in zip(band.hands, picks.tolist(), strict=True):
        if pick != HOLD:
            hand.put(band.clues, place, pick, 0)
    return totals[best]


def _windows(clues: Clues) -> Iterator[tuple[int, int, int]]:
    """(First place in view, first to write, place to stop before)."""
    fresh = 0
    while fresh < len(clues):
        first = max(0, fresh - HINDSIGHT)
        stop = min(len(clues), first + WINDOW)
        yield first, fresh, stop
        fresh = stop


class _Band:
    """Candidates side by side: what each has written, and the network that hears with them.

    With a guidance other than 1 the network has twice as many rows: the later half is told no style and no taste.
    """

    def __init__(
        self,
        net: ChordWriter,
        clues: Clues,
        symbol: IntArray,
        kept: Mapping[int, tuple[int, int]],
        *,
        manner: Manner,
        size: int,
        guidance: float = 1.0,
    ) -> None:
        self.net, self.clues, self.symbol, self.kept, self.manner = net, clues, symbol, kept, manner
        self.hands = [_Hand.blank(len(clues)) for _ in range(size)]
        self._guidance = guidance
        self._writing: Writing

    def open(self, window: tuple[int, int, int]) -> range:
        """Hear a window, go through what is written in it already, and give the places that are not."""
        first, fresh, stop = window
        rows = [self._told(row, first, fresh, stop) for row in range(len(self.hands))]
        if self._guidance != 1:
            rows += [replace(told, styles=(), taste=np.zeros_like(told.taste)) for told in rows]
        heard: list[FloatArray] = []
        for row, told in enumerate(rows):
            same = [] if fresh else [past for past in range(row) if _is_alike(rows[past], told)]
            heard.append(heard[same[0]] if same else self.net.hear(told))
        self._writing = Writing(self.net, np.stack(heard), np.stack([told.heard() for told in rows]))
        hands = self.hands
        self.hands = [replace(hand, now=HOLD, low=0, since=0) for hand in hands]
        for place in range(first, fresh):
            self.scores(place)
            for hand in self.hands:
                hand.recall(self.clues, place)
        self.hands = hands
        return range(fresh, stop)

    def scores(self, place: int) -> FloatArray:
        """Scores (hands, C) at the next place."""
        hands, rows = self.hands, self._writing.rows
        found = self._writing.scores(
            np.resize([hand.now for hand in hands], rows),
            np.resize([hand.low for hand in hands], rows),
            np.resize([hand.age(self.clues, place) for hand in hands], rows),
        )
        if self._guidance == 1:
            return found
        told, untold = found[: len(hands)], found[len(hands) :]
        return np.asarray(untold + np.float32(self._guidance) * (told - untold))

    def bass_scores(self, row: int, chord: int) -> FloatArray:
        """Scores (12,) of the bass of a class that hand ``row`` has chosen at the latest place."""
        return np.asarray(self._writing.bass_scores(np.full(self._writing.rows, chord))[row])

    def take(self, rows: IntArray) -> None:
        """Let hand ``rows[b]`` go on as hand ``b``."""
        self._writing.take(rows)
        self.hands = [self.hands[row].copy() for row in rows]

    def _told(self, row: int, first: int, fresh: int, stop: int) -> Told:
        """What a hand is told of a window of which it has written the places before ``fresh``."""
        hand, count = self.hands[row], fresh - first
        symbol, kept = self.symbol[first:stop].copy(), np.full(stop - first, HOLD)
        low = np.zeros(stop - first, dtype=np.int64)
        for place, found in self.kept.items():
            if first <= place < stop:
                kept[place - first], low[place - first] = found
        kept[:count], low[:count] = hand.chord[first:fresh], hand.bass[first:fresh]
        symbol[:count] = np.where(kept[:count] == HOLD, ABSENT, PRESENT)
        taste = np.zeros(self.net.features, dtype=np.float32)
        if self.manner.tastes:
            known = self.manner.tastes[row % len(self.manner.tastes)][: self.net.features]
            taste[: len(known)] = known
        clues, manner = self.clues.cut(first, stop), self.manner
        return Told(clues, symbol, kept, low, clues.mode, manner.richness, manner.styles, taste)


def _is_alike(one: Told, other: Told) -> bool:
    """True when the same is told of one window in which nothing is written yet."""
    return one.styles == other.styles and np.array_equal(one.taste, other.taste)
