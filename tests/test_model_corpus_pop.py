"""POP909: performed seconds become beats."""

import pytest
import symusic

from cocreate.model.corpus.pop import read_pop909

MANIFEST = "id,file,name,artist,num_beats_per_measure\n001,data/001/001.mid,某歌,某人,{size}\n"


def write_set(folder, tracks, *, beats=16, first_downbeat=0, extra_beats=(), size=2, per_bar=4):
    song = folder / "data" / "001"
    song.mkdir(parents=True)
    (folder / "manifest.csv").write_text(MANIFEST.format(size=size), encoding="utf-8")
    downbeats = {first_downbeat + per_bar * k for k in range(beats)} if not extra_beats else set(extra_beats)
    down = [float(k in downbeats) for k in range(beats)]
    lines = [f"{0.25 + 0.5 * k} {down[k] if size == 3 else 1.0} {down[k]}\n" for k in range(beats)]
    (song / "beat_midi.txt").write_text("".join(lines), encoding="utf-8")
    (song / "chord_midi.txt").write_text("0.25\t1.24\tN\n1.25\t2.25\tF#:min/b3\n", encoding="utf-8")
    (song / "key_audio.txt").write_text("0\t5\tC:maj\n5\t60\tGb:min\n", encoding="utf-8")
    score = symusic.Score(480)  # at 120 bpm one tick is 0.5/480 s
    for name, notes in tracks.items():
        track = symusic.Track(name)
        for start_s, end_s, pitch in notes:
            start = round(start_s * 960)
            track.notes.append(symusic.Note(start, round(end_s * 960) - start, pitch, 90))
        score.tracks.append(track)
    score.dump_midi(song / "001.mid")
    return folder


def starts(part):
    return [(n.start_ticks, n.pitch, n.length_ticks) for n in part.notes]


def test_notes_snap_to_sixteenths_of_the_annotated_beats(tmp_path):
    melody = [(0.26, 0.49, 60), (0.49, 0.80, 62), (0.76, 1.2, 64)]
    piano = [(0.25, 1.24, 48), (0.25, 1.24, 52), (1.25, 2.2, 48)]
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": melody, "PIANO": piano}))
    song = piece.song
    assert starts(song.parts[0]) == [(0, 60, 240), (240, 62, 240), (480, 64, 480)]
    assert starts(song.parts[1]) == [(0, 48, 960), (0, 52, 960), (960, 48, 960)]
    assert [p.role for p in song.parts] == ["melody", "comping"]
    assert song.tempo_bpm == pytest.approx(120)
    assert [(c.start_ticks, c.root, c.quality, c.bass) for c in song.chords][1] == (960, 6, "m", 9)
    assert (song.key.tonic, song.key.mode) == (6, "minor")
    assert piece.styles == ("pop", "mandopop")


def test_a_beat_of_triplets_stays_triplets(tmp_path):
    third = 0.5 / 3
    melody = [(0.25 + k * third, 0.25 + (k + 1) * third, 60 + k) for k in range(3)]
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": melody}))
    assert [n.start_ticks for n in piece.song.melody.notes] == [0, 160, 320]


def test_a_song_that_begins_before_its_first_downbeat_has_a_pickup_bar(tmp_path):
    melody = [(0.25, 0.7, 60), (1.25, 1.7, 62)]
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": melody}, first_downbeat=2))
    assert [n.start_ticks for n in piece.song.melody.notes] == [960, 1920]
    assert [str(m) for m in piece.song.meters] == ["4/4"]


def test_an_early_downbeat_makes_a_short_bar(tmp_path):
    melody = [(0.25, 0.7, 60), (0.25 + 6 * 0.5, 3.7, 62)]
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": melody}, extra_beats=(0, 4, 6, 10, 14)))
    assert [(m.start_ticks, str(m)) for m in piece.song.meters] == [(0, "4/4"), (1920, "2/4"), (2880, "4/4")]


def test_a_song_in_three_has_bars_of_three(tmp_path):
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": [(0.25, 0.7, 60)]}, size=3, per_bar=3))
    assert [str(m) for m in piece.song.meters] == ["3/4"]


def test_a_melody_keeps_the_highest_of_two_notes_at_once(tmp_path):
    (piece,) = read_pop909(write_set(tmp_path, {"MELODY": [(0.25, 1.2, 60), (0.25, 1.2, 67), (0.75, 1.2, 65)]}))
    assert starts(piece.song.melody) == [(0, 67, 480), (480, 65, 480)]


def test_a_song_without_its_tracks_is_named_and_skipped(tmp_path, caplog):
    assert list(read_pop909(write_set(tmp_path, {"OTHER": [(0.25, 1.2, 60)]}))) == []
    assert "001.mid" in caplog.text
