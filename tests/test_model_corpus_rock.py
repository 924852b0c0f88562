"""The Rock Corpus: scale degrees and Roman numerals become notes and chords."""

import json

import pytest

from cocreate.errors import InputError
from cocreate.model.corpus.rock import read_melody, read_rock_corpus_rs200


def notes(text, meter="4/4"):
    return [(n.start_ticks, n.pitch, n.length_ticks) for n in read_melody(text, meter=meter).notes]


def test_hey_jude_begins_as_it_is_sung():
    text = "% Hey Jude\n[F] [OCT=4]\n...5 | 3. .. .3 56 | v2. .. .. 23 |"
    assert notes(text) == [
        (1440, 60, 480),
        (1920, 57, 1200),
        (3120, 57, 240),
        (3360, 60, 240),
        (3600, 62, 240),
        (3840, 55, 1440),
        (5280, 55, 240),
        (5520, 57, 1920),  # the last note may last a bar
    ]


def test_rests_and_metre_changes_move_the_bars():
    line = read_melody("[C] [OCT=4] R*2 | 1 | [2/4] 1 | [4/4] 1 |", meter="4/4")
    assert [n.start_ticks for n in line.notes] == [3840, 5760, 6720]
    assert [str(b) for b in line.bars] == ["4/4", "4/4", "4/4", "2/4", "4/4"]


def test_altered_degrees_hold_until_they_are_cleared():
    assert [p for _, p, _ in notes("[C] [OCT=4] [..b...b] 37n33 | [0] 3b3#4 |")] == [63, 58, 64, 63, 64, 63, 66]


def test_a_note_outside_midi_is_refused():
    with pytest.raises(InputError, match="melody note"):
        read_melody("[C] [OCT=4] vvvvvvvv1 |", meter="4/4")


def write_set(folder, melody, harmony):
    for name in ("rs200_melody", "rs200_harmony_exp"):
        (folder / name).mkdir()
    (folder / "songs.json").write_text(json.dumps({"A Song": {"meter": ["4/4", "2/4"]}}), encoding="utf-8")
    (folder / "files.json").write_text(json.dumps({"A Song": "a_song"}), encoding="utf-8")
    (folder / "rs200_melody" / "a_song_tdc.mel").write_text(melody, encoding="utf-8")
    for annotator, text in harmony.items():
        (folder / "rs200_harmony_exp" / f"a_song_{annotator}.txt").write_text(text, encoding="utf-8")
    return folder


def test_harmony_is_read_over_the_tonic(tmp_path):
    folder = write_set(tmp_path, "[A] [OCT=4] 1 | b3 | 1 |", {"dt": "[A] i bVII6 | | V7/V . . IV |"})
    (piece,) = read_rock_corpus_rs200(folder)
    chords = [(c.start_ticks, c.root, c.quality, c.bass) for c in piece.song.chords]
    assert chords == [(0, 9, "m", None), (960, 7, "maj", 11), (3840, 11, "7", None), (5280, 2, "maj", None)]
    assert (piece.song.key.tonic, piece.song.key.mode) == (9, "minor")


def test_the_second_annotator_helps_when_the_firsts_bars_differ(tmp_path):
    folder = write_set(tmp_path, "[C] [OCT=4] 1 | 2 |", {"dt": "[C] I |", "tdc": "[C] IV | V |"})
    (piece,) = read_rock_corpus_rs200(folder)
    assert [c.root for c in piece.song.chords] == [5, 7]


def test_without_agreeing_bars_there_are_no_chords(tmp_path):
    (piece,) = read_rock_corpus_rs200(write_set(tmp_path, "[C] [OCT=4] 1 | 2 |", {"dt": "[C] [3/4] I | V |"}))
    assert piece.song.chords == ()


def test_a_spoken_song_is_named_and_skipped(tmp_path, caplog):
    assert list(read_rock_corpus_rs200(write_set(tmp_path, "[C] R*4 |", {}))) == []
    assert "a_song" in caplog.text
