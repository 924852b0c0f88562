from __future__ import annotations

import csv
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from cocreate.errors import FileError
from cocreate.files.bars import WHOLE, Event, Measure
from cocreate.files.layout import Voice, song_of
from cocreate.files.notation import write_musicxml
from cocreate.model.corpus.piece import Piece, split_of
from cocreate.model.corpus.scores import (
    chords_of_voices,
    read_fiddle_tunes_pd,
    read_music21_corpus,
    read_nottingham,
    read_openewld_pd,
    read_openhymnal_pd,
    read_openscore_lieder,
    read_openscore_quartets,
)
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Syllable

DATA = Path(os.environ.get("COCREATE_DATA", Path(__file__).parents[1] / ".data"))
TUNE = "X:{x}\nT:{title}\nM:{meter}\nL:1/8\nR:{rhythm}\nK:G\n" + "GABc d2 d2|" * 8 + "\n\n"


def manifest(folder: Path, *rows: dict[str, str]) -> None:
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_fiddle_tunes_get_rhythm_tempo_and_a_readable_name(tmp_path: Path):
    book = tmp_path / "oneills1850"
    book.mkdir()
    text = TUNE.format(x=1, title="Lover., The", meter="C|", rhythm="reel")
    text += TUNE.format(x=2, title="Short", meter="C", rhythm="").replace("GABc d2 d2|" * 7, "")
    text += TUNE.format(x=3, title="Odd", meter="C", rhythm="").replace("GABc d2 d2|" * 2, "GABc d2 d2|GAB|")
    (book / "a.abc").write_text(text, encoding="utf-8")
    manifest(tmp_path, {"file": "oneills1850/a.abc", "x": "1", "title": "Lover., The", "rhythm": "reel"})
    drops: Counter[str] = Counter()
    (piece,) = read_fiddle_tunes_pd(tmp_path, drops=drops)
    assert (piece.name, piece.work, piece.styles) == ("The Lover", "lover", ("folk", "celtic", "reel"))
    assert piece.song.tempo_bpm == 208
    assert sum(drops.values()) == 2
    assert piece.split == split_of("lover")


def test_a_missing_manifest_is_a_file_error(tmp_path: Path):
    with pytest.raises(FileError, match="manifest"):
        list(read_fiddle_tunes_pd(tmp_path))


def test_nottingham_is_split_by_file_name(tmp_path: Path):
    (tmp_path / "abc").mkdir()
    text = "".join(TUNE.format(x=x, title=f"T{x}", meter="4/4", rhythm="") for x in range(1, 21))
    (tmp_path / "abc" / "jigs.abc").write_text(text, encoding="utf-8")
    pieces = list(read_nottingham(tmp_path))
    held = [zlib.crc32(f"jigs{x}.mid".encode()) % 5 == 0 for x in range(1, 21)]
    assert [p.split == "test" for p in pieces] == held
    assert {(p.tier, p.styles) for p in pieces} == {("B", ("folk", "jig"))}


def song_with_piano() -> Song:
    line = tuple(Note(1920 * 4 + 240 * i, 60 + i % 8, 240) for i in range(32))
    voice = Part(line, "Voice", syllables=(Syllable(1920 * 4, "Ah"),))
    piano = Part(tuple(Note(480 * i, pitch, 480) for i in range(32) for pitch in (48, 55)), "Piano", "voice")
    return Song((piano, voice), keys=(Key(0, 0),), title="Lied")


def test_an_art_song_is_laid_out_by_its_voice_and_keeps_the_piano_under_it(tmp_path: Path):
    write_musicxml(song_with_piano(), tmp_path / "a.musicxml")
    row = {"file": "a.musicxml", "title": "Lied", "composer": "Schubert, Franz", "born": "1797"}
    manifest(tmp_path, row, row | {"file": "none.mxl"})
    drops: Counter[str] = Counter()
    (piece,) = read_openscore_lieder(tmp_path, drops=drops)
    voice, piano = piece.song.parts
    assert (voice.role, piano.role) == ("melody", "comping")
    assert voice.notes[0] == Note(0, 60, 240)
    assert voice.syllables == (Syllable(0, "Ah"),)
    assert piano.notes[:3] == (Note(0, 48, 480), Note(0, 55, 480), Note(480, 48, 480))  # its introduction is left out
    assert piano.notes[-1].end_ticks == voice.notes[-1].end_ticks
    assert (piece.styles, piece.name) == (("art song", "romantic"), "Lied (Schubert)")
    assert drops == {"unreadable": 1}


def test_what_the_leads_measure_has_no_room_for_is_left_out():
    quarter, meter = WHOLE // 4, (4, 4)
    lead = [Measure(meter, [Event(0, WHOLE, (72,), (False,))], WHOLE) for _ in range(2)]
    late = [Event(at * quarter, 2 * quarter, (48,), (False,)) for at in (0, 3, 4)]
    other = [Measure(meter, late, 6 * quarter), Measure(meter, [], WHOLE)]
    song, bars, irregular = song_of([Voice("a", lead), Voice("b", other)], title="", lead_alone=True)
    assert (bars, irregular) == (2, 0)
    assert song.parts[1].notes == (Note(0, 48, 960), Note(1440, 48, 480))


def test_a_quartet_is_a_melody_two_voices_and_a_bass(tmp_path: Path):
    line = [tuple(Note(480 * i, pitch + i % 4, 480) for i in range(16)) for pitch in (76, 67, 60)]
    cello = tuple(Note(480 * i, pitch, 480) for i in range(16) for pitch in (43, 50))
    parts = tuple(Part(notes, name) for notes, name in zip((*line, cello), ("V1", "V2", "Va", "Vc"), strict=True))
    write_musicxml(Song(parts, keys=(Key(0, 0),)), tmp_path / "a.musicxml")
    manifest(tmp_path, {"file": "a.musicxml", "title": "Quartet", "composer": "Haydn, J.", "born": "1732"})
    (piece,) = read_openscore_quartets(tmp_path)
    assert [part.role for part in piece.song.parts] == ["melody", "voice", "voice", "bass"]
    assert [part.notes[0].pitch for part in piece.song.parts] == [76, 67, 60, 43]
    assert all(part.is_monophonic for part in piece.song.parts)


def test_lead_sheet_labels_become_our_styles(tmp_path: Path):
    write_musicxml(song_with_piano(), tmp_path / "a.musicxml")
    labels = [("Jazz:5", "Swing:1"), ("Rock:1|Folk, World, & Country:3", "Folk:1"), ("", "")]
    manifest(tmp_path, *({"file": "a.musicxml", "title": "S", "genres": g, "styles": s} for g, s in labels))
    assert [p.styles for p in read_openewld_pd(tmp_path)] == [
        ("jazz", "swing"),
        ("folk", "tin pan alley"),
        ("pop", "tin pan alley"),
    ]


def test_a_hymn_on_two_staves_becomes_four_voices_with_chords(tmp_path: Path):
    top, low = "[CE]2 [DF]2 [EG]2 [Ec]2|" * 4, "[C,G,]2 [G,,B,]2 [C,C]2 [C,G,]2|" * 4
    text = f"X:1\nM:4/4\nL:1/8\nV:1\nV:2\nK:C\nV:1\n{top}\nw: Praise\nV:2\n{low}\n"
    (tmp_path / "a.abc").write_text(text, encoding="utf-8")
    manifest(tmp_path, {"file": "a.abc", "title": "Praise"})
    (piece,) = read_openhymnal_pd(tmp_path)
    assert [part.name for part in piece.song.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [part.notes[0].pitch for part in piece.song.parts] == [64, 60, 55, 48]
    assert piece.song.chords[:2] == (Chord(0, 480, 0), Chord(480, 480, 7, "7"))
    assert piece.song.parts[0].syllables == (Syllable(0, "Praise"),)


def test_equal_chords_of_neighbouring_beats_are_one():
    triad = tuple(Part((Note(0, pitch, 1440),), role="voice") for pitch in (48, 64, 67))
    assert chords_of_voices(Song(triad, meters=(Meter(0, 3, 4),))) == (Chord(0, 1440, 0),)


READERS: list[tuple[str, Callable[[Path], Iterator[Piece]]]] = [
    ("fiddle_tunes_pd", read_fiddle_tunes_pd), ("openewld_pd", read_openewld_pd), ("nottingham", read_nottingham),
    ("openhymnal_pd", read_openhymnal_pd), ("openscore_lieder", read_openscore_lieder),
    ("openscore_quartets", read_openscore_quartets),
]  # fmt: skip


@pytest.mark.data
@pytest.mark.parametrize(("name", "read"), READERS, ids=[name for name, _ in READERS])
def test_the_first_pieces_of_each_set_are_whole(name: str, read: Callable[[Path], Iterator[Piece]]):
    if not (DATA / name).is_dir():
        pytest.skip(f"{name} is not unpacked")
    pieces = list(islice(read(DATA / name), 2))
    assert len(pieces) == 2
    for piece in pieces:
        assert piece.dataset == name
        assert piece.song.melody.is_monophonic
        assert len(piece.song.melody.notes) >= 16
        assert piece.song.keys


def test_the_music21_corpus_reads_lazily_without_a_data_folder():
    pytest.importorskip("music21")
    piece = next(read_music21_corpus())
    assert (piece.dataset, piece.styles[0], piece.tier) == ("music21", "folk", "A")


def music21_score(path: Path, *, rights: str = "") -> None:
    """A quartet as music21 keeps it, with or without a rights line."""
    path.parent.mkdir(parents=True)
    line = tuple(Note(480 * i, 60 + i % 5, 480) for i in range(16))
    parts = tuple(Part(line, name, "voice") for name in ("A", "B", "C", "D"))
    write_musicxml(Song(parts, keys=(Key(0, 0),), title="Four"), path.with_suffix(".musicxml"))
    text = path.with_suffix(".musicxml").read_text(encoding="utf-8").replace("<rights>", "<rights-was>")
    line = f"<identification><rights>{rights}</rights>" if rights else "<identification>"
    path.write_text(text.replace("<identification>", line), encoding="utf-8")


def test_of_the_music21_scores_only_those_without_claims_are_read(tmp_path: Path):
    music21_score(tmp_path / "haydn" / "opus74no1" / "movement2.mxl")
    music21_score(tmp_path / "mozart" / "k155" / "movement1.mxl", rights="All rights reserved")
    music21_score(tmp_path / "johnson_j_r" / "lift_every_voice.mxl", rights="Public domain (encoding: CC0)")
    music21_score(tmp_path / "lusitano" / "allor_che_ignuda.mxl", rights="CC BY-SA 4.0")
    drops: Counter[str] = Counter()
    haydn, hymn = read_music21_corpus(tmp_path, drops=drops)
    assert (haydn.name, haydn.work) == (
        "String Quartet op. 74 no. 1, movement 2 (Haydn)",
        "haydn string quartet op 74 1",
    )
    assert [part.role for part in haydn.song.parts] == ["melody", "voice", "voice", "bass"]
    assert (hymn.licence, [part.role for part in hymn.song.parts]) == ("CC0-1.0", ["melody", *["voice"] * 3])
    assert drops["rights line"] == 2
