"""Reader for POP909: pop songs played on three tracks, with beats, chords and keys in files beside them.

Conventions:
    Seconds become beats by a piecewise-linear map through the annotated beats, beats become ticks (480 to a quarter,
    one beat a quarter), and every onset is snapped to 16ths, or to triplets in beats that fit those clearly better.
    Tick 0 is the bar line before the first note. Songs felt in three quavers a beat stay in 4/4 with triplets.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt

from cocreate.errors import CocreateError, FileError
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.model.corpus.symbols import SymbolReader, hold_chords, read_harte
from cocreate.music.song import TICKS_PER_QUARTER, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import parse_key

_LOG = logging.getLogger(__name__)
_BROKEN = (
    CocreateError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,
)  # what a broken file may raise

_STRAIGHT = 120  # a 16th
_TRIPLET = 160  # a triplet quaver
_TRIPLET_FIT = 0.02  # a beat is cut in three when its onsets lie this near (in beats, on average) to thirds ...
_STRAIGHT_MISFIT = 0.04  # ... and at least this far from quarters
_FULL_BAR = 4
_ROLES = {"MELODY": ("Melody", "melody"), "BRIDGE": ("Bridge", "other"), "PIANO": ("Piano", "comping")}

FloatArray = npt.NDArray[np.float64]


def read_pop909(folder: Path) -> Iterator[Piece]:
    """The songs of POP909: vocal melody (monophonic), bridge and piano parts with chords, key and metre.

    Chord changes are snapped to beats. A key is the one that covers most of the song. A downbeat that comes early or
    late gives a shorter or longer bar (2/4, 6/4 as 4/4 + 2/4 ...), as annotated.
    """
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    read = SymbolReader(read_harte)
    for row in rows:
        try:
            song = _song(folder / "data" / row["id"], row, read)
        except _BROKEN as error:
            _LOG.warning("pop909: left out %s: %s", row.get("file"), error)
            continue
        work = work_key(row["name"])
        name = f"{row['name']} ({row['artist']})"
        yield Piece(song, "pop909", work, name, "MIT", "A*", ("pop", "mandopop"), split_of(work))
    read.report(_LOG, "pop909")


def _song(folder: Path, row: dict[str, str], read: SymbolReader) -> Song:
    import symusic  # MIDI through a C++ reader: this set has 856 files of thousands of notes

    beats = [[float(value) for value in line.split()] for line in _lines(folder / "beat_midi.txt")]
    in_three = row["num_beats_per_measure"] == "3"
    downbeats = [index for index, beat in enumerate(beats) if beat[1 if in_three else 2]]
    grid = _BeatGrid(np.array([beat[0] for beat in beats]))
    score = symusic.Score(folder / f"{folder.name}.mid").to("second")
    played = {track.name: track.notes.numpy() for track in score.tracks if track.name in _ROLES and len(track.notes)}
    if not played:
        raise FileError(f"a POP909 song must have a MELODY, BRIDGE or PIANO track, got none in {folder.name}.mid")
    first_beat = min(grid.beat_of(float(notes["time"].min())) for notes in played.values())
    base, meters = _bars(downbeats, beats=len(beats), first_beat=first_beat, usual=3 if in_three else _FULL_BAR)
    parts = []
    for track, (name, role) in _ROLES.items():
        if track in played:
            notes = grid.place(played[track], base=base)
            parts.append(Part(_one_voice(notes) if role == "melody" else _untangle(notes), name=name, role=role))
    changes = []
    end = 0
    for line in _lines(folder / "chord_midi.txt"):
        start_s, end_s, symbol = line.split()
        start = (round(grid.beat_of(float(start_s))) - base) * TICKS_PER_QUARTER
        end = (round(grid.beat_of(float(end_s))) - base) * TICKS_PER_QUARTER
        changes.append((max(0, start), read(symbol)))
    return Song(
        parts=tuple(parts),
        meters=meters,
        tempos=(Tempo(0, round(60 / grid.beat_seconds, 1)),),
        keys=_key(folder / "key_audio.txt"),
        chords=hold_chords(changes, end_ticks=max(end, changes[-1][0] + 1)) if changes else (),
        title=row["name"],
        style="pop",
    )


@dataclass(frozen=True, slots=True)
class _BeatGrid:
    """Seconds to beats, from 0 at the first annotated beat; straight on past both ends."""

    seconds: FloatArray

    @property
    def beat_seconds(self) -> float:
        """Median length of a beat."""
        return float(median(np.diff(self.seconds)))

    def beat_of(self, seconds: float) -> float:
        """Beats since the first beat; negative before it."""
        return float(self._beats(np.array([seconds]))[0])

    def _beats(self, seconds: FloatArray) -> FloatArray:
        last = len(self.seconds) - 1
        beats = np.interp(seconds, self.seconds, np.arange(last + 1))
        early = np.minimum(0.0, seconds - self.seconds[0]) / self.beat_seconds
        late = np.maximum(0.0, seconds - self.seconds[last]) / self.beat_seconds
        return np.asarray(beats + early + late)

    def place(self, notes: dict[str, FloatArray], *, base: int) -> list[Note]:
        """Notes snapped to 16ths or triplets, tick 0 at beat ``base``; by onset, then pitch from above."""
        onsets = self._beats(notes["time"]) - base
        ends = self._beats(notes["time"] + notes["duration"]) - base
        steps = _steps(onsets)
        starts = np.maximum(0, np.round(onsets * TICKS_PER_QUARTER / steps) * steps)
        lengths = np.maximum(steps, np.round((ends * TICKS_PER_QUARTER - starts) / steps) * steps)
        velocities = np.clip(notes["velocity"], 1, 127)
        order = np.lexsort((-notes["pitch"].astype(int), starts))
        columns = (array[order].astype(int).tolist() for array in (starts, notes["pitch"], lengths, velocities))
        return [Note(*values) for values in zip(*columns, strict=True)]


def _steps(onsets: FloatArray) -> FloatArray:
    """The grid in ticks for each onset, one for all onsets of a beat."""
    places = onsets % 1.0
    thirds = np.abs(places * 3 - np.round(places * 3)) / 3
    quarters = np.abs(places * 4 - np.round(places * 4)) / 4
    beats = np.floor(onsets + _TRIPLET_FIT).astype(int)  # an onset a hair early belongs to the beat it means
    beats -= beats.min()
    off_beat = np.minimum(places, 1 - places) > _TRIPLET_FIT
    count = np.maximum(1, np.bincount(beats, off_beat))  # onsets on the beat fit both grids and have no say
    fits = np.bincount(beats, thirds * off_beat) / count < _TRIPLET_FIT
    misfits = np.bincount(beats, quarters * off_beat) / count > _STRAIGHT_MISFIT
    return np.where((fits & misfits)[beats], float(_TRIPLET), float(_STRAIGHT))


def _bars(downbeats: Sequence[int], *, beats: int, first_beat: float, usual: int) -> tuple[int, tuple[Meter, ...]]:
    """The beat that is tick 0, and the metres from there: usual bars, with the odd ones as they were annotated."""
    if not downbeats:
        raise FileError("a POP909 song must have downbeats in beat_midi.txt, got none")
    lines = list(downbeats)
    while lines[0] > 0 or lines[0] > first_beat:  # bars before the first annotated one, for a pickup
        lines.insert(0, lines[0] - usual)
    while lines[-1] < beats:
        lines.append(lines[-1] + usual)
    kept = [line for line in lines if line <= first_beat + _EARLY]
    start = len(kept) - 1
    meters: list[Meter] = []
    lines[start] -= (lines[start] - lines[start + 1]) % usual  # an odd first bar becomes a pickup: a full one
    base = lines[start]
    for line, following in zip(lines[start:], lines[start + 1 :], strict=False):
        tick = (line - base) * TICKS_PER_QUARTER
        for size in _bar_sizes(following - line, usual=usual):
            if not meters or meters[-1].numerator != size:
                meters.append(Meter(tick, size, 4))
            tick += size * TICKS_PER_QUARTER
    if meters[-1].numerator != usual:
        meters.append(Meter((lines[-1] - base) * TICKS_PER_QUARTER, usual, 4))
    return base, tuple(meters)


_EARLY = 0.1  # a first note this much (in beats) before a bar line still means that bar line


def _bar_sizes(span: int, *, usual: int) -> list[int]:
    """Bars that fill ``span`` beats between two annotated downbeats: usual ones first, a single odd beat joined."""
    sizes = [usual] * (span // usual)
    rest = span % usual
    if rest == 1 and sizes:
        sizes[-1] += 1
    elif rest:
        sizes.append(rest)
    return sizes


def _one_voice(notes: Sequence[Note]) -> tuple[Note, ...]:
    """A singable line: the highest note of an onset, cut where the next begins."""
    line: list[Note] = []
    for note in notes:
        if line and line[-1].start_ticks == note.start_ticks:
            continue
        if line and line[-1].end_ticks > note.start_ticks:
            before = line.pop()
            line.append(Note(before.start_ticks, before.pitch, note.start_ticks - before.start_ticks, before.velocity))
        line.append(note)
    return tuple(line)


def _untangle(notes: Sequence[Note]) -> tuple[Note, ...]:
    """No pitch twice at one onset, and none still ringing when it is struck again."""
    line: list[Note] = []
    ringing: dict[int, int] = {}  # pitch -> place in line
    for note in notes:
        place = ringing.get(note.pitch)
        if place is not None:
            before = line[place]
            if before.start_ticks == note.start_ticks:
                continue
            if before.end_ticks > note.start_ticks:
                length = note.start_ticks - before.start_ticks
                line[place] = Note(before.start_ticks, before.pitch, length, before.velocity)
        ringing[note.pitch] = len(line)
        line.append(note)
    return tuple(line)


def _key(path: Path) -> tuple[Key, ...]:
    longest: tuple[float, str] | None = None
    for line in _lines(path):
        start, end, name = line.split()
        span = float(end) - float(start)
        if longest is None or span > longest[0]:
            longest = (span, name)
    if longest is None:
        return ()
    return (parse_key(longest[1].replace(":", " ")),)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
