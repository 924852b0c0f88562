"""MusicXML to songs: a lean reader of score-partwise files, plain (.xml, .musicxml) or packed (.mxl).

Conventions:
    Reads notes, strokes of drums, ties, chord symbols, words, keys, metres, tempos, rehearsal marks, repeats and the
    pickup; grace and cue notes are left out. A stroke is the MIDI note that its instrument names, else the one that
    stands on its line. It is made for reading thousands of scores: one part of a score may be read without
    building the others. The standard library only.
"""

from __future__ import annotations

import lzma
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.bars import FINE, Event, Measure
from cocreate.files.drumset import sound_of
from cocreate.files.layout import Voice, song_of
from cocreate.music import theory
from cocreate.music.song import TICKS_PER_QUARTER, Key, Meter, Song

MAX_UNPACKED_BYTES = 64_000_000  # a packed score that claims more is a bomb or no score
MAX_ELEMENTS = 2_000_000  # what fits into 1 GB; a symphony has half a million
MAX_NOTES = 150_000
MAX_MEASURES = 200_000  # of all parts
MAX_PARTS = 500
MAX_CHORD_SYMBOLS = 50_000
MAX_CONTAINER_BYTES = 1_000_000
_KINDS = {
    "major": "maj", "minor": "m", "augmented": "aug", "diminished": "dim", "dominant": "7", "major-seventh": "maj7",
    "minor-seventh": "m7", "diminished-seventh": "dim7", "augmented-seventh": "7#5", "half-diminished": "m7b5",
    "major-minor": "mMaj7", "major-sixth": "6", "minor-sixth": "m6", "dominant-ninth": "9", "major-ninth": "maj9",
    "minor-ninth": "m9", "dominant-11th": "11", "major-11th": "maj9", "minor-11th": "m11", "dominant-13th": "13",
    "major-13th": "maj13", "minor-13th": "m13", "suspended-second": "sus2", "suspended-fourth": "sus4", "power": "5",
    "Neapolitan": "maj", "Italian": "7", "French": "7b5", "German": "7", "pedal": "maj", "maj69": "69",
}  # fmt: skip
_MODES = {"ionian": "major", "aeolian": "minor"}
_ALTERS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
FORTE = 90  # the velocity of which MusicXML's dynamics are percent
_DRUM_CHANNEL = "10"  # General MIDI
_VERSE_NUMBER = re.compile(r"^\s*\d+\s*[.)]\s*")  # "1. When"
_LIGHT_DOUBLE = ("light-light", "light-heavy", "heavy-light", "heavy-heavy")


# what broken XML and broken, locked or oddly packed archives raise
_BROKEN = (
    ET.ParseError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError, LookupError,
)  # fmt: skip


def load_score(path: Path, *, keep: str = "all") -> ET.Element:
    """The root element of a MusicXML file.

    Args:
        path: a plain or packed score.
        keep: "all" parts, the "first", or the one with most syllables ("sung"; the first when nobody sings). The
            others are cut out before the file is parsed, which makes reading one part of a quartet four times as fast.

    Raises:
        FileError: if it cannot be opened, is not MusicXML, or declares entities (which no score needs).
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"PK":
            data = _unpacked(path)
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            data = re.sub(rb"encoding=.[\w-]+.", b'encoding="utf-8"', data.decode("utf-16").encode("utf-8"), count=1)
        _check_size(path, data)
        if b"<!ENTITY" in data:
            raise FileError(f"{path.name} declares XML entities, which a score does not need; export it again")
        if keep != "all":
            data = _pruned(data, keep)
        root = ET.fromstring(data)  # noqa: S314 - without entities there is nothing to blow up
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}; check the path") from error
    except _BROKEN as error:
        raise FileError(f"{path.name} is not a readable MusicXML file: {error}; export it again") from error
    if root.tag != "score-partwise":
        raise FileError(f"{path.name} must be a score-partwise MusicXML file, got <{root.tag}>; export it again")
    return root


def is_sung(root: ET.Element) -> bool:
    """Whether any note has words."""
    return next(root.iter("lyric"), None) is not None


def score_song(
    root: ET.Element,
    *,
    lead: str = "",
    top_only: bool = False,
    expand: bool = False,
    rests: bool = True,
    trust_modes: bool = True,
) -> tuple[Song, int, int]:
    """The song of a score, its number of bars, and how many of them do not fit their metre.

    Args:
        root: from ``load_score``.
        lead: the "first" part or the "sung" one (as in ``load_score``) comes first and decides alone on bars, keys,
            tempos and silence, as if it stood by itself; the others go along. "" lets all parts decide together.
        top_only: one line a part: the voice of its first note; with ``lead`` that is the lead's line alone.
        expand: play repeats; else each section comes once with its last ending.
        rests: False leaves out silence at both ends and shortens any longer than two bars to one.
        trust_modes: False for sets whose encoders left every key at "major": the notes decide on the relative minor.

    Raises:
        FileError: if there is no note, or a number is none.
    """
    names, programs = _part_names(root)
    sounds = _drum_sounds(root)
    drums = {
        part.get("id", "")
        for part in root.findall("part-list/score-part")
        if part.findtext("midi-instrument/midi-channel") == _DRUM_CHANNEL
    }
    parts = root.findall("part")
    if lead and parts:
        first = max(parts, key=_syllable_count) if lead == "sung" else parts[0]
        parts = [first, *(part for part in parts if part is not first)]
    voices, names_modes = [], False
    for place, part in enumerate(parts):
        reader = _PartReader(top_only=top_only and not (lead and place), sounds=sounds)
        try:
            reader.read(part)
        except (ValueError, ArithmeticError) as error:
            raise FileError(f"the score has a value that cannot stand: {error}; export it again") from error
        part_id = part.get("id", "")
        is_drums = reader.is_drums or part_id in drums
        if is_drums and not reader.names_modes:  # C is what programs give drums
            for measure in reader.measures:
                measure.key = None
        voices.append(Voice(names.get(part_id, part_id), reader.measures, programs.get(part_id, 0), is_drums))
        names_modes |= reader.names_modes and not (lead and place)
    title = root.findtext("work/work-title") or root.findtext("movement-title") or ""
    song, bars, irregular = song_of(
        voices, title=" ".join(title.split()), expand=expand, rests=rests, lead_alone=bool(lead)
    )
    if names_modes and trust_modes:
        return song, bars, irregular
    heard = replace(song, parts=song.parts[:1]) if lead else song
    return replace(song, keys=tuple(guessed_modes(heard))), bars, irregular


def _syllable_count(part: ET.Element) -> int:
    return sum(1 for _ in part.iter("lyric"))


@dataclass(slots=True)
class _PartReader:
    top_only: bool
    sounds: dict[str, int] = field(default_factory=dict)  # instrument -> MIDI note
    measures: list[Measure] = field(default_factory=list)
    meter: tuple[int, int] = (4, 4)
    key: Key | None = None
    fine_per_division: float = float(TICKS_PER_QUARTER * FINE)
    shift: int = 0
    cursor: int = 0
    last_at: int = 0
    ending_was: int = 0
    opens_next: bool = False
    main_voice: str = ""
    is_drums: bool = False
    names_modes: bool = False

    def read(self, part: ET.Element) -> None:
        for element in part.findall("measure"):
            measure = Measure(self.meter, opens=self.opens_next)
            self.opens_next = False
            self.cursor = 0
            for child in element:
                handler = _HANDLERS.get(child.tag)
                if handler is not None:
                    handler(self, child, measure)
            measure.meter = self.meter
            measure.key = self.key
            measure.length = measure.length or (measure.bar if not len(element) else 0)
            measure.events.sort(key=lambda event: event.at)
            self.measures.append(measure)

    def on_attributes(self, element: ET.Element, measure: Measure) -> None:
        divisions = element.findtext("divisions")
        if divisions and float(divisions) > 0:
            self.fine_per_division = TICKS_PER_QUARTER * FINE / float(divisions)
        key = element.find("key")
        if key is not None and key.findtext("fifths"):
            mode = key.findtext("mode") or ""
            self.key = _key(int(float(key.findtext("fifths") or 0)), mode)
            self.names_modes |= bool(mode)
        time = element.find("time")
        if time is not None and time.find("senza-misura") is None:
            self._time(time)
            measure.meter = self.meter
        transpose = element.find("transpose")
        if transpose is not None:
            octaves = int(transpose.findtext("octave-change") or 0)
            self.shift = int(float(transpose.findtext("chromatic") or 0)) + 12 * octaves

    def _time(self, time: ET.Element) -> None:
        beats = [sum(int(n) for n in re.findall(r"\d+", b.text or "")) for b in time.findall("beats")]
        units = [int(u.text or 4) for u in time.findall("beat-type")]
        if beats and units and all(beats) and all(units):
            lowest = max(units)
            self.meter = (sum(b * lowest // u for b, u in zip(beats, units, strict=False)), lowest)
            Meter(0, *self.meter)  # refuses what no metre can be

    def _fine(self, element: ET.Element, tag: str = "duration") -> int:
        return round(float(element.findtext(tag) or 0) * self.fine_per_division)

    def on_note(self, element: ET.Element, measure: Measure) -> None:
        if element.find("grace") is not None:
            return
        length = self._fine(element)
        if element.find("chord") is not None:
            at = self.last_at
        else:
            at = self.cursor
            self.cursor += length
            self.last_at = at
        measure.length = max(measure.length, self.cursor)
        if element.find("cue") is not None or length <= 0 or not self._wanted(element):
            return
        pitch = self._pitch(element)
        if pitch is None:
            measure.events.append(Event(at, length))
            return
        tied = any(tie.get("type") == "start" for tie in element.findall("tie"))
        if self.is_drums and element.get("release"):  # how much longer than written it sounds
            length = max(1, length + round(float(element.get("release") or 0) * self.fine_per_division))
        event = Event(at, length, (pitch,), (tied,))
        event.syllables = _syllables(element)
        if dynamics := element.get("dynamics"):
            event.velocity = max(1, min(127, round(float(dynamics) * FORTE / 100)))
        measure.events.append(event)

    def _wanted(self, element: ET.Element) -> bool:
        if not self.top_only:
            return True
        voice = element.findtext("voice") or "1"
        self.main_voice = self.main_voice or voice
        return voice == self.main_voice

    def _pitch(self, element: ET.Element) -> int | None:
        pitch = element.find("pitch")
        if pitch is None:
            unpitched = element.find("unpitched")
            return None if unpitched is None else self._stroke(element, unpitched)
        step = theory.LETTERS.get((pitch.findtext("step") or "C").strip(), 0)
        alter = round(float(pitch.findtext("alter") or 0))
        return max(0, min(127, step + alter + 12 * (int(pitch.findtext("octave") or 4) + 1) + self.shift))

    def _stroke(self, note: ET.Element, unpitched: ET.Element) -> int:
        self.is_drums = True
        instrument = note.find("instrument")
        known = self.sounds.get(instrument.get("id", "")) if instrument is not None else None
        if known is not None:
            return known
        step = (unpitched.findtext("display-step") or "C").strip()
        return sound_of(step, int(unpitched.findtext("display-octave") or 5), note.findtext("notehead") or "normal")

    def on_backup(self, element: ET.Element, measure: Measure) -> None:
        del measure
        self.cursor = max(0, self.cursor - self._fine(element))

    def on_forward(self, element: ET.Element, measure: Measure) -> None:
        self.cursor += self._fine(element)
        measure.length = max(measure.length, self.cursor)

    def on_harmony(self, element: ET.Element, measure: Measure) -> None:
        at = self.cursor + (self._fine(element, "offset") if element.findtext("offset") else 0)
        symbol = harmony_symbol(element)
        if symbol:
            shift = self.shift % 12
            measure.chords.append((max(0, at), symbol if not shift else _shifted(symbol, shift)))

    def on_direction(self, element: ET.Element, measure: Measure) -> None:
        for sound in element.iter("sound"):
            self.on_sound(sound, measure)
        rehearsal = element.find("direction-type/rehearsal")
        if rehearsal is not None and rehearsal.text:
            measure.label = rehearsal.text.strip()
        per_minute = element.findtext("direction-type/metronome/per-minute") or ""
        unit = element.findtext("direction-type/metronome/beat-unit") or ""
        quarters = {"whole": 4.0, "half": 2.0, "quarter": 1.0, "eighth": 0.5, "16th": 0.25}.get(unit)
        number = re.search(r"\d+(?:\.\d+)?", per_minute)
        if measure.tempo_bpm is None and number and quarters:
            dotted = element.find("direction-type/metronome/beat-unit-dot") is not None
            _set_tempo(measure, float(number[0]) * quarters * (1.5 if dotted else 1.0))

    def on_sound(self, element: ET.Element, measure: Measure) -> None:
        if element.get("tempo"):
            _set_tempo(measure, float(element.get("tempo") or 0))

    def on_barline(self, element: ET.Element, measure: Measure) -> None:
        repeat, ending = element.find("repeat"), element.find("ending")
        style = element.findtext("bar-style") or ""
        if element.get("location") != "left":
            measure.double |= style in _LIGHT_DOUBLE
        if repeat is not None:
            measure.opens |= repeat.get("direction") == "forward"
            measure.closes |= repeat.get("direction") == "backward"
        if ending is not None and ending.get("type") == "start":
            number = re.search(r"\d+", ending.get("number") or "1")
            measure.ending = int(number[0]) if number else 1


_HANDLERS = {
    "attributes": _PartReader.on_attributes, "note": _PartReader.on_note, "backup": _PartReader.on_backup,
    "forward": _PartReader.on_forward, "harmony": _PartReader.on_harmony, "direction": _PartReader.on_direction,
    "sound": _PartReader.on_sound, "barline": _PartReader.on_barline,
}  # fmt: skip


def harmony_symbol(element: ET.Element) -> str:
    """The chord symbol of a ``<harmony>`` element, "" when it has no root."""
    kind = element.find("kind")
    name = (kind.text or "").strip() if kind is not None else ""
    if name == "none":
        return "N.C."
    step = element.findtext("root/root-step")
    if not step:
        return ""
    root = step.strip() + _ALTERS.get(round(float(element.findtext("root/root-alter") or 0)), "")
    quality = _KINDS.get(name)
    if quality is None:
        quality = (kind.get("text") or "") if kind is not None else ""
    quality = _with_degrees("" if quality == "maj" else quality, element)
    bass = element.findtext("bass/bass-step")
    if bass:
        bass = "/" + bass.strip() + _ALTERS.get(round(float(element.findtext("bass/bass-alter") or 0)), "")
    for attempt in (quality, re.sub(r"[b#]?\d+$", "", quality), ""):
        try:
            theory.parse_chord(f"{root}{attempt}{bass or ''}")
        except InputError:
            continue
        return f"{root}{attempt}{bass or ''}"
    return ""


def _with_degrees(quality: str, element: ET.Element) -> str:
    for degree in element.findall("degree"):
        value = (degree.findtext("degree-value") or "").strip()
        alter = _ALTERS.get(round(float(degree.findtext("degree-alter") or 0)), "")
        kind = (degree.findtext("degree-type") or "add").strip()
        if kind == "subtract":
            continue
        if kind == "add" and not alter and not any(c.isdigit() for c in quality):
            quality += {"6": "6", "7": "7"}.get(value, f"add{value}")
        elif alter:
            quality += f"{alter}{value}"
    return quality


def _shifted(symbol: str, semitones: int) -> str:
    root, quality, bass = theory.parse_chord(symbol)
    if root is None:
        return symbol
    written = "" if quality == "maj" else quality
    name = theory.pitch_class_name((root + semitones) % 12) + written
    return name if bass is None else f"{name}/{theory.pitch_class_name((bass + semitones) % 12)}"


def _syllables(element: ET.Element) -> list[tuple[int, str, bool]]:
    found = []
    for place, lyric in enumerate(element.findall("lyric"), start=1):
        text = " ".join((t.text or "").strip() for t in lyric.findall("text"))
        text = _VERSE_NUMBER.sub("", text).strip()
        number = re.search(r"(\d+)$", lyric.get("number") or "")
        joins = (lyric.findtext("syllabic") or "single") in ("begin", "middle")
        if text:
            found.append((max(1, int(number[1])) if number else place, text, joins))
    return found


def _key(fifths: int, mode: str) -> Key:
    name = _MODES.get(mode.strip().lower(), mode.strip().lower())
    name = name if name in theory.MODE_FIFTHS else "major"
    return Key(0, ((fifths - theory.MODE_FIFTHS[name]) * 7) % 12, name)


def guessed_modes(song: Song) -> Iterator[Key]:
    """Each key as major or its relative minor: a signature alone does not tell, so the notes under it do."""
    ends = [*(key.start_ticks for key in song.keys[1:]), song.end_ticks + 1]
    for key, end in zip(song.keys, ends, strict=False):
        parts = tuple(
            replace(part, notes=tuple(n for n in part.notes if key.start_ticks <= n.start_ticks < end))
            for part in song.parts
        )
        if key.mode != "major":
            yield key
            continue
        minor = replace(key, tonic=(key.tonic + 9) % 12, mode="minor")
        found = theory.estimate_key(replace(song, parts=parts))
        if (found.tonic, found.mode) in ((key.tonic, "major"), (minor.tonic, "minor")):
            yield replace(key, tonic=found.tonic, mode=found.mode)
        else:
            last = parts[0].notes[-1].pitch % 12 if parts[0].notes else key.tonic
            yield minor if last == minor.tonic else key


def _set_tempo(measure: Measure, bpm: float) -> None:
    if 5 <= bpm <= 1000 and measure.tempo_bpm is None:  # noqa: PLR2004 - the range of Tempo
        measure.tempo_bpm = bpm


def _part_names(root: ET.Element) -> tuple[dict[str, str], dict[str, int]]:
    names: dict[str, str] = {}
    programs: dict[str, int] = {}
    for part in root.findall("part-list/score-part"):
        part_id = part.get("id", "")
        names[part_id] = " ".join((part.findtext("part-name") or f"Part {len(names) + 1}").split())
        program = part.findtext("midi-instrument/midi-program")
        programs[part_id] = min(127, max(0, int(program) - 1)) if program and program.strip().isdigit() else 0
    return names, programs


def _drum_sounds(root: ET.Element) -> dict[str, int]:
    """The MIDI note of each instrument that names one."""
    found: dict[str, int] = {}
    for midi in root.iterfind("part-list/score-part/midi-instrument"):
        number = (midi.findtext("midi-unpitched") or "").strip()
        if number.isdigit() and 1 <= int(number) <= 128:  # noqa: PLR2004 - MusicXML counts from 1
            found[midi.get("id", "")] = int(number) - 1
    return found


def _pruned(data: bytes, keep: str) -> bytes:
    """The score with one part: bytes are cut, since that costs a hundredth of parsing them."""
    begins = [m.start() for m in re.finditer(rb"<part[\s>]", data)]
    end = data.rfind(b"</score-partwise>")
    if len(begins) < 2 or end < 0:  # noqa: PLR2004 - nothing to cut
        return data
    pieces = [data[a:b] for a, b in zip(begins, [*begins[1:], end], strict=True)]
    kept = max(pieces, key=lambda piece: piece.count(b"<lyric")) if keep == "sung" else pieces[0]
    return data[: begins[0]] + kept + data[end:]


def _check_size(path: Path, data: bytes) -> None:
    """Counting costs a thousandth of parsing."""
    for what, count, most in (
        ("elements", data.count(b"<"), 2 * MAX_ELEMENTS),  # each has a beginning and an end
        ("notes", data.count(b"<note"), MAX_NOTES),
        ("measures", data.count(b"<measure"), MAX_MEASURES),
        ("parts", data.count(b"<part "), MAX_PARTS),
        ("chord symbols", data.count(b"<harmony"), MAX_CHORD_SYMBOLS),
    ):
        if count > most:
            raise FileError(f"a score must have at most {most} {what}, {path.name} has {count}; split it")


def _unpacked(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        scores = [n for n in names if n.endswith((".xml", ".musicxml")) and not n.startswith("META-INF")]
        if "META-INF/container.xml" in names:
            if archive.getinfo("META-INF/container.xml").file_size > MAX_CONTAINER_BYTES:
                raise ValueError("its table of contents is too large")
            container = ET.fromstring(archive.read("META-INF/container.xml"))  # noqa: S314 - five fixed lines
            named = [e.get("full-path", "") for e in container.iter() if e.tag.endswith("rootfile")]
            scores = [n for n in named if n in names] or scores
        if not scores:
            raise KeyError("no score inside")
        if archive.getinfo(scores[0]).file_size > MAX_UNPACKED_BYTES:
            raise ValueError("the score inside is too large")
        return archive.read(scores[0])
