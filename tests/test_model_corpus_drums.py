"""Groove MIDI: performed drums with their own split."""

import symusic

from cocreate.model.corpus.drums import read_groove_midi


def test_a_groove_keeps_its_timing_style_and_split(tmp_path, caplog):
    score = symusic.Score(960)
    track = symusic.Track("", 0, is_drum=True)
    for start in (0, 970):
        track.notes.append(symusic.Note(start, 100, 36, 100))
    score.tracks.append(track)
    score.dump_midi(tmp_path / "a.mid")
    head = "drummer,id,style,bpm,beat_type,time_signature,midi_filename,split\n"
    rows = "d1,d1/1,funk/groove2,95,beat,4-4,a.mid,test\nd1,d1/2,rock,95,beat,4-4,missing.mid,train\n"
    (tmp_path / "info.csv").write_text(head + rows, encoding="utf-8")
    (piece,) = read_groove_midi(tmp_path)
    (part,) = piece.song.parts
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in part.notes] == [(0, 36, 50), (485, 36, 50)]
    assert (part.role, piece.song.tempo_bpm, piece.split, piece.styles) == ("drums", 95, "test", ("funk",))
    assert "missing.mid" in caplog.text
