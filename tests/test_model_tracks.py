"""Several tracks: which part is which, and the sequences that write, hear and cut them."""

from __future__ import annotations

import numpy as np
import pytest

from cocreate.errors import InputError
from cocreate.model.batches import Exercise, Lessons, lesson_of, whole_lessons
from cocreate.model.corpus.pack import Entry
from cocreate.model.tokens import SheetBar
from cocreate.model.tracks import full_sheet_of, raised, track, tracks_of
from cocreate.model.vocabulary import DRUMS, Vocabulary
from cocreate.music.song import Chord, Key, Note, Part, Song

WORDS = Vocabulary()
BAR = 1920


def line(pitch: int, *, bars: int = 4, step: int = 480) -> tuple[Note, ...]:
    return tuple(Note(tick, pitch + tick // BAR, step) for tick in range(0, bars * BAR, step))


def quartet() -> Song:
    voices = [Part(line(pitch), role="voice") for pitch in (60, 67, 48)]  # not from the top down
    return Song(
        (Part(line(72), role="melody"), *voices),
        keys=(Key(0, 0),),
        chords=tuple(Chord(bar * BAR, BAR, 0) for bar in range(4)),
        style="chorale",
    )


def entry(song: Song, *, content: tuple[float, ...] = ()) -> Entry:
    sheet = full_sheet_of(song, WORDS)
    return Entry(sheet, "set", "work", "name", "CC0", "A", ("chorale",), "train", 1.0, None, content)


def words_of(ids: np.ndarray | tuple[int, ...]) -> list[str]:
    return [WORDS.words[i] for i in ids]


def test_voices_are_named_from_the_top_down() -> None:
    found = tracks_of(quartet())
    assert {name: notes[0].pitch for name, notes in found.items()} == {"alto": 67, "tenor": 60, "bass": 48}


def test_a_low_second_voice_is_a_bass_and_a_chordal_part_comps() -> None:
    chordal = tuple(Note(tick, pitch, 480) for tick in range(0, BAR, 480) for pitch in (60, 64, 67))
    song = Song((Part(line(72), role="melody"), Part(line(40), role="voice"), Part(chordal, role="other")))
    assert list(tracks_of(song)) == ["bass", "comp"]
    assert list(tracks_of(Song((Part(line(72), role="melody"), Part(line(67), role="other"))))) == ["counter"]


def test_notes_that_sound_together_share_a_position() -> None:
    chordal = tuple(Note(tick, pitch, 960) for tick in (0, 960) for pitch in (64, 60, 67))
    sheet = full_sheet_of(Song((Part(line(72, bars=1)), Part(chordal, role="comping")), keys=(Key(0, 0),)), WORDS)
    assert words_of(track(sheet, sheet.bars[0], "comp"))[:8] == [
        "Position_0", "Pitch_60", "Duration_48", "Pitch_64", "Duration_48", "Pitch_67", "Duration_48", "Position_48",
    ]  # fmt: skip


def test_drums_have_no_lengths_and_kits_agree() -> None:
    hits = (Note(0, 35, 100), Note(0, 42, 100), Note(480, 40, 100), Note(960, 3, 100))  # 3: no General MIDI key
    sheet = full_sheet_of(Song((Part(hits, role="drums"),)), WORDS)
    assert words_of(track(sheet, sheet.bars[0], "drums")) == [
        "Position_0", "Drum_36", "Drum_42", "Position_24", "Drum_38",
    ]  # fmt: skip
    assert not sheet.has_melody
    assert all(f"Drum_{key}" in WORDS.ids for key in DRUMS)


def test_given_tracks_are_heard_and_only_the_wanted_ones_are_targets() -> None:
    exercise = Exercise("parts", ("melody",), ("bass", "alto"))
    lesson = lesson_of(entry(quartet()), exercise, 0, 4, WORDS)
    names = words_of(lesson.ids)
    assert names.count("Ahead_None") == 4
    pitches = {int(w[6:]) for w, target in zip(names, lesson.targets, strict=True) if w[:6] == "Pitch_" and target}
    assert pitches == {*range(48, 52), *range(67, 71)}  # not the tenor, not the melody
    first = names.index("Bar_3")
    assert names[first + 1] == "Track_bass"
    # the bar that follows is heard before the bar line
    assert names[:first].count("Pitch_73") == 4


def test_a_cut_bar_comes_after_all_that_surrounds_it() -> None:
    lesson = lesson_of(entry(quartet()), Exercise("fill", ("chords",), ("melody",), range(1, 3)), 0, 4, WORDS)
    names = words_of(lesson.ids)
    fill = names.index("Fill_None")
    assert names.count("Gap_None") == 2
    assert "Pitch_73" not in names[:fill]
    assert names[fill + 1 :].count("Pitch_73") == 4
    assert names[fill + 1 :].count("Pitch_74") == 4
    assert names[-1] == "EOS_None"
    assert not lesson.targets[: fill + 1].any()
    assert lesson.targets[fill + 1 :].all()


def test_the_whole_piece_is_covered_once_by_its_lessons() -> None:
    exercise = Exercise("parts", (), ("melody", "bass"))
    lessons = list(whole_lessons(entry(quartet()), exercise, WORDS, context=80))
    assert len(lessons) > 1
    assert sum(words_of(lesson.ids).count("Track_bass") for lesson in lessons) == 4
    assert sum(lesson.notes for lesson in lessons) == 32


def test_an_octave_higher_moves_every_pitch_or_nothing() -> None:
    bars = full_sheet_of(quartet(), WORDS).bars
    up = raised(bars, 1, WORDS)
    assert up is not None
    assert words_of(up[0].melody)[1] == "Pitch_84"
    assert raised((SheetBar("4/4", (WORDS.id("Pitch", 105),)),), 1, WORDS) is None


def test_every_task_is_practised_and_taste_is_dropped_sometimes() -> None:
    lessons = Lessons([entry(quartet(), content=(0.5, -1.0, 2.0))], WORDS, seed=0)
    batches = [batch for number in range(6) for batch in lessons.pool(number, tokens=2048)]
    names = [words_of(row) for batch in batches for row in batch.ids]
    tasks = {next(word for word in row if word.startswith("Task_")) for row in names}
    assert tasks == {f"Task_{task}" for task in ("melody", "over", "under", "lead", "parts", "fill")}
    told = np.mean(["Taste_0" in row for row in names])
    assert 0.5 < told < 0.7
    vectors = np.concatenate([batch.taste for batch in batches if batch.taste.size])
    assert vectors.any(axis=1).mean() == pytest.approx(told, abs=0.15)


def test_lessons_of_one_task_alone_can_be_asked_for() -> None:
    lessons = Lessons([entry(quartet())], WORDS, seed=0, tasks=("under",))
    rows = [words_of(row) for batch in lessons.pool(0, tokens=512) for row in batch.ids]
    assert all("Task_under" in row for row in rows)
    drums = entry(Song((Part((Note(0, 36, 100), Note(BAR, 38, 100)), role="drums"),)))
    with pytest.raises(InputError, match="must be one of"):
        Lessons([drums], WORDS, seed=0, tasks=("sing",))
    with pytest.raises(InputError, match="none of them has the tracks"):
        Lessons([drums], WORDS, seed=0, tasks=("over",)).pool(0, tokens=64)
