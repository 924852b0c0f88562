"""What a tune is like, in some eighty numbers that have names a musician knows.

Conventions:
    A `FeatureVector` holds raw values in the order of `FEATURE_NAMES`: shares in [0, 1], pitches and intervals in
    semitones, lengths in beats, tempo in octaves of bpm. A value that a song cannot tell (chords where there are none)
    is None. `scaled` makes values comparable: 0 is ordinary, +1 one usual spread above, clipped to +-3, None is 0.
    Only the melody (and the chord symbols) is heard, in windows of eight bars whose values are averaged, so that an
    eight-bar idea and a whole solo compare. A song that has no key is heard in its estimated key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log2

import numpy as np

from cocreate.errors import InputError
from cocreate.music import measures
from cocreate.music.measures import Floats, Line, line_of
from cocreate.music.song import TICKS_PER_QUARTER, Song
from cocreate.music.theory import QUALITIES
from cocreate.taste.feature_table import FEATURE_NAMES, FEATURES
from cocreate.taste.text_features import TEXT_FEATURES, text_features, words_of

WINDOW_BARS = 8
_MOST_WINDOWS = 12  # a long solo is heard at twelve places
_CLIP = 3.0  # spreads; a wilder value says no more
_CHORD_NAMES = tuple(f.name for f in FEATURES if f.group == "chords")
_MAY_LACK = frozenset((*_CHORD_NAMES, *TEXT_FEATURES))  # what a song need not have
_INDEX = {name: place for place, name in enumerate(FEATURE_NAMES)}

# upper edge of each length class in quarters; the name of the feature it fills
_LENGTHS = (
    (0.29, "sixteenths"),
    (0.40, "triplet_eighths"),
    (0.58, "eighths"),
    (0.70, "triplet_quarters"),
    (0.85, "dotted_eighths"),
    (1.20, "quarters"),
    (1.70, "dotted_quarters"),
    (2.20, "halves"),
    (float("inf"), "long_notes"),
)
_INTERVALS = (
    "repeated_notes",
    "semitones",
    "whole_tones",
    "minor_thirds",
    "major_thirds",
    "fourths",
    "tritones",
    "fifths",
    "sixths",
    "sixths",
    "sevenths",
    "sevenths",
    "octaves",
)
# bounds of the ratio of a note's length to the one before it
_RATIOS = (
    (0.29, 0.40, "ratio_3_to_1"),
    (0.40, 0.60, "ratio_2_to_1"),
    (0.85, 1.18, "ratio_equal"),
    (1.70, 2.40, "ratio_1_to_2"),
    (2.40, 3.50, "ratio_1_to_3"),
)


@dataclass(frozen=True, slots=True)
class FeatureVector:
    """Raw values in the order of `FEATURE_NAMES`; None where the song cannot tell."""

    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(FEATURE_NAMES):
            raise InputError(f"a feature vector must have {len(FEATURE_NAMES)} values, got {len(self.values)}")
        total = sum(filter(None, self.values))  # not finite where one of them is not: one look at many
        if not isfinite(total) and not all(isfinite(value) for value in self.values if value is not None):
            raise InputError("a feature must be a finite number or None, got NaN or infinity")

    def __getitem__(self, name: str) -> float | None:
        return self.values[_INDEX[name]]

    @classmethod
    def from_dict(cls, table: Mapping[str, float | None]) -> FeatureVector:
        """A vector from name to value; None where a name is missing (a file written before the feature came)."""
        return cls(tuple(map(table.get, FEATURE_NAMES)))

    def as_dict(self) -> dict[str, float | None]:
        """Name to value, in the fixed order."""
        return dict(zip(FEATURE_NAMES, self.values, strict=True))


NOTHING_HEARD = FeatureVector((None,) * len(FEATURE_NAMES))  # of an item that has a name but no notes


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """Centre and spread (> 0) of every feature; see `scaled`."""

    centre: tuple[float, ...]
    spread: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.centre) == len(self.spread) == len(FEATURE_NAMES):
            raise InputError(f"a feature scale must have {len(FEATURE_NAMES)} centres and spreads")
        if any(spread <= 0 for spread in self.spread):
            raise InputError("a feature's spread must be above 0")

    @classmethod
    def from_mapping(cls, table: Mapping[str, tuple[float, float] | list[float]]) -> FeatureScale:
        """A scale from feature name to (centre, spread), as a checkpoint keeps it; built-in where a name is missing."""
        rows = [table.get(f.name, (f.centre, f.spread)) for f in FEATURES]
        return cls(tuple(float(row[0]) for row in rows), tuple(float(row[1]) for row in rows))


DEFAULT_SCALE = FeatureScale(tuple(f.centre for f in FEATURES), tuple(f.spread for f in FEATURES))


def features(song: Song) -> FeatureVector:
    """The features of a song of any style and length, from one note on.

    Raises:
        InputError: if the melody has no note, or the song no pitched part.
    """
    line = line_of(song)
    rows = [_window_values(window) for window in _windows(line)]
    values: dict[str, float | None] = {
        name: float(np.mean([row[name] for row in rows])) for name in FEATURE_NAMES if name not in _MAY_LACK
    }
    values.update(_chord_values(song, line))
    values.update(text_features(words_of(song.melody)))
    return FeatureVector(tuple(values[name] for name in FEATURE_NAMES))


def scaled(vector: FeatureVector, scale: FeatureScale = DEFAULT_SCALE) -> Floats:
    """Comparable values, each in [-3, 3]: (value - centre) / spread, 0 where unknown. Shape (features,)."""
    centre, spread = np.array(scale.centre), np.array(scale.spread)
    raw = np.array([np.nan if v is None else v for v in vector.values], dtype=np.float64)
    values: Floats = np.clip(np.nan_to_num((raw - centre) / spread), -_CLIP, _CLIP)
    return values


def unscaled(vector: Sequence[float], scale: FeatureScale = DEFAULT_SCALE) -> dict[str, float]:
    """Feature name to raw value of a scaled vector: `scaled` undone, as far as nothing was clipped."""
    rows = zip(FEATURE_NAMES, vector, scale.centre, scale.spread, strict=True)
    return {name: value * spread + centre for name, value, centre, spread in rows}


def measure_scale(vectors: list[FeatureVector]) -> dict[str, tuple[float, float]]:
    """Feature name to (centre, spread) over ``vectors``, for `FeatureScale.from_mapping`.

    Mean and standard deviation after the outer 2 % on each side are pulled in; the spread is at least a fifth of the
    built-in one, so that a feature that hardly moves is not blown up.

    Raises:
        InputError: if there is no vector.
    """
    if not vectors:
        raise InputError("a feature scale needs at least one song, got none")
    table: dict[str, tuple[float, float]] = {}
    for place, feature in enumerate(FEATURES):
        known = np.array([v.values[place] for v in vectors if v.values[place] is not None], dtype=np.float64)
        if known.size == 0:
            continue
        low, high = np.quantile(known, (0.02, 0.98))
        trimmed = np.clip(known, low, high)
        table[feature.name] = (float(trimmed.mean()), max(float(trimmed.std()), feature.spread / 5))
    return table


def melody_id(song: Song) -> str:
    """A stable name for the melody: 16 hex digits over its onsets, lengths and pitches; title and file do not matter.

    Raises:
        InputError: if the song has no pitched part.
    """
    notes = [(n.start_ticks, n.length_ticks, n.pitch) for n in song.melody.notes]
    return hashlib.sha256(json.dumps(notes).encode()).hexdigest()[:16]


def _windows(line: Line) -> list[Line]:
    """Eight-bar windows, a short rest joined to the last; at most twelve, evenly spread."""
    count = max(1, round(line.bar_count / WINDOW_BARS))
    first, stop = line.first_bar, line.first_bar + line.bar_count
    edges = [first + WINDOW_BARS * i for i in range(count)] + [stop]
    chosen = sorted({int(i) for i in np.linspace(0, count - 1, min(count, _MOST_WINDOWS))})
    found = (line.window(edges[i], edges[i + 1]) for i in chosen)
    return [window for window in found if window is not None] or [line]


def _window_values(line: Line) -> dict[str, float]:
    values = dict.fromkeys(FEATURE_NAMES, 0.0)
    for fill in _FILLS:
        fill(line, values)
    return values


def _contour(line: Line, values: dict[str, float]) -> None:
    moves = np.sign(line.intervals[line.intervals != 0])
    values["rising"] = float((moves > 0).mean()) if moves.size else 0.5
    values["turns"] = float((moves[1:] != moves[:-1]).mean()) if moves.size > 1 else 0.5
    span = max(1, int(line.onsets[-1] - line.onsets[0]))
    values["climax"] = float(line.onsets[int(np.argmax(line.pitches))] - line.onsets[0]) / span
    time = line.onsets - line.onsets.mean()
    height = line.pitches - line.pitches.mean()
    norm = float(np.sqrt((time**2).sum() * (height**2).sum()))
    values["slope"] = float((time * height).sum()) / norm if norm > 0 else 0.0
    third = np.minimum(2, 3 * (line.onsets - line.onsets[0]) // (span + 1))
    if len(set(third.tolist())) == 3:  # noqa: PLR2004 - beginning, middle, end
        low = (line.pitches[third == 0].mean() + line.pitches[third == 2].mean()) / 2  # noqa: PLR2004
        values["arch"] = float(line.pitches[third == 1].mean() - low)


def _melodic_intervals(line: Line, values: dict[str, float]) -> None:
    steps = line.intervals
    if not steps.size:
        return
    sizes = np.abs(steps)
    for size, count in enumerate(np.bincount(np.minimum(sizes, len(_INTERVALS) - 1), minlength=len(_INTERVALS))):
        values[_INTERVALS[size]] += float(count) / steps.size
    values["mean_interval"] = float(np.minimum(sizes, 24).mean())  # beyond two octaves it is another hand
    same = np.sign(steps[1:]) == np.sign(steps[:-1])
    small, large = np.minimum(sizes[1:], sizes[:-1]), np.maximum(sizes[1:], sizes[:-1])
    if same.size:
        values["scale_runs"] = float((same & (small >= 1) & (large <= 2)).mean())  # noqa: PLR2004 - seconds
        values["broken_chords"] = float((same & (small >= 3) & (large <= 5)).mean())  # noqa: PLR2004 - 3rds, 4ths
        values["chromatic_runs"] = float((same & (small == 1) & (large == 1)).mean())


def _rhythm(line: Line, values: dict[str, float]) -> None:
    last = line.lengths[-1:]
    quarters = np.concatenate([line.iois, last]) / TICKS_PER_QUARTER
    edges = np.array([edge for edge, _ in _LENGTHS])
    for place in np.searchsorted(edges, quarters):
        values[_LENGTHS[int(place)][1]] += 1.0 / quarters.size
    classes = np.bincount(np.round(quarters * 12).astype(np.int64).clip(0, 96))
    values["rhythm_entropy"] = measures.entropy_bits(classes)
    iois = line.iois
    if iois.size > 1:
        ratios = iois[1:] / np.maximum(1, iois[:-1])
        for low, high, name in _RATIOS:
            values[name] = float(((ratios >= low) & (ratios < high)).mean())


def _metre(line: Line, values: dict[str, float]) -> None:
    phase = line.onsets % TICKS_PER_QUARTER
    values["on_beat"] = float((line.weights > 0).mean())
    values["half_beat"] = float((np.abs(phase - TICKS_PER_QUARTER // 2) <= 24).mean())  # noqa: PLR2004 - see triplets
    values["triplets"] = float(measures.triplet_places(line.onsets).mean())
    quarter = TICKS_PER_QUARTER // 4
    values["sixteenth_places"] = float((np.abs(np.abs(phase - 2 * quarter) - quarter) <= 24).mean())  # noqa: PLR2004
    values["syncopation"] = measures.syncopation_lhl(line)
    values["downbeats"] = len(set(line.bars[line.offsets == 0].tolist())) / line.bar_count
    values["off_beat_long"] = float(line.lengths[line.weights == 0].sum() / line.lengths.sum())
    bar, beat = int(line.bar_ticks[0]), int(line.beat_ticks[0])
    if beat % 9 == 0:  # a dotted beat
        values["compound_metre"] = 1.0
    elif (bar // beat) % 3 == 0:
        values["triple_metre"] = 1.0
    else:
        values["duple_metre"] = 1.0


def _scale(line: Line, values: dict[str, float]) -> None:
    lengths = line.lengths / line.lengths.sum()
    degrees = line.degrees
    for degree in range(12):
        values[f"degree_{degree}"] = float(lengths[degrees == degree].sum())
    values["minor_key"] = float(line.minor.mean())
    values["chromatic"] = float((~line.in_scale).mean())
    values["pitch_entropy"] = measures.entropy_bits(np.bincount(line.pitches % 12, minlength=12))
    # blue notes: the flat third, fifth and seventh of a major key
    values["blue_notes"] = float((~line.minor & np.isin(degrees, (3, 6, 10))).mean())


def _register(line: Line, values: dict[str, float]) -> None:
    values["mean_pitch"] = float(line.pitches.mean())
    values["pitch_range"] = float(line.pitches.max() - line.pitches.min())
    values["pitch_spread"] = float(line.pitches.std())


def _density(line: Line, values: dict[str, float]) -> None:
    span = max(1, line.end_ticks - line.start_ticks)
    values["notes_per_beat"] = len(line) * float(line.beat_ticks.mean()) / span
    values["notes_per_second"] = len(line) / (span / TICKS_PER_QUARTER * 60.0 / line.tempo_bpm)
    values["tempo"] = log2(line.tempo_bpm)


def _repetition(line: Line, values: dict[str, float]) -> None:
    moves = list(zip(line.intervals.tolist(), (line.iois // 20).tolist(), strict=True))
    values["motif_repeats"] = measures.repeated_share(moves, n=3)
    values["bar_repeats"] = measures.repeated_bars(line, pitched=True)
    values["rhythm_repeats"] = measures.repeated_bars(line, pitched=False)
    values["echo_1"] = measures.lag_similarity(line, lag_bars=1, pitched=False)
    values["echo_4"] = measures.lag_similarity(line, lag_bars=4)


def _phrases(line: Line, values: dict[str, float]) -> None:
    span = max(1, line.end_ticks - line.start_ticks)
    values["rests"] = 1.0 - min(1.0, float(line.lengths.sum()) / span)
    beat = float(line.beat_ticks.mean())
    long_ioi = 2.0 * beat
    breaks = int(((line.gaps >= beat / 2) | (line.iois >= long_ioi)).sum())
    values["phrase_beats"] = min(32.0, span / beat / (breaks + 1))
    values["legato"] = (
        float(np.minimum(1.0, line.lengths[:-1] / np.maximum(1, line.iois)).mean()) if len(line) > 1 else 1.0
    )
    values["ends_on_tonic"] = float(line.degrees[-1] == 0)
    values["ends_long"] = min(4.0, float(line.lengths[-1]) / beat)


_FILLS: tuple[Callable[[Line, dict[str, float]], None], ...] = (
    _contour,
    _melodic_intervals,
    _rhythm,
    _metre,
    _scale,
    _register,
    _density,
    _repetition,
    _phrases,
)


def _chord_values(song: Song, line: Line) -> dict[str, float | None]:
    """The features of the chord symbols, by time; all None where there is no chord."""
    chords = [c for c in song.chords if c.root is not None]
    if not chords:
        return dict.fromkeys(_CHORD_NAMES)
    lengths = np.array([c.length_ticks for c in chords], dtype=np.float64)
    lengths /= lengths.sum()
    tones = [frozenset(QUALITIES[c.quality]) for c in chords]

    def share(flags: list[bool]) -> float:
        return float(lengths[np.array(flags, dtype=np.bool_)].sum())

    strong = (line.weights > 0) & (line.chords > 0)
    hits = (line.chords >> (line.pitches % 12)) & 1
    bars = max(1, len(song.bars()))
    return {
        "minor_chords": share([3 in t and 4 not in t for t in tones]),  # noqa: PLR2004 - semitones
        "seventh_chords": share([10 in t or 11 in t for t in tones]),  # noqa: PLR2004
        "dominants": share([{4, 10} <= t for t in tones]),
        "altered_chords": share([bool(t & {6, 8}) or {4, 1} <= t or {3, 4} <= t for t in tones]),
        "open_chords": share([not t & {3, 4} for t in tones]),
        "chords_per_bar": len(chords) / bars,
        "chord_tones": float(hits[strong].mean()) if strong.any() else None,
    }
