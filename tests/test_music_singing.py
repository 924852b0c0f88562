"""Where words may go on a tune."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music.prosody import pronounce, split_words
from cocreate.music.singing import Phrase, Slot, fits, pattern, phrases, sing
from cocreate.music.song import Meter, Note, Part, Song, Syllable
from cocreate.music.unfold import rhythm_for, unfold


def tune(*quarters: int | None, pitch: int = 67) -> Song:
    """Notes of so many quarters one after the other; None is a quarter's rest."""
    notes, at = [], 0
    for length in quarters:
        if length is not None:
            notes.append(Note(at, pitch, 480 * length))
        at += 480 * (length or 1)
    return Song((Part(tuple(notes)),))


def test_a_phrase_ends_where_the_singer_breathes():
    song = tune(1, 1, 1, 1, 1, 1, None, None, 1, 1, 1, 1, 1, 1)
    assert [len(phrase) for phrase in phrases(song)] == [6, 6]
    assert phrases(song)[0].strengths == (4, 2, 3, 2, 4, 2)
    assert phrases(song)[0].mask == "swswsw"


def test_an_early_note_that_is_held_over_the_beat_counts_as_the_beat():
    early = Song((Part((Note(0, 60, 480), Note(480, 60, 480), Note(1680, 62, 720), Note(2400, 64, 480))),))
    assert phrases(early)[0].strengths[2] == 4
    short = Song((Part((Note(0, 60, 480), Note(480, 60, 480), Note(1680, 62, 240), Note(2400, 64, 480))),))
    assert phrases(short)[0].strengths[2] == 1


def test_words_that_are_there_show_where_a_syllable_is_sung_on():
    notes = tuple(Note(480 * n, 60 + n, 480) for n in range(4))
    song = Song((Part(notes, syllables=(Syllable(0, "Oh"), Syllable(1440, "now"))),))
    (phrase,) = phrases(song)
    assert [slot.notes for slot in phrase.slots] == [3, 1]


def test_metres_without_a_tune():
    assert pattern(8).mask == "wswswsws"
    assert pattern(7, metre="trochaic").mask == "swswsws"
    assert pattern(9, metre="anapestic").mask == "wwswwswws"
    with pytest.raises(InputError, match="metre"):
        pattern(8, metre="spondaic")
    with pytest.raises(InputError, match="syllables"):
        pattern(0)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_a_word_fits_only_with_its_stress_on_a_strongest_slot(strengths, stresses):
    ok = fits(stresses, strengths)
    if len(stresses) != len(strengths):
        assert not ok
    elif ok and len(stresses) > 1 and 1 in stresses:
        assert strengths[stresses.index(1)] == max(strengths)
        assert all(stress or strength < 4 for stress, strength in zip(stresses, strengths, strict=True))


def test_words_go_under_their_notes_one_a_slot():
    song = tune(1, 1, 1, 1)
    (phrase,) = phrases(song)
    sung = sing(song, [(phrase, [("har", True), ("bour", False), ("light", False), ("now", False)])])
    under = [(s.start_ticks, s.text, s.joins_next) for s in sung.melody.syllables]
    assert under[:2] == [(0, "har", True), (480, "bour", False)]
    with pytest.raises(InputError, match="each of its 4 slots, got 1"):
        sing(song, [(phrase, [("no", False)])])
    with pytest.raises(InputError, match="strength"):
        Slot(5)


def test_a_tune_is_laid_out_as_often_as_it_is_sung():
    song = tune(*[1] * 16)
    whole, moved = unfold(song, [(0, 2), (2, 4), (0, 2)], ["verse", "chorus", "verse"])
    assert moved == [0, 0, 4 * 1920]
    assert len(whole.melody.notes) == 24
    assert [s.label for s in whole.sections] == ["verse", "chorus", "verse"]
    assert unfold(song, [(0, 4)], ["verse"])[0] is song


@pytest.mark.parametrize("meter", [Meter(0, 4, 4), Meter(0, 3, 4), Meter(0, 6, 8), Meter(0, 2, 4)])
def test_a_rhythm_for_words_has_a_note_for_every_syllable_and_stresses_on_strong_beats(meter):
    lines = ["The rain came down on Harbour Street", "Remember all the letters that you wrote", "Begin again"]
    song = rhythm_for(lines, meter=meter, tempo_bpm=100)
    part = song.melody
    assert part.is_monophonic
    assert [n.start_ticks for n in part.notes] == [s.start_ticks for s in part.syllables]
    at = 0
    for line in lines:
        for word in split_words(line):
            said = pronounce(word)[0]
            if said.syllables > 1:
                note = part.notes[at + said.primary]
                offset = (note.start_ticks - song.bar_at(note.start_ticks).start_ticks) % meter.bar_ticks
                assert offset % (meter.bar_ticks // 2 if meter.numerator != 3 else meter.bar_ticks) == 0, word
            at += said.syllables
    assert at == len(part.notes)
    with pytest.raises(InputError, match="at least one line"):
        rhythm_for([], meter=meter, tempo_bpm=100)


def test_an_empty_phrase_has_no_mask():
    assert Phrase(()).mask == ""
