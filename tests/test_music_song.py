"""What a song is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music.song import Chord, Key, Meter, Note, Part, Section, Song, Syllable, Tempo

notes = st.builds(
    Note,
    start_ticks=st.integers(0, 20_000),
    pitch=st.integers(30, 90),
    length_ticks=st.integers(1, 4_000),
    velocity=st.integers(1, 127),
)
songs = st.builds(
    Song,
    parts=st.lists(notes, min_size=1, max_size=30).map(lambda found: (Part(tuple(found)),)),
    meters=st.sampled_from([(Meter(0, 4, 4),), (Meter(0, 6, 8),), (Meter(0, 3, 4), Meter(2880, 7, 8))]),
    keys=st.builds(lambda tonic: (Key(0, tonic),), st.integers(0, 11)),
)


@given(songs, st.integers(-20, 20))
def test_transposing_there_and_back_is_no_change(song: Song, semitones: int) -> None:
    assert song.transpose(semitones).transpose(-semitones) == song


def test_transposing_moves_notes_keys_and_chords_but_no_drums() -> None:
    drums = Part((Note(0, 36, 10),), name="Drums", role="drums")
    song = Song(parts=(Part((Note(0, 60, 10),)), drums), keys=(Key(0, 11),), chords=(Chord(0, 10, 11, "7", 5),))
    moved = song.transpose(2)
    assert moved.parts[0].notes[0].pitch == 62
    assert moved.parts[1] == drums
    assert moved.keys[0].tonic == 1
    assert (moved.chords[0].root, moved.chords[0].bass) == (1, 7)


@given(songs)
def test_bars_cover_every_note_without_gaps(song: Song) -> None:
    bars = song.bars()
    assert bars[0].start_ticks == 0
    assert all(a.end_ticks == b.start_ticks for a, b in pairwise(bars))
    assert bars[-1].start_ticks < song.end_ticks <= bars[-1].end_ticks


@given(songs)
def test_cutting_a_song_in_two_keeps_every_onset(song: Song) -> None:
    bars = song.bars()
    middle = len(bars) // 2
    if middle == 0:
        return
    left, right = song.slice_bars(0, middle), song.slice_bars(middle, len(bars))
    cut = bars[middle].start_ticks
    onsets = [n.start_ticks for n in left.melody.notes] + [n.start_ticks + cut for n in right.melody.notes]
    assert sorted(onsets) == [n.start_ticks for n in song.melody.notes]
    assert str(right.meter) == str(bars[middle].meter)


def test_metre_may_change_on_bar_lines_only() -> None:
    Song(parts=(), meters=(Meter(0, 3, 4), Meter(1440, 4, 4)))
    with pytest.raises(InputError, match="bar line"):
        Song(parts=(), meters=(Meter(0, 3, 4), Meter(1000, 4, 4)))


def test_felt_beats_of_compound_metres_are_dotted() -> None:
    assert Meter(0, 6, 8).beat_ticks == 720
    assert Meter(0, 3, 8).beat_ticks == 240
    assert Meter(0, 4, 4).beat_ticks == 480


def test_a_chord_holds_until_it_ends_and_no_chord_is_none() -> None:
    song = Song(parts=(), chords=(Chord(0, 480, 0), Chord(480, 480, None)))
    assert song.chord_at(479) == Chord(0, 480, 0)
    assert song.chord_at(480) is None
    assert song.chord_at(5000) is None


def test_the_melody_is_the_part_that_says_so() -> None:
    bass = Part((Note(0, 40, 10),), name="Bass", role="bass")
    tune = Part((Note(0, 70, 10),), name="Tune")
    assert Song(parts=(bass, tune)).melody is tune
    assert Song(parts=(bass,)).melody is bass
    with pytest.raises(InputError, match="no pitched part"):
        _ = Song(parts=(Part((), role="drums"),)).melody


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: Note(0, 128, 1), r"pitch must be in 0\.\.127, got 128"),
        (lambda: Note(-1, 60, 1), "tick 0"),
        (lambda: Note(0, 60, 0), "at least 1 tick"),
        (lambda: Note(0, 60, 1, 0), "velocity"),
        (lambda: Meter(0, 5, 0), "power of 2"),
        (lambda: Meter(0, 4, 3), "power of 2"),
        (lambda: Tempo(0, 0), "tempo"),
        (lambda: Key(0, 12), "tonic"),
        (lambda: Key(0, 0, "blue"), "mode"),
        (lambda: Chord(0, 0, 0), "at least 1 tick"),
        (lambda: Syllable(0, "la", verse=0), "verse"),
        (lambda: Part((), role="singer"), "role"),
        (lambda: Song(parts=(), meters=()), "metre at tick 0"),
        (lambda: Song(parts=(), pickup_ticks=1920), "pickup"),
        (lambda: Song(parts=(Part((Note(10**9, 60, 1),)),)), "must end within"),
    ],
)
def test_a_bad_state_is_refused_with_its_rule(make, rule: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=rule):
        make()


def test_values_are_sorted_by_time() -> None:
    song = Song(parts=(), sections=(Section(960, "B"), Section(0, "A")))
    assert [section.label for section in song.sections] == ["A", "B"]
