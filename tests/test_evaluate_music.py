"""Nats a note beside baselines, copies, leaks: on a corpus small enough to count by hand."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cocreate.errors import CheckpointError, InputError
from cocreate.evaluate.music import TOTAL, evaluate_music, format_table, leaked_pieces, read_entries
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.corpus.pack import Entry, save
from cocreate.model.tokens import sheet_of
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Chord, Key, Note, Part, Song

WORDS = Vocabulary()


def entry(number: int, split: str, *, style: str = "folk", dataset: str = "toy", has_chords: bool = True) -> Entry:
    rng = np.random.default_rng(number)
    pitches = 60 + np.abs(np.cumsum(rng.integers(-3, 4, 32))) % 17
    notes = tuple(Note(240 * place, int(pitch), 240) for place, pitch in enumerate(pitches))
    chords = tuple(Chord(bar * 1920, 1920, 5 * bar % 12) for bar in range(4)) if has_chords else ()
    song = Song((Part(notes),), keys=(Key(0, number % 12),), chords=chords)
    return Entry(
        sheet_of(song, WORDS),
        dataset,
        f"work {number}",
        f"tune {number}",
        "CC0-1.0",
        "A",
        (style,),
        split,
        1.0,
        "happy",
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.npz"
    entries = [entry(n, "train") for n in range(100)]
    entries += [entry(n, "train", style="chorale", dataset="jsb_chorales", has_chords=False) for n in range(100, 110)]
    entries += [entry(n, "validation") for n in range(200, 205)] + [entry(n, "test") for n in range(300, 304)]
    entries += [entry(n, "test", style="chorale", dataset="jsb_chorales", has_chords=False) for n in range(400, 402)]
    save(entries, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint with a configuration that transformers reads too."""
    folder = tmp_path_factory.mktemp("evaluated") / "music"
    shutil.copytree(tiny_checkpoint, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "llama", "tie_word_embeddings": True, "num_key_value_heads": config["num_attention_heads"]}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_report_stands_beside_its_baselines(corpus: Path, checkpoint: Path) -> None:
    report = evaluate_music(corpus, checkpoint=checkpoint, ideas=6)
    rows = {(row.task, row.style): row for row in report.rows}
    folk, chorale, jsb = (rows["melody", name] for name in ("folk", "chorale", "JSB soprano (standard split)"))
    assert (folk.pieces, folk.notes, folk.training_pieces) == (4, 4 * 32, 100)
    assert (chorale.pieces, jsb.pieces, rows["melody", TOTAL].pieces) == (2, 2, 6)
    assert chorale.checkpoint == jsb.checkpoint
    # a note costs a position, a pitch, a length; eight notes share a bar line, and the end comes once
    kinds = {kind: math.log(len(ids)) for kind, ids in WORDS.type_ids.items()}
    note = kinds["Position"] + kinds["Pitch"] + kinds["Duration"]
    assert folk.uniform == pytest.approx(note + kinds["Bar"] / 8 + kinds["EOS"] / 32, abs=1e-3)
    assert folk.checkpoint == pytest.approx((3 + 1 / 8 + 1 / 32) * math.log(len(WORDS)), rel=0.1)  # it knows nothing
    assert folk.ngram < folk.unigram < folk.uniform < folk.checkpoint
    assert folk.beats_all is False
    assert chorale.beats_all is None  # ten training pieces prove nothing
    assert ("over", "chorale") not in rows
    assert rows["over", "folk"].ngram_blind is not None
    assert folk.ngram_blind is None
    assert report.form_met == 1
    assert report.leaked == 0
    assert [row.ideas for row in report.copies] == [6, 6]
    assert json.loads(json.dumps(report.as_dict()))["machine"]["cores"] >= 1
    table = format_table(report)
    assert "Melody over given chords" in table
    assert "is the same tune: 0" in table


def test_a_transposed_copy_of_a_training_piece_is_a_leak() -> None:
    training = [entry(n, "train") for n in range(5)]
    higher = replace(training[2], sheet=replace(training[2].sheet, shift=training[2].sheet.shift - 5), split="test")
    assert leaked_pieces([higher, entry(9, "test")], training, WORDS) == [higher]


def test_data_without_held_out_pieces_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    save([entry(1, "train")], tmp_path / "corpus.npz")
    with pytest.raises(InputError, match="must hold training and test pieces"):
        evaluate_music(tmp_path / "corpus.npz", checkpoint=checkpoint)
    with pytest.raises(InputError, match="split must be"):
        evaluate_music(tmp_path / "corpus.npz", checkpoint=checkpoint, split="tset")


def test_a_checkpoint_of_other_words_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    words = open_checkpoint(checkpoint).words
    with pytest.raises(CheckpointError, match="this version's words"):
        read_entries(tmp_path, Vocabulary(words.words[:-1]))
