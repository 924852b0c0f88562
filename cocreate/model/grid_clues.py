"""What is known before each cell of a chorale's grid, as numbers of rows in embedding tables.

Conventions:
    A grid is (steps, 4) of ids: 0 is silence, 1..46 the pitches 36..81; a step is a 16th. Its columns are in the order
    in which a frame is predicted (``ORDER``), so cell (t, k) knows the frames before t and columns 0..k-1 of frame t,
    and nothing else. A *clue* is one row number a cell (or frame); clues that name a pitch move with a
    transposition, all others are the same in every key.

    An *echo* is an earlier frame of the same piece that looks like now: what sounded there is a guess for the cell.
    Echoes are looked for whole beats ago only, as nearer ones repeat the clues on held notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

LOWEST = 36  # MIDI pitch of id 1
PITCHES = 46
IDS = PITCHES + 1  # with silence
VOICES = 4
ORDER = (0, 3, 1, 2)  # soprano, bass, alto, tenor: the outer voices say most about the inner ones
ECHOES = 4  # ways to look for one
_RUN, _ALIKE, _FIRST, _OWN_RUN = range(ECHOES)
SURENESS = 16  # classes of how far an echo is to be believed

_NONE = IDS  # no frame before the first
_WIDE, _NARROW = 24, 12  # widest interval told apart between voices, and in a voice
_INTERVALS, _MOTIONS = 2 * _WIDE + 2, 2 * _NARROW + 2  # classes, with none
_BAR = 16
_HELD = 17  # steps told apart at most
_BEAT = 4
_FADE = np.array([0.9, 0.95])  # of a likeness, a step: all voices, first voice
_AGREED, _LEADING = 2.0, 3.0  # likeness for a known cell of this frame that agrees, and for the first voice's
_RUNS = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64])  # edges of the classes of run lengths


@dataclass(frozen=True, slots=True)
class Clues:
    """One piece, ready for the network; every array is of int64.

    ``cells`` (T, 4, F) and ``frames`` (T, G) hold row numbers; ``cells_move`` and ``frames_move``, of the same shapes,
    are true where a number names a pitch. ``guesses`` (T, 4, E) are ids, -1 is none; ``around`` (T, 4, 4) the ids that
    each cell sees: its own voice a step before, then the others, newest known.
    """

    grid: IntArray
    cells: IntArray
    frames: IntArray
    guesses: IntArray
    around: IntArray
    cells_move: npt.NDArray[np.bool_]
    frames_move: npt.NDArray[np.bool_]

    def moved(self, semitones: int) -> Clues:
        """The same piece, transposed."""
        if not semitones:
            return self
        grid, guesses, around = (
            np.where(_pitched(ids), ids + semitones, ids) for ids in (self.grid, self.guesses, self.around)
        )
        cells = self.cells + semitones * self.cells_move
        frames = self.frames + semitones * self.frames_move
        return Clues(grid, cells, frames, guesses, around, self.cells_move, self.frames_move)


def to_ids(grid: Sequence[Sequence[float]]) -> IntArray:
    """Soprano-to-bass rows of MIDI pitches (-1 is silence) as ids in the order of prediction, (T, 4).

    Raises:
        InputError: if a row has not four voices or a pitch is outside the range.
    """
    rows = np.asarray(grid, dtype=np.int64)
    if rows.ndim != 2 or rows.shape[1] != VOICES:  # noqa: PLR2004
        raise InputError(f"a chorale grid must have {VOICES} voices a step, got an array of shape {rows.shape}")
    if ((rows >= 0) & ((rows < LOWEST) | (rows >= LOWEST + PITCHES))).any():
        raise InputError(f"pitch must be in {LOWEST}..{LOWEST + PITCHES - 1}, got {rows.min()}..{rows.max()}")
    ids: IntArray = np.where(rows < 0, 0, rows - LOWEST + 1)[:, ORDER]
    return ids


def _pitched(ids: IntArray) -> npt.NDArray[np.bool_]:
    return (ids > 0) & (ids < _NONE)


def _interval(to: IntArray, start: IntArray, widest: int) -> IntArray:
    """Interval class 0..2 * widest, or one more where a side is silent."""
    step = np.clip(to - start, -widest, widest) + widest
    return np.where(_pitched(to) & _pitched(start), step, 2 * widest + 1)


def _before(grid: IntArray) -> IntArray:
    return np.concatenate([np.full((1, VOICES), _NONE), grid[:-1]])


def _held(grid: IntArray) -> tuple[IntArray, IntArray]:
    """For each step and voice: steps that the note before has lasted, and the id that stood before that note."""
    lasted, former = np.zeros_like(grid), np.full_like(grid, _NONE)
    for t in range(1, len(grid)):
        same = np.zeros(VOICES, dtype=bool) if t == 1 else grid[t - 1] == grid[t - 2]
        lasted[t] = np.where(same, lasted[t - 1] + 1, 1)
        former[t] = np.where(same, former[t - 1], grid[t - 2] if t > 1 else _NONE)
    return np.minimum(lasted, _HELD), former


def echoes(grid: IntArray) -> tuple[IntArray, IntArray]:
    """Guesses (T, 4, E) of each cell from the piece's past, and how sure each is, 0..15; guess -1 is none.

    In order: longest exact run of frames; likeness of all voices; likeness of the first voice in the order; longest
    run of the cell's own voice. Of equals the latest.
    """
    steps = len(grid)
    guesses = np.full((steps, VOICES, ECHOES), -1, dtype=np.int64)
    sure = np.zeros((steps, VOICES, ECHOES), dtype=np.int64)
    older = np.concatenate([np.full((1, VOICES), -1), grid[:-1]])
    # likeness of the frames up to t - 1 and those up to j - 1, at j
    run, alike, first, own = (np.zeros(shape) for shape in (steps, steps, steps, (steps, VOICES)))
    for t in range(1, steps):
        same = grid[t - 1] == older  # (T, 4), at frame j: j - 1 is like t - 1
        run = np.where(same.all(axis=1), _later(run) + 1, 0)
        alike = _FADE[0] * _later(alike) + same.sum(axis=1)
        first = _FADE[1] * _later(first) + same[:, 0]
        own = np.where(same, _later(own) + 1, 0)
        past = np.arange(t % _BEAT, t, _BEAT)[::-1]  # latest first, so that argmax takes it
        if not len(past):
            continue
        now = grid[t] == grid[past]  # (past, 4)
        for k in range(VOICES):
            agreed = now[:, :k].sum(axis=1)
            leading = now[:, 0] & (k > 0)
            scores = np.stack(
                [
                    np.where(agreed == k, run[past] + (k > 0), 0),
                    alike[past] + _AGREED * agreed,
                    first[past] + _LEADING * leading,
                    own[past, k],
                ]
            )  # (E, past)
            for e, best in enumerate(scores.argmax(axis=1)):
                if scores[e, best] > 0:
                    guesses[t, k, e] = grid[past[best], k]
                    sure[t, k, e] = _sureness(e, scores[e, best], k)
    return guesses, sure


def _later(values: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def _sureness(echo: int, score: float, known: int) -> int:
    if echo in {_RUN, _OWN_RUN}:
        return int(np.searchsorted(_RUNS, score, side="right"))
    most = VOICES / (1 - _FADE[0]) + _AGREED * known if echo == _ALIKE else 1 / (1 - _FADE[1]) + _LEADING * (known > 0)
    return min(SURENESS - 1, int(SURENESS * (score / most) ** 2))  # finer where the likeness is great


@dataclass(frozen=True, slots=True)
class _Seen:
    """A piece and what follows from it; all (T, 4), but ``phase`` (T,) and the echoes (T, 4, E)."""

    grid: IntArray
    before: IntArray
    lasted: IntArray
    former: IntArray
    guesses: IntArray
    sure: IntArray
    phase: IntArray


class _Rows:
    """Gathers clues; numbers the rows of many small tables one after the other."""

    def __init__(self) -> None:
        self.size = 0
        self._rows: list[IntArray] = []
        self._moves: list[npt.NDArray[np.bool_]] = []

    def add(self, values: IntArray, size: int) -> None:
        """A clue of ``size`` values that are the same in every key."""
        self._rows.append(self.size + values)
        self._moves.append(np.zeros(values.shape, dtype=bool))
        self.size += size

    def add_ids(self, values: IntArray) -> None:
        """A clue that names a pitch."""
        self.add(values, IDS + 1)
        self._moves[-1] = _pitched(values)

    def stack(self) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """All clues so far, (T, clues): row numbers, and which of them move."""
        return np.stack(self._rows, axis=1), np.stack(self._moves, axis=1)


def clues(grid: IntArray) -> Clues:
    """All clues of a piece of ids (T, 4)."""
    steps = len(grid)
    before = _before(grid)
    seen = _Seen(grid, before, *_held(grid), *echoes(grid), np.arange(steps) % _BAR)
    cells, cells_move = _cell_clues(seen).stack()
    frames, frames_move = _frame_clues(seen).stack()
    by_voice = (steps, VOICES, -1)
    around = np.stack(
        [np.stack([before[:, k], *(_newest(seen, i, k) for i in _others(k))], axis=1) for k in range(VOICES)], axis=1
    )
    return Clues(grid, cells.reshape(by_voice), frames, seen.guesses, around, cells_move.reshape(by_voice), frames_move)


def sizes() -> tuple[int, int]:
    """Rows of the cells' and of the frames' table."""
    blank, nothing = np.zeros((1, VOICES), dtype=np.int64), np.zeros((1, VOICES, ECHOES), dtype=np.int64)
    seen = _Seen(blank, blank, blank, blank, nothing, nothing, blank[:, 0])
    return _cell_clues(seen).size, _frame_clues(seen).size


def _others(voice: int) -> list[int]:
    return [i for i in range(VOICES) if i != voice]


def _newest(seen: _Seen, other: int, voice: int) -> IntArray:
    """The last id of ``other`` that is known when ``voice`` is predicted."""
    return seen.grid[:, other] if other < voice else seen.before[:, other]


def _cell_clues(seen: _Seen) -> _Rows:
    """As many clues for each voice, one voice after the other."""
    rows = _Rows()
    for k in range(VOICES):
        own = seen.before[:, k]
        rows.add(seen.phase, _BAR)
        rows.add_ids(own)
        rows.add(_interval(own, seen.former[:, k], _NARROW), _MOTIONS)
        rows.add(seen.lasted[:, k], _HELD + 1)
        for i in _others(k):
            other = _newest(seen, i, k)
            rows.add_ids(other)
            rows.add(_interval(other, own, _WIDE), _INTERVALS)
            rows.add(_interval(other, seen.before[:, i], _NARROW) if i < k else seen.lasted[:, i], _MOTIONS)
        for e in range(ECHOES):
            guess = seen.guesses[:, k, e]
            rows.add(_interval(guess, own, _WIDE), _INTERVALS)
            rows.add(seen.sure[:, k, e] + SURENESS * (guess == own), 2 * SURENESS)
    return rows


def _frame_clues(seen: _Seen) -> _Rows:
    """What the frame before was and how it came; and where the echoes, which know no cell of this frame, go on."""
    rows = _Rows()
    before, older = seen.before, _before(seen.before)
    rows.add(seen.phase, _BAR)
    for k in range(VOICES):
        rows.add_ids(before[:, k])
        rows.add(_interval(before[:, k], older[:, k], _NARROW), _MOTIONS)
        rows.add(seen.lasted[:, k], _HELD + 1)
        for i in range(k):
            rows.add(_interval(before[:, k], before[:, i], _WIDE), _INTERVALS)
        guess = seen.guesses[:, k, _OWN_RUN] if k else seen.guesses[:, 0, _ALIKE]
        rows.add(_interval(guess, before[:, k], _NARROW), _MOTIONS)
    rows.add(seen.sure[:, 0, _ALIKE], SURENESS)
    return rows
