"""The chords that a person wants to stay, read from what they wrote or from their song.

Conventions:
    "1:Dm7 5:G7 C" is Dm7 in bar 1 and G7 and C in bar 5, which share its beats; "3.4:A7" begins on beat 4; "9-16" are
    the song's own chords in bars 9 to 16, "all" all of them, "none" none. Bars count as in ``generate.tune``. In a bar
    nothing follows a chord that is kept but others that are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from cocreate.errors import InputError, UnmetError
from cocreate.generate.tune import bars_of, parse_bars
from cocreate.music.song import Bar, Chord, Song
from cocreate.music.theory import parse_chord, parse_progression

ALL, NONE = "all", "none"
_CELL = re.compile(r"\d{1,5}:\S+")
_PLACE = re.compile(r"\d{1,5}(\.\d{1,3})?:\S+|\d{1,5}([-–]\d{1,5})?")


def kept_chords(song: Song, text: str) -> dict[int, tuple[Chord, ...]]:
    """The chords that ``keep`` names, by the place of their bar; each ends with its bar.

    Raises:
        InputError: if the text is unreadable.
        UnmetError: if a bar is not there, has too few beats or no chord to keep, or a chord has no exact symbol.
    """
    grid = song.bars()
    if text.strip().lower() == ALL:
        return {bar.index: own for bar in grid if (own := _own_chords(song, bar))}
    found: dict[int, tuple[Chord, ...]] = {}
    for words in _entries(text):
        head, _, symbol = words[0].partition(":")
        bar, _, beat = head.partition(".")
        for place in bars_of(song, parse_bars(bar)):
            if beat:
                chords: tuple[Chord, ...] = (_chord_on_beat(grid[place], int(beat), symbol),)
            elif symbol:
                chords = _cell(grid[place], [symbol, *words[1:]])
            else:
                chords = _own_chords(song, grid[place])
                if not chords:
                    raise UnmetError(f"keep must name bars that have chords, got {head}, where the song has none")
            found[place] = (*found.get(place, ()), *chords)
    return {place: _in_turn(chords, grid[place]) for place, chords in found.items()}


def _entries(text: str) -> list[list[str]]:
    """The words of ``keep``, each bar's together.

    Raises:
        InputError: if a word is none of those that ``keep`` may have.
    """
    found: list[list[str]] = []
    if text.strip().lower() == NONE:
        return found
    for word in text.replace(",", " ").replace("|", " ").split():
        if _PLACE.fullmatch(word):
            found.append([word])
        elif found and _CELL.fullmatch(found[-1][0]) and ":" not in word:
            found[-1].append(word)
        else:
            raise InputError(f'keep must be such as "1:Dm7 5:G7 C 9-16", all or none, got {word!r}')
    return found


def _own_chords(song: Song, bar: Bar) -> tuple[Chord, ...]:
    """The song's own chords in a bar, cut to it."""
    return tuple(
        replace(
            chord,
            start_ticks=max(chord.start_ticks, bar.start_ticks),
            length_ticks=min(chord.end_ticks, bar.end_ticks) - max(chord.start_ticks, bar.start_ticks),
        )
        for chord in song.chords
        if chord.start_ticks < bar.end_ticks and chord.end_ticks > bar.start_ticks
    )


def _cell(bar: Bar, symbols: Sequence[str]) -> tuple[Chord, ...]:
    """Chords that share the beats of a bar."""
    if len(symbols) > bar.meter.numerator:
        raise UnmetError(f"a bar of {bar.meter} keeps at most {bar.meter.numerator} chords, got {' '.join(symbols)!r}")
    cell = parse_progression(" ".join(map(_exact, symbols)), meter=replace(bar.meter, start_ticks=0))
    return tuple(replace(chord, start_ticks=chord.start_ticks + bar.start_ticks) for chord in cell)


def _chord_on_beat(bar: Bar, beat: int, symbol: str) -> Chord:
    """A chord from a beat (from 1) to the end of a bar."""
    if not 1 <= beat <= bar.meter.numerator:
        raise UnmetError(f"keep must name a beat in 1..{bar.meter.numerator} of a bar of {bar.meter}, got {beat}")
    root, quality, bass = parse_chord(_exact(symbol))
    start = bar.start_ticks + (beat - 1) * bar.length_ticks // bar.meter.numerator
    return Chord(start, bar.end_ticks - start, root, quality, bass)


def _exact(symbol: str) -> str:
    """The symbol, when it can be kept to the letter."""
    parse_chord(symbol)
    try:
        parse_chord(symbol, exact=True)
    except InputError:
        raise UnmetError(f"keep can keep no chord such as {symbol!r} to the letter; leave out a tension") from None
    return symbol


def _in_turn(chords: Sequence[Chord], bar: Bar) -> tuple[Chord, ...]:
    """The chords of a bar in time order, each cut by the next."""
    ordered = sorted(chords, key=lambda chord: chord.start_ticks)
    ends = [*(chord.start_ticks for chord in ordered[1:]), bar.end_ticks]
    if any(after <= chord.start_ticks for chord, after in zip(ordered, ends, strict=True)):
        raise InputError("keep must not name two chords for one beat of a bar")
    return tuple(
        replace(chord, length_ticks=min(chord.end_ticks, after) - chord.start_ticks)
        for chord, after in zip(ordered, ends, strict=True)
    )
