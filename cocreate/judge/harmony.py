"""How chords lie under a melody: chord tones, and the six metrics of melody harmonisation.

Conventions:
    Every metric takes a `Song` and looks at its chord symbols (N.C. is none) and its melody part, which may not be
    polyphonic. A chord is its root and quality; a slash bass does not count. Chords count as they are written: a
    symbol that repeats the one before is a chord of its own. What depends on the melody weighs every stretch in which
    one note sounds with one chord by its length in ticks; rests and notes without a chord do not count.
    A song without chords raises ``InputError``, and so does, for the metrics of both, one without a note over a chord.
    A metric describes; it is not "higher is better": they are there to be compared with what people write under the
    same melody. A table of triads by template beats people on three of them.

Metrics:
    Chords alone: `chord_histogram_entropy` (CHE), `chord_coverage` (CC), `chord_tonal_distance` (CTD).
    Melody and chords: `chord_tone_rate`, `chord_tone_ratio` (CTnCTR), `pitch_consonance` (PCS), `melody_chord_distance`
    (MCTD). For ranking: `harmony_quality`. How voices lead is in ``judge.voices``, cadences are in ``judge.form``.

Source:
    Yeh, Hsiao, Fukayama, Kitahara, Genchel, Liu, Dong, Chen, Leong and Yang, Automatic melody harmonization with triad
    chords: a comparative study, Journal of New Music Research 50 (2021), pp. 37-51, section 5.1.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cocreate.errors import InputError
from cocreate.judge.voices import voice_leading
from cocreate.music.song import Chord, Part, Song
from cocreate.music.theory import QUALITIES

_NEAR_SEMITONES = 2  # a non-chord tone is proper when the next note is no farther away
_CONSONANT, _NEUTRAL = frozenset({0, 3, 4, 7, 8, 9}), frozenset({5})  # semitones of the melody above a chord tone
# circles of fifths, minor thirds and major thirds: (steps of pi a semitone, radius)
_CIRCLES = ((7 / 6, 1.0), (3 / 2, 1.0), (2 / 3, 0.5))


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A note over a chord: its pitch, the next note's (None after the last), the chord's tones, ticks they share."""

    pitch: int
    following: int | None
    tones: tuple[int, ...]
    ticks: int


def chord_histogram_entropy(song: Song) -> float:
    """CHE: entropy of the histogram of chords in nats, -sum p log p, >= 0; 0.0 for one chord throughout.

    Raises:
        InputError: if the song has no chords.
    """
    counts = np.array(list(Counter((chord.root, chord.quality) for chord in _chords(song)).values()))
    shares = counts / counts.sum()
    return float(np.abs((shares * np.log(shares)).sum()))


def chord_coverage(song: Song) -> float:
    """CC: how many different chords the song has, >= 1.

    Raises:
        InputError: if the song has no chords.
    """
    return float(len({(chord.root, chord.quality) for chord in _chords(song)}))


def chord_tonal_distance(song: Song) -> float:
    """CTD: mean tonal distance of each chord from the one before, in [0, 2.4]; 0.0 for a single chord.

    The distance is Euclidean between tonal centroids: the means, over the tones, of their places on the circles of
    fifths, of minor thirds (both of radius 1) and of major thirds (radius 1/2). Equal neighbours are 0 apart.

    Raises:
        InputError: if the song has no chords.

    Source:
        Harte, Sandler and Gasser, Detecting harmonic change in musical audio, AMCMM 2006.
    """
    centres = [_centroid(_tones(chord)) for chord in _chords(song)]
    return float(np.mean([np.linalg.norm(b - a) for a, b in pairwise(centres)])) if len(centres) > 1 else 0.0


def chord_tone_rate(song: Song) -> float:
    """Share of the melody's time over chords that is spent on a tone of the chord, in [0, 1].

    Raises:
        InputError: if the song has no chords, or no note over any.
    """
    return _mean(song, lambda meeting: float(meeting.pitch % 12 in meeting.tones))


def chord_tone_ratio(song: Song) -> float:
    """CTnCTR: (chord tones + proper non-chord tones) / (chord tones + non-chord tones), in [0, 1].

    A non-chord tone is proper when the melody goes on from it by at most two semitones (rests do not matter; a
    repeated note is as near as can be). The last note is never proper.

    Raises:
        InputError: if the song has no chords, or no note over any.

    Source:
        Yeh et al. 2021. We differ: they count notes on a grid, we weigh them by length.
    """

    def is_fine(meeting: _Meeting) -> float:
        if meeting.pitch % 12 in meeting.tones:
            return 1.0
        return float(meeting.following is not None and abs(meeting.following - meeting.pitch) <= _NEAR_SEMITONES)

    return _mean(song, is_fine)


def pitch_consonance(song: Song) -> float:
    """PCS: mean consonance of each melody note with each tone of its chord, in [-1, 1].

    An interval is 1 for a unison, a third, a perfect fifth or a sixth, 0 for a perfect fourth and -1 otherwise; the
    melody is always taken to lie above the chord.

    Raises:
        InputError: if the song has no chords, or no note over any.

    Source:
        Yeh et al. 2021. We differ: they sample 16ths, we weigh notes by length.
    """

    def consonance(meeting: _Meeting) -> float:
        intervals = [(meeting.pitch - tone) % 12 for tone in meeting.tones]
        return float(np.mean([1 if step in _CONSONANT else 0 if step in _NEUTRAL else -1 for step in intervals]))

    return _mean(song, consonance)


def melody_chord_distance(song: Song) -> float:
    """MCTD: mean tonal distance (see `chord_tonal_distance`) of the melody note from its chord, in [0.8, 2.6].

    It is never 0: a single note has a centroid of its own. Of a major triad the
    root lies nearest (1.03) and the tritone above it farthest (2.36).

    Raises:
        InputError: if the song has no chords, or no note over any.
    """
    return _mean(
        song, lambda meeting: float(np.linalg.norm(_centroid((meeting.pitch % 12,)) - _centroid(meeting.tones)))
    )


METRICS: dict[str, Callable[[Song], float]] = {
    "CHE": chord_histogram_entropy,
    "CC": chord_coverage,
    "CTD": chord_tonal_distance,
    "CTnCTR": chord_tone_ratio,
    "PCS": pitch_consonance,
    "MCTD": melody_chord_distance,
}


def harmony_metrics(song: Song) -> dict[str, float]:
    """The six metrics by their short names.

    Raises:
        InputError: if the song has no chords, or no note over any.
    """
    return {name: metric(song) for name, metric in METRICS.items()}


def harmony_quality(song: Song, voices: Sequence[Part] = ()) -> float | None:
    """How clean a harmony is, in [0, 1]: `chord_tone_ratio`, times the share of sonorities without a fault.

    Being clean is not being beautiful: use it to put broken harmonies last. None where no note sounds over a chord.

    Args:
        song: the tune and its chords.
        voices: parts that sing with the tune; see `judge.voices` for what a fault is. Fewer than two have none.
    """
    if next(iter(_meetings(song)), None) is None:
        return None
    faults = voice_leading(song, voices).per_hundred() / 100 if len(voices) > 1 else 0.0
    return chord_tone_ratio(song) * max(0.0, 1.0 - faults)


def _chords(song: Song) -> list[Chord]:
    found = [chord for chord in song.chords if chord.root is not None]
    if not found:
        raise InputError("a harmony needs at least one chord, got none; harmonise the melody first")
    return found


def _mean(song: Song, value: Callable[[_Meeting], float]) -> float:
    _chords(song)
    meetings = list(_meetings(song))
    if not meetings:
        raise InputError("a harmony needs a melody note that sounds over a chord, got none")
    return float(np.average([value(m) for m in meetings], weights=[m.ticks for m in meetings]))


def _meetings(song: Song) -> Iterable[_Meeting]:
    """Every melody note with every chord it sounds over."""
    chords = [chord for chord in song.chords if chord.root is not None]
    notes = song.melody.notes
    first = 0
    for place, note in enumerate(notes):
        following = notes[place + 1].pitch if place + 1 < len(notes) else None
        while first < len(chords) and chords[first].end_ticks <= note.start_ticks:
            first += 1
        for chord in chords[first:]:
            if chord.start_ticks >= note.end_ticks:
                break
            ticks = min(note.end_ticks, chord.end_ticks) - max(note.start_ticks, chord.start_ticks)
            if ticks > 0:
                yield _Meeting(note.pitch, following, _tones(chord), ticks)


def _tones(chord: Chord) -> tuple[int, ...]:
    assert chord.root is not None
    return tuple((chord.root + step) % 12 for step in QUALITIES[chord.quality])


@functools.cache
def _centroid(tones: tuple[int, ...]) -> NDArray[np.float64]:
    """Tonal centroid (6,)."""
    angles = np.array([[tone * turn * np.pi for turn, _ in _CIRCLES] for tone in tones])  # (tones, circles)
    radii = np.array([radius for _, radius in _CIRCLES])
    return np.concatenate([(radii * np.sin(angles)).mean(axis=0), (radii * np.cos(angles)).mean(axis=0)])
