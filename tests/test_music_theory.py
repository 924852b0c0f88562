"""Keys, chords, metres, as musicians write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocreate.errors import InputError
from cocreate.music import theory
from cocreate.music.song import MODES, Chord, Key, Meter, Note, Part, Song


@pytest.mark.parametrize(
    ("symbol", "reading"),
    [
        ("Bbmaj7", (10, "maj7", None)),
        ("BbM7", (10, "maj7", None)),
        ("BbΔ7", (10, "maj7", None)),
        ("C-7", (0, "m7", None)),
        ("Cm7", (0, "m7", None)),
        ("F#ø", (6, "m7b5", None)),
        ("C7#9", (0, "7#9", None)),
        ("C7alt", (0, "7alt", None)),
        ("D/F#", (2, "maj", 6)),
        ("N.C.", (None, "", None)),
        ("B♭m", (10, "m", None)),
        ("C6/9", (0, "69", None)),
        ("G7sus", (7, "7sus4", None)),
        ("C7b9#11", (0, "7b9", None)),
        ("Am/A", (9, "m", None)),
    ],
)
def test_chord_symbols_read_as_musicians_mean_them(symbol: str, reading: tuple[int | None, str, int | None]) -> None:
    assert theory.parse_chord(symbol) == reading


@given(st.integers(0, 11), st.sampled_from(sorted(theory.QUALITIES)), st.none() | st.integers(0, 11))
def test_every_chord_is_read_as_it_was_written(root: int, quality: str, bass: int | None) -> None:
    chord = Chord(0, 480, root, quality, bass)
    assert theory.parse_chord(theory.chord_symbol(chord)) == (chord.root, chord.quality, chord.bass)


@pytest.mark.parametrize("symbol", ["H7", "", "Cfoo", "C/H", "7", "cm"])
def test_no_chord_is_refused(symbol: str) -> None:
    with pytest.raises(InputError, match=r"chord|note name"):
        theory.parse_chord(symbol)


@given(st.integers(0, 11), st.sampled_from(MODES))
def test_every_key_is_read_as_it_was_written(tonic: int, mode: str) -> None:
    key = Key(0, tonic, mode)
    assert theory.parse_key(theory.key_name(key)) == key
    assert theory.parse_key(theory.short_key_name(key)) == key


def test_keys_read_in_many_spellings() -> None:
    d_minor = Key(0, 2, "minor")
    assert all(theory.parse_key(text) == d_minor for text in ("D minor", "Dm", "d min", "D小调", "D-minor"))
    assert theory.parse_key("Bb") == Key(0, 10, "major")
    for text in ("H#", "D happy", "", "12"):
        with pytest.raises(InputError, match="key"):
            theory.parse_key(text)


def test_signatures_are_those_of_the_circle_of_fifths() -> None:
    named = {"C": 0, "G": 1, "F": -1, "Bb": -2, "A minor": 0, "D minor": -1, "E dorian": 2, "G mixolydian": 0}
    assert {name: theory.fifths(theory.parse_key(name)) for name in named} == named


def test_ranges_and_pitches() -> None:
    assert theory.parse_pitch("C4") == 60
    assert theory.parse_pitch("Bb3") == 58
    assert theory.parse_range("D4-A5") == (62, 81)
    for text in ("D4", "A5-D4", "C4-E4", "X4-A5", "C4-C12"):
        with pytest.raises(InputError, match=r"range|pitch"):
            theory.parse_range(text)


@pytest.mark.parametrize("text", ["5/0", "4", "0/4", "4/3", "x/4", "4/4/4"])
def test_impossible_metres_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="metre"):
        theory.parse_meter(text)


def test_a_progression_shares_its_bars_and_repeats() -> None:
    chords = theory.parse_progression("Dm7 | G7 Db7 | Cmaj7 | %", meter=Meter(0, 4, 4), bars=5)
    assert [(c.start_ticks, c.length_ticks, c.root) for c in chords] == [
        (0, 1920, 2), (1920, 960, 7), (2880, 960, 1), (3840, 1920, 0), (5760, 1920, 0), (7680, 1920, 2),
    ]  # fmt: skip
    for text in ("", "% | C", "C D E F G", "| |"):
        with pytest.raises(InputError):
            theory.parse_progression(text, meter=Meter(0, 4, 4))


def test_the_key_of_a_plain_tune_is_heard() -> None:
    def tune(*pitches: int) -> Song:
        return Song(parts=(Part(tuple(Note(480 * i, p, 480) for i, p in enumerate(pitches))),))

    assert theory.estimate_key(tune(62, 64, 66, 67, 69, 71, 73, 74, 69, 66, 62)) == Key(0, 2, "major")
    assert theory.estimate_key(tune(69, 71, 72, 74, 76, 72, 68, 69, 76, 72, 69)) == Key(0, 9, "minor")
    assert theory.estimate_key(Song(parts=())) == Key(0, 0, "major")


@pytest.mark.parametrize(
    ("progression", "key"),
    [
        ("Dm7 | G7 | Cmaj7 | A7", "C"),
        ("C | G/B | Am | Em | F | C/E | Dm7 | G", "C"),
        ("Am | F | C | G", "Am"),
        ("Cm7 | F7 | Bbmaj7 | Ebmaj7 | Am7b5 | D7 | Gm | Gm", "Gm"),
        ("Bb7 | Eb7 | Bb7 | Bb7 | Eb7 | Eb7 | Bb7 | G7 | Cm7 | F7 | Bb7 | F7", "Bb"),
        ("Em | D | C | B7", "Em"),
        ("D | A | Bm | G", "D"),
        ("N.C.", "C"),
    ],
)
def test_the_key_of_a_progression_is_the_one_a_player_would_name(progression: str, key: str) -> None:
    chords = theory.parse_progression(progression, meter=Meter(0, 4, 4))
    assert theory.key_of_chords(chords) == theory.parse_key(key)


def test_sounding_pitches_are_named() -> None:
    assert theory.name_chord([60, 64, 67, 72]) == (0, "maj")
    assert theory.name_chord([62, 65, 69, 72]) == (2, "m7")
    assert theory.name_chord([67, 71, 74, 77]) == (7, "7")
    assert theory.name_chord([60, 72]) is None


def test_places_in_the_bar_have_their_weight() -> None:
    four = Meter(0, 4, 4)
    assert [theory.metric_weight(t, four) for t in (0, 960, 480, 240)] == [3, 2, 1, 0]
