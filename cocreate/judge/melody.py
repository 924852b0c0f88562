"""How a melody measures up: what can be counted on it, and how near that is to what people write.

Conventions:
    Every metric takes a `Song` (its melody is judged, see `measures.line_of`) or a `Line`, so that many metrics of one
    melody share the work. A melody has at least one note; with none, ``InputError``. A song without a key is heard in
    its estimated key. Time is in beats of the metre (a dotted quarter in 6/8) or in bars; pitch in semitones.
    A metric describes; it is not "higher is better". `quality` says how near the values lie to a reference.

Metrics:
    Pitch: `pitch_range`, `pitch_class_entropy`, `in_key_share`, `chromatic_share`, `scale_consistency`.
    Intervals: `stepwise_rate`, `leap_rate`, `repeated_note_rate`, `mean_interval`.
    Rhythm: `rhythm_variety`, `rhythm_entropy`, `syncopation`, `off_beat_share`, `note_density`, `rest_share`.
    Form: `motif_repetition`, `bar_repetition`, `rhythm_repetition`, `phrase_repetition`, `climax_position`,
    `contour_arc`, `ends_on_tonic`, `ends_on_strong_beat`, `final_note_beats`.
    Harmony: `strong_chord_tone_rate` (None without chords).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from cocreate.errors import InputError
from cocreate.judge.melody_reference import DEFAULT_REFERENCE
from cocreate.music import measures
from cocreate.music.measures import Line, line_of
from cocreate.music.song import MODES, Key, Song
from cocreate.music.theory import scale_pitch_classes

Melody = Song | Line

LEAP_SEMITONES = 5  # a fourth or more
_GRID_TICKS = 20  # IOIs nearer than a 24th of a quarter are one IOI
_LONGEST_BEATS = 4.0
_SMALLEST_SD = 0.02  # a reference of identical pieces must not divide by zero
_FLOOR = 0.02  # one metric far off may not wipe out all others
_NEAR_SD = 1.0  # within one standard deviation is as human as can be


def pitch_range(melody: Melody) -> float:
    """Highest minus lowest pitch in semitones, >= 0. 0.0 for one note."""
    line = line_of(melody)
    return float(line.pitches.max() - line.pitches.min())


def pitch_class_entropy(melody: Melody) -> float:
    """Entropy of the pitch-class histogram (notes counted, not weighed) in bits, in [0, log2 12 = 3.58].

    0.0 for one pitch class. A diatonic tune lies near 2.6.

    Source:
        Wu and Yang, The Jazz Transformer on the Front Line, ISMIR 2020 (their H1 and H4 take 1 and 4 bars; we take
        the whole melody).
    """
    return measures.entropy_bits(np.bincount(line_of(melody).pitches % 12, minlength=12))


def in_key_share(melody: Melody) -> float:
    """Share of notes whose pitch class is in the key in force, in [0, 1]; minor has both sixths and both sevenths."""
    return float(line_of(melody).in_scale.mean())


def chromatic_share(melody: Melody) -> float:
    """Share of notes outside the key in force: 1 - `in_key_share`."""
    return 1.0 - in_key_share(melody)


def scale_consistency(melody: Melody) -> float:
    """The largest share of notes that one scale explains, over all major and natural-minor-like modes, in [0, 1].

    The key given or estimated does not matter. 1.0 for one note.

    Source:
        Mogren, C-RNN-GAN, 2016; as ``muspy.scale_consistency``. Modes share their pitch sets, so 12 major sets do.
    """
    counts = np.bincount(line_of(melody).pitches % 12, minlength=12)
    best = max(counts[list(scale_pitch_classes(Key(0, tonic, MODES[0])))].sum() for tonic in range(12))
    return float(best / counts.sum())


def stepwise_rate(melody: Melody, *, max_step: int = 2) -> float:
    """Share of melodic intervals that are steps of 1 to ``max_step`` semitones, in [0, 1]; higher is smoother.

    Rests do not break an interval; repeated notes are no steps. 0.0 when the melody has fewer than two notes.

    Args:
        melody: a song or a line.
        max_step: widest interval still called a step, in semitones, >= 1.

    Raises:
        InputError: if ``max_step`` is below 1.
    """
    if max_step < 1:
        raise InputError(f"max_step must be 1 semitone or more, got {max_step}")
    sizes = np.abs(line_of(melody).intervals)
    return float(((sizes >= 1) & (sizes <= max_step)).mean()) if sizes.size else 0.0


def leap_rate(melody: Melody, *, min_leap: int = LEAP_SEMITONES) -> float:
    """Share of melodic intervals of ``min_leap`` semitones or more, in [0, 1]. 0.0 below two notes.

    Raises:
        InputError: if ``min_leap`` is below 1.
    """
    if min_leap < 1:
        raise InputError(f"min_leap must be 1 semitone or more, got {min_leap}")
    sizes = np.abs(line_of(melody).intervals)
    return float((sizes >= min_leap).mean()) if sizes.size else 0.0


def repeated_note_rate(melody: Melody) -> float:
    """Share of melodic intervals that are a repeated pitch, in [0, 1]. 0.0 below two notes."""
    steps = line_of(melody).intervals
    return float((steps == 0).mean()) if steps.size else 0.0


def mean_interval(melody: Melody) -> float:
    """Mean size of the melodic intervals in semitones, >= 0. 0.0 below two notes."""
    steps = line_of(melody).intervals
    return float(np.abs(steps).mean()) if steps.size else 0.0


def rhythm_variety(melody: Melody) -> float:
    """Distinct inter-onset intervals, told apart at a 24th of a quarter: a whole number >= 0. 0.0 below two notes."""
    return float(len(np.unique(np.round(line_of(melody).iois / _GRID_TICKS))))


def rhythm_entropy(melody: Melody) -> float:
    """Entropy of the inter-onset intervals in bits, >= 0; 0.0 when all are alike or notes are below two."""
    iois = line_of(melody).iois
    if not iois.size:
        return 0.0
    return measures.entropy_bits(np.unique(np.round(iois / _GRID_TICKS), return_counts=True)[1])


def syncopation(melody: Melody) -> float:
    """Mean Longuet-Higgins and Lee syncopation of a note, in [0, 5]; 0.0 below two notes.

    Source:
        See `measures.syncopation_lhl`.
    """
    return measures.syncopation_lhl(line_of(melody))


def off_beat_share(melody: Melody) -> float:
    """Share of notes that begin off every beat, in [0, 1]."""
    return float((line_of(melody).weights == 0).mean())


def note_density(melody: Melody) -> float:
    """Notes a beat, over whole bars from the first to the last bar with a note, > 0."""
    line = line_of(melody)
    return len(line) * float(line.beat_ticks.mean()) / max(1, line.end_ticks - line.start_ticks)


def rest_share(melody: Melody) -> float:
    """Share of the time without a sounding note, over whole bars as in `note_density`, in [0, 1]."""
    line = line_of(melody)
    return 1.0 - min(1.0, float(line.lengths.sum()) / max(1, line.end_ticks - line.start_ticks))


def motif_repetition(melody: Melody, *, n: int = 4) -> float:
    """Share of the n-grams of (interval, inter-onset interval) that occurred before, in [0, 1].

    Transposed repeats count. 0.0 when there are fewer than two n-grams.

    Args:
        melody: a song or a line.
        n: intervals in a motif (one less than its notes), >= 1.

    Raises:
        InputError: if ``n`` is below 1.
    """
    if n < 1:
        raise InputError(f"n must be 1 or more, got {n}")
    line = line_of(melody)
    moves = list(zip(line.intervals.tolist(), np.round(line.iois / _GRID_TICKS).tolist(), strict=True))
    return measures.repeated_share(moves, n=n)


def bar_repetition(melody: Melody) -> float:
    """Share of the bars with notes, the first left out, that equal an earlier one in onsets and scale degrees.

    In [0, 1]; 0.0 below two bars with notes.
    """
    return measures.repeated_bars(line_of(melody), pitched=True)


def rhythm_repetition(melody: Melody) -> float:
    """Share of the bars with notes, the first left out, whose onsets equal those of an earlier one.

    In [0, 1]; 0.0 below two bars with notes.
    """
    return measures.repeated_bars(line_of(melody), pitched=False)


def phrase_repetition(melody: Melody, *, lag_bars: int = 4) -> float:
    """How much bars answer those ``lag_bars`` before: mean Jaccard overlap of (onset, scale degree), in [0, 1].

    0.0 when the melody is not longer than the lag; pairs of empty bars are left out.

    Raises:
        InputError: if ``lag_bars`` is below 1.
    """
    if lag_bars < 1:
        raise InputError(f"lag_bars must be 1 or more, got {lag_bars}")
    return measures.lag_similarity(line_of(melody), lag_bars=lag_bars)


def climax_position(melody: Melody) -> float:
    """Where the first highest note begins, 0.0 at the first onset and 1.0 at the last. 0.0 for one note."""
    line = line_of(melody)
    span = int(line.onsets[-1] - line.onsets[0])
    return float(line.onsets[int(np.argmax(line.pitches))] - line.onsets[0]) / span if span else 0.0


def contour_arc(melody: Melody) -> float:
    """How far the middle third of the melody (by time) lies above its outer thirds, in semitones of mean pitch.

    Positive for an arch, negative for a bowl; 0.0 when a third has no note.

    Source:
        Huron, The Melodic Arch in Western Folksongs, Computing in Musicology 10, 1996, finds arches for phrases; we
        take the whole melody.
    """
    line = line_of(melody)
    third = 3 * (line.onsets - line.onsets[0]) // (int(line.onsets[-1] - line.onsets[0]) + 1)
    means = [line.pitches[third == part].mean() for part in range(3) if (third == part).any()]
    return float(means[1] - (means[0] + means[2]) / 2) if len(means) == 3 else 0.0  # noqa: PLR2004 - three thirds


def ends_on_tonic(melody: Melody) -> float:
    """1.0 when the last note is the tonic of the key in force (or estimated), else 0.0."""
    return float(line_of(melody).degrees[-1] == 0)


def ends_on_strong_beat(melody: Melody) -> float:
    """1.0 when the last note begins on a downbeat or half bar, else 0.0."""
    return float(line_of(melody).weights[-1] >= 2)  # noqa: PLR2004 - see theory.metric_weight


def final_note_beats(melody: Melody) -> float:
    """Length of the last note in beats, in (0, 4]; longer counts as 4."""
    line = line_of(melody)
    return min(_LONGEST_BEATS, float(line.lengths[-1] / line.beat_ticks[-1]))


def strong_chord_tone_rate(melody: Melody) -> float | None:
    """Share of the notes that begin on a beat under a chord and are tones of it, in [0, 1].

    None when no note on a beat has a chord under it (no chords, N.C.).
    """
    line = line_of(melody)
    strong = (line.weights > 0) & (line.chords > 0)
    if not strong.any():
        return None
    return float(((line.chords >> (line.pitches % 12)) & 1)[strong].mean())


def _phrase_repetition_8(melody: Melody) -> float:
    return phrase_repetition(melody, lag_bars=8)


METRICS: dict[str, Callable[[Melody], float | None]] = {
    "pitch_range": pitch_range,
    "pitch_class_entropy": pitch_class_entropy,
    "in_key_share": in_key_share,
    "chromatic_share": chromatic_share,
    "scale_consistency": scale_consistency,
    "stepwise_rate": stepwise_rate,
    "leap_rate": leap_rate,
    "repeated_note_rate": repeated_note_rate,
    "mean_interval": mean_interval,
    "rhythm_variety": rhythm_variety,
    "rhythm_entropy": rhythm_entropy,
    "syncopation": syncopation,
    "off_beat_share": off_beat_share,
    "note_density": note_density,
    "rest_share": rest_share,
    "motif_repetition": motif_repetition,
    "bar_repetition": bar_repetition,
    "rhythm_repetition": rhythm_repetition,
    "phrase_repetition_4": phrase_repetition,
    "phrase_repetition_8": _phrase_repetition_8,
    "climax_position": climax_position,
    "contour_arc": contour_arc,
    "ends_on_tonic": ends_on_tonic,
    "ends_on_strong_beat": ends_on_strong_beat,
    "final_note_beats": final_note_beats,
    "strong_chord_tone_rate": strong_chord_tone_rate,
}
# says nothing that in_key_share does not; counted once
_LEFT_OUT_OF_QUALITY = frozenset({"chromatic_share"})


def measure(melody: Melody) -> dict[str, float]:
    """Every metric of `METRICS` by name; those that the song cannot tell (no chords) are missing.

    Raises:
        InputError: if the melody has no note.
    """
    line = line_of(melody)
    found = {name: metric(line) for name, metric in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


def quality(
    song: Song, *, reference: Mapping[str, tuple[float, float]] | None = None
) -> tuple[float, dict[str, float]]:
    """How near each metric lies to human music: one number, and one for each metric, all in [0, 1].

    A metric within one standard deviation of the reference mean scores 1; beyond, ``exp(-(|z| - 1)^2 / 2)`` with z
    cut so that no score falls below 0.02. The whole is the geometric mean, so that one wild value shows.
    Being average is not being beautiful: use it to find broken ideas, not to choose between good ones.

    Args:
        song: what to judge; its melody counts.
        reference: metric name to (mean, standard deviation), as `summarise` makes it for a style; None takes the
            built-in one (jazz, folk, hymn and pop excerpts of 8 to 16 bars, a quarter each). Metrics that it lacks
            are not judged.

    Raises:
        InputError: if the melody has no note, or the reference knows none of our metrics.
    """
    known = DEFAULT_REFERENCE if reference is None else reference
    values = {n: v for n, v in measure(song).items() if n in known and n not in _LEFT_OUT_OF_QUALITY}
    if not values:
        raise InputError(f"a reference must name metrics such as {', '.join(list(METRICS)[:3])}, got {sorted(known)}")
    near = {name: _nearness(value, *known[name]) for name, value in values.items()}
    return float(np.exp(np.mean(np.log(list(near.values()))))), near


def summarise(songs: Iterable[Song]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every metric over ``songs``: the reference of a style.

    A metric that no song can tell is missing.

    Raises:
        InputError: if there is no song, or a melody has no note.
    """
    rows = [measure(song) for song in songs]
    if not rows:
        raise InputError("a reference needs at least one song, got none")
    table: dict[str, tuple[float, float]] = {}
    for name in METRICS:
        values = [row[name] for row in rows if name in row]
        if values:
            table[name] = (float(np.mean(values)), float(np.std(values)))
    return table


def _nearness(value: float, mean: float, sd: float) -> float:
    far = max(0.0, abs(value - mean) / max(sd, _SMALLEST_SD) - _NEAR_SD)
    return max(_FLOOR, float(np.exp(-(far**2) / 2)))
