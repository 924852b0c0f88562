"""Songs to MusicXML 4.0, one voice a staff.

Conventions:
    ``divisions`` is 480, so a tick is a division. Overlapping notes are tied chords. Tempo, key and section changes
    stand at bar lines; a chord symbol stands where it begins. Syllables go on the notes that begin with them. A
    keyboard part that needs both clefs has two staves, cut at middle C. Drums are unpitched strokes on a percussion
    staff without a signature; ``release`` says how much longer or shorter than written one sounds. ``dynamics`` is the
    velocity where it is not the usual one.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from cocreate.files.drumset import mark_of
from cocreate.files.engraving import Slice, Span, change_at, chord_marks, merged, slices_of, spans_of, strokes_of
from cocreate.files.musicxml import FORTE
from cocreate.files.note_values import LENGTHS, Atom, atoms_of
from cocreate.files.repeats import folded
from cocreate.music import theory
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Key, Note, Part, Song

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 '
    'Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">\n'
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
_USUAL = Note(0, 0, 1).velocity
_MIDDLE_C = 60
_KEYBOARDS = (*range(8), *range(16, 24), 46)  # General MIDI: pianos, organs, harp
_CLEFS = ((44, "F", 4, -1), (57, "F", 4, 0), (86, "G", 2, 0), (128, "G", 2, 1))  # mean pitch below, sign, line, octave
_ONE_CLEF_LOW, _ONE_CLEF_HIGH = 55, 64  # two ledger lines below the treble staff, and above the bass staff
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
    grouped = len(song.parts) > 1 and all(len(_staves(part)) == 1 for part in song.parts)
    if grouped:
        group = _sub(part_list, "part-group", type="start", number="1")
        _text(group, "group-symbol", "bracket")
        _text(group, "group-barline", "no" if any(part.syllables for part in song.parts[1:]) else "yes")
    for index, part in enumerate(song.parts, start=1):
        _declare(part_list, part, index)
    if grouped:
        _sub(part_list, "part-group", type="stop", number="1")
    for index, part in enumerate(song.parts, start=1):
        element = _sub(root, "part", id=f"P{index}")
        _PartWriter(song, part, spans, twice, number=index).write(element)
    ET.indent(root)
    return (_HEAD + ET.tostring(root, encoding="unicode") + "\n").encode("utf-8")


def _declare(part_list: ET.Element, part: Part, index: int) -> None:
    score_part = _sub(part_list, "score-part", id=f"P{index}")
    _text(score_part, "part-name", legal(part.name))
    channel = (index - 1) % 15 + 1
    channel += channel >= _DRUM_CHANNEL
    sounds: dict[str, tuple[str, int]] = {f"P{index}-I1": (part.name, 0)}
    if part.role == "drums":
        channel = _DRUM_CHANNEL
        pitches = sorted({note.pitch for note in part.notes})
        sounds = {_drum_id(index, pitch): (mark_of(pitch).name, pitch + 1) for pitch in pitches} or sounds
    for name, (label, _) in sounds.items():
        _text(_sub(score_part, "score-instrument", id=name), "instrument-name", legal(label))
    for name, (_, unpitched) in sounds.items():
        midi = _sub(score_part, "midi-instrument", id=name)
        _text(midi, "midi-channel", channel)
        _text(midi, "midi-program", part.program + 1)
        if unpitched:
            _text(midi, "midi-unpitched", unpitched)


def _drum_id(index: int, pitch: int) -> str:
    return f"P{index}-I{pitch + 1}"


def _staves(part: Part) -> tuple[Part, ...]:
    """The part as one staff, or the upper and the lower of two."""
    pitches = [note.pitch for note in part.notes]
    if (
        part.role == "drums" or part.program not in _KEYBOARDS or part.syllables or part.is_monophonic
        or min(pitches) >= _ONE_CLEF_LOW or max(pitches) <= _ONE_CLEF_HIGH
    ):  # fmt: skip
        return (part,)
    upper = tuple(note for note in part.notes if note.pitch >= _MIDDLE_C)
    lower = tuple(note for note in part.notes if note.pitch < _MIDDLE_C)
    return replace(part, notes=upper), replace(part, notes=lower)


class _PartWriter:
    def __init__(
        self, song: Song, part: Part, spans: tuple[Span, ...], twice: tuple[tuple[int, int], ...], *, number: int
    ) -> None:
        self.song, self.part, self.spans, self.number = song, part, spans, number
        self.leads, self.is_drums = number == 1, part.role == "drums"
        self.opens, self.closes = {first for first, _ in twice}, {stop - 1 for _, stop in twice}
        self.key = song.key
        self.altered: dict[tuple[str, int], int] = {}  # (step, octave) -> what holds for it in this bar
        self.chords: tuple[Chord, ...] = chord_marks(song) if self.leads else ()
        self.staves = _staves(part)
        self.loud = {(note.start_ticks, note.pitch): note.velocity for note in part.notes if note.velocity != _USUAL}
        self.ends = {(start, pitch): end for pitch, times in merged(part).items() for start, end in times}

    def write(self, element: ET.Element) -> None:
        sung = frozenset(syllable.start_ticks for syllable in self.part.syllables)  # a tied note may sing on
        staves = [
            strokes_of(staff, self.spans) if self.is_drums else slices_of(staff, self.spans, cuts=sung)
            for staff in self.staves
        ]
        late = 0 if self.spans[0].is_pickup else 1
        for place, span in enumerate(self.spans):
            measure = _sub(element, "measure", number=str(span.bar.index + late))
            if span.is_pickup:
                measure.set("implicit", "yes")
            if span.bar.index in self.opens:
                _repeat(measure, "left", "heavy-light", "forward")
            self._attributes(measure, span)
            self._directions(measure, span)
            self._harmonies(measure, span)
            for staff, bars in enumerate(staves, start=1):
                if staff > 1:
                    _text(_sub(measure, "backup"), "duration", span.end_ticks - span.start_ticks)
                self.altered = _signature(self.key)
                for atom in atoms_of(bars[place], span):
                    self._atom(measure, atom, staff if len(staves) > 1 else 0)
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
        is_alone = self.is_drums and all(part.role == "drums" for part in self.song.parts)
        if (
            self.is_drums and not (is_alone and key) and (first or key)
        ):  # said at each change, since some programs give all parts the new one
            _text(_sub(attributes, "key"), "fifths", 0)
        elif key:
            self.key = key
            element = _sub(attributes, "key", **({"print-object": "no"} if is_alone else {}))
            _text(element, "fifths", theory.fifths(key))
            _text(element, "mode", key.mode)
        if meter:
            element = _sub(attributes, "time")
            _text(element, "beats", meter.numerator)
            _text(element, "beat-type", meter.denominator)
        if first:
            self._clefs(attributes)

    def _clefs(self, attributes: ET.Element) -> None:
        if self.is_drums:
            _text(_sub(attributes, "clef"), "sign", "percussion")
            return
        if len(self.staves) > 1:
            _text(attributes, "staves", len(self.staves))
        for number, staff in enumerate(self.staves, start=1):
            clef = _sub(attributes, "clef")
            pitches = [note.pitch for note in staff.notes] or [72]
            mean = sum(pitches) / len(pitches)
            _, sign, line, octave = next(row for row in _CLEFS if mean < row[0])
            if len(self.staves) > 1:
                clef.set("number", str(number))
                sign, line, octave = ("G", 2, 0) if number == 1 else ("F", 4, 0)
            _text(clef, "sign", sign)
            _text(clef, "line", line)
            if octave:
                _text(clef, "clef-octave-change", octave)

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

    def _atom(self, measure: ET.Element, atom: Atom, staff: int) -> None:
        # what is left of a stroke of odd length is a rest
        pitches = () if self.is_drums and not atom.is_first else atom.piece.pitches
        if not pitches:
            note = _sub(measure, "note")
            _sub(note, "rest", **({"measure": "yes"} if atom.is_whole_bar else {}))
            _text(note, "duration", atom.length_ticks)
            _text(note, "voice", staff or 1)
            if not atom.is_whole_bar:
                _looks(note, atom.length_ticks)
            if staff:
                _text(note, "staff", staff)
            _notations(note, atom, stops=False, starts=False, is_lowest=True)
        for pitch in pitches:
            self._note(measure, atom, pitch, staff)

    def _note(self, measure: ET.Element, atom: Atom, pitch: int, staff: int) -> None:
        piece, is_lowest = atom.piece, pitch == atom.piece.pitches[0]
        stops = not atom.is_first or pitch in piece.held
        starts = not self.is_drums and (not atom.is_last or pitch in piece.tied)
        note = _sub(measure, "note")
        if not stops and (loud := self.loud.get((atom.start_ticks, pitch))):
            note.set("dynamics", f"{100 * loud / FORTE:.2f}")
        if not is_lowest:
            _sub(note, "chord")
        if self.is_drums:
            self._stroke(note, pitch, atom)
        else:
            _pitched(note, pitch, self.key)
        _text(note, "duration", atom.length_ticks)
        _ties(note, "tie", stops=stops, starts=starts)
        if self.is_drums:
            _sub(note, "instrument", id=_drum_id(self.number, pitch))
        _text(note, "voice", staff or 1)
        _looks(note, atom.length_ticks, accidental=None if stops else self._accidental(pitch))
        if self.is_drums:
            _text(note, "stem", "up")
            _text(note, "notehead", mark_of(pitch).head)
        if staff:
            _text(note, "staff", staff)
        for number, beam in enumerate(atom.beams if is_lowest else (), start=1):
            _text(note, "beam", beam).set("number", str(number))
        _notations(note, atom, stops=stops, starts=starts, is_lowest=is_lowest)
        if atom.is_first and is_lowest:
            _lyrics(note, piece)

    def _stroke(self, note: ET.Element, pitch: int, atom: Atom) -> None:
        mark = mark_of(pitch)
        element = _sub(note, "unpitched")
        _text(element, "display-step", mark.step)
        _text(element, "display-octave", mark.octave)
        written_end = atom.start_ticks + atom.length_ticks
        if (end := self.ends[atom.start_ticks, pitch]) != written_end:
            note.set("release", str(end - written_end))

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


def _pitched(note: ET.Element, pitch: int, key: Key | None) -> None:
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


def _notations(note: ET.Element, atom: Atom, *, stops: bool, starts: bool, is_lowest: bool) -> None:
    opens, ends = is_lowest and atom.tuplet, is_lowest and atom.ends_tuplet
    if not (stops or starts or opens or ends):
        return
    notations = _sub(note, "notations")
    _ties(notations, "tied", stops=stops, starts=starts)
    if opens:
        _sub(notations, "tuplet", type="start", bracket="no" if atom.is_beamed_tuplet else "yes")
    if ends:
        _sub(notations, "tuplet", type="stop")


def _signature(key: Key | None) -> dict[tuple[str, int], int]:
    """What the signature says of each step that it alters."""
    fifths = 0 if key is None else theory.fifths(key)
    steps = _SHARPS[:fifths] if fifths >= 0 else _SHARPS[::-1][:-fifths]
    return {(step, _EVERY_OCTAVE): 1 if fifths > 0 else -1 for step in steps}


def _looks(note: ET.Element, length: int, *, accidental: str | None = None) -> None:
    name, dots, triplet = LENGTHS.get(length, ("", 0, False))
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
