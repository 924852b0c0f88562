"""Measured voices to a song: ties, words, chords and changes placed on the grid of ``bars``.

Conventions:
    Voices come from ``abc`` or ``musicxml``; measure ``i`` of every voice sounds at the same time. The first voice is
    the melody, later ones voices. Fine ticks in, ticks out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from cocreate.errors import FileError, InputError
from cocreate.files.bars import FINE, Layout, Measure, lay_out, playing_order, settle_meters
from cocreate.music import theory
from cocreate.music.song import DEFAULT_TEMPO_BPM, Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo

_LONGEST_SILENCE_BARS = 2


@dataclass(slots=True)
class Voice:
    """What one player has, measure by measure; ``program`` is General MIDI, 0..127."""

    name: str
    measures: list[Measure]
    program: int = 0
    is_drums: bool = False


def song_of(
    voices: list[Voice], *, title: str, expand: bool = False, rests: bool = True, lead_alone: bool = False
) -> tuple[Song, int, int]:
    """The song, its number of bars, and how many of them do not fit their metre.

    ``rests=False`` leaves out silent measures at both ends and shortens silence of more than two bars to one. With
    ``lead_alone`` the first voice decides as if it stood by itself, and a voice with other measures is left out.

    Raises:
        FileError: if there is no note, or with ``lead_alone`` none in the first voice.
    """
    leading = [v for v in (voices[:1] if lead_alone else voices) if _sounds(v)]
    if not leading:
        raise FileError("the file has no notes; give one with music in it")
    leader = _leader(leading)
    settle_meters(leader)
    layout = lay_out(leader, _order(leading, leader, expand=expand, rests=rests))
    parts = []
    for index, voice in enumerate(v for v in voices if _sounds(v)):
        own = layout
        if len(voice.measures) != len(leader):
            if lead_alone:
                continue  # nothing says which of its measures go with which
            own = lay_out(voice.measures, playing_order(voice.measures, expand=expand))
        parts.append(_part(voice, own, index, cut=lead_alone and index > 0))
    song = _song(title, leader, layout, tuple(parts), _chords(leading, layout))
    return song, len(song.bars()), layout.irregular


def _sounds(voice: Voice) -> bool:
    return any(event.pitches for measure in voice.measures for event in measure.events)


def top_line(part: Part) -> Part:
    """The part as one line: of notes struck together the highest, each cut where the next begins."""
    return _line(part, {note.start_ticks: note for note in part.notes})  # notes are sorted by start, then pitch


def bottom_line(part: Part) -> Part:
    """The part as one line without words: of notes struck together the lowest, each cut where the next begins."""
    return replace(_line(part, {note.start_ticks: note for note in reversed(part.notes)}), syllables=())


def _line(part: Part, struck: dict[int, Note]) -> Part:
    notes = sorted(struck.values())
    cut = (replace(a, length_ticks=min(a.length_ticks, b.start_ticks - a.start_ticks)) for a, b in pairwise(notes))
    return replace(part, notes=(*cut, *notes[-1:]))


def _leader(voices: list[Voice]) -> list[Measure]:
    """One measure list with the longest measure, the repeats and the changes of any voice at each place."""
    longest = max(voices, key=lambda v: (len(v.measures), not v.is_drums)).measures  # drums have no key
    same = [v.measures for v in voices if len(v.measures) == len(longest)]
    for index, measure in enumerate(longest):
        others = [measures[index] for measures in same]
        length = max(m.length for m in others)
        for other in others:
            other.length = length
            for name in ("opens", "closes", "double", "ending", "label", "tempo_bpm"):
                setattr(measure, name, getattr(measure, name) or getattr(other, name))
    return longest


def _order(voices: list[Voice], leader: list[Measure], *, expand: bool, rests: bool) -> list[int]:
    order = playing_order(leader, expand=expand)
    if rests:
        return order
    sounding = {
        i for v in voices for i, m in enumerate(v.measures) if any(event.pitches for event in m.events) or m.chords
    }
    kept: list[int] = []
    silence: list[int] = []
    for index in order:
        if index not in sounding:
            silence.append(index)
            continue
        if kept:
            kept += silence if len(silence) <= _LONGEST_SILENCE_BARS else silence[:1]
        silence = []
        kept.append(index)
    return kept or order


def _ticks(fine: int) -> int:
    return (fine + FINE // 2) // FINE


def _part(voice: Voice, layout: Layout, index: int, *, cut: bool = False) -> Part:
    """The notes on the grid; with ``cut`` what its measure has no room for is left out, since the lead set the bars."""
    placed: list[tuple[int, int, int, bool]] = []  # start, end, pitch, tied on
    loud: dict[tuple[int, int], int] = {}  # start, pitch -> velocity
    words: list[Syllable] = []
    stops = (*layout.starts[1:], layout.end)
    for place, start, stop in zip(layout.order, layout.starts, stops, strict=True):
        if place >= len(voice.measures):
            continue
        for event in voice.measures[place].events:
            over = max(0, start + event.at + event.length - stop) if cut else 0
            if over >= event.length:
                continue
            at = _ticks(start + event.at)
            end = _ticks(start + event.at + event.length - over)
            placed += [(at, end, p, tie) for p, tie in zip(event.pitches, event.ties, strict=True)]
            if event.velocity:
                loud |= {(at, pitch): event.velocity for pitch in event.pitches}
            words += [Syllable(at, text, joins, verse) for verse, text, joins in event.syllables]
    role = "drums" if voice.is_drums else "melody" if index == 0 else "voice"
    single = all(len(event.pitches) < 2 for m in voice.measures for event in m.events) and _in_line(voice)  # noqa: PLR2004
    notes = tuple(_joined(placed, cut=single))
    if loud:
        notes = tuple(replace(n, velocity=loud.get((n.start_ticks, n.pitch), n.velocity)) for n in notes)
    return Part(notes, voice.name, role, voice.program, tuple(words))


def _in_line(voice: Voice) -> bool:
    return all(a.at + a.length <= b.at for m in voice.measures for a, b in pairwise(m.events))


def _joined(placed: list[tuple[int, int, int, bool]], *, cut: bool) -> Iterator[Note]:
    """Ties joined; with ``cut`` a note ends where a later one begins (a pickup taken out of the bar before it)."""
    placed.sort(key=lambda n: (n[0], n[2]))
    starts = sorted({n[0] for n in placed})
    following = dict(pairwise(starts)) if cut else {}
    open_ties: dict[int, tuple[int, int]] = {}
    for at, written_end, pitch, tied in placed:
        end = min(written_end, following.get(at, written_end))
        if end <= at:
            continue
        held, begin = open_ties.pop(pitch, None), at
        if held is not None and held[1] == at:
            begin = held[0]
        elif held is not None:
            yield Note(held[0], pitch, held[1] - held[0])
        if tied:
            open_ties[pitch] = (begin, end)
        else:
            yield Note(begin, pitch, end - begin)
    for pitch, (begin, end) in open_ties.items():
        yield Note(begin, pitch, end - begin)


def _chords(voices: list[Voice], layout: Layout) -> tuple[Chord, ...]:
    found: dict[int, tuple[int | None, str, int | None]] = {}
    for voice in voices:
        for index, start in zip(layout.order, layout.starts, strict=True):
            if index >= len(voice.measures):
                continue
            for at, symbol in voice.measures[index].chords:
                try:
                    found.setdefault(_ticks(start + at), theory.parse_chord(symbol.split(";")[0]))
                except InputError:
                    continue  # an annotation such as "Fine" or "D.C."
    times = sorted(found)
    ends = [*times[1:], max([_ticks(layout.end), *(t + 1 for t in times[-1:])])]
    return tuple(Chord(a, b - a, *found[a]) for a, b in zip(times, ends, strict=False))


def _song(
    title: str, leader: list[Measure], layout: Layout, parts: tuple[Part, ...], chords: tuple[Chord, ...]
) -> Song:
    keys: list[Key] = []
    tempos: list[Tempo] = []
    sections: list[Section] = []
    for place, (index, start) in enumerate(zip(layout.order, layout.starts, strict=True)):
        measure, at = leader[index], _ticks(start) if place else 0  # a pickup's marks stand on its bar line
        if measure.key and (not keys or (keys[-1].tonic, keys[-1].mode) != (measure.key.tonic, measure.key.mode)):
            keys.append(Key(at if keys else 0, measure.key.tonic, measure.key.mode))
        if measure.tempo_bpm and (not tempos or tempos[-1].bpm != measure.tempo_bpm):
            tempos.append(Tempo(at if tempos else 0, measure.tempo_bpm))
        if measure.label:
            sections.append(Section(at, measure.label))
    return Song(
        parts,
        meters=tuple(Meter(_ticks(at), *meter) for at, meter in layout.meters),
        tempos=tuple(tempos) or (Tempo(0, DEFAULT_TEMPO_BPM),),
        keys=tuple(keys),
        chords=chords,
        sections=tuple(sections),
        title=title,
        pickup_ticks=_ticks(layout.pickup),
    )
