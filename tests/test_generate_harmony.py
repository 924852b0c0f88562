"""Harmonies on request: the song stays note for note, what is to be kept is kept, and the rest has the form asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocreate.errors import InputError, UnmetError
from cocreate.generate.harmony import ENSEMBLES, HarmonyRequest, parse_voices, write_harmonies
from cocreate.generate.kept_chords import kept_chords
from cocreate.judge.voices import voice_leading
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.chord_rules import TRIADS
from cocreate.model.decoder import Decoder
from cocreate.music.song import Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import chord_symbol, parse_progression

PITCHES = (67, 71, 74, 71, 72, 69, 69, 66, 69, 72, 69, 71, 67, 67, 67, 67)
TUNE = Song(
    (Part(tuple(Note(480 * n, pitch, 480) for n, pitch in enumerate(PITCHES)), name="Fiddle"),),
    keys=(Key(0, 7),),
    tempos=(Tempo(0, 96.0),),
    title="Tune",
)


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


def symbols(song: Song, bar: int) -> list[str]:
    """The chords of a bar (from 1), said again where they ring into it."""
    place = song.bars()[bar - 1]
    return [
        chord_symbol(chord, key=song.key)
        for chord in song.chords
        if chord.start_ticks < place.end_ticks and chord.end_ticks > place.start_ticks
    ]


def test_the_song_stays_and_a_comping_part_comes(net: Decoder, table: dict[str, Any]) -> None:
    for draft in write_harmonies(net, table, HarmonyRequest(TUNE, style="jazz", n=3, seed=1)):
        song = draft.whole
        assert song is not None
        assert song.parts[0] == TUNE.parts[0]
        assert (song.meters, song.keys, song.tempos, song.title) == (TUNE.meters, TUNE.keys, TUNE.tempos, "Tune")
        assert (song.parts[1].name, song.parts[1].role) == ("Piano comp", "comping")
        assert song.style == "jazz"
        assert len(song.bars()) == len(TUNE.bars())
        assert song.chords[0].start_ticks == 0
        assert song.chords[-1].end_ticks == song.bars()[-1].end_ticks
        assert song.chords[-1].root == 7  # it closes
        assert draft.song.chords == song.chords


def test_kept_chords_are_kept_to_the_letter(net: Decoder, table: dict[str, Any]) -> None:
    keep = "1:Dm7 2:F#ø G7#9/B 3.3:N.C."
    for draft in write_harmonies(net, table, HarmonyRequest(TUNE, voices=(), keep=keep, rhythm="bar", n=4, seed=2)):
        song = draft.whole
        assert song is not None
        assert symbols(song, 1) == ["Dm7"]
        assert symbols(song, 2) == ["F#m7b5", "G7#9/B"]
        assert symbols(song, 3)[-1] == "N.C."
        assert len(symbols(song, 3)) == 2
        assert len(song.parts) == 1


def test_the_songs_own_chords_are_played_as_they_stand(net: Decoder, table: dict[str, Any]) -> None:
    own = (Chord(7, 1900, 7), Chord(1920, 3833, 2, "7", 6), Chord(5753, 1920, 7, "6"))
    song = replace(TUNE, chords=own)
    drafts = write_harmonies(net, table, HarmonyRequest(song, voices=("bass",), keep="all", n=2))
    for draft in drafts:
        assert draft.whole is not None
        assert draft.whole.chords == own
        assert draft.whole.parts[-1].name == "Bass"
    assert drafts[0].whole != drafts[1].whole


def test_four_voices_sing_under_the_tune(net: Decoder, table: dict[str, Any]) -> None:
    for draft in write_harmonies(net, table, HarmonyRequest(TUNE, voices=("satb",), n=3, rhythm="beat", seed=4)):
        assert [part.name for part in draft.singers if part.name != "Fiddle"] == ["Alto", "Tenor", "Bass"]
        assert draft.whole is not None
        for player in ENSEMBLES["satb"]:
            part = next(part for part in draft.whole.parts if part.name == player.name)
            assert part.is_monophonic
            assert all(player.low <= note.pitch <= player.high for note in part.notes)
            assert part.notes[0].start_ticks == 0
            assert part.notes[-1].end_ticks == TUNE.end_ticks
        found = voice_leading(draft.whole, draft.singers)
        assert found.count("crossing", "range") == 0


def test_a_bass_that_is_there_is_sung_with(net: Decoder, table: dict[str, Any]) -> None:
    bass = Part(tuple(Note(960 * n, 43 + 2 * (n % 3), 960) for n in range(8)), name="Bass", role="bass")
    song = replace(TUNE, parts=(*TUNE.parts, bass))
    draft = write_harmonies(net, table, HarmonyRequest(song, voices=("satb",), n=1))[0]
    assert draft.whole is not None
    assert [part.name for part in draft.whole.parts] == ["Fiddle", "Bass", "Alto", "Tenor"]
    assert draft.whole.parts[1] == bass
    assert len(draft.singers) == 4


def test_voices_move_with_a_tune_that_was_played_off_the_grid(net: Decoder, table: dict[str, Any]) -> None:
    notes = tuple(Note(480 * n + 10 * (n % 2), pitch, 470) for n, pitch in enumerate(PITCHES))
    song = replace(TUNE, parts=(Part(notes),))
    drafts = write_harmonies(net, table, HarmonyRequest(song, voices=("satb",), rhythm="beat", n=6))
    begun: set[int] = set()
    for draft in drafts:
        assert draft.whole is not None
        assert voice_leading(draft.whole, draft.singers).count("crossing") == 0
        begun |= {note.start_ticks for part in draft.singers[1:] for note in part.notes}
    assert {490, 480 * 3 + 10} <= begun
    assert not {480, 480 * 3} & begun


def test_complexity_and_rhythm_bind_the_chords(net: Decoder, table: dict[str, Any]) -> None:
    request = HarmonyRequest(TUNE, voices=(), rhythm="half", n=4)
    for draft in write_harmonies(net, table, replace(request, complexity=0.0)):
        assert {chord.quality for chord in draft.song.chords} <= TRIADS
        assert all(chord.bass is None for chord in draft.song.chords)
        assert {chord.start_ticks % 960 for chord in draft.song.chords} == {0}
    for draft in write_harmonies(net, table, replace(request, complexity=0.9)):
        assert not {chord.quality for chord in draft.song.chords} & TRIADS


def test_changing_metres_a_pickup_and_a_piano_part(net: Decoder, table: dict[str, Any]) -> None:
    meters = (Meter(0, 3, 4), Meter(1440, 7, 8), Meter(1440 + 2 * 1680, 4, 4))
    notes = tuple(Note(960 + 240 * n, 60 + n * 5 % 13, 240) for n in range(16))
    hands = Part((*notes, *(Note(1440 + 840 * n, 45, 800) for n in range(4))), name="Piano", role="other")
    song = Song((hands,), meters=meters, pickup_ticks=480)
    draft = write_harmonies(net, table, HarmonyRequest(song, voices=("piano",), rhythm="half", keep="1:Bbmaj7", n=1))[0]
    assert draft.whole is not None
    assert draft.whole.parts[0] == hands
    assert symbols(draft.whole, 2) == ["Bbmaj7"]  # the first full bar
    assert draft.whole.meters == meters


def test_a_long_song_outgrows_the_context(net: Decoder, table: dict[str, Any]) -> None:
    notes = tuple(Note(240 * n, 60 + n * 7 % 17, 240) for n in range(8 * 24))
    request = HarmonyRequest(Song((Part(notes),)), voices=("satb",), rhythm="bar", n=1)
    assert len(write_harmonies(net, table, request)[0].song.bars()) == 24


def test_the_same_seed_writes_the_same_harmonies(net: Decoder, table: dict[str, Any]) -> None:
    request = HarmonyRequest(TUNE, n=2, seed=9)
    again = write_harmonies(net, table, request)
    assert [draft.whole for draft in again] == [draft.whole for draft in write_harmonies(net, table, request)]
    assert again[0].whole == write_harmonies(net, table, replace(request, n=1))[0].whole
    assert again[0].whole != again[1].whole


def test_what_keep_may_say() -> None:
    song = replace(TUNE, chords=parse_progression("G | D7 G", meter=Meter(0, 4, 4)))

    def kept(text: str) -> dict[int, list[str]]:
        return {place: [chord_symbol(c) for c in chords] for place, chords in kept_chords(song, text).items()}

    assert kept("none") == {}
    assert kept("all") == {0: ["G"], 1: ["D7", "G"]}
    assert kept("1-2, 4:Am7 D7") == {0: ["G"], 1: ["D7", "G"], 3: ["Am7", "D7"]}
    assert kept("3.4:A7 3.2:E7") == {2: ["E7", "A7"]}
    starts = [(chord.start_ticks, chord.length_ticks) for chord in kept_chords(song, "3.4:A7 3.2:E7")[2]]
    assert starts == [(3840 + 480, 960), (3840 + 1440, 480)]


@pytest.mark.parametrize(
    ("keep", "error", "rule"),
    [
        ("9:G7", UnmetError, "within the song's 1-4"),
        ("1:G7 C F D E", UnmetError, "keeps at most 4 chords"),
        ("1.5:G7", UnmetError, "a beat in 1..4"),
        ("1:C7b9#11", UnmetError, "to the letter"),
        ("3", UnmetError, "bars that have chords"),
        ("1:Hm", InputError, "must begin with A..G"),
        ("G7", InputError, 'keep must be such as "1:Dm7'),
        ("1.2:G7 1.2:C", InputError, "two chords for one beat"),
    ],
)
def test_what_cannot_be_kept_is_refused(keep: str, error: type[Exception], rule: str) -> None:
    with pytest.raises(error, match=rule):
        kept_chords(TUNE, keep)


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"voices": ("kazoo",)}, "voices must be among satb"),
        ({"voices": ("satb", "bass")}, "must not play the same part"),
        ({"rhythm": "often"}, "rhythm must be one of"),
        ({"complexity": 1.5}, r"complexity must be in 0\.\.1, got 1.5"),
        ({"n": 0}, r"n must be in 1\.\.64"),
        ({"seed": -1}, "seed must be 0 or more"),
    ],
)
def test_a_request_refuses_what_breaks_a_rule(asked: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        HarmonyRequest(TUNE, **asked)


def test_voices_need_room_under_the_tune(net: Decoder, table: dict[str, Any]) -> None:
    with pytest.raises(UnmetError, match="must fit under the tune"):
        write_harmonies(net, table, HarmonyRequest(TUNE.transpose(-24), voices=("satb",)))
    full = (*TUNE.parts, *(Part(TUNE.transpose(-d).parts[0].notes, name="V", role="voice") for d in (5, 12, 24)))
    with pytest.raises(UnmetError, match="all its voices already"):
        write_harmonies(net, table, HarmonyRequest(replace(TUNE, parts=full), voices=("satb",)))


def test_nothing_to_write_is_refused(net: Decoder, table: dict[str, Any]) -> None:
    song = replace(TUNE, chords=parse_progression("G", meter=Meter(0, 4, 4), bars=4))
    with pytest.raises(InputError, match="nothing is left to write"):
        write_harmonies(net, table, HarmonyRequest(song, voices=(), keep="all"))


def test_names_of_ensembles() -> None:
    assert parse_voices("piano, Bass") == ("piano", "bass")
    assert parse_voices("none") == ()
