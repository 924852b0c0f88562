"""The piano roll as text: what a terminal can show of a song.

Conventions:
    A row is a pitch, highest first, a column a fixed number of ticks; two pitches share a row of half blocks where rows
    are scarce. Bars are told by ``│``; a part has a letter and, where colours are shown, a colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cocreate.errors import InputError
from cocreate.music.song import Bar, Song
from cocreate.music.theory import chord_symbol, key_name, pitch_name

NARROWEST = 40
_LABEL = 5  # columns for the names of pitches
_ROWS_AT_MOST = 40
_COLUMNS_A_BEAT = 4
_START, _HELD, _BAR, _BEAT, _NOTHING = "█", "▬", "│", "·", " "
_COLOURS = (39, 214, 35, 175, 117, 166, 137, 245)  # of 256, as the pictures'


@dataclass(frozen=True, slots=True)
class _Block:
    """Bars that stand side by side, and ticks a column."""

    bars: tuple[Bar, ...]
    step: int


def text_roll(song: Song, *, width: int = 100, bars: int | None = None, colour: bool = False) -> str:
    """The song as lines of at most ``width`` (40 or more) columns, its first ``bars`` (all by default).

    Raises:
        InputError: if the song has no notes or ``width`` is below 40.
    """
    notes = [note for part in song.parts for note in part.notes]
    if not notes:
        raise InputError("a piano roll needs at least one note, got an empty song")
    if width < NARROWEST:
        raise InputError(f"a piano roll needs at least {NARROWEST} columns, got {width}")
    lines = [_title(song)]
    lines += [f"{_paint(_letter(place), place, colour)} {part.name}" for place, part in enumerate(song.parts)]
    for block in _blocks(song, width - _LABEL - 1, bars):
        lines += ["", *_block_lines(song, block, colour=colour)]
    return "\n".join(lines) + "\n"


def _title(song: Song) -> str:
    facts = [str(song.meter), f"{song.tempo_bpm:.0f} bpm", f"{len(song.bars())} bars"]
    if song.key is not None:
        facts.insert(0, key_name(song.key))
    return f"{song.title or 'Untitled'} ({', '.join(facts)})"


def _blocks(song: Song, columns: int, most: int | None) -> Iterator[_Block]:
    row: list[Bar] = []
    used = 0
    for bar in song.bars()[:most]:
        step = max(1, bar.meter.beat_ticks // _COLUMNS_A_BEAT)
        while -(-bar.length_ticks // step) + 1 > columns:
            step *= 2
        wide = -(-bar.length_ticks // step) + 1
        if row and (used + wide > columns or row[0].meter != bar.meter):
            yield _Block(tuple(row), max(1, row[0].length_ticks // max(1, used // len(row) - 1)))
            row, used = [], 0
        row.append(bar)
        used += wide
    if row:
        yield _Block(tuple(row), max(1, row[0].length_ticks // max(1, used // len(row) - 1)))


def _block_lines(song: Song, block: _Block, *, colour: bool) -> Iterator[str]:
    begin, end = block.bars[0].start_ticks, block.bars[-1].end_ticks
    inside = [
        (note, place)
        for place, part in enumerate(song.parts)
        for note in part.notes
        if note.start_ticks < end and note.end_ticks > begin
    ]
    yield " " * _LABEL + _over(song, block)
    if not inside:
        yield " " * _LABEL + _BAR + " (silence)"
        return
    low, high = min(n.pitch for n, _ in inside), max(n.pitch for n, _ in inside)
    squeeze = -(-(high - low + 1) // _ROWS_AT_MOST)
    for top in range(high, low - 1, -squeeze):
        cells: dict[int, tuple[str, int]] = {}
        for note, place in inside:
            if not top - squeeze < note.pitch <= top:
                continue
            first, last = note.start_ticks, max(note.start_ticks + 1, note.end_ticks)
            for tick in range(first - (first - begin) % block.step, last, block.step):
                is_start = tick <= first < tick + block.step
                if is_start or tick not in cells:
                    cells[tick] = (_START if is_start else _HELD, place)
        yield f"{pitch_name(top, key=song.key):>{_LABEL - 1}} " + _row(block, cells, colour=colour)


def _row(block: _Block, cells: dict[int, tuple[str, int]], *, colour: bool) -> str:
    text = ""
    for bar in block.bars:
        text += _BAR
        for tick in range(bar.start_ticks, bar.end_ticks, block.step):
            if tick in cells:
                shape, place = cells[tick]
                text += _paint(
                    shape if colour or len(cells) == 0 or place == 0 else _other(shape, place), place, colour
                )
            else:
                text += _BEAT if (tick - bar.start_ticks) % bar.meter.beat_ticks == 0 else _NOTHING
    return (text + _BAR).rstrip()


def _over(song: Song, block: _Block) -> str:
    """Bar numbers and chord symbols over their columns."""
    marks = [(bar.start_ticks, str(bar.index + 1)) for bar in block.bars]
    marks += [
        (chord.start_ticks, chord_symbol(chord, key=song.key))
        for chord in song.chords
        if block.bars[0].start_ticks <= chord.start_ticks < block.bars[-1].end_ticks
    ]
    text = ""
    for tick, mark in sorted(marks, key=lambda one: one[0]):
        column = (tick - block.bars[0].start_ticks) // block.step
        column += sum(bar.start_ticks <= tick for bar in block.bars)
        if len(text) < column - 1:
            text = text.ljust(column - 1)
        text += ("" if not text or text.endswith(" ") else " ") + mark
    return text


def _letter(place: int) -> str:
    return chr(ord("a") + place % 26)


def _other(shape: str, place: int) -> str:
    """Without colours a later part is told by its letter."""
    return _letter(place).upper() if shape == _START else "-"


def _paint(text: str, place: int, colour: bool) -> str:  # noqa: FBT001 - a cell, its part, and how
    return f"\033[38;5;{_COLOURS[place % len(_COLOURS)]}m{text}\033[0m" if colour else text
