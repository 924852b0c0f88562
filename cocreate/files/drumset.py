"""The drum set on paper: where each sound of General MIDI percussion stands on a staff, and with which notehead.

Conventions:
    Steps and octaves are those of a treble clef. Cymbals and rims have crosses; sounds outside 35..81 stand on the
    middle line.

Source:
    N. Weinberg, "Standardized Drumset Notation", Percussive Notes 32 (3), 1994; names: General MIDI level 1. We differ:
    stems all go up, hands and feet in one voice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cocreate.music.theory import LETTERS, pitch_class_name

_HEADS = {"normal": 0, "x": 1, "circle-x": 2, "triangle": -1, "diamond": -2}  # -> the accidental that ABC has for it


@dataclass(frozen=True, slots=True)
class Mark:
    """How a sound is written: ``head`` is a notehead of MusicXML."""

    name: str
    step: str
    octave: int
    head: str = "normal"


def _marks() -> dict[int, Mark]:
    rows = """
        35 E4 normal Acoustic Bass Drum;36 F4 normal Bass Drum;37 C5 x Side Stick;38 C5 normal Snare Drum
        39 B4 x Hand Clap;40 C5 triangle Electric Snare;41 G4 normal Low Floor Tom;42 G5 x Closed Hi-Hat
        43 A4 normal High Floor Tom;44 D4 x Pedal Hi-Hat;45 B4 normal Low Tom;46 G5 circle-x Open Hi-Hat
        47 D5 normal Low-Mid Tom;48 E5 normal Hi-Mid Tom;49 A5 x Crash Cymbal 1;50 F5 normal High Tom
        51 F5 x Ride Cymbal 1;52 A5 circle-x Chinese Cymbal;53 F5 diamond Ride Bell;54 D5 x Tambourine
        55 B5 diamond Splash Cymbal;56 E5 triangle Cowbell;57 B5 x Crash Cymbal 2;58 B4 diamond Vibraslap
        59 D5 diamond Ride Cymbal 2;60 E5 normal Hi Bongo;61 C5 normal Low Bongo;62 E5 x Mute Hi Conga
        63 D5 normal Open Hi Conga;64 B4 normal Low Conga;65 E5 normal High Timbale;66 C5 normal Low Timbale
        67 F5 triangle High Agogo;68 D5 triangle Low Agogo;69 B4 triangle Cabasa;70 A4 x Maracas
        71 G5 triangle Short Whistle;72 G5 normal Long Whistle;73 A4 triangle Short Guiro;74 A4 diamond Long Guiro
        75 E5 diamond Claves;76 G5 diamond Hi Wood Block;77 C5 diamond Low Wood Block;78 G4 x Mute Cuica
        79 G4 triangle Open Cuica;80 A5 triangle Mute Triangle;81 A5 diamond Open Triangle
    """
    found: dict[int, Mark] = {}
    for row in rows.replace("\n", ";").split(";"):
        if row.strip():
            pitch, place, head, name = row.split(maxsplit=3)
            found[int(pitch)] = Mark(name.strip(), place[0], int(place[1]), head)
    return found


_MARKS = _marks()


def mark_of(pitch: int) -> Mark:
    """How the sound of a MIDI note on channel 10 is written."""
    return _MARKS.get(pitch) or Mark(f"Percussion {pitch}", "B", 4)


def sound_of(step: str, octave: int, head: str) -> int:
    """The MIDI note of what is written so, where the file does not say: the first that fits, else a snare drum."""
    here = [pitch for pitch, mark in _MARKS.items() if (mark.step, mark.octave) == (step, octave)]
    exact = [pitch for pitch in here if _MARKS[pitch].head == head]
    return next(iter(exact or here), 38)


def abc_places(pitches: Iterable[int]) -> dict[int, tuple[str, int, int]]:
    """For each MIDI note a letter, octave and accidental (-2..2) of its own.

    ABC maps a written pitch to a sound, so two sounds must not meet on one: the later goes to the nearest that is free.
    """
    found: dict[int, tuple[str, int, int]] = {}
    taken: set[int] = set()
    for pitch in sorted(set(pitches), key=lambda one: (one not in _MARKS, one)):
        mark = mark_of(pitch)
        shift = _HEADS[mark.head]
        wanted = written_pitch(mark.step, mark.octave, shift)
        free = next(n for n in sorted(range(128), key=lambda n: (abs(n - wanted), n)) if n not in taken)
        taken.add(free)
        if free == wanted:
            found[pitch] = (mark.step, mark.octave, shift)
        else:
            name = pitch_class_name(free % 12)
            found[pitch] = (name[0], free // 12 - 1, {"#": 1, "b": -1}.get(name[1:], 0))
    return found


def written_pitch(letter: str, octave: int, shift: int) -> int:
    """The MIDI note that letter, octave and accidental would be on a pitched staff."""
    return LETTERS[letter] + shift + 12 * (octave + 1)
