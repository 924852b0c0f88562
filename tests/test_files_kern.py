"""Songs to kern and back, as far as kern can say them."""

from pathlib import Path

import pytest

from cocreate.errors import FileError, InputError
from cocreate.files import read_song
from cocreate.files.kern import kern_song
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


def song_of(*rows: str) -> Song:
    return kern_song("\n".join(row.replace(" ", "\t") for row in rows) + "\n")


def test_spines_that_split_and_join_are_one_part(tmp_path: Path) -> None:
    song = song_of(
        "**kern **kern", "*M2/4 *M2/4", "4C 4g", "* *^", "4D 4a 8f", ". . 8e", "= = =", "* *v *v", "2E 2c", "*- *-"
    )  # fmt: skip
    assert [[(n.start_ticks, n.pitch, n.length_ticks) for n in part.notes] for part in song.parts] == [
        [(0, 67, 480), (480, 65, 240), (480, 69, 480), (720, 64, 240), (960, 60, 960)],
        [(0, 48, 480), (480, 50, 480), (960, 52, 960)],
    ]


def test_ties_triplets_chords_dots_and_graces_are_what_they_sound() -> None:
    rows = ["**kern", "*M4/4", "4.c", "[8e", "8dq", "12e]", "12f", "12g 12b-", "4a##", "=", "[1cc", "=", "1cc]", "*-"]
    song = kern_song("\n".join(rows))
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in song.melody.notes] == [
        (0, 60, 720), (720, 64, 400), (1120, 65, 160), (1280, 67, 160), (1280, 70, 160), (1440, 71, 480),
        (1920, 72, 3840),
    ]  # fmt: skip


def test_words_lie_under_the_spine_on_their_left() -> None:
    song = song_of(
        "**kern **text **kern **text **text", "*M3/4 * *M3/4 * *", "4C . 4g Har- Sil-", "4C . 4a -bour -ver",
        "4C low 4b light moon", "*- *- *- *- *-",
    )  # fmt: skip
    upper, lower = song.parts
    assert [(w.start_ticks, w.text, w.joins_next) for w in upper.syllables if w.verse == 1] == [
        (0, "Har", True), (480, "bour", False), (960, "light", False),
    ]  # fmt: skip
    assert [w.text for w in upper.syllables if w.verse == 2] == ["Sil", "ver", "moon"]
    assert [w.text for w in lower.syllables] == ["low"]


def test_repeats_modes_names_and_instruments_are_read() -> None:
    song = song_of(
        "**kern", '*I"Oboe', "*Ioboe", "*k[b-]", "*g:dor", "*MM72", "*M4/4", "1g", "=1:|!|:", "1a", "==:|!", "*-"
    )
    assert (song.key, song.tempo_bpm) == (Key(0, 7, "dorian"), 72)
    assert (song.melody.name, song.melody.program) == ("Oboe", 68)
    assert len(song.bars()) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("4c\n", "there are 0 spines"), ("**dynam\nf\n", "no \\*\\*kern spine"), ("**kern\n4c\t4d\n", "has 2 tokens"),
        ("**kern\n4r\n*-\n", "no notes"), ("**kern\n*M3/5\n4c\n*-\n", "power of 2"),
    ],
)  # fmt: skip
def test_broken_kern_is_one_clear_line(text: str, reason: str) -> None:
    with pytest.raises(FileError, match=reason) as caught:
        kern_song(text)
    assert "\n" not in str(caught.value)


def test_music21_finds_the_same_notes_in_a_kern_file(tmp_path: Path) -> None:
    import music21

    folder = Path(music21.__file__).parent / "corpus" / "bach"
    path = folder / "bwv277.krn"
    score = music21.converter.parse(path, forceSource=True, storePickle=False)
    theirs = [
        sorted((round(float(n.offset * 480)), n.pitch.midi) for n in part.stripTies().flatten().notes)
        for part in score.parts
    ]
    mine = read_song(path)
    late = mine.parts[0].notes[0].start_ticks
    assert [[(n.start_ticks - late, n.pitch) for n in part.notes] for part in mine.parts] == theirs
