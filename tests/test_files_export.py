"""Every kind of file that a song can become: pages, projects, stems, rolls and notebooks."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path

import mido
import pytest

import cocreate
from cocreate.errors import FileError, InputError
from cocreate.files.dawproject import dawproject_bytes
from cocreate.files.export import KINDS, export, stem_files, write_stems
from cocreate.files.midi import read_midi, write_midi
from cocreate.files.musicxml import load_score, score_song
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.page import page_bytes, page_svgs
from cocreate.files.repeats import folded
from cocreate.files.roll import text_roll
from cocreate.music.song import Key, Meter, Note, Part, Section, Song, Syllable, Tempo
from cocreate.music.theory import parse_progression


def song() -> Song:
    words = (Syllable(0, "Har", joins_next=True), Syllable(480, "bour"), Syllable(960, "雨"))
    tune = Part(
        (Note(0, 67, 480), Note(480, 69, 240), Note(720, 70, 240), Note(960, 72, 960), Note(1920, 67, 1440)),
        "Melody", syllables=words, program=73,
    )  # fmt: skip
    bass = Part((Note(0, 43, 1920), Note(1920, 41, 1440)), "Bass", "bass", 33)
    drums = Part((Note(0, 36, 240), Note(960, 38, 240)), "Drums", "drums")
    return Song(
        (tune, bass, drums),
        meters=(Meter(0, 4, 4), Meter(1920, 3, 4)),
        tempos=(Tempo(0, 132.0), Tempo(1920, 90.0)),
        keys=(Key(0, 10),),
        chords=parse_progression("Bb F7", meter=Meter(0, 4, 4)),
        sections=(Section(0, "A"), Section(1920, "B")),
        title="Harbour <Light> & 雨",
    )


def test_every_kind_is_written_whole_and_never_over_another_file(tmp_path: Path) -> None:
    for suffix in KINDS:
        if suffix == ".krn" or suffix in (".xml", ".midi"):
            continue
        (path,) = export(song(), tmp_path / f"out{suffix}")
        assert path.stat().st_size > 90
        with pytest.raises(FileError, match="exists"):
            export(song(), path)
    with pytest.raises(InputError, match="must end in one of"):
        export(song(), tmp_path / "out.docx")
    assert not list(tmp_path.glob(".*"))


def test_each_stem_has_one_part_and_they_end_on_the_full_file_s_bar_line(tmp_path: Path) -> None:
    write_midi(song(), tmp_path / "idea.mid")
    paths = write_stems(song(), tmp_path / "idea.mid")
    assert [path.name for path in paths] == ["01_Melody.mid", "02_Bass.mid", "03_Drums.mid", "04_Chords.mid"]
    assert {path.parent.name for path in paths} == {"idea_stems"}
    full = mido.MidiFile(tmp_path / "idea.mid")
    end = sum(message.time for message in full.tracks[0])
    for path, part in zip(paths, song().parts, strict=False):
        stem = mido.MidiFile(path)
        assert len(stem.tracks) == 2
        assert {sum(message.time for message in track) for track in stem.tracks} == {end}
        again = read_midi(path)
        assert again.parts[0].notes == part.notes
        assert (again.meters, again.keys) == (song().meters, song().keys)
    assert list(tmp_path.glob("*.mid")) == [tmp_path / "idea.mid"]  # `*.mid` is ideas, not stems
    with pytest.raises(FileError, match="exists"):
        write_stems(song(), tmp_path / "idea.mid")
    assert stem_files(song(), tmp_path / "idea.mid")[paths[0]] == paths[0].read_bytes()


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_has_every_note_syllable_and_chord_symbol() -> None:
    svg = "".join(page_svgs(song()))
    heads = len(re.findall(r'class="note"', svg))
    assert heads == 5 + 2 + 2
    assert len(re.findall(r'class="syl"', svg)) == 3
    assert len(re.findall(r'class="harm"', svg)) == 3  # and N.C. where they end
    assert len(re.findall(r'class="beam"', svg)) == 1  # the two eighths
    assert "\ueca5" not in svg


@pytest.mark.parametrize(("suffix", "magic"), [(".pdf", b"%PDF"), (".png", b"\x89PNG"), (".svg", b"<svg")])
def test_pages_are_what_they_end_in(suffix: str, magic: bytes) -> None:
    assert page_bytes(song(), suffix)[0].startswith(magic)


def test_a_long_song_takes_several_pages_and_several_png_files(tmp_path: Path) -> None:
    tune = Part(tuple(Note(240 * i, 60 + i % 12, 240) for i in range(8 * 120)))
    paths = export(Song((tune,)), tmp_path / "long.png")
    assert [path.name for path in paths][:2] == ["long.png", "long-2.png"]
    with pytest.raises(InputError, match="at least one note"):
        export(Song((Part(()),)), tmp_path / "none.pdf")


def test_beams_hang_flags_of_one_beat_together() -> None:
    notes = (Note(0, 60, 240), Note(240, 62, 120), Note(360, 64, 120), Note(480, 65, 240), Note(960, 67, 960))
    root = ET.fromstring(musicxml_bytes(Song((Part(notes),))))
    beams = [[(b.get("number"), b.text) for b in note.findall("beam")] for note in root.iter("note")]
    assert beams[:3] == [
        [("1", "begin")],
        [("1", "continue"), ("2", "begin")],
        [("1", "end"), ("2", "end")],
    ]
    assert beams[3] == []  # alone in its beat


def aab() -> Song:
    """Four bars A, the same again with other words, and B."""
    tune = [Note(1920 * bar + 480 * beat, 60 + beat, 480) for bar in (0, 1, 2, 3) for beat in range(4)]
    tune += [Note(1920 * bar, 72, 1920) for bar in (4, 5)]
    words = (Syllable(0, "one"), Syllable(3840, "two"), Syllable(7680, "end"))
    bass = Part(tuple(Note(1920 * bar, 36, 1920) for bar in range(6)), "Bass", "bass")
    sections = (Section(0, "A"), Section(3840, "A"), Section(7680, "B"))
    return Song((Part(tuple(tune), syllables=words), bass), sections=sections, keys=(Key(0, 0),))


def test_a_section_that_comes_twice_is_written_once_with_repeat_signs_and_two_verses(tmp_path: Path) -> None:
    (path,) = export(aab(), tmp_path / "aab.musicxml", repeats=True)
    root = ET.parse(path).getroot()
    for part in root.findall("part"):
        measures = part.findall("measure")
        assert len(measures) == 4
        signs = [[r.get("direction") for r in measure.iter("repeat")] for measure in measures]
        assert signs == [["forward"], ["backward"], [], []]
    verses = [(w.get("number"), w.findtext("text")) for w in root.iter("lyric")]
    assert verses == [("1", "one"), ("2", "two"), ("1", "end")]
    played, bars, _ = score_song(load_score(path), expand=True)
    assert bars == 6
    assert [note.pitch for note in played.melody.notes] == [note.pitch for note in aab().melody.notes]
    (plain,) = export(aab(), tmp_path / "plain.musicxml")
    assert len(ET.parse(plain).getroot().findall("part/measure")) == 12


def test_sections_that_differ_or_ring_over_are_not_folded(tmp_path: Path) -> None:
    tune = aab().parts[0]
    other = replace(aab(), parts=(replace(tune, notes=(*tune.notes[:-1], Note(3840, 50, 480), tune.notes[-1])),))
    ringing = replace(aab(), parts=(replace(tune, notes=(*tune.notes, Note(3360, 40, 960))),))
    for what in (other, ringing):
        assert folded(what) == (what, ())


# --- DAWproject ------------------------------------------------------------------------------------------------------


def project_of(what: Song) -> ET.Element:
    with zipfile.ZipFile(io.BytesIO(dawproject_bytes(what))) as archive:
        assert archive.namelist() == ["project.xml", "metadata.xml"]
        return ET.fromstring(archive.read("project.xml"))


def test_a_daw_project_has_every_track_note_tempo_metre_and_marker() -> None:
    project = project_of(song())
    assert [t.get("name") for t in project.iter("Track")] == ["Melody", "Bass", "Drums", "Master"]
    clips = list(project.iter("Notes"))
    assert [len(clip) for clip in clips] == [5, 2, 2]
    first = clips[0][1]
    assert {k: first.get(k) for k in ("time", "duration", "key", "channel")} == {
        "time": "1.0", "duration": "0.5", "key": "69", "channel": "0",
    }  # fmt: skip
    assert clips[2][0].get("channel") == "9"
    assert project.find("Transport/Tempo").get("value") == "132.000000"  # type: ignore[union-attr]
    assert [p.get("time") for p in project.iter("RealPoint")] == ["0.0", "4.0"]
    assert [p.get("numerator") for p in project.iter("TimeSignaturePoint")] == ["4", "3"]
    assert [m.get("name") for m in project.iter("Marker")] == ["A", "Bb", "Key: Bb major", "F7", "B"]
    assert dawproject_bytes(song()) == dawproject_bytes(song())


# what the published schemas (Project.xsd, MetaData.xsd of DAWproject 1.0) say of the elements that we write, in our
# words: children in their order ("*" any number, "?" perhaps), attributes that must and that may be there
CONTENTS = {
    "Project": (("Application", "Transport?", "Structure?", "Arrangement?", "Scenes?"), {"version"}, set()),
    "Application": ((), {"name", "version"}, set()),
    "Transport": (("Tempo?", "TimeSignature?"), set(), set()),
    "Tempo": ((), {"unit"}, {"max", "min", "value"}),
    "TimeSignature": ((), {"numerator", "denominator"}, set()),
    "Structure": (("Track*",), set(), set()),
    "Track": (("Channel?", "Track*"), set(), {"contentType", "loaded"}),
    "Channel": (
        ("Devices?", "Mute?", "Pan?", "Sends?", "Volume?"), set(), {"audioChannels", "destination", "role", "solo"},
    ),
    "Mute": ((), set(), {"value"}),
    "Pan": ((), {"unit"}, {"max", "min", "value"}),
    "Volume": ((), {"unit"}, {"max", "min", "value"}),
    "Arrangement": (("Lanes?", "Markers?", "TempoAutomation?", "TimeSignatureAutomation?"), set(), set()),
    "Lanes": (("Lanes*", "Clips*"), set(), {"timeUnit", "track"}),
    "Clips": (("Clip*",), set(), {"timeUnit", "track"}),
    "Clip": (("Notes?",), {"time"}, {"duration", "contentTimeUnit", "playStart", "playStop"}),
    "Notes": (("Note*",), set(), {"timeUnit", "track"}),
    "Note": ((), {"time", "duration", "channel", "key"}, {"vel", "rel"}),
    "Markers": (("Marker*",), set(), {"timeUnit", "track"}),
    "Marker": ((), {"time"}, set()),
    "TempoAutomation": (("Target", "RealPoint*"), set(), {"timeUnit", "track", "unit"}),
    "TimeSignatureAutomation": (("Target", "TimeSignaturePoint*"), set(), {"timeUnit", "track", "unit"}),
    "Target": ((), set(), {"parameter"}),
    "RealPoint": ((), {"time", "value"}, {"interpolation"}),
    "TimeSignaturePoint": ((), {"time", "numerator", "denominator"}, set()),
    "MetaData": (("Title?", "Genre?", "Comment?"), set(), set()),
    "Title": ((), set(), set()), "Genre": ((), set(), set()), "Comment": ((), set(), set()),
}  # fmt: skip
NAMEABLE = {"name", "color", "comment", "id"}
VALUES = {
    "unit": {"linear", "normalized", "percent", "decibel", "hertz", "semitones", "seconds", "beats", "bpm"},
    "timeUnit": {"beats", "seconds"}, "contentTimeUnit": {"beats", "seconds"},
    "role": {"regular", "master", "effect", "submix", "vca"}, "interpolation": {"hold", "linear"},
    "contentType": {"audio", "automation", "notes", "video", "markers", "tracks"},
}  # fmt: skip


def check_schema(element: ET.Element) -> None:
    children, must, may = CONTENTS[element.tag]
    assert must <= set(element.keys()) <= must | may | NAMEABLE, element.tag
    pattern = "".join(f"(?:{c.rstrip('?*')} ){c[-1] if c[-1] in '?*' else ''}" for c in children)
    assert re.fullmatch(pattern, "".join(f"{child.tag} " for child in element)), element.tag
    for name, value in element.items():
        assert set(value.split()) <= VALUES.get(name, set(value.split())), (element.tag, name)
        if name in ("time", "duration", "vel", "min", "max"):
            float(value)
    for child in element:
        check_schema(child)


def test_a_daw_project_keeps_the_schema_and_every_reference_has_its_target() -> None:
    with zipfile.ZipFile(io.BytesIO(dawproject_bytes(song()))) as archive:
        project, metadata = (ET.fromstring(archive.read(name)) for name in archive.namelist())
    check_schema(project)
    check_schema(metadata)
    names = [element.get("id") for element in project.iter() if element.get("id")]
    assert len(names) == len(set(names))
    wanted = [e.get(k) for e in project.iter() for k in ("track", "destination", "parameter") if e.get(k)]
    assert set(wanted) <= set(names)


# --- terminal and notebook -------------------------------------------------------------------------------------------


def test_the_roll_shows_each_note_where_it_sounds_in_the_width_that_there_is() -> None:
    text = text_roll(song(), width=60)
    lines = text.splitlines()
    assert "Bb major" in lines[0]
    assert max(map(len, lines)) <= 60
    assert next(line for line in lines if line.startswith("  G4")).split("│")[1].startswith("█▬▬▬")
    assert "F7" in text
    assert "\033[" not in text
    assert "\033[38;5;" in text_roll(song(), colour=True)
    with pytest.raises(InputError, match="at least one note"):
        text_roll(Song((Part(()),)))
    with pytest.raises(InputError, match="columns"):
        text_roll(song(), width=10)


def test_a_song_shows_itself_in_a_notebook_without_network() -> None:
    html = song()._repr_html_()
    assert html.count("data:image/png;base64,") == 1
    assert html.count("data:audio/ogg;base64,") == 1
    assert "http" not in html
    assert "Harbour &lt;Light&gt; &amp; 雨" in html
    assert "at least one note" in Song((Part(()),))._repr_html_()


def test_plot_gives_axes_and_the_door_has_the_names() -> None:
    axes = song().plot()
    assert axes.get_xlabel() == "bar"
    assert cocreate.export is export
    assert callable(cocreate.render)


def test_play_renders_and_hands_over(monkeypatch: pytest.MonkeyPatch) -> None:
    from cocreate.files import player

    heard = []
    monkeypatch.setattr(player, "play_sound", lambda sound, **_more: heard.append(sound.length_s))
    song().play()
    assert heard[0] > 2
