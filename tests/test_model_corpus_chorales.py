"""Chorale grids: steps become held notes, voices become chords."""

import json

from cocreate.model.corpus.chorales import grid_song, read_js_fakes, read_jsb_chorales

C_CHORD, G_CHORD = [72, 67, 64, 48], [71, 67, 62, 43]
GRID = [C_CHORD] * 4 + [G_CHORD] * 4 + [C_CHORD] * 8


def test_equal_neighbours_are_one_held_note():
    song = grid_song(GRID, title="t")
    soprano, alto = song.parts[0], song.parts[1]
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in soprano.notes] == [
        (0, 72, 480),
        (480, 71, 480),
        (960, 72, 960),
    ]
    assert [(n.start_ticks, n.length_ticks) for n in alto.notes] == [(0, 1920)]
    assert [(p.name, p.role) for p in song.parts][:2] == [("Soprano", "melody"), ("Alto", "voice")]


def test_chords_are_named_each_quarter_and_merged():
    song = grid_song(GRID, title="t")
    assert [(c.start_ticks, c.length_ticks, c.root) for c in song.chords] == [(0, 480, 0), (480, 480, 7), (960, 960, 0)]
    assert song.key is not None


def test_silence_in_all_voices_is_no_chord():
    song = grid_song([[-1, -1, -1, -1]] * 4 + GRID, title="t")
    assert song.chords[0].root is None
    assert song.parts[0].notes[0].start_ticks == 480


def test_the_standard_split_is_kept_and_fakes_weigh_little(tmp_path):
    groups = {"train": [GRID], "valid": [GRID], "test": [GRID, [[999, 1, 1, 1]]]}
    (tmp_path / "Jsb16thSeparated.json").write_text(json.dumps(groups), encoding="utf-8")
    (tmp_path / "js_fakes_16th.json").write_text(json.dumps({"pitches": [GRID], "chords": []}), encoding="utf-8")
    assert [p.split for p in read_jsb_chorales(tmp_path)] == ["train", "validation", "test"]
    (fake,) = read_js_fakes(tmp_path)
    assert fake.weight < 1
    assert "synthetic" in fake.name
