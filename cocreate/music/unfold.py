"""A tune sung several times: its bars laid one after the other, and rhythms made for given words.

Conventions:
    Spans are bars from 0, the second excluded. Metres, tempos and keys are written again where a span begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from cocreate.errors import InputError
from cocreate.music.hyphens import split_syllables
from cocreate.music.prosody import is_function_word, pronounce, split_words
from cocreate.music.singing import Phrase, place_of_stress
from cocreate.music.song import TICKS_PER_QUARTER, Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo

Held = TypeVar("Held", Meter, Tempo, Key)
BARS_A_LINE = 2
_PLACEHOLDER_PITCH = 67
_MUST = 2  # mark of a syllable that must be on a strong beat
_MOST_WEAK = 1  # weak syllables on either side of which a strong one may stand


def unfold(song: Song, spans: Sequence[tuple[int, int]], labels: Sequence[str]) -> tuple[Song, list[int]]:
    """The song's bars in the order of ``spans``, and how far the ticks of each span have moved."""
    grid = song.bars()
    if len(spans) == 1 and spans[0] == (0, len(grid)):
        return song, [0]
    notes: list[list[Note]] = [[] for _ in song.parts]
    chords: list[Chord] = []
    meters: list[Meter] = []
    tempos: list[Tempo] = []
    keys: list[Key] = []
    sections: list[Section] = []
    moved: list[int] = []
    at = 0
    for (first, stop), label in zip(spans, labels, strict=True):
        piece = song.slice_bars(first, stop)
        moved.append(at - grid[first].start_ticks)
        for own, part in zip(notes, piece.parts, strict=True):
            own += [replace(note, start_ticks=note.start_ticks + at) for note in part.notes]
        chords += [replace(chord, start_ticks=chord.start_ticks + at) for chord in piece.chords]
        _go_on(meters, piece.meters, at)
        _go_on(tempos, piece.tempos, at)
        _go_on(keys, piece.keys, at)
        sections.append(Section(at, label))
        at += grid[stop - 1].end_ticks - grid[first].start_ticks
    parts = tuple(replace(p, notes=tuple(own), syllables=()) for p, own in zip(song.parts, notes, strict=True))
    whole = replace(
        song, parts=parts, chords=tuple(chords), meters=tuple(meters), tempos=tuple(tempos), keys=tuple(keys),
        sections=tuple(sections), pickup_ticks=song.pickup_ticks if spans[0][0] == 0 else 0,
    )  # fmt: skip
    return whole, moved


def moved_phrase(phrase: Phrase, ticks: int) -> Phrase:
    """The phrase so many ticks later."""
    return Phrase(tuple(replace(slot, start_ticks=slot.start_ticks + ticks) for slot in phrase.slots))


def rhythm_for(lines: Sequence[str], *, meter: Meter, tempo_bpm: float, key: Key | None = None) -> Song:
    """A song on one pitch whose notes are the syllables of ``lines``: each stress on a strong beat, two bars a line.

    A line with more stresses takes more bars; weak syllables before the first stress stand before the bar line.

    Raises:
        InputError: if there is no line, or a line has no words.
    """
    if not lines:
        raise InputError("a melody for words needs at least one line, got none")
    said = [_said(text) for text in lines]
    foot = _foot_ticks(meter)
    notes: list[Note] = []
    syllables: list[Syllable] = []
    at = meter.bar_ticks if _stressed(said[0])[0] else 0  # a pickup is a bar that begins with a rest
    for words in said:
        anchors = _stressed(words)
        count = sum(len(marks) for _, marks in words)
        starts = [at + start for start in _places(anchors, count, meter)]
        bars = max(BARS_A_LINE, -(-len(anchors) * foot // meter.bar_ticks))
        bars += bars % 2
        at += bars * meter.bar_ticks
        ends = [*starts[1:], max(starts[-1] + foot // 4, min(starts[-1] + foot, at - foot // 2))]
        pieces = [piece for word, marks in words for piece in _pieces(word, len(marks))]
        for start, end, (piece, joins) in zip(starts, ends, pieces, strict=True):
            notes.append(Note(start, _PLACEHOLDER_PITCH, end - start))
            syllables.append(Syllable(start, piece, joins))
    part = Part(tuple(notes), syllables=tuple(syllables))
    return Song((part,), meters=(meter,), tempos=(Tempo(0, tempo_bpm),), keys=() if key is None else (key,))


def _foot_ticks(meter: Meter) -> int:
    """From one stress to the next: half an even bar, a whole bar of three."""
    beats = meter.bar_ticks // meter.beat_ticks
    return meter.bar_ticks // 2 if beats % 2 == 0 else meter.bar_ticks


def _said(text: str) -> list[tuple[str, tuple[int, ...]]]:
    """Words with a mark for each syllable: 2 must be on a beat, 1 may be, 0 not."""
    words = split_words(text)
    if not words:
        raise InputError(f"a line must have words to sing, got {text!r}")
    found: list[tuple[str, tuple[int, ...]]] = []
    for word in words:
        said = pronounce(word)[0]
        if said.syllables == 1:
            found.append((word, (0 if is_function_word(word) else 1,)))
        else:
            main = place_of_stress(said.stresses)
            found.append((word, tuple(_MUST if n == main else 0 for n in range(said.syllables))))
    return found


def _pieces(word: str, count: int) -> list[tuple[str, bool]]:
    pieces = split_syllables(word, count)
    pieces = (*pieces, *[""] * (count - len(pieces)))
    return [(piece, place + 1 < len(pieces)) for place, piece in enumerate(pieces)]


def _stressed(words: Sequence[tuple[str, tuple[int, ...]]]) -> list[int]:
    """Places of the syllables that stand on strong beats: every word stress, and single words where none is near."""
    marks = [mark for _, own in words for mark in own]
    strong = [n for n, mark in enumerate(marks) if mark == _MUST]
    for wanted, gap in ((1, 1), (0, _MOST_WEAK)):  # then heavier single words; then no long run of weak ones
        for n, mark in enumerate(marks):
            if mark >= wanted and all(abs(n - other) > gap for other in strong):
                strong.append(n)
    return sorted(strong)


def _places(anchors: Sequence[int], count: int, meter: Meter) -> list[int]:
    """Ticks of each syllable from the line's first bar line; those before the first stress are below 0."""
    foot = _foot_ticks(meter)
    parts = 4 if foot % (meter.beat_ticks * 2) == 0 or foot == meter.beat_ticks == TICKS_PER_QUARTER else 6
    grid = foot // parts
    starts = [-(anchors[0] - n) * grid for n in range(anchors[0])]
    for place, (a, b) in enumerate(zip(anchors, [*anchors[1:], count], strict=True)):
        starts += [place * foot + offset * foot // parts for offset in _offsets(b - a, parts)]
    return starts


def _offsets(count: int, parts: int) -> list[int]:
    """Where ``count`` syllables of a foot begin, in its parts: the first is the longest."""
    even = {
        4: {1: [0], 2: [0, 2], 3: [0, 2, 3], 4: [0, 1, 2, 3]},
        6: {1: [0], 2: [0, 4], 3: [0, 2, 4], 4: [0, 2, 4, 5]},
    }
    return even[parts].get(count) or [n * parts // count for n in range(count)]


def _go_on(found: list[Held], more: Sequence[Held], at: int) -> None:
    for one in more:
        new = replace(one, start_ticks=one.start_ticks + at)
        if not found or replace(found[-1], start_ticks=new.start_ticks) != new:
            found.append(new)
