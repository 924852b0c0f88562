"""Songs to kern and back, as far as kern can say them."""

from pathlib import Path

import pytest

from cocreate.errors import FileError, InputError
from cocreate.files import read_song
from cocreate.files.notation import write_kern
from cocreate.music.song import Key, Meter, Note, Part, Song, Tempo

TUNE = Song(
    parts=(
        Part((Note(0, 62, 480), Note(480, 65, 160), Note(640, 66, 160), Note(800, 69, 160), Note(960, 74, 2040))),
        Part((Note(0, 38, 1440), Note(0, 50, 720), Note(1440, 43, 1440)), name="B", role="bass"),
    ),
    meters=(Meter(0, 3, 4), Meter(1440, 4, 4)),
    keys=(Key(0, 2, "minor"),),
    tempos=(Tempo(0, 96.0),),
    title="Tune",
)  # fmt: skip


def sounding(song: Song) -> list[set[tuple[int, int, int]]]:
    return sorted([{(n.start_ticks, n.pitch, n.length_ticks) for n in p.notes} for p in song.parts], key=min)


def test_notes_metres_and_signature_survive(tmp_path: Path) -> None:
    write_kern(TUNE, tmp_path / "tune.krn")
    back = read_song(tmp_path / "tune.krn")
    assert sounding(back) == sounding(TUNE)
    assert [str(meter) for meter in back.meters] == ["3/4", "4/4"]
    assert back.key == TUNE.key
    assert back.tempo_bpm == pytest.approx(96)


def test_a_pickup_stays_one(tmp_path: Path) -> None:
    song = Song(parts=(Part((Note(1440, 67, 480), Note(1920, 72, 1920))),), keys=(Key(0, 0),), pickup_ticks=480)
    write_kern(song, tmp_path / "p.krn")
    back = read_song(tmp_path / "p.krn")
    assert sounding(back) == sounding(song)
    assert back.pickup_ticks == 480


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "t.krn").write_text("mine", encoding="utf-8")
    with pytest.raises(FileError, match="exists already"):
        write_kern(TUNE, tmp_path / "t.krn")
    assert (tmp_path / "t.krn").read_text(encoding="utf-8") == "mine"


def test_what_kern_cannot_say_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pitched part"):
        write_kern(Song(parts=(Part((Note(0, 36, 10),), role="drums"),)), tmp_path / "d.krn")
    with pytest.raises(InputError, match="note values"):
        write_kern(Song(parts=(Part((Note(0, 60, 7),)),)), tmp_path / "x.krn")
    assert not list(tmp_path.iterdir())
