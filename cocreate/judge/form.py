"""How a song is built: how much of a section is another one's material, and how sections close.

Conventions:
    Sections are those that the song names; each lasts until the next or the end of the last bar. Onsets count from the
    section's own begin. A song without sections has none to compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

from cocreate.music.measures import shared_notes
from cocreate.music.song import Key, Note, Song
from cocreate.music.theory import QUALITIES, estimate_key

FULL, HALF, OTHER = "full", "half", "other"
_DOMINANT, _MAJOR_THIRD, _MINOR_THIRD = 7, 4, 3


@dataclass(frozen=True, slots=True)
class Span:
    """A section: its label, first tick, and the tick after its last."""

    label: str
    start_ticks: int
    end_ticks: int


def spans(song: Song) -> tuple[Span, ...]:
    """The sections of a song in time order."""
    end = song.bars(at_least=1)[-1].end_ticks
    marks = [section for section in song.sections if section.start_ticks < end]
    stops = [*(section.start_ticks for section in marks[1:]), end][: len(marks)]
    return tuple(Span(section.label, section.start_ticks, stop) for section, stop in zip(marks, stops, strict=True))


def same_notes(song: Song, first: Span, second: Span) -> float:
    """Share of two sections' melody notes that both have, in [0, 1]; onsets count from the section's begin."""
    return shared_notes(_notes(song, first), _notes(song, second))


def same_material(song: Song) -> tuple[float | None, float | None]:
    """Mean `same_notes` of pairs of sections of one label, and of pairs of two; None where there is no such pair."""
    found: dict[bool, list[float]] = {True: [], False: []}
    for first, second in combinations(spans(song), 2):
        found[first.label == second.label].append(same_notes(song, first, second))
    equal, other = (sum(values) / len(values) if values else None for values in (found[True], found[False]))
    return equal, other


def cadence(song: Song, span: Span) -> str:
    """How a section closes, by its last chord and last melody note: "full", "half" or "other".

    Full: a chord on the tonic and a note of it. Half: a chord on the dominant and a note of it. The chord may have any
    tones beside its third.
    """
    notes = [note for note in song.melody.notes if span.start_ticks <= note.start_ticks < span.end_ticks]
    chord = song.chord_at(span.end_ticks - 1)
    if not notes or chord is None or chord.root is None:
        return OTHER
    key = _key_at(song, span.end_ticks - 1)
    tones = {(chord.root + step) % 12 for step in QUALITIES[chord.quality]}
    if max(notes, key=lambda note: (note.start_ticks, note.pitch)).pitch % 12 not in tones:
        return OTHER
    place = (chord.root - key.tonic) % 12
    if place == 0 and {_MAJOR_THIRD, _MINOR_THIRD} & set(QUALITIES[chord.quality]):
        return FULL
    return HALF if place == _DOMINANT else OTHER


def _notes(song: Song, span: Span) -> list[Note]:
    notes = [n for n in song.melody.notes if span.start_ticks <= n.start_ticks < span.end_ticks]
    return [replace(note, start_ticks=note.start_ticks - span.start_ticks) for note in notes]


def _key_at(song: Song, ticks: int) -> Key:
    return next((key for key in reversed(song.keys) if key.start_ticks <= ticks), None) or estimate_key(song)
