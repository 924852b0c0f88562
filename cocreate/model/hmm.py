"""Chords under a melody without a network: a template and a hidden Markov model, what a transformer must beat.

Conventions:
    The slots are given: where chords begin and end (``harmoniser.Slot``, in ticks). What is heard in a slot is a row of
    twelve numbers, one a pitch class: the quarters that it sounds there, and ``ONSET_QUARTERS`` more for the note that
    begins with the slot. Neither is told the key. Ties go to the commoner quality, then to the lower root.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.harmoniser import Slot, slots_of
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Song
from cocreate.music.theory import QUALITIES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

STATES = 96  # twelve roots by the eight commonest qualities
ONSET_QUARTERS = 0.5  # on top of what the note lasts
_KINDS = STATES // 12
_EVIDENCE = 1.25  # draws that a quarter of melody is worth; best on Nottingham's validation tunes
_TONE_PRIOR, _MOVE_PRIOR = 0.5, 0.1  # counted before anything was seen
_TEMPLATE_QUALITIES = ("maj", "m", "7")


def heard(song: Song, slots: Sequence[Slot]) -> FloatArray:
    """What each slot hears of the melody, (slots, 12)."""
    table = np.zeros((len(slots), 12))
    notes = song.melody.notes
    first = 0
    for row, slot in zip(table, slots, strict=True):
        while first < len(notes) and notes[first].end_ticks <= slot.start_ticks:
            first += 1
        for note in notes[first:]:
            if note.start_ticks >= slot.end_ticks:
                break
            ticks = min(note.end_ticks, slot.end_ticks) - max(note.start_ticks, slot.start_ticks)
            onset = ONSET_QUARTERS * (note.start_ticks == slot.start_ticks)
            row[note.pitch % 12] += max(0, ticks) / TICKS_PER_QUARTER + onset
    return table


def template_chords(song: Song, slots: Sequence[Slot]) -> tuple[Chord, ...]:
    """For each slot by itself, the major, minor or seventh chord whose tones have most of what is heard, per tone.

    The fit is the cosine between what is heard and the chord's tones. A silent slot gets the chord before it.
    """
    kinds = [np.isin(np.arange(12), QUALITIES[name]) / np.sqrt(len(QUALITIES[name])) for name in _TEMPLATE_QUALITIES]
    templates = np.array([np.roll(kind, root) for kind in kinds for root in range(12)])
    rows = heard(song, slots)
    best = (rows @ templates.T).argmax(axis=1)
    for place in range(1, len(slots)):
        if not rows[place].any():
            best[place] = best[place - 1]
    return tuple(
        Chord(slot.start_ticks, slot.length_ticks, int(state) % 12, _TEMPLATE_QUALITIES[int(state) // 12])
        for slot, state in zip(slots, best, strict=True)
    )


class ChordHmm:
    """A key-free hidden Markov model: what a chord's quality hears above its root, and how roots and qualities move.

    All keys share everything: hearing is counted from the root, motion as the interval between roots.
    """

    def __init__(self, qualities: Sequence[str], hears: FloatArray, moves: FloatArray, starts: FloatArray) -> None:
        """Counts above 0: ``hears`` (8, 12), ``moves`` (8, 12, 8), ``starts`` (8,)."""
        self.qualities = tuple(qualities)
        self._hears = _log_shares(hears, axis=1)
        motion = _log_shares(moves, axis=(1, 2))
        root, kind = np.divmod(np.arange(STATES), _KINDS)
        interval = (root[None, :] - root[:, None]) % 12
        self._moves = motion[kind[:, None], interval, kind[None, :]]  # (from state, to state)
        self._tones = np.array([np.roll(self._hears[k], r) for r, k in zip(root, kind, strict=True)])  # (state, 12)
        self._starts = _log_shares(starts, axis=0)[kind]

    @classmethod
    def fit(cls, songs: Iterable[Song]) -> ChordHmm:
        """Count songs with melody and chords; a chord of a rarer quality than the eighth is passed over.

        Raises:
            InputError: if no song has a chord.
        """
        known = [song for song in songs if any(chord.root is not None for chord in song.chords)]
        if not known:
            raise InputError("a harmoniser needs songs with chords to learn from, got none")
        common = Counter(chord.quality for song in known for chord in song.chords if chord.root is not None)
        names = [name for name, _ in common.most_common(_KINDS)]
        names += [name for name in QUALITIES if name not in names][: _KINDS - len(names)]
        hears = np.full((_KINDS, 12), _TONE_PRIOR)
        moves = np.full((_KINDS, 12, _KINDS), _MOVE_PRIOR)
        starts = np.full(_KINDS, _MOVE_PRIOR)
        for song in known:
            slots = slots_of(song)
            before: tuple[int, int] | None = None
            chords = [chord for chord in song.chords if chord.root is not None]
            for chord, row in zip(chords, heard(song, slots), strict=True):
                assert chord.root is not None
                if chord.quality not in names:
                    before = None
                    continue
                kind = names.index(chord.quality)
                hears[kind] += np.roll(row, -chord.root)
                starts[kind] += 1
                if before is not None:
                    moves[before[1], (chord.root - before[0]) % 12, kind] += 1
                before = chord.root, kind
        return cls(names, hears, moves, starts)

    def harmonise(self, song: Song, slots: Sequence[Slot]) -> tuple[Chord, ...]:
        """The likeliest chords under the melody, one a slot (Viterbi); none for no slots."""
        if not slots:
            return ()
        evidence = _EVIDENCE * heard(song, slots) @ self._tones.T  # (slots, state)
        score = evidence[0] + self._starts
        came: list[IntArray] = []
        for row in evidence[1:]:
            paths = score[:, None] + self._moves
            came.append(paths.argmax(axis=0))
            score = paths.max(axis=0) + row
        path = [int(score.argmax())]
        for back in reversed(came):
            path.append(int(back[path[-1]]))
        return tuple(
            Chord(slot.start_ticks, slot.length_ticks, state // _KINDS, self.qualities[state % _KINDS])
            for slot, state in zip(slots, reversed(path), strict=True)
        )


def _log_shares(counts: FloatArray, *, axis: int | tuple[int, ...]) -> FloatArray:
    shares: FloatArray = np.log(counts / counts.sum(axis=axis, keepdims=True))
    return shares
