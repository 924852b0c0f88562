"""Songs to MusicXML 4.0, one voice a part.

Conventions:
    ``divisions`` is 480, so a tick is a division. Overlapping notes are tied chords. Tempo, key and section changes
    stand at bar lines; a chord symbol stands where it begins. Syllables go on the notes that begin with them. Flags
    within a beat are beamed.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from cocreate.files.engraving import Slice, Span, change_at, chord_marks, slices_of, spans_of
from cocreate.files.repeats import folded
from cocreate.music import theory
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Key, Part, Song

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 '
    'Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_TYPES = {1920: "whole", 960: "half", 480: "quarter", 240: "eighth", 120: "16th", 60: "32nd", 30: "64th"}
# ticks -> type, dots, is it of a triplet
_LENGTHS = dict(
    sorted(
        [(t * (2 * 2**dots - 1) // 2**dots, (name, dots, False)) for t, name in _TYPES.items() for dots in (0, 1)]
        + [(t * 2 // 3, (name, 0, True)) for t, name in _TYPES.items()],
        reverse=True,
    )
)
_KINDS = {
    "maj": "major", "m": "minor", "dim": "diminished", "aug": "augmented", "sus2": "suspended-second",
    "sus4": "suspended-fourth", "5": "power", "6": "major-sixth", "m6": "minor-sixth", "7": "dominant",
    "maj7": "major-seventh", "m7": "minor-seventh", "mMaj7": "major-minor", "m7b5": "half-diminished",
    "dim7": "diminished-seventh", "7#5": "augmented-seventh", "9": "dominant-ninth", "maj9": "major-ninth",
    "m9": "minor-ninth", "11": "dominant-11th", "m11": "minor-11th", "13": "dominant-13th", "maj13": "major-13th",
    "m13": "minor-13th",
}  # fmt: skip
_SIGNS = {1: "sharp", 0: "natural", -1: "flat"}
_SHARPS = "FCGDAEB"  # in the order of the signature; flats come from the end
_EVERY_OCTAVE = -99
_DRUM_CHANNEL = 10
_FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}
_ILLEGAL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")


def musicxml_bytes(song: Song, *, repeats: bool = False) -> bytes:
    """The song as a score-partwise document; with ``repeats`` a section that comes twice is written once."""
    song, twice = folded(song) if repeats else (song, ())
    root = ET.Element("score-partwise", version="4.0")
    if song.title:
        _text(_sub(root, "work"), "work-title", legal(song.title))
    encoding = _sub(_sub(root, "identification"), "encoding")
    _text(encoding, "software", "cocreate")
    part_list = _sub(root, "part-list")
    spans = spans_of(song)
    for index, part in enumerate(song.parts, start=1):
        _declare(part_list, part, index)
        element = _sub(root, "part", id=f"P{index}")
        _PartWriter(song, part, spans, twice, leads=index == 1).write(element)
    ET.indent(root)
    return (_HEAD + ET.tostring(root, encoding="unicode") + "\n").encode("utf-8")


def _declare(part_list: ET.Element, part: Part, index: int) -> None:
    score_part = _sub(part_list, "score-part", id=f"P{index}")
    _text(score_part, "part-name", legal(part.name))
    _text(_sub(score_part, "score-instrument", id=f"P{index}-I1"), "instrument-name", legal(part.name))
    midi = _sub(score_part, "midi-instrument", id=f"P{index}-I1")
    channel = (index - 1) % 15 + 1
    _text(midi, "midi-channel", _DRUM_CHANNEL if part.role == "drums" else channel + (channel >= _DRUM_CHANNEL))
    _text(midi, "midi-program", part.program + 1)


class _PartWriter:
    def __init__(
        self, song: Song, part: Part, spans: tuple[Span, ...], twice: tuple[tuple[int, int], ...], *, leads: bool
    ) -> None:
        self.song, self.part, self.spans, self.leads = song, part, spans, leads
        self.opens, self.closes = {first for first, _ in twice}, {stop - 1 for _, stop in twice}
        self.key = song.key
        self.altered: dict[tuple[str, int], int] = {}  # (step, octave) -> what holds for it in this bar
        self.chords: tuple[Chord, ...] = chord_marks(song) if leads else ()

    def write(self, element: ET.Element) -> None:
        bars = slices_of(self.part, self.spans)
        late = 0 if self.spans[0].is_pickup else 1
        for span, pieces in zip(self.spans, bars, strict=True):
            measure = _sub(element, "measure", number=str(span.bar.index + late))
            if span.is_pickup:
                measure.set("implicit", "yes")
            if span.bar.index in self.opens:
                _repeat(measure, "left", "heavy-light", "forward")
            self._attributes(measure, span)
            self._directions(measure, span)
            self._harmonies(measure, span)
            self.altered = _signature(self.key)
            atoms = [atom for piece in pieces for atom in _atoms(piece)]
            for atom, beams in zip(atoms, _beams(atoms, span), strict=True):
                self._atom(measure, atom, beams)
            if span.bar.index in self.closes:
                _repeat(measure, "right", "light-heavy", "backward")
        if span.bar.index not in self.closes:
            _text(_sub(measure, "barline", location="right"), "bar-style", "light-heavy")

    def _attributes(self, measure: ET.Element, span: Span) -> None:
        first = span.bar.index == 0
        key, meter = change_at(self.song.keys, span), change_at(self.song.meters, span)
        if not (first or key or meter):
            return
        attributes = _sub(measure, "attributes")
        if first:
            _text(attributes, "divisions", TICKS_PER_QUARTER)
        if key:
            self.key = key
            element = _sub(attributes, "key")
            _text(element, "fifths", theory.fifths(key))
            _text(element, "mode", key.mode)
        if meter:
            element = _sub(attributes, "time")
            _text(element, "beats", meter.numerator)
            _text(element, "beat-type", meter.denominator)
        if first:
            clef = _sub(attributes, "clef")
            pitches = [note.pitch for note in self.part.notes] or [72]
            low = sum(pitches) / len(pitches) < 57  # noqa: PLR2004 - A3, where ledger lines begin
            _text(clef, "sign", "percussion" if self.part.role == "drums" else "F" if low else "G")
            if self.part.role != "drums":
                _text(clef, "line", 4 if low else 2)

    def _directions(self, measure: ET.Element, span: Span) -> None:
        if not self.leads:
            return
        if section := change_at(self.song.sections, span):
            direction = _sub(measure, "direction", placement="above")
            _text(_sub(direction, "direction-type"), "rehearsal", legal(section.label))
        if tempo := change_at(self.song.tempos, span):
            direction = _sub(measure, "direction", placement="above")
            metronome = _sub(_sub(direction, "direction-type"), "metronome")
            _text(metronome, "beat-unit", "quarter")
            _text(metronome, "per-minute", f"{tempo.bpm:g}")
            _sub(direction, "sound", tempo=f"{tempo.bpm:.6g}")

    def _harmonies(self, measure: ET.Element, span: Span) -> None:
        for chord in self.chords:
            if not span.start_ticks <= chord.start_ticks < span.end_ticks:
                continue
            harmony = _sub(measure, "harmony")
            if chord.root is None:
                _pitch_class(harmony, "root", 0, self.key)
                _text(harmony, "kind", "none").set("text", "N.C.")
            else:
                _pitch_class(harmony, "root", chord.root, self.key)
                shown = "" if chord.quality == "maj" else chord.quality
                _text(harmony, "kind", _KINDS.get(chord.quality, "other")).set("text", shown)
                if chord.bass is not None:
                    _pitch_class(harmony, "bass", chord.bass, self.key)
            if chord.start_ticks > span.start_ticks:
                _text(harmony, "offset", chord.start_ticks - span.start_ticks)

    def _atom(self, measure: ET.Element, atom: _Atom, beams: tuple[str, ...]) -> None:
        piece = atom.piece
        for index, pitch in enumerate(piece.pitches or (None,)):
            note = _sub(measure, "note")
            if index:
                _sub(note, "chord")
            _sounding(note, pitch, self.key)
            _text(note, "duration", atom.length_ticks)
            stops = pitch is not None and (not atom.is_first or pitch in piece.held)
            starts = pitch is not None and (not atom.is_last or pitch in piece.tied)
            _ties(note, "tie", stops=stops, starts=starts)
            _text(note, "voice", 1)
            sign = None if pitch is None or stops else self._accidental(pitch)
            _looks(note, atom.length_ticks, accidental=sign)
            for number, beam in enumerate(beams if index == 0 else (), start=1):
                _text(note, "beam", beam).set("number", str(number))
            if stops or starts:
                _ties(_sub(note, "notations"), "tied", stops=stops, starts=starts)
            if atom.is_first and index == 0 and pitch is not None:
                _lyrics(note, piece)

    def _accidental(self, pitch: int) -> str | None:
        """The sign that a pitch needs where it stands; it holds to the end of the bar."""
        if self.part.role == "drums":
            return None
        name = theory.pitch_class_name(pitch % 12, key=self.key)
        alter = {"#": 1, "b": -1}.get(name[1:], 0)
        place = name[0], pitch // 12 - 1
        if self.altered.get(place, self.altered.get((name[0], _EVERY_OCTAVE), 0)) == alter:
            return None
        self.altered[place] = alter
        return _SIGNS[alter]


@dataclass(frozen=True, slots=True)
class _Atom:
    """One written note, chord or rest: a slice, or a part of it that one note value can say."""

    piece: Slice
    start_ticks: int
    length_ticks: int
    is_first: bool
    is_last: bool

    @property
    def flags(self) -> int:
        """How many flags or beams it has; 0 for rests and for quarters and longer."""
        if not self.piece.pitches or self.length_ticks not in _LENGTHS:
            return 0
        return _FLAGS.get(_LENGTHS[self.length_ticks][0], 0)


def _atoms(piece: Slice) -> Iterator[_Atom]:
    lengths = list(_written(piece.length_ticks))
    at = piece.start_ticks
    for place, length in enumerate(lengths):
        yield _Atom(piece, at, length, is_first=place == 0, is_last=place + 1 == len(lengths))
        at += length


def _beams(atoms: list[_Atom], span: Span) -> list[tuple[str, ...]]:
    """The beams of each atom, level by level: neighbours with flags in one beat hang together."""
    found: list[tuple[str, ...]] = [()] * len(atoms)
    groups: list[list[int]] = []
    last_beat = -1
    for place, atom in enumerate(atoms):
        beat = (atom.start_ticks - span.bar.start_ticks) // span.bar.meter.beat_ticks
        if not atom.flags:
            last_beat = -1
        elif beat == last_beat:
            groups[-1].append(place)
        else:
            groups.append([place])
            last_beat = beat
    for group in groups:
        if len(group) > 1:
            flags = [atoms[place].flags for place in group]
            for at, place in enumerate(group):
                found[place] = tuple(_beam(flags, at, level) for level in range(1, flags[at] + 1))
    return found


def _beam(flags: list[int], at: int, level: int) -> str:
    before, after = at > 0 and flags[at - 1] >= level, at + 1 < len(flags) and flags[at + 1] >= level
    if before and after:
        return "continue"
    if before or after:
        return "end" if before else "begin"
    return "backward hook" if at else "forward hook"


def _written(ticks: int) -> Iterator[int]:
    """Lengths that a note value has, the longest first; what is left over comes last."""
    left = ticks
    while left and left not in _LENGTHS:
        fits = next((length for length in _LENGTHS if length < left and not _LENGTHS[length][2]), None)
        if fits is None:
            break
        yield fits
        left -= fits
    if left:
        yield left


def _sounding(note: ET.Element, pitch: int | None, key: Key | None) -> None:
    if pitch is None:
        _sub(note, "rest")
        return
    name = theory.pitch_class_name(pitch % 12, key=key)
    element = _sub(note, "pitch")
    _text(element, "step", name[0])
    if len(name) > 1:
        _text(element, "alter", 1 if name[1] == "#" else -1)
    _text(element, "octave", pitch // 12 - 1)


def _ties(parent: ET.Element, tag: str, *, stops: bool, starts: bool) -> None:
    if stops:
        _sub(parent, tag, type="stop")
    if starts:
        _sub(parent, tag, type="start")


def _signature(key: Key | None) -> dict[tuple[str, int], int]:
    """What the signature says of each step that it alters."""
    fifths = 0 if key is None else theory.fifths(key)
    steps = _SHARPS[:fifths] if fifths >= 0 else _SHARPS[::-1][:-fifths]
    return {(step, _EVERY_OCTAVE): 1 if fifths > 0 else -1 for step in steps}


def _looks(note: ET.Element, length: int, *, accidental: str | None = None) -> None:
    name, dots, triplet = _LENGTHS.get(length, ("", 0, False))
    if name:
        _text(note, "type", name)
    for _ in range(dots):
        _sub(note, "dot")
    if accidental:
        _text(note, "accidental", accidental)
    if triplet:
        change = _sub(note, "time-modification")
        _text(change, "actual-notes", 3)
        _text(change, "normal-notes", 2)


def _repeat(measure: ET.Element, location: str, style: str, direction: str) -> None:
    barline = _sub(measure, "barline", location=location)
    _text(barline, "bar-style", style)
    _sub(barline, "repeat", direction=direction)


def _lyrics(note: ET.Element, piece: Slice) -> None:
    for syllable, goes_on in piece.syllables:
        lyric = _sub(note, "lyric", number=str(syllable.verse))
        kinds = {(False, False): "single", (False, True): "begin", (True, True): "middle", (True, False): "end"}
        _text(lyric, "syllabic", kinds[goes_on, syllable.joins_next])
        _text(lyric, "text", legal(syllable.text))


def _pitch_class(harmony: ET.Element, tag: str, pc: int, key: Key | None) -> None:
    name = theory.pitch_class_name(pc, key=key)
    element = _sub(harmony, tag)
    _text(element, f"{tag}-step", name[0])
    if len(name) > 1:
        _text(element, f"{tag}-alter", 1 if name[1] == "#" else -1)


def legal(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return _ILLEGAL.sub("", text)


def _sub(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def _text(parent: ET.Element, tag: str, value: str | int) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = str(value)
    return element
