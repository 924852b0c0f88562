"""Melodies on request: what was named is met, the rest is the style's choice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocreate.errors import InputError, UnmetError
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import MelodyRequest, check_style
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import parse_progression, parse_range


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


RIFF = Song(
    (
        Part((Note(0, 50, 1920, 40), Note(1920, 45, 1920, 40)), name="Bass", role="bass"),
        Part(tuple(Note(480 * n + 7, 62 + 2 * (n % 3), 300) for n in range(8)), name="Lead"),
    ),
    keys=(Key(0, 2, "minor"),),
    tempos=(Tempo(0, 88.0),),
    title="Riff",
)


def test_what_is_named_is_met(net: Decoder, table: dict[str, Any]) -> None:
    request = MelodyRequest(
        style="jazz", key=Key(0, 3, "minor"), meter=Meter(0, 7, 8), tempo_bpm=93.5, bars=5, range=(60, 72), n=3, seed=1
    )
    for draft in write_melodies(net, table, request):
        song = draft.song
        assert (song.key, str(song.meter), song.tempo_bpm) == (Key(0, 3, "minor"), "7/8", 93.5)
        assert len(song.bars()) == 5
        assert all(60 <= note.pitch <= 72 for note in song.melody.notes)
        assert draft.style == "jazz"
        assert draft.nats > 0


def test_what_is_left_out_is_the_styles_choice(net: Decoder, table: dict[str, Any]) -> None:
    songs = [draft.song for draft in write_melodies(net, table, MelodyRequest(style="folk", n=12, seed=2))]
    assert {str(song.meter) for song in songs} == {"4/4", "3/4"}
    assert {song.key.tonic for song in songs if song.key} <= {0, 2, 10}
    assert all(90 <= song.tempo_bpm <= 150 for song in songs)


def test_a_sad_idea_is_in_a_dark_mode(net: Decoder, table: dict[str, Any]) -> None:
    sad = write_melodies(net, table, MelodyRequest(mood="sad", n=6, seed=4))
    assert {draft.song.key.mode for draft in sad if draft.song.key} == {"minor"}
    assert sad[0].style == "any"


def test_the_same_seed_writes_the_same_songs(net: Decoder, table: dict[str, Any]) -> None:
    request = MelodyRequest(n=4, seed=9)
    again = write_melodies(net, table, request)
    assert again == write_melodies(net, table, request)
    assert again[:2] == write_melodies(net, table, replace(request, n=2))
    assert again != write_melodies(net, table, replace(request, seed=10))


def test_the_users_bars_stay_as_they_are(net: Decoder, table: dict[str, Any]) -> None:
    draft = write_melodies(net, table, MelodyRequest(start=RIFF, bars=3, n=1))[0]
    song = draft.song
    assert draft.fresh == draft.song.melody.notes[len(RIFF.parts[1].notes) :]
    assert tuple(n for n in song.melody.notes if n.start_ticks < 2 * 1920) == RIFF.melody.notes
    assert [part.notes for part in song.parts if part.role == "bass"] == [RIFF.parts[0].notes]
    assert len(song.bars()) == 5
    assert (song.key, song.tempo_bpm, song.title) == (RIFF.key, 88.0, "Riff")


def test_going_on_in_another_key_changes_the_key_where_the_new_bars_begin(net: Decoder, table: dict[str, Any]) -> None:
    song = write_melodies(net, table, MelodyRequest(start=RIFF, key=Key(0, 9), bars=2, n=1))[0].song
    assert song.keys == (Key(0, 2, "minor"), Key(2 * 1920, 9, "major"))


def test_the_key_at_the_end_of_the_riff_is_the_one_to_go_on_in(net: Decoder, table: dict[str, Any]) -> None:
    riff = replace(RIFF, keys=(Key(0, 2, "minor"), Key(1920, 7, "major")))
    assert write_melodies(net, table, MelodyRequest(start=riff, bars=2, n=1))[0].song.keys == riff.keys


def test_a_metre_announced_after_the_last_bar_does_not_touch_the_new_ones(net: Decoder, table: dict[str, Any]) -> None:
    riff = replace(RIFF, meters=(Meter(0, 4, 4), Meter(2 * 1920, 3, 4)))
    song = write_melodies(net, table, MelodyRequest(start=riff, bars=3, n=1))[0].song
    assert [str(bar.meter) for bar in song.bars()] == ["4/4"] * 5


def test_a_piccolos_riff_can_be_gone_on_from(net: Decoder, table: dict[str, Any]) -> None:
    high = RIFF.transpose(127 - 66)
    assert write_melodies(net, table, MelodyRequest(start=high, bars=2, n=1))


def test_a_riff_with_a_long_bar_before_the_ones_shown_is_no_obstacle(net: Decoder, table: dict[str, Any]) -> None:
    meters = (Meter(0, 12, 4), Meter(12 * 480, 4, 4))
    long = Song((Part(tuple(Note(960 * n, 60 + n % 5, 480) for n in range(50))),), meters)
    assert write_melodies(net, table, MelodyRequest(start=long, bars=2, n=1))


def test_given_chords_are_kept_and_heard_on_strong_beats(net: Decoder, table: dict[str, Any]) -> None:
    meter = Meter(0, 4, 4)
    chords = parse_progression("Dm7 | G7/B | N.C. | Cmaj7 A7alt", meter=meter, bars=6)
    for draft in write_melodies(net, table, MelodyRequest(chords=chords, meter=meter, bars=6, n=4)):
        assert draft.song.chords == chords
        downbeat = [n for n in draft.song.melody.notes if n.start_ticks <= 1920 < n.end_ticks]
        assert all(note.pitch % 12 in {7, 11, 2, 5} for note in downbeat)


def test_chords_go_under_the_new_bars_of_a_riff(net: Decoder, table: dict[str, Any]) -> None:
    chords = (Chord(0, 3840, 5, "maj7"),)
    song = write_melodies(net, table, MelodyRequest(start=RIFF, chords=chords, bars=2, n=1))[0].song
    assert song.chords == (Chord(3840, 3840, 5, "maj7"),)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (MelodyRequest(meter=Meter(0, 9, 4)), "8 quarters"),
        (MelodyRequest(range=parse_range("C-1-G0")), "widen --range"),
        (MelodyRequest(start=RIFF, meter=Meter(0, 3, 4)), "must be that of the bars"),
    ],
)
def test_what_no_melody_can_meet_is_refused(
    net: Decoder, table: dict[str, Any], request_: MelodyRequest, why: str
) -> None:
    with pytest.raises(UnmetError, match=why):
        write_melodies(net, table, request_)


@pytest.mark.parametrize(
    "options",
    [{"bars": 0}, {"bars": 65}, {"n": 0}, {"density": 1.5}, {"mood": "hapy"}, {"tempo_bpm": 3.0}, {"seed": -1}],
)
def test_a_value_out_of_bounds_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be"):
        MelodyRequest(**options)


def test_an_unknown_style_names_the_nearest(table: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="did you mean 'jazz'"):
        check_style("jaz", table)
    with pytest.raises(InputError, match="must be one of"):
        check_style("any", table)
    assert check_style(" Jazz", table) == "jazz"


def test_a_riff_without_notes_is_refused(net: Decoder, table: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must have notes"):
        write_melodies(net, table, MelodyRequest(start=Song((Part(()),))))
