"""Own files and own verdicts become a checkpoint, from the command line to the melody that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cocreate.cli import main
from cocreate.errors import FileError, InputError
from cocreate.evaluate import listener
from cocreate.evaluate.own import read_own, style_name, with_style
from cocreate.files.midi import write_midi
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Key, Note, Part, Song

Capture = pytest.CaptureFixture[str]


def song(seed: int, *, title: str = "") -> Song:
    """Eight bars of quarters that wander over a scale."""
    rng = np.random.default_rng(seed)
    scale = (60, 62, 64, 65, 67, 69, 71, 72)
    notes = tuple(Note(480 * place, int(rng.choice(scale)), 480) for place in range(32))
    return Song(parts=(Part(notes, role="melody"),), keys=(Key(0, 0),), title=title)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three songs, one of them a folder down, and a file that is no song."""
    place = tmp_path / "midis"
    (place / "more").mkdir(parents=True)
    for number, name in enumerate(("a.mid", "b.mid", "more/c.mid")):
        write_midi(song(number), place / name)
    (place / "broken.mid").write_bytes(b"MThd")
    (place / "notes.txt").write_text("no song")
    return place


def test_a_folder_is_read_and_what_cannot_be_is_named(folder: Path) -> None:
    found = read_own(folder, "mine")
    assert sorted(piece.name for piece in found.pieces) == ["a.mid", "b.mid", "more/c.mid"]
    assert list(found.unread) == ["broken.mid"]
    assert sorted(piece.split for piece in found.pieces) == ["train", "train", "validation"]
    assert [piece.split for piece in read_own(folder, "mine").pieces] == [piece.split for piece in found.pieces]
    assert {piece.licence for piece in found.pieces} == {"yours"}


def test_every_tune_of_an_abc_book_is_a_piece(tmp_path: Path) -> None:
    tune = "X:{0}\nT:Tune {0}\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|CDEF|GABc|\n\n"
    (tmp_path / "book.abc").write_text("".join(tune.format(number) for number in (1, 2)))
    assert [piece.name for piece in read_own(tmp_path, "mine").pieces] == ["book.abc 1", "book.abc 2"]


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"must hold a file that ends in one of \.mid"):
        read_own(tmp_path, "mine")
    with pytest.raises(FileError, match="must be a folder"):
        read_own(tmp_path / "nowhere", "mine")


def test_the_style_is_called_after_the_folder() -> None:
    assert style_name(Path("out/My_Style-2")) == "my style 2"
    with pytest.raises(InputError, match="name for the style"):
        style_name(Path("out/any"))
    words = with_style(Vocabulary(), "mine")
    assert words.words == (*Vocabulary().words, "Style_mine")
    assert with_style(words, "mine") == words


def test_own_files_become_a_style_that_writes(home: Path, folder: Path, capsys: Capture) -> None:
    words = f"train music --from music --data {folder} --steps 2 --batch-tokens 256 --threads 1 --out my_style --json"
    assert main(words.split()) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["pieces"], found["held_out"], found["notes"], found["style"]) == (2, 1, 96, "my style")
    assert "1 files could not be read: broken.mid" in told.err
    assert "are few" in told.err
    made = open_checkpoint("my_style")
    assert made.words.words[-1] == "Style_my style"
    assert made.card["sets"]["own pieces"]["licence"] == "yours"
    assert made.card["sets"]["toy"]["licence"] == "CC0-1.0"
    assert "nats a melody note" in (made.folder / "README.md").read_text(encoding="utf-8")
    known = NoveltyIndex.load(made.folder / "novelty.npz")
    assert known.longest_match(song(0).melody.notes).notes in {0, 32}
    assert {"my style", "jazz"} <= set(made.extra("styles.json")["styles"])
    assert (
        main(
            [
                "melody",
                "--checkpoint",
                "my_style",
                "--style",
                "my_style",
                "-n",
                "2",
                "--bars",
                "4",
                "--seed",
                "1",
                "--json",
            ]
        )
        == 0
    )
    assert main(words.split()) == 1  # there is a checkpoint already


def test_training_asks_for_one_kind_of_music(home: Path, folder: Path) -> None:
    assert main(["train", "music", "--steps", "1"]) == 2
    assert main(["train", "music", "--steps", "1", "--data", str(folder), "--corpus", "music21"]) == 2


def verdicts(place: Path) -> None:
    for number in range(8):
        write_midi(song(number), place / f"{number}.mid")
        assert main(["keep" if number % 2 else "skip", str(place / f"{number}.mid")]) == 0


def test_a_listener_gets_a_checkpoint(home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "WRITTEN", 4)
    monkeypatch.setattr(listener, "SPREAD_IDEAS", 4)
    verdicts(home)
    (home / "0.mid").unlink()
    capsys.readouterr()
    assert main(["train", "adapt", "--steps", "5", "--threads", "1", "--out", "my_music", "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["kept"], found["skipped"], found["gone"], found["pairs"]) == (4, 3, 1, 1)
    assert "1 pieces of 'me' were left out" in told.err
    assert found["spread_after"] >= 0.9 * found["spread_before"]
    assert open_checkpoint("my_music").card["started_from"] == "music"
    assert main(["melody", "--checkpoint", "my_music", "-n", "2", "--bars", "4", "--seed", "1", "--json"]) == 0


def test_verdicts_without_their_files_are_too_few(home: Path, capsys: Capture) -> None:
    verdicts(home)
    for number in range(4):
        (home / f"{number}.mid").unlink()
    assert main(["train", "adapt", "--steps", "2", "--out", "my_music"]) == 2
    assert "adapting needs 3 kept and 3 skipped pieces" in capsys.readouterr().err
    assert main(["train", "adapt", "--profile", "nobody", "--steps", "2", "--out", "my_music"]) == 2
    assert not (home / "my_music").exists()


def test_the_way_back_stops_where_the_spread_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    def at(value: float) -> nn.Module:
        made = nn.Linear(1, 1, bias=False)
        nn.init.constant_(made.weight, value)
        return made

    with torch.no_grad():
        spread = lambda net: 1.0 - 0.45 * float(net.weight)  # noqa: E731 - falls as the network moves on
        scale, net, after = listener._kept_wide(at(0.0), at(1.0), 1.0, spread)
    assert scale == 0.1875
    assert after == pytest.approx(0.915625)
    assert float(net.weight.detach()) == pytest.approx(scale)
