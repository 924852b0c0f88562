"""The checkpoint of accompanists: measured part by part, and made from another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cocreate.evaluate import band
from cocreate.evaluate.band import make_band, part_nats
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.band import band_words, on_points
from cocreate.model.corpus.pack import Entry, entry_of
from cocreate.model.corpus.piece import Piece
from cocreate.model.decoder import Decoder
from cocreate.music.song import Key, Meter, Note, Part, Song
from cocreate.music.theory import parse_progression


def entry(song: Song, split: str, *styles: str) -> Entry:
    return entry_of(Piece(song, "toy", f"work {split}", "toy", "CC0-1.0", "A", styles, split), band_words())


def groove(bars: int = 8) -> Song:
    hits = [Note(480 * n + 240 * k, 42, 30, 80) for n in range(4 * bars) for k in (0, 1)]
    hits += [Note(960 * n + 480 * k, 36 + 2 * k, 30, 100) for n in range(2 * bars) for k in (0, 1)]
    return on_points(Song((Part(tuple(hits), name="Drums", role="drums"),)))


def trio(bars: int = 8) -> Song:
    tune = Part(tuple(Note(480 * n, 67 + n * 3 % 7, 480) for n in range(4 * bars)))
    bass = Part(tuple(Note(480 * n, 40 + n % 5, 480) for n in range(4 * bars)), name="Bass", role="bass")
    chords = parse_progression("C | Am | F | G7", meter=Meter(0, 4, 4), bars=bars)
    return Song((tune, bass), keys=(Key(0, 0),), chords=chords)


def test_parts_are_measured_whatever_words_a_checkpoint_has(tiny_checkpoint: Path) -> None:
    found = part_nats(tiny_checkpoint, [entry(groove(), "test", "latin", "bossa"), entry(trio(), "test", "jazz")])
    assert set(found) == {"bass", "drums"}
    assert all(4 < nats < 8 for nats in found.values())  # random weights know nothing: about log of the words


@pytest.mark.slow
def test_a_band_is_made_from_the_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [entry(song, split, "rock") for split in ("train", "test") for song in (groove(), trio())]
    monkeypatch.setattr(band, "band_entries", lambda *_, **__: entries)
    card = make_band(["nowhere"], tmp_path / "band", minutes=0.2, seed=1)
    assert card["training"]["steps"] >= 1
    assert card["parts"]["after"] != card["parts"]["before"]
    assert json.loads((tmp_path / "band" / "card.json").read_text())["held_out"]
    assert Decoder(open_checkpoint(tmp_path / "band")).words.words == band_words().words
