"""A song cut into what notation can write: bars of slices, with ties where a note goes on.

Conventions:
    A slice is a stretch in which the same notes of a part sound; notes that overlap become tied chords, so that one
    voice says everything (two notes of one pitch at once are one). Every bar is full but a pickup.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from cocreate.music.song import AnyTimed, Bar, Chord, Part, Song, Syllable


@dataclass(frozen=True, slots=True)
class Slice:
    """Pitches that sound from ``start_ticks`` on (none is a rest); ``tied`` are those that sound on in the next."""

    start_ticks: int
    length_ticks: int
    pitches: tuple[int, ...] = ()
    tied: frozenset[int] = frozenset()
    held: frozenset[int] = frozenset()  # those that sounded before
    syllables: tuple[tuple[Syllable, bool], ...] = ()  # with: goes on from a syllable before


@dataclass(frozen=True, slots=True)
class Span:
    """What is written of one bar: a pickup begins late."""

    bar: Bar
    start_ticks: int
    end_ticks: int
    is_pickup: bool


def spans_of(song: Song) -> tuple[Span, ...]:
    """The bars to write, at least one; the pickup is cut short only where nothing sounds before it."""
    bars = song.bars(at_least=1)
    first = bars[0]
    begin = first.end_ticks - song.pickup_ticks if song.pickup_ticks and len(bars) > 1 else first.start_ticks
    starts = [note.start_ticks for part in song.parts for note in part.notes]
    starts += [chord.start_ticks for chord in song.chords]
    if any(start < begin for start in starts):
        begin = first.start_ticks
    spans = [Span(bar, bar.start_ticks, bar.end_ticks, is_pickup=False) for bar in bars]
    return (Span(first, begin, first.end_ticks, is_pickup=begin > first.start_ticks), *spans[1:])


def slices_of(
    part: Part, spans: tuple[Span, ...], *, cuts: frozenset[int] = frozenset()
) -> tuple[tuple[Slice, ...], ...]:
    """The slices of each span; ``cuts`` are more ticks to cut at (chord symbols)."""
    sounding = merged(part)
    words = _words(part)
    edges = {t for times in sounding.values() for pair in times for t in pair} | cuts
    edges |= {t for span in spans for t in (span.start_ticks, span.end_ticks)}
    ordered = sorted(edges)
    now: dict[int, int] = {}  # pitch -> its end
    begins: dict[int, list[tuple[int, int]]] = {}
    for pitch, times in sounding.items():
        for start, end in times:
            begins.setdefault(start, []).append((pitch, end))
    found: dict[int, Slice] = {}
    for start, end in pairwise(ordered):
        now = {pitch: stop for pitch, stop in now.items() if stop > start}
        held = frozenset(now)
        now.update(begins.get(start, []))
        tied = frozenset(pitch for pitch, stop in now.items() if stop > end)
        found[start] = Slice(start, end - start, tuple(sorted(now)), tied, held, words.get(start, ()))
    return tuple(tuple(found[t] for t in ordered if span.start_ticks <= t < span.end_ticks) for span in spans)


def strokes_of(part: Part, spans: tuple[Span, ...]) -> tuple[tuple[Slice, ...], ...]:
    """The slices of a drum part: each stroke is written up to the next, or to the end of its beat, and none is tied."""
    struck: dict[int, set[int]] = {}
    for pitch, times in merged(part).items():
        for start, _ in times:
            struck.setdefault(start, set()).add(pitch)
    found: list[tuple[Slice, ...]] = []
    for span in spans:
        beat = span.bar.meter.beat_ticks
        onsets = sorted(t for t in struck if span.start_ticks <= t < span.end_ticks)
        lines = {t - (t - span.bar.start_ticks) % beat + beat for t in onsets}
        edges = sorted({span.start_ticks, span.end_ticks, *onsets, *(t for t in lines if t < span.end_ticks)})
        found.append(tuple(Slice(a, b - a, tuple(sorted(struck.get(a, ())))) for a, b in pairwise(edges)))
    return tuple(found)


def chord_marks(song: Song) -> tuple[Chord, ...]:
    """The chords to write: one where each begins, N.C. where one ends and none follows before the last bar line."""
    last = song.bars(at_least=1)[-1].end_ticks
    marks: list[Chord] = []
    for chord, start in zip(song.chords, [*(c.start_ticks for c in song.chords[1:]), last], strict=False):
        marks.append(chord)
        if chord.end_ticks < start:
            marks.append(Chord(chord.end_ticks, start - chord.end_ticks, None))
    return tuple(marks)


def change_at(values: tuple[AnyTimed, ...], span: Span) -> AnyTimed | None:
    """What changes in this bar: a change inside a bar is written at its bar line."""
    inside = [v for v in values if span.bar.start_ticks <= v.start_ticks < span.bar.end_ticks]
    return inside[-1] if inside else None


def merged(part: Part) -> dict[int, list[tuple[int, int]]]:
    """Start and end of each pitch's notes; one that begins while the same pitch sounds cuts it."""
    times: dict[int, list[tuple[int, int]]] = {}
    for note in part.notes:
        line = times.setdefault(note.pitch, [])
        if line and line[-1][1] > note.start_ticks:
            if line[-1][0] == note.start_ticks:
                line[-1] = (note.start_ticks, max(line[-1][1], note.end_ticks))
                continue
            line[-1] = (line[-1][0], note.start_ticks)
        line.append((note.start_ticks, note.end_ticks))
    return times


def _words(part: Part) -> dict[int, tuple[tuple[Syllable, bool], ...]]:
    goes_on: dict[int, bool] = {}
    found: dict[int, tuple[tuple[Syllable, bool], ...]] = {}
    for syllable in part.syllables:
        entry = (syllable, goes_on.get(syllable.verse, False))
        goes_on[syllable.verse] = syllable.joins_next
        found[syllable.start_ticks] = (*found.get(syllable.start_ticks, ()), entry)
    return found
