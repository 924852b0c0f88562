"""Template and HMM: on worlds whose right answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cocreate.errors import InputError
from cocreate.model.harmoniser import Slot, slots_of
from cocreate.model.hmm import ChordHmm, heard, template_chords
from cocreate.music.song import Chord, Key, Note, Part, Song

Q = 480
BAR = 4 * Q
ARPEGGIO = {"maj": (0, 4, 7, 4), "m": (0, 3, 7, 3), "7": (0, 4, 10, 4)}


def tune(names: list[tuple[int, str]], *, key: int = 0) -> Song:
    """Each chord broken over its bar, in the key of ``key``."""
    chords = tuple(Chord(BAR * place, BAR, (root + key) % 12, quality) for place, (root, quality) in enumerate(names))
    notes = tuple(
        Note(chord.start_ticks + Q * place, 60 + (chord.root or 0) + step, Q)
        for chord in chords
        for place, step in enumerate(ARPEGGIO[chord.quality])
    )
    return Song((Part(notes),), keys=(Key(0, key),), chords=chords)


CADENCE = [(0, "maj"), (5, "maj"), (7, "7"), (0, "maj")]


def test_a_slot_hears_what_sounds_in_it_and_a_little_more_of_what_begins_it() -> None:
    song = Song((Part((Note(0, 60, 3 * Q), Note(3 * Q, 62, Q))),))
    rows = heard(song, [Slot(0, 2 * Q), Slot(2 * Q, 2 * Q)])
    assert rows[0, 0] == 2.5
    assert (rows[1, 0], rows[1, 2]) == (1, 1)
    assert rows.sum() == 4.5


def test_a_template_names_broken_triads_and_a_silent_slot_goes_on() -> None:
    song = tune([(2, "m"), (7, "maj"), (0, "maj")])
    found = template_chords(song, [*slots_of(song), Slot(3 * BAR, BAR)])
    assert [(chord.root, chord.quality) for chord in found] == [(2, "m"), (7, "maj"), (0, "maj"), (0, "maj")]


def test_the_hmm_learns_in_one_key_and_harmonises_in_another() -> None:
    model = ChordHmm.fit([tune(CADENCE)] * 5)
    song = tune(CADENCE, key=3)
    assert model.harmonise(song, slots_of(song)) == song.chords


def test_the_hmm_fills_what_the_melody_leaves_open_by_what_usually_follows() -> None:
    model = ChordHmm.fit([tune([(0, "maj"), (5, "maj")] * 4)] * 5)
    song = tune([(0, "maj"), (5, "maj"), (0, "maj")])
    silent = replace(
        song,
        parts=(
            replace(
                song.melody,
                notes=tuple(n for n in song.melody.notes if n.start_ticks < BAR or n.start_ticks >= 2 * BAR),
            ),
        ),
    )
    assert model.harmonise(silent, slots_of(song))[1].root == 5


def test_the_hmm_passes_over_rare_qualities_and_refuses_songs_without_chords() -> None:
    assert len(ChordHmm.fit([tune(CADENCE)]).qualities) == 8
    assert ChordHmm.fit([tune(CADENCE)]).harmonise(tune(CADENCE), []) == ()
    with pytest.raises(InputError, match="songs with chords"):
        ChordHmm.fit([replace(tune(CADENCE), chords=())])
