"""The tokenised corpus as one file, so that training starts in seconds and travels to another machine.

Conventions:
    ``corpus.npz``: flat uint16 ids of melodies, chords and other tracks, their number in each bar, content vectors
    and one JSON line a piece with provenance. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cocreate.errors import FileError, InputError
from cocreate.model.corpus.label import mood_of
from cocreate.model.corpus.piece import Piece
from cocreate.model.tokens import Sheet, SheetBar
from cocreate.model.tracks import full_sheet_of
from cocreate.model.vocabulary import METERS, Vocabulary
from cocreate.music.song import Song

Describe = Callable[[Song], Sequence[float]]  # the content vector of a song; empty when it has none
_VECTOR_UNIT = 0.05  # content vectors are kept as small integers of this unit; they lie in -3..3


@dataclass(frozen=True, slots=True)
class Entry:
    """A packed piece: its sheet, and what is known of it. ``content`` is its vector in the space of taste, or empty."""

    sheet: Sheet
    dataset: str
    work: str
    name: str
    licence: str
    tier: str
    styles: tuple[str, ...]
    split: str
    weight: float
    mood: str | None
    content: tuple[float, ...] = ()

    @property
    def style(self) -> str:
        """The general style."""
        return self.styles[0]


def entry_of(piece: Piece, words: Vocabulary, *, describe: Describe = lambda _song: ()) -> Entry:
    """The packed form of a piece.

    Raises:
        InputError: if the piece does not fit the grid or the vocabulary.
    """
    known = tuple(style for style in piece.styles if f"Style_{style}" in words.ids)
    if not known:
        raise InputError(f"a piece needs a style the vocabulary knows, got {piece.styles}")
    return Entry(
        sheet=full_sheet_of(piece.song, words),
        dataset=piece.dataset,
        work=piece.work,
        name=piece.name,
        licence=piece.licence,
        tier=piece.tier,
        styles=known,
        split=piece.split,
        weight=piece.weight,
        mood=mood_of(piece.song),
        content=tuple(round(round(value / _VECTOR_UNIT) * _VECTOR_UNIT, 2) for value in describe(piece.song)),
    )


def save(entries: Iterable[Entry], path: Path) -> None:
    """Write the packed corpus (replaces the file)."""
    melody: list[int] = []
    chords: list[int] = []
    others: list[int] = []
    sizes: list[int] = []
    content: list[int] = []
    bars: list[tuple[int, int, int]] = []
    heads: list[str] = []
    for entry in entries:
        content += [round(value / _VECTOR_UNIT) for value in entry.content]
        for bar in entry.sheet.bars:
            melody += bar.melody
            chords += bar.chords
            for ids in bar.others:
                others += ids
                sizes.append(len(ids))
            bars.append((METERS.index(bar.meter), len(bar.melody), len(bar.chords)))
        sheet = entry.sheet
        heads.append(
            json.dumps(
                {
                    "bars": len(sheet.bars),
                    "sheet": [sheet.shift, sheet.mode, sheet.tempo_bpm, sheet.has_pickup, list(sheet.others)],
                    "content": len(entry.content),
                    "rest": [
                        entry.dataset, entry.work, entry.name, entry.licence, entry.tier, list(entry.styles),
                        entry.split, entry.weight, entry.mood,
                    ],
                },
                ensure_ascii=False,
            )
        )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp.npz")
    np.savez_compressed(
        scratch,
        melody=np.array(melody, dtype=np.uint16),
        chords=np.array(chords, dtype=np.uint16),
        others=np.array(others, dtype=np.uint16),
        sizes=np.array(sizes, dtype=np.uint16),
        content=np.array(content, dtype=np.int8),
        bars=np.array(bars, dtype=np.uint16).reshape(-1, 3),
        heads=np.frombuffer("\n".join(heads).encode(), dtype=np.uint8),
    )
    scratch.replace(path)


def load(path: Path) -> list[Entry]:
    """Read a packed corpus.

    Raises:
        FileError: if the file is missing or is not one of ours.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            melody, chords = data["melody"].tolist(), data["chords"].tolist()
            others, sizes = data["others"].tolist(), data["sizes"].tolist()
            content = (data["content"] * _VECTOR_UNIT).round(2).tolist()
            bars = data["bars"].tolist()
            heads = data["heads"].tobytes().decode().split("\n")
    except (OSError, ValueError, KeyError) as error:
        raise FileError(f"a packed corpus must be readable, got {path}: {error}") from None
    entries: list[Entry] = []
    bar_place = melody_place = chord_place = other_place = size_place = content_place = 0
    for line in filter(None, heads):
        head = json.loads(line)
        shift, mode, tempo, pickup, names = head["sheet"]
        found: list[SheetBar] = []
        for meter, n_melody, n_chords in bars[bar_place : bar_place + head["bars"]]:
            rows: list[tuple[int, ...]] = []
            for size in sizes[size_place : size_place + len(names)]:
                rows.append(tuple(others[other_place : other_place + size]))
                other_place += size
            size_place += len(rows)
            found.append(
                SheetBar(
                    METERS[meter],
                    tuple(melody[melody_place : melody_place + n_melody]),
                    tuple(chords[chord_place : chord_place + n_chords]),
                    tuple(rows),
                )
            )
            melody_place, chord_place = melody_place + n_melody, chord_place + n_chords
        bar_place += head["bars"]
        vector = tuple(content[content_place : content_place + head["content"]])
        content_place += len(vector)
        dataset, work, name, licence, tier, styles, split, weight, mood = head["rest"]
        entries.append(
            Entry(
                Sheet(tuple(found), shift, mode, tempo, pickup, tuple(names)),
                dataset, work, name, licence, tier, tuple(styles), split, weight, mood, vector,
            )
        )  # fmt: skip
    return entries


def of_split(entries: Sequence[Entry], split: str, *, tiers: Sequence[str] = ("A", "A*")) -> list[Entry]:
    """Entries of one split whose tier may be used."""
    return [entry for entry in entries if entry.split == split and entry.tier in tiers]
