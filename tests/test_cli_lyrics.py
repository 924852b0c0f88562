"""``cocreate lyrics``: what a songwriter types, sees and finds in the folder."""

from __future__ import annotations

import json
from pathlib import Path

import mido
import pytest
from lyric_seat import make_seat

from cocreate.cli import main
from cocreate.files import read_song
from cocreate.files.midi import midi_bytes
from cocreate.music.chinese import is_han
from cocreate.music.song import Note, Part, Song


@pytest.fixture(scope="module")
def seat(tmp_path_factory):
    return str(make_seat(tmp_path_factory.mktemp("seats") / "lyrics", chinese=True))


@pytest.fixture
def tune(home):
    notes = tuple(Note((line * 12 + n) * 480, 60 + (n * 3 + line) % 12, 480) for line in range(4) for n in range(8))
    path = home / "tune.mid"
    path.write_bytes(midi_bytes(Song((Part(notes),))))
    return str(path)


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


def test_lyrics_without_a_tune_are_shown_and_kept_as_text_with_certificates(home, seat, capsys):
    assert main(["lyrics", "--checkpoint", seat, "--theme", "rain", "-n", "2", "--seed", "7"]) == 0
    _, err = capsys.readouterr()
    assert "[verse]" in err
    assert "2 lyrics in words with seed 7" in err
    assert files(home / "words") == [".json", ".json", ".txt", ".txt"]
    for path in (home / "words").glob("*.json"):
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        assert [row["slots"] for row in sidecar["certificate"]] == [8, 6, 8, 6]
        assert all(row["syllables"] == row["slots"] and row["rhyme"]["class"] for row in sidecar["certificate"])
        assert sidecar["text"] in path.with_suffix(".txt").read_text(encoding="utf-8")


def test_a_tune_comes_back_with_a_lyric_event_on_every_note(home, seat, tune, capsys):
    asked = ["lyrics", tune, "--checkpoint", seat, "--rhyme", "AABB", "-n", "1", "--seed", "1", "--json"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    (one,) = found["lyrics"]
    path = home / one["path"]
    assert files(home / "words") == [".json", ".lrc", ".mid", ".musicxml", ".txt"]
    times: dict[str, list[int]] = {"lyrics": [], "note_on": []}
    for track in mido.MidiFile(path.with_suffix(".mid"), charset="utf-8").tracks:
        now = 0
        for event in track:
            now += event.time
            if event.type == "lyrics" and event.text.strip():
                times["lyrics"].append(now)
            elif event.type == "note_on" and event.velocity:
                times["note_on"].append(now)
    assert len(times["note_on"]) == 32
    assert times["lyrics"] == times["note_on"]
    starts = {note.start_ticks for note in read_song(Path(tune)).melody.notes}
    for ending in (".mid", ".musicxml"):
        assert {s.start_ticks for s in read_song(path.with_suffix(ending)).melody.syllables} == starts


def test_chinese_lines_have_as_many_characters_as_asked_and_their_rhymes(home, seat, tune, capsys):
    asked = ["lyrics", "--checkpoint", seat, "--lang", "zh", "--theme", "春", "--syllables", "5,5", "--rhyme", "AA"]
    assert main([*asked, "-n", "1", "--seed", "2", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["lyrics"]
    assert one["title"] in Path(one["path"]).name
    lines = [row["text"] for row in one["certificate"]]
    assert [len(line) for line in lines] == [5, 5]
    assert all(is_han(char) for line in lines for char in line)
    assert one["certificate"][1]["rhyme"]["tier"] in ("perfect", "family")
    sung = ["lyrics", tune, "--checkpoint", seat, "--lang", "zh", "--rhyme", "AXXX", "-n", "1", "--seed", "2", "--json"]
    assert main([*sung, "--out", "sung"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["lyrics"]
    assert all(0 <= row["tones"] <= 1 for row in one["certificate"])
    again = read_song((home / one["path"]).with_suffix(".mid")).melody
    assert "".join(s.text for s in again.syllables) == "".join(row["text"] for row in one["certificate"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rhyme", "A1"], "rhyme scheme"), (["--syllables", "8,x"], "'8,x'"), (["--form", "refrain"], "refrain"),
        (["--keep", "the rain"], "1: The rain came down"), (["--keep", "9: the rain"], "1..4, got 9"),
        (["--mood", "blue"], "blue"), (["--lang", "fr"], "fr"), (["-n", "0"], "1..32"), (["--tier", "eye"], "eye"),
        (["none.mid"], "none.mid"), (["--words", "none.txt"], "none.txt"), (["--metre", "limping"], "limping"),
        (["--checkpoint", "nobody"], "nobody"), (["--syllables", "40"], "1..16"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_in_one_line_and_writes_nothing(home, seat, capsys, options, words):
    asked = options if "--checkpoint" in options else [*options, "--checkpoint", seat]
    assert main(["lyrics", *asked]) in (1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (home / "words").exists()
