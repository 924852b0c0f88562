"""Sound: loudness as broadcasters measure it, no clipping, no silent tail, and files that open again."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import mido
import numpy as np
import pytest

from cocreate.errors import FileError, InputError
from cocreate.files.audio import Sound, audio_bytes, engine_of, read_audio, render, write_audio
from cocreate.files.listen import sound_facts
from cocreate.files.loudness import loudness_lufs, normalised, peak_dbfs, without_tail
from cocreate.files.midi import midi_bytes
from cocreate.files.player import play_sound, play_to_port, send
from cocreate.files.synth import own_soundfont
from cocreate.music.clock import clock_of
from cocreate.music.song import Note, Part, Song, Tempo
from cocreate.music.theory import parse_progression

RATE = 48_000


def sine(hertz: float, level_dbfs: float, *, seconds: float = 5.0, channels: int = 2) -> np.ndarray:
    wave = 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(RATE * seconds)) / RATE)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def scale(program: int = 0, *, parts: int = 1) -> Song:
    pitches = (60, 62, 64, 65, 67, 69, 71, 72)
    notes = tuple(Note(480 * i, pitch, 480, 100) for i, pitch in enumerate(pitches))
    return Song(tuple(Part(notes, f"P{n}", program=program) for n in range(parts)), tempos=(Tempo(0, 120.0),))


# --- loudness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "lufs"),
    [
        (sine(997, 0.0, channels=1), -3.01),  # BS.1770-4, the definition
        (sine(1000, -23.0), -23.0),  # EBU Tech 3341, case 1
        (sine(1000, -33.0), -33.0),  # case 2
        (np.concatenate([sine(1000, lv, seconds=s) for lv, s in ((-36, 10), (-23, 60), (-36, 10))]), -23.0),  # case 3
    ],
)
def test_loudness_is_what_the_broadcasters_cases_say(samples: np.ndarray, lufs: float) -> None:
    assert loudness_lufs(samples, RATE) == pytest.approx(lufs, abs=0.1)


def test_silence_is_no_loudness_and_stays_silence() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    assert loudness_lufs(silence, RATE) == -np.inf
    assert not normalised(silence, RATE).any()
    assert len(without_tail(silence, RATE)) < RATE / 10


def test_peaks_that_would_clip_are_turned_down_smoothly() -> None:
    rng = np.random.default_rng(0)
    beats = sine(200, -30.0)
    beats[:: RATE // 2] = 0.9  # clicks far above the rest
    beats += rng.normal(0, 1e-3, beats.shape).astype(np.float32)
    loud = normalised(beats, RATE, target_lufs=-14.0)
    assert loudness_lufs(loud, RATE) == pytest.approx(-14.0, abs=0.5)
    assert peak_dbfs(loud) <= -1.0 + 1e-3


def test_a_tail_is_cut_and_faded_and_what_is_before_the_first_sound_stays() -> None:
    silence = np.zeros((RATE, 2), np.float32)
    sound = np.concatenate([silence, sine(440, -12.0, seconds=1), silence])
    kept = without_tail(sound, RATE)
    assert len(kept) / RATE == pytest.approx(2.05, abs=0.02)
    assert not kept[: RATE - 1].any()
    assert abs(kept[-1, 0]) < 1e-6


# --- the synthesiser -------------------------------------------------------------------------------------------------


def test_the_sound_font_comes_with_its_licence() -> None:
    import cocreate.files

    folder = Path(cocreate.files.__file__).parent / "sounds"
    assert own_soundfont()[:4] == b"RIFF"
    assert "Apache License" in (folder / "LICENSE.txt").read_text()


def test_a_render_is_loud_enough_unclipped_in_time_and_rings_out() -> None:
    song = scale()
    sound = render(song)
    assert sound.rate_hz == RATE
    assert loudness_lufs(sound.samples, RATE) == pytest.approx(-16.0, abs=0.3)
    assert peak_dbfs(sound.samples) <= -1.0 + 1e-3
    assert 4.0 < sound.length_s < 8.1
    onsets = [np.abs(sound.samples[round(RATE * 0.5 * i) :][: RATE // 10]).max() for i in range(8)]
    assert min(onsets) > 0.05  # something sounds on every beat of half a second


def test_pitches_sound_as_written() -> None:
    song = Song((Part((Note(0, 69, 1920, 100),), program=73),), tempos=(Tempo(0, 60.0),))  # a flute's A4
    sound = render(song)
    spectrum = np.abs(np.fft.rfft(sound.samples[: 2 * RATE, 0]))
    assert np.argmax(spectrum[200:3000]) / 2 + 100 == pytest.approx(440, abs=4)


def test_many_loud_parts_do_not_clip_inside_the_synthesiser() -> None:
    chord = tuple(Note(0, pitch, 960, 127) for pitch in (48, 52, 55, 60, 64, 67, 72))
    raw = engine_of()(Song(tuple(Part(chord, f"P{n}", program=61) for n in range(15))), watch=lambda _share: None)
    assert np.abs(raw.samples).max() < 0.9999
    assert np.abs(raw.samples).max() > 0.05


def test_chords_without_a_part_are_heard() -> None:
    chords = parse_progression("C | G", meter=scale().meter)
    assert loudness_lufs(render(Song((), chords=chords)).samples, RATE) > -20


def test_what_cannot_be_rendered_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.sf2").write_bytes(b"RIFF nothing")
    (tmp_path / "cut.sf2").write_bytes(own_soundfont()[:100_000])
    with pytest.raises(InputError, match="at least one note or chord"):
        render(Song((Part(()),)))
    with pytest.raises(InputError, match="at most 30 minutes"):
        render(Song((Part((Note(0, 60, 480 * 4 * 3000),)),), tempos=(Tempo(0, 5.0),)))
    with pytest.raises(InputError, match="LUFS"):
        render(scale(), target_lufs=0.0)
    with pytest.raises(FileError, match="no file"):
        engine_of("soundfont", soundfont=tmp_path / "none.sf2")
    for name in ("bad.sf2", "cut.sf2"):
        with pytest.raises(FileError, match="another --soundfont"):
            render(scale(), engine_of("soundfont", soundfont=tmp_path / name))


def _has_fluidsynth() -> bool:
    try:
        return importlib.util.find_spec("fluidsynth") is not None and bool(__import__("fluidsynth"))
    except ImportError:
        return False


@pytest.mark.skipif(not _has_fluidsynth(), reason="needs libfluidsynth and pyfluidsynth")
def test_libfluidsynth_plays_the_same_song_as_long_and_as_loud() -> None:
    ours, theirs = render(scale()), render(scale(), engine_of("fluidsynth"))
    assert loudness_lufs(theirs.samples, RATE) == pytest.approx(-16.0, abs=0.3)
    assert theirs.length_s == pytest.approx(ours.length_s, abs=1.0)


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "magic"), [(".wav", b"RIFF"), (".ogg", b"OggS"), (".flac", b"fLaC")])
def test_sound_files_open_again_as_long_and_as_loud(tmp_path: Path, suffix: str, magic: bytes) -> None:
    sound = Sound(sine(440, -12.0, seconds=3), RATE)
    write_audio(sound, tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes()[:4] == magic
    again = read_audio(tmp_path / f"a{suffix}")
    assert (again.rate_hz, again.length_s) == (RATE, pytest.approx(3.0, abs=0.01))
    assert loudness_lufs(again.samples, RATE) == pytest.approx(loudness_lufs(sound.samples, RATE), abs=0.2)
    with pytest.raises(FileError, match="exists"):
        write_audio(sound, tmp_path / f"a{suffix}")


def test_bad_sound_files_are_one_line(tmp_path: Path) -> None:
    whole = audio_bytes(Sound(sine(440, -12.0, seconds=1), RATE), ".wav")
    huge = bytearray(whole)
    huge[40:44] = (0xFFFFFFF0).to_bytes(4, "little")  # a data chunk that declares four gigabytes
    cut = audio_bytes(Sound(sine(440, -12.0), RATE), ".ogg")[:60]
    for name, data in {"text.wav": b"hello", "cut.ogg": cut, "empty.wav": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FileError, match="sound") as caught:
            read_audio(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "huge.wav").write_bytes(huge)
    assert read_audio(tmp_path / "huge.wav").length_s < 2
    with pytest.raises(FileError, match="no file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(InputError, match="must end in one of"):
        audio_bytes(Sound(sine(440, -12.0), RATE), ".mp3")


def test_sound_is_measured_not_guessed() -> None:
    notes = []
    for bar in range(8):  # I-IV-V-I in D at 100 bpm, a chord on each beat
        for beat in range(4):
            root = (62, 67, 69, 62)[bar % 4]
            notes += [Note(1920 * bar + 480 * beat, root + step, 400, 100) for step in (0, 4, 7)]
    facts = sound_facts(render(Song((Part(tuple(notes)),), tempos=(Tempo(0, 100.0),))))
    assert facts["tempo_bpm"] == pytest.approx(100, abs=2)
    assert facts["key"] == "D major"
    assert facts["lufs"] == pytest.approx(-16, abs=0.3)
    assert sound_facts(Sound(np.zeros((RATE * 2, 2), np.float32), RATE))["key"] is None


# --- out loud --------------------------------------------------------------------------------------------------------


def test_a_sound_is_played_to_its_end_in_real_time() -> None:
    import time

    import miniaudio

    heard: list[float] = []
    began = time.monotonic()
    play_sound(Sound(sine(440, -20.0, seconds=0.4), RATE), watch=heard.append, backends=[miniaudio.Backend.NULL])
    assert 0.4 <= time.monotonic() - began < 5
    assert heard[-1] == pytest.approx(0.4)


def test_a_port_gets_every_note_in_time_and_is_left_silent() -> None:
    class Port:
        def __init__(self) -> None:
            self.got: list[mido.Message] = []

        def send(self, message: mido.Message) -> None:
            self.got.append(message)

    song = Song((Part((Note(0, 60, 48), Note(48, 64, 48))),), tempos=(Tempo(0, 300.0),))
    port = Port()
    send(midi_bytes(song), port)
    assert [m.note for m in port.got if m.type == "note_on"] == [60, 64]
    assert {m.channel for m in port.got if m.type == "control_change" and m.control == 123} == set(range(16))


def test_a_port_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mido, "get_output_names", lambda: ["IAC Bus 1"])
    with pytest.raises(InputError, match="no MIDI port is called 'Bus 2'; there are IAC Bus 1"):
        play_to_port(scale(), "Bus 2")

    def no_midi() -> list[str]:
        raise OSError("no sequencer")

    monkeypatch.setattr(mido, "get_output_names", no_midi)
    with pytest.raises(FileError, match="no sequencer"):
        play_to_port(scale(), "Bus")


def test_the_clock_of_a_render_is_the_song_s() -> None:
    assert clock_of(scale()).at(3840) == pytest.approx(4.0)
