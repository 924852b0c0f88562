"""MIDI in and out: what is written reads back, elsewhere too, and broken files say so on one line."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cocreate.errors import FileError, InputError
from cocreate.files import read_song
from cocreate.files.midi import midi_bytes, read_midi, to_pretty_midi, to_symusic, write_midi
from cocreate.files.output import check_folder, idea_name, to_ascii, write_bytes
from cocreate.files.xf import _TYPES, read_xf, xf_data
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo
from cocreate.music.theory import QUALITIES, parse_progression

IN_MEMORY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def song_of(*notes: Note, **more: object) -> Song:
    return Song((Part(notes or (Note(0, 60, 480),)),), **more)  # type: ignore[arg-type]


def full_song() -> Song:
    words = (Syllable(0, "月"), Syllable(480, "hel", joins_next=True), Syllable(960, "lo"))
    tune = Part((Note(0, 60, 480), Note(480, 60, 480), Note(960, 64, 900)), syllables=words, program=73)
    bass = Part((Note(0, 36, 1920),), name="Bass", role="bass", program=33)
    drums = Part((Note(0, 36, 240), Note(480, 38, 240)), name="Drums", role="drums")
    return Song(
        (tune, bass, drums),
        meters=(Meter(0, 4, 4), Meter(1920, 3, 4)),
        tempos=(Tempo(0, 132.0), Tempo(1920, 90.5)),
        keys=(Key(0, 10, "major"), Key(1920, 7, "minor")),
        chords=parse_progression("Bbmaj7 C9sus4 | N.C. | Gm7/F | F#7alt", meter=Meter(0, 4, 4)),
        sections=(Section(0, "A"), Section(1920, "B")),
        title="Song",
    )


def re_read(song: Song, folder: Path) -> Song:
    path = folder / "song.mid"
    write_midi(song, path, force=True)
    return read_midi(path)


def parsed(song: Song) -> mido.MidiFile:
    return mido.MidiFile(file=BytesIO(midi_bytes(song)), charset="utf-8")


def at_ticks(track: mido.MidiTrack) -> list[tuple[int, mido.Message]]:
    now, found = 0, []
    for message in track:
        now += message.time
        found.append((now, message))
    return found


def smf(*tracks: bytes, kind: int = 1, division: int = 480) -> bytes:
    head = b"MThd" + (6).to_bytes(4, "big") + b"".join(n.to_bytes(2, "big") for n in (kind, len(tracks), division))
    return head + b"".join(b"MTrk" + len(t).to_bytes(4, "big") + t for t in tracks)


END = b"\x00\xff\x2f\x00"
ONE_NOTE = b"\x00\x90\x3c\x40\x83\x60\x80\x3c\x40"  # C4 for 480 ticks


# --- what is written -------------------------------------------------------------------------------------------------


def test_a_full_song_reads_back_as_it_was(tmp_path: Path) -> None:
    assert re_read(full_song(), tmp_path) == full_song()


@st.composite
def songs(draw: st.DrawFn) -> Song:
    meters = [Meter(0, draw(st.integers(2, 7)), draw(st.sampled_from([4, 8])))]
    change = Meter(meters[0].bar_ticks * draw(st.integers(1, 3)), 5, 16)
    names = {"Melody": "melody", "Bass": "bass", "Comping": "comping", "Other 2": "other"}
    parts = []
    for name in draw(st.lists(st.sampled_from(sorted(names)), min_size=1, max_size=4, unique=True)):
        notes, free = [], dict.fromkeys(range(128), 0)
        for _ in range(draw(st.integers(1, 12))):
            pitch = draw(st.integers(0, 127))
            start = free[pitch] + draw(st.one_of(st.just(0), st.integers(2, 900)))
            length = draw(st.integers(2, 2000))
            notes.append(Note(start, pitch, length, draw(st.integers(1, 127))))
            free[pitch] = start + length
        words = draw(st.lists(st.text("abcé词 ", min_size=1).map(str.strip).filter(bool), max_size=len(notes)))
        ticks = sorted({note.start_ticks for note in notes})
        syllables = tuple(
            Syllable(tick, " ".join(word.split()), joins_next=place % 2 == 1)
            for place, (tick, word) in enumerate(zip(ticks, words, strict=False))
        )
        parts.append(Part(tuple(notes), name, names[name], draw(st.integers(0, 127)), syllables))
    kinds = st.sampled_from(sorted(QUALITIES))
    at, chords = 0, []
    for _ in range(draw(st.integers(0, 5))):
        length = draw(st.integers(1, 4)) * 240
        chords.append(Chord(at, length, draw(st.integers(0, 11)), draw(kinds), draw(st.none() | st.integers(0, 11))))
        at += length + draw(st.sampled_from([0, 240]))
    if any(part.role == "comping" for part in parts):
        chords = []  # without a Chords track the ends and rarer qualities are not kept
    return Song(
        tuple(parts),
        meters=(*meters, change),
        tempos=(Tempo(0, draw(st.floats(20, 600))), Tempo(777, 100)),
        keys=(Key(0, draw(st.integers(0, 11)), "minor"), Key(960, draw(st.integers(0, 11)), "major")),
        chords=tuple(chords),
        sections=(Section(0, "A"), Section(480, "B 2")),
    )


@IN_MEMORY
@given(songs())
def test_any_song_reads_back_as_it_was(tmp_path: Path, song: Song) -> None:
    again = re_read(song, tmp_path)
    for before, after in zip(song.tempos, again.tempos, strict=True):
        assert (after.start_ticks, after.bpm) == (before.start_ticks, pytest.approx(before.bpm, abs=1e-2))
    assert replace(again, tempos=song.tempos) == song


def test_chord_ends_and_bass_notes_survive(tmp_path: Path) -> None:
    chords = (Chord(0, 480, 0, "13sus4", 2), Chord(960, 480, 2, "11"), Chord(1440, 480, None))
    assert re_read(song_of(chords=chords), tmp_path).chords == chords


def test_without_a_free_chords_track_the_chord_events_alone_carry_the_chords(tmp_path: Path) -> None:
    comping = Part((Note(0, 60, 960),), name="Comping", role="comping")
    song = Song((comping,), chords=(Chord(0, 960, 0, "maj7"), Chord(960, 960, 5, "m6")))
    assert re_read(song, tmp_path).chords == song.chords
    assert [track.name for track in parsed(song).tracks[1:]] == ["Comping"]


def test_xf_bytes_of_known_chords() -> None:
    assert xf_data(Chord(0, 1, 9, "m7")) == (0x43, 0x7B, 0x01, 0x36, 0x0A, 0x7F, 0x7F)  # the example of Yamaha's manual
    assert xf_data(Chord(0, 1, 6, "maj"), key=Key(0, 1))[3] == 0x25  # G flat in D flat major
    assert xf_data(Chord(0, 1, 6, "maj"))[3] == 0x44  # else F sharp


def test_every_quality_has_an_xf_type_that_reads_back() -> None:
    assert set(_TYPES) == set(QUALITIES)
    for quality, steps in QUALITIES.items():
        event = read_xf(0, xf_data(Chord(0, 1, 4, quality)))
        assert event is not None
        assert event.quality_of(frozenset((4 + step) % 12 for step in steps)) == quality


def test_all_tracks_end_on_one_bar_line() -> None:
    midi = parsed(replace(full_song(), sections=(Section(0, "A"), Section(9000, "late"))))
    ends = {sum(message.time for message in track) for track in midi.tracks}
    assert len(ends) == 1
    end = ends.pop()
    assert end >= 9000
    assert (end - 1920) % 1440 == 0


def test_track_0_holds_the_frame_in_order_and_no_note() -> None:
    track = parsed(full_song()).tracks[0]
    order = [message.type for tick, message in at_ticks(track) if tick == 0]
    assert order == ["track_name", "time_signature", "key_signature", "set_tempo", "marker", "sequencer_specific"]
    assert not any(message.type.startswith("note") for message in track)


def test_nothing_is_written_that_a_daw_takes_for_something_else() -> None:
    song = full_song()
    song = replace(song, title="Élégie 月", parts=(replace(song.parts[0], name="主旋律"), *song.parts[1:]))
    for track in parsed(song).tracks:
        for message in track:
            assert message.type not in ("text", "copyright")
            if message.type in ("track_name", "marker"):
                assert (getattr(message, "name", "") or getattr(message, "text", "")).isascii()
    assert parsed(song).tracks[0].name == "Elegie"
    assert parsed(song).tracks[1].name == "Melody"


def test_each_part_has_a_channel_and_one_program_at_tick_0() -> None:
    parts = tuple(Part((Note(0, 60, 480),), name=f"P{n}", program=n) for n in range(15))
    midi = parsed(Song((*parts, Part((Note(0, 36, 10),), role="drums"))))
    programs = [(tick, m.channel) for track in midi.tracks for tick, m in at_ticks(track) if m.type == "program_change"]
    assert programs == [(0, c) for c in (*range(9), *range(10, 16), 9)]


def test_a_sixteenth_pitched_part_is_refused() -> None:
    with pytest.raises(InputError, match="at most 15 pitched parts, got 16"):
        midi_bytes(Song(tuple(Part((Note(0, 60, 480),)) for _ in range(16))))


def test_repeated_notes_stay_a_tick_apart_and_end_before_the_next() -> None:
    track = parsed(song_of(Note(0, 60, 480), Note(480, 60, 900), Note(960, 60, 1), Note(961, 60, 9))).tracks[1]
    notes = [(tick, m.type) for tick, m in at_ticks(track) if m.type.startswith("note")]
    assert [kind for _, kind in notes] == ["note_on", "note_off"] * 4
    assert [tick for tick, _ in notes] == [0, 479, 480, 959, 960, 961, 961, 970]


def test_words_lie_on_the_part_at_the_tick_of_their_note_as_utf8() -> None:
    track = parsed(full_song()).tracks[1]
    assert [(t, m.text) for t, m in at_ticks(track) if m.type == "lyrics"] == [(0, "月 "), (480, "hel"), (960, "lo ")]
    assert "月 ".encode() in midi_bytes(full_song())


def test_other_readers_hear_the_same_notes() -> None:
    song = full_song()
    expected = [{(n.start_ticks, n.pitch, n.velocity) for n in part.notes} for part in song.parts]
    score = to_symusic(song)
    assert [{(n.time, n.pitch, n.velocity) for n in track.notes} for track in score.tracks if track.notes][
        :3
    ] == expected
    heard = to_pretty_midi(song)
    starts = [
        {(heard.time_to_tick(n.start), n.pitch, n.velocity) for n in player.notes} for player in heard.instruments
    ]
    assert starts[:3] == expected
    assert [player.name for player in heard.instruments] == ["Melody", "Bass", "Drums", "Chords"]
    assert [word.text for word in heard.lyrics] == ["月 ", "hel", "lo "]


def test_an_empty_song_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one note or chord"):
        write_midi(Song((Part(()),)), tmp_path / "empty.mid")
    assert not list(tmp_path.iterdir())


# --- what is read ----------------------------------------------------------------------------------------------------


def read_bytes_of(data: bytes, folder: Path) -> Song:
    path = folder / "given.mid"
    path.write_bytes(data)
    return read_midi(path)


def test_type_0_running_status_and_velocity_0_are_understood(tmp_path: Path) -> None:
    track = b"\x00\x90\x3c\x40\x60\x3c\x00\x00\x3e\x40\x60\x3e\x00" + b"\x00\x99\x24\x40\x60\x24\x00" + END
    song = read_bytes_of(smf(track, kind=0, division=96), tmp_path)
    assert [part.role for part in song.parts] == ["melody", "drums"]
    assert [(n.start_ticks, n.pitch, n.length_ticks) for n in song.melody.notes] == [(0, 60, 480), (480, 62, 480)]


@pytest.mark.parametrize(("division", "start"), [(96, 480), (1024, 45), (7, 6583), (480, 96), (960, 48)])
def test_any_resolution_is_rounded_to_the_nearest_tick(tmp_path: Path, division: int, start: int) -> None:
    track = b"\x60\x90\x3c\x40\x60\x80\x3c\x40" + END
    assert read_bytes_of(smf(track, division=division), tmp_path).melody.notes[0].start_ticks == start


def test_a_note_never_ended_rings_to_the_end_of_its_track(tmp_path: Path) -> None:
    song = read_bytes_of(smf(b"\x00\x90\x3c\x40\x83\x60\xff\x2f\x00"), tmp_path)
    assert song.melody.notes == (Note(0, 60, 480, 64),)


def test_of_overlapping_notes_of_a_pitch_the_earlier_is_cut(tmp_path: Path) -> None:
    track = b"\x00\x90\x3c\x40\x60\x90\x3c\x40\x60\x80\x3c\x40\x60\x80\x3c\x40" + END
    song = read_bytes_of(smf(track), tmp_path)
    assert [(n.start_ticks, n.length_ticks) for n in song.melody.notes] == [(0, 96), (96, 192)]


def test_a_metre_change_off_the_bar_line_moves_to_the_nearest(tmp_path: Path) -> None:
    change = b"\x00\xff\x58\x04\x04\x02\x18\x08" + b"\x90\x00\xff\x58\x04\x03\x02\x18\x08"  # 4/4, 3/4 at tick 2048
    song = read_bytes_of(smf(change + END, ONE_NOTE + END), tmp_path)
    assert song.meters == (Meter(0, 4, 4), Meter(1920, 3, 4))


def test_the_frame_is_found_on_any_track(tmp_path: Path) -> None:
    frame = b"\x00\xff\x51\x03\x0f\x42\x40" + b"\x00\xff\x59\x02\xfd\x01" + b"\x00\xff\x06\x01A"  # 60 bpm, C minor, A
    song = read_bytes_of(smf(ONE_NOTE + END, frame + END), tmp_path)
    assert (song.tempo_bpm, song.key, song.sections) == (60.0, Key(0, 0, "minor"), (Section(0, "A"),))


def test_a_key_that_cannot_be_is_passed_over(tmp_path: Path) -> None:
    song = read_bytes_of(smf(b"\x00\xff\x59\x02\x08\x01" + ONE_NOTE + END), tmp_path)
    assert song.key is None
    assert len(song.melody.notes) == 1


def test_words_on_a_track_of_their_own_go_to_the_part_they_fit(tmp_path: Path) -> None:
    other = b"\x82\x00\x91\x40\x40\x60\x81\x40\x40" + END
    words = b"\x00\xff\x05\x03la " + END
    song = read_bytes_of(smf(other, ONE_NOTE + END, words), tmp_path)
    assert [len(part.syllables) for part in song.parts] == [0, 1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"X:1\nT:no midi\nK:C\nCDEF|\n", "not a whole MIDI file"),
        (smf(END), "at least one note"),
        (smf(ONE_NOTE + END, kind=2), "type 0 or 1"),
        (smf(ONE_NOTE + END, division=0), "seconds"),
        (smf(ONE_NOTE + END, division=0xE728), "seconds"),
        (smf(b"\x00\xff\x58\x04\x04\xff\x18\x08" + ONE_NOTE + END), "power of 2"),
        (smf(b"\x00\xff\x58\x04\x00\x02\x18\x08" + ONE_NOTE + END), "1..64 beats"),
        (smf(b"\xff\xff\xff\x7f\x90\x3c\x40\x60\x80\x3c\x40" + END), "within 5000 bars"),
    ],
)
def test_a_bad_file_is_refused_on_one_line_that_names_it(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(FileError, match=reason) as caught:
        read_bytes_of(data, tmp_path)
    assert "given.mid" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = midi_bytes(full_song())
    for length in range(len(whole)):
        with pytest.raises(FileError, match=r"given\.mid"):
            read_bytes_of(whole[:length], tmp_path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_spoiled_file_is_read_or_refused_but_never_crashes(tmp_path: Path, spots: list[tuple[int, int]]) -> None:
    data = bytearray(midi_bytes(full_song()))
    for place, value in spots:
        data[place % len(data)] = value
    try:
        song = read_bytes_of(bytes(data), tmp_path)
    except FileError:
        return
    assert song.parts or song.chords


def test_read_song_goes_by_suffix(tmp_path: Path) -> None:
    write_midi(full_song(), tmp_path / "a.MID")
    assert read_song(tmp_path / "a.MID") == full_song()
    with pytest.raises(InputError, match=r"one of \.mid, .*\.krn, got .*a\.wav"):
        read_song(tmp_path / "a.wav")
    with pytest.raises(FileError, match=r"no file .*b\.mid"):
        read_song(tmp_path / "b.mid")


# --- safe writing ----------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.mid"
    write_bytes(path, b"one")
    with pytest.raises(FileError, match=r"exists already; choose another --out or give --force"):
        write_bytes(path, b"two")
    assert path.read_bytes() == b"one"
    write_bytes(path, b"two", force=True)
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["a.mid"]


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for bad in (tmp_path / "file" / "sub", Path("/proc/none")):
        with pytest.raises(FileError, match="--out") as caught:
            check_folder(bad)
        assert "\n" not in str(caught.value)
        with pytest.raises(FileError, match="cannot write"):
            write_bytes(bad / "a.mid", b"x")
    with pytest.raises(FileError, match="is a folder"):
        write_bytes(tmp_path, b"x", force=True)


def test_checking_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_an_idea_is_named_by_what_a_drag_forgets() -> None:
    assert idea_name(1, "jazz", "melody", Key(0, 10), 132, 8, 42) == "01_jazz_melody_Bb_132bpm_8bars_seed42.mid"
    assert idea_name(12, "art song", "melody", Key(0, 6, "minor"), 99.6, 16, 7) == (
        "12_art-song_melody_Fsm_100bpm_16bars_seed7.mid"
    )


def test_ascii_spelling_keeps_what_it_can() -> None:
    assert [to_ascii(t) for t in ("Élégie", "F♯ – B♭", "副歌", "a\nb")] == ["Elegie", "F# - Bb", "", "a b"]
