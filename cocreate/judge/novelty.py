"""How much of an idea is already in a training melody, whatever its key and tempo.

Conventions:
    A melody is read as its intervals (semitones, clipped to -15..15), each with the ratio of the next
    inter-onset interval to this one (nine classes from 1/4 to 4), so transposing it or playing it at another
    speed changes nothing. Of notes that begin together the highest counts; rests do not break a run. Lengths
    are in notes.

Metrics:
    *Longest match*: the longest run of the idea's notes that some training melody also has, in one stretch.
    Plain runs (repeated notes, even scales, trills, figures of period four or less) belong to nobody and are not
    counted: see :func:`is_plain`. No run under seven notes can pass that rule, so a shorter match is reported as 0.
    *Limit*: the 95th percentile of the same figure for new human melodies of about that length: people borrow
    too. An idea beyond it counts as a copy.
"""

from __future__ import annotations

import zipfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cocreate.errors import FileError, InputError
from cocreate.music.song import Note

IntArray = NDArray[np.int64]

INTERVAL_CLIP = 15  # semitones; wider leaps are one class
RATIOS = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0, 3 / 2, 2.0, 3.0, 4.0)  # class centres; the borders lie half-way in log
SYMBOLS = (2 * INTERVAL_CLIP + 1) * len(RATIOS)  # 1..SYMBOLS; 0 stands between melodies
PLAIN_BITS = 2.1  # just over the 2 bits of a figure of period four
LIMIT_PERCENTILE = 95
CLASS_NOTES = 16  # human matches are compared within classes of idea length this wide
DEFAULT_LIMIT_NOTES = 16  # four bars of quarters; used only where nobody measured human borrowing
_MIN_HUMANS = 20  # a percentile of fewer is noise
_WHOLE_IDEA_NOTES = 12  # an idea this long or longer that is found from end to end is a copy, whatever people do
_VARIANT_NOTES, _VARIANT_SHARE = 24, 1 / 3
_PACKED = 7  # symbols of 9 bits that fit one int64
_FORMAT = 1
_MAX_SYMBOLS = 1 << 24  # positions are stored in three bytes
_EDGES = np.sqrt(np.array(RATIOS[1:]) * np.array(RATIOS[:-1]))
_EVEN = RATIOS.index(1.0)
_REPEAT, _STEP, _SKIP, _LEAP = 0, 1, 2, 3
_WIDEST = {_STEP: 2, _SKIP: 4}  # semitones


@dataclass(frozen=True, slots=True)
class Match:
    """The longest run that an idea shares with a training melody.

    ``notes`` is its length (0 when nothing but plain runs match), ``name`` the melody it is in, ``start_note`` where
    it begins in the idea (from 0), ``share`` the part of the idea's notes that it covers, 0..1.
    """

    notes: int
    name: str
    start_note: int
    share: float


def symbols_of(notes: Sequence[Note]) -> IntArray:
    """A melody's symbols, one for each interval: shape (notes - 1,), values 1..``SYMBOLS``.

    Symbol = 1 + 9 * (interval + 15) + ratio class; the last has no next interval to compare with and takes class 0.
    """
    top: dict[int, int] = {}
    for note in notes:
        top[note.start_ticks] = max(note.pitch, top.get(note.start_ticks, 0))
    starts = np.array(sorted(top), dtype=np.int64)
    pitches = np.array([top[int(start)] for start in starts], dtype=np.int64)
    if len(starts) <= 1:
        return np.zeros(0, dtype=np.int64)
    intervals = np.clip(np.diff(pitches), -INTERVAL_CLIP, INTERVAL_CLIP)
    gaps = np.diff(starts)
    ratios = np.zeros(len(gaps), dtype=np.int64)
    ratios[:-1] = np.searchsorted(_EDGES, gaps[1:] / gaps[:-1])
    return 1 + len(RATIOS) * (intervals + INTERVAL_CLIP) + ratios


def is_plain(notes: Sequence[Note]) -> bool:
    """True for a run that anybody would write: too few kinds of movement to belong to someone.

    Each interval is reduced to its kind (repeat, step, third, leap; up or down) with its ratio class. The run is
    plain when pairs of successive kinds have an entropy under ``PLAIN_BITS``: that holds for every run of under seven
    notes and every figure of period four or less, and for hardly any real phrase of a dozen notes.
    """
    kinds = _kinds(symbols_of(notes))
    return _longest_rich(kinds) < len(kinds) or not kinds


class NoveltyIndex:
    """Every run of every training melody, sorted: a suffix array. Build once, save, load, ask.

    Attributes:
        names: the melodies' names, in the order given.
        notes: how many notes they have in all.
    """

    def __init__(
        self,
        *,
        symbols: IntArray,
        order: NDArray[np.int32],
        starts: NDArray[np.int32],
        names: Sequence[str],
        human_matches: NDArray[np.int32],
    ) -> None:
        """Use :meth:`build` or :meth:`load`. ``human_matches`` is (ideas, 2): notes of the idea, notes matched."""
        self.names = tuple(names)
        self.notes = len(symbols)  # one separator each makes up for the one interval less
        self._symbols = symbols.astype(">u2")
        self._text = self._symbols.tobytes()  # big-endian, so that bytes compare as symbols do
        self._order_array = order
        self._order = order.data  # a memoryview: hands out plain ints, ten times as fast as the array
        self._starts = starts
        self._human = human_matches[np.lexsort((human_matches[:, 1], human_matches[:, 0]))]

    @classmethod
    def build(
        cls,
        melodies: Iterable[tuple[str, Sequence[Note]]],
        *,
        human_matches: Iterable[tuple[int, int]] = (),
    ) -> NoveltyIndex:
        """Index ``melodies`` as (name, notes); a few seconds for 1.6 million notes.

        Args:
            melodies: the training melodies; ones of fewer than two notes are left out.
            human_matches: (notes of the idea, notes matched) of new human melodies; :meth:`calibrated` measures them.

        Raises:
            InputError: if there is no melody of two notes, or more than 16 million notes.
        """
        runs: list[IntArray] = []
        names: list[str] = []
        for name, notes in melodies:
            run = symbols_of(notes)
            if len(run):
                runs.append(np.append(run, 0))
                names.append(" ".join(name.split()))
        if not runs:
            raise InputError("a novelty index needs a melody of at least 2 notes, got none")
        symbols = np.concatenate(runs)
        if len(symbols) >= _MAX_SYMBOLS:
            raise InputError(f"a novelty index holds up to {_MAX_SYMBOLS} notes, got {len(symbols)}; leave some out")
        lengths = np.array([len(run) for run in runs])
        starts = (np.cumsum(lengths) - lengths).astype(np.int32)
        order = _suffix_order(symbols, depth=int(lengths.max()))
        human = _human_array(human_matches)
        return cls(symbols=symbols, order=order, starts=starts, names=names, human_matches=human)

    def extended(self, melodies: Iterable[tuple[str, Sequence[Note]]]) -> NoveltyIndex:
        """The same index with more melodies in it, as :meth:`build` takes them; the limits stay."""
        more = NoveltyIndex.build(melodies)
        symbols = np.concatenate([self._symbols, more._symbols]).astype(np.int64)  # noqa: SLF001 - one of us
        starts = np.concatenate([self._starts, more._starts + len(self._symbols)]).astype(np.int32)  # noqa: SLF001
        return NoveltyIndex(
            symbols=symbols,
            order=_suffix_order(symbols, depth=int(np.diff(starts, append=len(symbols)).max())),
            starts=starts,
            names=(*self.names, *more.names),
            human_matches=self._human,
        )

    def longest_match(self, notes: Sequence[Note]) -> Match:
        """The longest run of ``notes`` that a training melody has too, in any key and at any speed.

        Plain runs are not counted. Of equal runs the first in the idea wins.
        """
        query = symbols_of(notes)
        kinds = _kinds(query)
        total = len(query) + 1
        best_symbols, best_start, best_place = 0, 0, 0
        for start in range(len(query)):
            if len(query) - start <= best_symbols:
                break
            length, place = self._match_at(query[start:])
            if length <= best_symbols:
                continue
            length = _longest_rich(kinds[start : start + length])
            if length > best_symbols:
                best_symbols, best_start, best_place = length, start, place
        if best_symbols == 0:
            return Match(notes=0, name="", start_note=0, share=0.0)
        piece = int(np.searchsorted(self._starts, best_place, side="right")) - 1
        found = best_symbols + 1
        return Match(notes=found, name=self.names[piece], start_note=best_start, share=found / total)

    def limit(self, n_notes: int) -> int:
        """The longest match, in notes, that an idea of ``n_notes`` may have before it counts as a copy.

        The 95th percentile of human ideas in the same class of length (16 notes wide), or of the nearest class
        with at least 20 of them; ``DEFAULT_LIMIT_NOTES`` without any. From 12 notes on it stays below the whole idea.
        """
        limit = DEFAULT_LIMIT_NOTES
        classes, counts = np.unique(self._human[:, 0] // CLASS_NOTES, return_counts=True)
        classes = classes[counts >= _MIN_HUMANS]
        if len(classes):
            nearest = classes[np.argmin(np.abs(classes - n_notes // CLASS_NOTES))]
            sample = self._human[self._human[:, 0] // CLASS_NOTES == nearest, 1]
            limit = int(np.percentile(sample, LIMIT_PERCENTILE, method="higher"))
        return min(limit, n_notes - 1) if n_notes >= _WHOLE_IDEA_NOTES else limit

    def is_copy(self, match: Match, n_notes: int) -> bool:
        """True when ``match``, of an idea of ``n_notes``, is longer than human borrowing explains."""
        return match.notes > self.limit(n_notes)

    def calibrated(
        self, held_out: Iterable[Sequence[Note]], *, idea_notes: Sequence[int] = (16, 32, 48, 64, 96)
    ) -> NoveltyIndex:
        """The same index with limits measured on ``held_out``: human melodies of works that are not in it.

        Each is cut into successive ideas of every length in ``idea_notes``; a melody shorter than the shortest
        is taken whole. A melody that shares a run of a third of its notes (24 or more) with one melody is a variant
        of it under another title, of which folk music is full: no measure of borrowing, so it is left out.
        """
        found: list[tuple[int, int]] = []
        for melody in held_out:
            notes = sorted(melody)
            whole = self.longest_match(notes)
            if whole.notes >= _VARIANT_NOTES and whole.share >= _VARIANT_SHARE:
                continue
            for length in idea_notes:
                for first in range(0, len(notes) - length + 1, length):
                    idea = notes[first : first + length]
                    found.append((length, self.longest_match(idea).notes))
            if 1 < len(notes) < min(idea_notes):
                found.append((len(notes), whole.notes))
        return NoveltyIndex(
            symbols=self._symbols.astype(np.int64),
            order=self._order_array,
            starts=self._starts,
            names=self.names,
            human_matches=_human_array(found),
        )

    def save(self, path: str | Path) -> None:
        """Write the index as one ``.npz`` (no pickle); about 5.2 bytes a note.

        Raises:
            FileError: if the file cannot be written.
        """
        path = Path(path)
        order = self._order_array
        draft = path.with_name(path.name + ".part")
        try:
            with draft.open("wb") as file:
                np.savez(
                    file,
                    format=np.array(_FORMAT),
                    symbols=self._symbols,
                    order_low=(order & 0xFFFF).astype(np.uint16),
                    order_high=(order >> 16).astype(np.uint8),
                    starts=self._starts,
                    names=np.frombuffer("\n".join(self.names).encode(), dtype=np.uint8),
                    human=self._human,
                )
            draft.replace(path)
        except OSError as error:
            raise FileError(f"cannot write the novelty index {path}: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | Path) -> NoveltyIndex:
        """Read what :meth:`save` wrote; about 20 ms for 1.6 million notes.

        Raises:
            FileError: if the file is missing, broken or from another version.
        """
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                if int(stored["format"]) != _FORMAT:
                    raise FileError(f"novelty index {path} must have format {_FORMAT}, got {stored['format']}; rebuild")
                order = stored["order_high"].astype(np.int32)
                order <<= 16
                order |= stored["order_low"]
                return cls(
                    symbols=stored["symbols"],
                    order=order,
                    starts=stored["starts"],
                    names=stored["names"].tobytes().decode().split("\n"),
                    human_matches=stored["human"],
                )
        except OSError as error:
            raise FileError(f"cannot read the novelty index {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise FileError(f"the novelty index {path} is broken ({error}); rebuild it") from error

    def _match_at(self, query: IntArray) -> tuple[int, int]:
        """Longest match of a prefix of ``query``: its intervals (the last one with any ratio), its place.

        Symbols sort by interval, then ratio, so the best match is next to where ``query`` would stand.
        """
        wanted = query.astype(">u2").tobytes()
        text, size = self._text, len(wanted)
        place = bisect_left(self._order, wanted, key=lambda p: text[2 * p : 2 * p + size])
        best, best_place = 0, 0
        for neighbour in (place - 1, place):
            if not 0 <= neighbour < len(self._order):
                continue
            here = self._order[neighbour]
            seen = self._symbols[here : here + len(query)]
            differ = np.flatnonzero(seen != query[: len(seen)])
            length = int(differ[0]) if len(differ) else len(seen)
            if length < len(seen) and _same_interval(int(seen[length]), int(query[length])):
                length += 1
            if length > best:
                best, best_place = length, here
        return best, best_place


def _same_interval(one: int, other: int) -> bool:
    return one > 0 and other > 0 and (one - 1) // len(RATIOS) == (other - 1) // len(RATIOS)


def _kinds(symbols: IntArray) -> list[int]:
    """Kind of movement of each symbol; the last, whose ratio is unknown, counts as even."""
    intervals = (symbols - 1) // len(RATIOS) - INTERVAL_CLIP
    ratios = (symbols - 1) % len(RATIOS)
    ratios[-1:] = _EVEN
    size = np.abs(intervals)
    width = np.select([size == 0, size <= _WIDEST[_STEP], size <= _WIDEST[_SKIP]], [_REPEAT, _STEP, _SKIP], _LEAP)
    kinds: list[int] = ((np.sign(intervals) * width + _LEAP) * len(RATIOS) + ratios).tolist()
    return kinds


def _longest_rich(kinds: Sequence[int]) -> int:
    """Length of the longest prefix that is not plain; 0 when every prefix is.

    With n pairs of which pair x occurs c(x) times, entropy = log2 n - sum c log2 c / n.
    """
    counts: Counter[tuple[int, int]] = Counter()
    total, longest = 0.0, 0
    for n in range(1, len(kinds)):
        pair = (kinds[n - 1], kinds[n])
        before = counts[pair]
        counts[pair] = before + 1
        total += (before + 1) * log2(before + 1) - (before * log2(before) if before else 0.0)
        if log2(n) - total / n >= PLAIN_BITS:
            longest = n + 1
    return longest


def _human_array(matches: Iterable[tuple[int, int]]) -> NDArray[np.int32]:
    rows = list(matches)
    if any(not 0 <= matched <= notes for notes, matched in rows):
        raise InputError("a human match must be (notes of the idea, notes matched) with 0 <= matched <= notes")
    return np.array(rows, dtype=np.int32).reshape(len(rows), 2)


def _suffix_order(symbols: IntArray, *, depth: int) -> NDArray[np.int32]:
    """Positions sorted by what follows them, right for at least ``depth`` symbols, by prefix doubling."""
    n = len(symbols)
    padded = np.append(symbols, np.zeros(_PACKED, dtype=np.int64))
    key = np.zeros(n, dtype=np.int64)
    for offset in range(_PACKED):
        key = (key << 9) | padded[offset : offset + n]
    span = _PACKED
    while True:
        order = np.argsort(key)
        ordered = key[order]
        rank = np.empty(n, dtype=np.int64)
        fresh = np.append(False, ordered[1:] != ordered[:-1])
        rank[order] = np.cumsum(fresh)
        if span >= depth or int(fresh.sum()) == n - 1:
            return order.astype(np.int32)
        later = np.zeros(n, dtype=np.int64)
        later[: max(0, n - span)] = rank[span:] + 1
        key = rank * (n + 1) + later
        span *= 2
