"""Pieces for accompanists: drummers on their points, ghost notes, and a bass out of a left hand."""

from __future__ import annotations

from cocreate.model.corpus.band import band_pieces, band_words, drum_styles, is_swung, on_points, with_bass
from cocreate.model.corpus.piece import Piece
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.song import Note, Part, Song


def groove(*hits: tuple[int, int, int]) -> Song:
    return Song((Part(tuple(Note(t, k, 30, v) for t, k, v in hits), name="Drums", role="drums"),))


def piece(song: Song, dataset: str, *styles: str, name: str = "x") -> Piece:
    return Piece(song, dataset, "work", name, "CC BY 4.0", "A", styles, "train")


def test_hits_go_to_their_points_and_ghosts_a_step_later() -> None:
    song = on_points(groove((7, 36, 90), (131, 42, 80), (118, 38, 30), (235, 42, 70), (248, 42, 90)))
    assert [(n.start_ticks, n.pitch) for n in song.parts[0].notes] == [(0, 36), (120, 42), (140, 38), (240, 42)]


def test_a_swung_performance_is_heard_as_one() -> None:
    swing = [Note(480 * n + off, 51, 30) for n in range(16) for off in (0, 318)]
    assert is_swung(swing)
    assert not is_swung([Note(480 * n + off, 42, 30) for n in range(16) for off in (0, 238)])


def test_styles_of_grooves_are_words_of_ours() -> None:
    words = band_words()
    assert drum_styles(piece(Song(()), "groove_midi", "latin", "brazilian-bossa")) == ("latin", "bossa")
    assert drum_styles(piece(Song(()), "groove_midi", "funk", "purdieshuffle")) == ("funk", "shuffle")
    assert {"Style_bossa", "Style_shuffle"} <= set(words.words)
    assert words.words[: len(Vocabulary())] == Vocabulary().words


def test_the_bass_is_the_lowest_line_of_the_left_hand() -> None:
    low = [Note(960 * n, 36 + n % 5, 900) for n in range(16)]
    chord = [Note(960 * n, pitch, 400) for n in range(16) for pitch in (43, 60, 64)]
    tune = Part((Note(0, 72, 480),))
    split = with_bass(Song((tune, Part(tuple(low + chord), name="Piano", role="comping"))))
    assert split is not None
    bass = split.parts[-1]
    assert (bass.role, list(bass.notes)) == ("bass", low)
    assert len(split.parts[1].notes) == len(chord)
    assert with_bass(Song((tune,))) is None


def test_fills_are_left_out_and_other_sets_too() -> None:
    song = groove((0, 36, 90))
    taken = list(
        band_pieces(
            [
                piece(song, "groove_midi", "rock", name="rock beat at 100"),
                piece(song, "groove_midi", "rock", name="rock fill at 100"),
                piece(song, "nottingham", "folk"),
            ]
        )
    )
    assert [one.name for one in taken] == ["rock beat at 100"]
