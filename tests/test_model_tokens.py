"""Songs as ids and back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.model.tokens import Controls, SheetBar, controls_of, frame_shift, lay_out, sheet_of, song_of
from cocreate.model.vocabulary import DURATIONS, STEP_TICKS, Vocabulary, known_duration, nearest_meter
from cocreate.music.song import MODES, Chord, Key, Meter, Note, Part, Song, Tempo
from cocreate.music.theory import QUALITIES

WORDS = Vocabulary()


@st.composite
def songs(draw: st.DrawFn) -> Song:
    """Monophonic songs on the grid, in metres that the vocabulary has, with or without chords."""
    numerator, denominator = (
        int(n) for n in draw(st.sampled_from(["4/4", "3/4", "6/8", "7/8", "5/4", "9/8"])).split("/")
    )
    meter = Meter(0, numerator, denominator)
    bars = draw(st.integers(1, 4))
    end = bars * meter.bar_ticks // STEP_TICKS
    notes, now = [], draw(st.integers(0, 5))
    while now < end:
        length = min(draw(st.sampled_from(DURATIONS[5:25])), known_duration(end - now))
        notes.append(Note(now * STEP_TICKS, draw(st.integers(50, 80)), length * STEP_TICKS))
        now += length + draw(st.sampled_from([0, 0, 6, 12]))
    chords = []
    if draw(st.booleans()):
        for bar in range(bars):
            root = draw(st.integers(0, 11))
            quality, bass = draw(st.sampled_from(sorted(QUALITIES))), draw(st.sampled_from([None, 0, 5, 11]))
            chords.append(Chord(bar * meter.bar_ticks, meter.bar_ticks, root, quality, bass))
    key = Key(0, draw(st.integers(0, 11)), draw(st.sampled_from(MODES)))
    return Song((Part(tuple(notes)),), (meter,), (Tempo(0, 100.0),), (key,), tuple(chords))


@settings(max_examples=60, deadline=None)
@given(songs())
def test_a_song_on_the_grid_comes_back_from_its_sheet(song: Song) -> None:
    sheet = sheet_of(song, WORDS)
    back = song_of(sheet.bars, WORDS, key=song.keys[0], tempo_bpm=sheet.tempo_bpm, shift=sheet.shift)
    assert back.melody.notes == song.melody.notes
    assert back.meters == song.meters
    expected = {bar.start_ticks: song.chord_at(bar.start_ticks) for bar in song.bars()}
    for tick, chord in expected.items():
        found = back.chord_at(tick)
        assert (chord is None) == (found is None)
        if chord and found:
            assert (found.root, found.quality, found.bass) == (chord.root, chord.quality, chord.bass)


@settings(max_examples=40, deadline=None)
@given(songs(), st.integers(-12, 12))
def test_a_transposed_song_has_the_same_ids(song: Song, semitones: int) -> None:
    here, there = sheet_of(song, WORDS), sheet_of(song.transpose(semitones), WORDS)
    octave = (there.shift + semitones - here.shift) // 12  # the frame may lie an octave higher
    assert (there.shift + semitones - here.shift) % 12 == 0
    pitches = WORDS.type_ids["Pitch"]
    for a, b in zip(here.bars, there.bars, strict=True):
        moved = tuple(i + 12 * octave if i in pitches else i for i in a.melody)
        assert (moved, a.chords, a.meter) == (b.melody, b.chords, b.meter)


def test_every_tonic_is_moved_to_c_by_less_than_a_tritone_and_a_bit() -> None:
    shifts = [frame_shift(tonic) for tonic in range(12)]
    assert all((tonic + shift) % 12 == 0 for tonic, shift in enumerate(shifts))
    assert min(shifts) == -5
    assert max(shifts) == 6


def test_a_bar_of_silence_and_a_bar_with_no_chord_survive() -> None:
    song = Song(
        (Part((Note(0, 60, 480), Note(2 * 1920, 62, 480))),),
        keys=(Key(0, 0),),
        chords=(Chord(0, 1920, 0), Chord(2 * 1920, 1920, None)),
    )
    sheet = sheet_of(song, WORDS)
    assert [bool(bar.melody) for bar in sheet.bars] == [True, False, True]
    back = song_of(sheet.bars, WORDS, key=Key(0, 0), tempo_bpm=100)
    assert back.melody.notes == song.melody.notes
    assert back.chord_at(1920) is None
    assert back.chord_at(0) is not None


def test_of_notes_that_begin_together_the_highest_is_the_melody() -> None:
    song = Song((Part((Note(0, 60, 960), Note(0, 67, 480), Note(480, 65, 480))),), keys=(Key(0, 0),))
    back = song_of(sheet_of(song, WORDS).bars, WORDS, key=Key(0, 0), tempo_bpm=100)
    assert [(note.pitch, note.length_ticks) for note in back.melody.notes] == [(67, 480), (65, 480)]


def test_a_metre_the_vocabulary_lacks_is_written_as_its_nearest_and_can_be_given_back() -> None:
    meter = Meter(0, 11, 8)
    song = Song((Part((Note(0, 60, 240), Note(meter.bar_ticks, 64, 480))),), (meter,), keys=(Key(0, 0),))
    sheet = sheet_of(song, WORDS)
    assert sheet.bars[0].meter == nearest_meter(meter) == "6/4"
    back = song_of(sheet.bars, WORDS, key=Key(0, 0), tempo_bpm=100, meter=meter)
    assert back.melody.notes == song.melody.notes
    assert str(back.meter) == "11/8"


def test_a_bar_longer_than_eight_quarters_is_refused() -> None:
    song = Song((Part((Note(0, 60, 240),)),), (Meter(0, 9, 4),), keys=(Key(0, 0),))
    with pytest.raises(InputError, match="at most 8 quarters"):
        sheet_of(song, WORDS)


def _kinds(ids: list[int], targets: list[bool], *, wanted: bool) -> set[str]:
    return {WORDS.types[i] for i, target in zip(ids, targets, strict=True) if target == wanted}


def test_what_is_given_is_no_target() -> None:
    note = tuple(WORDS.id(*word) for word in (("Position", 0), ("Pitch", 60), ("Duration", 24)))
    chord = tuple(WORDS.id(*word) for word in (("Position", 0), ("ChordRoot", 0), ("ChordQuality", "maj7")))
    bars = [SheetBar("4/4", note, chord), SheetBar("3/4", note, chord)]
    laid = {task: lay_out(bars, task, WORDS, meter="4/4") for task in ("melody", "over", "under", "lead")}
    assert all(laid["melody"][1])
    assert all(laid["lead"][1])
    assert _kinds(*laid["over"], wanted=False) == {"Ahead", "Position", "ChordRoot", "ChordQuality"}
    assert "Pitch" not in _kinds(*laid["under"], wanted=True)
    assert _kinds(*laid["over"], wanted=True) == {"Bar", "TimeSig", "Position", "Pitch", "Duration"}
    # the chords of a bar come before the bar line of the bar before it
    ids = laid["over"][0]
    bar_lines = [place for place, i in enumerate(ids) if WORDS.types[i] == "Bar"]
    roots = [place for place, i in enumerate(ids) if WORDS.types[i] == "ChordRoot"]
    assert roots[1] < bar_lines[0]


def test_bar_lines_count_down_to_the_end() -> None:
    bars = [SheetBar("4/4", ()) for _ in range(3)]
    assert [WORDS.values[i] for i in lay_out(bars, "melody", WORDS, meter="4/4")[0]] == ["2", "1", "0"]
    assert [WORDS.values[i] for i in lay_out(bars, "melody", WORDS, meter="4/4", bars_left=None)[0]] == ["None"] * 3


def test_controls_say_what_the_bars_are() -> None:
    song = Song((Part(tuple(Note(480 * n, 62, 480) for n in range(8))),), keys=(Key(0, 2, "dorian"),))
    sheet = sheet_of(song, WORDS)
    controls = controls_of(sheet.bars, sheet, WORDS, styles=("folk", "no such style"), mood="calm")
    assert (controls.styles, controls.mode, controls.meter, controls.bars) == (("folk",), "dorian", "4/4", 2)
    words = [WORDS.words[i] for i in controls.ids("melody", WORDS)]
    assert words[:4] == ["BOS_None", "Task_melody", "Style_folk", "Mood_calm"]
    assert Controls().ids("over", WORDS) == [WORDS.id("BOS"), WORDS.id("Task", "over")]
