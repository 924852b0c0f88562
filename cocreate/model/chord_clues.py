"""What a writer of chords hears of a song, and what was written there: the rows of the chord network.

Conventions:
    A *place* is a stretch where one chord may begin: from a felt beat, or from a tick that is named beside the beats,
    to the next such point. P is the number of places. Everything is in the *frame* of the song: moved so that its tonic
    is C. A *class* is a chord without its bass: ``root * len(QUALITIES) + quality``, then `NO_CHORD` and `HOLD`, which
    goes on with what sounds (nothing, before the first chord). A bass is in semitones above the root, 0 for none.
    The *symbol* of a place says whether a chord symbol stands there: `UNKNOWN`, `ABSENT` or `PRESENT`; one may repeat
    the chord before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cocreate.model.tokens import frame_shift
from cocreate.model.vocabulary import METERS, STYLES, nearest_meter
from cocreate.music.song import MODES, TICKS_PER_QUARTER, Chord, Key, Note, Song
from cocreate.music.theory import QUALITIES, estimate_key, key_of_chords

KINDS = tuple(QUALITIES)
NO_CHORD = 12 * len(KINDS)
HOLD = NO_CHORD + 1
CLASSES = HOLD + 1
UNKNOWN, ABSENT, PRESENT = 0, 1, 2
UNKNOWN_MODE = len(MODES)
BLOCKS = 6  # of twelve pitch classes each; see ``Clues.tones``
NUMBERS = 8
MOST_BEATS, MOST_LEFT, PHASES, AGES = 16, 33, 16, 17
RICHNESS_EDGES = (0.1, 0.35, 0.7)  # shares of chords of four notes and more
UNKNOWN_RICHNESS = len(RICHNESS_EDGES) + 1
_RICH = 4  # tones
_NO_NOTE = 128  # above every pitch
_CENTRE, _OCTAVE = 66.0, 12.0  # pitches are told as octaves above F#4

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Clues:
    """A song as a writer of chords hears it.

    Args:
        starts, ends: ticks of each place, (P,).
        bars: the bar of each place from 0, (P,).
        tones: (P, 5, 12), shares of the place's length that each pitch class sounds in the tune and in the other parts,
            and what begins with the place, rings into it, or lies lowest: tune, begun, held, others, lowest.
        numbers: (P, 8), lengths in quarters and what else is counted.
        beat, meter, left, phase: ids of the place's beat in its bar, of the metre, of the bars left, of the bar in its
            group of sixteen, (P,).
        mode: id of the mode.
        styles: words of the vocabulary.
        shift: semitones from the song to the frame.
        chord, bass, symbol: what is written: class, bass and symbol of each place, (P,); `HOLD` where nothing is.
    """

    starts: IntArray
    ends: IntArray
    bars: IntArray
    tones: FloatArray
    numbers: FloatArray
    beat: IntArray
    meter: IntArray
    left: IntArray
    phase: IntArray
    mode: int
    styles: tuple[str, ...]
    shift: int
    chord: IntArray
    bass: IntArray
    symbol: IntArray

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def richness(self) -> int:
        """Bin of the share of chords with four notes and more, 0..3."""
        kinds = self.chord[self.chord < NO_CHORD] % len(KINDS)
        rich = [len(QUALITIES[KINDS[kind]]) >= _RICH for kind in kinds.tolist()]
        return int(np.searchsorted(RICHNESS_EDGES, float(np.mean(rich)) if rich else 0.0, side="right"))

    def cut(self, first: int, stop: int) -> Clues:
        """Places ``first`` to ``stop - 1``."""
        rows = slice(first, stop)
        return replace(self, **{name: getattr(self, name)[rows] for name in _PER_PLACE})

    def moved(self, semitones: int) -> Clues:
        """The same in another frame."""
        named = self.chord < NO_CHORD
        root, kind = np.divmod(self.chord, len(KINDS))
        chord = np.where(named, (root + semitones) % 12 * len(KINDS) + kind, self.chord)
        return replace(self, tones=np.roll(self.tones, semitones, axis=2), chord=chord, shift=self.shift + semitones)

    def state(self) -> tuple[IntArray, IntArray, IntArray]:
        """Class and bass that sound before each place, `HOLD` before the first chord, and the chord's age, (P,)."""
        chord, bass, age = (np.zeros(len(self), dtype=np.int64) for _ in range(3))
        now, low, since = HOLD, 0, 0
        for place, (written, under) in enumerate(zip(self.chord.tolist(), self.bass.tolist(), strict=True)):
            start = int(self.starts[place])
            chord[place], bass[place], age[place] = now, low, age_of(start - since, is_sounding=now != HOLD)
            if written != HOLD:
                now, low, since = written, under, start
        return chord, bass, age

    def spans(self, symbol: IntArray) -> FloatArray:
        """What the tune sounds from each place to the next that ``symbol`` calls `PRESENT`, else to the bar's end.

        Shares of that stretch, (P, 12).
        """
        lengths = (self.ends - self.starts)[:, None].astype(np.float32)
        sums = np.concatenate([np.zeros((1, 12), np.float32), np.cumsum(self.tones[:, 0] * lengths, axis=0)])
        clock = np.concatenate([[0.0], np.cumsum(lengths[:, 0])])
        count = len(self)
        stop = np.full(count, count)
        following = count
        is_known = symbol != UNKNOWN
        for place in range(count - 1, -1, -1):
            stop[place] = following
            new_bar = place == 0 or self.bars[place] != self.bars[place - 1]
            if symbol[place] == PRESENT or (new_bar and not is_known[place]):
                following = place
        shares = (sums[stop] - sums[:-1]) / np.maximum(1.0, clock[stop] - clock[:-1])[:, None]
        return np.asarray(shares, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What a writer of chords is told of a song beside its clues.

    Args:
        symbol: where symbols stand, (P,).
        kept, kept_bass: classes and basses that stay, `HOLD` where none does, (P,).
        mode, richness: ids; `UNKNOWN_MODE` and `UNKNOWN_RICHNESS` leave them open.
        styles: words of the vocabulary; none leaves them open.
        taste: content vector (F,), zeros where it is not known.
    """

    clues: Clues
    symbol: IntArray
    kept: IntArray
    kept_bass: IntArray
    mode: int
    richness: int
    styles: tuple[str, ...]
    taste: FloatArray

    def places(self) -> IntArray:
        """Ids of beat, metre, left, phase, symbol, kept class and kept bass, (P, 7)."""
        c = self.clues
        return np.stack([c.beat, c.meter, c.left, c.phase, self.symbol, self.kept, self.kept_bass], axis=1)

    def heard(self) -> FloatArray:
        """The tones of the clues and, last, their spans, (P, 6, 12)."""
        return np.concatenate([self.clues.tones, self.clues.spans(self.symbol)[:, None]], axis=1)

    def style_row(self) -> FloatArray:
        """1 for each style that is told, (S,)."""
        row = np.zeros(len(STYLES), dtype=np.float32)
        row[[STYLES.index(style) for style in self.styles if style in STYLES]] = 1.0
        return row


_PER_PLACE = (
    *("starts", "ends", "bars", "tones", "numbers", "beat", "meter", "left", "phase"),
    *("chord", "bass", "symbol"),
)


def age_of(ticks: int, *, is_sounding: bool) -> int:
    """Id of how long a chord sounds: 0 for none, then whole quarters, at most ``AGES - 1``."""
    return min(AGES - 1, 1 + ticks // TICKS_PER_QUARTER) if is_sounding else 0


def richness_at(complexity: float | None) -> int:
    """Id of the richness of a complexity, 0..1; unknown for None."""
    return UNKNOWN_RICHNESS if complexity is None else min(UNKNOWN_RICHNESS - 1, int(complexity * UNKNOWN_RICHNESS))


def class_of(chord: Chord, shift: int) -> tuple[int, int]:
    """Class and bass of a chord in a frame that lies ``shift`` semitones above the song."""
    if chord.root is None:
        return NO_CHORD, 0
    bass = 0 if chord.bass is None else (chord.bass - chord.root) % 12
    return (chord.root + shift) % 12 * len(KINDS) + KINDS.index(chord.quality), bass


def chord_of(found: int, bass: int, start_ticks: int, length_ticks: int, shift: int) -> Chord:
    """The chord of a class and a bass; see ``class_of``. ``HOLD`` is none."""
    assert found != HOLD
    if found == NO_CHORD:
        return Chord(start_ticks, length_ticks, None)
    root = (found // len(KINDS) - shift) % 12
    return Chord(start_ticks, length_ticks, root, KINDS[found % len(KINDS)], (root + bass) % 12 if bass else None)


def clues_of(
    song: Song, *, styles: Sequence[str] = (), chords: Sequence[Chord] | None = None, points: Iterable[int] = ()
) -> Clues:
    """What is heard of a song, and its chords as what is written.

    Args:
        styles: words of the vocabulary, from general to special.
        chords: what is written; by default the song's own.
        points: ticks beside the felt beats, and the onsets of ``chords``, where a chord may begin.
    """
    chords = song.chords if chords is None else chords
    key = song.key or _key(song)
    shift = frame_shift(key.tonic)
    grid = song.bars()
    onsets = {chord.start_ticks for chord in chords}
    marks = sorted(
        {
            tick
            for bar in grid
            for tick in range(bar.start_ticks, bar.end_ticks, min(bar.meter.beat_ticks, bar.length_ticks))
        }
        | onsets
        | {point for point in points if 0 <= point < grid[-1].end_ticks}
    )
    starts = np.array(marks, dtype=np.int64)
    ends = np.array([*marks[1:], grid[-1].end_ticks], dtype=np.int64)
    bar_starts = np.array([bar.start_ticks for bar in grid])
    bars = np.searchsorted(bar_starts, starts, side="right") - 1
    inside = starts - bar_starts[bars]
    tune = song.melody if any(part.role != "drums" and part.notes for part in song.parts) else None
    others = [part for part in song.parts if part is not tune and part.role != "drums" and part.notes]
    tones, numbers = _hear(tune.notes if tune else (), [n for p in others for n in p.notes], starts, ends, shift)
    lengths = np.array([bar.length_ticks for bar in grid])[bars]
    numbers[:, 0] = (ends - starts) / TICKS_PER_QUARTER
    numbers[:, 1] = inside / TICKS_PER_QUARTER
    numbers[:, 2] = lengths / TICKS_PER_QUARTER
    beats = np.array([bar.meter.beat_ticks for bar in grid])[bars]
    numbers[:, 3] = inside % beats == 0
    chord, bass, symbol = _written(chords, starts, shift)
    return Clues(
        starts=starts,
        ends=ends,
        bars=bars,
        tones=tones,
        numbers=numbers,
        beat=np.minimum(inside // beats, MOST_BEATS - 1),
        meter=np.array([METERS.index(nearest_meter(bar.meter)) for bar in grid])[bars],
        left=np.minimum(len(grid) - 1 - bars, MOST_LEFT - 1),
        phase=(bars - bool(song.pickup_ticks)) % PHASES,
        mode=MODES.index(key.mode),
        styles=tuple(styles),
        shift=shift,
        chord=chord,
        bass=bass,
        symbol=symbol,
    )


def _key(song: Song) -> Key:
    if any(part.role != "drums" and part.notes for part in song.parts):
        return estimate_key(song)
    return key_of_chords(song.chords) if song.chords else Key(0, 0)


def _hear(
    tune: Sequence[Note], others: Sequence[Note], starts: IntArray, ends: IntArray, shift: int
) -> tuple[FloatArray, FloatArray]:
    """``tones`` and ``numbers`` of each place, but for what is counted without notes."""
    count = len(starts)
    tones = np.zeros((count, BLOCKS - 1, 12), dtype=np.float32)
    numbers = np.zeros((count, NUMBERS), dtype=np.float32)
    lengths = np.maximum(1, ends - starts)
    for note in tune:
        pc = (note.pitch + shift) % 12
        first = max(0, int(np.searchsorted(starts, note.start_ticks, side="right")) - 1)
        for place in range(first, count):
            if starts[place] >= note.end_ticks:
                break
            ticks = min(note.end_ticks, int(ends[place])) - max(note.start_ticks, int(starts[place]))
            tones[place, 0, pc] += max(0, ticks) / lengths[place]
            if note.start_ticks == starts[place]:
                tones[place, 1, pc] = 1.0
            elif note.start_ticks < starts[place]:
                tones[place, 2, pc] = 1.0
            numbers[place, 4] += max(0, ticks) / lengths[place]
            numbers[place, 5] = (note.pitch - _CENTRE) / _OCTAVE
    lowest = np.full(count, _NO_NOTE)
    for note in others:
        first = max(0, int(np.searchsorted(starts, note.start_ticks, side="right")) - 1)
        for place in range(first, count):
            if starts[place] >= note.end_ticks:
                break
            ticks = min(note.end_ticks, int(ends[place])) - max(note.start_ticks, int(starts[place]))
            tones[place, 3, (note.pitch + shift) % 12] += max(0, ticks) / lengths[place]
            lowest[place] = min(lowest[place], note.pitch)
    low = lowest < _NO_NOTE
    tones[np.flatnonzero(low), 4, (lowest[low] + shift) % 12] = 1.0
    np.clip(tones, 0.0, 2.0, out=tones)
    numbers[:, 6] = low
    numbers[:, 7] = bool(len(others))
    return tones, numbers


def _written(chords: Sequence[Chord], starts: IntArray, shift: int) -> tuple[IntArray, IntArray, IntArray]:
    """Class, bass and symbol of each place."""
    chord = np.full(len(starts), HOLD, dtype=np.int64)
    bass = np.zeros(len(starts), dtype=np.int64)
    symbol = np.full(len(starts), ABSENT, dtype=np.int64)
    now = (HOLD, 0)
    for one in chords:
        place = int(np.searchsorted(starts, one.start_ticks))
        found = class_of(one, shift)
        symbol[place] = PRESENT
        if found != now:
            chord[place], bass[place] = found
        now = found
    return chord, bass, symbol
