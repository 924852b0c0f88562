"""A melody as arrays, and what can be counted on them: the common ground of the judges and the taste features.

Conventions:
    Time is in ticks, 480 to a quarter; pitch is a MIDI number. A `Line` has one note an onset (the highest) and no
    note under a longer, higher one, so that a piano part gives its top voice. "Beat" is the felt beat of the metre
    (a dotted quarter in 6/8). Shares lie in [0, 1]. Nothing here looks at a style or a listener.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cocreate.errors import InputError
from cocreate.music.song import TICKS_PER_QUARTER, Key, Note, Song
from cocreate.music.theory import chord_pitch_classes, estimate_key, metric_weight, scale_pitch_classes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MASKED_SHARE = 0.5  # a lower note with at least this much of itself under a higher one is accompaniment
# the fields of a Line that have one entry a note
_PER_NOTE = (
    *("onsets", "lengths", "pitches", "bars", "offsets", "bar_ticks", "beat_ticks", "weights", "levels"),
    *("tonics", "in_scale", "minor", "chords"),
)
_OFF_LEVEL = -5  # metric level of a place off the sixteenth grid
_TRIPLET_TICKS = TICKS_PER_QUARTER // 3
_GRID_SLACK_TICKS = 24  # a played triplet may lie a twentieth of a quarter off its place


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A melody as arrays, one entry a note in time order; at least one note.

    ``bars`` is the bar of each note from 0, ``offsets`` its ticks after the bar line, ``bar_ticks`` and
    ``beat_ticks`` the lengths there, ``weights`` its metric weight 0..3 (`theory.metric_weight`), ``levels`` its
    place in the metric tree, 0 the downbeat and -5 the deepest (see `metric_level`). ``tonics`` is the tonic in
    force, ``in_scale`` whether the note is in that key, ``minor`` whether the key has a minor third, ``chords`` a
    12-bit set of the tones of the chord under the note, 0 where there is none.
    """

    onsets: Ints
    lengths: Ints
    pitches: Ints
    bars: Ints
    offsets: Ints
    bar_ticks: Ints
    beat_ticks: Ints
    weights: Ints
    levels: Ints
    tonics: Ints
    in_scale: NDArray[np.bool_]
    minor: NDArray[np.bool_]
    chords: Ints
    first_bar: int
    bar_count: int
    start_ticks: int
    end_ticks: int
    tempo_bpm: float

    @property
    def intervals(self) -> Ints:
        """Semitones from each note to the next; rests do not break an interval. Empty for one note."""
        return np.diff(self.pitches)

    @property
    def iois(self) -> Ints:
        """Ticks from each onset to the next (inter-onset intervals). Empty for one note."""
        return np.diff(self.onsets)

    @property
    def gaps(self) -> Ints:
        """Silent ticks after each note but the last."""
        silent: Ints = np.maximum(0, self.iois - self.lengths[:-1])
        return silent

    @property
    def degrees(self) -> Ints:
        """Semitones of each note above the tonic in force, 0..11."""
        return (self.pitches - self.tonics) % 12

    def __len__(self) -> int:
        return len(self.onsets)

    def window(self, first: int, stop: int) -> Line | None:
        """Bars ``first`` to ``stop - 1`` as a line of its own (times stay); None when no note begins there."""
        low, high = np.searchsorted(self.bars, (first, stop))
        if low == high:
            return None
        cut = slice(int(low), int(high))
        anchor = int(low)
        start = int(self.onsets[anchor] - self.offsets[anchor]) - int(self.bars[anchor] - first) * int(
            self.bar_ticks[anchor]
        )
        last = int(high) - 1
        end = int(self.onsets[last] - self.offsets[last]) + int(stop - self.bars[last]) * int(self.bar_ticks[last])
        values = {name: getattr(self, name)[cut] for name in _PER_NOTE}
        return replace(self, **values, first_bar=first, bar_count=stop - first, start_ticks=start, end_ticks=end)


def line_of(melody: Song | Line) -> Line:
    """The melody of a song as a `Line`; a line is handed back as it is.

    A song without keys is heard in its estimated key. Bars run from the first to the last bar that has a melody note.

    Raises:
        InputError: if the melody has no note, or the song no pitched part.
    """
    if isinstance(melody, Line):
        return melody
    song = melody
    notes = skyline(song.melody.notes)
    if not notes:
        raise InputError("a melody needs at least one note, got none")
    grid = song.bars()
    bar_starts = np.array([bar.start_ticks for bar in grid], dtype=np.int64)
    onsets = np.array([note.start_ticks for note in notes], dtype=np.int64)
    bars = np.searchsorted(bar_starts, onsets, side="right") - 1
    meters = [grid[bar].meter for bar in bars]
    offsets = onsets - bar_starts[bars]
    keys = song.keys or (estimate_key(replace(song, parts=(song.melody,))),)
    held = [_held(keys, note.start_ticks) for note in notes]
    pitches = np.array([note.pitch for note in notes], dtype=np.int64)
    chords = [song.chord_at(note.start_ticks) if song.chords else None for note in notes]
    scales = {key: scale_pitch_classes(key) for key in keys}
    last = grid[int(bars[-1])]
    return Line(
        onsets=onsets,
        lengths=np.array([note.length_ticks for note in notes], dtype=np.int64),
        pitches=pitches,
        bars=bars,
        offsets=offsets,
        bar_ticks=np.array([meter.bar_ticks for meter in meters], dtype=np.int64),
        beat_ticks=np.array([meter.beat_ticks for meter in meters], dtype=np.int64),
        weights=np.array(
            [metric_weight(int(o), m) for o, m in zip(offsets, meters, strict=True)],
            dtype=np.int64,
        ),
        levels=np.array(
            [metric_level(int(o), m.bar_ticks, m.beat_ticks) for o, m in zip(offsets, meters, strict=True)],
            dtype=np.int64,
        ),
        tonics=np.array([key.tonic for key in held], dtype=np.int64),
        in_scale=np.array([int(p) % 12 in scales[k] for p, k in zip(pitches, held, strict=True)], dtype=np.bool_),
        minor=np.array([key.mode in ("minor", "dorian", "phrygian", "locrian") for key in held], dtype=np.bool_),
        chords=np.array(
            [0 if c is None else sum(1 << tone for tone in chord_pitch_classes(c)) for c in chords], dtype=np.int64
        ),
        first_bar=int(bars[0]),
        bar_count=int(bars[-1] - bars[0]) + 1,
        start_ticks=grid[int(bars[0])].start_ticks,
        end_ticks=max(last.end_ticks, notes[-1].end_ticks),
        tempo_bpm=song.tempo_bpm,
    )


def skyline(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The top voice of ``notes`` (in time order): one note an onset, none under a longer, higher one, no overlaps."""
    kept: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.start_ticks, -n.pitch)):
        if kept:
            above = kept[-1]
            if note.start_ticks == above.start_ticks:
                continue
            masked = min(note.end_ticks, above.end_ticks) - note.start_ticks
            if note.pitch < above.pitch and masked >= _MASKED_SHARE * note.length_ticks:
                continue
            if above.end_ticks > note.start_ticks:
                # the note that stays on under a new top note is cut there only for the line; times stay honest
                kept[-1] = replace(above, length_ticks=note.start_ticks - above.start_ticks)
        kept.append(note)
    return tuple(kept)


def shared_notes(first: Sequence[Note], second: Sequence[Note]) -> float:
    """Share of two lines' notes that both have, 2 |both| / (|first| + |second|), in [0, 1]; 0.0 for two empty ones.

    Notes are the same when they begin at the same tick at the same pitch, whatever their length.
    """
    a, b = (Counter((note.start_ticks, note.pitch) for note in notes) for notes in (first, second))
    total = a.total() + b.total()
    return 2 * (a & b).total() / total if total else 0.0


def metric_level(offset_ticks: int, bar_ticks: int, beat_ticks: int) -> int:
    """Level in the metric tree: 0 downbeat, -1 half bar, -2 beat, -3 half or third of it, -4 quarter or sixth, else -5.

    Source:
        Longuet-Higgins and Lee, The Rhythmic Interpretation of Monophonic Music, Music Perception 1(4), 1984,
        pp. 424-441. We differ: every metre has these six levels, so that scores of 3/4 and 4/4 compare.
    """
    if offset_ticks == 0:
        return 0
    if offset_ticks * 2 == bar_ticks and bar_ticks % (2 * beat_ticks) == 0:
        return -1
    phase = offset_ticks % beat_ticks
    if phase == 0:
        return -2
    first, second = _beat_parts(beat_ticks)
    if phase * first % beat_ticks == 0:
        return -3
    return -4 if phase * second % beat_ticks == 0 else _OFF_LEVEL


def syncopation_lhl(line: Line) -> float:
    """Mean syncopation of a note: how much stronger than its own place the strongest place is that it sounds over.

    For each note but the last, the strongest metric level in the open span between its onset and the next onset;
    where that is above the level of the note, the difference counts. At least 0; march-like tunes are near 0.

    Source:
        Longuet-Higgins and Lee 1984 (see `metric_level`); per-note form after Fitch and Rosenfeld, Perception and
        Production of Syncopated Rhythms, Music Perception 25(1), 2007, pp. 43-58.
    """
    if len(line) < 2:  # one note spans nothing
        return 0.0
    total = 0
    for place in range(len(line) - 1):
        own = int(line.levels[place])
        if own == 0:
            continue
        bar, beat = int(line.bar_ticks[place]), int(line.beat_ticks[place])
        begin, span = int(line.offsets[place]), int(line.onsets[place + 1] - line.onsets[place])
        strongest = _strongest_between(begin, begin + span, bar, beat)
        total += max(0, strongest - own)
    return total / (len(line) - 1)


def entropy_bits(counts: Sequence[float] | Floats | Ints) -> float:
    """Shannon entropy of a histogram in bits; 0 for an empty one."""
    values = np.asarray(counts, dtype=np.float64)
    values = values[values > 0]
    if values.size == 0:
        return 0.0
    shares = values / values.sum()
    return float(max(0.0, -(shares * np.log2(shares)).sum()))


def repeated_share(symbols: Sequence[Hashable], *, n: int) -> float:
    """Share of the n-grams of ``symbols`` that occurred before; 0.0 when there are fewer than two n-grams."""
    grams = [tuple(symbols[i : i + n]) for i in range(len(symbols) - n + 1)]
    if len(grams) < 2:  # the first cannot repeat
        return 0.0
    return (len(grams) - len(set(grams))) / (len(grams) - 1)


def bar_signatures(line: Line, *, pitched: bool) -> list[tuple[tuple[int, int], ...]]:
    """For each bar, its onsets (ticks after the bar line) with scale degree, or with 0 when not ``pitched``.

    Empty bars are empty tuples.
    """
    found: list[list[tuple[int, int]]] = [[] for _ in range(line.bar_count)]
    degrees = line.degrees
    for place in range(len(line)):
        found[int(line.bars[place]) - line.first_bar].append(
            (int(line.offsets[place]), int(degrees[place]) if pitched else 0)
        )
    return [tuple(bar) for bar in found]


def repeated_bars(line: Line, *, pitched: bool) -> float:
    """Share of the bars with notes, the first left out, that are like an earlier bar; 0.0 below two such bars."""
    bars = [bar for bar in bar_signatures(line, pitched=pitched) if bar]
    return repeated_share(bars, n=1) if len(bars) > 1 else 0.0


def lag_similarity(line: Line, *, lag_bars: int, pitched: bool = True) -> float:
    """How alike bars ``lag_bars`` apart are: mean Jaccard overlap of their onsets (with degree when ``pitched``).

    0.0 when the melody is not longer than the lag. Pairs of empty bars are left out.
    """
    bars = [set(bar) for bar in bar_signatures(line, pitched=pitched)]
    pairs = [(a, b) for a, b in zip(bars, bars[lag_bars:], strict=False) if a or b]
    if not pairs:
        return 0.0
    return float(np.mean([len(a & b) / len(a | b) for a, b in pairs]))


def triplet_places(onsets: Ints) -> NDArray[np.bool_]:
    """Which onsets lie a third or two thirds into a quarter note, give or take a twentieth of it."""
    phase = onsets % TICKS_PER_QUARTER
    near: NDArray[np.bool_] = (np.abs(phase - _TRIPLET_TICKS) <= _GRID_SLACK_TICKS) | (
        np.abs(phase - 2 * _TRIPLET_TICKS) <= _GRID_SLACK_TICKS
    )
    return near


def _beat_parts(beat_ticks: int) -> tuple[int, int]:
    """Into how many parts a felt beat divides, and these again: 3 and 6 when dotted (6/8), else 2 and 4."""
    dotted = beat_ticks % 9 == 0  # 480 has no factor 9; three of a unit has
    return (3, 6) if dotted else (2, 4)


def _strongest_between(begin: int, end: int, bar_ticks: int, beat_ticks: int) -> int:
    """The highest metric level of a place strictly between two ticks counted from one bar line."""
    if begin // bar_ticks != (end - 1) // bar_ticks:
        return 0
    half = bar_ticks // 2
    if bar_ticks % (2 * beat_ticks) == 0 and begin < half < end:
        return -1
    if begin // beat_ticks != (end - 1) // beat_ticks:
        return -2
    for level, parts in zip((-3, -4), _beat_parts(beat_ticks), strict=True):
        step = beat_ticks // parts
        if begin // step != (end - 1) // step:
            return level
    return _OFF_LEVEL


def _held(keys: Sequence[Key], ticks: int) -> Key:
    held = keys[0]
    for key in keys:
        if key.start_ticks > ticks:
            break
        held = key
    return held
