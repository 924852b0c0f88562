"""Arrangements: the tune stays note for note, its chords too, and each part keeps its range, its bars and its hands."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocreate.errors import InputError
from cocreate.generate.arrangement import ArrangeRequest, parse_parts, write_arrangements
from cocreate.generate.groove import GROOVES, check_groove
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.drum_rules import FEET
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song
from cocreate.music.theory import chord_pitch_classes, parse_progression

PITCHES = (67, 71, 74, 71, 72, 69, 69, 66, 69, 72, 69, 71, 67, 67, 67, 67)
CHORDS = parse_progression("G | Am7 | D7/F# | G", meter=Meter(0, 4, 4))
LEAD = Song(
    (Part(tuple(Note(480 * n, pitch, 480) for n, pitch in enumerate(PITCHES)), name="Fiddle"),),
    keys=(Key(0, 7),),
    chords=CHORDS,
    title="Tune",
)


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


@pytest.fixture(scope="module")
def table(tiny_checkpoint: Path) -> dict[str, Any]:
    rows: dict[str, Any] = json.loads((tiny_checkpoint / "styles.json").read_text())["styles"]
    return rows


def arranged(net: Decoder, table: dict[str, Any], song: Song, **asked: Any) -> list[Song]:
    drafts = write_arrangements(net, net, table, ArrangeRequest(song, **asked))
    return [draft.whole for draft in drafts if draft.whole is not None]


def test_the_lead_and_its_chords_stay_and_the_parts_have_names_programs_and_ranges(
    net: Decoder, table: dict[str, Any]
) -> None:
    parts = ("bass", "piano", "guitar", "strings", "organ", "drums")
    for song in arranged(net, table, LEAD, style="bossa", parts=parts, n=2, seed=1):
        assert song.parts[0] == LEAD.parts[0]
        assert song.chords == LEAD.chords
        assert (song.meters, song.keys, song.tempos, song.title) == (LEAD.meters, LEAD.keys, LEAD.tempos, "Tune")
        assert [part.name for part in song.parts[1:]] == [
            "Bass",
            "Piano comp",
            "Guitar comp",
            "Strings comp",
            "Organ comp",
            "Drums",
        ]
        assert [part.program for part in song.parts[1:-1]] == [32, 0, 24, 48, 16]
        assert len(song.bars()) == 4
        assert song.end_ticks <= LEAD.bars()[-1].end_ticks
        bass, piano = song.parts[1:3]
        assert bass.is_monophonic
        assert all(28 <= note.pitch <= 52 for note in bass.notes)
        assert all(48 <= note.pitch <= 79 for note in piano.notes)


def test_the_bass_begins_each_chord_with_its_bass_and_the_hands_play_its_tones(
    net: Decoder, table: dict[str, Any]
) -> None:
    for style in ("bossa", "pop", "folk", "hymn"):
        song = arranged(net, table, LEAD, style=style, parts=("bass", "piano"), n=1, seed=3)[0]
        starts = {note.start_ticks: note.pitch % 12 for note in song.parts[1].notes}
        for chord in CHORDS:
            assert starts[chord.start_ticks] == (chord.root if chord.bass is None else chord.bass)
        for note in song.parts[2].notes:
            chord_there = song.chord_at(note.start_ticks)
            assert chord_there is not None
            assert note.pitch % 12 in chord_pitch_classes(chord_there)


def test_a_bass_walks_in_jazz_and_keeps_the_pattern_of_the_bossa(net: Decoder, table: dict[str, Any]) -> None:
    walking, bossa = (
        {note.start_ticks for note in arranged(net, table, LEAD, style=style, parts=("bass",), n=1)[0].parts[1].notes}
        for style in ("jazz", "bossa")
    )
    assert {480 * beat for beat in range(16)} <= walking
    assert {960 * half for half in range(8)} <= bossa
    assert {tick % 1920 for tick in bossa} <= {0, 720, 960, 1680}


def test_drums_are_playable_and_close_with_the_tune(net: Decoder, table: dict[str, Any]) -> None:
    for style, unit in (("rock", 120), ("swing", 160)):
        song = arranged(net, table, LEAD, style=style, parts=("drums",), n=1, seed=2)[0]
        drums = song.parts[-1]
        assert drums.role == "drums"
        together = Counter(note.start_ticks for note in drums.notes if note.pitch not in FEET)
        assert max(together.values(), default=0) <= 2
        assert all(note.start_ticks % unit == 0 for note in drums.notes)
        assert len({(note.start_ticks, note.pitch) for note in drums.notes}) == len(drums.notes)
        assert max(note.start_ticks for note in drums.notes) <= LEAD.parts[0].notes[-1].start_ticks
        assert any(note.start_ticks == 3 * 1920 for note in drums.notes)
        assert {note.pitch for note in drums.notes} <= GROOVES[style].kit


def test_fills_and_crashes_stand_where_sections_meet(net: Decoder, table: dict[str, Any]) -> None:
    song = replace(LEAD, sections=(Section(0, "A"), Section(3840, "B")))
    for one in arranged(net, table, song, style="rock", parts=("drums",), n=4):
        crashes = {note.start_ticks for note in one.parts[-1].notes if note.pitch == 49}
        toms = {note.start_ticks for note in one.parts[-1].notes if note.pitch in (45, 48, 50)}
        assert crashes <= {0, 3840, 5760}
        assert all(1920 + 960 <= tick < 3840 or 3840 + 960 <= tick < 5760 for tick in toms)


def test_chords_that_are_missing_are_written_before_they_are_played(net: Decoder, table: dict[str, Any]) -> None:
    bare = replace(LEAD, chords=CHORDS[:1])
    for song in arranged(net, table, bare, style="jazz", n=2):
        assert song.chords[0].root == 7
        assert {chord.start_ticks for chord in song.chords} > {0}
        assert song.chords[-1].end_ticks == 4 * 1920


def test_a_pickup_changing_metres_and_a_long_song(net: Decoder, table: dict[str, Any]) -> None:
    meters = (Meter(0, 3, 4), Meter(1440, 7, 8), Meter(1440 + 2 * 1680, 4, 4))
    notes = tuple(Note(960 + 240 * n, 60 + n * 5 % 13, 240) for n in range(16))
    song = Song((Part(notes),), meters=meters, pickup_ticks=480)
    whole = arranged(net, table, song, style="funk", n=1)[0]
    assert whole.parts[0] == song.parts[0]
    assert len(whole.bars()) == len(song.bars())
    assert all(note.start_ticks >= 1440 for part in whole.parts[1:] for note in part.notes)
    endless = Song((Part(tuple(Note(480 * n, 60 + n * 7 % 13, 480) for n in range(4 * 40))),))
    assert len(arranged(net, table, endless, style="pop", n=1)[0].bars()) == 40


def test_a_part_that_is_there_keeps_its_name(net: Decoder, table: dict[str, Any]) -> None:
    bass = Part(tuple(Note(960 * n, 43, 960) for n in range(8)), name="Bass", role="bass")
    song = arranged(net, table, replace(LEAD, parts=(*LEAD.parts, bass)), style="pop", parts=("bass",), n=1)[0]
    assert [part.name for part in song.parts] == ["Fiddle", "Bass", "Bass 2"]
    assert song.parts[1] == bass


def test_the_same_seed_plays_the_same(net: Decoder, table: dict[str, Any]) -> None:
    again = [arranged(net, table, LEAD, style="samba", n=2, seed=5) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0][0] != again[0][1]
    assert arranged(net, table, LEAD, style="samba", n=1, seed=5)[0] == again[0][0]


def test_styles_map_to_the_nearest_that_the_model_knows(table: dict[str, Any]) -> None:
    assert check_groove("Bossa-Nova", table)[0] == "bossa"
    assert check_groove("bossa", table)[1].row == "jazz"
    assert check_groove("funk", table)[1].row == "any"  # a table without pop
    assert check_groove(None, table)[0] == "any"
    with pytest.raises(InputError, match=r"style must be one of .*did you mean 'samba'"):
        check_groove("sambba", table)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("kazoo", "parts must be among bass"), ("", "parts must be among"), ("bass,bass", "must not stand twice")],
)
def test_parts_that_nobody_plays_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        parse_parts(text)


def test_a_slash_and_no_chord_are_played_as_they_say(net: Decoder, table: dict[str, Any]) -> None:
    own = (Chord(0, 1920, 7, "maj", 11), Chord(1920, 1920, None), Chord(3840, 3840, 7))
    song = arranged(net, table, replace(LEAD, chords=own), style="pop", n=1)[0]
    assert song.chords == own
    assert song.parts[1].notes[0].pitch % 12 == 11
