"""Training pieces from MIDI renderings of printed scores: the Mutopia project and Lomax's cowboy tunes.

Conventions:
    The files were rendered from notation, so their ticks are exact. The melody is the skyline of the highest part;
    what the skyline leaves out of that part, and every other part, has the role that its notes tell, and where they
    do not, "other". Words are left out: these files do not mark where a word ends. The cowboy tunes are played, and
    are put on the sixteenth grid.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.midi import read_midi
from cocreate.files.roles import is_one_voice
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.music.song import Key, Meter, Note, Part, Song, Tempo

_LOG = logging.getLogger(__name__)
_FEWEST_NOTES = 16
_GRACE_TICKS = 30  # shorter than any written note that is sung
_ENOUGH_COVER = 0.5  # share of the bars a part plays in, below which it is a fragment and not the tune
_CLEARLY = 1.25  # by hand on hymns whose pickup is known: below it, none is as likely
_COMPING_SHARE = 0.3  # share of the onsets with several notes, above which a part accompanies in chords
_BASS_PITCH = 52.0  # mean pitch (E3) under which the lowest line is a bass
_FEWEST_SINGERS = 2  # parts named as voices, beside the melody, that make a choir
_TRIPLE = 3
_SIXTEENTH = 120
_STYLES = {
    "Jazz": "ragtime",
    "Popular / Dance": "dance",
    "Folk": "folk",
    "Hymn": "hymn",
    "Gospel": "hymn",
    "strophic with chorus": "hymn",
    "March": "march",
    "Baroque": "baroque",
    "Romantic": "romantic",
    "Romantique": "romantic",
    "Romanticism": "romantic",
    "Renaissance": "renaissance",
    "Motet": "renaissance",
    "Song": "art song",
}
_TIERS = {"pd": "A", "cc_by": "A", "cc_by_sa": "B"}  # by the folder a file lies in


def read_mutopia(folder: Path) -> Iterator[Piece]:
    """Every piece of the Mutopia set in ``folder`` that has a melody of at least 16 notes, in manifest order.

    Raises:
        FileError: if the manifest is missing or unreadable; a broken piece is left out and counted in the log.
    """
    try:
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise FileError(f"cannot read {folder / 'manifest.csv'} ({error.strerror}); unpack the set again") from error
    kept = 0
    for row in rows:
        song = _tune_of(folder / row["file"])
        if song is None:
            continue
        kept += 1
        work = f"{work_key(row['title'])} {row['composer']}"
        style = _STYLES.get(row["style"], "classical")
        yield Piece(
            song=replace(song, title=row["title"], style=style),
            dataset="mutopia",
            work=work,
            name=f"{row['title']} ({row['composer']})",
            licence=row["licence"],
            tier=_TIERS[row["file"].split("/", 1)[0]],
            styles=(style,),
            split=split_of(work),
        )
    _LOG.info("mutopia: %d of %d pieces have a melody of %d notes or more", kept, len(rows), _FEWEST_NOTES)


def read_gutenberg_cowboy(folder: Path) -> Iterator[Piece]:
    """The tunes of Lomax's "Cowboy Songs" (1910) in ``folder``/cowboy_midi, in the order of their names.

    Raises:
        FileError: if the folder is missing; a broken tune is left out and counted in the log.
    """
    place = folder / "cowboy_midi"
    if not place.is_dir():
        raise FileError(f"cannot read {place} (no such folder); unpack the set again")
    paths = sorted(place.glob("*.mid"))
    kept = 0
    for path in paths:
        song = _tune_of(path, grid_ticks=_SIXTEENTH)  # these are played, a few ticks off the grid
        if song is None:
            continue
        kept += 1
        title = _COWBOY_TITLES.get(path.stem, path.stem.capitalize())
        work = work_key(title)
        yield Piece(
            song=replace(song, title=title, style="country"),
            dataset="gutenberg_songs",
            work=work,
            name=f"{title} (Lomax 1910)",
            licence="Public Domain",
            tier="A",
            styles=("country", "folk"),
            split=split_of(work),
        )
    _LOG.info("gutenberg_songs: %d of %d tunes have a melody of %d notes or more", kept, len(paths), _FEWEST_NOTES)


_COWBOY_TITLES = {
    "cowboy": "The Cowboy",
    "daysof49": "The Days of Forty-Nine",
    "drearyblackhills": "The Dreary Black Hills",
    "drearylife": "A Cowboy's Dreary Life",
    "dyingcowboy": "The Dying Cowboy",
    "dyingranger": "The Dying Ranger",
    "fullerandwarren": "Fuller and Warren",
    "homeontherange": "A Home on the Range",
    "jackodiamonds": "Jack o' Diamonds",
    "jessejames": "Jesse James",
    "littlejoe": "Little Joe, the Wrangler",
    "oldchisholmtrail": "The Old Chisholm Trail",
    "prisonerforlife": "A Prisoner for Life",
    "rangeofthebuffalo": "The Range of the Buffalo",
    "roothogordie": "Root Hog or Die",
    "sambass": "Sam Bass",
    "texascowboy": "The Texas Cowboy",
    "whoopee": "Whoopee Ti Yi Yo, Git Along Little Dogies",
}


def skyline(notes: Sequence[Note]) -> tuple[tuple[Note, ...], tuple[Note, ...]]:
    """The top line of ``notes``, one voice, and the notes left over.

    Of notes that begin together the highest is in the line; one that begins under a higher note that still sounds is
    not; a note of the line ends where the next begins. Grace notes (below 30 ticks) are dropped.
    """
    line: list[Note] = []
    rest: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.start_ticks, -n.pitch)):
        if note.length_ticks < _GRACE_TICKS:
            continue
        top = line[-1] if line else None
        is_under = top is not None and top.end_ticks - _GRACE_TICKS > note.start_ticks and top.pitch >= note.pitch
        if is_under or (top is not None and top.start_ticks == note.start_ticks):
            rest.append(note)
        else:
            line.append(note)
    cut = [
        replace(a, length_ticks=min(a.length_ticks, b.start_ticks - a.start_ticks)) for a, b in pairwise(line)
    ] + line[-1:]
    return tuple(cut), tuple(sorted(rest))


def _tune_of(path: Path, *, grid_ticks: int = 1) -> Song | None:
    """The song of a file with its melody found, on whole bars; None when it is broken or has no melody."""
    try:
        song = read_midi(path)
    except FileError as error:
        _LOG.warning("left out: %s", error)
        return None
    tune = with_melody(on_grid(song, grid_ticks))
    if tune is None:
        _LOG.debug("left out: %s has no melody of %d notes", path, _FEWEST_NOTES)
        return None
    try:
        tune = full_first_bar(tune)
        return replace(tune, meters=whole_bars(tune.meters, tune.end_ticks))
    except InputError as error:
        _LOG.warning("left out: %s (%s)", path, error)
        return None


def with_melody(song: Song) -> Song | None:
    """The song with its tune as first part, role "melody"; None when no part has a tune of 16 notes.

    A sung part is the tune; else the part whose skyline lies highest, among those that play in half of the bars.
    """
    found = []
    for part in song.parts:
        line, rest = skyline(part.notes) if part.role != "drums" else ((), ())
        if len(line) >= _FEWEST_NOTES:
            found.append(_Tune(part, line, rest))
    if not found:
        return None
    bar_ticks = song.meter.bar_ticks
    bars = max(1, song.end_ticks // bar_ticks)
    lasting = [t for t in found if len({n.start_ticks // bar_ticks for n in t.line}) >= _ENOUGH_COVER * bars]
    sung = [t for t in lasting if t.part.syllables or "voice" in t.part.name.lower()]
    best = max(sung or lasting or found, key=lambda tune: tune.height)
    melody = replace(best.part, notes=best.line, role="melody", syllables=())
    others = [part for part in song.parts if part is not best.part]
    if best.rest:
        others.insert(0, replace(best.part, notes=best.rest, role="other", name=f"{best.part.name} (rest)"))
    return replace(song, parts=(melody, *(replace(p, role=r, syllables=()) for p, r in _with_roles(others))))


def _with_roles(parts: Sequence[Part]) -> Iterator[tuple[Part, str]]:
    """The parts beside the melody, each with what it is: drums, comping, bass, a voice of a choir, or other."""
    lowest = min((_mean_pitch(part) for part in parts if part.role != "drums" and part.notes), default=0.0)
    is_choir = sum(part.role == "voice" for part in parts) >= _FEWEST_SINGERS
    for part in parts:
        onsets = Counter(note.start_ticks for note in part.notes)
        if part.role == "drums":
            yield part, "drums"
        elif sum(count > 1 for count in onsets.values()) > _COMPING_SHARE * len(onsets):
            yield part, "comping"
        elif part.role == "voice" or (is_choir and is_one_voice(part)):
            yield part, "voice"
        elif is_one_voice(part) and _mean_pitch(part) == lowest < _BASS_PITCH:
            yield part, "bass"
        else:
            yield part, "other"


def _mean_pitch(part: Part) -> float:
    return sum(note.pitch for note in part.notes) / max(1, len(part.notes))


@dataclass(frozen=True, slots=True)
class _Tune:
    part: Part
    line: tuple[Note, ...]
    rest: tuple[Note, ...]

    @property
    def height(self) -> float:
        """Mean pitch, weighed by length."""
        return sum(n.pitch * n.length_ticks for n in self.line) / sum(n.length_ticks for n in self.line)


def full_first_bar(song: Song) -> Song:
    """The song with its pickup as a full bar that begins with a rest.

    Some files give the pickup a short metre of its own; LilyPond gives it nothing, and it shows only in where the
    weight lies.
    """
    if len(song.meters) > 1:
        short, true = song.meters[:2]
        if short.bar_ticks < true.bar_ticks and true.start_ticks == short.bar_ticks:
            missing = true.bar_ticks - short.bar_ticks
            later = [replace(m, start_ticks=m.start_ticks + missing) for m in song.meters[2:]]
            meters = (replace(true, start_ticks=0), *later)
            return replace(moved_by(song, missing), meters=meters, pickup_ticks=short.bar_ticks)
    pickup, bar = hidden_pickup(song), song.meter.bar_ticks
    if not pickup:
        return song
    # a later metre was snapped to the wrong grid: back by the pickup, or on to the bar line where that was nearer
    back = bar if 2 * pickup < bar else 0
    meters = (song.meter, *(replace(m, start_ticks=m.start_ticks + back) for m in song.meters[1:]))
    return replace(moved_by(song, bar - pickup), meters=meters, pickup_ticks=pickup)


def hidden_pickup(song: Song) -> int:
    """Length in ticks of a pickup that the metre does not show, 0 for none.

    Long notes and full chords begin on downbeats. The place in the bar that has clearly the most of them (counted by
    length, under the first metre) is the downbeat. Half a bar is not told from none, since both are strong; a pickup
    is shorter than that, or up to two beats of three.
    """
    bar = song.meter.bar_ticks
    stop = song.meters[1].start_ticks if len(song.meters) > 1 else song.end_ticks
    weights: Counter[int] = Counter()
    for part in song.parts:
        if part.role == "drums":
            continue
        for note in part.notes:
            if note.start_ticks < stop:
                weights[note.start_ticks % bar] += min(note.length_ticks, bar)
    longest = 2 * bar // 3 if song.meter.numerator == _TRIPLE else (bar - 1) // 2
    onsets = {note.start_ticks for note in song.melody.notes}
    first = min(note.start_ticks for part in song.parts for note in part.notes)  # a pickup is heard
    candidates = [t for t in weights if first < t <= longest and 2 * t != bar and t % _SIXTEENTH == 0 and t in onsets]
    best = max(candidates, key=lambda tick: (weights[tick], -tick), default=0)
    return best if weights[best] > _CLEARLY * weights[0] else 0


def whole_bars(meters: Sequence[Meter], end_ticks: int) -> tuple[Meter, ...]:
    """The metres without bars that were split in two at a double bar line, and without a short last bar.

    5/8 and 1/8 between bars of 6/8 are one bar of 6/8; the last bar of a song with a pickup is short in print only.
    """
    stops = [m.start_ticks for m in meters[1:]] + [end_ticks]
    found, place = [meters[0]], 1
    while place < len(meters):
        base, filled, after = found[-1].bar_ticks, 0, place
        while after < len(meters) and filled < base:
            if stops[after] - meters[after].start_ticks > meters[after].bar_ticks:
                break  # lasts longer than one bar
            filled += meters[after].bar_ticks
            after += 1
        is_short_end = after == len(meters) and filled < base
        if filled == base or is_short_end:
            goes_on = after < len(meters) and str(meters[after]) == str(found[-1])
            place = after + goes_on
        else:
            found.append(meters[place])
            place += 1
    return tuple(found)


def on_grid(song: Song, grid_ticks: int) -> Song:
    """The song with starts and ends of notes on multiples of ``grid_ticks``; a note keeps one unit at least."""
    if grid_ticks == 1:
        return song

    def snap(ticks: int) -> int:
        return (2 * ticks + grid_ticks) // (2 * grid_ticks) * grid_ticks

    parts = []
    for part in song.parts:
        notes = {}
        for n in part.notes:
            start = snap(n.start_ticks)
            length = max(grid_ticks, snap(n.end_ticks) - start)
            notes[start, n.pitch] = replace(n, start_ticks=start, length_ticks=length)
        parts.append(replace(part, notes=tuple(notes.values())))
    return replace(song, parts=tuple(parts))


def moved_by(song: Song, ticks: int) -> Song:
    """Everything ``ticks`` later, on one metre for the caller to replace; what holds at tick 0 still does."""

    def at_start(event: Tempo | Key) -> int:
        return event.start_ticks + ticks if event.start_ticks else 0

    return replace(
        song,
        meters=(song.meter,),
        pickup_ticks=0,
        parts=tuple(
            replace(
                part,
                notes=tuple(replace(n, start_ticks=n.start_ticks + ticks) for n in part.notes),
                syllables=tuple(replace(s, start_ticks=s.start_ticks + ticks) for s in part.syllables),
            )
            for part in song.parts
        ),
        tempos=tuple(replace(t, start_ticks=at_start(t)) for t in song.tempos),
        keys=tuple(replace(k, start_ticks=at_start(k)) for k in song.keys),
        chords=tuple(replace(c, start_ticks=c.start_ticks + ticks) for c in song.chords),
        sections=tuple(replace(s, start_ticks=s.start_ticks + ticks) for s in song.sections),
    )
