"""DAWproject: a song as an arrangement that Bitwig, Studio One and Cubase open with tracks, clips, tempo and markers.

Conventions:
    A zip of ``project.xml`` and ``metadata.xml``; time in beats (quarter notes) from bar 1 on. Each part is a track
    with one clip over all bars, named and coloured; velocities are 0..1. Sections and chord symbols are markers on the
    arrangement. Lyrics and programs have no place in the format and stand in each track's comment.

Source:
    The DAWproject exchange format 1.0 (MIT), its schemas Project.xsd and MetaData.xsd. Every file that we write is
    valid under both.
"""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path

from cocreate.errors import InputError
from cocreate.files.musicxml_write import legal
from cocreate.files.output import write_bytes
from cocreate.music.song import TICKS_PER_QUARTER, Key, Part, Song
from cocreate.music.theory import chord_symbol, key_name

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#6b6b6b")
_DRUM_CHANNEL = 9
_LOUDEST = 127
_SLOWEST_BPM, _FASTEST_BPM = 5, 1000
_MASTER = "master"
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the same song, the same bytes


def dawproject_bytes(song: Song) -> bytes:
    """The .dawproject file of ``song``.

    Raises:
        InputError: if the song has no notes.
    """
    if not any(part.notes for part in song.parts):
        raise InputError("a DAW project needs at least one note, got an empty song")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, root in (("project.xml", _project(song)), ("metadata.xml", _metadata(song))):
            ET.indent(root)
            text = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + ET.tostring(root, encoding="unicode")
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (text + "\n").encode("utf-8"))
    return buffer.getvalue()


def write_dawproject(song: Song, path: Path, *, force: bool = False) -> None:
    """Write a .dawproject file.

    Raises:
        InputError: if the song has no notes.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_bytes(path, dawproject_bytes(song), force=force)


def _project(song: Song) -> ET.Element:
    root = ET.Element("Project", version="1.0")
    ET.SubElement(root, "Application", name="cocreate", version="1.0")
    transport = ET.SubElement(root, "Transport")
    _real(transport, "Tempo", song.tempo_bpm, "bpm", "tempo", low=_SLOWEST_BPM, high=_FASTEST_BPM)
    ET.SubElement(
        transport, "TimeSignature", id="metre", numerator=str(song.meter.numerator),
        denominator=str(song.meter.denominator),
    )  # fmt: skip
    structure = ET.SubElement(root, "Structure")
    for number, part in enumerate(song.parts, start=1):
        _track(structure, part, number)
    master = ET.SubElement(structure, "Track", id="master-track", name="Master", contentType="audio notes")
    _channel(master, _MASTER, role="master")
    arrangement = ET.SubElement(root, "Arrangement", id="arrangement")
    lanes = ET.SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    end = song.bars(at_least=1)[-1].end_ticks
    for number, part in enumerate(song.parts, start=1):
        _clip(lanes, part, number, end)
    _markers(arrangement, song)
    _changes(arrangement, song)
    return root


def _track(structure: ET.Element, part: Part, number: int) -> None:
    words = " ".join(s.text for s in part.syllables if s.verse == 1)
    said = f"{part.role}, General MIDI program {part.program + 1}" + (f"; {words}" if words else "")
    track = ET.SubElement(
        structure, "Track", id=f"track-{number}", name=legal(part.name), color=_colour(number),
        comment=legal(said), contentType="notes", loaded="true",
    )  # fmt: skip
    _channel(track, f"channel-{number}", role="regular", destination=_MASTER)


def _channel(track: ET.Element, name: str, *, role: str, destination: str | None = None) -> None:
    channel = ET.SubElement(track, "Channel", id=name, role=role, audioChannels="2", solo="false")
    if destination is not None:
        channel.set("destination", destination)
    ET.SubElement(channel, "Mute", id=f"{name}-mute", name="Mute", value="false")
    _real(channel, "Pan", 0.5, "normalized", f"{name}-pan", low=0, high=1)
    _real(channel, "Volume", 1.0, "linear", f"{name}-volume", low=0, high=2)


def _clip(lanes: ET.Element, part: Part, number: int, end_ticks: int) -> None:
    lane = ET.SubElement(lanes, "Lanes", id=f"lane-{number}", track=f"track-{number}")
    clips = ET.SubElement(lane, "Clips", id=f"clips-{number}")
    clip = ET.SubElement(
        clips, "Clip", name=legal(part.name), time="0.0", duration=_beats(end_ticks), playStart="0.0",
        contentTimeUnit="beats",
    )  # fmt: skip
    notes = ET.SubElement(clip, "Notes", id=f"notes-{number}")
    channel = str(_DRUM_CHANNEL if part.role == "drums" else 0)
    for note in part.notes:
        ET.SubElement(
            notes, "Note", time=_beats(note.start_ticks), duration=_beats(note.length_ticks), channel=channel,
            key=str(note.pitch), vel=f"{note.velocity / _LOUDEST:.6f}",
        )  # fmt: skip


def _markers(arrangement: ET.Element, song: Song) -> None:
    marks = list(_marks(song))
    if not marks:
        return
    markers = ET.SubElement(arrangement, "Markers", id="markers", timeUnit="beats")
    for tick, text in sorted(marks):
        ET.SubElement(markers, "Marker", time=_beats(tick), name=legal(text))


def _marks(song: Song) -> Iterator[tuple[int, str]]:
    for section in song.sections:
        yield section.start_ticks, section.label
    for key in song.keys:
        yield key.start_ticks, f"Key: {key_name(key)}"
    for chord in song.chords:
        yield chord.start_ticks, chord_symbol(chord, key=_key_at(song, chord.start_ticks))


def _key_at(song: Song, ticks: int) -> Key | None:
    return next((key for key in reversed(song.keys) if key.start_ticks <= ticks), song.key)


def _changes(arrangement: ET.Element, song: Song) -> None:
    """Automation of tempo and metre, where they change."""
    if len(song.tempos) > 1:
        points = ET.SubElement(arrangement, "TempoAutomation", id="tempos", timeUnit="beats", unit="bpm")
        ET.SubElement(points, "Target", parameter="tempo")
        for tempo in song.tempos:
            value, time = f"{tempo.bpm:.6f}", _beats(tempo.start_ticks)
            ET.SubElement(points, "RealPoint", time=time, value=value, interpolation="hold")
    if len(song.meters) > 1:
        points = ET.SubElement(arrangement, "TimeSignatureAutomation", id="metres", timeUnit="beats")
        ET.SubElement(points, "Target", parameter="metre")
        for meter in song.meters:
            ET.SubElement(
                points, "TimeSignaturePoint", time=_beats(meter.start_ticks), numerator=str(meter.numerator),
                denominator=str(meter.denominator),
            )  # fmt: skip


def _metadata(song: Song) -> ET.Element:
    root = ET.Element("MetaData")
    for tag, text in (("Title", song.title), ("Genre", song.style), ("Comment", "made with cocreate")):
        if text:
            ET.SubElement(root, tag).text = legal(text)
    return root


def _real(parent: ET.Element, tag: str, value: float, unit: str, name: str, *, low: float, high: float) -> None:
    ET.SubElement(parent, tag, id=name, name=tag, unit=unit, min=f"{low:.6f}", max=f"{high:.6f}", value=f"{value:.6f}")


def _beats(ticks: int) -> str:
    return repr(ticks / TICKS_PER_QUARTER)


def _colour(number: int) -> str:
    return _COLOURS[(number - 1) % len(_COLOURS)]
