"""Recordings: what is heard in a rendered song of known tempo and mode, and recordings in the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import cocreate
from cocreate.cli import main
from cocreate.errors import FileError, InputError
from cocreate.files.audio import Sound, render, write_audio
from cocreate.music.song import Tempo

pytest.importorskip("librosa", reason="recordings need the extra 'audio'")
BEAT = 480
MINOR_CHORDS, MAJOR_CHORDS = (
    ((57, 60, 64), (50, 53, 57), (52, 56, 59), (57, 60, 64)),
    ((60, 64, 67), (65, 69, 72), (55, 59, 62), (60, 64, 67)),
)


def recording(path: Path, *, bpm: float, minor: bool) -> Path:
    """Eight bars of struck chords on every beat, with drums: i iv V i, or I IV V I."""
    chords = [chord for chord in (MINOR_CHORDS if minor else MAJOR_CHORDS) * 2 for _ in range(4)]
    notes = [cocreate.Note(beat * BEAT, pitch, BEAT) for beat, chord in enumerate(chords) for pitch in chord]
    drums = [cocreate.Note(beat * BEAT, 36 if beat % 2 == 0 else 38, BEAT // 2) for beat in range(len(chords))]
    song = cocreate.Song(
        parts=(cocreate.Part(tuple(notes), role="chords"), cocreate.Part(tuple(drums), role="drums")),
        tempos=(Tempo(0, bpm),),
    )
    write_audio(render(song), path)
    return path


@pytest.mark.parametrize(("bpm", "minor"), [(90.0, False), (132.0, True)])
def test_the_tempo_and_the_mode_of_a_rendered_song_are_heard(tmp_path, bpm, minor):
    from cocreate.files.recordings import listen

    heard = listen(recording(tmp_path / "Ann - Blue.wav", bpm=bpm, minor=minor))
    assert 2 ** heard.traits["audio_tempo"] == pytest.approx(bpm, rel=0.05)
    assert heard.traits["audio_minor"] == float(minor)
    assert heard.traits["audio_onsets"] == pytest.approx(bpm / 60, rel=0.3)
    assert (heard.artist, heard.title) == ("Ann", "Blue")


def test_a_recording_enters_the_catalogue_and_is_like_itself_played_again(home, capsys):
    for name, bpm, minor in (("a", 90.0, False), ("b", 92.0, False), ("c", 160.0, True)):
        recording(home / f"{name}.wav", bpm=bpm, minor=minor)
    assert main(["catalog", "add", "a.wav", "b.wav", "c.wav", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["new"] == 3
    assert main(["similar", "a.wav", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["similar"][0]["title"] == "b"


def test_silence_and_noise_that_is_no_recording_are_refused(tmp_path):
    from cocreate.files.recordings import listen

    write_audio(Sound(np.zeros((44_100, 1), np.float32), 44_100), tmp_path / "still.wav")
    (tmp_path / "no.wav").write_bytes(b"RIFF no")
    with pytest.raises(InputError, match="silence"):
        listen(tmp_path / "still.wav")
    with pytest.raises(FileError, match="cannot be read"):
        listen(tmp_path / "no.wav")
    with pytest.raises(FileError, match="there is no file"):
        listen(tmp_path / "gone.wav")
