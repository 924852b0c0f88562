"""The harmonisation table: on a toy set whose right chords are known, and the split of Nottingham."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cocreate.errors import InputError
from cocreate.evaluate import harmony
from cocreate.evaluate.harmony import EXCERPT_BARS, evaluate_harmony, format_harmony
from cocreate.model.corpus.piece import Piece
from cocreate.model.corpus.scores import read_nottingham
from cocreate.music.song import Chord, Key, Note, Part, Song

BAR = 1920


def piece(number: int, split: str, *, dataset: str = "nottingham", bars: int = 8) -> Piece:
    roots = [(0, 5, 7, 0)[bar % 4] for bar in range(bars)]
    chords = tuple(
        Chord(BAR * bar, BAR, (root + number) % 12, "maj", (root + 4) % 12) for bar, root in enumerate(roots)
    )
    notes = tuple(
        Note(BAR * bar + 480 * place, 48 + (root + number) % 12 + step, 480)
        for bar, root in enumerate(roots)
        for place, step in enumerate((0, 4, 7, 0))
    )
    song = Song((Part(notes),), keys=(Key(0, number % 12),), chords=chords)
    return Piece(song, dataset, f"work {number}", f"tune {number}", "CC0-1.0", "B", ("folk", "reel"), split)


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def read(folder: Path) -> Iterator[Piece]:
        splits = ["train"] * 6 + ["validation"] * 2 + ["test"] * 3
        bars = 8 if folder.name == "nottingham" else EXCERPT_BARS + 8
        for number, split in enumerate(splits):
            yield piece(number, split, dataset=folder.name, bars=bars)
        yield replace(piece(20, "test"), song=replace(piece(20, "test").song, chords=()))  # no chords, no slots

    for name in ("nottingham", "pop909"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(harmony, "SETS", dict.fromkeys(("nottingham", "openewld_pd", "pop909"), read))
    return tmp_path


def test_every_harmoniser_stands_beside_the_human_one(toys: Path, tiny_harmony: Path) -> None:
    report = evaluate_harmony(toys, checkpoints=[tiny_harmony], beam=2)
    rows = {(row.dataset, row.who): row for row in report.rows}
    assert {dataset for dataset, _ in rows} == {"nottingham", "pop909"}
    human, hmm = rows["nottingham", "human"], rows["nottingham", "HMM"]
    assert (human.exact, human.root, human.pieces, human.slots) == (1, 1, 3, 24)
    assert (hmm.exact, hmm.near_human) == (1, 6)  # the bass of the file is not asked for
    assert rows["nottingham", "template"].exact == 1
    assert rows["nottingham", str(tiny_harmony)].exact < 1
    assert rows["pop909", "human"].slots == 3 * EXCERPT_BARS
    text = format_harmony(report)
    assert "nottingham: 3 pieces, 24 slots" in text
    assert text.count("6/6") >= 2


def test_pieces_are_counted_and_the_tuning_split_never_meets_the_test(toys: Path) -> None:
    report = evaluate_harmony(toys, checkpoints=[], sets=["nottingham"], split="validation", pieces=1)
    assert {row.pieces for row in report.rows} == {1}
    assert [row.who for row in report.rows] == ["human", "template", "HMM"]


def test_what_cannot_be_measured_is_refused(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split"):
        evaluate_harmony(toys, checkpoints=[], split="exam")
    with pytest.raises(InputError, match="sets must be of"):
        evaluate_harmony(toys, checkpoints=[], sets=["abba"])
    with pytest.raises(InputError, match="has none"):
        evaluate_harmony(tmp_path / "nowhere", checkpoints=[])


@pytest.mark.data
@pytest.mark.slow
def test_nottingham_holds_out_204_tunes_with_chords(data: Path) -> None:
    if not (data / "nottingham").is_dir():
        pytest.skip("needs the nottingham set")
    pieces = list(read_nottingham(data / "nottingham"))
    assert Counter(p.split == "test" for p in pieces) == {False: 828, True: 206}
    assert sum(p.split == "test" and bool(p.song.chords) for p in pieces) == 204
