"""Reader for jazz solos kept as tables of notes and beats: the Weimar Jazz Database.

Conventions:
    A reader takes the folder of its set and yields pieces; a broken file is logged and left out. Onsets come from the
    metrical grid (bar, beat, subdivision), never from seconds, in ticks of 480 to a quarter; tick 0 is a bar line.
    They lie on a grid of 40 ticks (12 places a beat), real 32nds on one of 20.
"""

from __future__ import annotations

import csv
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from cocreate.errors import CocreateError
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.model.corpus.symbols import SymbolReader, hold_chords, read_weimar
from cocreate.music.song import TICKS_PER_QUARTER, Key, Meter, Note, Part, Section, Song, Tempo
from cocreate.music.theory import parse_key

_LOG = logging.getLogger(__name__)
BROKEN = (
    CocreateError,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,
)  # what a broken file may raise

_GRID = 40  # 12 places a quarter: 16ths and triplets
_FINE_GRID = 20  # for beats cut in 8 or 16
_LEGATO_GAP = 80  # a shorter silence between two notes is articulation, not a rest
_MAX_PUSH = 60  # a crowded onset may move this far to the next free place; further and the note is left out

_STYLE_PLAYERS = {  # by the school each is known for; where the set's own metadata names a style, that wins
    "trad": "Bix Beiderbecke,Henry Allen,Johnny Dodds,Kid Ory,Louis Armstrong,Sidney Bechet",
    "swing": "Ben Webster,Benny Carter,Benny Goodman,Buck Clayton,Charlie Shavers,Chu Berry,Coleman Hawkins,"
    "Dickie Wells,Don Byas,Harry Edison,Johnny Hodges,Lester Young,Lionel Hampton,Rex Stewart,Roy Eldridge",
    "bebop": "Charlie Parker,Dizzy Gillespie,Fats Navarro,JJJohnson,Kai Winding,Milt Jackson,Phil Woods,Sonny Stitt,"
    "Von Freeman",
    "hard bop": "Cannonball Adderley,Clifford Brown,Curtis Fuller,Dexter Gordon,George Coleman,Hank Mobley,"
    "Kenny Dorham,Lee Morgan,Nat Adderley,Pat Martino,Pepper Adams,Red Garland,Sonny Rollins",
    "cool": "Art Pepper,Chet Baker,Gerry Mulligan,Lee Konitz,Paul Desmond,Stan Getz,Warne Marsh,Zoot Sims",
    "post-bop": "Branford Marsalis,Chris Potter,David Liebman,David Murray,Don Ellis,Eric Dolphy,Freddie Hubbard,"
    "Joe Henderson,Joe Lovano,John Abercrombie,Joshua Redman,Kenny Garrett,Kenny Wheeler,Steve Coleman,Steve Lacy,"
    "Steve Turre,Wayne Shorter,Woody Shaw,Wynton Marsalis",
    "fusion": "Bob Berg,Michael Brecker,Pat Metheny",
    "free": "Ornette Coleman",
}
_STYLE_OF = {player: style for style, players in _STYLE_PLAYERS.items() for player in players.split(",")}
_WEIMAR_STYLES = {"TRADITIONAL": "trad", "HARDBOP": "hard bop", "POSTBOP": "post-bop"}


def read_wjazzd(folder: Path) -> Iterator[Piece]:
    """Solos of the Weimar Jazz Database with chord changes and form; the six without a metre are left out.

    The soloist is one monophonic part: a note holds for its played length on the grid, cut by the next onset; a gap
    up to 80 ticks is closed. The bassist, where the set has him, plays one note a beat. Tempo is the median beat. Keys
    are given only where the set's metadata has them.
    """
    blues = {_person_title(row["performer"], row["title"]): row for row in _metadata(folder)}
    read = SymbolReader(read_weimar)
    for row in _rows(folder / "manifest.csv"):
        try:
            piece = _solo(folder, row, blues.get(_person_title(row["performer"], row["title"])), read)
        except BROKEN as error:
            _LOG.warning("wjazzd: left out %s: %s", row.get("file"), error)
            continue
        if piece is not None:
            yield piece
    read.report(_LOG, "wjazzd")


def _solo(folder: Path, row: dict[str, str], known: dict[str, Any] | None, read: SymbolReader) -> Piece | None:
    notes = _rows(folder / row["file"])
    beats = _rows(folder / row["beats"])
    size = int(notes[0]["num"])
    if size < 2:  # noqa: PLR2004 - a "bar" of one beat marks free time: there are no bars to learn
        return None
    grid = _Bars.of(beats, size=size, unit=int(notes[0]["denom"]), first_note_bar=int(notes[0]["bar"]))
    melody = place_notes(grid.notes(notes))
    bass = place_notes(grid.bass(beats))
    end = max(melody[-1].end_ticks, grid.end_ticks)
    changes = [(grid.tick(beat), read(beat["chord"])) for beat in beats if beat["chord"]]
    held = [reading for tick, reading in changes if tick <= 0][-1:]
    changes = [(0, reading) for reading in held] + [(tick, reading) for tick, reading in changes if tick > 0]
    seconds = median(float(note["beatdur"]) for note in notes) * int(notes[0]["denom"]) / 4
    title = _spaced(row["title"])
    work = work_key(title)
    style = _STYLE_OF.get(row["performer"], "")
    if known is not None:
        style = _WEIMAR_STYLES.get(known["style"], known["style"].lower())
    styles = ["jazz", *([style] if style else []), *(["blues"] if known is not None else [])]
    song = Song(
        parts=(
            Part(melody, name=row["performer"], role="melody", program=_program(known)),
            *([Part(bass, name="Bass", role="bass", program=_ACOUSTIC_BASS)] if bass else []),
        ),
        meters=grid.meters,
        tempos=(Tempo(0, round(60 / seconds, 1)),),
        keys=() if known is None else _weimar_key(known["key"]),
        chords=hold_chords(changes, end_ticks=end),
        sections=tuple(
            Section(grid.tick(beat), beat["form"].lstrip("*"))
            for beat in beats
            if beat["form"] and grid.tick(beat) >= 0
        ),
        title=title,
        style=styles[-1] if known is None else style,
    )
    name = f"{title} (solo by {row['performer']})"
    return Piece(song, "wjazzd", work, name, "ODbL 1.0", "A*", tuple(styles), split_of(work))


@dataclass(frozen=True, slots=True)
class _Bars:
    """Where each bar number begins in ticks, and the metres this makes."""

    starts: dict[int, int]
    meters: tuple[Meter, ...]
    beat_ticks: int
    end_ticks: int

    @classmethod
    def of(cls, beats: Sequence[dict[str, str]], *, size: int, unit: int, first_note_bar: int) -> _Bars:
        """The grid from a beat table; tick 0 is bar 1, or the bar of the first note if that is far from bar 1."""
        counted: dict[int, int] = {}
        for beat in beats:
            counted[int(beat["bar"])] = max(counted.get(int(beat["bar"]), 0), int(beat["beat"]))
        first, last = min(counted), max(counted)
        zero = first_note_bar if not 1 <= first_note_bar <= 1 + _LEAD_BARS else 1
        beat_ticks = TICKS_PER_QUARTER * 4 // unit
        starts: dict[int, int] = {}
        meters: list[Meter] = []
        tick = 0
        for bar in range(zero, last + 1):
            beats_here = size if bar in (first, last) else counted.get(bar, size)
            if not meters or meters[-1].numerator != beats_here:
                meters.append(Meter(tick, beats_here, unit))
            starts[bar] = tick
            tick += beats_here * beat_ticks
        before = 0
        for bar in range(zero - 1, first - 1, -1):  # bars before the first note lie at negative ticks
            before -= counted.get(bar, size) * beat_ticks
            starts[bar] = before
        return cls(starts, tuple(meters), beat_ticks, tick)

    def tick(self, beat: dict[str, str]) -> int:
        """Tick of a row that has a bar and a beat; negative before the first bar."""
        return self.starts[int(beat["bar"])] + (int(beat["beat"]) - 1) * self.beat_ticks

    def notes(self, rows: Iterable[dict[str, str]]) -> Iterator[Note]:
        """Notes on the grid with played lengths, not yet cut by each other."""
        for row in rows:
            division = int(row["division"])
            exact = self.beat_ticks * (int(row["tatum"]) - 1) / division
            step = _FINE_GRID if division % 8 == 0 else _GRID
            length = float(row["duration"]) / max(float(row["beatdur"]), 1e-3) * self.beat_ticks
            start = self.tick(row) + round(exact / step) * step
            yield Note(start, round(float(row["pitch"])), max(_GRID, round(length / _GRID) * _GRID))

    def bass(self, beats: Iterable[dict[str, str]]) -> Iterator[Note]:
        """The walking bass, one note of a beat's length on each beat that has one, from the first bar on."""
        for beat in beats:
            if beat["bass_pitch"] and self.tick(beat) >= 0:
                yield Note(self.tick(beat), round(float(beat["bass_pitch"])), self.beat_ticks)


_LEAD_BARS = 4  # a solo may enter this many bars after bar 1 and still begin there


def place_notes(notes: Iterable[Note], *, legato_gap: int = _LEGATO_GAP, step: int = _FINE_GRID) -> tuple[Note, ...]:
    """A monophonic line in the given order: crowded onsets move to the next free place, lengths end at the next onset.

    Args:
        notes: in the order they were played; lengths may overlap.
        legato_gap: a silence of at most this many ticks before the next onset is closed.
        step: the finest grid, in ticks.
    """
    placed: list[Note] = []
    for note in notes:
        start = max(note.start_ticks, placed[-1].start_ticks + step) if placed else note.start_ticks
        if start - note.start_ticks <= _MAX_PUSH:
            placed.append(Note(start, note.pitch, note.length_ticks, note.velocity))
    cut: list[Note] = []
    for index, note in enumerate(placed):
        end = note.end_ticks
        if index + 1 < len(placed):
            onset = placed[index + 1].start_ticks
            end = onset if end > onset or onset - end <= legato_gap else end
        cut.append(Note(note.start_ticks, note.pitch, end - note.start_ticks, note.velocity))
    return tuple(cut)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _metadata(folder: Path) -> list[dict[str, Any]]:
    path = folder / "wjd_maj_blues_metadata.json"
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except BROKEN as error:
        _LOG.warning("wjazzd: no metadata in %s: %s", path.name, error)
        return []
    return rows


def _spaced(title: str) -> str:
    """A title as people write it, from a file name's ("You Stepped Out Of ADream-2", "Stompin'At", "Eighty=One")."""
    text = re.sub(r"_No\d+$|_\d{4}$|(?<=[A-Za-z.])-\d$", "", title)
    text = re.sub(r"\b([AI])(?=[A-Z][a-z])", r"\1 ", text)
    text = re.sub(r"(?<=n')(?=[A-Z])", " ", text)
    text = re.sub(r"\bSt\.(?=[A-Z])", "St. ", text)
    return text.replace("=", "-")


def _person_title(person: str, title: str) -> str:
    """A key that joins the metadata and the manifest, which spell names differently ("J.J. Johnson", "JJJohnson")."""
    return re.sub(r"[^a-z0-9]", "", f"{person}{_spaced(title)}".lower())


def _weimar_key(text: str) -> tuple[Key, ...]:
    try:
        return (parse_key(text.replace("-", " ")),)
    except CocreateError:  # "Eb-blues", "C-chrom": no key in our sense
        return ()


# General MIDI programs, from 0
_ACOUSTIC_BASS = 32
_PROGRAMS = {"ss": 64, "as": 65, "ts": 66, "ts-c": 66, "bs": 67, "tp": 56, "cor": 56, "tb": 57, "cl": 71, "bcl": 71}
_PROGRAMS |= {"vib": 11, "g": 26, "p": 0}


def _program(known: dict[str, Any] | None) -> int:
    tenor_sax = 66  # the set's most frequent instrument
    return tenor_sax if known is None else _PROGRAMS.get(known["instrument"], tenor_sax)
