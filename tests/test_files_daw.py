"""The MIDI file that drops cleanly into a DAW, row by row of its rules, on the bytes, without a MIDI library."""

from __future__ import annotations

import pytest

from cocreate.errors import InputError
from cocreate.files.midi import midi_bytes, stem_bytes
from cocreate.files.output import idea_name
from cocreate.music.feel import MOST_TICKS, humanise
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo

Event = tuple[int, int, bytes]  # tick, status (a meta event: 0xFF00 and its kind), data
TEXT, COPYRIGHT, NAME, LYRIC, MARKER, END = 0xFF01, 0xFF02, 0xFF03, 0xFF05, 0xFF06, 0xFF2F
TEMPO, METRE, KEY, OWN = 0xFF51, 0xFF58, 0xFF59, 0xFF7F

TUNE = Part(
    (Note(0, 62, 480), Note(480, 62, 480), Note(960, 65, 960, 127), Note(1920, 64, 1920, 1)), program=73,
    syllables=(Syllable(0, "Ren", joins_next=True), Syllable(480, "née"), Syllable(960, "雨")),
)  # fmt: skip
BASS = Part((Note(0, 38, 1920), Note(1920, 43, 1920)), "贝斯", "bass", 33)
DRUMS = Part((Note(0, 36, 60), Note(960, 38, 60)), "Drums", "drums")
SONG = Song(
    (TUNE, BASS, DRUMS), meters=(Meter(0, 4, 4),), tempos=(Tempo(0, 96.0),), keys=(Key(0, 10),),
    chords=(Chord(0, 1920, 2, "m7"), Chord(1920, 1920, 7, "7")), sections=(Section(0, "副歌"), Section(1920, "B")),
    title="Élégie",
)  # fmt: skip


def tracks_of(data: bytes) -> list[list[Event]]:
    """Every event of every track; no running status, which our files do not need."""
    found, at = [], 14
    while at < len(data):
        assert data[at : at + 4] == b"MTrk"
        stop = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        found.append(_events(data[at + 8 : stop]))
        at = stop
    return found


def _events(data: bytes) -> list[Event]:
    found: list[Event] = []
    at = tick = status = 0
    while at < len(data):
        delta, at = _number(data, at)
        tick += delta
        if data[at] == 0xFF:
            length, begin = _number(data, at + 2)
            found.append((tick, 0xFF00 | data[at + 1], data[begin : begin + length]))
            at = begin + length
            continue
        if data[at] & 0x80:
            status, at = data[at], at + 1
        size = 1 if status & 0xF0 in (0xC0, 0xD0) else 2
        found.append((tick, status, data[at : at + size]))
        at += size
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def kinds(track: list[Event], tick: int = 0) -> list[int]:
    return [status if status >= 0xFF00 else status & 0xF0 for when, status, _ in track if when == tick]


def onsets(track: list[Event]) -> set[int]:
    return {tick for tick, status, data in track if status & 0xF0 == 0x90 and status < 0xFF00 and data[1]}


def test_container_is_type_1_with_480_ticks_and_a_stem_for_each_part() -> None:
    data = midi_bytes(SONG)
    assert data[:14] == b"MThd\x00\x00\x00\x06\x00\x01\x00\x05\x01\xe0"  # frame, three parts, chords
    assert [name for name, _ in stem_bytes(SONG)] == ["Melody", "Bass", "Drums", "Chords"]
    for _, stem in stem_bytes(SONG):
        assert stem[:14] == b"MThd\x00\x00\x00\x06\x00\x01\x00\x02\x01\xe0"


def test_track_0_has_the_frame_in_order_and_no_note() -> None:
    frame = tracks_of(midi_bytes(SONG))[0]
    assert kinds(frame) == [NAME, METRE, KEY, TEMPO, MARKER, OWN]
    assert all(status >= 0xFF00 for _, status, _ in frame)
    assert [data for _, status, data in frame if status == TEMPO] == [(625_000).to_bytes(3, "big")]
    assert [data[:2] for _, status, data in frame if status == METRE] == [b"\x04\x02"]
    assert [data for _, status, data in frame if status == KEY] == [b"\xfe\x00"]


def test_a_part_begins_with_name_program_words_and_note_in_this_order() -> None:
    tune = tracks_of(midi_bytes(SONG))[1]
    assert [kind for kind in kinds(tune) if kind != KEY] == [NAME, 0xC0, LYRIC, 0x90]
    for track in tracks_of(midi_bytes(SONG))[1:]:
        assert [tick for tick, status, _ in track if status < 0xFF00 and status & 0xF0 == 0xC0] == [0]
        assert kinds(track)[0] == NAME


def test_never_a_text_or_copyright_event() -> None:
    for track in tracks_of(midi_bytes(SONG)):
        assert not {TEXT, COPYRIGHT} & {status for _, status, _ in track}


def test_sections_are_markers_and_chords_are_xf_events_on_a_note_and_a_track() -> None:
    tracks = tracks_of(midi_bytes(SONG))
    markers = [(tick, data) for tick, status, data in tracks[0] if status == MARKER]
    assert markers == [(0, b"Section 1"), (1920, b"B")]
    chords = [(tick, data) for tick, status, data in tracks[0] if status == OWN]
    assert chords == [(0, bytes.fromhex("437b01320a7f7f")), (1920, bytes.fromhex("437b0135137f7f"))]
    played = tracks[4]
    assert played[0] == (0, NAME, b"Chords")
    assert {tick for tick, _ in chords} <= onsets(played)


def test_words_are_utf_8_lyrics_on_the_part_at_their_note_and_a_word_ends_with_a_space() -> None:
    tracks = tracks_of(midi_bytes(SONG))
    words = [(tick, data.decode("utf-8")) for tick, status, data in tracks[1] if status == LYRIC]
    assert words == [(0, "Ren"), (480, "née "), (960, "雨 ")]
    assert {tick for tick, _ in words} <= onsets(tracks[1])
    assert not any(status == LYRIC for place in (0, 2, 3, 4) for _, status, _ in tracks[place])


def test_names_and_markers_are_ascii() -> None:
    for track in tracks_of(midi_bytes(SONG)):
        assert all(data.isascii() for _, status, data in track if status in (NAME, MARKER))


def test_parts_have_channels_of_their_own_drums_9_and_a_sixteenth_is_refused() -> None:
    many = tuple(Part((Note(0, 60, 480),), f"P{n}") for n in range(15))
    tracks = tracks_of(midi_bytes(Song((*many, DRUMS))))[1:]
    channels = [{status & 0x0F for _, status, _ in track if status < 0xFF00} for track in tracks]
    assert channels == [{n} for n in (*range(9), *range(10, 16), 9)]
    with pytest.raises(InputError, match="at most 15 pitched parts"):
        midi_bytes(Song((*many, TUNE)))


def test_a_note_ends_before_the_next_of_its_pitch_begins_and_velocities_are_1_to_127() -> None:
    tune = tracks_of(midi_bytes(SONG))[1]
    notes = [(tick, status & 0xF0, data) for tick, status, data in tune if status < 0xFF00 and status & 0xF0 != 0xC0]
    assert [row[:2] for row in notes[:4]] == [(0, 0x90), (479, 0x80), (480, 0x90), (960, 0x80)]
    assert notes[4][:2] == (960, 0x90)  # note-off before note-on
    assert {data[1] for _, kind, data in notes if kind == 0x90} == {80, 127, 1}
    for wrong in (0, 128):
        with pytest.raises(InputError, match=r"1\.\.127"):
            Note(0, 60, 1, wrong)


def test_bar_1_is_tick_0_a_pickup_is_a_bar_with_a_rest_and_all_tracks_end_on_a_bar_line() -> None:
    pickup = Song((Part((Note(1440, 67, 480), Note(1920, 72, 1000))), BASS), pickup_ticks=480)
    for song, end in ((SONG, 3840), (pickup, 3840)):
        tracks = tracks_of(midi_bytes(song))
        assert {track[-1][:2] for track in tracks} == {(end, END)}
    assert min(onsets(tracks[1])) == 1440
    assert kinds(tracks[0])[:1] == [METRE]


def test_humanised_notes_move_20_ticks_at_most_and_words_and_chords_move_with_them() -> None:
    for seed in range(10):
        tracks = tracks_of(midi_bytes(humanise(SONG, seed=seed)))
        straight = tracks_of(midi_bytes(SONG))
        for mine, theirs in zip(straight[1:], tracks[1:], strict=True):
            pairs = list(zip(sorted(onsets(mine)), sorted(onsets(theirs)), strict=True))
            assert max(abs(a - b) for a, b in pairs) <= MOST_TICKS
        assert {tick for tick, status, _ in tracks[1] if status == LYRIC} <= onsets(tracks[1])
        assert {tick for tick, status, _ in tracks[0] if status == OWN} <= onsets(tracks[1])
        assert {track[-1][0] for track in tracks} == {3840}


def test_the_name_says_what_a_drag_forgets() -> None:
    name = idea_name(1, "jazz", "melody", Key(0, 10), 132, 8, 42)
    assert name == "01_jazz_melody_Bb_132bpm_8bars_seed42.mid"
