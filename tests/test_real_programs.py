"""Other people's programs open what we write: MuseScore, fluidsynth, timidity, midicsv, Verovio and Python readers.

The programs are Debian's packages musescore3, fluidsynth, timidity and midicsv, which ``.ci/run`` installs where it
may; a test skips where its program is absent.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import warnings
import wave
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import pytest

from cocreate.evaluate.reopen import READERS, as_written
from cocreate.files import read_song
from cocreate.files.export import export
from cocreate.files.legible import legible
from cocreate.files.midi import write_midi
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.synth import own_soundfont
from cocreate.music.song import Key, Meter, Note, Part, Section, Song, Syllable, Tempo
from cocreate.music.theory import fifths, parse_progression

SAMPLES = sorted((Path(__file__).resolve().parent.parent / "samples").glob("*.mid"))
QUIET = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": "/tmp"}


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs the program {program}")


def run(words: Sequence[str | Path], *, seconds: int = 240) -> str:
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, timeout=seconds, env=QUIET, stdin=subprocess.DEVNULL, check=True)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def four_parts() -> Song:
    """Eight bars in E flat with a change of metre: words in two scripts, chords, sections, bass, piano and drums."""
    words = ("Har", "bour", "light,", "雨", "夜", "la")
    tune = Part(
        tuple(Note(480 * i, 63 + (i * 5) % 12, 480) for i in range(24)), "Melody", program=73,
        syllables=tuple(Syllable(480 * i, word, joins_next=i == 0) for i, word in enumerate(words)),
    )  # fmt: skip
    piano = Part(tuple(Note(1920 * b, p, 1920) for b in range(6) for p in (55, 58, 63)), "Piano", "comping", 0)
    bass = Part(tuple(Note(960 * i, 39 + i % 3, 960) for i in range(12)), "Bass", "bass", 33)
    drums = Part(tuple(Note(480 * i, 36 if i % 2 == 0 else 38, 120) for i in range(24)), "Drums", "drums")
    return Song(
        (tune, piano, bass, drums),
        meters=(Meter(0, 4, 4),),
        tempos=(Tempo(0, 96.0),),
        keys=(Key(0, 3),),
        chords=parse_progression("Ebmaj7 | Cm7 | Fm7 | Bb7 | Ebmaj7 | Bb7", meter=Meter(0, 4, 4)),
        sections=(Section(0, "A"), Section(7680, "B")),
        title="Harbour Light",
    )


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Song]:
    """Every sample and the song of four parts, as MIDI files."""
    folder = tmp_path_factory.mktemp("songs")
    found = {}
    for path in SAMPLES:
        found[folder / path.name] = read_song(path)
    found[folder / "four_parts.mid"] = four_parts()
    for path, song in found.items():
        write_midi(song, path)
    return found


@needs("musescore3")
def test_musescore_opens_every_sample_with_its_bars_key_tempo_and_chords(
    songs: dict[Path, Song], tmp_path: Path
) -> None:
    job = [{"in": str(path), "out": str(tmp_path / f"{path.stem}.musicxml")} for path in songs]
    (tmp_path / "job.json").write_text(json.dumps(job))
    run(["musescore3", "-j", tmp_path / "job.json"])
    for path, song in songs.items():
        root = ET.parse(tmp_path / f"{path.stem}.musicxml").getroot()
        part = root.find("part")
        assert part is not None
        assert len(part.findall("measure")) == len(song.bars()), path.name
        assert song.key is not None
        assert int(part.findtext("measure/attributes/key/fifths", "99")) == fifths(song.key), path.name
        tempo = [float(sound.get("tempo", 0)) for sound in root.iter("sound") if sound.get("tempo")]
        assert tempo[0] == pytest.approx(song.tempo_bpm, abs=0.5), path.name
        assert len(list(root.iter("harmony"))) == len(song.chords), path.name
        # with several tracks MuseScore hangs a syllable on its note once for each track that begins a note there
        sung = [{lyric.findtext("text", "").strip() for lyric in note.findall("lyric")} for note in part.iter("note")]
        assert [words for words in sung if words] == [{word.text} for word in song.melody.syllables], path.name


@needs("musescore3")
def test_musescore_prints_our_musicxml_and_keeps_its_notes(tmp_path: Path) -> None:
    song = four_parts()
    export(song, tmp_path / "song.musicxml")
    job = [{"in": str(tmp_path / "song.musicxml"), "out": [str(tmp_path / "song.pdf"), str(tmp_path / "back.mid")]}]
    (tmp_path / "job.json").write_text(json.dumps(job))
    run(["musescore3", "-j", tmp_path / "job.json"])
    assert (tmp_path / "song.pdf").read_bytes()[:4] == b"%PDF"
    back = [message for track in mido.MidiFile(tmp_path / "back.mid").tracks for message in track]
    played = [message.note for message in back if message.type == "note_on" and message.velocity]
    ours = [note.pitch for part in song.parts if part.role != "drums" for note in part.notes]
    drums = sum(len(part.notes) for part in song.parts if part.role == "drums")
    assert len(played) in (len(ours), len(ours) + drums)
    assert sorted(set(ours)) == sorted(set(played) & set(ours))


@needs("fluidsynth")
def test_fluidsynth_plays_every_sample_aloud(songs: dict[Path, Song], tmp_path: Path) -> None:
    (tmp_path / "own.sf2").write_bytes(own_soundfont())
    for path in songs:
        out = tmp_path / f"{path.stem}.wav"
        run(["fluidsynth", "-ni", "-q", "-g", "0.8", "-r", "22050", "-F", out, tmp_path / "own.sf2", path])
        with wave.open(str(out)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        assert np.sqrt((samples**2).mean()) > 100, path.name


@needs("timidity")
def test_timidity_loses_no_note(songs: dict[Path, Song], tmp_path: Path) -> None:
    (tmp_path / "own.sf2").write_bytes(own_soundfont())
    (tmp_path / "timidity.cfg").write_text(f'soundfont "{tmp_path / "own.sf2"}"\n')
    for path in songs:
        out = tmp_path / "out.wav"
        said = run(["timidity", "-c", tmp_path / "timidity.cfg", "-Ow", "-s", "22050", "-o", out, path])
        assert "Notes lost totally: 0" in said, path.name


@needs("midicsv")
def test_midicsv_reads_every_event(songs: dict[Path, Song], tmp_path: Path) -> None:
    for path, song in songs.items():
        run(["midicsv", path, tmp_path / "out.csv"])
        rows = (tmp_path / "out.csv").read_text(encoding="latin-1").splitlines()
        ons = [row for row in rows if ", Note_on_c, " in row]
        assert len(ons) >= sum(len(part.notes) for part in song.parts)
        assert rows[0].startswith("0, 0, Header, 1, ")


def test_python_readers_find_the_same_notes(songs: dict[Path, Song]) -> None:
    for path, song in songs.items():
        expected = as_written(song.parts[0].notes)
        for name, reader in READERS.items():
            found = reader(path)
            if name == "music21" and not song.parts[0].is_monophonic:
                # it joins what begins together into one chord, of one length: a note may be a tick longer
                assert [row[:2] for row in found] == [row[:2] for row in expected], path.name
                assert all(abs(a[2] - b[2]) <= 1 for a, b in zip(found, expected, strict=True)), path.name
                continue
            assert found == expected, (name, path.name)


def test_partitura_finds_the_same_notes(songs: dict[Path, Song], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sys.modules, "fluidsynth", None
    )  # with it, partitura downloads a sound font when it is imported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is written for an older numpy
        partitura = pytest.importorskip("partitura", reason="needs partitura, which is in the extra test")
        for path, song in songs.items():
            notes = partitura.load_performance_midi(path).note_array()
            ours = sorted((n.start_ticks, n.pitch) for part in song.parts for n in part.notes)
            found = {(int(tick), int(pitch)) for tick, pitch in zip(notes["onset_tick"], notes["pitch"], strict=True)}
            assert set(ours) <= found, path.name


def test_verovio_draws_every_note_syllable_and_harmony(songs: dict[Path, Song]) -> None:
    from cocreate.files.page import page_svgs

    for path, song in songs.items():
        svg = "".join(page_svgs(song))
        written = ET.fromstring(musicxml_bytes(legible(song)))
        struck = [n for n in written.iter("note") if n.find("rest") is None and not n.findall("tie[@type='stop']")]
        assert len(struck) == sum(len(part.notes) for part in song.parts), path.name
        notes = sum(note.find("rest") is None for note in written.iter("note"))
        assert len(re.findall(r'class="note"', svg)) == notes, path.name
        assert len(re.findall(r'class="syl"', svg)) == sum(len(part.syllables) for part in song.parts)
        assert len(re.findall(r'class="harm"', svg)) == len(list(written.iter("harmony")))
