"""Chord symbols against another library's reading of them (mir_eval): spellings of musicians, tones, comparison."""

from __future__ import annotations

import numpy as np
import pytest

from cocreate.music.song import Chord
from cocreate.music.theory import QUALITIES, chord_pitch_classes, chord_symbol, parse_chord

mir_chord = pytest.importorskip("mir_eval.chord")

# our name -> how Harte's syntax, which mir_eval reads, writes it; it keeps to an octave, so tensions are out
HARTE = {
    "maj": "maj", "m": "min", "dim": "dim", "aug": "aug", "sus2": "sus2", "sus4": "sus4", "5": "5", "6": "maj6",
    "m6": "min6", "7": "7", "maj7": "maj7", "m7": "min7", "mMaj7": "minmaj7", "m7b5": "hdim7", "dim7": "dim7",
    "7sus4": "sus4(b7)", "7#5": "7(*5,#5)", "7b5": "7(*5,b5)", "maj7#5": "maj7(*5,#5)",
}  # fmt: skip
TENSE = {"9": "7", "maj9": "maj7", "m9": "min7", "m11": "min7", "13": "7", "maj13": "maj7", "7b9": "7", "7#9": "7"}
SPELLINGS = {
    "Bbmaj7": "Bb:maj7", "BbM7": "Bb:maj7", "BbΔ7": "Bb:maj7", "C-7": "C:min7", "Cm7": "C:min7", "F#ø": "F#:hdim7",
    "D/F#": "D:maj/3", "N.C.": "N", "G°7": "G:dim7", "E+": "E:aug", "Asus": "A:sus4",
    "Am6": "A:min6",
    "Ebm(maj7)": "Eb:minmaj7",
}  # fmt: skip


def tones(label: str) -> set[int]:
    root, bitmap, _ = mir_chord.encode(label, reduce_extended_chords=False)
    return set() if root < 0 else {(int(root) + int(step)) % 12 for step in np.flatnonzero(bitmap)}


@pytest.mark.parametrize("quality", sorted(HARTE))
def test_a_quality_has_the_tones_that_others_give_it(quality: str) -> None:
    assert tones(f"C:{HARTE[quality]}") == set(QUALITIES[quality])


@pytest.mark.parametrize("quality", sorted(TENSE))
def test_a_chord_with_tensions_stands_on_the_seventh_chord_of_others(quality: str) -> None:
    assert tones(f"C:{TENSE[quality]}") < set(QUALITIES[quality])


@pytest.mark.parametrize("symbol", sorted(SPELLINGS))
def test_a_spelling_is_read_as_others_read_it_and_comes_back(symbol: str) -> None:
    root, quality, bass = parse_chord(symbol, exact=True)
    chord = Chord(0, 480, root, quality, bass)
    ours = set() if root is None else set(chord_pitch_classes(chord))
    assert tones(SPELLINGS[symbol]) == ours
    assert parse_chord(chord_symbol(chord), exact=True) == (root, quality, bass)


def test_roots_are_compared_as_others_compare_them() -> None:
    wanted = ["C:maj", "A:min7", "G:7", "F:maj"]
    found = ["C:min", "A:min7", "G:maj", "D:min"]
    theirs = mir_chord.root(wanted, found)
    ours = [
        float(parse_chord(a.replace(":maj", "").replace(":min", "m").replace(":", ""))[0]
              == parse_chord(b.replace(":maj", "").replace(":min", "m").replace(":", ""))[0])
        for a, b in zip(wanted, found, strict=True)
    ]  # fmt: skip
    assert theirs.tolist() == ours
