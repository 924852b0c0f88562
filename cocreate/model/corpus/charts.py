"""Readers for chord charts without a melody: McGill Billboard and Impro-Visor's Imaginary Book.

Conventions:
    A piece has no parts, only chords by bar (sections, metre, tempo and key where the set gives them). Chords of a bar
    share it evenly; ``.`` or ``/`` holds the chord before.

Source:
    Burgoyne, Wild and Fujinaga, An Expert Ground Truth Set for Audio Chord Recognition, ISMIR 2011.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median

from cocreate.errors import CocreateError, FileError
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.model.corpus.symbols import Reading, SymbolReader, hold_chords, read_harte, read_leadsheet, tonic_mode
from cocreate.music.song import DEFAULT_TEMPO_BPM, TICKS_PER_QUARTER, Chord, Key, Meter, Section, Song, Tempo
from cocreate.music.theory import parse_meter, parse_pitch_class

_LOG = logging.getLogger(__name__)
_BROKEN = (CocreateError, OSError, ValueError, TypeError, KeyError, IndexError)
_HOLDS = (".", "/", "*", "&pause")
_TEMPO_RANGE = (30.0, 300.0)  # outside it the times of a file say nothing about its beat

_CHART_STYLES = (  # how an Impro-Visor style name begins -> our styles
    ("swing", ("jazz", "swing")), ("ballad", ("jazz", "ballad")), ("waltz", ("jazz", "waltz")),
    ("latin", ("jazz", "latin")), ("bossa", ("jazz", "latin", "bossa")), ("samba", ("jazz", "latin", "samba")),
    ("mambo", ("jazz", "latin")), ("salsa", ("jazz", "latin")), ("rhumba", ("jazz", "latin")),
    ("cha-cha", ("jazz", "latin")), ("funk", ("jazz", "funk")), ("soul", ("jazz", "soul")), ("rock", ("jazz", "rock")),
    ("folk-rock", ("jazz", "rock")), ("shuffle", ("jazz", "blues")), ("polka", ("polka",)), ("march", ("march",)),
    ("zydeco", ("folk", "zydeco")), ("achy-breaky", ("country",)),
)  # fmt: skip


def read_mcgill_billboard(folder: Path) -> Iterator[Piece]:
    """Songs of the American charts 1958-1991: chords, sections, metre changes, tonic; the tempo from the phrase times.

    A song that was annotated twice comes once.
    """
    read = SymbolReader(read_harte)
    seen: set[tuple[str, str]] = set()  # a song that charted in two weeks has two files
    for row in _rows(folder / "manifest.csv"):
        if (row["title"].lower(), row["artist"].lower()) in seen:
            continue
        seen.add((row["title"].lower(), row["artist"].lower()))
        try:
            song = billboard_song((folder / row["file"]).read_text(encoding="utf-8"), title=row["title"], read=read)
        except _BROKEN as error:
            _LOG.warning("mcgill_billboard: left out %s: %s", row.get("file"), error)
            continue
        work = work_key(row["title"])
        name = f"{row['title']} ({row['artist']})"
        yield Piece(song, "mcgill_billboard", work, name, "CC0", "A", ("pop",), split_of(work))
    read.report(_LOG, "mcgill_billboard")


def billboard_song(text: str, *, title: str, read: SymbolReader) -> Song:
    """The song of one annotation file.

    Raises:
        FileError: if it has no bars.
    """
    sheet = _Sheet(read)
    tonic: int | None = None
    tonics: list[tuple[int, int]] = []
    phrases: list[tuple[float, int]] = []  # second and tick of each line that has bars
    for line in text.splitlines():
        if line.startswith("#"):
            name, _, value = line[1:].partition(":")
            if name.strip() == "metre":
                sheet.meter = parse_meter(value)
            elif name.strip() == "tonic":
                tonic = parse_pitch_class(value)
                tonics.append((sheet.end_ticks, tonic))
            continue
        time, _, content = line.partition("\t")
        if "|" not in content:
            continue
        phrases.append((float(time), sheet.end_ticks))
        label = [part.strip() for part in content[: content.index("|")].split(",") if part.strip()]
        if label:
            sheet.sections.append(Section(sheet.end_ticks, label[-1]))
        _add_phrase(sheet, content[content.index("|") :])
    return sheet.song(title=title, style="pop", tempo_bpm=_tempo(phrases), tonics=tonics)


def read_improvisor_jazz(folder: Path) -> Iterator[Piece]:
    """Standards of the Imaginary Book as chords by bar, with the style its player is told to use."""
    read = SymbolReader(read_leadsheet)
    for row in _rows(folder / "manifest.csv"):
        if not row["file"].startswith("chord_charts/"):
            continue
        try:
            song, styles = _leadsheet_song(folder / row["file"], row, read)
        except _BROKEN as error:
            _LOG.warning("improvisor_jazz: left out %s: %s", row.get("file"), error)
            continue
        work = work_key(row["title"])
        name = f"{row['title']} ({row['composer']})" if row["composer"] else row["title"]
        yield Piece(song, "improvisor_jazz", work, name, "GPL-2.0", "B", styles, split_of(work))
    read.report(_LOG, "improvisor_jazz")


def _leadsheet_song(path: Path, row: dict[str, str], read: SymbolReader) -> tuple[Song, tuple[str, ...]]:
    sheet = _Sheet(read)
    sheet.meter = parse_meter(row["meter"].replace(" ", "/") or "4/4")
    bars = [bar.split() for bar in chart_text(path.read_text(encoding="utf-8", errors="replace")).split("|")]
    while bars and not bars[-1]:
        bars.pop()
    for bar in bars:
        sheet.add_bar([word.replace("\\", "/") if len(word) > 1 else word for word in bar])
    styles = next((styles for start, styles in _CHART_STYLES if row["style"].lower().startswith(start)), ("jazz",))
    if "blues" in row["title"].lower() and "blues" not in styles:
        styles = (*styles, "blues")
    tempo = float(row["tempo"] or DEFAULT_TEMPO_BPM)
    return sheet.song(title=row["title"], style=styles[-1], tempo_bpm=tempo, tonics=[]), styles


def chart_text(text: str) -> str:
    """What a lead sheet says outside its brackets, up to the melody part: the chords and bar lines."""
    kept: list[str] = []
    depth, group = 0, ""
    for sign in text:
        if sign == "(":
            depth += 1
        if depth == 0:
            kept.append(sign)
        else:
            group += sign
        if sign == ")" and depth > 0:
            depth -= 1
            if depth == 0:
                if "(type melody)" in group:
                    break
                group = ""
    return "".join(kept)


class _Sheet:
    """A chart under construction, bar by bar."""

    def __init__(self, read: SymbolReader) -> None:
        self.read = read
        self.meter = Meter(0, 4, 4)
        self.meters: list[Meter] = []
        self.changes: list[tuple[int, Reading]] = []
        self.sections: list[Section] = []
        self.bars: list[list[str]] = []
        self.end_ticks = 0

    def add_bar(self, words: list[str], *, meter: Meter | None = None) -> None:
        """A bar of chord symbols that share it evenly; ``meter`` is for this bar alone."""
        here = meter or self.meter
        last = self.meters[-1] if self.meters else None
        if last is None or (last.numerator, last.denominator) != (here.numerator, here.denominator):
            self.meters.append(Meter(self.end_ticks, here.numerator, here.denominator))
        for place, word in enumerate(words):
            if word not in _HOLDS:
                self.changes.append((self.end_ticks + here.bar_ticks * place // len(words), self.read(word)))
        self.end_ticks += here.bar_ticks

    def song(self, *, title: str, style: str, tempo_bpm: float, tonics: list[tuple[int, int]]) -> Song:
        """The finished chart.

        Raises:
            FileError: if it has no chords.
        """
        chords = hold_chords(self.changes, end_ticks=self.end_ticks)
        if not any(chord.root is not None for chord in chords):
            raise FileError(f"a chord chart must have chords, got none in {title!r}")
        return Song(
            parts=(),
            meters=tuple(self.meters),
            tempos=(Tempo(0, round(tempo_bpm, 1)),),
            keys=_keys(tonics, chords),
            chords=chords,
            sections=tuple(self.sections),
            title=title,
            style=style,
        )


def _keys(tonics: list[tuple[int, int]], chords: tuple[Chord, ...]) -> tuple[Key, ...]:
    keys: dict[int, Key] = {}
    for index, (tick, tonic) in enumerate(tonics):
        end = tonics[index + 1][0] if index + 1 < len(tonics) else chords[-1].end_ticks
        inside = [chord for chord in chords if tick <= chord.start_ticks < end]
        keys[tick] = Key(tick, tonic, tonic_mode(tonic, chords=inside))
    return tuple(keys.values())


def _add_phrase(sheet: _Sheet, content: str) -> None:
    """The bars of a phrase ("| A:min | (2/4) D:7 | x2, (guitar)") and its repeats."""
    bars, _, tail = content[1:].rpartition("|")
    if not _:
        return
    repeat = re.match(r"^\s*x(\d{1,2})", tail)
    for _time in range(int(repeat[1]) if repeat else 1):
        for bar in bars.split("|"):
            words = bar.split()
            meter = None
            if words and re.fullmatch(r"\(\d+/\d+\)", words[0]):
                meter = parse_meter(words.pop(0)[1:-1])
            sheet.add_bar(words, meter=meter)


def _tempo(phrases: list[tuple[float, int]]) -> float:
    """Quarter notes a minute, the median over the phrases; 120 when the times make no sense."""
    rates = [
        60 * (later[1] - early[1]) / TICKS_PER_QUARTER / (later[0] - early[0])
        for early, later in pairwise(phrases)
        if later[0] > early[0] and later[1] > early[1]
    ]
    rate = median(rates) if rates else DEFAULT_TEMPO_BPM
    return rate if _TEMPO_RANGE[0] <= rate <= _TEMPO_RANGE[1] else DEFAULT_TEMPO_BPM


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
