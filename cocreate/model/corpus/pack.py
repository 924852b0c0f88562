"""The tokenised corpus as one file, so that training starts in seconds and travels to another machine.

Conventions:
    ``corpus.npz``: flat uint16 ids, int64 offsets of each bar's melody and chords, and one JSON line a piece with
    provenance. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cocreate.errors import FileError, InputError
from cocreate.model.corpus.label import mood_of
from cocreate.model.corpus.piece import Piece
from cocreate.model.tokens import Sheet, SheetBar, sheet_of
from cocreate.model.vocabulary import METERS, Vocabulary


@dataclass(frozen=True, slots=True)
class Entry:
    """A packed piece: its sheet, and what is known of it."""

    sheet: Sheet
    dataset: str
    work: str
    name: str
    licence: str
    tier: str
    styles: tuple[str, ...]
    split: str
    weight: float
    mood: str

    @property
    def style(self) -> str:
        """The general style."""
        return self.styles[0]


def entry_of(piece: Piece, words: Vocabulary) -> Entry:
    """The packed form of a piece.

    Raises:
        InputError: if the piece does not fit the grid or the vocabulary.
    """
    known = tuple(style for style in piece.styles if f"Style_{style}" in words.ids)
    if not known:
        raise InputError(f"a piece needs a style the vocabulary knows, got {piece.styles}")
    return Entry(
        sheet=sheet_of(piece.song, words),
        dataset=piece.dataset,
        work=piece.work,
        name=piece.name,
        licence=piece.licence,
        tier=piece.tier,
        styles=known,
        split=piece.split,
        weight=piece.weight,
        mood=mood_of(piece.song),
    )


def save(entries: Iterable[Entry], path: Path) -> None:
    """Write the packed corpus (replaces the file)."""
    melody: list[int] = []
    chords: list[int] = []
    bars: list[tuple[int, int, int]] = []
    heads: list[str] = []
    for entry in entries:
        for bar in entry.sheet.bars:
            melody += bar.melody
            chords += bar.chords
            bars.append((METERS.index(bar.meter), len(bar.melody), len(bar.chords)))
        sheet = entry.sheet
        heads.append(
            json.dumps(
                {
                    "bars": len(sheet.bars),
                    "sheet": [sheet.shift, sheet.mode, sheet.tempo_bpm, sheet.has_pickup],
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
            bars = data["bars"].tolist()
            heads = data["heads"].tobytes().decode().split("\n")
    except (OSError, ValueError, KeyError) as error:
        raise FileError(f"a packed corpus must be readable, got {path}: {error}") from None
    entries: list[Entry] = []
    bar_place = melody_place = chord_place = 0
    for line in filter(None, heads):
        head = json.loads(line)
        found: list[SheetBar] = []
        for meter, n_melody, n_chords in bars[bar_place : bar_place + head["bars"]]:
            found.append(
                SheetBar(
                    METERS[meter],
                    tuple(melody[melody_place : melody_place + n_melody]),
                    tuple(chords[chord_place : chord_place + n_chords]),
                )
            )
            melody_place, chord_place = melody_place + n_melody, chord_place + n_chords
        bar_place += head["bars"]
        shift, mode, tempo, pickup = head["sheet"]
        dataset, work, name, licence, tier, styles, split, weight, mood = head["rest"]
        entries.append(
            Entry(
                Sheet(tuple(found), shift, mode, tempo, pickup),
                dataset, work, name, licence, tier, tuple(styles), split, weight, mood,
            )
        )  # fmt: skip
    return entries


def of_split(entries: Sequence[Entry], split: str, *, tiers: Sequence[str] = ("A", "A*")) -> list[Entry]:
    """Entries of one split whose tier may be used."""
    return [entry for entry in entries if entry.split == split and entry.tier in tiers]
