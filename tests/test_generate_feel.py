"""A human feel: a hair off the grid, louder where the metre is, and words and chords go with their note."""

from __future__ import annotations

from dataclasses import replace

from cocreate.generate.feel import MOST_TICKS, humanise
from cocreate.music.song import Chord, Note, Part, Song, Syllable

TUNE = Part(
    tuple(Note(240 * n, 60 + n % 5, 240) for n in range(64)),
    syllables=tuple(Syllable(480 * n, "la") for n in range(8)),
)
HANDS = Part(tuple(Note(480 * n, 48 + 4 * k, 480) for n in range(32) for k in range(3)), name="Piano", role="comping")
DRUMS = Part(tuple(Note(120 * n, 42, 60) for n in range(128)), name="Drums", role="drums")
CHORDS = tuple(Chord(960 * n, 960, 5 * n % 12) for n in range(16))
SONG = Song((TUNE, HANDS, DRUMS), chords=CHORDS)


def test_onsets_move_a_hair_and_stay_in_order() -> None:
    song = humanise(SONG, seed=3)
    for before, after in zip(SONG.parts, song.parts, strict=True):
        moves = [b.start_ticks - a.start_ticks for a, b in zip(before.notes, after.notes, strict=True)]
        assert max(map(abs, moves)) <= MOST_TICKS
        assert len(set(moves)) > 3
        assert [n.pitch for n in after.notes] == [n.pitch for n in before.notes]
        assert all(1 <= note.velocity <= 127 for note in after.notes)
    assert len(song.bars()) == len(SONG.bars())
    assert song.parts[0].is_monophonic


def test_notes_that_begin_together_stay_together() -> None:
    hands = humanise(SONG, seed=1).parts[1]
    assert len({note.start_ticks for note in hands.notes}) == 32


def test_words_and_chords_go_with_their_note() -> None:
    song = humanise(SONG, seed=5)
    starts = {note.start_ticks for note in song.melody.notes}
    assert {word.start_ticks for word in song.melody.syllables} <= starts
    assert {chord.start_ticks for chord in song.chords} <= starts
    assert all(a.end_ticks == b.start_ticks for a, b in zip(song.chords, song.chords[1:], strict=False))


def test_the_one_is_louder_than_what_lies_off_the_beat() -> None:
    hands = Part(tuple(Note(240 * n, 60, 200) for n in range(128)), role="comping")
    played = humanise(Song((hands,)), seed=2).parts[0].notes
    ones, offs = ([n.velocity for k, n in enumerate(played) if k % 8 == place] for place in (0, 1))
    assert sum(ones) / len(ones) > sum(offs) / len(offs) + 8


def test_what_is_kept_stays_to_the_tick() -> None:
    song = humanise(SONG, seed=8, keep=SONG.parts[:1])
    assert song.parts[0] == TUNE
    assert song.chords == CHORDS
    assert song.parts[1] != HANDS


def test_the_same_seed_feels_the_same() -> None:
    assert humanise(SONG, seed=4) == humanise(SONG, seed=4)
    assert humanise(SONG, seed=4) != humanise(SONG, seed=5)
    assert humanise(replace(SONG, parts=(DRUMS,), chords=()), seed=4).parts[0] != DRUMS
