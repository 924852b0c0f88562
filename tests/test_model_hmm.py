"""Template, HMM and the network's harmoniser: on worlds whose right answer is known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cocreate.errors import InputError
from cocreate.model import harmoniser
from cocreate.model.checkpoint import open_checkpoint
from cocreate.model.decoder import Decoder
from cocreate.model.harmoniser import Slot, harmonise_slots, slots_of, written_repeats
from cocreate.model.hmm import ChordHmm, heard, template_chords
from cocreate.model.tokens import Controls, controls_of, lay_out, sheet_of
from cocreate.model.vocabulary import Vocabulary
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


def test_repeats_are_counted_at_bar_lines() -> None:
    once = replace(tune(CADENCE), chords=(Chord(0, 4 * BAR, 0),))  # three bar lines rung over
    twice = tune([(0, "maj")] * 4)  # three written again
    assert written_repeats([once]) < written_repeats([once, twice]) == 0.5 < written_repeats([twice])


@pytest.fixture(scope="module")
def net(tiny_checkpoint: Path) -> Decoder:
    return Decoder(open_checkpoint(tiny_checkpoint))


def test_every_slot_gets_a_chord_and_what_is_kept_is_kept(net: Decoder) -> None:
    song = tune(CADENCE, key=2)
    kept = Chord(BAR, BAR, 4, "m7", 7)
    places = [Slot(0, BAR), kept, Slot(2 * BAR, BAR // 2), Slot(2 * BAR + BAR // 2, BAR + BAR // 2)]
    found = harmonise_slots(net, song, places)
    assert [(c.start_ticks, c.length_ticks) for c in found] == [(p.start_ticks, p.length_ticks) for p in places]
    assert found[1] == kept
    assert all(chord.root is not None for chord in found)
    assert found == harmonise_slots(net, replace(song, chords=()), places)


def test_a_wider_beam_finds_chords_no_less_likely(net: Decoder) -> None:
    def likelihood(beam: int) -> float:
        rows = harmoniser._Beam(net, beam, {})
        chart = harmoniser._chart(
            slots_of(song), [b.start_ticks for b in song.bars()], [b.end_ticks for b in song.bars()]
        )
        harmoniser._write(rows, sheet, chart, (0, 4), net.words, controls=Controls(meter="4/4"), log_repeats=0.0)
        return float(rows._scores.max())

    song = tune(CADENCE)
    sheet = sheet_of(song, net.words)
    assert likelihood(1) <= likelihood(32) + 1e-6


def test_the_rows_of_a_beam_are_those_that_one_sequence_would_give(net: Decoder) -> None:
    """Forking a cache and feeding on is the same as feeding the whole sequence afresh."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, len(net.words), (3, 12))
    ids[:, :5] = ids[0, :5]
    cache = net.start(3)
    cache.feed(ids[:, :8])
    rows = np.array([2, 0, 2])
    cache.take(rows, since=5)
    forked = cache.feed(ids[:, 8:])
    whole = net.start(3).feed(np.concatenate([ids[rows, :8], ids[:, 8:]], axis=1))
    assert np.abs(forked - whole).max() < 1e-5


class _Recorder:
    """A decoder that writes down what it is fed and finds everything equally likely."""

    def __init__(self, words: Vocabulary, context: int) -> None:
        self.words, self.context, self.length = words, context, 0
        self.fed: list[list[int]] = []

    def start(self, _batch: int) -> _Recorder:
        self.fed.append([])
        self.length = 0
        return self

    def take(self, rows: np.ndarray, *, since: int) -> None:
        pass

    def feed(self, ids: np.ndarray) -> np.ndarray:
        self.fed[-1] += ids[0].tolist()
        self.length += ids.shape[1]
        assert self.length <= self.context
        return np.zeros((len(ids), len(self.words)), np.float32)


def test_the_network_reads_the_very_layout_it_was_trained_on() -> None:
    words = Vocabulary()
    song = tune(CADENCE * 2, key=7)
    ringing = (
        Chord(0, 2 * BAR, 7),
        Chord(2 * BAR, BAR + Q, 0),
        Chord(3 * BAR + Q, 4 * BAR + 2 * Q, 2, "7", 6),
        Chord(8 * BAR - Q, Q, 7),
    )
    song = replace(song, chords=ringing)
    recorder = _Recorder(words, 1024)
    places = [*song.chords[:-1], slots_of(song)[-1]]
    harmonise_slots(recorder, song, places, controls=Controls(styles=("folk",)))  # type: ignore[arg-type]
    sheet = sheet_of(song, words)
    controls = controls_of(sheet.bars, sheet, words, styles=("folk",), mood=None)
    wanted = controls.ids("under", words) + lay_out(sheet.bars, "under", words, meter=controls.meter)[0]
    fed = recorder.fed[0][:-1]  # the root that it chose
    assert fed == wanted[: len(fed)]
    assert len(fed) == len(wanted) - 2


def test_a_long_piece_is_written_in_windows_that_fit() -> None:
    song = tune(CADENCE * 8)
    recorder = _Recorder(Vocabulary(), 256)
    found = harmonise_slots(recorder, song, slots_of(song))  # type: ignore[arg-type]
    assert len(found) == 32
    assert len(recorder.fed) > 1


def test_a_small_share_of_repeats_turns_a_slot_into_a_change() -> None:
    song = tune([(0, "maj")] * 4)
    recorder = _Recorder(Vocabulary(), 1024)
    again = harmonise_slots(recorder, song, slots_of(song), beam=2)  # type: ignore[arg-type]
    changing = harmonise_slots(recorder, song, slots_of(song), beam=2, repeats=0.01)  # type: ignore[arg-type]
    assert len({(c.root, c.quality) for c in again}) == 1
    assert all((a.root, a.quality) != (b.root, b.quality) for a, b in pairwise(changing))


@pytest.mark.parametrize(
    ("places", "options", "message"),
    [
        ([Slot(0, BAR), Slot(Q, BAR)], {}, "without overlap"),
        ([Slot(BAR, BAR), Slot(0, BAR)], {}, "in order"),
        ([Slot(0, BAR)], {"beam": 0}, "beam"),
        ([Slot(0, BAR)], {"repeats": 0.0}, "repeats"),
    ],
)
def test_slots_that_make_no_sense_are_refused(
    net: Decoder, places: list[Slot], options: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        harmonise_slots(net, tune(CADENCE), places, **options)  # type: ignore[arg-type]


def test_an_empty_slot_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1 tick"):
        Slot(0, 0)
