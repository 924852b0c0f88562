"""Pictures: they are drawn, they draw what is there, and no letter stops them."""

from dataclasses import replace
from pathlib import Path

import pytest

from cocreate.errors import FileError, InputError
from cocreate.files.picture import _drawable, draw_piano_roll, draw_training_curve
from cocreate.music.song import Key, Meter, Note, Part, Song, Syllable
from cocreate.music.theory import parse_progression

PNG = b"\x89PNG\r\n\x1a\n"


def song() -> Song:
    tune = Part(
        tuple(Note(480 * n, 60 + n, 480) for n in range(8)), syllables=(Syllable(0, "月"), Syllable(480, "$x_"))
    )
    drums = Part((Note(0, 36, 240),), name="Drums", role="drums")
    chords = parse_progression("Dm7 G7 | Cmaj7", meter=Meter(0, 4, 4))
    return Song((tune, drums), chords=chords, keys=(Key(0, 0),), title="副歌 $x_{ Élégie")


def test_a_song_with_any_title_becomes_a_picture(tmp_path: Path) -> None:
    draw_piano_roll(song(), tmp_path / "roll.png")
    assert (tmp_path / "roll.png").read_bytes().startswith(PNG)


def test_a_picture_is_not_overwritten_without_force(tmp_path: Path) -> None:
    (tmp_path / "roll.png").write_text("mine")
    with pytest.raises(FileError, match="--force"):
        draw_piano_roll(song(), tmp_path / "roll.png")
    assert (tmp_path / "roll.png").read_text() == "mine"


def test_other_notes_give_another_picture_and_the_same_the_same(tmp_path: Path) -> None:
    bare = replace(song(), chords=())
    for name, drawn in (("a", bare), ("b", bare), ("c", bare.transpose(1))):
        draw_piano_roll(drawn, tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_a_song_without_notes_has_no_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one note"):
        draw_piano_roll(Song((Part(()),)), tmp_path / "roll.png")


def test_letters_without_a_font_become_question_marks() -> None:
    assert _drawable("é\U0010fffd\n♭") == "é? ♭"


def test_a_training_run_becomes_a_curve(tmp_path: Path) -> None:
    points = [(0.0, 5.0), (10.0, 3.0), (20.0, 2.5)]
    draw_training_curve([0, 20], {"train": points, "验证": points[:1], "none": []}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(PNG)
    with pytest.raises(InputError, match="at least one point"):
        draw_training_curve([], {"train": []}, tmp_path / "none.png")
