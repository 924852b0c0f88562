"""Does a MIDI file of ours hold the same notes for everybody? Four readers that other people wrote are asked.

Conventions:
    A note is (onset, pitch, length) in ticks of the file, sorted. Only the melody is compared; it is the first part.
    Two notes of one pitch cannot touch in a MIDI file, so the first of them is written one tick short (``files.midi``).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cocreate.music.song import TICKS_PER_QUARTER, Note

Sounding = list[tuple[int, int, int]]


def as_written(notes: Sequence[Note]) -> Sounding:
    """What a reader should find of ``notes``: each ends a tick before the next of its pitch."""
    following: dict[int, int] = {}
    found: Sounding = []
    for note in sorted(notes, reverse=True):
        end = min(note.end_ticks, following.get(note.pitch, 10**12) - 1)
        following[note.pitch] = note.start_ticks
        found.append((note.start_ticks, note.pitch, end - note.start_ticks))
    return sorted(found)


def with_mido(path: Path) -> Sounding:
    """Notes of the first track that has any, as mido pairs them."""
    import mido

    for track in mido.MidiFile(path).tracks:
        now = 0
        begun: dict[int, int] = {}
        found: Sounding = []
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                begun[message.note] = now
            elif message.type in ("note_on", "note_off") and message.note in begun:
                start = begun.pop(message.note)
                found.append((start, message.note, now - start))
        if found:
            return sorted(found)
    return []


def with_pretty_midi(path: Path) -> Sounding:
    """Notes of the first instrument; its seconds turned back into ticks by its own tempo map."""
    import pretty_midi

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wants keys on track 0 alone; MuseScore wants them on the parts' too
        midi = pretty_midi.PrettyMIDI(io.BytesIO(path.read_bytes()))
    return sorted(
        (midi.time_to_tick(n.start), n.pitch, midi.time_to_tick(n.end) - midi.time_to_tick(n.start))
        for n in midi.instruments[0].notes
    )


def with_symusic(path: Path) -> Sounding:
    """Notes of the first track."""
    import symusic

    return sorted((n.time, n.pitch, n.duration) for n in symusic.Score(path).tracks[0].notes)


def with_music21(path: Path) -> Sounding:
    """Notes of the first part, unquantised, tied ones joined."""
    from music21 import converter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21 warns of metres and voices it has to guess
        score: Any = converter.parse(path, format="midi", quantizePost=False, forceSource=True)
    found: Sounding = []
    for element in score.parts[0].stripTies().flatten().notes:
        start, length = (round(float(q) * TICKS_PER_QUARTER) for q in (element.offset, element.quarterLength))
        found += [(start, pitch.midi, length) for pitch in element.pitches]
    return sorted(found)


READERS: dict[str, Callable[[Path], Sounding]] = {
    "mido": with_mido,
    "pretty_midi": with_pretty_midi,
    "symusic": with_symusic,
    "music21": with_music21,
}
