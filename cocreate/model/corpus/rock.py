"""Reader for the Rock Corpus (RS200): melodies as scale degrees on a grid, harmony as Roman numerals by bar.

Conventions:
    ``|`` ends a bar, spaces cut the bar evenly into groups, a group's characters cut it evenly again: ``.`` no onset,
    ``_`` an empty group, 1..7 a degree of the major scale with ``b``, ``#``, ``n`` before it. A degree is the one
    nearest to the note before it; each ``^`` or ``v`` moves it an octave. ``[F]`` is the tonic, ``[OCT=4]`` the octave
    (from C) of the next note, ``[..b...b]`` flattens degrees until ``[0]``, ``R*4`` is four bars of rest, ``%`` a
    comment. Onsets only: a note lasts until the next, at most a bar.

Source:
    Temperley and de Clercq, Statistical Analysis of Harmony and Melody in Rock Music, J. New Music Research 42, 2013.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cocreate.errors import CocreateError, FileError, InputError
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.model.corpus.roman import read_roman
from cocreate.model.corpus.symbols import NO_CHORD, Reading, SymbolReader, hold_chords, tonic_mode
from cocreate.music.song import Key, Meter, Note, Part, Song
from cocreate.music.theory import parse_meter, parse_pitch_class

_LOG = logging.getLogger(__name__)
_BROKEN = (CocreateError, OSError, ValueError, TypeError, KeyError, IndexError)

_MAJOR_SCALE = (0, 2, 4, 5, 7, 9, 11)
_FINE_GRID = 20
_TRITONE = 6
_WIDEST_VOICE = 40  # more than three octaves: the octave marks of that file have drifted
_ANNOTATORS = ("dt", "tdc")  # for harmony we take the first that fits the melody's bars
_WORD = re.compile(r"\[[^\]]*\]|R(?:\*\d+)?|\||[^\s|\[]+")
_SLOT = re.compile(r"([\^v]*)([b#n]*)([1-7])|\.|_")


def read_rock_corpus_rs200(folder: Path) -> Iterator[Piece]:
    """The songs of RS200: sung melody, and chords where one annotator's bars agree with the melody's."""
    titles = json.loads((folder / "songs.json").read_text(encoding="utf-8"))
    names = json.loads((folder / "files.json").read_text(encoding="utf-8"))
    read = SymbolReader(read_roman)
    unaligned = 0
    for title, stem in names.items():
        listed = titles.get(title, {}).get("meter", "4/4")  # a list when it changes: the files then say where
        meter = str(listed if isinstance(listed, str) else listed[0])
        try:
            song = _song(folder, stem, title=title, meter=meter if "/" in meter else "4/4", read=read)
        except _BROKEN as error:
            _LOG.warning("rock_corpus_rs200: left out %s: %s", stem, error)
            continue
        unaligned += not song.chords
        work = work_key(title)
        yield Piece(song, "rock_corpus_rs200", work, title, "CC BY 4.0", "A*", ("rock",), split_of(work))
    if unaligned:
        _LOG.info("rock_corpus_rs200: %d songs without chords: their bars do not agree with the melody's", unaligned)
    read.report(_LOG, "rock_corpus_rs200")


def _song(folder: Path, stem: str, *, title: str, meter: str, read: SymbolReader) -> Song:
    files = sorted((folder / "rs200_melody").glob(f"{stem}_*.mel"))
    if not files:
        raise FileError(f"a Rock Corpus song must have a melody file, got none for {stem}")
    melody = read_melody(files[0].read_text(encoding="utf-8", errors="replace"), meter=meter)
    if not melody.notes:
        raise FileError(f"a Rock Corpus melody must have notes, got none in {files[0].name}")
    pitches = [note.pitch for note in melody.notes]
    if max(pitches) - min(pitches) > _WIDEST_VOICE:
        raise FileError(f"a sung melody must span at most {_WIDEST_VOICE} semitones, got {max(pitches) - min(pitches)}")
    chords: tuple[tuple[int, Reading], ...] = ()
    end = melody.end_ticks
    for annotator in _ANNOTATORS:
        path = folder / "rs200_harmony_exp" / f"{stem}_{annotator}.txt"
        if not path.exists():
            continue
        harmony = _read_harmony(path.read_text(encoding="utf-8", errors="replace"), meter=meter, read=read)
        if _agree(melody, harmony):
            chords, end = tuple(harmony.changes), max(end, harmony.end_ticks)
            break
    held = hold_chords(chords, end_ticks=end)
    keys: list[Key] = []
    for tick, tonic in melody.tonics:
        if keys and (keys[-1].tonic == tonic or keys[-1].start_ticks == tick):
            continue
        keys.append(Key(tick, tonic, tonic_mode(tonic, chords=held, notes=melody.notes)))
    return Song(
        parts=(Part(tuple(melody.notes), name="Voice", role="melody"),),
        meters=_meters(melody.bars),
        keys=tuple(keys),
        chords=held,
        title=title,
        style="rock",
    )


@dataclass(slots=True)
class _Line:
    """What one file says: its bars (metre each), and notes or chord changes on them."""

    bars: list[Meter] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    changes: list[tuple[int, Reading]] = field(default_factory=list)
    tonics: list[tuple[int, int]] = field(default_factory=list)  # tick, pitch class

    @property
    def end_ticks(self) -> int:
        return self.bars[-1].start_ticks + self.bars[-1].bar_ticks if self.bars else 0

    def add(self, bar: _BarText) -> int:
        """Append a written bar (or its bars of rest); the tick where it begins."""
        start = self.end_ticks
        for _ in range(bar.rests or 1):
            self.bars.append(Meter(self.end_ticks, bar.meter.numerator, bar.meter.denominator))
        return start


@dataclass(slots=True)
class _BarText:
    """One written bar: where it begins, its metre, how many such bars, and what is in it but bar commands."""

    meter: Meter
    rests: int | None
    items: list[str]

    @property
    def groups(self) -> int:
        return sum(not item.startswith("[") for item in self.items)


def read_melody(text: str, *, meter: str) -> _Line:
    """Notes, bars and tonics of a ``.mel`` file; ``meter`` holds until the file says another."""
    line, pitches = _Line(), _Pitches()
    onsets: list[tuple[int, int, int]] = []  # tick, pitch, length of its bar
    for bar in _bars(text, meter=meter):
        start = line.add(bar)
        place = 0
        for item in bar.items:
            if item.startswith("["):
                tonic = pitches.command(item[1:-1])
                if tonic is not None:
                    line.tonics.append((start, tonic))
                continue
            for share, pitch in pitches.group(item):
                offset = bar.meter.bar_ticks * (place + share) / bar.groups
                tick = start + round(offset / _FINE_GRID) * _FINE_GRID
                onsets.append((tick, pitch, bar.meter.bar_ticks))
            place += 1
    for index, (tick, pitch, longest) in enumerate(onsets):
        following = onsets[index + 1][0] if index + 1 < len(onsets) else tick + longest
        if following > tick:
            line.notes.append(Note(tick, pitch, min(longest, following - tick)))
    return line


class _Pitches:
    """Turns degrees into MIDI numbers, one after the other."""

    def __init__(self) -> None:
        self.tonic = 0
        self.flats = [0] * 7
        self.octave: int | None = 4
        self.last = 60

    def command(self, text: str) -> int | None:
        """Obey what stands in brackets; the tonic's pitch class when that is what it says."""
        if text.startswith("OCT="):
            self.octave = int(text[4:])
        elif text == "0":
            self.flats = [0] * 7
        elif re.fullmatch(r"[.b#]{7}", text):
            self.flats = [{"b": -1, "#": 1, ".": 0}[sign] for sign in text]
        elif re.fullmatch(r"[A-G][b#]?", text):
            self.tonic = parse_pitch_class(text)
            return self.tonic
        return None

    def group(self, text: str) -> Iterator[tuple[float, int]]:
        """The onsets of a group: its share of the group's time that has passed, and the MIDI number."""
        slots = list(_SLOT.finditer(text))
        for index, slot in enumerate(slots):
            if slot[3]:
                yield index / len(slots), self.next(slot[1], slot[2], int(slot[3]))

    def next(self, marks: str, signs: str, degree: int) -> int:
        """MIDI number of a degree with its octave marks and accidentals."""
        bend = signs.count("#") - signs.count("b") if signs else self.flats[degree - 1]
        pc = (self.tonic + _MAJOR_SCALE[degree - 1] + bend) % 12
        if self.octave is not None:
            pitch = 12 * (self.octave + 1) + pc
            self.octave = None
        else:
            up = (pc - self.last) % 12
            pitch = self.last + (up if up <= _TRITONE else up - 12)
        pitch += 12 * (marks.count("^") - marks.count("v"))
        if not 0 <= pitch <= 127:  # noqa: PLR2004 - MIDI's range
            raise InputError(f"a melody note must lie in 0..127, got {pitch}")
        self.last = pitch
        return pitch


def _read_harmony(text: str, *, meter: str, read: SymbolReader) -> _Line:
    """Chord changes and bars of an expanded harmony file; an empty bar holds the chord before."""
    line, tonic = _Line(), 0
    for bar in _bars(text, meter=meter):
        start = line.add(bar)
        if bar.rests is not None:
            line.changes.append((start, NO_CHORD))
        place = 0
        for item in bar.items:
            if item.startswith("["):
                if re.fullmatch(r"[A-G][b#]?", item[1:-1]):
                    tonic = parse_pitch_class(item[1:-1])
                continue
            if item != ".":
                tick = start + bar.meter.bar_ticks * place // bar.groups
                line.changes.append((tick, _moved(read(item), tonic)))
            place += 1
    return line


def _moved(reading: Reading, semitones: int) -> Reading:
    root, quality, bass = reading
    if root is None:
        return reading
    return (root + semitones) % 12, quality, None if bass is None else (bass + semitones) % 12


def _bars(text: str, *, meter: str) -> Iterator[_BarText]:
    """Each written bar; comments are left out, and what follows the last bar line counts only if it sounds."""
    bare = "\n".join(line.split("%", 1)[0] for line in text.splitlines() if not line.startswith("Warning"))
    bar = _BarText(parse_meter(meter), None, [])
    for word in [*_WORD.findall(bare), ""]:
        if word == "|" or (word == "" and (bar.groups or bar.rests)):
            yield bar
            bar = _BarText(bar.meter, None, [])
        elif re.fullmatch(r"\[\d+/\d+\]", word):
            bar.meter = parse_meter(word[1:-1])
        elif re.fullmatch(r"R(?:\*\d+)?", word):
            bar.rests = int(word[2:] or 1)
        elif word:
            bar.items.append(word)


def _agree(melody: _Line, harmony: _Line) -> bool:
    """Whether both have the same metre in every bar that both have, and the harmony reaches the last note."""
    pairs = zip(melody.bars, harmony.bars, strict=False)
    return harmony.end_ticks > melody.notes[-1].start_ticks and all(a == b for a, b in pairs)


def _meters(bars: Sequence[Meter]) -> tuple[Meter, ...]:
    kept: list[Meter] = []
    for bar in bars:
        if not kept or (kept[-1].numerator, kept[-1].denominator) != (bar.numerator, bar.denominator):
            kept.append(bar)
    return tuple(kept)
