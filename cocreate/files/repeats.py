"""Repeats: a form whose sections come twice, written once with repeat signs.

Conventions:
    A section that is followed by itself, note for note and chord for chord, with the same metre, key and tempo, is
    played twice and written once; the words of the second time become further verses. What rings over the end of a
    section stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cocreate.music.song import Part, Song

Span = tuple[int, int]  # first bar and the one after the last, from 0


def folded(song: Song) -> tuple[Song, tuple[Span, ...]]:
    """The song as it is written, and the bars of it that are played twice."""
    bars = song.bars(at_least=1)
    places = {bar.start_ticks: bar.index for bar in bars}
    starts = sorted({places[s.start_ticks] for s in song.sections if s.start_ticks in places} | {0})
    spans = list(zip(starts, [*starts[1:], len(bars)], strict=True))
    pieces: list[Song] = []
    lengths: list[int] = []
    twice: list[Span] = []
    at = place = 0
    while place < len(spans):
        first, stop = spans[place]
        piece = song.slice_bars(first, stop)
        after = spans[place + 1] if place + 1 < len(spans) else None
        if after is not None and _comes_again(song, (first, stop), after):
            piece = _with_second_words(piece, song.slice_bars(*after))
            twice.append((at, at + stop - first))
            place += 1
        pieces.append(piece)
        lengths.append(bars[stop - 1].end_ticks - bars[first].start_ticks)
        at += stop - first
        place += 1
    return (_joined(song, pieces, lengths), tuple(twice)) if twice else (song, ())


def _comes_again(song: Song, here: Span, there: Span) -> bool:
    if here[1] - here[0] != there[1] - there[0]:
        return False
    bars = song.bars(at_least=1)
    edges = (bars[here[0]].start_ticks, bars[there[0]].start_ticks, bars[there[1] - 1].end_ticks)
    if any(n.start_ticks < edge < n.end_ticks for part in song.parts for n in part.notes for edge in edges):
        return False
    return _bare(song.slice_bars(*here)) == _bare(song.slice_bars(*there))


def _bare(song: Song) -> Song:
    """What must be the same both times."""
    parts = tuple(replace(part, syllables=()) for part in song.parts)
    return replace(song, parts=parts, sections=(), pickup_ticks=0)


def _with_second_words(first: Song, second: Song) -> Song:
    parts = []
    for one, two in zip(first.parts, second.parts, strict=True):
        verses = max((word.verse for word in one.syllables), default=0)
        if {(w.start_ticks, w.text, w.verse) for w in one.syllables} == {
            (w.start_ticks, w.text, w.verse) for w in two.syllables
        }:
            parts.append(one)
            continue
        more = tuple(replace(word, verse=word.verse + verses) for word in two.syllables)
        parts.append(replace(one, syllables=(*one.syllables, *more)))
    return replace(first, parts=tuple(parts))


def _joined(song: Song, pieces: Sequence[Song], lengths: Sequence[int]) -> Song:
    """The pieces one after the other."""
    offsets = [sum(lengths[:place]) for place in range(len(pieces))]
    parts = tuple(
        _moved_parts(part, [(piece.parts[number], offset) for piece, offset in zip(pieces, offsets, strict=True)])
        for number, part in enumerate(song.parts)
    )
    rows = {
        name: tuple(
            replace(value, start_ticks=value.start_ticks + offset)
            for piece, offset in zip(pieces, offsets, strict=True)
            for value in getattr(piece, name)
        )
        for name in ("meters", "tempos", "keys", "chords", "sections")
    }
    return replace(
        song,
        parts=parts,
        chords=rows["chords"],
        sections=rows["sections"],
        meters=_changes(rows["meters"]),
        tempos=_changes(rows["tempos"]),
        keys=_changes(rows["keys"]),
    )


def _moved_parts(part: Part, pieces: Sequence[tuple[Part, int]]) -> Part:
    notes = tuple(replace(n, start_ticks=n.start_ticks + offset) for piece, offset in pieces for n in piece.notes)
    words = tuple(replace(w, start_ticks=w.start_ticks + offset) for piece, offset in pieces for w in piece.syllables)
    return replace(part, notes=notes, syllables=words)


def _changes(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without those that say again what holds."""
    found: list[Any] = []
    for value in values:
        if not found or replace(value, start_ticks=found[-1].start_ticks) != found[-1]:
            found.append(value)
    return tuple(found)
