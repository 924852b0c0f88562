"""The MIDI sets: the tune is found, the bar lines are right, every piece says where it comes from."""

import csv
import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from cocreate.errors import FileError
from cocreate.files.midi import write_midi
from cocreate.model.corpus.midis import (
    full_first_bar,
    hidden_pickup,
    on_grid,
    read_gutenberg_cowboy,
    read_mutopia,
    skyline,
    whole_bars,
    with_melody,
)
from cocreate.model.corpus.piece import split_of
from cocreate.music.song import Meter, Note, Part, Song

DATA = Path(os.environ.get("COCREATE_DATA", Path(__file__).resolve().parents[1] / ".data"))


def tune(length: int = 16, pitch: int = 72) -> tuple[Note, ...]:
    return tuple(Note(480 * n, pitch + n % 3, 480) for n in range(length))


def test_the_skyline_is_the_top_of_the_chords() -> None:
    chords = [Note(0, 60, 480), Note(0, 67, 480), Note(480, 65, 960), Note(960, 62, 480), Note(1200, 70, 240)]
    line, rest = skyline([*chords, Note(1440, 90, 20)])
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in line] == [(0, 67, 480), (480, 65, 720), (1200, 70, 240)]
    assert [n.pitch for n in rest] == [60, 62]
    assert Part(line).is_monophonic


def test_the_highest_lasting_part_is_the_melody_and_nothing_is_lost() -> None:
    harmony = tuple(Note(480 * n, 52, 480) for n in range(32))
    ossia = tuple(Note(60 * n, 90, 60) for n in range(16))
    top = (*tune(32), Note(0, 60, 480))
    parts = tuple(Part(notes, name=name, role="other") for notes, name in ((harmony, "L"), (ossia, "O"), (top, "R")))
    song = with_melody(Song(parts))
    assert song is not None
    assert [(p.name, p.role) for p in song.parts] == [
        ("R", "melody"), ("R (rest)", "other"), ("L", "other"), ("O", "other"),
    ]  # fmt: skip
    assert song.melody.notes == tune(32)


def test_the_other_parts_are_what_their_notes_say() -> None:
    low, middle = tune(16, 40), tune(16, 60)
    hands = tuple(Note(480 * n, pitch, 480) for n in range(16) for pitch in (48, 55))
    parts = [Part(tune(), "top", "other"), Part(middle, "b", "other"), Part(hands, "c", "other")]
    song = with_melody(Song((*parts, Part(low, "d", "other"), Part(low, "kit", "drums"))))
    assert song is not None
    assert [p.role for p in song.parts] == ["melody", "other", "comping", "bass", "drums"]
    choir = with_melody(
        Song((parts[0], *(Part(notes, "", "voice") for notes in (middle, low)), Part(low, "d", "other")))
    )
    assert choir is not None
    assert [p.role for p in choir.parts] == ["melody", "voice", "voice", "voice"]


def test_fewer_than_16_notes_are_no_tune() -> None:
    assert with_melody(Song((Part(tune(15)),))) is None


def test_a_short_first_metre_is_a_pickup() -> None:
    song = full_first_bar(Song((Part(tune()),), meters=(Meter(0, 1, 4), Meter(480, 3, 4), Meter(1920, 4, 4))))
    assert song.pickup_ticks == 480
    assert song.meters == (Meter(0, 3, 4), Meter(2880, 4, 4))
    assert song.melody.notes[:2] == (Note(960, 72, 480), Note(1440, 73, 480))


def test_a_pickup_shows_in_where_the_long_notes_lie() -> None:
    notes = [Note(0, 60, 480)]
    for bar in range(8):
        start = 480 + 1440 * bar
        notes += [Note(start, 67, 960), Note(start + 960, 65, 480)]
    song = Song((Part(tuple(notes)),), meters=(Meter(0, 3, 4),))
    assert hidden_pickup(song) == 480
    moved = full_first_bar(song)
    assert (moved.pickup_ticks, moved.melody.notes[1].start_ticks) == (480, 1440)
    later = full_first_bar(replace(song, meters=(Meter(0, 3, 4), Meter(11520, 4, 4))))  # truly at 12000
    assert later.meters[1].start_ticks == 12960
    assert hidden_pickup(Song((Part(tune()),))) == 0


def test_a_bar_split_in_two_is_one_bar_again() -> None:
    split = (Meter(0, 6, 8), Meter(2880, 5, 8), Meter(4080, 1, 8), Meter(4320, 6, 8), Meter(7200, 5, 8))
    assert whole_bars(split, 8400) == (Meter(0, 6, 8),)
    true = (Meter(0, 6, 8), Meter(2880, 2, 4), Meter(5760, 6, 8))
    assert whole_bars(true, 9000) == true


def test_played_notes_go_to_the_grid() -> None:
    song = on_grid(
        Song(
            (
                Part(
                    (Note(5, 60, 222), Note(494, 62, 30)),
                ),
            )
        ),
        120,
    )
    assert [(n.start_ticks, n.length_ticks) for n in song.melody.notes] == [(0, 240), (480, 120)]


def test_a_small_mutopia_is_read_with_tier_style_and_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for sub in ("pd", "cc_by_sa"):
        (tmp_path / sub).mkdir()
    write_midi(Song((Part(tune()),)), tmp_path / "pd" / "a.mid")
    write_midi(Song((Part(tune(4)),)), tmp_path / "pd" / "short.mid")
    write_midi(Song((Part(tune()),)), tmp_path / "cc_by_sa" / "b.mid")
    (tmp_path / "pd" / "bad.mid").write_bytes(b"MThd")
    with (tmp_path / "manifest.csv").open("w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines)
        rows.writerow(["file", "title", "composer", "style", "licence"])
        rows.writerow(["pd/a.mid", "Maple Leaf Rag", "JoplinS", "Jazz", "Public Domain"])
        rows.writerow(["pd/short.mid", "Short", "X", "Folk", "Public Domain"])
        rows.writerow(["pd/bad.mid", "Bad", "X", "Folk", "Public Domain"])
        rows.writerow(["cc_by_sa/b.mid", "Sonata", "MozartWA", "", "CC BY-SA 3.0"])
    with caplog.at_level("INFO"):
        rag, sonata = read_mutopia(tmp_path)
    assert (rag.tier, rag.styles, rag.work, rag.song.title) == (
        "A",
        ("ragtime",),
        "maple leaf rag JoplinS",
        "Maple Leaf Rag",
    )
    assert (sonata.tier, sonata.styles, sonata.licence) == ("B", ("classical",), "CC BY-SA 3.0")
    assert rag.split == split_of(rag.work)
    assert "2 of 4 pieces" in caplog.text


def test_a_missing_set_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="unpack the set"):
        next(read_mutopia(tmp_path))
    with pytest.raises(FileError, match="unpack the set"):
        next(read_gutenberg_cowboy(tmp_path))


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "gutenberg_songs").is_dir(), reason="the data folder is absent")
def test_the_cowboy_tunes_are_all_read() -> None:
    pieces = list(read_gutenberg_cowboy(DATA / "gutenberg_songs"))
    assert len(pieces) == 18
    home = next(p for p in pieces if p.work == "home on range")
    assert (str(home.song.meter), home.song.pickup_ticks) == ("6/8", 240)
    assert len(home.song.meters) == 1
    assert all(p.song.melody.is_monophonic for p in pieces)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "mutopia").is_dir(), reason="the data folder is absent")
def test_mutopia_begins_with_pieces_whose_melody_is_one_voice() -> None:
    for piece in islice(read_mutopia(DATA / "mutopia"), 12):
        assert piece.song.parts[0].role == "melody"
        assert piece.song.melody.is_monophonic
        assert len(piece.song.melody.notes) >= 16
