"""Chord symbols as data sets spell them."""

import logging

import pytest

from cocreate.errors import InputError
from cocreate.model.corpus.roman import read_roman
from cocreate.model.corpus.symbols import (
    NO_CHORD,
    SymbolReader,
    hold_chords,
    nearest_quality,
    read_harte,
    read_leadsheet,
    read_weimar,
    tonic_mode,
)
from cocreate.music.song import Chord, Note


@pytest.mark.parametrize(
    ("symbol", "reading"),
    [
        ("C:maj", (0, "maj", None)),
        ("F#:min/b3", (6, "m", 9)),
        ("C:sus4(b7)", (0, "7sus4", None)),
        ("Gb:maj(9)", (6, "add9", None)),
        ("Db:maj/5", (1, "maj", 8)),
        ("G:hdim7", (7, "m7b5", None)),
        ("A:7/b7", (9, "7", 7)),
        ("C:maj7(*5)", (0, "maj7", None)),
        ("N", NO_CHORD),
    ],
)
def test_harte_chords_read_with_their_bass_degree(symbol, reading):
    assert read_harte(symbol) == reading


@pytest.mark.parametrize("symbol", ["H:maj", "C:nonsense", "C:maj/0", "C:maj/x"])
def test_a_broken_harte_chord_is_refused(symbol):
    with pytest.raises(InputError):
        read_harte(symbol)


@pytest.mark.parametrize(
    ("symbol", "reading"),
    [
        ("Bbj7", (10, "maj7", None)),
        ("C-7", (0, "m7", None)),
        ("D79b", (2, "7b9", None)),
        ("Fsus7913", (5, "13sus4", None)),
        ("Ebj7911#", (3, "maj7#11", None)),
        ("A7alt", (9, "7alt", None)),
        ("F-7/Bb", (5, "m7", 10)),
        ("Am7b5", (9, "m7b5", None)),
        ("NC", NO_CHORD),
    ],
)
def test_weimar_chords_write_alterations_after_the_number(symbol, reading):
    assert read_weimar(symbol) == reading


@pytest.mark.parametrize(
    ("symbol", "reading"),
    [("Cm69", (0, "m6", None)), ("F13b9/A", (5, "7b9", 9)), ("Cm7/Bb7", (0, "m7", 10)), ("NC", NO_CHORD)],
)
def test_leadsheet_chords_read(symbol, reading):
    assert read_leadsheet(symbol) == reading


@pytest.mark.parametrize(
    ("symbol", "reading"),
    [
        ("I", (0, "maj", None)),
        ("bVII6", (10, "maj", 2)),
        ("V7", (7, "7", None)),
        ("IV7", (5, "maj7", None)),
        ("Id7", (0, "7", None)),
        ("ii65", (2, "m7", 5)),
        ("V7/vi", (4, "7", None)),
        ("iih7/vi", (11, "m7b5", None)),
        ("V42/IV", (0, "7", 10)),
        ("I64", (0, "maj", 7)),
        ("viix7/V", (6, "dim7", None)),
        ("Vs4", (7, "sus4", None)),
    ],
)
def test_roman_numerals_read_over_a_tonic_of_c(symbol, reading):
    assert read_roman(symbol) == reading


def test_a_word_is_no_roman_numeral():
    with pytest.raises(InputError, match="Roman"):
        read_roman("Warning")


def test_the_nearest_quality_is_the_chord_itself_when_it_has_a_name():
    assert nearest_quality({0, 3, 7, 10}) == "m7"
    assert nearest_quality({0, 4}) in ("maj", "5", "aug")


def test_an_unknown_symbol_falls_to_its_triad_and_is_counted(caplog):
    read = SymbolReader(read_harte)
    assert read("C:maj") == (0, "maj", None)
    assert read("D:minwhat") == (2, "m", None)
    assert read("D:minwhat") == (2, "m", None)
    assert read("???") == NO_CHORD
    with caplog.at_level(logging.INFO):
        read.report(logging.getLogger("test"), "a set")
    assert "3 of 4" in caplog.text


def test_held_chords_merge_equal_neighbours_and_end_at_the_next():
    c, g = (0, "maj", None), (7, "7", None)
    chords = hold_chords([(0, c), (480, c), (960, g), (960, c), (1440, g)], end_ticks=1920)
    assert [(x.start_ticks, x.length_ticks, x.root) for x in chords] == [(0, 1440, 0), (1440, 480, 7)]
    assert hold_chords([], end_ticks=480) == ()


def test_the_mode_of_a_tonic_comes_from_its_chords_then_its_notes():
    assert tonic_mode(9, chords=[Chord(0, 480, 9, "m7"), Chord(480, 240, 9, "maj")]) == "minor"
    assert tonic_mode(0, notes=[Note(0, 63, 480)]) == "minor"
    assert tonic_mode(0) == "major"
